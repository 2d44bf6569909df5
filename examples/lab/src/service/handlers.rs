//! What each role does with a request.

use super::{Role, Service, faults, lock, work};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long a cache keeps an answer, and how many.
const KEPT: Duration = Duration::from_secs(20);
const MOST: usize = 1500;

type Answer = std::result::Result<Value, StatusCode>;

/// What the cache holds, and in which order it came.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    by_key: BTreeMap<String, (Instant, Value)>,
    order: VecDeque<String>,
}

impl Entries {
    fn get(&self, key: &str) -> Option<&Value> {
        let (since, value) = self.by_key.get(key)?;
        (since.elapsed() < KEPT).then_some(value)
    }

    fn put(&mut self, key: String, value: Value) {
        if self
            .by_key
            .insert(key.clone(), (Instant::now(), value))
            .is_none()
        {
            self.order.push_back(key);
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.by_key.remove(&oldest);
            }
        }
    }
}

fn product(body: &Value) -> u32 {
    let id = body.get("product").and_then(Value::as_u64);
    id.and_then(|id| u32::try_from(id).ok()).unwrap_or_default()
}

impl Service {
    pub(crate) async fn route(&self, path: &str, body: Value) -> Answer {
        match (self.config.role, path) {
            (Role::Gateway, "browse") => {
                work(60);
                let shown = self.call(Role::Recommendations, "list", &body).await;
                // A page without recommendations is a page.
                Ok(json!({"page": "browse", "shown": shown.unwrap_or_default()}))
            }
            (Role::Gateway, _) => {
                work(80);
                self.call(Role::Orders, "order", &body).await
            }
            (Role::Orders, _) => self.order(&body).await,
            (Role::Recommendations, _) => {
                work(120);
                let mut list = Vec::new();
                for step in [0, 7] {
                    let id = product(&body) + step;
                    list.push(self.cached(&format!("list {id}"), id).await?);
                }
                Ok(json!({"list": list}))
            }
            (Role::Stock, _) => {
                work(60);
                let id = product(&body);
                let known = self.cached(&format!("stock {id}"), id).await?;
                self.write(id, "reserve").await?;
                Ok(json!({"reserved": known}))
            }
            (Role::Payments, _) => {
                // Checks a signature.
                work(500);
                self.write(product(&body), "pay").await
            }
            (Role::Worker, _) => {
                work(10);
                self.telemetry.queued(1);
                self.jobs.try_send(body).map_err(|_| {
                    self.telemetry.queued(-1);
                    StatusCode::SERVICE_UNAVAILABLE
                })?;
                Ok(json!({"queued": true}))
            }
            (Role::Cache, _) => self.cache(body),
            (Role::Database, "read") => {
                work(10);
                let database = self.database.as_ref().ok_or(StatusCode::NOT_FOUND)?;
                let _connection = database
                    .connection()
                    .await
                    .ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
                let found = database.read(product(&body)).await;
                found.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            (Role::Database, _) => {
                work(10);
                let database = self.database.as_ref().ok_or(StatusCode::NOT_FOUND)?;
                let _connection = database
                    .connection()
                    .await
                    .ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
                let kind = body.get("kind").and_then(Value::as_str).unwrap_or("event");
                let done = database.write(product(&body), kind.to_owned(), self.faults.disk());
                done.await.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    async fn order(&self, body: &Value) -> Answer {
        work(100);
        let reserved = self.call(Role::Stock, "reserve", body).await?;
        let paid = self.call(Role::Payments, "pay", body).await?;
        // The customer need not wait for the job; without the worker it waits here.
        self.telemetry.queued(1);
        self.jobs.try_send(body.clone()).map_err(|_| {
            self.telemetry.queued(-1);
            StatusCode::SERVICE_UNAVAILABLE
        })?;
        Ok(json!({"reserved": reserved, "paid": paid}))
    }

    /// Works through the queue: orders hands its jobs to the worker, the worker does them.
    pub(crate) async fn consume(self: Arc<Self>, mut queue: mpsc::Receiver<Value>) {
        while let Some(job) = queue.recv().await {
            match self.config.role {
                Role::Orders => {
                    while self.call(Role::Worker, "job", &job).await.is_err() {
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
                _ => self.job(&job).await,
            }
            self.telemetry.queued(-1);
        }
    }

    async fn job(&self, job: &Value) {
        work(600);
        let kib = self.faults.disk();
        let path = self.config.dir.join("jobs.log");
        let written = tokio::task::spawn_blocking(move || {
            // The log is flushed for each job only while the disk is the fault.
            if kib > 0 {
                faults::flush(&path, kib)
            } else {
                Ok(())
            }
        });
        let written = matches!(written.await, Ok(Ok(())));
        if !written || self.write(product(job), "job").await.is_err() {
            eprintln!("a job failed");
        }
    }

    /// From the cache, else from the database, which the cache is then told.
    async fn cached(&self, key: &str, id: u32) -> Answer {
        let question = json!({"key": key});
        let cache = self.dependencies.get(&Role::Cache);
        if let Some(cache) = cache
            && let Some(found) = cache.call(&self.telemetry, "get", &question).await
            && !found["value"].is_null()
        {
            return Ok(found["value"].clone());
        }
        let value = self
            .call(Role::Database, "read", &json!({"product": id}))
            .await?;
        if let Some(cache) = cache {
            let entry = json!({"key": key, "value": value});
            cache.call(&self.telemetry, "put", &entry).await;
        }
        Ok(value)
    }

    fn cache(&self, mut body: Value) -> Answer {
        work(15);
        let key = body["key"].as_str().unwrap_or_default().to_owned();
        let value = body["value"].take();
        let mut entries = lock(&self.entries);
        if value.is_null() {
            let found = entries.get(&key).cloned();
            self.telemetry.looked_up(found.is_some());
            Ok(json!({"value": found}))
        } else {
            entries.put(key, value);
            Ok(json!({"kept": true}))
        }
    }

    async fn write(&self, id: u32, kind: &str) -> Answer {
        let body = json!({"product": id, "kind": kind});
        self.call(Role::Database, "write", &body).await
    }

    async fn call(&self, callee: Role, path: &str, body: &Value) -> Answer {
        let dependency = self
            .dependencies
            .get(&callee)
            .ok_or(StatusCode::NOT_FOUND)?;
        let answer = dependency.call(&self.telemetry, path, body).await;
        answer.ok_or(StatusCode::BAD_GATEWAY)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entries, MOST};
    use serde_json::json;

    #[test]
    fn the_oldest_entries_make_room() {
        let mut entries = Entries::default();
        for i in 0..MOST + 2 {
            entries.put(i.to_string(), json!(i));
            entries.put(i.to_string(), json!(i));
        }
        assert_eq!(entries.get("0"), None);
        assert_eq!(entries.get("1"), None);
        assert_eq!(entries.get("2"), Some(&json!(2)));
        assert_eq!(entries.by_key.len(), MOST);
    }
}
