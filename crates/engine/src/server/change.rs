//! Requests that change something.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::Served;
use super::answers::{
    AcknowledgeOrder, Acknowledged, Asked, Exchanged, RollBackOrder, TrainOrder, Unacknowledged,
};
use super::api::{fingerprint_of, json, refused};
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

pub(super) async fn acknowledge(
    State(served): State<Served>,
    Path(fingerprint): Path<String>,
    body: Bytes,
) -> Response {
    let order = if body.is_empty() {
        Ok(AcknowledgeOrder::default())
    } else {
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    };
    let order = order.and_then(|order| Ok((fingerprint_of(&fingerprint)?, order)));
    let (number, order) = match order {
        Ok(order) => order,
        Err(message) => return refused(StatusCode::BAD_REQUEST, message),
    };
    match served.control.acknowledge(number, order).await {
        Ok(acknowledged) => json(Acknowledged {
            fingerprint: format!("{number:016x}"),
            acknowledged,
        }),
        Err(error) => failed(&error),
    }
}

pub(super) async fn unacknowledge(
    State(served): State<Served>,
    Path(fingerprint): Path<String>,
) -> Response {
    let number = match fingerprint_of(&fingerprint) {
        Ok(number) => number,
        Err(message) => return refused(StatusCode::BAD_REQUEST, message),
    };
    match served.control.unacknowledge(number).await {
        Ok(()) => json(Unacknowledged {
            fingerprint: format!("{number:016x}"),
        }),
        Err(error) => failed(&error),
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
