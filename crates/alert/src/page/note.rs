use bongsu_core::{Severity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::number::number;
use crate::time::rfc3339;

/// Something to be said of one alert of a [`Page`](crate::Page).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Of which: the [fingerprint](bongsu_core::Labels::fingerprint) of its labels.
    pub fingerprint: u64,
    /// What.
    pub kind: NoteKind,
}

/// What a [`Note`] says. `Display` puts it into words.
///
/// ```
/// use bongsu_alert::NoteKind;
/// use bongsu_core::Severity;
/// let kind = NoteKind::Escalated { from: Severity::Warning, to: Severity::Major };
/// assert_eq!(kind.to_string(), "severity rose from warning to major");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoteKind {
    /// It is more severe than when the receiver last heard of it.
    Escalated {
        /// What the receiver knew.
        from: Severity,
        /// What it is now.
        to: Severity,
    },
    /// It changes its state too often; nothing more is told of it until that ends.
    Flapping {
        /// The weighted rate of its state changes, in percent.
        percent: f64,
    },
    /// It was flapping and has come to rest.
    FlappingEnded,
    /// It fired and ended between two messages.
    Brief,
    /// It ended because what was unusual has become usual.
    Settled {
        /// What was expected before.
        from: Option<f64>,
        /// What is expected now.
        to: Option<f64>,
    },
    /// It is told late, because messages were held back.
    HeldBack {
        /// Since when.
        since: Timestamp,
    },
    /// It still fires, but the receiver hears no more of it: the configuration has changed.
    Moved,
    /// It still fires, but nobody hears more of it: there are too many alerts.
    Forgotten,
    /// Somebody has taken it up.
    Acknowledged {
        /// Who, where it was said.
        by: Option<String>,
        /// What was said of it.
        note: Option<String>,
    },
}

impl std::fmt::Display for NoteKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Escalated { from, to } => write!(f, "severity rose from {from} to {to}"),
            Self::Flapping { percent } => write!(
                f,
                "flapping: {} % state changes; held until it comes to rest",
                number(*percent, 3)
            ),
            Self::Brief => f.write_str("fired and ended between two messages"),
            Self::FlappingEnded => f.write_str("has stopped flapping"),
            Self::Settled {
                from: Some(from),
                to: Some(to),
            } => write!(
                f,
                "settled at a new level: {} is expected now, it was {}",
                number(*to, 4),
                number(*from, 4)
            ),
            Self::Settled { .. } => f.write_str("settled at a new level"),
            Self::Moved => {
                f.write_str("still fires; told elsewhere since the configuration changed")
            }
            Self::Forgotten => {
                f.write_str("still fires; forgotten, since there are too many alerts")
            }
            Self::Acknowledged { by, note } => {
                f.write_str("acknowledged")?;
                if let Some(by) = by {
                    write!(f, " by {by}")?;
                }
                match note {
                    Some(note) => write!(f, ": {note}"),
                    None => Ok(()),
                }
            }
            Self::HeldBack { since } => write!(f, "held back since {}", rfc3339(*since)),
        }
    }
}
