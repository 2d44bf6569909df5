//! Capacity that the service plans by itself: asked of a server, answered over HTTP, told as alerts,
//! kept over a restart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_engine::{Engine, Options, config};
use serde_json::Value;
use support::{Memory, hook, server};

/// A disk that fills by `growth` thousandths of a percent an hour and holds 85 % now; it counts the
/// questions.
fn disk(growth: Arc<AtomicI64>, asked: Arc<AtomicUsize>) -> String {
    server(move |_, end| {
        asked.fetch_add(1, Ordering::SeqCst);
        let end = end - end % 3_600;
        let growth = growth.load(Ordering::SeqCst) as f64 / 1_000.0;
        let values: Vec<String> = (0..240)
            .map(|hour| {
                let age = f64::from(239 - hour);
                let at = end - 3_600 * (239 - i64::from(hour));
                let noise = 0.01 * f64::from((hour * 7) % 5);
                format!(r#"[{at},"{}"]"#, 85.0 - growth * age + noise)
            })
            .collect();
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"__name__":"disk","host":"a","query":"<script>"}},"values":[{}]}}]}}}}"#,
            values.join(",")
        )
    })
}

fn yaml(source: &str, hook: &str, state: &Path, every: &str) -> String {
    format!(
        "source: {{type: prometheus, url: '{source}'}}
server: {{listen: '127.0.0.1:0'}}
state: {{directory: '{}'}}
capacity:
  models: [theil-sen]
  horizon: 10d
  schedule: {{every: {every}}}
  labels: {{team: storage}}
  resources: [{{name: disk, expr: load}}]
alerting:
  routing:
    route: {{receiver: team, group_wait: 0s, group_interval: 1s}}
    receivers: [{{name: team, webhook_configs: [{{url: '{hook}'}}]}}]",
        state.display()
    )
}

fn get(url: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// What `/api/v1/capacity` and `/metrics` say when `enough` holds of the former.
async fn run(yaml: &str, enough: impl Fn(&Value) -> bool) -> (Value, String) {
    let config = config::parse(yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(Memory::default()))
        .await
        .unwrap();
    let url = engine.server_url().unwrap();
    let seen = Mutex::new((Value::Null, String::new()));
    let shutdown = async {
        for _ in 0..300 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let url = url.clone();
            let said = tokio::task::spawn_blocking(move || {
                let (status, text) = get(&url, "/api/v1/capacity");
                let json: Value = serde_json::from_str(&text).unwrap();
                let json = if status == 200 { json } else { Value::Null };
                (json, get(&url, "/metrics").1)
            });
            let said = said.await.unwrap();
            let done = enough(&said.0);
            *seen.lock().unwrap() = said;
            if done {
                break;
            }
        }
    };
    let _end = engine.run(shutdown).await.unwrap();
    engine.close().await;
    seen.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_fires_is_kept_over_a_restart_and_resolves() {
    let folder = tempfile::tempdir().unwrap();
    let growth = Arc::new(AtomicI64::new(50));
    let asked = Arc::new(AtomicUsize::new(0));
    let source = disk(Arc::clone(&growth), Arc::clone(&asked));
    let (url, told) = hook(200);
    let rarely = yaml(&source, &url, folder.path(), "1d");

    // 1.2 a day and 5 to go.
    let heard = || told.lock().unwrap().clone();
    let (answer, metrics) = run(&rarely, |answer| {
        answer["planned_at"].is_i64() && !heard().is_empty()
    })
    .await;
    let plan = &answer["report"]["resources"][0];
    assert_eq!(plan["status"], "exhausts", "{answer}");
    let left = plan["days_left"].as_f64().unwrap();
    assert!((left - 4.2).abs() < 0.5, "{left}");
    let by = r#"{exported_query="<script>",host="a",resource="disk",team="storage"}"#;
    for name in ["days_left", "probability", "threshold"] {
        let line = format!("bongsu_capacity_{name}{by} ");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    assert!(metrics.contains(r#"bongsu_capacity_runs_total{outcome="planned"} 1"#));
    let message = heard()[0].clone();
    let alert = &message["alerts"][0];
    assert_eq!(alert["status"], "firing", "{message}");
    assert_eq!(alert["labels"]["query"], "capacity");
    assert_eq!(alert["labels"]["team"], "storage");
    assert_eq!(alert["severity"], "warning");
    let words = alert["annotations"]["explanation"].as_str().unwrap();
    assert!(words.starts_with("disk runs out in 4."), "{words}");

    // The next start knows the answer, asks nothing before it is due, and tells nobody again.
    let questions = asked.load(Ordering::SeqCst);
    let messages = heard().len();
    let (again, metrics) = run(&rarely, |answer| answer["planned_at"].is_i64()).await;
    assert_eq!(again["planned_at"], answer["planned_at"]);
    assert_eq!(again["report"], answer["report"]);
    assert_eq!(asked.load(Ordering::SeqCst), questions);
    assert_eq!(heard().len(), messages, "{:?}", heard());
    assert!(metrics.contains(&format!("bongsu_capacity_days_left{by} ")));
    assert!(metrics.contains("bongsu_alerts_firing 1"), "{metrics}");

    // It grows no more: the alert ends.
    growth.store(0, Ordering::SeqCst);
    let often = yaml(&source, &url, folder.path(), "1s");
    let (calm, metrics) = run(&often, |_| {
        heard()
            .iter()
            .any(|message| message["alerts"][0]["status"] == "resolved")
    })
    .await;
    assert_ne!(calm["report"]["resources"][0]["status"], "exhausts");
    assert!(!metrics.contains("bongsu_capacity_days_left{"), "{metrics}");
    assert!(metrics.contains("bongsu_alerts_firing 0"), "{metrics}");
    let last = heard().last().unwrap().clone();
    assert_eq!(last["alerts"][0]["status"], "resolved", "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_planned_is_told_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let empty = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    let source = server(move |_, _| empty.to_owned());
    let (url, _) = hook(200);
    let yaml = yaml(&source, &url, folder.path(), "1s");
    let (answer, metrics) = run(&yaml, |answer| answer["problem"].is_string()).await;
    let problem = answer["problem"].as_str().unwrap();
    assert!(problem.contains("disk: there is no series"), "{problem}");
    assert!(answer["report"].is_null());
    assert!(metrics.contains(r#"bongsu_capacity_runs_total{outcome="failed"} 1"#));
}

#[test]
fn a_schedule_or_labels_that_are_none_are_refused_by_name() {
    for (part, named) in [
        ("schedule: {cron: '61 3 * * *'}", "schedule.cron is"),
        ("schedule: {every: 1h, cron: '0 3 * * *'}", "one of them"),
        (
            "labels: {resource: a}",
            "`resource` is set by Bongsu itself",
        ),
    ] {
        let text = format!(
            "source: {{type: prometheus, url: 'http://x'}}\n\
             capacity: {{{part}, resources: [{{name: disk, expr: a}}]}}"
        );
        let error = config::parse(&text, None).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn no_query_is_called_as_the_alerts_of_plans_are() {
    let text = "source: {type: prometheus, url: 'http://x'}\n\
                queries: [{name: capacity, expr: a}]\n";
    assert!(config::parse(text, None).is_ok());
    let plans = "capacity: {resources: [{name: disk, expr: a}]}";
    let error = config::parse(&format!("{text}{plans}"), None).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("queries[0].name: `capacity`"), "{error}");
}
