use serde::{Deserialize, Serialize};

use crate::{Labels, Timestamp, Verdict};

/// Five degrees of danger, as the beacon line had five fires.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Look at it in working hours (the default).
    #[default]
    Warning,
    /// Look at it today.
    Minor,
    /// Look at it now.
    Major,
    /// Wake somebody.
    Critical,
}

impl Severity {
    /// The word used in configuration and in the `severity` label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Anomalous, but not yet for long enough.
    Pending,
    /// Anomalous for long enough: sinks hear of it.
    Firing,
    /// Normal again: sinks hear of it for some minutes, then it is forgotten.
    Resolved,
}

/// One condition that operators hear about, from its first anomalous point to its resolution.
///
/// `labels` alone are its identity, so they hold nothing that changes while it lasts; numbers live
/// in [`Alert::verdict`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The identity; its [fingerprint](Labels::fingerprint) is the key for removing duplicates.
    pub labels: Labels,
    /// Where it is in its life.
    pub state: AlertState,
    /// How bad it is.
    pub severity: Severity,
    /// The first anomalous point.
    pub starts_at: Timestamp,
    /// When it began to fire; `None` while pending.
    pub fired_at: Option<Timestamp>,
    /// When it was resolved; `None` until then.
    pub resolved_at: Option<Timestamp>,
    /// One line for people.
    pub summary: String,
    /// What probably led to it, in one line for people; `None` where nobody has looked for it, or
    /// nothing was found.
    pub cause: Option<String>,
    /// The verdict with the highest score so far.
    pub verdict: Verdict,
}
