//! Requests that change something.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::Served;
use super::answers::{Asked, Exchanged, RollBackOrder, TrainOrder};
use super::api::{json, refused};
use crate::{Error, ErrorKind};

pub(super) async fn train(State(served): State<Served>, body: Bytes) -> Response {
    let what = if body.is_empty() {
        Ok(TrainOrder::default())
    } else {
        serde_json::from_slice::<TrainOrder>(&body)
    };
    match what {
        Err(error) => refused(StatusCode::BAD_REQUEST, error.to_string()),
        Ok(what) => match served.control.train(what.query).await {
            Ok(queries) => json(Asked { queries }),
            Err(error) => failed(&error),
        },
    }
}

pub(super) async fn roll_back(State(served): State<Served>, body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Err(error) => refused(StatusCode::BAD_REQUEST, error.to_string()),
        Ok(RollBackOrder { query, version }) => {
            match served.control.roll_back(query, version).await {
                Ok(series) => json(Exchanged { series }),
                Err(error) => failed(&error),
            }
        }
    }
}

pub(super) fn failed(error: &Error) -> Response {
    let status = match error.kind() {
        ErrorKind::Config => StatusCode::NOT_FOUND,
        ErrorKind::Input => StatusCode::BAD_REQUEST,
        _ => StatusCode::CONFLICT,
    };
    refused(status, error.to_string())
}
