//! Trainings and the detectors they put to work.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{ByQuery, Seconds, added, level};
use crate::training::{Reason, TrainingState};

/// What became of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrainingOutcome {
    /// The new detectors are at work.
    Exchanged,
    /// They are not good enough.
    Refused,
    /// There are none.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTraining {
    query: String,
    reason: String,
    outcome: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) struct TrainingMetrics {
    trainings: Family<ByTraining, Counter>,
    time: Family<ByQuery, Counter<f64, AtomicU64>>,
    version: Family<ByQuery, Gauge>,
    trained: Family<ByQuery, Seconds>,
    drifted: Family<ByQuery, Gauge>,
}

impl TrainingMetrics {
    pub(super) fn register(all: &mut Registry) -> Self {
        let time = Family::default();
        all.register_with_unit(
            "training",
            "Time that trainings took",
            Unit::Seconds,
            Family::clone(&time),
        );
        Self {
            trainings: added(
                all,
                "trainings",
                "Trainings of detectors, by reason and outcome",
            ),
            time,
            version: added(
                all,
                "model_version",
                "The version of the trained detectors at work",
            ),
            trained: added(
                all,
                "model_trained_timestamp_seconds",
                "The end of the data that the detectors at work were trained on",
            ),
            drifted: added(
                all,
                "drifted_series",
                "Series that have drifted since their detectors were trained",
            ),
        }
    }

    pub(super) fn forget(&self, query: &str) {
        let by = ByQuery::named(query);
        self.version.remove(&by);
        self.trained.remove(&by);
        self.drifted.remove(&by);
    }

    pub(crate) fn trained(
        &self,
        query: &str,
        reason: Reason,
        outcome: TrainingOutcome,
        took: Duration,
    ) {
        let by = ByTraining {
            query: query.to_owned(),
            reason: reason.to_string(),
            outcome: match outcome {
                TrainingOutcome::Exchanged => "exchanged",
                TrainingOutcome::Refused => "refused",
                TrainingOutcome::Failed => "failed",
            },
        };
        self.trainings.get_or_create(&by).inc();
        let time = self.time.get_or_create(&ByQuery::named(query));
        time.inc_by(took.as_secs_f64());
    }

    /// Which detectors are at work, and how many series have drifted since.
    pub(crate) fn at_work(&self, query: &str, state: &TrainingState) {
        let Some(trained) = state.trained else {
            // Another detector, or other parameters, begin without a trained one.
            return self.forget(query);
        };
        let by = ByQuery::named(query);
        self.version.get_or_create(&by).set(level(state.version));
        let trained = trained.as_secs_f64();
        self.trained.get_or_create(&by).set(trained);
        self.drifted.get_or_create(&by).set(level(state.drifted()));
    }
}

#[cfg(test)]
mod tests {
    use bongsu_core::Timestamp;
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn what_is_told_of_trained_detectors_ends_with_them() {
        let mut all = Registry::default();
        let metrics = TrainingMetrics::register(&mut all);
        let told = |state: &TrainingState| {
            metrics.at_work("load", state);
            let mut text = String::new();
            encode(&mut text, &all).unwrap();
            text.matches("query=\"load\"").count()
        };
        let mut state = TrainingState::default();
        state.exchanged(1, Timestamp::from_secs(60));
        assert_eq!(told(&state), 3);
        assert_eq!(told(&TrainingState::default()), 0);
    }
}
