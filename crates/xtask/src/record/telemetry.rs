//! The metrics of a workload service, in the Prometheus text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the latency buckets, in seconds.
const BOUNDS: [f64; 15] = [
    0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5,
];

/// Counters and gauges of one service.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    succeeded: AtomicU64,
    failed: AtomicU64,
    nanos: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len()],
    /// Requests being handled.
    pub(crate) in_flight: AtomicI64,
    /// Work that waits: connections, the outbox of `orders`, the jobs of `worker`.
    pub(crate) queue: AtomicI64,
    /// Bytes held in the cache.
    pub(crate) cache: AtomicU64,
    /// Bytes written to files.
    pub(crate) written: AtomicU64,
}

impl Telemetry {
    /// Counts one finished request.
    pub(crate) fn finished(&self, ok: bool, took: Duration) {
        let counter = if ok { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Relaxed);
        let seconds = took.as_secs_f64();
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            if seconds <= *bound {
                bucket.fetch_add(1, Relaxed);
            }
        }
    }

    /// The exposition. The target labels (`job`, `service`, `instance`) come from the scrape.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        let (ok, bad) = (self.succeeded.load(Relaxed), self.failed.load(Relaxed));
        let mut line = |text: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            let _infallible = writeln!(out, "{text}");
        };
        line(format_args!("# TYPE http_requests_total counter"));
        line(format_args!("http_requests_total{{status=\"200\"}} {ok}"));
        line(format_args!("http_requests_total{{status=\"500\"}} {bad}"));
        line(format_args!("# TYPE request_duration_seconds histogram"));
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            let count = bucket.load(Relaxed);
            line(format_args!(
                "request_duration_seconds_bucket{{le=\"{bound}\"}} {count}"
            ));
        }
        let all = ok + bad;
        let sum = Duration::from_nanos(self.nanos.load(Relaxed)).as_secs_f64();
        line(format_args!(
            "request_duration_seconds_bucket{{le=\"+Inf\"}} {all}"
        ));
        line(format_args!("request_duration_seconds_sum {sum}"));
        line(format_args!("request_duration_seconds_count {all}"));
        let process = Process::read();
        for (name, kind, value) in [
            (
                "in_flight_requests",
                "gauge",
                self.in_flight.load(Relaxed).to_string(),
            ),
            ("queue_depth", "gauge", self.queue.load(Relaxed).to_string()),
            ("cache_bytes", "gauge", self.cache.load(Relaxed).to_string()),
            (
                "file_written_bytes_total",
                "counter",
                self.written.load(Relaxed).to_string(),
            ),
            (
                "process_resident_memory_bytes",
                "gauge",
                process.resident.to_string(),
            ),
            (
                "process_cpu_seconds_total",
                "counter",
                process.cpu.to_string(),
            ),
            ("process_open_fds", "gauge", process.fds.to_string()),
        ] {
            line(format_args!("# TYPE {name} {kind}"));
            line(format_args!("{name} {value}"));
        }
        out
    }
}

/// What the kernel says about this process (Linux, 4 KiB pages, 100 ticks a second).
#[derive(Debug, Default)]
struct Process {
    resident: u64,
    cpu: f64,
    fds: usize,
}

impl Process {
    fn read() -> Self {
        let field = |text: &str, n: usize| text.split_whitespace().nth(n)?.parse::<u64>().ok();
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks =
            field(after_name, 11).unwrap_or_default() + field(after_name, 12).unwrap_or_default();
        Self {
            resident: field(&statm, 1).unwrap_or_default() * 4096,
            cpu: Duration::from_millis(ticks * 10).as_secs_f64(),
            fds: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Telemetry;
    use std::time::Duration;

    #[test]
    fn exposition_holds_cumulative_buckets() {
        let telemetry = Telemetry::default();
        telemetry.finished(true, Duration::from_millis(4));
        telemetry.finished(false, Duration::from_millis(40));
        let text = telemetry.render();
        for line in [
            "http_requests_total{status=\"500\"} 1",
            "request_duration_seconds_bucket{le=\"0.005\"} 1",
            "request_duration_seconds_bucket{le=\"0.05\"} 2",
            "request_duration_seconds_count 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} missing in\n{text}");
        }
    }
}
