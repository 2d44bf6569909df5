//! A sink is where it leads: however the list of sinks changes, what waits for one goes to no other,
//! and no incident ends because another sink came or went.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod pager;
mod service;
mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use pager::Pager;
use serde_json::Value;
use service::{Service, now, source};

const QUICK: &str = "alerting:
  routing:
    route: {receiver: team, group_wait: 0s, group_interval: 1s}
";

/// The same sinks as those of one receiver.
fn routed(pager: &Pager, keys: &str) -> String {
    let sinks = pager.sinks(keys).replace("sinks:", "{name: team, sinks:");
    format!("{QUICK}    receivers: [{}}}]\n", sinks.trim_end())
}

#[tokio::test(flavor = "multi_thread")]
async fn sinks_come_go_and_change_places_and_no_incident_ends() {
    let pager = Pager::start();
    let service = Service::start(&routed(&pager, "ab")).await;
    pager.takes(&["a trigger", "b trigger"]).await;
    // One comes before the others: it hears of the alert, and they hear nothing.
    service.reload(&routed(&pager, "cab")).await;
    pager.takes(&["a trigger", "b trigger", "c trigger"]).await;
    for keys in ["bca", "abc", "abcc"] {
        service.reload(&routed(&pager, keys)).await;
    }
    // The second of two at one place goes: its incident is the first one's, too.
    service.reload(&routed(&pager, "cab")).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(pager.took(), ["a trigger", "b trigger", "c trigger"]);
    service.reload(&routed(&pager, "cb")).await;
    let expected = ["a trigger", "a resolve", "b trigger", "c trigger"];
    pager.takes(&expected).await;
    service.stop().await;
    assert_eq!(pager.took(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_stays_with_its_place_when_the_list_changes() {
    let pager = Pager::start();
    let service = Service::start(&routed(&pager, "ab")).await;
    pager.takes(&["a trigger", "b trigger"]).await;
    pager.down.store(true, Ordering::Relaxed);
    // The ends of `a` wait while it goes, comes back, goes again, and others come before it.
    service.reload(&routed(&pager, "b")).await;
    service.reload(&routed(&pager, "cab")).await;
    service.reload(&routed(&pager, "dcb")).await;
    pager.down.store(false, Ordering::Relaxed);
    pager
        .takes(&[
            "a trigger",
            "a resolve",
            "a trigger",
            "a resolve",
            "b trigger",
            "c trigger",
            "d trigger",
        ])
        .await;
    service.stop().await;
}

/// A state directory is kept, and the configuration is another one after the restart.
async fn restart(before: &str, after: &str, expected: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let dead = directory.path().join("dead.jsonl");
    let kept = format!(
        "state: {{directory: '{}'}}\noutput: {{dead_letters: '{}'}}\n",
        directory.path().join("state").display(),
        dead.display()
    );
    let pager = Pager::start();
    let source = source(now() + 3);
    pager.down.store(true, Ordering::Relaxed);
    let routed = |keys: &str| format!("{kept}{}", routed(&pager, keys));
    let service = Service::start_from(&source, &routed(before)).await;
    // The alert fires after three seconds, and is told to nobody.
    tokio::time::sleep(Duration::from_secs(6)).await;
    service.stop().await;
    assert!(pager.took().is_empty());
    pager.down.store(false, Ordering::Relaxed);
    let service = Service::start_from(&source, &routed(after)).await;
    pager.takes(expected).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    service.stop().await;
    assert_eq!(pager.took(), expected);
    std::fs::read_to_string(&dead).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_stays_with_its_place_over_a_restart() {
    let dead = restart("ab", "cba", &["a trigger", "b trigger"]).await;
    assert_eq!(dead, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_place_that_is_gone_is_set_aside() {
    let dead = restart("ab", "cb", &["b trigger"]).await;
    assert_eq!(dead.lines().count(), 1, "{dead}");
    let letter: Value = serde_json::from_str(&dead).unwrap();
    assert_eq!(letter["reason"], "abandoned");
    let sink = letter["sink"].as_str().unwrap();
    assert!(sink.starts_with("pagerduty-team-"), "{sink}");
    assert!(!dead.contains("aaaa"), "{dead}");
}

/// The alerts of the last post: their label `team` and whether they fire.
fn last_post(told: &std::sync::Mutex<Vec<Value>>) -> Vec<String> {
    let told = told.lock().unwrap();
    let now = time_of_day();
    let alerts = told.last().and_then(Value::as_array).into_iter().flatten();
    let spell = |alert: &Value| {
        let team = alert["labels"]["team"].as_str().unwrap_or("-");
        let fires = alert["endsAt"].as_str().unwrap() > now.as_str();
        format!("{team} {}", if fires { "fires" } else { "is over" })
    };
    alerts.map(spell).collect()
}

/// The time of day as Alertmanager writes it.
fn time_of_day() -> String {
    bongsu_engine::TimeFormat::of("1970-01-01T00:00:00Z")
        .write(bongsu_core::Timestamp::from_secs(now()))
}

async fn posts(told: &std::sync::Mutex<Vec<Value>>, expected: &[&str]) {
    for _ in 0..200 {
        if last_post(told) == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}, but must be {expected:?}", last_post(told));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alertmanager_hears_the_end_when_its_sink_goes_or_changes_its_labels() {
    let (a, at_a) = support::answering(200, "");
    let (b, at_b) = support::answering(200, "");
    let sink = |urls: &str, labels: &str| {
        format!("sinks: [{{type: alertmanager, urls: [{urls}], labels: {{{labels}}}}}]\n")
    };
    let (only_a, both) = (format!("'{a}'"), format!("'{a}', '{b}'"));
    let service = Service::start(&sink(&only_a, "")).await;
    posts(&at_a, &["- fires"]).await;
    // Another member of the cluster: the first one goes on as before.
    service.reload(&sink(&both, "")).await;
    posts(&at_b, &["- fires"]).await;
    let over = |told: &std::sync::Mutex<Vec<Value>>| {
        let told = told.lock().unwrap();
        told.iter().any(|post| {
            let ends = |alert: &Value| alert["endsAt"].as_str().unwrap() <= time_of_day().as_str();
            post.as_array().unwrap().iter().any(ends)
        })
    };
    assert!(!over(&at_a));
    // It is the first one that goes.
    service.reload(&sink(&format!("'{b}'"), "")).await;
    posts(&at_a, &["- is over"]).await;
    assert!(!over(&at_b));
    // Other labels are another alert.
    service.reload(&sink(&format!("'{b}'"), "team: x")).await;
    for _ in 0..200 {
        if over(&at_b) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(over(&at_b), "the alert without the label is over");
    service.stop().await;
    let all: Vec<Value> = at_b.lock().unwrap().clone();
    let with_team = all.iter().filter(|post| post[0]["labels"]["team"] == "x");
    assert!(with_team.count() > 0);
}
