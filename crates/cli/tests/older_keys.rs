//! The service with a configuration written with nothing but the older keys, before a real
//! Prometheus, a real Alertmanager and a server that answers as Slack does.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use support::{Server, free_port, get, wait_for};

/// A server on loopback that answers each request with what `answer` makes of it; its address.
fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut chunk) = (String::new(), [0; 65_536]);
            // A request of Slack's ends with its JSON, one of Prometheus' with its head.
            let ended = |request: &str| {
                let is_get = request.starts_with("GET");
                request.ends_with('}') || is_get && request.ends_with("\r\n\r\n")
            };
            while !ended(&request) {
                match stream.read(&mut chunk) {
                    Ok(n) if n > 0 => request.push_str(&String::from_utf8_lossy(&chunk[..n])),
                    _ => break,
                }
            }
            let body = answer(&request);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[test]
fn a_configuration_of_older_keys_detects_and_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let level = Arc::new(AtomicI64::new(20));
    let shown = Arc::clone(&level);
    let beat = AtomicI64::new(0);
    let exporter = serve(move |_| {
        let beat = beat.fetch_add(1, Ordering::SeqCst) as i32;
        // Once it is high it grows so fast that no value is near a new normal.
        let value = match shown.load(Ordering::SeqCst) {
            20 => f64::from(20 + beat % 5),
            high => high as f64 * 1.2_f64.powi(beat),
        };
        format!("# TYPE queue_depth gauge\nqueue_depth {value}\n")
    });
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let slack = serve(move |request| {
        heard.lock().unwrap().push(request.to_owned());
        "ok".to_owned()
    });
    let (prometheus, alertmanager) = (free_port(), free_port());
    let _prometheus = Server::prometheus(folder.path(), prometheus, ("queue", &exporter), "500ms");
    let _alertmanager = Server::alertmanager(folder.path(), alertmanager);
    // All eleven, as they stand.
    fs::write(
        at("config.yaml"),
        format!(
            "prometheus_url: http://127.0.0.1:{prometheus}
metrics:
  - queue_depth
contamination: 0.01
window_minutes: 0.5
step: \"1s\"
model_path: {}
slack_webhook_url: http://{slack}/services/T0/B0/secret
alertmanager_url: http://127.0.0.1:{alertmanager}/api/v1/alerts
output_csv: {}
drift_detection: true
run_interval_seconds: 1
",
            at("models/model.pkl").display(),
            at("anomalies.csv").display()
        ),
    )
    .unwrap();
    wait_for("forty seconds of samples", || {
        let query = "/api/v1/query?query=count_over_time(queue_depth%5B5m%5D)";
        let answer: serde_json::Value = serde_json::from_str(&get(prometheus, query)?).ok()?;
        let count = answer["data"]["result"][0]["value"][1].as_str()?;
        (count.parse::<u32>().ok()? >= 80).then_some(())
    });
    wait_for("Alertmanager", || get(alertmanager, "/-/ready"));

    let arguments = ["run", "--config", at("config.yaml").to_str().unwrap()].map(str::to_owned);
    let mut service = Server::start(env!("CARGO_BIN_EXE_bongsu"), "none", &arguments, &at("log"));
    let log = || fs::read_to_string(at("log")).unwrap();
    let rows = || {
        let csv = fs::read_to_string(at("anomalies.csv")).unwrap_or_default();
        csv.lines().count()
    };
    wait_for("verdicts", || (rows() > 25).then_some(()));
    level.store(5_000, Ordering::SeqCst);
    wait_for("an alert in Alertmanager", || {
        let alerts: serde_json::Value =
            serde_json::from_str(&get(alertmanager, "/api/v2/alerts")?).ok()?;
        let mut alerts = alerts.as_array()?.iter();
        alerts
            .find(|alert| alert["labels"]["query"] == "queue_depth")
            .map(|_| ())
    });
    wait_for("a message in Slack", || {
        let told = told.lock().unwrap();
        told.iter()
            .any(|message| message.contains("queue_depth"))
            .then_some(())
    });
    let csv = fs::read_to_string(at("anomalies.csv")).unwrap();
    assert!(csv.lines().any(|row| row.ends_with(",1,")), "{csv}");
    assert!(service.terminated().success(), "{}", log());
    assert!(at("models/model").is_dir(), "what was learned is kept");
    assert!(log().contains("older keys"), "{}", log());
    assert!(!log().contains("secret"), "{}", log());
}
