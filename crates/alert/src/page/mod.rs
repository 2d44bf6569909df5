//! What one message says: a group of alerts for one receiver.

mod digest;
mod note;

use bongsu_core::{Alert, AlertState, Labels, Severity, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::digest::{Digest, DigestGroup};
pub use self::note::{Note, NoteKind};

/// Why a [`Page`] is sent: the strongest of its reasons, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Occasion {
    /// The budget of messages was used up for a while: this sums up what was held back.
    Digest,
    /// At least one alert is new to the receiver.
    Fired,
    /// At least one alert has become more severe since it was told.
    Escalated,
    /// At least one alert has begun to change its state too often, and is held from now on.
    Flapping,
    /// At least one alert is over; there is nothing else that is new.
    Resolved,
    /// Nothing is new, but the receiver asked to be reminded.
    Reminder,
    /// Somebody has taken up an alert.
    Acknowledged,
}

impl Occasion {
    /// The word used in messages: `digest`, `fired`, `escalated`, `flapping`, `resolved`,
    /// `reminder` or `acknowledged`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Fired => "fired",
            Self::Escalated => "escalated",
            Self::Flapping => "flapping",
            Self::Resolved => "resolved",
            Self::Reminder => "reminder",
            Self::Acknowledged => "acknowledged",
        }
    }
}

/// One message for one receiver: the alerts of a group, those that fire and those that ended.
///
/// The suppression makes it; the [`Dispatcher`](crate::Dispatcher) queues it
/// for the sinks of its receiver, and each hands it to [`Sink::page`](crate::Sink::page).
///
/// - `alerts` holds every alert of the group that fires and may be told, then those that ended since
///   the last message; each part in order of the time since when, then of the labels.
/// - `notes` says what the alerts alone do not: that one is flapping, has become more severe, or has
///   settled at a new level.
/// - [`Page::key`] is the same for every message about one group: what PagerDuty calls the dedup key
///   and chat systems a thread. [`Page::id`] differs from message to message, and is the same again
///   when a restart makes the message a second time.
/// - A [digest](Page::digest) is about many groups of the receiver, each with its own key.
///
/// ```
/// use bongsu_alert::{Occasion, Page};
/// use bongsu_core::{Labels, Severity, Timestamp};
///
/// let page = Page {
///     receiver: "team-a".to_owned(),
///     route: "{}".to_owned(),
///     group: Labels::from_pairs([("job", "node")])?,
///     at: Timestamp::from_secs(60),
///     sequence: 0,
///     occasion: Occasion::Reminder,
///     alerts: Vec::new(),
///     notes: Vec::new(),
///     digest: None,
/// };
/// assert!(!page.is_open());
/// assert_eq!(page.severity(), Severity::Info);
/// assert_ne!(page.key(), page.id());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The receiver's name in the routing tree.
    pub receiver: String,
    /// The path of the route in the tree, as matchers: `{}/{severity="critical"}`.
    pub route: String,
    /// The labels that the alerts of the group have in common; empty for a digest.
    pub group: Labels,
    /// When it was made, in data time.
    pub at: Timestamp,
    /// How many messages the group had before.
    pub sequence: u64,
    /// Why it is sent.
    pub occasion: Occasion,
    /// The alerts that fire, then those that ended.
    pub alerts: Vec<Alert>,
    /// What else is to be said of single alerts, in the order of `alerts`.
    pub notes: Vec<Note>,
    /// What was held back; only in a digest.
    pub digest: Option<Digest>,
}

impl Page {
    /// What all messages about this group have in common: 16 hexadecimal digits.
    #[must_use]
    pub fn key(&self) -> String {
        let digest = if self.digest.is_some() { "digest" } else { "" };
        key(&self.receiver, &self.route, &self.group, digest)
    }

    /// What tells this message from all others: 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        let number = format!("{}/{}", self.at.as_millis(), self.sequence);
        let own = if self.digest.is_some() {
            format!("digest/{number}")
        } else {
            number
        };
        key(&self.receiver, &self.route, &self.group, &own)
    }

    /// The alerts that fire.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts
            .iter()
            .filter(|alert| alert.state != AlertState::Resolved)
    }

    /// The alerts that ended.
    pub fn resolved(&self) -> impl Iterator<Item = &Alert> {
        self.alerts
            .iter()
            .filter(|alert| alert.state == AlertState::Resolved)
    }

    /// Whether there is something left to look at: an alert fires, or one is flapping, whatever its
    /// state at this moment.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let flapping = |note: &Note| matches!(note.kind, NoteKind::Flapping { .. });
        self.firing().next().is_some() || self.notes.iter().any(flapping)
    }

    /// The severity of its worst alert that fires, else of its worst alert; info when it has none.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let worst = self.firing().map(|alert| alert.severity).max();
        worst
            .or_else(|| self.alerts.iter().map(|alert| alert.severity).max())
            .unwrap_or(Severity::Info)
    }

    /// The notes about the alert with these labels.
    pub fn notes_on<'a>(&'a self, labels: &Labels) -> impl Iterator<Item = &'a Note> + use<'a> {
        let fingerprint = labels.fingerprint();
        self.notes
            .iter()
            .filter(move |note| note.fingerprint == fingerprint)
    }
}

/// A short key that is the same in every release: the fingerprint of labels made of the parts.
pub(crate) fn key(receiver: &str, route: &str, group: &Labels, own: &str) -> String {
    let hash = group.fingerprint().to_string();
    let parts = [
        ("group", hash.as_str()),
        ("own", own),
        ("receiver", receiver),
        ("route", route),
    ];
    // The names are fixed and differ, so there are always labels.
    let labels = Labels::from_pairs(parts).unwrap_or_default();
    format!("{:016x}", labels.fingerprint())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{alert, labels, resolved};

    fn page() -> Page {
        Page {
            receiver: "a".to_owned(),
            route: "{}".to_owned(),
            group: labels(&[("job", "x")]),
            at: Timestamp::from_secs(60),
            sequence: 3,
            occasion: Occasion::Fired,
            alerts: vec![alert("up", 0), resolved(alert("down", 0), 30)],
            notes: Vec::new(),
            digest: None,
        }
    }

    #[test]
    fn the_key_stays_and_the_id_changes() {
        let (first, mut later) = (page(), page());
        later.sequence = 4;
        later.alerts.clear();
        assert_eq!(first.key(), later.key());
        assert_ne!(first.id(), later.id());
        assert_eq!(first.key(), "d243b76bc275d881");
        later.receiver = "b".to_owned();
        assert_ne!(first.key(), later.key());
    }

    #[test]
    fn the_severity_is_that_of_what_fires() {
        let mut page = page();
        page.alerts[1].severity = Severity::Critical;
        assert_eq!(page.severity(), Severity::Warning);
        page.alerts.remove(0);
        assert_eq!(page.severity(), Severity::Critical);
        assert!(!page.is_open());
        page.notes.push(Note {
            fingerprint: page.alerts[0].labels.fingerprint(),
            kind: NoteKind::Flapping { percent: 55.0 },
        });
        assert!(page.is_open());
        let about = page.alerts[0].labels.clone();
        assert_eq!(page.notes_on(&about).count(), 1);
    }
}
