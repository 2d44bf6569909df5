//! Capacity plans.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{ByOutcome, Seconds, added, level};
use crate::capacity::Answer;

/// The labels of a resource's alert but for `query`.
type ByResource = Vec<(String, String)>;
type Number = Family<ByResource, Seconds>;

#[derive(Debug, Clone)]
pub(crate) struct CapacityMetrics {
    days_left: Number,
    days_left_lower: Number,
    days_left_upper: Number,
    probability: Number,
    current: Number,
    threshold: Number,
    runs: Family<ByOutcome, Counter>,
    took: Seconds,
    planned_at: Seconds,
    failures: Gauge,
}

impl CapacityMetrics {
    pub(super) fn register(all: &mut Registry) -> Self {
        Self {
            days_left: added(
                all,
                "capacity_days_left",
                "Days until a resource runs out; absent where it does not within the horizon",
            ),
            days_left_lower: added(
                all,
                "capacity_days_left_lower",
                "The lower bound of the days until a resource runs out",
            ),
            days_left_upper: added(
                all,
                "capacity_days_left_upper",
                "The upper bound of the days until a resource runs out",
            ),
            probability: added(
                all,
                "capacity_probability",
                "How likely a resource runs out within the horizon",
            ),
            current: added(all, "capacity_current", "The last value of a resource"),
            threshold: added(all, "capacity_threshold", "What a resource must not pass"),
            runs: added(all, "capacity_runs", "Plans of capacity, by outcome"),
            took: added(
                all,
                "capacity_last_duration_seconds",
                "How long the last plan took",
            ),
            planned_at: added(
                all,
                "capacity_planned_timestamp_seconds",
                "The moment of the newest plan; 0 before the first",
            ),
            failures: added(
                all,
                "capacity_unplanned",
                "Resources that the newest plan could not take in",
            ),
        }
    }

    /// Counts a plan that ended.
    pub(crate) fn planned(&self, answer: Option<&Answer>, took: Duration) {
        let outcome = match answer {
            None => "failed",
            Some(answer) if !answer.report.failures.is_empty() => "partial",
            Some(_) => "planned",
        };
        self.runs.get_or_create(&ByOutcome { outcome }).inc();
        self.took.set(took.as_secs_f64());
    }

    /// Shows the newest plan, and nothing of those before.
    pub(crate) fn show(&self, answer: Option<&Answer>) {
        for family in [
            &self.days_left,
            &self.days_left_lower,
            &self.days_left_upper,
            &self.probability,
            &self.current,
            &self.threshold,
        ] {
            family.clear();
        }
        let at = answer.map_or(0.0, |answer| answer.at.as_millis() as f64 / 1_000.0);
        self.planned_at.set(at);
        let failures = answer.map_or(0, |answer| answer.report.failures.len());
        self.failures.set(level(failures));
        for (identity, plan) in answer.into_iter().flat_map(Answer::plans) {
            let labels = identity.iter().filter(|(name, _)| *name != "query");
            let by: ByResource = labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let outlook = &plan.outlook;
            for (family, value) in [
                (&self.days_left, outlook.days_left),
                (&self.days_left_lower, outlook.days_left_lower),
                (&self.days_left_upper, outlook.days_left_upper),
                (&self.probability, Some(outlook.probability)),
                (&self.current, Some(plan.current)),
                (&self.threshold, Some(plan.threshold)),
            ] {
                if let Some(value) = value {
                    family.get_or_create(&by).set(value);
                }
            }
        }
    }
}
