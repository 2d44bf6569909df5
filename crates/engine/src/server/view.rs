//! What the loop shows to the outside.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bongsu_core::{Alert, Timestamp, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

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
    /// In order of their opening.
    pub(crate) incidents: Arc<[Incident]>,
    /// The verdicts on the newest moment of each query.
    pub(crate) verdicts: BTreeMap<String, Arc<[Verdict]>>,
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
            incidents: Arc::new([]),
            verdicts: BTreeMap::new(),
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
            0 => Some("the service is starting".to_owned()),
            _ if waiting.is_empty() => None,
            _ => Some(format!("not judged yet: {}", waiting.join(", "))),
        }
    }
}
