//! The sink against the real Alertmanager: one, and a cluster of two.

mod common;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bongsu_alert::{AlertmanagerSink, Dispatcher, ErrorKind, Lifecycle, Links, Retry, Sink};
use bongsu_core::{Alert, Labels, Timestamp};
use common::{fire, labels, resolve};
use serde_json::Value;

const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

/// A running Alertmanager, stopped when dropped.
struct Alertmanager {
    process: Child,
    address: SocketAddr,
    cluster: Option<SocketAddr>,
    _directory: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

impl Alertmanager {
    /// Starts one on free ports; a member of a cluster when `cluster` holds the peers to join.
    async fn start(cluster: Option<&[SocketAddr]>, prefix: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("alertmanager.yml");
        std::fs::write(&config, CONFIG).unwrap();
        let address = free_address();
        let member = cluster.map(|_| free_address());
        let gossip = member.map_or_else(String::new, |address| address.to_string());
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", directory.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--cluster.listen-address={gossip}"))
            .arg(format!("--web.route-prefix={prefix}/"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for peer in cluster.unwrap_or_default() {
            command.arg(format!("--cluster.peer={peer}"));
        }
        let process = command.spawn().unwrap_or_else(|e| {
            panic!("prometheus-alertmanager does not start: {e}; install the Debian package `prometheus-alertmanager`")
        });
        let started = Self {
            process,
            address,
            cluster: member,
            _directory: directory,
        };
        let ready = started.url(&format!("{prefix}/-/ready"));
        started
            .wait("ready", || async {
                reqwest::get(&ready)
                    .await
                    .is_ok_and(|answer| answer.status().is_success())
            })
            .await;
        started
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn wait<F: Future<Output = bool>>(&self, what: &str, check: impl Fn() -> F) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !check().await {
            assert!(
                Instant::now() < deadline,
                "{}: not {what} in time",
                self.address
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The alerts that its API lists: those that fire.
    async fn alerts(&self) -> Vec<Value> {
        let answer = reqwest::get(self.url("/api/v2/alerts")).await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

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
async fn a_refusal_is_told_in_the_servers_words() {
    let _provider = sink(["http://localhost".to_owned()]);
    let server = Alertmanager::start(None, "").await;
    let good = fire(&mut Lifecycle::new(), &identity("a"), now());
    // A moment that Alertmanager cannot read makes the whole request malformed.
    let mut bad = fire(&mut Lifecycle::new(), &identity("b"), now());
    bad.starts_at = Timestamp::MIN;
    let result = sink([server.url("")]).deliver(now(), &[good, bad]).await;
    match result {
        Ok(()) => assert_eq!(server.alerts().await.len(), 2),
        Err(error) => {
            assert_eq!(
                (error.kind(), error.retry()),
                (ErrorKind::Rejected, Retry::Never)
            );
            assert!(error.to_string().contains("answered 400"), "{error}");
        }
    }
}
