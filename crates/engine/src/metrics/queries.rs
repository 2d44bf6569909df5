//! What is asked for and judged.

use std::time::Duration;

use bongsu_core::Timestamp;
use bongsu_prometheus::Quality;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{ByQuery, STAGE_BUCKETS, Seconds, added, level, now_in_seconds};
use crate::config::QueryConfig;
use crate::judge::Judged;

/// A part of the work on a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Asking for data and for the windows of maintenance, until they are decoded.
    Fetch,
    /// Judging them.
    Judge,
    /// Passing on what was found: to alerts, incidents, files, remote write and the API.
    PassOn,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStage {
    query: String,
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    query: String,
    kind: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) struct QueryMetrics {
    stages: Family<ByStage, Histogram>,
    verdicts: Family<ByQuery, Counter>,
    anomalies: Family<ByQuery, Counter>,
    held: Family<ByQuery, Counter>,
    late: Family<ByQuery, Counter>,
    failures: Family<ByKind, Counter>,
    last_success: Family<ByQuery, Seconds>,
    judged_until: Family<ByQuery, Seconds>,
    interval: Family<ByQuery, Seconds>,
    series: Family<ByQuery, Gauge>,
    data_problems: Family<ByKind, Counter>,
    unknown_maintenance: Family<ByQuery, Gauge>,
    clock_skew: Seconds,
}

impl QueryMetrics {
    pub(super) fn register(all: &mut Registry) -> Self {
        let stages =
            Family::<ByStage, Histogram>::new_with_constructor(|| Histogram::new(STAGE_BUCKETS));
        all.register_with_unit(
            "stage_duration",
            "How long fetching, judging and passing on the data of a query took",
            Unit::Seconds,
            stages.clone(),
        );
        Self {
            stages,
            verdicts: added(all, "verdicts", "Points judged"),
            anomalies: added(all, "anomalies", "Points found anomalous"),
            late: added(
                all,
                "late_points",
                "Points that came after moments that follow them were judged",
            ),
            held: added(
                all,
                "held_by_budget",
                "Anomalous points that the budget of alerts held back",
            ),
            failures: added(all, "query_failures", "Queries that failed, by kind"),
            last_success: added(
                all,
                "query_last_success_timestamp_seconds",
                "When a query last succeeded",
            ),
            judged_until: added(
                all,
                "query_judged_until_timestamp_seconds",
                "The newest moment up to which a query is judged",
            ),
            interval: added(all, "query_interval_seconds", "How often a query is asked"),
            series: added(all, "query_series", "Series that a query judges"),
            data_problems: added(all, "data_problems", "What was wrong with data, by kind"),
            unknown_maintenance: added(
                all,
                "query_unknown_maintenance",
                "Expressions of maintenance windows that could not be read in full",
            ),
            clock_skew: added(
                all,
                "source_clock_skew_seconds",
                "How far the source's clock is ahead of this machine's",
            ),
        }
    }

    pub(super) fn forget(&self, query: &str) {
        let by = ByQuery::named(query);
        self.last_success.remove(&by);
        self.judged_until.remove(&by);
        self.interval.remove(&by);
        self.series.remove(&by);
        self.unknown_maintenance.remove(&by);
    }

    /// What the service waits for from now on. Without a value until the first success, rules could not
    /// tell of a query that never has one.
    pub(crate) fn awaited(&self, query: &QueryConfig, cursor: Option<Timestamp>) {
        let by = ByQuery::named(&query.name);
        let interval = query
            .interval
            .duration()
            .max(query.step.duration())
            .as_secs_f64();
        self.interval.get_or_create(&by).set(interval);
        let now = now_in_seconds();
        for (gauge, from) in [
            (&self.last_success, now),
            (
                &self.judged_until,
                cursor.map_or(now, Timestamp::as_secs_f64),
            ),
        ] {
            let gauge = gauge.get_or_create(&by);
            if gauge.get() == 0.0 {
                gauge.set(from);
            }
        }
    }

    pub(crate) fn took(&self, query: &str, stage: Stage, time: Duration) {
        let query = query.to_owned();
        let stage = match stage {
            Stage::Fetch => "fetch",
            Stage::Judge => "judge",
            Stage::PassOn => "pass_on",
        };
        let stages = self.stages.get_or_create(&ByStage { query, stage });
        stages.observe(time.as_secs_f64());
    }

    pub(crate) fn succeeded(&self, query: &str, quality: &Quality, judged: &Judged, series: usize) {
        let by = ByQuery::named(query);
        self.last_success.get_or_create(&by).set(now_in_seconds());
        self.series.get_or_create(&by).set(level(series));
        self.verdicts
            .get_or_create(&by)
            .inc_by(judged.findings.len() as u64);
        let anomalies = judged
            .findings
            .iter()
            .filter(|f| f.verdict.anomalous)
            .count();
        self.anomalies.get_or_create(&by).inc_by(anomalies as u64);
        self.held.get_or_create(&by).inc_by(judged.held);
        self.late.get_or_create(&by).inc_by(judged.late);
        for (kind, count) in [
            ("warning", quality.warnings.len()),
            ("partial", usize::from(quality.partial)),
            ("histogram", quality.histogram_series),
            ("duplicate", quality.duplicate_points),
            ("unordered", quality.unordered_points),
            ("refused_series", judged.refused_series),
            ("missing_value", judged.missing_values),
            ("misplaced_series", judged.misplaced),
        ] {
            if count > 0 {
                let query = query.to_owned();
                self.data_problems
                    .get_or_create(&ByKind { query, kind })
                    .inc_by(count as u64);
            }
        }
    }

    /// So many expressions of maintenance could not be read in full.
    pub(crate) fn maintained(&self, query: &str, unknown: usize) {
        let by = ByQuery::named(query);
        self.unknown_maintenance
            .get_or_create(&by)
            .set(level(unknown));
    }

    pub(crate) fn judged_until(&self, query: &str, cursor: Timestamp) {
        self.judged_until
            .get_or_create(&ByQuery::named(query))
            .set(cursor.as_secs_f64());
    }

    pub(crate) fn failed(&self, query: &str, kind: &'static str) {
        let query = query.to_owned();
        self.failures.get_or_create(&ByKind { query, kind }).inc();
    }

    pub(crate) fn skewed(&self, skew_ms: i64) {
        self.clock_skew.set(skew_ms as f64 / 1_000.0);
    }
}
