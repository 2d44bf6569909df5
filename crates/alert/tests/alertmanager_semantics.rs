//! Routing, inhibition and silences, against the real Alertmanager with the same configuration.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_alert::{
    AlertmanagerSink, Lifecycle, Policy, RoutingConfig, RoutingTree, Sink, Subject, SuppressConfig,
    Suppressor,
};
use bongsu_core::{Alert, Labels, Severity, Timestamp, Verdict};
use serde_json::Value;
use server::Alertmanager;

/// Matchers of all kinds and spellings, `continue` at several depths, and rules whose sides overlap.
const CONFIG: &str = r#"
global: { resolve_timeout: 5m }
route:
  receiver: root
  group_by: [job, env]
  group_wait: 0s
  routes:
  - receiver: everything
    continue: true
    group_by: ['...']
  - receiver: critical
    matchers: [ severity = critical ]
    continue: true
    routes:
    - receiver: critical-db
      match: { job: db }
  - matchers: [ '{job=~"d.|web", env!="test"}' ]
    receiver: teams
    routes:
    - matchers: [ env =~ "prod|", role!~switch ]
      receiver: prod
      continue: true
    - match_re: { role: 'h.*|both' }
      receiver: hosts
    - matchers: [ 'alertname="BongsuAnomaly"', metric=up ]
      receiver: named
  - matchers: [ env= ]
    receiver: nowhere
receivers:
- name: root
- name: everything
- name: critical
- name: critical-db
- name: teams
- name: prod
- name: hosts
- name: named
- name: nowhere
inhibit_rules:
- source_matchers: [ role=~"switch|both" ]
  target_matchers: [ role=~"host|both" ]
  equal: [ job, env ]
- source_match: { severity: critical, job: db }
  target_match_re: { severity: 'warn.*' }
  equal: [ env, absent ]
- source_matchers: [ severity=critical, role=host, env=prod ]
  target_matchers: [ severity=warning, job="" ]
"#;

/// One alert for each combination of labels.
fn alerts(now: Timestamp) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut lifecycle = Lifecycle::new();
    for job in ["db", "web", "dx", "other", ""] {
        for env in ["test", "prod", ""] {
            for role in ["switch", "host", "both", ""] {
                for severity in [Severity::Warning, Severity::Critical] {
                    // Leave some out, so that not every target has a source.
                    if (alerts.len() * 7 + job.len() * 3 + env.len()) % 3 == 0 && role != "host" {
                        alerts.push(None);
                        continue;
                    }
                    let number = alerts.len().to_string();
                    let labels = Labels::from_pairs([
                        ("__name__", "up"),
                        ("job", job),
                        ("env", env),
                        ("role", role),
                        ("number", &number),
                    ])
                    .unwrap();
                    let verdict = Verdict {
                        score: Some(3.0),
                        anomalous: true,
                        ..Verdict::unjudged(now, labels.clone())
                    };
                    let policy = Policy::default().severity(severity);
                    let transition = lifecycle.observe(&labels, &policy, &verdict).unwrap();
                    alerts.push(transition.map(|transition| transition.alert().clone()));
                }
            }
        }
    }
    alerts.into_iter().flatten().collect()
}

fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// What becomes of one alert: who hears of it, and whether it is inhibited or silenced.
type Fate = (Vec<String>, bool, bool);

/// The real one's opinion, by the label `number`.
fn theirs(listed: &[Value]) -> BTreeMap<String, Fate> {
    let texts = |value: &Value| value.as_array().map_or(0, Vec::len);
    let fate = |alert: &Value| {
        let number = alert["labels"]["number"].as_str().unwrap().to_owned();
        let receivers = alert["receivers"].as_array().unwrap().iter();
        let mut names: Vec<String> = receivers
            .map(|receiver| receiver["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        let inhibited = texts(&alert["status"]["inhibitedBy"]) > 0;
        let silenced = texts(&alert["status"]["silencedBy"]) > 0;
        (number, (names, inhibited, silenced))
    };
    listed.iter().map(fate).collect()
}

/// Ours, by the label `number`.
fn ours(suppressor: &Suppressor, alerts: &[Alert]) -> BTreeMap<String, Fate> {
    let fate = |alert: &Alert| {
        let number = alert.labels.get("number").unwrap().to_owned();
        let tested = suppressor.tree().test(Subject::new(alert));
        let mut names: Vec<String> = tested.map(|(_, receiver)| receiver.to_owned()).collect();
        names.sort();
        let steps = || suppressor.explain(alert.labels.fingerprint());
        let held = |stage: &str| steps().any(|step| step.stage.as_str() == stage);
        (number, (names, held("inhibition"), held("silence")))
    };
    alerts.iter().map(fate).collect()
}

fn judge(alerts: &[Alert], silences: Vec<bongsu_alert::Silence>, at: Timestamp) -> Suppressor {
    let routing: RoutingConfig = serde_saphyr::from_str(CONFIG).unwrap();
    let tree = RoutingTree::new(&routing).unwrap();
    let mut suppressor = Suppressor::new(&SuppressConfig::default(), tree).unwrap();
    suppressor.set_silences(silences).unwrap();
    for alert in alerts {
        suppressor.transition(at, &bongsu_alert::Transition::Fired(alert.clone()));
    }
    suppressor.tick(at + Duration::from_secs(1));
    suppressor
}

#[tokio::test]
async fn the_same_configuration_has_the_same_effect() {
    let build = |url: String| AlertmanagerSink::builder([url]).build().unwrap();
    // Clients need a TLS provider, which the sinks install.
    let _provider = build("http://localhost".to_owned());
    let server = Alertmanager::configured(None, "", CONFIG).await;
    let sink = build(server.url(""));
    let at = now();
    let alerts = alerts(at);
    assert!(alerts.len() > 80, "{}", alerts.len());
    sink.deliver(at, &alerts).await.unwrap();
    wait_for(&server, alerts.len()).await;

    let theirs_now = theirs(&server.alerts().await);
    let inhibited = theirs_now.values().filter(|fate| fate.1).count();
    let some = 10..alerts.len() - 10;
    assert!(some.contains(&inhibited), "{inhibited} are inhibited");
    assert_eq!(ours(&judge(&alerts, Vec::new(), at), &alerts), theirs_now);

    assert_eq!(sink.silences().await.unwrap().0, []);
    let body = serde_json::json!({
        "startsAt": rfc3339(at - Duration::from_secs(60)),
        "endsAt": rfc3339(at + Duration::from_secs(3600)),
        "createdBy": "kim", "comment": "known",
        "matchers": [
            {"name": "job", "value": "d.|", "isRegex": true, "isEqual": true},
            {"name": "env", "value": "test", "isRegex": false, "isEqual": false},
            {"name": "role", "value": "host", "isRegex": false, "isEqual": true},
        ],
    });
    let answer = reqwest::Client::new()
        .post(server.url("/api/v2/silences"))
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
    let (silences, _) = sink.silences().await.unwrap();
    assert_eq!(silences.len(), 1);
    assert_eq!(silences[0].created_by(), "kim");
    let theirs_now = theirs(&server.alerts().await);
    let silenced = theirs_now.values().filter(|fate| fate.2).count();
    assert!((5..40).contains(&silenced), "{silenced} are silenced");
    let ours_now = ours(&judge(&alerts, silences, at), &alerts);
    for (number, theirs) in &theirs_now {
        let ours = &ours_now[number];
        assert_eq!((&ours.0, ours.2), (&theirs.0, theirs.2), "{number}");
        // A silenced alert is not asked whether it is inhibited as well.
        assert_eq!(ours.1, theirs.1 && !theirs.2, "{number}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_told() {
    let sink = AlertmanagerSink::builder(["http://127.0.0.1:9"])
        .build()
        .unwrap();
    let error = sink.silences().await.unwrap_err();
    assert_eq!(error.kind(), bongsu_alert::ErrorKind::Network);
}

fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .unwrap()
        .to_string()
}

async fn wait_for(server: &Alertmanager, alerts: usize) {
    for _ in 0..100 {
        if server.alerts().await.len() == alerts {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!(
        "{} of {alerts} alerts are listed",
        server.alerts().await.len()
    );
}
