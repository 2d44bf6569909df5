//! The client against a real Prometheus, and the replay server against its answers.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

#[path = "support/prometheus.rs"]
mod prometheus;

use std::sync::Arc;
use std::time::Duration;

use bongsu_core::{Series, Timestamp};
use bongsu_prometheus::replay::{Recording, ReplayClock, ReplayServer};
use bongsu_prometheus::{Answer, Client, ClientConfig, ErrorKind, Range};
use prometheus::Prometheus;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const RULES: &str =
    "groups: [{name: g, rules: [{record: 'job:up:sum', expr: 'sum by (job) (up)'}]}]\n";

fn client(url: &str) -> Client {
    Client::new(ClientConfig::new(url).unwrap()).unwrap()
}

/// A target with a histogram, special values and awkward labels, whose series `flaps` is only
/// there every other second.
async fn exporter() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let start = std::time::Instant::now();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4_096]).await;
            let secs = start.elapsed().as_secs();
            let flaps = if secs % 4 < 2 { "flaps 1\n" } else { "" };
            let body = format!(
                "nothing NaN\nmost +Inf\nleast -Inf\nsmall 1.5e-09\nlarge 1.25e+22\nthird 0.3333333333333333\n\
                 label{{path=\"C:\\\\x \\\"q\\\"\\nend\",emoji=\"\u{1f525}\"}} {secs}\n{flaps}"
            );
            let head = format!(
                "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    port
}

/// Waits until `promql` has at least `points` raw points.
async fn wait_for(client: &Client, promql: &str, points: usize) {
    for _ in 0..300 {
        let answer = client.query(promql, None).await.unwrap();
        if answer.series.iter().any(|series| series.len() >= points) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{promql} did not get {points} points");
}

/// An answer in a comparable form: NaN equals NaN, and series are sorted.
fn comparable(answer: &Answer) -> Vec<String> {
    let mut all: Vec<String> = answer.series.iter().map(|s| format!("{s:?}")).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_and_replay_agree_with_prometheus() {
    let port = exporter().await;
    let scrapes = format!(
        "- job_name: odd\n  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{zone: a}}}}]\n\
         - job_name: dead\n  static_configs: [{{targets: ['127.0.0.1:1']}}]\n"
    );
    let server = Prometheus::start(1_000, RULES, &scrapes);
    let real = client(server.url());
    real.ready().await.unwrap();
    wait_for(&real, "label[1m]", 14).await;
    wait_for(&real, "job:up:sum[1m]", 12).await;

    // Everything up to one moment, as the server holds it.
    let last = real.query("label[1m]", None).await.unwrap();
    let now = *last.series[0].timestamps().last().unwrap();
    let all = real
        .query("{__name__!=\"\"}[10m]", Some(now))
        .await
        .unwrap();
    assert!(all.quality.is_clean(), "{:?}", all.quality);
    let points: usize = all.series.iter().map(Series::len).sum();
    assert!(
        all.series.len() > 300 && points > 3_000,
        "{} {points}",
        all.series.len()
    );
    let recording = Arc::new(Recording::from_series(all.series).unwrap());
    let clock = ReplayClock::manual(now);
    let replay = ReplayServer::start(recording.clone(), clock, ([127, 0, 0, 1], 0).into()).unwrap();
    let replayed = client(&replay.url());
    replayed.ready().await.unwrap();

    reads_its_values(&real).await;
    instants_agree(&real, &replayed, &recording, now).await;
    ranges_agree(&real, &replayed, now).await;
    catalogs_agree(&real, &replayed, now).await;
    errors_agree(&real, &replayed, now).await;
    replay.stop().await;
    assert_eq!(
        replayed.ready().await.unwrap_err().kind(),
        ErrorKind::Connection
    );
}

async fn reads_its_values(real: &Client) {
    for (metric, expected) in [
        ("most", f64::INFINITY),
        ("least", f64::NEG_INFINITY),
        ("small", 1.5e-9),
        ("large", 1.25e22),
        ("third", 0.333_333_333_333_333_3),
    ] {
        let answer = real.query(metric, None).await.unwrap();
        assert_eq!(answer.series[0].values(), [expected], "{metric}");
    }
    assert!(real.query("nothing", None).await.unwrap().series[0].values()[0].is_nan());
    let label = real.query("label", None).await.unwrap();
    let labels = label.series[0].labels();
    assert_eq!(labels.get("path"), Some("C:\\x \"q\"\nend"));
    assert_eq!(labels.get("emoji"), Some("\u{1f525}"));
    let scalar = real.query("1 + 1", None).await.unwrap();
    assert_eq!(scalar.series[0].values(), [2.0]);
    assert!(
        real.query("no_such_metric", None)
            .await
            .unwrap()
            .series
            .is_empty()
    );
}

async fn instants_agree(real: &Client, replayed: &Client, recording: &Recording, now: Timestamp) {
    let mut times: Vec<Timestamp> = (0..24).map(|i| now.add_millis(i * -731)).collect();
    // Exactly at points, and at the borders of windows.
    let up = recording
        .series()
        .iter()
        .find(|s| s.labels().metric_name() == Some("label"));
    times.extend(up.unwrap().timestamps().iter().rev().take(5));
    for promql in [
        "up",
        "label",
        "{job=\"odd\", __name__!=\"flaps\"}",
        "{job=~\"o.*\", __name__!~\"scrape.+|up|flaps\"}",
        "job:up:sum{job!=\"dead\"}",
        "label{path='C:\\\\x \"q\"\\nend'}",
        "up offset 3s",
        "nothing",
        "no_such_metric",
        "prometheus_http_requests_total{code=~\"2..\"}",
        "up[2s]",
        "label[1500ms] offset 1s",
        "{job=\"odd\"}[4s]",
    ] {
        for &time in &times {
            let expected = real.query(promql, Some(time)).await.unwrap();
            let found = replayed.query(promql, Some(time)).await.unwrap();
            assert_eq!(
                comparable(&found),
                comparable(&expected),
                "{promql} at {time}"
            );
        }
    }
    // A point exactly at the far border of a window belongs to it, in both.
    let at = times[27].add_millis(2_000);
    assert!(at <= now);
    let expected = real.query("label[2s]", Some(at)).await.unwrap();
    let found = replayed.query("label[2s]", Some(at)).await.unwrap();
    assert_eq!(found.series[0].timestamps()[0], times[27]);
    assert_eq!(comparable(&found), comparable(&expected));
}

async fn ranges_agree(real: &Client, replayed: &Client, now: Timestamp) {
    for step_ms in [250, 500, 700, 1_000, 3_000] {
        for promql in [
            "up",
            "{job=\"odd\", __name__!=\"flaps\"}",
            "job:up:sum",
            "label offset 2s",
        ] {
            let range = Range {
                start: now.add_millis(-15_000),
                end: now,
                step_ms,
            };
            let expected = real.query_range(promql, &range).await.unwrap();
            let found = replayed.query_range(promql, &range).await.unwrap();
            assert_eq!(
                comparable(&found),
                comparable(&expected),
                "{promql} by {step_ms}"
            );
        }
    }
    // Split into many requests, a range is the same.
    let range = Range {
        start: now.add_millis(-10_000),
        end: now,
        step_ms: 100,
    };
    for client in [real, replayed] {
        let split = configured(client, |config| config.max_points(7));
        for promql in ["up", "{job=\"odd\", __name__!=\"flaps\"}"] {
            let whole = client.query_range(promql, &range).await.unwrap();
            assert!(whole.series.iter().any(|series| series.len() >= 100));
            let joined = split.query_range(promql, &range).await.unwrap();
            assert_eq!(comparable(&joined), comparable(&whole), "{promql}");
        }
    }
}

async fn catalogs_agree(real: &Client, replayed: &Client, now: Timestamp) {
    let start = now.add_millis(-600_000);
    let matchers = ["{job=\"odd\"}", "job:up:sum"];
    let mut expected = real.series(&matchers, start, now).await.unwrap();
    let mut found = replayed.series(&matchers, start, now).await.unwrap();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    for matchers in [&matchers[..], &[]] {
        let expected = real.labels(matchers, start, now).await.unwrap();
        assert_eq!(
            replayed.labels(matchers, start, now).await.unwrap(),
            expected
        );
        let expected = real
            .label_values("job", matchers, start, now)
            .await
            .unwrap();
        let found = replayed
            .label_values("job", matchers, start, now)
            .await
            .unwrap();
        assert_eq!(found, expected);
    }
    let metadata = real
        .metadata(Some("prometheus_http_requests_total"))
        .await
        .unwrap();
    assert_eq!(
        metadata["prometheus_http_requests_total"][0].kind,
        "counter"
    );
    let guessed = replayed
        .metadata(Some("prometheus_http_requests_total"))
        .await
        .unwrap();
    assert_eq!(guessed["prometheus_http_requests_total"][0].kind, "counter");
    for client in [real, replayed] {
        let mut health: Vec<_> = client
            .targets()
            .await
            .unwrap()
            .into_iter()
            .map(|target| {
                (
                    target.scrape_pool,
                    target.health,
                    target.last_error.is_empty(),
                )
            })
            .collect();
        health.sort();
        let expected = [
            ("dead", "down", false),
            ("odd", "up", true),
            ("prometheus", "up", true),
        ];
        let expected = expected.map(|(pool, health, fine)| (pool.into(), health.into(), fine));
        assert_eq!(health, expected);
    }
}

async fn errors_agree(real: &Client, replayed: &Client, now: Timestamp) {
    for promql in [
        "",
        "up{",
        "up{a=}",
        "{}",
        "{a=~\".*\"}",
        "up{a=~\"(\"}",
        "up[0s]",
    ] {
        for client in [real, replayed] {
            let error = client.query(promql, Some(now)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Query, "{promql}: {error}");
            assert_eq!(error.error_type(), Some("bad_data"), "{promql}");
            assert!(
                error.to_string().contains("parse error"),
                "{promql}: {error}"
            );
        }
    }
    let error = replayed.query("rate(up[1m])", None).await.unwrap_err();
    assert!(
        error.to_string().contains("only plain selectors"),
        "{error}"
    );
    // Past the server's limit, both refuse in the same words.
    let range = Range {
        start: now.add_millis(-11_100_000),
        end: now,
        step_ms: 1_000,
    };
    let mut texts = Vec::new();
    for client in [real, replayed] {
        client.query_range("up", &range).await.unwrap();
        // The same server, believed to take more points than it does.
        let text = configured(client, |config| config.max_points(50_000))
            .query_range("up", &range)
            .await
            .unwrap_err()
            .to_string();
        let (_, text) = text.split_once(": the server").unwrap();
        texts.push(text.to_owned());
    }
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].contains("11,000 points"), "{}", texts[0]);
}

/// Another client of the same server.
fn configured(
    client: &Client,
    change: impl Fn(ClientConfig) -> Result<ClientConfig, bongsu_prometheus::Error>,
) -> Client {
    let shown = format!("{client:?}");
    let url = shown.split('"').nth(1).unwrap();
    Client::new(change(ClientConfig::new(url).unwrap()).unwrap()).unwrap()
}
