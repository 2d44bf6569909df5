//! Requests about incidents.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bongsu_core::{Severity, Timestamp};
use bongsu_rca::RcaVerdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Served;
use super::api::{json, refused};
use super::shapes::{DangerShape, MomentShape};
use crate::incident::{Incident, Member, Report};
use crate::rca::incident_page;

/// The most incidents of an answer, unless the request says otherwise.
const LIMIT: usize = 100;

/// Incidents.
#[derive(Serialize, JsonSchema)]
pub(super) struct IncidentList {
    /// The newest first.
    pub(super) incidents: Vec<IncidentView>,
}

/// An incident.
#[derive(Serialize, JsonSchema)]
pub(super) struct IncidentView {
    pub(super) id: String,
    /// The first anomalous point of all its alerts.
    #[schemars(with = "MomentShape")]
    onset: Timestamp,
    #[schemars(with = "MomentShape")]
    opened_at: Timestamp,
    /// When an alert of it fired or ended last.
    #[schemars(with = "MomentShape")]
    updated_at: Timestamp,
    /// `null` while it lasts.
    #[schemars(with = "Option<MomentShape>")]
    closed_at: Option<Timestamp>,
    /// How many alerts it has had.
    alerts: usize,
    /// How many of them fire.
    firing: usize,
    /// What its alerts are about.
    services: Vec<String>,
    /// What it probably began with; `null` while nothing is proven.
    cause: Option<CauseView>,
    /// The latest analysis; `null` before the first.
    analysis: Option<AnalysisView>,
    /// Why the newest analysis failed, when it did.
    problem: Option<String>,
}

/// What an incident probably began with.
#[derive(Serialize, JsonSchema)]
struct CauseView {
    service: String,
    /// In percent.
    likelihood: f64,
    evidence: String,
}

/// What an analysis came to.
#[derive(Serialize, JsonSchema)]
struct AnalysisView {
    /// The end of the data that were looked at.
    #[schemars(with = "MomentShape")]
    until: Timestamp,
    verdict: VerdictView,
    summary: String,
}

/// Whether a cause could be told.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum VerdictView {
    Ranked,
    NotProven,
}

/// An incident and all that is known of it.
#[derive(Serialize, JsonSchema)]
pub(super) struct IncidentDetails {
    #[serde(flatten)]
    incident: IncidentView,
    /// Its alerts in order of their firing.
    members: Vec<MemberView>,
    /// The report of the latest analysis that worked, as `bongsu rca --json` writes it; `null` before.
    report: Option<Value>,
}

/// An alert of an incident.
#[derive(Serialize, JsonSchema)]
struct MemberView {
    /// 16 hexadecimal digits.
    fingerprint: String,
    labels: std::collections::BTreeMap<String, String>,
    /// `null` where no label names it.
    service: Option<String>,
    #[schemars(with = "DangerShape")]
    severity: Severity,
    #[schemars(with = "MomentShape")]
    starts_at: Timestamp,
    #[schemars(with = "MomentShape")]
    fired_at: Timestamp,
    /// `null` while it fires.
    #[schemars(with = "Option<MomentShape>")]
    resolved_at: Option<Timestamp>,
    summary: String,
}

impl From<&Incident> for IncidentView {
    fn from(incident: &Incident) -> Self {
        let cause = incident.cause().map(|cause| CauseView {
            service: cause.service.clone(),
            likelihood: cause.likelihood,
            evidence: cause.evidence.clone(),
        });
        let analysis = incident.analysis.as_ref().map(|analysis| AnalysisView {
            until: analysis.until,
            verdict: match analysis.verdict {
                RcaVerdict::Ranked => VerdictView::Ranked,
                RcaVerdict::NotProven => VerdictView::NotProven,
            },
            summary: analysis.summary.clone(),
        });
        Self {
            id: incident.id.clone(),
            onset: incident.onset,
            opened_at: incident.opened_at,
            updated_at: incident.updated_at,
            closed_at: incident.closed_at,
            alerts: incident.members.len(),
            firing: incident.firing(),
            services: incident.services.iter().cloned().collect(),
            cause,
            analysis,
            problem: incident.problem.clone(),
        }
    }
}

impl MemberView {
    fn new(fingerprint: u64, member: &Member) -> Self {
        let pairs = member.labels.iter();
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            fingerprint: format!("{fingerprint:016x}"),
            labels: pairs.collect(),
            service: member.service.clone(),
            severity: member.severity,
            starts_at: member.starts_at,
            fired_at: member.fired_at,
            resolved_at: member.resolved_at,
            summary: member.summary.clone(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Which {
    open: Option<bool>,
    since: Option<i64>,
    limit: Option<usize>,
}

/// The incidents, the newest first.
pub(super) async fn list(
    State(served): State<Served>,
    which: Result<Query<Which>, QueryRejection>,
) -> Response {
    let which = match which {
        Ok(Query(which)) => which,
        Err(error) => return refused(StatusCode::BAD_REQUEST, error.body_text()),
    };
    let since = which.since.map(Timestamp::from_millis);
    let all = served
        .view
        .read(|view| std::sync::Arc::clone(&view.incidents));
    let wanted = |incident: &&Incident| {
        which.open.is_none_or(|open| open == incident.is_open())
            && since.is_none_or(|since| incident.updated_at >= since)
    };
    let mut chosen: Vec<&Incident> = all.iter().filter(wanted).collect();
    chosen.sort_by_key(|incident| std::cmp::Reverse((incident.opened_at, &incident.id)));
    let chosen = chosen.into_iter().take(which.limit.unwrap_or(LIMIT));
    json(IncidentList {
        incidents: chosen.map(IncidentView::from).collect(),
    })
}

/// An incident with its alerts and the report of its analysis.
pub(super) async fn details(State(served): State<Served>, Path(id): Path<String>) -> Response {
    let (incident, report) = match find(&served, &id).await {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let members = incident.members.iter();
    let mut members: Vec<MemberView> = members
        .map(|(fingerprint, member)| MemberView::new(*fingerprint, member))
        .collect();
    members.sort_by_key(|member| member.fired_at);
    let report = report.and_then(|report| serde_json::from_str(&report.json).ok());
    json(IncidentDetails {
        incident: IncidentView::from(&incident),
        members,
        report,
    })
}

/// An incident as a page.
pub(super) async fn page(State(served): State<Served>, Path(id): Path<String>) -> Response {
    let (incident, report) = match find(&served, &id).await {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let page = match report {
        Some(report) => Ok(report.html.to_string()),
        None => incident_page(&incident, None),
    };
    match page {
        Ok(page) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response(),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// The incident of this id, and its report where there is one.
async fn find(served: &Served, id: &str) -> Result<(Incident, Option<Report>), Response> {
    let incident = served.view.read(|view| {
        let mut incidents = view.incidents.iter();
        incidents.find(|incident| incident.id == id).cloned()
    });
    // Only an id that is known becomes the name of a file.
    let Some(incident) = incident else {
        let message = format!("there is no incident `{id}`");
        return Err(refused(StatusCode::NOT_FOUND, message));
    };
    let (reports, id) = (served.reports.clone(), incident.id.clone());
    let read = tokio::task::spawn_blocking(move || reports.get(&id)).await;
    match read {
        Ok(Ok(report)) => Ok((incident, report)),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(error) => Err(unreadable(&error)),
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Response {
    let message = format!("the report cannot be read: {error}");
    refused(StatusCode::INTERNAL_SERVER_ERROR, message)
}
