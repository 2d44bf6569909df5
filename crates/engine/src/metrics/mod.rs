//! The service's own metrics.

mod alerts;
mod capacity;
mod incidents;
mod queries;
mod service;
mod training;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use alerts::AlertMetrics;
use capacity::CapacityMetrics;
use incidents::IncidentMetrics;
use queries::QueryMetrics;
pub(crate) use queries::Stage;
use service::ServiceMetrics;
use training::TrainingMetrics;
pub(crate) use training::TrainingOutcome;

type Seconds = Gauge<f64, AtomicU64>;

/// From a millisecond to a minute.
const STAGE_BUCKETS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 3.0, 10.0, 30.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByQuery {
    query: String,
}

impl ByQuery {
    fn named(query: &str) -> Self {
        Self {
            query: query.to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

/// Everything that `/metrics` shows. Clones share the values.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) queries: QueryMetrics,
    pub(crate) alerts: AlertMetrics,
    pub(crate) capacity: CapacityMetrics,
    pub(crate) incidents: IncidentMetrics,
    pub(crate) training: TrainingMetrics,
    pub(crate) service: ServiceMetrics,
}

impl Metrics {
    /// All metrics at 0, and the registry that shows them.
    pub(crate) fn new() -> (Self, Registry) {
        let mut all = Registry::with_prefix("bongsu");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        all.register("build", "The version that runs", build);
        let metrics = Self {
            queries: QueryMetrics::register(&mut all),
            alerts: AlertMetrics::register(&mut all),
            capacity: CapacityMetrics::register(&mut all),
            incidents: IncidentMetrics::register(&mut all),
            training: TrainingMetrics::register(&mut all),
            service: ServiceMetrics::register(&mut all),
        };
        (metrics, all)
    }

    /// A query that is not there any more: what would look like a failure of it goes.
    pub(crate) fn forget(&self, query: &str) {
        self.queries.forget(query);
        self.training.forget(query);
    }
}

/// A counter of what something else counts, perhaps from 0 again when it is replaced.
#[derive(Debug, Clone)]
struct Following {
    counter: Counter,
    seen: Arc<AtomicU64>,
}

impl Following {
    fn new(counter: Counter) -> Self {
        Self {
            counter,
            seen: Arc::default(),
        }
    }

    /// That it counts `total` by now.
    fn see(&self, total: u64) {
        let before = self.seen.swap(total, Ordering::Relaxed);
        self.counter
            .inc_by(total.checked_sub(before).unwrap_or(total));
    }
}

/// A metric at its first value, which `all` shows from now on.
fn added<M: Metric + Clone + Default>(all: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    all.register(name, help, metric.clone());
    metric
}

/// A count as a gauge takes it.
fn level(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

fn now_in_seconds() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_goes_on_when_what_it_follows_begins_again() {
        let following = Following::new(Counter::default());
        for (total, counted) in [(3, 3), (3, 3), (10, 10), (2, 12), (5, 15)] {
            following.see(total);
            assert_eq!(following.counter.get(), counted);
        }
    }
}
