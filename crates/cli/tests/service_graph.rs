//! A service that learns from traces and from labels of workloads, by way of a real Prometheus, who
//! calls whom.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Server, free_port, get, wait_for};

/// The shop calls the cart; nobody calls the mail.
const CALLS: [(&str, &str, u64); 2] = [("shop", "cart", 7), ("shop", "mail", 0)];

/// The labels of the deployments, as kube-state-metrics writes them: the cart says that it calls the
/// store, which no trace has seen.
const DEPLOYMENTS: &str = "# TYPE kube_deployment_labels gauge
kube_deployment_labels{deployment=\"cart-v2\",label_app_kubernetes_io_name=\"cart\",label_depends_on_bongsu_dev_store=\"true\",label_depends_on_bongsu_dev_mail=\"false\"} 1
kube_deployment_labels{deployment=\"store\",label_app_kubernetes_io_name=\"store\"} 1
";

/// An exporter of call counters, as Tempo or the OpenTelemetry collector make them of traces, of the
/// labels of deployments, and of latencies. While `slow` is set the store is slow, and so are those who wait for it.
fn exporter(slow: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let scrapes = AtomicU64::new(0);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            let _request = stream.read(&mut [0; 4_096]);
            let scrape = scrapes.fetch_add(1, Ordering::SeqCst);
            let mut body = "# TYPE traces_service_graph_request_total counter\n".to_owned();
            for (client, server, each) in CALLS {
                let edge = format!("client=\"{client}\",server=\"{server}\"");
                body += &format!(
                    "traces_service_graph_request_total{{{edge}}} {}\n",
                    each * scrape
                );
            }
            body += DEPLOYMENTS;
            body += "# TYPE latency_seconds gauge\n";
            let slow = slow.load(Ordering::SeqCst);
            for (i, (service, more)) in
                [("shop", 0.5), ("cart", 0.8), ("store", 2.0), ("mail", 0.0)]
                    .into_iter()
                    .enumerate()
            {
                let noise = (scrape * (2 * i as u64 + 3) % 11) as f64 / 1e3;
                let latency = 0.1 + noise + if slow { more } else { 0.0 };
                body += &format!("latency_seconds{{service=\"{service}\"}} {latency}\n");
            }
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
            let length = body.len();
            let _ = write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}");
        }
    });
    port
}

fn json_of(port: u16, path: &str) -> Option<Value> {
    serde_json::from_str(&get(port, path)?).ok()
}

#[test]
fn an_analysis_uses_the_calls_that_traces_count_and_those_that_workloads_state() {
    let dir = tempfile::tempdir().unwrap();
    let slow = Arc::new(AtomicBool::new(false));
    let target = format!("127.0.0.1:{}", exporter(Arc::clone(&slow)));
    let (prometheus, port) = (free_port(), free_port());
    let _prometheus = Server::prometheus(dir.path(), prometheus, ("traces", &target), "200ms");
    let config = dir.path().join("bongsu.yaml");
    let yaml = format!(
        "source: {{type: prometheus, url: 'http://127.0.0.1:{prometheus}'}}
queries:
  - {{name: latency, expr: latency_seconds, detector: ewma, step: 200ms, window: 10s, direction: up, min_abs_dev: 0.2,
     parameters: {{patience: 1000}}}}
rca:
  service_graph_query: traces_service_graph_request_total
  workload_query: kube_deployment_labels
  queries: {{latency: latency_seconds}}
  step: 200ms
  before: 10s
  after: 1m
  settle: 1s
  onset_uncertainty: 2s
server: {{listen: '127.0.0.1:{port}'}}
state: {{directory: '{}'}}
",
        dir.path().join("state").display()
    );
    std::fs::write(&config, yaml).unwrap();
    let samples = || {
        let query = "/api/v1/query?query=min(count_over_time(latency_seconds%5B5m%5D))";
        let answer = json_of(prometheus, query)?;
        let count = answer["data"]["result"][0]["value"][1].as_str()?;
        count.parse::<u32>().ok()
    };
    wait_for("60 calm samples", || samples().filter(|n| *n >= 60));
    let arguments = ["run", "--config", &config.display().to_string()].map(str::to_owned);
    let log = dir.path().join("bongsu.log");
    let _bongsu = Server::start(env!("CARGO_BIN_EXE_bongsu"), "bongsu", &arguments, &log);
    let judged = || {
        let metrics = get(port, "/metrics")?;
        let line = metrics
            .lines()
            .find(|l| l.starts_with("bongsu_verdicts_total"))?;
        let count: f64 = line.rsplit(' ').next()?.parse().ok()?;
        (count >= 40.0).then_some(())
    };
    wait_for("judged points", judged);
    slow.store(true, Ordering::SeqCst);

    // The list has the newest first; of all incidents there is one.
    let found = wait_for("a cause", || {
        let list = json_of(port, "/api/v1/incidents")?;
        let id = list["incidents"][0]["id"].as_str()?.to_owned();
        let one = json_of(port, &format!("/api/v1/incidents/{id}"))?;
        (one["cause"]["service"] == "store").then_some((id, one))
    });
    let (id, incident) = found;
    let report = &incident["report"];
    assert_eq!(
        report["dependencies"],
        json!([
            {"caller": "cart", "callee": "store", "provenance": ["labels"]},
            {"caller": "shop", "callee": "cart", "provenance": ["traffic"]},
        ]),
        "what was never called, or is said not to be, is no dependency"
    );
    assert_eq!(report["services"][0]["service"], "store");
    let shop = report["services"].as_array().unwrap().iter();
    let cart = shop.clone().find(|one| one["service"] == "cart").unwrap();
    assert_eq!(cart["explained_by"], "store", "{cart}");
    let page = get(port, &format!("/incidents/{id}")).unwrap();
    assert!(
        page.contains("traffic") && page.contains("labels"),
        "the page says how calls are known"
    );
}
