//! The metrics of a service, in the OpenMetrics text format.

use super::{Role, lock};
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Upper bounds of the latency buckets, in seconds.
const BOUNDS: [f64; 14] = [
    0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: u16,
}

/// An edge of the call graph.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Edge {
    client: &'static str,
    server: &'static str,
}

type Seconds = Counter<f64, AtomicU64>;

/// Counters and gauges of one service.
#[derive(Debug)]
pub(crate) struct Telemetry {
    registry: Registry,
    role: Role,
    requests: Family<ByStatus, Counter>,
    latency: Histogram,
    in_flight: Gauge,
    queue: Gauge,
    lock_wait: Seconds,
    pool_in_use: Gauge,
    pool_wait: Seconds,
    calls: Family<Edge, Counter>,
    failed_calls: Family<Edge, Counter>,
    hits: Counter,
    misses: Counter,
    process: Process,
}

/// What is known of the connections of a pool.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Connections in use.
    pub(crate) in_use: AtomicI64,
    /// Nanoseconds that requests waited for one, not shown yet.
    pub(crate) waited: AtomicU64,
}

#[derive(Debug, Default)]
struct Process {
    cpu: Seconds,
    cpu_shown: Mutex<f64>,
    resident: Gauge,
    threads: Gauge,
    descriptors: Gauge,
    connections: Gauge,
}

impl Telemetry {
    /// Metrics at zero.
    pub(crate) fn new(role: Role) -> Self {
        let mut new = Self {
            registry: Registry::default(),
            role,
            requests: Family::default(),
            latency: Histogram::new(BOUNDS),
            in_flight: Gauge::default(),
            queue: Gauge::default(),
            lock_wait: Seconds::default(),
            pool_in_use: Gauge::default(),
            pool_wait: Seconds::default(),
            calls: Family::default(),
            failed_calls: Family::default(),
            hits: Counter::default(),
            misses: Counter::default(),
            process: Process::default(),
        };
        new.register();
        // Shown from the start, so that the first failure is an increase.
        for status in [200, 500] {
            drop(new.requests.get_or_create(&ByStatus { status }));
        }
        for &(callee, _) in role.callees() {
            drop(new.calls.get_or_create(&new.edge(callee)));
            drop(new.failed_calls.get_or_create(&new.edge(callee)));
        }
        new
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("http_requests", "Requests", self.requests.clone());
        let help = "Time to answer";
        to.register("request_duration_seconds", help, self.latency.clone());
        let help = "Requests being answered";
        to.register("in_flight_requests", help, self.in_flight.clone());
        to.register("queue_depth", "Work that waits", self.queue.clone());
        let help = "Time that requests waited for the lock";
        to.register("lock_wait_seconds", help, self.lock_wait.clone());
        let help = "Connections in use";
        to.register("pool_in_use", help, self.pool_in_use.clone());
        let help = "Time that requests waited for a connection";
        to.register("pool_wait_seconds", help, self.pool_wait.clone());
        let help = "Calls of others";
        to.register("traces_service_graph_request", help, self.calls.clone());
        let help = "Calls of others that failed";
        let name = "traces_service_graph_request_failed";
        to.register(name, help, self.failed_calls.clone());
        if self.role == Role::Cache {
            to.register("cache_hits", "Found", self.hits.clone());
            to.register("cache_misses", "Not found", self.misses.clone());
        }
        let process = &self.process;
        let help = "CPU time, user and system";
        to.register("process_cpu_seconds", help, process.cpu.clone());
        let help = "Resident memory";
        to.register(
            "process_resident_memory_bytes",
            help,
            process.resident.clone(),
        );
        to.register("process_threads", "Threads", process.threads.clone());
        let help = "Open file descriptors";
        to.register("process_open_fds", help, process.descriptors.clone());
        let help = "Open sockets";
        to.register("open_connections", help, process.connections.clone());
    }

    const fn edge(&self, callee: Role) -> Edge {
        Edge {
            client: self.role.name(),
            server: callee.name(),
        }
    }

    /// A request begins.
    pub(crate) fn begin(&self) -> Request<'_> {
        self.in_flight.inc();
        Request {
            telemetry: self,
            begun: Instant::now(),
            status: 499,
        }
    }

    /// A call of another service ended.
    pub(crate) fn called(&self, callee: Role, ok: bool) {
        self.calls.get_or_create(&self.edge(callee)).inc();
        if !ok {
            self.failed_calls.get_or_create(&self.edge(callee)).inc();
        }
    }

    /// A request waited for the lock.
    pub(crate) fn waited_for_lock(&self, time: Duration) {
        self.lock_wait.inc_by(time.as_secs_f64());
    }

    /// Work was queued (1) or done (-1).
    pub(crate) fn queued(&self, change: i64) {
        self.queue.inc_by(change);
    }

    /// A lookup in the cache.
    pub(crate) fn looked_up(&self, found: bool) {
        if found {
            self.hits.inc();
        } else {
            self.misses.inc();
        }
    }

    /// The exposition. The target labels (`job`, `service`, `instance`) come from the scrape.
    pub(crate) fn render<'a>(&self, pools: impl Iterator<Item = &'a Pool>) -> String {
        use std::sync::atomic::Ordering::Relaxed;
        let mut in_use = 0;
        for pool in pools {
            in_use += pool.in_use.load(Relaxed);
            let waited = Duration::from_nanos(pool.waited.swap(0, Relaxed));
            self.pool_wait.inc_by(waited.as_secs_f64());
        }
        self.pool_in_use.set(in_use);
        self.process.update();
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _infallible = encode(&mut text, &self.registry);
        text
    }
}

/// A request being answered; counted with status 499 when dropped before its end.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    telemetry: &'a Telemetry,
    begun: Instant,
    status: u16,
}

impl Request<'_> {
    /// The answer is known.
    pub(crate) fn finish(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        let Telemetry {
            requests, latency, ..
        } = self.telemetry;
        let status = self.status;
        requests.get_or_create(&ByStatus { status }).inc();
        latency.observe(self.begun.elapsed().as_secs_f64());
        self.telemetry.in_flight.dec();
    }
}

impl Process {
    /// What the kernel says about this process (Linux, 4 KiB pages, 100 ticks a second).
    fn update(&self) {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let stat = read("/proc/self/stat");
        let fields: Vec<i64> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .map(|field| field.parse().unwrap_or_default())
            .collect();
        // Fields 14, 15, 20 and 24 of proc(5); the first two are cut off.
        let field = |n: usize| fields.get(n - 3).copied().unwrap_or_default();
        let cpu = (field(14) + field(15)) as f64 / 100.0;
        let mut shown = lock(&self.cpu_shown);
        self.cpu.inc_by((cpu - *shown).max(0.0));
        *shown = cpu;
        self.threads.set(field(20));
        self.resident.set(field(24) * 4096);
        let (mut all, mut sockets) = (0, 0);
        for entry in std::fs::read_dir("/proc/self/fd")
            .into_iter()
            .flatten()
            .flatten()
        {
            all += 1;
            let link = std::fs::read_link(entry.path()).unwrap_or_default();
            sockets += i64::from(link.to_string_lossy().starts_with("socket:"));
        }
        self.descriptors.set(all);
        self.connections.set(sockets);
    }
}

/// A pool, shared with whoever holds one of its connections.
pub(crate) type SharedPool = Arc<Pool>;

#[cfg(test)]
mod tests {
    use super::{Role, Telemetry};

    #[test]
    fn a_request_that_is_given_up_counts() {
        let telemetry = Telemetry::new(Role::Orders);
        telemetry.begin().finish(200);
        drop(telemetry.begin());
        telemetry.called(Role::Stock, false);
        let text = telemetry.render(std::iter::empty());
        for line in [
            "http_requests_total{status=\"200\"} 1",
            "http_requests_total{status=\"499\"} 1",
            "http_requests_total{status=\"500\"} 0",
            "request_duration_seconds_count 2",
            "in_flight_requests 0",
            "traces_service_graph_request_failed_total{client=\"orders\",server=\"stock\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} missing in\n{text}");
        }
        assert!(text.contains("process_resident_memory_bytes"));
    }
}
