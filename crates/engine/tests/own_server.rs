//! What the service says about itself and writes back, beside a real Prometheus.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../../prometheus/tests/support/prometheus.rs"]
mod prometheus;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use bongsu_core::Timestamp;
use bongsu_engine::{Engine, Options, Unobserved, config};
use bongsu_prometheus::{Client, ClientConfig};
use prometheus::Prometheus;
use serde_json::Value;

/// Status and body of a GET request.
fn get(url: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

fn json(url: &str, path: &str) -> Value {
    let (status, body) = get(url, path);
    assert_eq!(status, 200, "{path}: {body}");
    let value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(value["schema"], 1);
    value
}

async fn has(client: &Client, promql: &str) -> bool {
    let answer = client.query(promql, None).await.unwrap();
    !answer.series.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scores_come_back_as_series_and_the_service_is_scraped() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = free.local_addr().unwrap();
    drop(free);
    let scrape = format!("- job_name: bongsu\n  static_configs: [{{targets: ['{own}']}}]\n");
    let server = Prometheus::start(1_000, "", &scrape);
    let client = Client::new(ClientConfig::new(server.url()).unwrap()).unwrap();
    let yaml = format!(
        "source: {{type: prometheus, url: '{url}'}}
queries:
  - {{name: heads, expr: 'prometheus_tsdb_head_series', step: 1s, window: 30s, detector: zscore, parameters: {{window: 12}}}}
  - {{name: broken, expr: 'sum(', step: 1s}}
server: {{listen: '{own}'}}
output:
  remote_write: {{url: '{url}/api/v1/write', protocol: v2, labels: {{site: here}}}}",
        url = server.url()
    );
    let config = config::parse(&yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(Unobserved))
        .await
        .unwrap();
    let url = engine.server_url().unwrap();
    assert_eq!(get(&url, "/-/healthy").0, 200);
    let (status, why) = get(&url, "/-/ready");
    assert_eq!((status, why.trim()), (503, "the service is starting"));

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = tokio::spawn(async move {
        let shutdown = async { drop(stopped.await) };
        let _end = engine.run(shutdown).await.unwrap();
        engine
    });
    let written = "bongsu_upper{query=\"heads\",metric=\"prometheus_tsdb_head_series\",site=\"here\",job=\"prometheus\"}";
    let scraped = "bongsu_verdicts_total{query=\"heads\"} > 3";
    for promql in [
        written,
        scraped,
        "bongsu_upper >= bongsu_expected >= bongsu_lower",
        "up{job=\"bongsu\"} == 1",
        "bongsu_build_info{version!=\"\"}",
        "bongsu_stage_duration_seconds_bucket{query=\"heads\",stage=\"fetch\",le=\"+Inf\"} > 0",
        "bongsu_query_failures_total{query=\"broken\",kind=\"query\"} > 0",
        "time() - bongsu_query_last_success_timestamp_seconds{query=\"heads\"} < 60",
        "bongsu_remote_write_samples_total{outcome=\"written\"} > 0",
        "bongsu_process_resident_memory_bytes > 1000000",
    ] {
        let mut tries = 0;
        while !has(&client, promql).await {
            tokio::time::sleep(Duration::from_millis(200)).await;
            tries += 1;
            assert!(tries < 300, "{promql}\n{}", get(&url, "/metrics").1);
        }
    }

    let (status, why) = get(&url, "/-/ready");
    assert_eq!((status, why.trim()), (503, "not judged yet: broken"));
    let state = json(&url, "/api/v1/status");
    assert_eq!(state["queries"], 2);
    assert!(state["totals"]["verdicts"].as_u64().unwrap() > 3);
    let problem = state["problems"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("parse error"), "{problem}");
    let queries = json(&url, "/api/v1/queries");
    assert_eq!(queries["queries"][0]["detector"], "zscore");
    assert_eq!(queries["queries"][0]["series"], 1);
    let verdicts = json(&url, "/api/v1/verdicts?query=heads");
    let newest = &verdicts["verdicts"][0];
    assert_eq!(newest["labels"]["__name__"], "prometheus_tsdb_head_series");
    assert!(json(&url, "/api/v1/alerts")["alerts"].is_array());
    assert_eq!(get(&url, "/api/v1/verdicts?query=none").0, 404);
    assert_eq!(get(&url, "/nothing").0, 404);

    drop(stop);
    let engine = service.await.unwrap();
    engine.close().await;
    assert!(TcpStream::connect(own).is_err(), "it listens no more");
    // Everything judged live is there, each moment once.
    let end = Timestamp::from_millis(i64::MAX / 2);
    let score = client
        .remote_read("bongsu_anomaly_score", Timestamp::from_millis(0), end)
        .await
        .unwrap();
    let times = score.series[0].timestamps();
    assert!(
        times.windows(2).all(|t| t[1].millis_since(t[0]) == 1_000),
        "{times:?}"
    );
}

#[test]
fn what_cannot_work_is_refused() {
    let parsed = |output: &str| {
        let yaml = format!(
            "source: {{type: csv, path: x.csv}}\nqueries: [{{name: a, expr: '*'}}]\n{output}"
        );
        config::parse(&yaml, None).and_then(|config| config.validate())
    };
    for (output, key) in [
        (
            "output: {remote_write: {url: 'localhost:9090'}}",
            "output.remote_write",
        ),
        (
            "output: {remote_write: {url: 'http://a:b@h/w'}}",
            "output.remote_write.url",
        ),
        (
            "output: {remote_write: {url: 'http://h', timeout: 0s}}",
            "output.remote_write.timeout",
        ),
        (
            "output: {remote_write: {url: 'http://h', queue: 0}}",
            "output.remote_write.queue",
        ),
        (
            "output: {remote_write: {url: 'http://h', labels: {a-b: c}}}",
            "output.remote_write.labels.a-b",
        ),
        (
            "output: {remote_write: {url: 'http://h', tls: {ca: /no/such}}}",
            "output.remote_write.tls.ca",
        ),
        ("server: {listen: localhost}", "server.listen"),
        ("output: {verdicts: v.csv, keep: 30d}", "output.keep is set"),
        (
            "output: {verdicts: v.csv, archive: parquet}",
            "output.archive is set",
        ),
        ("output: {rotate: daily}", "no output.verdicts"),
        (
            "output: {verdicts: v.csv, rotate: daily, keep: 1h}",
            "output.keep is 1h",
        ),
        ("output: {verdicts: v.csv, rotate: weekly}", "output.rotate"),
    ] {
        let error = parsed(output).unwrap_err().to_string();
        assert!(error.contains(key), "{output}: {error}");
    }
    parsed("server: {}").unwrap();
    parsed("output: {verdicts: v.csv, rotate: daily, keep: 0s}").unwrap();
}
