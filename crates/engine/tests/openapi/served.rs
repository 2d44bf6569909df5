//! A service with everything that its HTTP server can tell of.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_engine::{Control, Engine, Options, config};
use serde_json::Value;

use crate::support::{Memory, server};

pub(crate) const TOKEN: &str = "Bearer open-sesame";

/// When the load leaves its level, in seconds since 1970.
pub(crate) type Leaves = Arc<Mutex<Option<i64>>>;

/// A load that leaves its level three seconds after it is first asked for.
pub(crate) fn load() -> String {
    load_that(Leaves::default(), true)
}

/// A load that leaves its level at a moment that may be set later; or by itself.
pub(crate) fn load_that(leaves: Leaves, by_itself: bool) -> String {
    server(move |_, end| {
        let mut leaves = leaves.lock().unwrap();
        if by_itself {
            leaves.get_or_insert(end + 3);
        }
        let high = |t: i64| leaves.is_some_and(|moment| t > moment);
        let value = |t: i64| if high(t) { 500 } else { 10 + t % 3 };
        let values: Vec<String> = (end - 60..=end)
            .map(|t| format!(r#"[{t},"{}"]"#, value(t)))
            .collect();
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"__name__":"load","host":"a"}},"values":[{}]}}]}}}}"#,
            values.join(",")
        )
    })
}

pub(crate) fn yaml(source: &str, state: &std::path::Path) -> String {
    format!(
        "source: {{type: prometheus, url: '{source}'}}
queries:
  - {{name: load, expr: load, step: 1s, window: 40s, detector: zscore, parameters: {{window: 12}}, alert: {{keep_firing_for: 1m}}}}
  - {{name: trained, expr: load, step: 1s, window: 40s, detector: hbos, training: {{window: 40s}}}}
alerting: {{routing: {{route: {{receiver: log, group_wait: 1s}}, receivers: [{{name: log, sinks: [{{type: log}}]}}]}}}}
state: {{directory: '{}'}}
rca: {{service_labels: [host], step: 1s, before: 40s, after: 1m, settle: 1s}}
capacity:
  {{step: 1s, history: 40s, horizon: 1m, models: [theil-sen], schedule: {{every: 2s}}, resources: [{{name: load, expr: load, threshold: 1e12}}]}}
server: {{listen: '127.0.0.1:0', token: open-sesame, read_token: please}}",
        state.display()
    )
}

pub(crate) struct Service {
    url: String,
    control: Control,
    stop: tokio::sync::oneshot::Sender<()>,
    engine: tokio::task::JoinHandle<Engine>,
}

pub(crate) async fn serve(yaml: &str) -> Service {
    let config = config::parse(yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(Memory::default()))
        .await
        .unwrap();
    let (url, control) = (engine.server_url().unwrap(), engine.control());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let engine = tokio::spawn(async move {
        let _end = engine.run(async { drop(stopped.await) }).await.unwrap();
        engine
    });
    Service {
        url,
        control,
        stop,
        engine,
    }
}

impl Service {
    pub(crate) async fn end(self) {
        drop(self.control);
        drop(self.stop);
        self.engine.await.unwrap().close().await;
    }

    /// Status, content type and body.
    pub(crate) async fn ask(
        &self,
        verb: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> (u16, String, String) {
        // The process' TLS provider, which building a client needs.
        let _ = bongsu_prometheus::Client::new(
            bongsu_prometheus::ClientConfig::new("http://localhost").unwrap(),
        );
        let client = reqwest::Client::builder()
            .tls_certs_only([])
            .build()
            .unwrap();
        let method = verb.to_uppercase().parse().unwrap();
        let request = client
            .request(method, format!("{}{path}", self.url))
            .header("authorization", token)
            .body(body.to_owned());
        let answer = request.send().await.unwrap();
        let kind = answer.headers().get("content-type");
        let kind = kind.map_or_else(String::new, |kind| kind.to_str().unwrap().to_owned());
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    }

    /// The id of the newest incident, once it is analysed.
    pub(crate) async fn analysed_incident(&self) -> String {
        for _ in 0..100 {
            let known = self.json("/api/v1/incidents").await["incidents"][0].clone();
            if !known["analysis"].is_null() {
                return known["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no incident is analysed")
    }

    /// The answer in JSON, which must succeed.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.ask("get", path, TOKEN, "").await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}
