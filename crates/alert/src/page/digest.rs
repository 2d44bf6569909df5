use std::collections::BTreeMap;

use bongsu_core::{Alert, AlertState, Labels, METRIC_NAME, Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// The names that a digest lists.
const TOP: usize = 5;

/// A summary of what was held back while a budget of messages was used up.
///
/// ```
/// use bongsu_alert::Digest;
/// use bongsu_core::Timestamp;
/// let digest = Digest::new(Timestamp::from_secs(0), &[], Vec::new());
/// assert_eq!(digest.to_string(), "0 alerts fire and 0 ended in 0 groups");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// Since when messages were held back.
    pub since: Timestamp,
    /// The number of alerts in it that fire.
    pub firing: usize,
    /// The number of alerts in it that ended.
    pub resolved: usize,
    /// The number of those that fire, by severity.
    pub by_severity: BTreeMap<Severity, usize>,
    /// The most frequent names with their numbers, at most five, largest first.
    pub top: Vec<(String, usize)>,
    /// The groups it speaks of. A receiver that keeps an incident for each group opens or closes
    /// these.
    pub groups: Vec<DigestGroup>,
}

/// A group within a [`Digest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestGroup {
    /// The [key](crate::Page::key) of the group's own messages.
    pub key: String,
    /// The labels that its alerts have in common.
    pub labels: Labels,
    /// The number of its alerts that fire, also those that were told before.
    pub firing: usize,
}

impl Digest {
    /// Sums up `alerts`.
    #[must_use]
    pub fn new(since: Timestamp, alerts: &[Alert], groups: Vec<DigestGroup>) -> Self {
        let mut by_severity = BTreeMap::new();
        let mut names = BTreeMap::<&str, usize>::new();
        let mut firing = 0;
        for alert in alerts {
            *names.entry(name(&alert.labels)).or_default() += 1;
            if alert.state != AlertState::Resolved {
                firing += 1;
                *by_severity.entry(alert.severity).or_default() += 1;
            }
        }
        let mut top: Vec<(String, usize)> = names
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        // Stable, so names of the same number stay in their order.
        top.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        top.truncate(TOP);
        Self {
            since,
            firing,
            resolved: alerts.len() - firing,
            by_severity,
            top,
            groups,
        }
    }
}

/// One line: the numbers, the severities from the worst, the names.
impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (firing, resolved, groups) = (self.firing, self.resolved, self.groups.len());
        write!(f, "{firing} alerts fire")?;
        for (i, (severity, count)) in self.by_severity.iter().rev().enumerate() {
            let lead = if i == 0 { " (" } else { ", " };
            write!(f, "{lead}{count} {severity}")?;
        }
        if !self.by_severity.is_empty() {
            f.write_str(")")?;
        }
        write!(f, " and {resolved} ended in {groups} groups")?;
        for (i, (name, count)) in self.top.iter().enumerate() {
            let lead = if i == 0 { ": " } else { ", " };
            write!(f, "{lead}{name} ({count})")?;
        }
        Ok(())
    }
}

/// What people call an alert with these labels.
fn name(labels: &Labels) -> &str {
    ["alertname", METRIC_NAME, "query"]
        .into_iter()
        .find_map(|label| labels.get(label))
        .unwrap_or("unnamed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{alert, resolved};

    #[test]
    fn a_digest_counts_and_names() {
        let mut alerts = vec![alert("b", 0), alert("a", 0), alert("b", 1), alert("c", 0)];
        alerts[0].severity = Severity::Critical;
        alerts[3] = resolved(alerts[3].clone(), 9);
        let digest = Digest::new(Timestamp::from_secs(0), &alerts, Vec::new());
        assert_eq!(
            digest.to_string(),
            "3 alerts fire (1 critical, 2 warning) and 1 ended in 0 groups: b (2), a (1), c (1)"
        );
        assert_eq!((digest.firing, digest.resolved), (3, 1));
    }
}
