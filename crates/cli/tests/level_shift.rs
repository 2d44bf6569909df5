//! A level shift alarms once: when the detector has learned the new level, the alert ends, and its
//! last message says why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod flaky;

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use flaky::{Dice, Flaky};
use serde_json::Value;

const MINUTES: u64 = 2 * 1_440;
const SHIFT: u64 = 1_440;

/// Two days of minutes around 10, from the second day on around 30.
fn table() -> String {
    let mut dice = Dice(7);
    let mut csv = "timestamp,load\n".to_owned();
    for minute in 0..MINUTES {
        let level = if minute < SHIFT { 10.0 } else { 30.0 };
        // The sum of three is bell-shaped enough, and bounded.
        let noise: f64 = (0..3).map(|_| dice.below(1_000) as f64 / 1e3 - 0.5).sum();
        let _ = writeln!(csv, "{},{}", 60 * minute, level + noise);
    }
    csv
}

/// The messages that people get.
fn told(detector: &str) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Flaky::start(1);
    receiver.calm_down();
    let (path, config) = (dir.path().join("x.csv"), dir.path().join("bongsu.yaml"));
    fs::write(&path, table()).unwrap();
    fs::write(
        &config,
        format!(
            "source: {{type: csv, path: {}}}
queries: [{{name: load, expr: '*', step: 60s, detector: {detector}}}]
alerting:
  routing:
    route: {{receiver: people}}
    receivers: [{{name: people, sinks: [{{type: webhook, url: '{}'}}]}}]
",
            path.display(),
            receiver.url("/people")
        ),
    )
    .unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["--quiet", "run", "--once", "--config"])
        .arg(&config)
        .stdout(Stdio::null())
        .status()
        .expect("the binary runs");
    assert!(run.success());
    receiver.taken("/people")
}

#[test]
fn a_new_level_alarms_once_and_settles() {
    for detector in ["ewma", "online-mad"] {
        let messages = told(detector);
        let all: Vec<&Value> = messages
            .iter()
            .flat_map(|message| message["alerts"].as_array().unwrap())
            .collect();
        // One alert, which is told twice: when it fires, and when it is over.
        let of_shift = |alert: &&&Value| {
            let began = alert["starts_at"].as_str().unwrap();
            began >= "1970-01-02"
        };
        let told: Vec<&str> = all
            .iter()
            .filter(of_shift)
            .map(|alert| alert["status"].as_str().unwrap())
            .collect();
        assert_eq!(told, ["firing", "resolved"], "{detector}: {messages:#?}");
        let settled: Vec<&str> = all
            .iter()
            .filter(|alert| alert["status"] == "resolved")
            .filter_map(|alert| alert["notes"][0].as_str())
            .filter(|note| note.contains("settled at a new level"))
            .collect();
        assert_eq!(settled.len(), 1, "{detector}: {messages:#?}");
        let last = all.last().unwrap();
        assert_eq!(last["status"], "resolved", "{detector}");
    }
}
