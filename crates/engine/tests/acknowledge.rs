//! An alert that somebody takes up: by HTTP, seen by PagerDuty, in the list, and in the saved state.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod pager;
mod service;
mod support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use bongsu_core::Secret;
use bongsu_engine::SavedState;
use bongsu_engine::grafana::Service as Client;
use pager::Pager;
use serde_json::Value;
use service::{Service, now, source};

fn alerts(address: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /api/v1/alerts HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str::<Value>(body).unwrap()["alerts"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let pager = Pager::start();
    let sinks = pager.sinks("a").replace("sinks:", "{name: team, sinks:");
    let told = format!(
        "state: {{directory: '{}'}}
server: {{listen: '{address}', token: good}}
alerting:
  routing:
    route: {{receiver: team, group_wait: 0s, group_interval: 1s, repeat_interval: 1s}}
    receivers: [{}}}]
",
        directory.path().display(),
        sinks.trim_end()
    );
    let source = source(now() + 3);
    let service = Service::start_from(&source, &told).await;
    for _ in 0..400 {
        if !pager.took().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let listed = alerts(&address);
    assert_eq!(listed[0]["acknowledged"], Value::Null);
    let fingerprint = listed[0]["fingerprint"].as_str().unwrap();
    let fingerprint = u64::from_str_radix(fingerprint, 16).unwrap();
    let client = |token: &str| Client::new(&format!("http://{address}"), Some(Secret::new(token)));
    let refused = client("bad")
        .unwrap()
        .acknowledge(fingerprint, None, None)
        .await;
    assert!(refused.unwrap_err().to_string().contains("401"));
    let client = client("good").unwrap();
    let unknown = client.acknowledge(1, None, None).await.unwrap_err();
    assert!(
        unknown
            .to_string()
            .contains("no alert `0000000000000001` fires"),
        "{unknown}"
    );
    let broken = client
        .acknowledge(fingerprint, Some("a\nb"), None)
        .await
        .unwrap_err();
    assert!(
        broken.to_string().contains("by must be one line"),
        "{broken}"
    );
    client
        .acknowledge(fingerprint, Some("kim"), Some("looking"))
        .await
        .unwrap();
    for _ in 0..400 {
        if pager
            .took()
            .last()
            .is_some_and(|event| event == "a acknowledge")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(pager.took().last().unwrap(), "a acknowledge");
    let events = pager.took().len();
    let listed = alerts(&address);
    assert_eq!(listed[0]["acknowledged"]["by"], "kim");
    assert_eq!(listed[0]["acknowledged"]["note"], "looking");
    // There was a reminder each second before.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(pager.took().len(), events);
    service.stop().await;

    let saved = SavedState::read(directory.path()).unwrap();
    let known = saved.acknowledgement(fingerprint).unwrap();
    assert_eq!(
        (known.by.as_deref(), known.note.as_deref()),
        (Some("kim"), Some("looking"))
    );
    let steps: Vec<String> = saved
        .explain(fingerprint)
        .map(ToString::to_string)
        .collect();
    let paged = "paged by acknowledgement: told to team: acknowledged";
    assert!(steps.iter().any(|step| step.ends_with(paged)), "{steps:?}");
    // It holds after a restart.
    let service = Service::start_from(&source, &told).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(pager.took().len(), events);
    // Given back, it is reminded of again, and nobody can give it back twice.
    client.unacknowledge(fingerprint).await.unwrap();
    let again = client.unacknowledge(fingerprint).await.unwrap_err();
    assert!(again.to_string().contains("is acknowledged"), "{again}");
    for _ in 0..400 {
        if pager.took().len() > events {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(pager.took().last().unwrap(), "a trigger");
    assert_eq!(alerts(&address)[0]["acknowledged"], Value::Null);
    service.stop().await;
    let saved = SavedState::read(directory.path()).unwrap();
    assert_eq!(saved.acknowledgement(fingerprint), None);
}
