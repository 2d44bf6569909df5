//! Everything that runs during a recording, and the injection of incidents into it.

use super::Result;
use super::http;
use super::labels::{Incident, Place};
use super::load::Load;
use super::now;
use super::pressure;
use super::process::{Managed, free_ports};
use super::prometheus::{Server, Target, exporter_args};
use super::schedule::{Kind, Planned};
use super::service::{Config, Role, calibrate};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;

/// The running cast: exporter, services, load, Prometheus. Dropping it stops all of them.
#[derive(Debug)]
pub(crate) struct Stage {
    dir: PathBuf,
    load: Load,
    exporter: Managed,
    exporter_port: u16,
    gateway: Managed,
    orders: Managed,
    store: Managed,
    worker: Managed,
    worker_config: Config,
    orders_admin: u16,
    store_admin: u16,
    /// The server that records.
    pub(crate) prometheus: Server,
}

fn start_service(dir: &Path, name: &str, config: &Config) -> Result<Managed> {
    let args = ["record-service".to_owned(), serde_json::to_string(config)?];
    Managed::own(name, &args, &dir.join(format!("{name}.log")))
}

fn start_exporter(dir: &Path, port: u16) -> Result<Managed> {
    let log = dir.join("exporter.log");
    let program = "prometheus-node-exporter";
    Managed::foreign(program, program, &exporter_args(port), &log)
}

impl Stage {
    /// Starts everything in `dir`.
    pub(crate) fn start(dir: &Path, day: Duration, scrape: Duration, seed: u64) -> Result<Self> {
        let ports = free_ports(10)?;
        let [
            p0,
            p1,
            p2,
            p3,
            p4,
            p5,
            p6,
            p7,
            exporter_port,
            prometheus_port,
        ] = ports[..]
        else {
            return Err("too few ports".into());
        };
        let rounds_per_ms = calibrate();
        eprintln!("record: {rounds_per_ms} hash rounds a millisecond");
        let config = |role, name: &str, port, admin, next, worker, salt| Config {
            role,
            port,
            admin,
            next,
            worker,
            file: dir.join(format!("{name}.dat")),
            rounds_per_ms,
            seed: seed + salt,
        };
        let worker_config = config(Role::Worker, "worker", p6, p7, 0, 0, 4);
        let exporter = start_exporter(dir, exporter_port)?;
        let store = start_service(dir, "store", &config(Role::Store, "store", p4, p5, 0, 0, 3))?;
        let worker = start_service(dir, "worker", &worker_config)?;
        let orders = start_service(
            dir,
            "orders",
            &config(Role::Orders, "orders", p2, p3, p4, p6, 2),
        )?;
        let gateway = start_service(
            dir,
            "gateway",
            &config(Role::Gateway, "gateway", p0, p1, p2, 0, 1),
        )?;
        let targets = [
            ("node", exporter_port),
            ("gateway", p1),
            ("orders", p3),
            ("store", p5),
            ("worker", p7),
        ]
        .map(|(job, port)| Target { job, port });
        let prometheus = Server::start(dir, prometheus_port, &targets, scrape)?;
        let load = Load::start(p0, day, dir.join("background.dat"), seed);
        Ok(Self {
            dir: dir.to_owned(),
            load,
            exporter,
            exporter_port,
            gateway,
            orders,
            store,
            worker,
            worker_config,
            orders_admin: p3,
            store_admin: p5,
            prometheus,
        })
    }

    /// Fails when something that should run has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        for process in [
            &mut self.exporter,
            &mut self.gateway,
            &mut self.orders,
            &mut self.store,
            &mut self.worker,
            &mut self.prometheus.process,
        ] {
            process.check()?;
        }
        Ok(())
    }

    /// Requests answered and failed so far.
    pub(crate) fn totals(&self) -> (u64, u64) {
        self.load.totals()
    }

    /// Process ids, for the log.
    pub(crate) fn ids(&self) -> Vec<u32> {
        [
            &self.exporter,
            &self.gateway,
            &self.orders,
            &self.store,
            &self.worker,
            &self.prometheus.process,
        ]
        .map(Managed::id)
        .to_vec()
    }

    /// Injects an incident, waits until it is over, and returns what was measured. An incident
    /// without a length gets `end` as its end.
    pub(crate) fn inject(&mut self, planned: Planned, end: i64) -> Result<Incident> {
        let lasts = planned.lasts;
        let from = now();
        let begun = Instant::now();
        match planned.kind {
            Kind::CpuBurn => pressure::burn_cpu(lasts),
            Kind::DiskIoStorm => pressure::storm_disk(&self.dir, lasts)?,
            Kind::NetworkFlood => pressure::flood_loopback(lasts)?,
            Kind::MemoryLeak => {
                let (bytes, millis) = (320 * MIB, lasts.as_millis());
                control(self.orders_admin, &format!("leak/{bytes}/{millis}"))?;
                std::thread::sleep(lasts);
                control(self.orders_admin, "free")?;
            }
            Kind::ProcessKilled => {
                self.worker.kill()?;
                std::thread::sleep(lasts);
                self.worker = start_service(&self.dir, "worker", &self.worker_config)?;
            }
            Kind::ExporterDown => {
                self.exporter.stop();
                std::thread::sleep(lasts.saturating_sub(begun.elapsed()));
                self.exporter = start_exporter(&self.dir, self.exporter_port)?;
            }
            Kind::LevelShift => {
                self.load.set_percent(135);
                control(self.store_admin, &format!("cache/{}", 60 * MIB))?;
            }
            Kind::Latency => {
                control(self.store_admin, "contention/25")?;
                std::thread::sleep(lasts);
                control(self.store_admin, "contention/0")?;
            }
            Kind::ErrorBurst => {
                control(self.orders_admin, "errors/300")?;
                std::thread::sleep(lasts);
                control(self.orders_admin, "errors/4")?;
            }
        }
        let to = if lasts.is_zero() { end } else { now() };
        Ok(describe(planned.kind, from, to))
    }
}

fn control(port: u16, what: &str) -> Result<()> {
    http::get(port, &format!("/control/{what}"), Duration::from_secs(5))?;
    Ok(())
}

/// Where an incident is, which series show it, and what it is in words.
fn describe(kind: Kind, from: i64, to: i64) -> Incident {
    let (service, symptoms, note): (&str, &[&str], &str) = match kind {
        Kind::CpuBurn => (
            "node",
            &[
                "node:cpu_user:ratio",
                "node_load1",
                "service:latency_seconds:mean30s{service=\"gateway\"}",
                "service:latency_seconds:p95_30s{service=\"gateway\"}",
            ],
            "Busy threads on every core, at the priority of the services.",
        ),
        Kind::MemoryLeak => (
            "orders",
            &["process_resident_memory_bytes{service=\"orders\"}"],
            "The service keeps 320 MiB more, growing steadily, then frees it.",
        ),
        Kind::DiskIoStorm => (
            "node",
            &[
                "node:disk_written:rate30s",
                "node:disk_io_time:rate30s",
                "node:disk_writes:rate30s",
                "node:cpu_iowait:ratio",
            ],
            "Two writers flush every 64 KiB to the disk that the store and the worker write to.",
        ),
        Kind::NetworkFlood => (
            "node",
            &[
                "node:network_lo_receive:rate30s",
                "node:network_lo_packets:rate30s",
                "node:context_switches:rate30s",
            ],
            "Bulk traffic over the loopback device, about 60 MB/s.",
        ),
        Kind::ProcessKilled => (
            "worker",
            &[
                "up{service=\"worker\"}",
                "queue_depth{service=\"orders\"}",
                "service:requests:rate30s{service=\"worker\"}",
                "process_resident_memory_bytes{service=\"worker\"}",
            ],
            "SIGKILL; its series go absent while the outbox of orders grows. After the restart \
             the worker is busy with the backlog for a while.",
        ),
        Kind::ExporterDown => (
            "node",
            &["up{service=\"node\"}", "node_load1", "node:cpu_user:ratio"],
            "The node exporter is stopped: the series of the node go absent, the services are \
             well. A failure of monitoring, not of the system.",
        ),
        Kind::LevelShift => (
            "gateway",
            &[
                "service:requests:rate30s{service=\"gateway\"}",
                "service:cache:bytes{service=\"store\"}",
                "process_resident_memory_bytes{service=\"store\"}",
            ],
            "Benign: 35 % more traffic for good, and the cache of the store is enlarged by 60 MiB \
             once. The allocator holds more than that until the old entries are replaced.",
        ),
        Kind::Latency => (
            "store",
            &[
                "service:latency_seconds:mean30s{service=\"store\"}",
                "service:latency_seconds:p95_30s{service=\"store\"}",
                "service:latency_seconds:mean30s{service=\"orders\"}",
                "service:latency_seconds:mean30s{service=\"gateway\"}",
                "service:in_flight:mean30s{service=\"store\"}",
            ],
            "Lock contention: handlers of the store wait for each other, orders and gateway for \
             them.",
        ),
        Kind::ErrorBurst => (
            "orders",
            &[
                "service:errors:ratio30s{service=\"orders\"}",
                "service:errors:rate30s{service=\"orders\"}",
                "service:errors:ratio30s{service=\"gateway\"}",
            ],
            "orders answers 30 % of its requests with status 500; the gateway passes them on.",
        ),
    };
    Incident {
        kind,
        fault: kind != Kind::LevelShift,
        place: Place {
            service: service.to_owned(),
        },
        from,
        to,
        symptoms: symptoms.iter().map(|s| (*s).to_owned()).collect(),
        note: note.to_owned(),
    }
}
