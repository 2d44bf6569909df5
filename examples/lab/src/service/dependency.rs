//! Calls of another service: a pool of connections, a time limit, retries.

use super::Role;
use super::telemetry::{Pool, SharedPool, Telemetry};
use crate::Result;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that a caller opens to one callee at most.
pub(crate) const CONNECTIONS: u32 = 6;

/// A request that gets no connection in this time fails.
const POOL_LIMIT: Duration = Duration::from_millis(500);

/// How often a refused connection is tried again: 100, 200 and 400 ms later.
const CONNECT_RETRIES: u32 = 3;

/// How often another failure is tried again, 50 ms later.
const RETRIES: u32 = 1;

/// A callee.
#[derive(Debug)]
pub(crate) struct Dependency {
    callee: Role,
    url: String,
    client: reqwest::Client,
    connections: Connections,
    connect_retries: u32,
    retries: u32,
}

/// A connection in use; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    pool: SharedPool,
    count: u32,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.pool.in_use.fetch_sub(self.count.into(), Relaxed);
    }
}

/// A pool of connections that counts those in use and the time waited for one.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    permits: Arc<Semaphore>,
    pool: SharedPool,
    size: u32,
}

impl Connections {
    pub(crate) fn new(size: u32) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(size as usize)),
            pool: Arc::default(),
            size,
        }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// A connection, or `None` when none gets free in time.
    pub(crate) async fn get(&self) -> Option<Held> {
        let begun = Instant::now();
        let permit =
            tokio::time::timeout(POOL_LIMIT, Arc::clone(&self.permits).acquire_owned()).await;
        let waited = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.pool.waited.fetch_add(waited, Relaxed);
        self.held(permit.ok()?.ok()?, 1)
    }

    /// All connections at once.
    pub(crate) async fn get_all(&self) -> Option<Held> {
        let permits = Arc::clone(&self.permits)
            .acquire_many_owned(self.size)
            .await;
        self.held(permits.ok()?, self.size)
    }

    fn held(&self, permit: OwnedSemaphorePermit, count: u32) -> Option<Held> {
        self.pool.in_use.fetch_add(count.into(), Relaxed);
        Some(Held {
            pool: Arc::clone(&self.pool),
            count,
            _permit: permit,
        })
    }
}

/// Why a call failed.
enum Failure {
    /// Nobody listens.
    Refused,
    /// An error, no answer in time, or no connection.
    Failed,
}

impl Dependency {
    pub(crate) fn new(callee: Role, port: u16, limit: Duration) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(limit)
            .pool_max_idle_per_host(CONNECTIONS as usize)
            .no_proxy()
            .build()?;
        // A cache that does not answer is passed over: its callers go to the database.
        let patient = callee != Role::Cache;
        Ok(Self {
            connect_retries: if patient { CONNECT_RETRIES } else { 0 },
            retries: if patient { RETRIES } else { 0 },
            callee,
            url: format!("http://127.0.0.1:{port}"),
            client,
            connections: Connections::new(CONNECTIONS),
        })
    }

    pub(crate) fn pool(&self) -> &Pool {
        self.connections.pool()
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Calls, with retries; `None` when all fail.
    pub(crate) async fn call(
        &self,
        telemetry: &Telemetry,
        path: &str,
        body: &Value,
    ) -> Option<Value> {
        let (mut refused, mut failed) = (0, 0);
        loop {
            let outcome = self.once(path, body).await;
            telemetry.called(self.callee, outcome.is_ok());
            let pause = match outcome {
                Ok(value) => return Some(value),
                Err(Failure::Refused) if refused < self.connect_retries => {
                    refused += 1;
                    50 << refused
                }
                Err(Failure::Failed) if failed < self.retries => {
                    failed += 1;
                    50
                }
                Err(_) => return None,
            };
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn once(&self, path: &str, body: &Value) -> std::result::Result<Value, Failure> {
        let _connection = self.connections.get().await.ok_or(Failure::Failed)?;
        let request = self.client.post(format!("{}/{path}", self.url));
        let answer = request.body(body.to_string()).send().await;
        let answer = answer.map_err(|error| {
            if error.is_connect() && !error.is_timeout() {
                Failure::Refused
            } else {
                Failure::Failed
            }
        })?;
        if !answer.status().is_success() {
            return Err(Failure::Failed);
        }
        let bytes = answer.bytes().await.map_err(|_| Failure::Failed)?;
        serde_json::from_slice(&bytes).map_err(|_| Failure::Failed)
    }
}
