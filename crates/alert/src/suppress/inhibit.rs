//! Alerts that make others needless, as in Alertmanager.

use std::collections::BTreeMap;

use crate::Subject;
use crate::routing::InhibitRule;

/// The alerts that fire and are a source of a rule, by what source and target must share.
///
/// Made anew after a restart. Cost of a question: O(rules · log n), and the sources that share the
/// values where an alert meets both sides of a rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Inhibitor {
    /// One a rule: the sources by shared values; `true` for those that are targets as well.
    sources: Vec<BTreeMap<Vec<String>, BTreeMap<u64, bool>>>,
}

impl Inhibitor {
    /// An alert fires, or has changed its severity.
    pub(super) fn add(&mut self, rules: &[InhibitRule], fingerprint: u64, alert: Subject<'_>) {
        self.sources.resize_with(rules.len(), BTreeMap::new);
        for (rule, sources) in rules.iter().zip(&mut self.sources) {
            if rule.is_source(alert) {
                let sharing = sources.entry(rule.shared(alert)).or_default();
                sharing.insert(fingerprint, rule.is_target(alert));
            }
        }
    }

    /// An alert is about to end or to change its severity.
    pub(super) fn remove(&mut self, rules: &[InhibitRule], fingerprint: u64, alert: Subject<'_>) {
        for (rule, sources) in rules.iter().zip(&mut self.sources) {
            if !rule.is_source(alert) {
                continue;
            }
            let shared = rule.shared(alert);
            if let Some(sharing) = sources.get_mut(&shared) {
                sharing.remove(&fingerprint);
                if sharing.is_empty() {
                    sources.remove(&shared);
                }
            }
        }
    }

    /// The rule and the alert that make this one needless.
    pub(super) fn inhibited<'a>(
        &self,
        rules: &'a [InhibitRule],
        alert: Subject<'_>,
    ) -> Option<(&'a str, u64)> {
        rules.iter().zip(&self.sources).find_map(|(rule, sources)| {
            if !rule.is_target(alert) {
                return None;
            }
            let both = rule.is_source(alert);
            let sharing = sources.get(&rule.shared(alert))?;
            // One that meets both sides is not inhibited by others that do, nor by itself.
            let (&source, _) = sharing.iter().find(|(_, target)| !(both && **target))?;
            Some((rule.name.as_str(), source))
        })
    }
}
