use std::collections::BTreeMap;

use bongsu_core::{Labels, METRIC_NAME, Severity};

use crate::matcher::ALERTNAME;

/// The labels that Alertmanager is sent of an alert, by which its silences are matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentLabels {
    alertname: String,
    extra: Labels,
}

impl Default for SentLabels {
    fn default() -> Self {
        Self::new(ALERTNAME, Labels::empty())
    }
}

impl SentLabels {
    /// With the name of alerts that have none, and labels for those that lack them.
    pub(crate) fn new(alertname: impl Into<String>, extra: Labels) -> Self {
        let alertname = alertname.into();
        Self { alertname, extra }
    }

    /// Identity, alert name and severity: nothing that changes while the alert lasts.
    pub(crate) fn of(&self, identity: &Labels, severity: Severity) -> BTreeMap<String, String> {
        let alertname = identity.get("alertname").unwrap_or(&self.alertname);
        let mut labels = BTreeMap::from([
            ("alertname".to_owned(), alertname.to_owned()),
            ("severity".to_owned(), severity.to_string()),
        ]);
        let identity = identity.iter().filter(|(name, _)| *name != "alertname");
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
    use crate::testing::labels;

    fn label_texts(sent: &SentLabels, pairs: &[(&str, &str)]) -> Vec<String> {
        sent.of(&labels(pairs), Severity::Warning)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn names_are_made_acceptable_and_stay_apart() {
        assert_eq!(
            label_texts(
                &SentLabels::default(),
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
        let sent = SentLabels::new(
            "BongsuAnomaly",
            labels(&[("team", "infra"), ("zone", "eu")]),
        );
        assert_eq!(
            label_texts(&sent, &[("alertname", "Slow"), ("team", "web")]),
            ["alertname=Slow", "severity=warning", "team=web", "zone=eu"]
        );
    }
}
