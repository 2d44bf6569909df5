//! A running service with one metric that leaves its level.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and a test fails by panicking"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use bongsu_engine::{Control, Engine, Options, config};

use crate::support::{Memory, server};

pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs().cast_signed()
}

/// A metric that leaves its level at `from` and never settles.
pub(crate) fn source(from: i64) -> String {
    server(move |_, end| {
        let points = (end - 60..=end).map(|t| {
            let quiet = 10.0 + (t % 5) as f64 * 0.1;
            let value = if t < from {
                quiet
            } else {
                100.0 * 1.3_f64.powi((t - from).min(400) as i32)
            };
            format!("[{t},\"{value}\"]")
        });
        let points = points.collect::<Vec<_>>().join(",");
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"__name__":"load","host":"a"}},"values":[{points}]}}]}}}}"#
        )
    })
}

pub(crate) struct Service {
    base: String,
    control: Control,
    stop: tokio::sync::oneshot::Sender<()>,
    engine: tokio::task::JoinHandle<Engine>,
}

impl Service {
    pub(crate) async fn start(told: &str) -> Self {
        let source = source(now() + 3);
        Self::start_from(&source, told).await
    }

    /// Judges what this source tells.
    pub(crate) async fn start_from(source: &str, told: &str) -> Self {
        let base = format!(
            "source: {{type: prometheus, url: '{source}'}}
queries: [{{name: load, expr: load, step: 1s, window: 30s, detector: robust-z, parameters: {{window: 12}}}}]
"
        );
        let config = config::parse(&format!("{base}{told}"), None).unwrap();
        let memory = Box::new(Memory::default());
        let engine = Engine::start(config, Options::default(), memory).await;
        let mut engine = engine.unwrap();
        let control = engine.control();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let engine = tokio::spawn(async move {
            let _end = engine.run(async { drop(stopped.await) }).await.unwrap();
            engine
        });
        Self {
            base,
            control,
            stop,
            engine,
        }
    }

    pub(crate) async fn reload(&self, told: &str) {
        let config = config::parse(&format!("{}{told}", self.base), None);
        self.control.reload(config).await.unwrap();
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.engine.await.unwrap().close().await;
    }
}
