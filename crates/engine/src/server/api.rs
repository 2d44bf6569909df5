//! What the server answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bongsu_alert::Step;
use bongsu_core::{Alert, Verdict};
use prometheus_client::encoding::text::encode;
use serde::{Deserialize, Serialize};

use super::view::{ModelView, QueryView, View};
use super::{Served, change};
use crate::Totals;

/// The version of the JSON answers.
const SCHEMA: u32 = 1;

pub(super) fn router(served: Served) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/api/v1/status", get(status))
        .route("/api/v1/queries", get(queries))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/verdicts", get(verdicts))
        .route("/api/v1/models", get(models))
        .route("/api/v1/alerts/{fingerprint}/explain", get(explain))
        .merge(change::router(served.clone()))
        .fallback(unknown)
        .with_state(served)
}

async fn metrics(State(served): State<Served>) -> Response {
    served.metrics.service.look_at_process();
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = encode(&mut text, &served.registry);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn healthy(State(served): State<Served>) -> Response {
    well(served.view.read(View::sickness), "healthy")
}

async fn ready(State(served): State<Served>) -> Response {
    well(served.view.read(View::unreadiness), "ready")
}

fn well(problem: Option<String>, otherwise: &'static str) -> Response {
    match problem {
        None => format!("Bongsu is {otherwise}.\n").into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")).into_response(),
    }
}

#[derive(Serialize)]
struct Envelope<T> {
    schema: u32,
    #[serde(flatten)]
    data: T,
}

/// The answer to a request for JSON.
pub(super) fn json<T: Serialize>(data: T) -> Response {
    axum::Json(Envelope {
        schema: SCHEMA,
        data,
    })
    .into_response()
}

pub(super) fn refused(status: StatusCode, message: String) -> Response {
    #[derive(Serialize)]
    struct Refusal {
        error: String,
    }
    (status, json(Refusal { error: message })).into_response()
}

async fn unknown() -> Response {
    let known = "/metrics, /-/healthy, /-/ready, /api/v1/status, /api/v1/queries, /api/v1/alerts, \
                 /api/v1/verdicts, /api/v1/models, /api/v1/alerts/FINGERPRINT/explain; and for POST: /api/v1/train, \
                 /api/v1/models/rollback";
    refused(
        StatusCode::NOT_FOUND,
        format!("there is no such page; there are: {known}"),
    )
}

async fn status(State(served): State<Served>) -> Response {
    #[derive(Serialize)]
    struct Status {
        version: &'static str,
        uptime_seconds: f64,
        queries: usize,
        series: usize,
        alerts_firing: usize,
        totals: Totals,
        problems: Vec<Problem>,
    }
    #[derive(Serialize)]
    struct Problem {
        query: String,
        problem: String,
    }
    json(served.view.read(|view| {
        Status {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: view.uptime().as_secs_f64(),
            queries: view.queries.len(),
            series: view.queries.iter().map(|query| query.series).sum(),
            alerts_firing: view.alerts.len(),
            totals: view.totals,
            problems: view
                .queries
                .iter()
                .filter_map(|query| {
                    Some(Problem {
                        query: query.name.clone(),
                        problem: query.problem.clone()?,
                    })
                })
                .collect(),
        }
    }))
}

async fn queries(State(served): State<Served>) -> Response {
    #[derive(Serialize)]
    struct Queries {
        queries: Vec<QueryView>,
    }
    json(Queries {
        queries: served.view.read(|view| view.queries.clone()),
    })
}

/// Why an alert did or did not lead to a message.
async fn explain(State(served): State<Served>, Path(fingerprint): Path<String>) -> Response {
    #[derive(Serialize)]
    struct Explained {
        fingerprint: String,
        steps: Vec<Step>,
    }
    let Ok(number) = u64::from_str_radix(&fingerprint, 16) else {
        let message = format!("`{fingerprint}` is no fingerprint: 16 hexadecimal digits");
        return refused(StatusCode::BAD_REQUEST, message);
    };
    match served.control.explain(number).await {
        Ok(steps) if steps.is_empty() => {
            let message = format!("nothing is known of an alert `{fingerprint}`");
            refused(StatusCode::NOT_FOUND, message)
        }
        Ok(steps) => json(Explained { fingerprint, steps }),
        Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

/// The trained detectors at work.
async fn models(State(served): State<Served>) -> Response {
    #[derive(Serialize)]
    struct Models {
        models: Vec<ModelView>,
    }
    let models = |view: &View| {
        let models = view.queries.iter().filter_map(|query| query.model.clone());
        models.collect()
    };
    json(Models {
        models: served.view.read(models),
    })
}

async fn alerts(State(served): State<Served>) -> Response {
    #[derive(Serialize)]
    struct Alerts {
        alerts: Vec<Known>,
    }
    #[derive(Serialize)]
    struct Known {
        fingerprint: String,
        #[serde(flatten)]
        alert: Alert,
    }
    let known = |alert: &Alert| Known {
        fingerprint: format!("{:016x}", alert.labels.fingerprint()),
        alert: alert.clone(),
    };
    json(Alerts {
        alerts: served
            .view
            .read(|view| view.alerts.iter().map(known).collect()),
    })
}

#[derive(Deserialize)]
struct Which {
    query: Option<String>,
    #[serde(default)]
    anomalous: bool,
}

/// The newest verdicts, of one query or all; only anomalous ones with `anomalous=true`.
async fn verdicts(State(served): State<Served>, which: Query<Which>) -> Response {
    #[derive(Serialize)]
    struct Verdicts {
        verdicts: Vec<OfQuery>,
    }
    #[derive(Serialize)]
    struct OfQuery {
        query: String,
        #[serde(flatten)]
        verdict: Verdict,
    }
    let found = served.view.read(|view| {
        if let Some(name) = &which.query
            && !view.queries.iter().any(|query| query.name == *name)
        {
            return Err(name.clone());
        }
        let wanted = |name: &String| which.query.as_ref().is_none_or(|query| query == name);
        let chosen = view.verdicts.iter().filter(|(name, _)| wanted(name));
        Ok(chosen
            .map(|(name, verdicts)| (name.clone(), Arc::clone(verdicts)))
            .collect::<Vec<_>>())
    });
    let found = match found {
        Ok(found) => found,
        Err(name) => {
            return refused(StatusCode::NOT_FOUND, format!("there is no query `{name}`"));
        }
    };
    let verdicts = found
        .iter()
        .flat_map(|(name, verdicts)| verdicts.iter().map(move |verdict| (name, verdict)))
        .filter(|(_, verdict)| verdict.anomalous || !which.anomalous)
        .map(|(name, verdict)| OfQuery {
            query: name.clone(),
            verdict: verdict.clone(),
        })
        .collect();
    json(Verdicts { verdicts })
}
