//! One process of the system: `lab serve CONFIG`.
//!
//! ```text
//! gateway ─┬─> orders ─┬─> stock ─┬─> cache
//!          │           │          └─> database
//!          │           ├─> payments ──> database
//!          │           └─> worker ────> database   (a queue)
//!          └─> recommendations ─┬─> cache
//!                               └─> database
//! ```
//!
//! Each process has one thread for its requests, as an event loop has; SQL runs in threads beside
//! it. Handlers do real work: they hash and build JSON, wait for a lock and for connections of a
//! pool, call others with time limits and retries, and query SQLite.

mod database;
mod dependency;
mod faults;
mod handlers;
mod telemetry;

use crate::Result;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use database::Database;
use dependency::Dependency;
use faults::Faults;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use telemetry::Telemetry;
use tokio::sync::{Notify, mpsc};

pub(crate) use faults::Kind as FaultKind;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Where requests come in.
    Gateway,
    /// Takes orders: reserves, charges, hands a job to the worker.
    Orders,
    /// What to show: products from the cache, else from the database.
    Recommendations,
    /// How much there is of a product.
    Stock,
    /// Checks and charges.
    Payments,
    /// Works through a queue of jobs.
    Worker,
    /// Keeps answers in memory.
    Cache,
    /// SQLite behind HTTP.
    Database,
}

impl Role {
    /// All, callees before callers: the order in which they start.
    pub(crate) const ALL: [Self; 8] = [
        Self::Database,
        Self::Cache,
        Self::Worker,
        Self::Payments,
        Self::Stock,
        Self::Recommendations,
        Self::Orders,
        Self::Gateway,
    ];

    /// Its name, as in labels.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Orders => "orders",
            Self::Recommendations => "recommendations",
            Self::Stock => "stock",
            Self::Payments => "payments",
            Self::Worker => "worker",
            Self::Cache => "cache",
            Self::Database => "database",
        }
    }

    /// Whom it calls, and how long it waits for an answer, in milliseconds.
    const fn callees(self) -> &'static [(Self, u64)] {
        match self {
            Self::Gateway => &[(Self::Orders, 2500), (Self::Recommendations, 1500)],
            Self::Orders => &[
                (Self::Stock, 1200),
                (Self::Payments, 1200),
                (Self::Worker, 800),
            ],
            Self::Recommendations | Self::Stock => &[(Self::Cache, 400), (Self::Database, 800)],
            Self::Payments | Self::Worker => &[(Self::Database, 800)],
            Self::Cache | Self::Database => &[],
        }
    }
}

/// How a process is started; travels as JSON on its command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Config {
    /// What it does.
    pub(crate) role: Role,
    /// Where everybody listens on the loopback device.
    pub(crate) ports: BTreeMap<Role, u16>,
    /// A folder of its own.
    pub(crate) dir: PathBuf,
    /// Seed of its random choices.
    pub(crate) seed: u64,
}

/// A running service.
#[derive(Debug)]
struct Service {
    config: Config,
    telemetry: Telemetry,
    faults: Faults,
    dependencies: BTreeMap<Role, Dependency>,
    database: Option<Database>,
    entries: Mutex<handlers::Entries>,
    /// What every request passes through for a moment.
    section: tokio::sync::Mutex<u64>,
    jobs: mpsc::Sender<Value>,
    stop: Notify,
    random: Mutex<Pcg64>,
}

/// Runs a service until its standard input closes or it is told to stop.
pub(crate) async fn run(config: &str) -> Result {
    let config: Config = serde_json::from_str(config)?;
    let role = config.role;
    std::fs::create_dir_all(&config.dir)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "a TLS provider is there already")?;
    let telemetry = Telemetry::new(role);
    let dependencies = role
        .callees()
        .iter()
        .map(|&(callee, limit)| {
            let port = config.ports.get(&callee).ok_or("no port of a callee")?;
            let limit = Duration::from_millis(limit);
            Ok((callee, Dependency::new(callee, *port, limit)?))
        })
        .collect::<Result<_>>()?;
    let database = match role {
        Role::Database => Some(Database::open(&config.dir)?),
        _ => None,
    };
    let port = *config.ports.get(&role).ok_or("no port")?;
    let (jobs, queue) = mpsc::channel(400);
    let service = Arc::new(Service {
        random: Mutex::new(Pcg64::seed_from_u64(config.seed)),
        config,
        telemetry,
        faults: Faults::default(),
        dependencies,
        database,
        entries: Mutex::default(),
        section: tokio::sync::Mutex::new(0),
        jobs,
        stop: Notify::new(),
    });
    let consumer = Arc::clone(&service);
    tokio::spawn(async move { consumer.consume(queue).await });

    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/fault", post(fault))
        .route("/stop", post(stop))
        .route("/{*path}", post(answer))
        .with_state(Arc::clone(&service));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let stopping = Arc::clone(&service);
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            tokio::select! {
                () = stopping.stop.notified() => {}
                () = input_closed() => {}
            }
        })
        .await?;
    Ok(())
}

/// Waits until standard input closes: whoever started this process is gone.
pub(crate) async fn input_closed() {
    use tokio::io::AsyncReadExt as _;
    let mut input = tokio::io::stdin();
    let mut buffer = [0; 16];
    while matches!(input.read(&mut buffer).await, Ok(n) if n > 0) {}
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let pools = service.dependencies.values().map(Dependency::pool);
    let pools = pools.chain(service.database.as_ref().map(Database::pool));
    let text = service.telemetry.render(pools);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([("content-type", kind)], text).into_response()
}

/// What the recorder asks for.
#[derive(Debug, Deserialize)]
struct Order {
    kind: faults::Kind,
    level: u64,
}

async fn fault(State(service): State<Arc<Service>>, Query(order): Query<Order>) -> StatusCode {
    service.inject(order.kind, order.level);
    StatusCode::OK
}

async fn stop(State(service): State<Arc<Service>>) -> StatusCode {
    service.stop.notify_one();
    StatusCode::OK
}

async fn answer(
    State(service): State<Arc<Service>>,
    axum::extract::Path(path): axum::extract::Path<String>,
    body: String,
) -> Response {
    // Counts the request as given up when the caller goes away.
    let request = service.telemetry.begin();
    let outcome = service.handle(&path, &body).await;
    let (status, body) = match outcome {
        Ok(value) => (StatusCode::OK, value.to_string()),
        Err(status) => (status, String::new()),
    };
    request.finish(status.as_u16());
    (status, body).into_response()
}

impl Service {
    /// What every request meets before its handler: added faults and the common lock.
    async fn handle(&self, path: &str, body: &str) -> std::result::Result<Value, StatusCode> {
        let body: Value = serde_json::from_str(body).map_err(|_| StatusCode::BAD_REQUEST)?;
        let delay = self.faults.latency();
        if delay > 0.0 {
            let factor = 0.5 + self.draw();
            tokio::time::sleep(Duration::from_secs_f64(delay * factor)).await;
        }
        if self.draw() < self.faults.errors() {
            work(20);
            return Err(StatusCode::INTERNAL_SERVER_ERROR);
        }
        {
            let begun = Instant::now();
            let mut count = self.section.lock().await;
            self.telemetry.waited_for_lock(begun.elapsed());
            *count += 1;
            work(4);
        }
        self.route(path, body).await
    }

    /// A number in [0, 1).
    fn draw(&self) -> f64 {
        lock(&self.random).random::<f64>()
    }
}

/// Hashes `rounds` times 4 KiB, about 3 microseconds each.
fn work(rounds: u32) -> u64 {
    let block = black_box([0x5A_u8; 4096]);
    let mut hasher = DefaultHasher::new();
    for _ in 0..rounds {
        hasher.write(&block);
    }
    black_box(hasher.finish())
}

/// Locks; a panic elsewhere does not matter to these plain values.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn callees_start_before_their_callers() {
        for (place, role) in Role::ALL.iter().enumerate() {
            for (callee, _) in role.callees() {
                assert!(Role::ALL[..place].contains(callee), "{role:?} {callee:?}");
            }
        }
    }
}
