//! `bongsu evaluate`: measures of a file of scores against a file of labels.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn evaluate(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .current_dir(folder)
        .args(["evaluate", "--scores", "s.csv", "--labels", "l.csv"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn every_measure_is_written_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut scores = String::from("timestamp,score,anomalous\n");
    let mut labels = String::from("timestamp,label\n");
    for row in 0..300 {
        let hit = (100..110).contains(&row) || row == 250;
        scores += &format!(
            "{},{},{}\n",
            60 * row,
            f64::from(row % 7) + if hit { 9.0 } else { 0.0 },
            u8::from(hit)
        );
        labels += &format!("{},{}\n", 60 * row, u8::from((100..110).contains(&row)));
    }
    std::fs::write(folder.path().join("s.csv"), scores).unwrap();
    std::fs::write(folder.path().join("l.csv"), labels).unwrap();
    let output = evaluate(folder.path(), &[]);
    assert!(output.status.success());
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["schema"], 1);
    assert_eq!(found["recall"], 1.0);
    assert!((found["precision"].as_f64().unwrap() - 10.0 / 11.0).abs() < 1e-12);
    assert_eq!(found["threshold_source"], "detector");
    assert_eq!(found["detection_delay_seconds"], 0.0);
    let per_week = 7.0 * 86_400.0 / (300.0 * 60.0);
    assert!((found["false_alerts_per_week"].as_f64().unwrap() - per_week).abs() < 1e-9);
    for name in [
        "roc_auc",
        "pr_auc",
        "vus_roc",
        "vus_pr",
        "affiliation_precision",
        "affiliation_recall",
        "range_f1",
        "event_recall",
    ] {
        assert!(found[name].is_f64(), "{name}");
    }
    let given = evaluate(folder.path(), &["--threshold", "13", "--vus-window", "0"]);
    let found: Value = serde_json::from_slice(&given.stdout).unwrap();
    assert_eq!(
        (found["threshold"].as_f64(), found["vus_window"].as_u64()),
        (Some(13.0), Some(0))
    );
    assert!(found["recall"].as_f64().unwrap() < 1.0);
}

#[test]
fn mistakes_end_with_their_status() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(evaluate(folder.path(), &[]).status.code(), Some(1));
    assert_eq!(
        evaluate(folder.path(), &["--vus-window", "1000000"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        evaluate(folder.path(), &["--threshold", "NaN"])
            .status
            .code(),
        Some(2)
    );
}
