use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_core::{Alert, AlertState, Timestamp};
use serde::Serialize;

use super::labels::SentLabels;
use crate::annotations::{Links, annotations, filled, is_web_address};
use crate::time::rfc3339;

/// What turns an alert into Alertmanager's terms.
#[derive(Debug, Clone)]
pub(super) struct Translation {
    pub(super) labels: SentLabels,
    pub(super) links: Links,
    pub(super) generator_url: Option<String>,
    /// How long a firing alert lives without being sent again.
    pub(super) lifetime: Duration,
}

/// An alert as `POST /api/v2/alerts` takes it.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct PostableAlert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(rename = "endsAt")]
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
}

impl Translation {
    pub(super) fn translate(&self, now: Timestamp, alert: &Alert) -> PostableAlert {
        let ends_at = match (alert.state, alert.resolved_at) {
            // Data time may be ahead of ours; an end in the future would keep the alert firing.
            (AlertState::Resolved, at) => at.unwrap_or(now).min(now),
            (AlertState::Firing | AlertState::Pending, _) => now + self.lifetime,
        };
        PostableAlert {
            labels: self.labels.of(&alert.labels, alert.severity),
            annotations: annotations(alert, &self.links),
            starts_at: rfc3339(alert.starts_at),
            ends_at: rfc3339(ends_at.max(alert.starts_at)),
            generator_url: self
                .generator_url
                .as_deref()
                .map(|address| filled(address, &alert.labels))
                // One bad address would get the whole batch refused.
                .filter(|address| is_web_address(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{alert, labels, resolved};

    fn translation() -> Translation {
        Translation {
            labels: SentLabels::default(),
            links: Links::default(),
            generator_url: None,
            lifetime: Duration::from_secs(240),
        }
    }

    #[test]
    fn a_firing_alert_ends_in_the_future_and_a_resolved_one_in_the_past() {
        let now = Timestamp::from_secs(1_000);
        let firing = alert("up", 900);
        assert_eq!(
            translation().translate(now, &firing).ends_at,
            "1970-01-01T00:20:40.000Z"
        );
        let end = |second| {
            translation()
                .translate(now, &resolved(firing.clone(), second))
                .ends_at
        };
        assert_eq!(end(950), "1970-01-01T00:15:50.000Z");
        assert_eq!(end(1_050), "1970-01-01T00:16:40.000Z");
    }

    #[test]
    fn an_address_that_a_label_spoils_is_left_out() {
        let mut translation = translation();
        translation.generator_url = Some("https://{host}/x".to_owned());
        let generator_url = |host| {
            let mut alert = alert("up", 900);
            alert.labels = labels(&[("host", host)]);
            translation
                .translate(Timestamp::from_secs(1_000), &alert)
                .generator_url
        };
        assert_eq!(generator_url("a").as_deref(), Some("https://a/x"));
        assert_eq!(generator_url("a b"), None);
    }

    #[test]
    fn no_number_is_a_label() {
        let now = Timestamp::from_secs(1_000);
        let mut louder = alert("up", 900);
        let before = translation().translate(now, &louder);
        louder.verdict.value = Some(7.0);
        louder.verdict.score = Some(9.0);
        let after = translation().translate(now, &louder);
        assert_eq!(before.labels, after.labels);
        assert_ne!(before.annotations, after.annotations);
    }
}
