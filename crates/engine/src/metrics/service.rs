//! The service itself: configuration, state, what it writes, and its process.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bongsu_prometheus::WriteStatus;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{ByOutcome, Following, STAGE_BUCKETS, Seconds, added, level, now_in_seconds};
use crate::process;

fn timed(all: &mut Registry, name: &str, help: &str) -> Histogram {
    let histogram = Histogram::new(STAGE_BUCKETS);
    all.register_with_unit(name, help, Unit::Seconds, histogram.clone());
    histogram
}

#[derive(Debug, Clone)]
pub(crate) struct ServiceMetrics {
    reloads: Family<ByOutcome, Counter>,
    reload_worked: Gauge,
    saves: Family<ByOutcome, Counter>,
    save_duration: Histogram,
    journal_duration: Histogram,
    state_bytes: Gauge,
    unwritten: Gauge,
    /// Written, refused and dropped.
    written: [Following; 3],
    write_queue: Gauge,
    resident: Gauge,
    cpu: Counter<f64, AtomicU64>,
}

impl ServiceMetrics {
    pub(super) fn register(all: &mut Registry) -> Self {
        let reload_worked: Gauge = added(
            all,
            "config_last_reload_successful",
            "Whether the newest configuration is at work",
        );
        reload_worked.set(1);
        let reloads = added(all, "config_reloads", "New configurations, by outcome");
        let saves = added(all, "state_saves", "Saves of the state, by outcome");
        let save_duration = timed(
            all,
            "state_save_duration",
            "How long a save of the state took",
        );
        let journal_duration = timed(
            all,
            "journal_write_duration",
            "How long appending verdicts to their file took",
        );
        let state_bytes = added(all, "state_bytes", "The size of the saved state");
        let unwritten = added(
            all,
            "journal_unwritten_bytes",
            "Verdicts that could not be appended to their file yet",
        );
        let samples: Family<ByOutcome, Counter> = added(
            all,
            "remote_write_samples",
            "Samples of remote write, by outcome",
        );
        let written = ["written", "refused", "dropped"]
            .map(|outcome| Following::new(samples.get_or_create(&ByOutcome { outcome }).clone()));
        let write_queue = added(
            all,
            "remote_write_queue",
            "Samples that wait for the server of remote write",
        );
        let process = all.sub_registry_with_prefix("process");
        let start: Seconds = added(
            process,
            "start_timestamp_seconds",
            "When the service started",
        );
        start.set(now_in_seconds());
        Self {
            reloads,
            reload_worked,
            saves,
            save_duration,
            journal_duration,
            state_bytes,
            unwritten,
            written,
            write_queue,
            resident: added(
                process,
                "resident_memory_bytes",
                "Memory that the process holds",
            ),
            cpu: added(process, "cpu_seconds", "Time that the process has used"),
        }
    }

    pub(crate) fn reloaded(&self, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.reloads.get_or_create(&ByOutcome { outcome }).inc();
        self.reload_worked.set(i64::from(ok));
    }

    /// A save of the state, and its size when it succeeded.
    pub(crate) fn saved(&self, bytes: Option<u64>) {
        let outcome = if bytes.is_some() { "ok" } else { "failed" };
        self.saves.get_or_create(&ByOutcome { outcome }).inc();
        if let Some(bytes) = bytes {
            self.state_bytes.set(level(bytes));
        }
    }

    /// The size of the state that an earlier run has saved.
    pub(crate) fn found(&self, bytes: u64) {
        self.state_bytes.set(level(bytes));
    }

    pub(crate) fn save_took(&self, time: Duration) {
        self.save_duration.observe(time.as_secs_f64());
    }

    pub(crate) fn journal_took(&self, time: Duration) {
        self.journal_duration.observe(time.as_secs_f64());
    }

    pub(crate) fn set_unwritten(&self, bytes: usize) {
        self.unwritten.set(level(bytes));
    }

    pub(crate) fn set_written(&self, status: &WriteStatus) {
        self.write_queue.set(level(status.queued));
        let counts = [status.written, status.refused, status.dropped];
        for (following, count) in self.written.iter().zip(counts) {
            following.see(count);
        }
    }

    /// Looks at the process itself.
    pub(crate) fn look_at_process(&self) {
        if let Some(bytes) = process::resident_bytes() {
            self.resident.set(level(bytes));
        }
        if let Some(used) = process::cpu_seconds() {
            self.cpu.inc_by((used - self.cpu.get()).max(0.0));
        }
    }
}
