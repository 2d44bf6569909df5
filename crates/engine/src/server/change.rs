//! Requests that change something: only with the token.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::post;
use bongsu_core::Secret;
use serde::{Deserialize, Serialize};

use super::Served;
use super::api::{json, refused};
use crate::{Error, ErrorKind};

pub(super) fn router(served: Served) -> Router<Served> {
    Router::new()
        .route("/api/v1/train", post(train))
        .route("/api/v1/models/rollback", post(roll_back))
        .route_layer(middleware::from_fn_with_state(served, only_with_token))
}

async fn only_with_token(State(served): State<Served>, request: Request, next: Next) -> Response {
    let Some(token) = &served.token else {
        let message = "this service takes no orders: server.token is not set".to_owned();
        return refused(StatusCode::FORBIDDEN, message);
    };
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if given.is_some_and(|given| same(given, token)) {
        next.run(request).await
    } else {
        let message = "give the token: `Authorization: Bearer ...`".to_owned();
        let mut response = refused(StatusCode::UNAUTHORIZED, message);
        let how = header::HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
        response
    }
}

/// Compares in a time that does not depend on where they differ.
fn same(given: &str, token: &Secret) -> bool {
    let (given, token) = (given.as_bytes(), token.expose().as_bytes());
    let differences = given.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == token.len() && differences == 0
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct What {
    query: Option<String>,
}

async fn train(State(served): State<Served>, body: axum::body::Bytes) -> Response {
    #[derive(Serialize)]
    struct Asked {
        queries: Vec<String>,
    }
    let what = if body.is_empty() {
        Ok(What::default())
    } else {
        serde_json::from_slice::<What>(&body)
    };
    match what {
        Err(error) => refused(StatusCode::BAD_REQUEST, error.to_string()),
        Ok(what) => match served.control.train(what.query).await {
            Ok(queries) => json(Asked { queries }),
            Err(error) => failed(&error),
        },
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    query: String,
    version: u64,
}

async fn roll_back(State(served): State<Served>, body: axum::body::Bytes) -> Response {
    #[derive(Serialize)]
    struct Done {
        series: usize,
    }
    match serde_json::from_slice(&body) {
        Err(error) => refused(StatusCode::BAD_REQUEST, error.to_string()),
        Ok(Version { query, version }) => match served.control.roll_back(query, version).await {
            Ok(series) => json(Done { series }),
            Err(error) => failed(&error),
        },
    }
}

fn failed(error: &Error) -> Response {
    let status = match error.kind() {
        ErrorKind::Config => StatusCode::NOT_FOUND,
        _ => StatusCode::CONFLICT,
    };
    refused(status, error.to_string())
}
