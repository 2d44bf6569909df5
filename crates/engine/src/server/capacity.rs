//! Requests about capacity.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bongsu_core::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json as value};

use super::Served;
use super::api::{json, refused};
use super::shapes::MomentShape;
use crate::capacity::Answer;

/// The newest plan, as the loop shows it.
#[derive(Debug, Clone)]
pub(crate) struct CapacityView {
    pub(crate) at: Option<Timestamp>,
    pub(crate) next: Option<Timestamp>,
    pub(crate) problem: Option<String>,
    pub(crate) report: Option<Arc<Answer>>,
}

/// When resources run out.
#[derive(Serialize, JsonSchema)]
pub(super) struct CapacityPlan {
    /// The moment of the newest plan; `null` before the first.
    #[schemars(with = "Option<MomentShape>")]
    planned_at: Option<Timestamp>,
    /// When the next is due; `null` where it is under way or due at once.
    #[schemars(with = "Option<MomentShape>")]
    next: Option<Timestamp>,
    /// Why the newest attempt failed, when it did.
    problem: Option<String>,
    /// The report, as `bongsu capacity --json` writes it below its first entries; `null` before the
    /// first plan.
    report: Option<Value>,
}

pub(super) async fn plan(State(served): State<Served>) -> Response {
    let Some(view) = served.view.read(|view| view.capacity.clone()) else {
        let message = "no capacity is planned: the configuration has no section `capacity`, or its \
                       source holds no past";
        return refused(StatusCode::NOT_FOUND, message.to_owned());
    };
    json(CapacityPlan {
        planned_at: view.at,
        next: view.next,
        problem: view.problem,
        report: view.report.map(|answer| value!(answer.report)),
    })
}
