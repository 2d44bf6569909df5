//! `bongsu run --once` between a real Prometheus that scrapes a real `node_exporter`, and a real
//! Alertmanager.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::{Server, free_port, get, wait_for};

/// Puts the gauge that `node_exporter`'s textfile collector shows to `value`.
fn set_gauge(dir: &Path, value: f64) {
    let temporary = dir.join("load.tmp");
    fs::write(
        &temporary,
        format!("# TYPE test_load gauge\ntest_load {value}\n"),
    )
    .unwrap();
    fs::rename(&temporary, dir.join("load.prom")).unwrap();
}

fn once(config: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["run", "--once", "--config"])
        .arg(config)
        .output()
        .unwrap();
    let problems = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{problems}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_anomaly_reaches_alertmanager_and_is_resolved_after_recovery() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let textfiles = at("textfiles");
    fs::create_dir(&textfiles).unwrap();
    let (node, prometheus, alertmanager) = (free_port(), free_port(), free_port());
    let _node = Server::start(
        "prometheus-node-exporter",
        "prometheus-node-exporter",
        &[
            format!("--web.listen-address=127.0.0.1:{node}"),
            "--collector.disable-defaults".to_owned(),
            "--collector.textfile".to_owned(),
            format!("--collector.textfile.directory={}", textfiles.display()),
        ],
        &at("node.log"),
    );
    let _prometheus = Server::prometheus(
        dir.path(),
        prometheus,
        ("node", &format!("127.0.0.1:{node}")),
        "200ms",
    );
    let _alertmanager = Server::alertmanager(dir.path(), alertmanager);
    let config = at("bongsu.yaml");
    // With the default patience the jump may be the new level, and over, before it is first told.
    fs::write(
        &config,
        format!(
            "source: {{type: prometheus, url: 'http://127.0.0.1:{prometheus}'}}
queries:
  - {{name: load, expr: test_load, step: 200ms, window: 30s, direction: up, min_abs_dev: 1, detector: ewma, parameters: {{patience: 1000}}}}
sinks:
  - {{type: alertmanager, urls: ['http://127.0.0.1:{alertmanager}'], labels: {{team: test}}}}
state: {{directory: '{}'}}
",
            at("state").display()
        ),
    )
    .unwrap();

    // A calm load, long enough for the detector to know it.
    let mut beat = 0_u32;
    let mut calm = |until: &mut dyn FnMut() -> bool| {
        while !until() {
            beat += 1;
            set_gauge(&textfiles, 5.0 + 0.1 * f64::from(beat % 5));
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let samples = || {
        let query = "/api/v1/query?query=count_over_time(test_load%5B5m%5D)";
        let body = get(prometheus, query)?;
        let answer: serde_json::Value = serde_json::from_str(&body).ok()?;
        answer["data"]["result"][0]["value"][1]
            .as_str()?
            .parse::<u32>()
            .ok()
    };
    calm(&mut || samples().is_some_and(|n| n >= 80));
    wait_for("Alertmanager", || get(alertmanager, "/-/ready"));

    let listed = |state: &str| {
        let body = get(alertmanager, "/api/v2/alerts")?;
        let alerts: serde_json::Value = serde_json::from_str(&body).ok()?;
        let found = alerts
            .as_array()?
            .iter()
            .find(|alert| alert["labels"]["query"] == "load")?
            .clone();
        (found["status"]["state"] == state).then_some(found)
    };

    let calm_verdicts = once(&config);
    assert!(calm_verdicts.lines().count() > 50, "{calm_verdicts}");
    assert!(listed("active").is_none());

    let seen = samples();
    set_gauge(&textfiles, 50.0);
    wait_for("the jump in Prometheus", || {
        samples().filter(|&n| Some(n) > seen.map(|n| n + 5))
    });
    let verdicts = once(&config);
    assert!(
        verdicts.lines().any(|row| row.contains(",50,")),
        "{verdicts}"
    );
    let alert = wait_for("the alert in Alertmanager", || listed("active"));
    assert_eq!(alert["labels"]["team"], "test");
    assert!(
        alert["labels"].get("value").is_none(),
        "a value in a label would make a new alert each time"
    );
    assert_eq!(alert["annotations"]["value"], "50");

    let before = samples();
    calm(&mut || samples().is_some_and(|n| n > before.unwrap_or(0) + 10));
    let recovered = once(&config);
    // Alertmanager must answer, and its answer must hold no active alert.
    wait_for("the resolution", || {
        let body = get(alertmanager, "/api/v2/alerts?active=true")?;
        let alerts: serde_json::Value = serde_json::from_str(&body).ok()?;
        let active = alerts
            .as_array()?
            .iter()
            .filter(|alert| alert["status"]["state"] == "active")
            .count();
        (active == 0).then_some(())
    });

    // Each timestamp was judged once: what the later runs printed does not repeat the earlier.
    let times = |text: &str| {
        text.lines()
            .skip(1)
            .map(|row| row.split(',').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (first, second) = (times(&calm_verdicts), times(&verdicts));
    let third = times(&recovered);
    assert!(!third.is_empty(), "{recovered}");
    assert!(second.iter().all(|time| !first.contains(time)));
    assert!(
        third
            .iter()
            .all(|time| !first.contains(time) && !second.contains(time))
    );
}
