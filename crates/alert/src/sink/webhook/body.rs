//! The body that a web hook gets unless it has a template.

use std::collections::BTreeMap;

use bongsu_core::{Alert, AlertState, Direction, Labels, Severity, Timestamp};
use serde::Serialize;

use crate::annotations::{Links, annotations};
use crate::time::rfc3339;
use crate::{DigestGroup, Error, ErrorKind, Page};

/// The body of the request.
pub(super) fn json(
    now: Timestamp,
    alerts: &[Alert],
    page: Option<&Page>,
    links: &Links,
) -> Result<String, Error> {
    let body = Body {
        schema: 1,
        sent_at: rfc3339(now),
        alerts: alerts
            .iter()
            .map(|alert| Item::new(alert, page, links))
            .collect(),
        page: page.map(About::new),
    };
    serde_json::to_string(&body).map_err(|e| {
        let message = format!("the message cannot be written: {e}");
        Error::delivery(ErrorKind::Rejected, message)
    })
}

#[derive(Serialize)]
struct Body<'a> {
    schema: u32,
    sent_at: String,
    alerts: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<About<'a>>,
}

/// What a page says beside its alerts.
#[derive(Serialize)]
struct About<'a> {
    receiver: &'a str,
    route: &'a str,
    group: &'a Labels,
    occasion: &'static str,
    key: String,
    id: String,
    digest: Option<Summary<'a>>,
}

#[derive(Serialize)]
struct Summary<'a> {
    since: String,
    firing: usize,
    resolved: usize,
    by_severity: &'a BTreeMap<Severity, usize>,
    groups: &'a [DigestGroup],
    text: String,
}

#[derive(Serialize)]
struct Item<'a> {
    fingerprint: String,
    status: &'static str,
    severity: &'static str,
    labels: &'a Labels,
    starts_at: String,
    fired_at: Option<String>,
    resolved_at: Option<String>,
    summary: &'a str,
    peak: Peak,
    annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Peak {
    at: String,
    value: Option<f64>,
    expected: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    score: Option<f64>,
    direction: Option<Direction>,
}

impl<'a> Item<'a> {
    fn new(alert: &'a Alert, page: Option<&Page>, links: &Links) -> Self {
        let verdict = &alert.verdict;
        Self {
            fingerprint: format!("{:016x}", alert.labels.fingerprint()),
            status: match alert.state {
                AlertState::Resolved => "resolved",
                AlertState::Firing | AlertState::Pending => "firing",
            },
            severity: alert.severity.as_str(),
            labels: &alert.labels,
            starts_at: rfc3339(alert.starts_at),
            fired_at: alert.fired_at.map(rfc3339),
            resolved_at: alert.resolved_at.map(rfc3339),
            summary: &alert.summary,
            // Infinite numbers become null: JSON has no other word for them.
            peak: Peak {
                at: rfc3339(verdict.timestamp),
                value: verdict.value,
                expected: verdict.expected,
                lower: verdict.lower,
                upper: verdict.upper,
                score: verdict.score,
                direction: verdict.direction,
            },
            annotations: annotations(alert, links),
            cause: alert.cause.as_deref(),
            notes: page.map_or_else(Vec::new, |page| {
                let notes = page.notes_on(&alert.labels);
                notes.map(|note| note.kind.to_string()).collect()
            }),
        }
    }
}

impl<'a> About<'a> {
    fn new(page: &'a Page) -> Self {
        Self {
            receiver: &page.receiver,
            route: &page.route,
            group: &page.group,
            occasion: page.occasion.as_str(),
            key: page.key(),
            id: page.id(),
            digest: page.digest.as_ref().map(|digest| Summary {
                since: rfc3339(digest.since),
                firing: digest.firing,
                resolved: digest.resolved,
                by_severity: &digest.by_severity,
                groups: &digest.groups,
                text: digest.to_string(),
            }),
        }
    }
}
