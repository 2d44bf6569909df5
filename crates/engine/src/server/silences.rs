//! Requests about silences.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;

use super::Served;
use super::answers::{SilenceId, SilenceList, SilenceOrder};
use super::api::{json, refused};
use super::change::failed;

pub(super) async fn list(State(served): State<Served>) -> Response {
    match served.control.silences().await {
        Ok(silences) => json(SilenceList { silences }),
        Err(error) => failed(&error),
    }
}

pub(super) async fn make(State(served): State<Served>, body: Bytes) -> Response {
    let order: SilenceOrder = match serde_json::from_slice(&body) {
        Ok(order) => order,
        Err(error) => return refused(axum::http::StatusCode::BAD_REQUEST, error.to_string()),
    };
    match served.control.silence(order).await {
        Ok(id) => json(SilenceId { id }),
        Err(error) => failed(&error),
    }
}

pub(super) async fn end(State(served): State<Served>, Path(id): Path<String>) -> Response {
    match served.control.end_silence(id).await {
        Ok(id) => json(SilenceId { id }),
        Err(error) => failed(&error),
    }
}
