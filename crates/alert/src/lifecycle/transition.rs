use bongsu_core::{Alert, Timestamp};

/// A step in the life of an alert, with the alert as it is after the step.
///
/// Sinks hear of [`Transition::Fired`] and [`Transition::Resolved`] only; the others are for logs,
/// self-metrics and live views.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Transition {
    /// The first anomalous point came; the alert waits for more.
    Pending(Alert),
    /// The alert would fire, but something holds it back. Told once; it fires when the reason ends
    /// and it is still anomalous.
    Held {
        /// The alert, still pending.
        alert: Alert,
        /// What holds it back.
        reason: HoldReason,
    },
    /// A pending alert became normal before it fired.
    Cleared(Alert),
    /// The alert fires.
    Fired(Alert),
    /// The alert is over.
    Resolved(Alert),
}

/// Why an alert does not fire yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HoldReason {
    /// The same identity was resolved shortly before.
    Cooldown {
        /// When the cooldown ends.
        until: Timestamp,
    },
}

impl std::fmt::Display for HoldReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cooldown { until } => {
                write!(f, "cooldown until {}", crate::time::rfc3339(*until))
            }
        }
    }
}

impl Transition {
    /// The alert after the step.
    #[must_use]
    pub fn alert(&self) -> &Alert {
        match self {
            Self::Pending(alert)
            | Self::Held { alert, .. }
            | Self::Cleared(alert)
            | Self::Fired(alert)
            | Self::Resolved(alert) => alert,
        }
    }

    /// The alert, when sinks hear of this step.
    #[must_use]
    pub fn into_notification(self) -> Option<Alert> {
        match self {
            Self::Fired(alert) | Self::Resolved(alert) => Some(alert),
            Self::Pending(_) | Self::Held { .. } | Self::Cleared(_) => None,
        }
    }
}
