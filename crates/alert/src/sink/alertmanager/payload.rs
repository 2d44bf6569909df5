use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_core::{Alert, AlertState, Labels, METRIC_NAME, Timestamp};
use serde::Serialize;

use crate::annotations::{Links, annotations, filled, is_web_address};
use crate::time::rfc3339;

/// What turns an alert into Alertmanager's terms.
#[derive(Debug, Clone)]
pub(super) struct Translation {
    pub(super) alertname: String,
    pub(super) extra: Labels,
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
            labels: self.labels(alert),
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

    /// Identity, alert name and severity: nothing that changes while the alert lasts.
    fn labels(&self, alert: &Alert) -> BTreeMap<String, String> {
        let alertname = alert.labels.get("alertname").unwrap_or(&self.alertname);
        let mut labels = BTreeMap::from([
            ("alertname".to_owned(), alertname.to_owned()),
            ("severity".to_owned(), alert.severity.to_string()),
        ]);
        let identity = alert.labels.iter().filter(|(name, _)| *name != "alertname");
        let (accepted, others): (Vec<_>, Vec<_>) =
            identity.partition(|(name, _)| accepted_name(name) == *name);
        // Names that may stay as they are come first, so that they keep their place.
        for (name, value) in accepted.into_iter().chain(others) {
            let mut name = accepted_name(name);
            while labels.contains_key(&name) {
                name.insert_str(0, "exported_");
            }
            labels.insert(name, value.to_owned());
        }
        for (name, value) in self.extra.iter() {
            labels
                .entry(accepted_name(name))
                .or_insert_with(|| value.to_owned());
        }
        labels
    }
}

/// The name as Alertmanager accepts it: letters, digits and underscores, no digit in front. The
/// metric's name becomes the label `metric`.
fn accepted_name(name: &str) -> String {
    if name == METRIC_NAME {
        return "metric".to_owned();
    }
    let mut accepted: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if accepted.starts_with(|c: char| c.is_ascii_digit()) {
        accepted.insert(0, '_');
    }
    accepted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{alert, labels, resolved};

    fn translation() -> Translation {
        Translation {
            alertname: "BongsuAnomaly".to_owned(),
            extra: Labels::empty(),
            links: Links::default(),
            generator_url: None,
            lifetime: Duration::from_secs(240),
        }
    }

    fn label_texts(translation: &Translation, pairs: &[(&str, &str)]) -> Vec<String> {
        let mut alert = alert("up", 0);
        alert.labels = labels(pairs);
        translation
            .labels(&alert)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn names_are_made_acceptable_and_stay_apart() {
        assert_eq!(
            label_texts(
                &translation(),
                &[
                    ("__name__", "up"),
                    ("metric", "own"),
                    ("severity", "theirs"),
                    ("a.b", "1"),
                    ("a_b", "2"),
                    ("a-b", "3"),
                    ("9lives", "4"),
                    ("größe", "5"),
                ]
            ),
            [
                "_9lives=4",
                "a_b=2",
                "alertname=BongsuAnomaly",
                "exported_a_b=3",
                "exported_exported_a_b=1",
                "exported_metric=up",
                "exported_severity=theirs",
                "gr__e=5",
                "metric=own",
                "severity=warning",
            ]
        );
    }

    #[test]
    fn the_identity_wins_over_extra_labels_and_the_default_name() {
        let mut translation = translation();
        translation.extra = labels(&[("team", "infra"), ("zone", "eu")]);
        assert_eq!(
            label_texts(&translation, &[("alertname", "Slow"), ("team", "web")]),
            ["alertname=Slow", "severity=warning", "team=web", "zone=eu"]
        );
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
