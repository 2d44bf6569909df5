//! The sink against the real Alertmanager: one, and a cluster of two.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod common;
mod server;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bongsu_alert::{AlertmanagerSink, Dispatcher, ErrorKind, Lifecycle, Links, Retry, Sink};
use bongsu_core::{Alert, Labels, Timestamp};
use common::{fire, labels, resolve};
use serde_json::Value;
use server::Alertmanager;

/// Our clients need a TLS provider, which the sinks install; the bare ones here need it as well.
fn sink(members: impl IntoIterator<Item = String>) -> AlertmanagerSink {
    AlertmanagerSink::builder(members)
        .timeout(Duration::from_secs(2))
        .labels(labels(&[("team", "storage")]))
        .links(
            Links::default()
                .dashboard("https://g.example/d?i={instance}")
                .unwrap(),
        )
        .generator_url("https://bongsu.example/series?i={instance}")
        .build()
        .unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

fn identity(instance: &str) -> Labels {
    labels(&[
        ("__name__", "up"),
        ("instance", instance),
        ("k8s.io/zone", "eu"),
    ])
}

fn seconds_ahead(time: &Value) -> f64 {
    let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
    time.duration_since(jiff::Timestamp::now()).as_secs_f64()
}

#[tokio::test]
async fn an_alert_is_listed_while_it_fires_and_gone_when_resolved() {
    let _provider = sink(["http://localhost".to_owned()]);
    let server = Alertmanager::start(None, "").await;
    let mut dispatcher = Dispatcher::new().with_sink(sink([server.url("")])).unwrap();
    let mut lifecycle = Lifecycle::new();
    let start = now() - Duration::from_secs(30);
    let fired = fire(&mut lifecycle, &identity("a"), start);
    fire(&mut lifecycle, &identity("b"), start);
    assert!(lifecycle.set_cause(identity("a").fingerprint(), "a deployment of api"));
    let deliveries = dispatcher.dispatch(now(), &[fired], &lifecycle).await;
    assert!(deliveries[0].result.is_ok(), "{deliveries:?}");
    assert_eq!(deliveries[0].delivered, 2);

    let alerts = server.alerts().await;
    assert_eq!(alerts.len(), 2);
    let alert = alerts
        .iter()
        .find(|alert| alert["labels"]["instance"] == "a")
        .unwrap();
    assert_eq!(
        alert["labels"],
        serde_json::json!({
            "alertname": "BongsuAnomaly", "severity": "warning", "team": "storage",
            "metric": "up", "instance": "a", "k8s_io_zone": "eu",
        })
    );
    assert_eq!(alert["status"]["state"], "active");
    let annotations = &alert["annotations"];
    assert_eq!(annotations["value"], "40");
    assert_eq!(annotations["expected"], "1");
    assert_eq!(annotations["score"], "4");
    assert_eq!(annotations["cause"], "a deployment of api");
    assert_eq!(annotations["dashboard_url"], "https://g.example/d?i=a");
    let summary = annotations["summary"].as_str().unwrap();
    assert!(
        summary.ends_with("is 40, expected 1 (0 to 10), score 4"),
        "{summary}"
    );
    assert_eq!(alert["generatorURL"], "https://bongsu.example/series?i=a");
    assert!((-40.0..-29.0).contains(&seconds_ahead(&alert["startsAt"])));
    assert!((200.0..=240.0).contains(&seconds_ahead(&alert["endsAt"])));

    // Sent again: still the same two alerts, which now end later.
    let end = seconds_ahead(&alert["endsAt"]);
    let later = now() + Duration::from_secs(61);
    dispatcher.dispatch(later, &[], &lifecycle).await;
    let alerts = server.alerts().await;
    assert_eq!(alerts.len(), 2);
    assert!(
        alerts
            .iter()
            .all(|alert| seconds_ahead(&alert["endsAt"]) > end + 50.0)
    );

    let ended = resolve(&mut lifecycle, &identity("a"), now());
    let deliveries = dispatcher.dispatch(later, &[ended], &lifecycle).await;
    assert!(deliveries[0].result.is_ok(), "{deliveries:?}");
    let alerts = server.alerts().await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["labels"]["instance"], "b");

    // It fires again: listed again.
    fire(&mut lifecycle, &identity("a"), now());
    let again = lifecycle.get(identity("a").fingerprint()).cloned();
    let again: Vec<Alert> = again.into_iter().collect();
    dispatcher.dispatch(later, &again, &lifecycle).await;
    assert_eq!(server.alerts().await.len(), 2);
}

#[tokio::test]
async fn all_members_of_a_cluster_are_told_and_one_is_enough() {
    let _provider = sink(["http://localhost".to_owned()]);
    let first = Alertmanager::start(Some(&[]), "").await;
    let peers: Vec<SocketAddr> = first.cluster.into_iter().collect();
    let second = Alertmanager::start(Some(&peers), "").await;
    let members = [first.url(""), second.url("")];
    let mut dispatcher = Dispatcher::new().with_sink(sink(members)).unwrap();
    let mut lifecycle = Lifecycle::new();
    let fired = fire(&mut lifecycle, &identity("a"), now());
    let deliveries = dispatcher.dispatch(now(), &[fired], &lifecycle).await;
    assert!(deliveries[0].result.is_ok() && deliveries[0].warnings.is_empty());
    // Alerts are not gossiped: each member lists what it was told.
    assert_eq!(first.alerts().await.len(), 1);
    assert_eq!(second.alerts().await.len(), 1);

    let gone = first.address;
    drop(first);
    let fired = fire(&mut lifecycle, &identity("b"), now());
    let deliveries = dispatcher.dispatch(now(), &[fired], &lifecycle).await;
    assert!(deliveries[0].result.is_ok(), "{deliveries:?}");
    let warning = &deliveries[0].warnings[0];
    assert_eq!(warning.kind(), ErrorKind::Partial);
    let text = warning.to_string();
    assert!(
        text.starts_with(&format!(
            "1 of 2 members failed: Alertmanager http://{gone}"
        )),
        "{text}"
    );
    assert_eq!(second.alerts().await.len(), 2);

    drop(second);
    let ended = resolve(&mut lifecycle, &identity("b"), now());
    let deliveries = dispatcher.dispatch(now(), &[ended], &lifecycle).await;
    let error = deliveries[0].result.as_ref().unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Network, Retry::Backoff)
    );
}

#[tokio::test]
async fn a_prefix_is_used_and_a_wrong_one_is_a_wrong_setting() {
    let _provider = sink(["http://localhost".to_owned()]);
    let server = Alertmanager::start(None, "/alerts").await;
    let alert = fire(&mut Lifecycle::new(), &identity("a"), now());
    let right = AlertmanagerSink::builder([server.url("")])
        .path_prefix("alerts")
        .build()
        .unwrap();
    right
        .deliver(now(), std::slice::from_ref(&alert))
        .await
        .unwrap();
    let wrong = AlertmanagerSink::builder([server.url("")]).build().unwrap();
    let error = wrong.deliver(now(), &[alert]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Misconfigured, Retry::Slow)
    );
}

#[tokio::test]
async fn extreme_moments_are_accepted() {
    let _provider = sink(["http://localhost".to_owned()]);
    let server = Alertmanager::start(None, "").await;
    let alerts: Vec<Alert> = [Timestamp::MIN, now() + Duration::from_secs(1 << 40)]
        .into_iter()
        .enumerate()
        .map(|(i, at)| fire(&mut Lifecycle::new(), &identity(&i.to_string()), at))
        .collect();
    let sink = sink([server.url("")]);
    sink.deliver(now(), &alerts).await.unwrap();
}

/// A member that answers as `answer` says, with the number of requests so far, and counts them.
async fn scripted<F, R>(answer: F) -> (String, Arc<AtomicUsize>)
where
    F: Fn(usize) -> R + Clone + Send + Sync + 'static,
    R: axum::response::IntoResponse + Send + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let app = axum::Router::new().fallback(move || {
        let answer = answer(counter.fetch_add(1, Ordering::SeqCst));
        async move { answer }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}"), count)
}

#[tokio::test]
async fn a_refusal_is_told_in_the_members_words_and_waits_for_the_resend() {
    let refuse_first = |n| {
        if n == 0 {
            (400, r#""bad label""#)
        } else {
            (200, "")
        }
    };
    let (member, count) = scripted(move |n| {
        let (code, text) = refuse_first(n);
        (axum::http::StatusCode::from_u16(code).unwrap(), text)
    })
    .await;
    let mut dispatcher = Dispatcher::new().with_sink(sink([member.clone()])).unwrap();
    let mut lifecycle = Lifecycle::new();
    let start = now();
    // Two batches: that the first is refused does not keep the second back.
    let fired: Vec<Alert> = (0..300)
        .map(|i| fire(&mut lifecycle, &identity(&i.to_string()), start))
        .collect();
    let deliveries = dispatcher.dispatch(start, &fired, &lifecycle).await;
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let error = deliveries[0].result.as_ref().unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Rejected, Retry::Never)
    );
    let text = format!("Alertmanager {member} answered 400 Bad Request: bad label");
    assert_eq!(error.to_string(), text);

    let after = |seconds| start + Duration::from_secs(seconds);
    assert!(
        dispatcher
            .dispatch(after(59), &[], &lifecycle)
            .await
            .is_empty()
    );
    let deliveries = dispatcher.dispatch(after(60), &[], &lifecycle).await;
    assert!(deliveries[0].result.is_ok());
    assert_eq!(count.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_member_that_hangs_does_not_hide_that_another_took_the_alerts() {
    let (member, _count) = scripted(|_| "").await;
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", hanging.local_addr().unwrap());
    let mut dispatcher = Dispatcher::new()
        .with_sink(sink([address, member]))
        .unwrap();
    let mut lifecycle = Lifecycle::new();
    let fired = fire(&mut lifecycle, &identity("a"), now());
    let deliveries = dispatcher.dispatch(now(), &[fired], &lifecycle).await;
    assert!(deliveries[0].result.is_ok(), "{deliveries:?}");
    assert_eq!(deliveries[0].warnings[0].kind(), ErrorKind::Partial);
    let text = deliveries[0].warnings[0].to_string();
    assert!(text.contains("did not answer in time"), "{text}");
}
