//! The service's own metrics.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use bongsu_alert::SuppressorStatus;
use bongsu_core::Timestamp;
use bongsu_prometheus::{Quality, WriteStatus};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::judge::Judged;
use crate::process;
use crate::training::{Reason, TrainingState};

type Seconds = Gauge<f64, AtomicU64>;

/// From a millisecond to a minute.
const STAGE_BUCKETS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 3.0, 10.0, 30.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByQuery {
    query: String,
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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySink {
    sink: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTraining {
    query: String,
    reason: String,
    outcome: &'static str,
}

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

/// A part of the work on a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Asking for data, until they are decoded.
    Fetch,
    /// Judging them.
    Judge,
}

/// Everything that `/metrics` shows. Clones share the values.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    stages: Family<ByStage, Histogram>,
    verdicts: Family<ByQuery, Counter>,
    anomalies: Family<ByQuery, Counter>,
    failures: Family<ByQuery, Counter>,
    last_success: Family<ByQuery, Seconds>,
    judged_until: Family<ByQuery, Seconds>,
    series: Family<ByQuery, Gauge>,
    data_problems: Family<ByKind, Counter>,
    fired: Counter,
    resolved: Counter,
    pages: Counter,
    held_groups: Gauge,
    forgotten: Gauge,
    firing: Gauge,
    deliveries_failed: Family<BySink, Counter>,
    alerts_lost: Family<BySink, Counter>,
    alerts_waiting: Family<BySink, Gauge>,
    trainings: Family<ByTraining, Counter>,
    training_time: Family<ByQuery, Counter<f64, AtomicU64>>,
    model_version: Family<ByQuery, Gauge>,
    model_trained: Family<ByQuery, Seconds>,
    drifted: Family<ByQuery, Gauge>,
    reloads: Family<ByOutcome, Counter>,
    reload_worked: Gauge,
    saves: Family<ByOutcome, Counter>,
    unwritten: Gauge,
    written: Family<ByOutcome, Gauge>,
    write_queue: Gauge,
    resident: Gauge,
    cpu: Counter<f64, AtomicU64>,
}

fn now_in_seconds() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

impl Metrics {
    /// All metrics at 0, and the registry that shows them.
    pub(crate) fn new() -> (Self, Registry) {
        let metrics = Self {
            stages: Family::new_with_constructor(|| Histogram::new(STAGE_BUCKETS)),
            verdicts: Family::default(),
            anomalies: Family::default(),
            failures: Family::default(),
            last_success: Family::default(),
            judged_until: Family::default(),
            series: Family::default(),
            data_problems: Family::default(),
            fired: Counter::default(),
            pages: Counter::default(),
            held_groups: Gauge::default(),
            forgotten: Gauge::default(),
            resolved: Counter::default(),
            firing: Gauge::default(),
            deliveries_failed: Family::default(),
            alerts_lost: Family::default(),
            alerts_waiting: Family::default(),
            trainings: Family::default(),
            training_time: Family::default(),
            model_version: Family::default(),
            model_trained: Family::default(),
            drifted: Family::default(),
            reloads: Family::default(),
            reload_worked: Gauge::default(),
            saves: Family::default(),
            unwritten: Gauge::default(),
            written: Family::default(),
            write_queue: Gauge::default(),
            resident: Gauge::default(),
            cpu: Counter::default(),
        };
        let registry = metrics.registry();
        (metrics, registry)
    }

    fn registry(&self) -> Registry {
        let mut all = Registry::with_prefix("bongsu");
        all.register(
            "build",
            "The version that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        all.register_with_unit(
            "stage_duration",
            "How long fetching and judging the data of a query took",
            Unit::Seconds,
            self.stages.clone(),
        );
        all.register("verdicts", "Points judged", self.verdicts.clone());
        all.register(
            "anomalies",
            "Points found anomalous",
            self.anomalies.clone(),
        );
        all.register(
            "query_failures",
            "Queries that failed",
            self.failures.clone(),
        );
        all.register(
            "query_last_success_timestamp_seconds",
            "When a query last succeeded",
            self.last_success.clone(),
        );
        all.register(
            "query_judged_until_timestamp_seconds",
            "The newest moment up to which a query is judged",
            self.judged_until.clone(),
        );
        all.register(
            "query_series",
            "Series that a query judges",
            self.series.clone(),
        );
        all.register(
            "data_problems",
            "What was wrong with data, by kind",
            self.data_problems.clone(),
        );
        all.register("alerts_fired", "Alerts that fired", self.fired.clone());
        all.register(
            "alerts_resolved",
            "Alerts that were resolved",
            self.resolved.clone(),
        );
        all.register("pages", "Messages made for receivers", self.pages.clone());
        all.register(
            "held_groups",
            "Groups of alerts whose messages wait for the budget",
            self.held_groups.clone(),
        );
        all.register(
            "suppression_alerts_forgotten",
            "Alerts that suppression forgot because there were too many",
            self.forgotten.clone(),
        );
        all.register("alerts_firing", "Alerts that fire now", self.firing.clone());
        all.register(
            "sink_failures",
            "Deliveries that failed and are tried again",
            self.deliveries_failed.clone(),
        );
        all.register(
            "sink_alerts_lost",
            "Alerts that were given up",
            self.alerts_lost.clone(),
        );
        all.register(
            "sink_queue",
            "Alerts that wait for a sink, as of its last delivery",
            self.alerts_waiting.clone(),
        );
        self.register_training(&mut all);
        all.register(
            "state_saves",
            "Saves of the state, by outcome",
            self.saves.clone(),
        );
        all.register(
            "journal_unwritten_bytes",
            "Verdicts that could not be appended to their file yet",
            self.unwritten.clone(),
        );
        all.register(
            "remote_write_samples",
            "Samples of remote write since the start, by outcome",
            self.written.clone(),
        );
        all.register(
            "remote_write_queue",
            "Samples that wait for the server of remote write",
            self.write_queue.clone(),
        );
        let process = all.sub_registry_with_prefix("process");
        process.register(
            "resident_memory_bytes",
            "Memory that the process holds",
            self.resident.clone(),
        );
        process.register(
            "cpu_seconds",
            "Time that the process has used",
            self.cpu.clone(),
        );
        let start: Seconds = Gauge::default();
        start.set(now_in_seconds());
        process.register("start_timestamp_seconds", "When the service started", start);
        all
    }

    fn register_training(&self, all: &mut Registry) {
        all.register(
            "trainings",
            "Trainings of detectors, by reason and outcome",
            self.trainings.clone(),
        );
        all.register_with_unit(
            "training",
            "Time that trainings took",
            Unit::Seconds,
            self.training_time.clone(),
        );
        all.register(
            "model_version",
            "The version of the trained detectors at work",
            self.model_version.clone(),
        );
        all.register(
            "model_trained_timestamp_seconds",
            "The end of the data that the detectors at work were trained on",
            self.model_trained.clone(),
        );
        all.register(
            "drifted_series",
            "Series that have drifted since their detectors were trained",
            self.drifted.clone(),
        );
        all.register(
            "config_reloads",
            "New configurations, by outcome",
            self.reloads.clone(),
        );
        self.reload_worked.set(1);
        all.register(
            "config_last_reload_successful",
            "Whether the newest configuration is at work",
            self.reload_worked.clone(),
        );
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
        let query = query.to_owned();
        let time = self.training_time.get_or_create(&ByQuery { query });
        time.inc_by(took.as_secs_f64());
    }

    /// Which detectors are at work, and how many series have drifted since.
    pub(crate) fn at_work(&self, query: &str, state: &TrainingState) {
        let Some(trained) = state.trained else {
            return;
        };
        let by = ByQuery {
            query: query.to_owned(),
        };
        let version = i64::try_from(state.version).unwrap_or(i64::MAX);
        self.model_version.get_or_create(&by).set(version);
        self.model_trained
            .get_or_create(&by)
            .set(trained.as_secs_f64());
        let drifted = i64::try_from(state.drifted()).unwrap_or(i64::MAX);
        self.drifted.get_or_create(&by).set(drifted);
    }

    /// A query that is not there any more: what would look like a failure of it goes.
    pub(crate) fn forget(&self, query: &str) {
        let by = ByQuery {
            query: query.to_owned(),
        };
        for gauges in [&self.last_success, &self.judged_until, &self.model_trained] {
            gauges.remove(&by);
        }
        for gauges in [&self.series, &self.model_version, &self.drifted] {
            gauges.remove(&by);
        }
    }

    pub(crate) fn reloaded(&self, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.reloads.get_or_create(&ByOutcome { outcome }).inc();
        self.reload_worked.set(i64::from(ok));
    }

    pub(crate) fn took(&self, query: &str, stage: Stage, time: Duration) {
        let query = query.to_owned();
        let stage = match stage {
            Stage::Fetch => "fetch",
            Stage::Judge => "judge",
        };
        let stages = self.stages.get_or_create(&ByStage { query, stage });
        stages.observe(time.as_secs_f64());
    }

    pub(crate) fn succeeded(&self, query: &str, quality: &Quality, judged: &Judged, series: usize) {
        let by = ByQuery {
            query: query.to_owned(),
        };
        self.last_success.get_or_create(&by).set(now_in_seconds());
        let series = i64::try_from(series).unwrap_or(i64::MAX);
        self.series.get_or_create(&by).set(series);
        self.verdicts
            .get_or_create(&by)
            .inc_by(judged.findings.len() as u64);
        let anomalies = judged
            .findings
            .iter()
            .filter(|f| f.verdict.anomalous)
            .count();
        self.anomalies.get_or_create(&by).inc_by(anomalies as u64);
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

    pub(crate) fn judged_until(&self, query: &str, cursor: Timestamp) {
        let by = ByQuery {
            query: query.to_owned(),
        };
        self.judged_until
            .get_or_create(&by)
            .set(cursor.as_secs_f64());
    }

    pub(crate) fn failed(&self, query: &str) {
        let query = query.to_owned();
        self.failures.get_or_create(&ByQuery { query }).inc();
    }

    pub(crate) fn fired(&self) {
        self.fired.inc();
    }

    pub(crate) fn resolved(&self) {
        self.resolved.inc();
    }

    pub(crate) fn paged(&self, pages: usize, status: SuppressorStatus) {
        self.pages.inc_by(pages as u64);
        let level = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.held_groups.set(level(status.held_groups as u64));
        self.forgotten.set(level(status.dropped));
    }

    pub(crate) fn delivered(&self, delivery: &bongsu_alert::Delivery) {
        let by = BySink {
            sink: delivery.sink.clone(),
        };
        let failed = u64::from(delivery.result.is_err());
        self.deliveries_failed.get_or_create(&by).inc_by(failed);
        self.alerts_lost.get_or_create(&by).inc_by(delivery.lost);
        let waiting = i64::try_from(delivery.queued).unwrap_or(i64::MAX);
        self.alerts_waiting.get_or_create(&by).set(waiting);
    }

    pub(crate) fn saved(&self, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.saves.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// What is looked up rather than counted.
    pub(crate) fn set_levels(
        &self,
        firing: usize,
        unwritten: usize,
        written: Option<&WriteStatus>,
    ) {
        let level = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.firing.set(level(firing));
        self.unwritten.set(level(unwritten));
        let Some(status) = written else {
            return;
        };
        self.write_queue.set(level(status.queued));
        for (outcome, count) in [
            ("written", status.written),
            ("refused", status.refused),
            ("dropped", status.dropped),
        ] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.written
                .get_or_create(&ByOutcome { outcome })
                .set(count);
        }
    }

    /// Looks at the process itself.
    pub(crate) fn look_at_process(&self) {
        if let Some(bytes) = process::resident_bytes() {
            self.resident.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        if let Some(used) = process::cpu_seconds() {
            self.cpu.inc_by((used - self.cpu.get()).max(0.0));
        }
    }
}
