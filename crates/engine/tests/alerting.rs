//! Messages to receivers: grouped, suppressed, and not lost in a restart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use bongsu_engine::{Engine, Options, config};
use serde_json::Value;
use support::{Memory, answering, hook};

/// Two hosts that leave their level at the same time for ten minutes; a third that never does.
fn metrics() -> String {
    let mut csv = String::from("timestamp,a,b,c\n");
    for i in 0..240 {
        let quiet = 10.0 + f64::from(i % 7) * 0.1;
        let high = if (150..160).contains(&i) {
            500.0
        } else {
            quiet
        };
        writeln!(csv, "{},{high},{high},{quiet}", 60 * i).unwrap();
    }
    csv
}

fn yaml(folder: &Path, hook: &str) -> String {
    std::fs::write(folder.join("hosts.csv"), metrics()).unwrap();
    format!(
        "source: {{type: csv, path: '{folder}/hosts.csv'}}
queries: [{{name: load, expr: '*', step: 1m, detector: robust-z, parameters: {{window: 60}}}}]
state: {{directory: '{folder}/state'}}
alerting:
  routing:
    route: {{receiver: team, group_by: [query], group_wait: 1m, group_interval: 5m}}
    receivers: [{{name: team, webhook_configs: [{{url: '{hook}'}}]}}]",
        folder = folder.display()
    )
}

async fn run(yaml: &str) -> Engine {
    let config = config::parse(yaml, None).unwrap();
    let engine = Engine::start(config, Options::default(), Box::new(Memory::default()));
    let mut engine = engine.await.unwrap();
    engine.once().await.unwrap();
    engine
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_that_fail_together_are_one_message_and_one_more_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (url, told) = hook(200);
    let engine = run(&yaml(folder.path(), &url)).await;
    assert_eq!((engine.totals().fired, engine.totals().pages), (2, 2));
    engine.close().await;
    {
        let told = told.lock().unwrap();
        let states = |page: &Value| -> Vec<String> {
            let alerts = page["alerts"].as_array().unwrap();
            alerts
                .iter()
                .map(|a| a["status"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(states(&told[0]), ["firing", "firing"]);
        assert_eq!(states(&told[1]), ["resolved", "resolved"]);
    }
    // A restart with the same data tells nothing again.
    run(&yaml(folder.path(), &url)).await.close().await;
    assert_eq!(told.lock().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_did_not_take_comes_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (down, _) = hook(503);
    run(&yaml(folder.path(), &down)).await.close().await;
    let (up, told) = hook(200);
    run(&yaml(folder.path(), &up)).await.close().await;
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_holds_messages_back_and_the_path_of_an_alert_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (url, told) = hook(200);
    let yaml = yaml(folder.path(), &url).replace("group_by: [query]", "group_by: [query, metric]")
        + "\n  suppress: {budget: {rate: {burst: 1, every: 1h}}}";
    let mut engine = run(&yaml).await;
    let control = engine.control();
    let identity = {
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 2, "one message and a digest of the other three");
        told[0]["alerts"][0]["labels"].clone()
    };
    let pairs = identity.as_object().unwrap().iter();
    let labels = bongsu_core::Labels::from_pairs(
        pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap())),
    );
    let fingerprint = labels.unwrap().fingerprint();
    let asked = tokio::spawn(async move { control.explain(fingerprint).await.unwrap() });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    engine.once().await.unwrap();
    let steps: Vec<String> = asked
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        steps.iter().any(|step| step.contains("it fires")),
        "{steps:?}"
    );
    assert!(steps.len() > 2, "{steps:?}");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_made_in_alertmanager_keeps_its_alerts_back() {
    let folder = tempfile::tempdir().unwrap();
    let (url, told) = hook(200);
    let (alertmanager, _) = answering(
        200,
        r#"[{"id": "7d6e", "status": {"state": "active"}, "updatedAt": "1970-01-01T00:00:00.000Z",
             "startsAt": "1970-01-01T00:00:00.000Z", "endsAt": "1970-01-02T00:00:00.000Z",
             "createdBy": "me", "comment": "known",
             "matchers": [{"name": "metric", "value": "a", "isRegex": false, "isEqual": true}]}]"#,
    );
    let yaml = yaml(folder.path(), &url) + &format!("\n  silences: {{urls: ['{alertmanager}']}}");
    run(&yaml).await.close().await;
    let told = told.lock().unwrap();
    assert!(!told.is_empty());
    for page in told.iter() {
        for alert in page["alerts"].as_array().unwrap() {
            assert_eq!(alert["labels"]["metric"], "b", "{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_series_ends_its_alert_without_receivers_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = String::from("timestamp,a,b\n");
    for i in 0..400 {
        let quiet = 10.0 + f64::from(i % 7) * 0.1;
        let a = match i {
            0..150 => quiet.to_string(),
            150..160 => "500".to_owned(),
            _ => String::new(),
        };
        writeln!(csv, "{},{a},{quiet}", 60 * i).unwrap();
    }
    std::fs::write(folder.path().join("hosts.csv"), csv).unwrap();
    let yaml = format!(
        "source: {{type: csv, path: '{}/hosts.csv'}}
queries: [{{name: load, expr: '*', step: 1m, detector: robust-z, parameters: {{window: 60}},
           absent_after: 0s, forget_after: 1h, alert: {{keep_firing_for: 3h}}}}]",
        folder.path().display()
    );
    let engine = run(&yaml).await;
    assert_eq!((engine.totals().fired, engine.totals().resolved), (1, 1));
}
