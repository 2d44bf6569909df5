//! What the server answers.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bongsu_core::Alert;
use prometheus_client::encoding::text::encode;
use serde::{Deserialize, Serialize};

use super::answers::{
    AlertList, Envelope, Explained, KnownAlert, ModelList, Problem, QueryList, QueryVerdict,
    Refusal, Status, VerdictList,
};
use super::routes::OPEN_METRICS;
use super::view::View;
use super::{Served, openapi};

/// The version of the JSON answers.
const SCHEMA: u32 = 1;

pub(super) async fn metrics(State(served): State<Served>) -> Response {
    served.metrics.service.look_at_process();
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = encode(&mut text, &served.registry);
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}

pub(super) async fn healthy(State(served): State<Served>) -> Response {
    well(served.view.read(View::sickness), "healthy")
}

pub(super) async fn ready(State(served): State<Served>) -> Response {
    well(served.view.read(View::unreadiness), "ready")
}

fn well(problem: Option<String>, otherwise: &'static str) -> Response {
    match problem {
        None => format!("Bongsu is {otherwise}.\n").into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")).into_response(),
    }
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
    (status, json(Refusal { error: message })).into_response()
}

pub(super) async fn openapi() -> Response {
    axum::Json(openapi::openapi_json()).into_response()
}

pub(super) async fn status(State(served): State<Served>) -> Response {
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
            maintenance: view
                .queries
                .iter()
                .flat_map(|query| {
                    query.unknown_maintenance.iter().map(|problem| Problem {
                        query: query.name.clone(),
                        problem: problem.clone(),
                    })
                })
                .collect(),
        }
    }))
}

pub(super) async fn queries(State(served): State<Served>) -> Response {
    json(QueryList {
        queries: served.view.read(|view| view.queries.clone()),
    })
}

/// Why an alert did or did not lead to a message.
pub(super) async fn explain(
    State(served): State<Served>,
    Path(fingerprint): Path<String>,
) -> Response {
    let number = match fingerprint_of(&fingerprint) {
        Ok(number) => number,
        Err(message) => return refused(StatusCode::BAD_REQUEST, message),
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

/// The number that the digits of a fingerprint stand for.
pub(super) fn fingerprint_of(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text, 16)
        .map_err(|_| format!("`{text}` is no fingerprint: 16 hexadecimal digits"))
}

/// The trained detectors at work.
pub(super) async fn models(State(served): State<Served>) -> Response {
    let models = |view: &View| {
        let models = view.queries.iter().filter_map(|query| query.model.clone());
        models.collect()
    };
    json(ModelList {
        models: served.view.read(models),
    })
}

pub(super) async fn alerts(State(served): State<Served>) -> Response {
    let known = |view: &View, alert: &Alert| {
        let fingerprint = alert.labels.fingerprint();
        KnownAlert {
            fingerprint: format!("{fingerprint:016x}"),
            acknowledged: view.acknowledged.get(&fingerprint).cloned(),
            alert: alert.clone(),
        }
    };
    json(AlertList {
        alerts: served
            .view
            .read(|view| view.alerts.iter().map(|alert| known(view, alert)).collect()),
    })
}

#[derive(Deserialize)]
pub(super) struct Which {
    query: Option<String>,
    #[serde(default)]
    anomalous: bool,
    limit: Option<usize>,
}

/// The newest verdict on each series, of one query or all; only anomalous ones with
/// `anomalous=true`, and no more than `limit`.
pub(super) async fn verdicts(
    State(served): State<Served>,
    which: Result<Query<Which>, QueryRejection>,
) -> Response {
    let which = match which {
        Ok(Query(which)) => which,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error.body_text()),
    };
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
    let mut wanted = found
        .iter()
        .flat_map(|(name, verdicts)| verdicts.iter().map(move |verdict| (name, verdict)))
        .filter(|(_, verdict)| verdict.anomalous || !which.anomalous);
    let verdicts = wanted
        .by_ref()
        .take(which.limit.unwrap_or(usize::MAX))
        .map(|(name, verdict)| QueryVerdict {
            query: name.clone(),
            verdict: verdict.clone(),
        })
        .collect();
    let left_out = wanted.count();
    json(VerdictList { verdicts, left_out })
}
