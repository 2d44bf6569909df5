//! Incidents: alerts that belong together in time and topology, and what they began with.

mod analyst;
mod book;
mod files;
mod gather;
mod names;
mod saved;
mod topology;

use std::collections::{BTreeMap, BTreeSet};

use bongsu_core::{Alert, Labels, Severity, Timestamp};
use bongsu_rca::{RcaReport, RcaVerdict};
use serde::{Deserialize, Serialize};

pub(crate) use analyst::{Analyst, Finding, Subject};
pub(crate) use book::Book;
pub(crate) use files::{Report, Reports};
pub(crate) use saved::{Saved, incidents_file};

/// Alerts that belong together in time and topology.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// 16 hexadecimal digits, made of the alert that opened it: the same in every run.
    pub id: String,
    /// The first anomalous point of all its alerts.
    pub onset: Timestamp,
    /// When its first alert fired.
    pub opened_at: Timestamp,
    /// When an alert of it fired or ended last.
    pub updated_at: Timestamp,
    /// When its last alert ended; `None` while it lasts.
    pub closed_at: Option<Timestamp>,
    /// Its alerts by their [fingerprints](Labels::fingerprint).
    pub members: BTreeMap<u64, Member>,
    /// The services that these are about.
    pub services: BTreeSet<String>,
    /// The values of the labels in which all of them agree.
    shared: BTreeMap<String, String>,
    /// The latest analysis that came to an end.
    pub analysis: Option<Analysis>,
    /// Why the newest analysis failed, when it did.
    pub problem: Option<String>,
    /// When it is analysed next.
    due: Option<Timestamp>,
    /// How long after the opening that is, in milliseconds.
    delay: i64,
}

/// An alert of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The identity of the alert.
    pub labels: Labels,
    /// The service that it is about, where a label names it.
    pub service: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The first anomalous point.
    pub starts_at: Timestamp,
    /// When it fired.
    pub fired_at: Timestamp,
    /// When it ended; `None` while it fires.
    pub resolved_at: Option<Timestamp>,
    /// One line for people.
    pub summary: String,
}

/// What an analysis came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// The end of the data that were looked at.
    pub until: Timestamp,
    /// Whether a cause could be told.
    pub verdict: RcaVerdict,
    /// The answer in a sentence or two.
    pub summary: String,
    /// The cause, when one is proven and likely enough to be told.
    pub cause: Option<Cause>,
}

/// What an incident probably began with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The service.
    pub service: String,
    /// How likely it is, in percent.
    pub likelihood: f64,
    /// Why, in a sentence.
    pub evidence: String,
}

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IncidentChange {
    /// Its first alert fired.
    Opened,
    /// An analysis of it ended, whether it worked or not.
    Analysed,
    /// Its last alert ended, long enough ago.
    Closed,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} ({:.0} %): {}",
            self.service, self.likelihood, self.evidence
        )
    }
}

impl Analysis {
    /// A cause that is less likely than `least` percent is none to tell.
    fn new(report: &RcaReport, least: f64) -> Self {
        let likely = report.cause().filter(|first| first.likelihood >= least);
        let cause = likely.map(|first| Cause {
            service: first.service.clone(),
            likelihood: first.likelihood,
            evidence: first.evidence.clone(),
        });
        Self {
            until: report.to,
            verdict: report.verdict,
            summary: report.summary.clone(),
            cause,
        }
    }
}

impl Member {
    fn new(alert: &Alert, service: Option<String>) -> Self {
        Self {
            labels: alert.labels.clone(),
            service,
            severity: alert.severity,
            starts_at: alert.starts_at,
            fired_at: alert.fired_at.unwrap_or(alert.starts_at),
            resolved_at: alert.resolved_at,
            summary: alert.summary.clone(),
        }
    }
}

impl Incident {
    fn new(fingerprint: u64, member: Member, settle: i64) -> Self {
        let onset = member.starts_at;
        let opened_at = member.fired_at;
        Self {
            id: identity(&member),
            onset,
            opened_at,
            updated_at: opened_at,
            closed_at: None,
            services: member.service.iter().cloned().collect(),
            members: BTreeMap::from([(fingerprint, member)]),
            shared: BTreeMap::new(),
            analysis: None,
            problem: None,
            due: Some(opened_at.add_millis(settle)),
            delay: settle,
        }
    }

    /// Whether it lasts.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// How many of its alerts fire.
    #[must_use]
    pub fn firing(&self) -> usize {
        let firing = |member: &&Member| member.resolved_at.is_none();
        self.members.values().filter(firing).count()
    }

    /// The likely cause, when one is proven and likely enough to be told.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.analysis.as_ref()?.cause.as_ref()
    }
}

/// The alert's identity and its beginning in one number.
fn identity(member: &Member) -> String {
    let begin = member.starts_at.as_millis().to_string();
    // No label of an alert has this name, and the value cannot be refused.
    let labels = member.labels.with("bongsu incident", &begin);
    let labels = labels.unwrap_or_else(|_| member.labels.clone());
    format!("{:016x}", labels.fingerprint())
}
