//! What the loop shows to the outside.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bongsu_alert::Acknowledgement;
use bongsu_core::{Alert, Labels, Timestamp, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use super::capacity::CapacityView;
use super::shapes::MomentShape;
use crate::incident::Incident;

/// Without a sign of life for so long, the loop counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(120);

/// A view that the loop renews and the server reads.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<RwLock<View>>);

#[derive(Debug)]
pub(crate) struct View {
    pub(crate) queries: Vec<QueryView>,
    pub(crate) alerts: Vec<Alert>,
    /// Who has taken up which, by fingerprint.
    pub(crate) acknowledged: BTreeMap<u64, Acknowledgement>,
    /// In order of their opening.
    pub(crate) incidents: Arc<[Incident]>,
    /// The newest verdict on each series of each query, in order of their labels.
    pub(crate) verdicts: BTreeMap<String, Arc<[Verdict]>>,
    /// The newest plan of capacity, where there is any.
    pub(crate) capacity: Option<CapacityView>,
    pub(crate) totals: crate::Totals,
    started: Instant,
    alive: Instant,
}

/// A query at work.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct QueryView {
    pub(crate) name: String,
    pub(crate) expr: String,
    pub(crate) detector: String,
    pub(crate) step: String,
    /// Series judged at present.
    pub(crate) series: usize,
    /// The newest moment up to which all is judged, in milliseconds; `null` before the first.
    #[schemars(with = "Option<MomentShape>")]
    pub(crate) judged_until: Option<Timestamp>,
    /// Failures since the last success.
    pub(crate) failures: u32,
    /// What is wrong, when something is.
    pub(crate) problem: Option<String>,
    /// What is not known of its maintenance windows: it is judged as if there were none of these.
    pub(crate) unknown_maintenance: Vec<String>,
    /// Its budget of alerts; `null` where there is none.
    pub(crate) budget: Option<BudgetView>,
    /// Its trained detectors; `null` where there is no training.
    pub(crate) model: Option<ModelView>,
}

/// The budget of alerts of a query.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct BudgetView {
    /// How many may be expected by chance.
    pub(crate) alerts_per_day: f64,
    /// Anomalous points that it has held back.
    pub(crate) held: u64,
    /// Those that passed, each the first of its series after a normal one.
    pub(crate) passed: u64,
}

/// The trained detectors of a query.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ModelView {
    pub(crate) query: String,
    /// The version at work; 0 before the first.
    pub(crate) version: u64,
    /// The end of the data that it was trained on.
    #[schemars(with = "Option<MomentShape>")]
    pub(crate) trained_until: Option<Timestamp>,
    /// When the schedule asks for the next training.
    #[schemars(with = "Option<MomentShape>")]
    pub(crate) next: Option<Timestamp>,
    /// Whether one is under way.
    pub(crate) in_training: bool,
    /// Series that have drifted since.
    pub(crate) drifted_series: usize,
    /// Why the latest training gave nothing, when it did not.
    pub(crate) problem: Option<String>,
    /// The versions that are kept to go back to.
    pub(crate) kept: Vec<u64>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self(Arc::new(RwLock::new(View {
            queries: Vec::new(),
            alerts: Vec::new(),
            acknowledged: BTreeMap::new(),
            incidents: Arc::new([]),
            verdicts: BTreeMap::new(),
            capacity: None,
            totals: crate::Totals::default(),
            started: now,
            alive: now,
        })))
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn renew(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut view);
        view.alive = Instant::now();
    }
}

/// The newest verdicts on the series that there are, whose labels are `known` in order: those of
/// `before`, and in their place what is later in `verdicts`.
pub(crate) fn newest<'a>(
    before: &[Verdict],
    verdicts: &[Verdict],
    known: impl Iterator<Item = &'a Labels>,
) -> Arc<[Verdict]> {
    let mut all: Vec<&Verdict> = verdicts.iter().chain(before).collect();
    // Stable: of two on the same moment the new one comes first.
    all.sort_by(|a, b| {
        let newer = b.timestamp.cmp(&a.timestamp);
        a.labels.cmp(&b.labels).then(newer)
    });
    all.dedup_by(|later, first| later.labels == first.labels);
    let mut known = known.peekable();
    all.retain(|verdict| {
        while known.next_if(|labels| **labels < verdict.labels).is_some() {}
        known.next_if(|labels| **labels == verdict.labels).is_some()
    });
    all.into_iter().cloned().collect()
}

impl View {
    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Why the service cannot be trusted to go on, when that is so.
    pub(super) fn sickness(&self) -> Option<String> {
        let silent = self.alive.elapsed();
        (silent > STUCK_AFTER).then(|| format!("the loop has not moved for {} s", silent.as_secs()))
    }

    /// Why the service does not judge everything yet, when that is so.
    pub(super) fn unreadiness(&self) -> Option<String> {
        let waiting: Vec<&str> = self
            .queries
            .iter()
            .filter(|query| query.judged_until.is_none())
            .map(|query| query.name.as_str())
            .collect();
        match self.queries.len() {
            0 => match &self.capacity {
                Some(capacity) if capacity.at.is_some() => None,
                Some(_) => Some("capacity is not planned yet".to_owned()),
                None => Some("the service is starting".to_owned()),
            },
            _ if waiting.is_empty() => None,
            _ => Some(format!("not judged yet: {}", waiting.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_that_there_is_has_its_newest_verdict() {
        let labels = |name: &str| Labels::from_pairs([("host", name)]).unwrap();
        let verdict = |name: &str, at: i64, score: f64| Verdict {
            score: Some(score),
            ..Verdict::unjudged(Timestamp::from_secs(at), labels(name))
        };
        let before = [
            verdict("a", 1, 0.1),
            verdict("b", 5, 0.2),
            verdict("gone", 5, 0.3),
            verdict("quiet", 3, 0.4),
        ];
        // `b` is told of late, and of its newest moment once more.
        let verdicts = [
            verdict("a", 6, 0.5),
            verdict("b", 4, 0.6),
            verdict("b", 5, 0.7),
            verdict("new", 6, 0.8),
            verdict("a", 7, 0.9),
        ];
        let known = ["a", "b", "new", "quiet", "unseen"].map(labels);
        let newest = newest(&before, &verdicts, known.iter());
        let seen: Vec<(&str, i64, f64)> = newest
            .iter()
            .map(|v| {
                let name = v.labels.get("host").unwrap();
                (name, v.timestamp.as_millis() / 1_000, v.score.unwrap())
            })
            .collect();
        let expected = [
            ("a", 7, 0.9),
            ("b", 5, 0.7),
            ("new", 6, 0.8),
            ("quiet", 3, 0.4),
        ];
        assert_eq!(seen, expected);
    }
}
