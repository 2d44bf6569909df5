//! `bongsu tune`, from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bongsu(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn tune(folder: &Path, more: &[&str]) -> Output {
    let usual = ["tune", "--detector", "zscore", "--trials", "12", "--input"];
    bongsu(folder, &[&usual, more].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A wandering load with odd values, its labels in a column and in a file of their own.
fn write_files(folder: &Path) {
    let (mut plain, mut with, mut labels) = (
        String::from("timestamp,load\n"),
        String::from("timestamp,load,label\n"),
        String::from("timestamp,label\n"),
    );
    for row in 0..800_u32 {
        let odd = row % 100 == 70;
        let level = 20.0 * (f64::from(row) / 60.0).sin() + f64::from(row * 7 % 5);
        let value = level + if odd { 9.0 } else { 0.0 };
        let label = u8::from(odd);
        writeln!(plain, "{},{value}", 60 * row).unwrap();
        writeln!(with, "{},{value},{label}", 60 * row).unwrap();
        writeln!(labels, "{},{label}", 60 * row).unwrap();
    }
    std::fs::write(folder.join("plain.csv"), plain).unwrap();
    std::fs::write(folder.join("with.csv"), with).unwrap();
    std::fs::write(folder.join("labels.csv"), labels).unwrap();
}

#[test]
fn what_is_found_can_be_given_to_detect_and_to_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    let json = ["--format", "json"];
    let own = tune(folder.path(), &[&["with.csv"], &json[..]].concat());
    assert!(own.status.success(), "{}", text(&own.stderr));
    let beside = ["plain.csv", "--labels", "labels.csv"];
    let beside = tune(folder.path(), &[&beside, &json[..]].concat());
    let own: Value = serde_json::from_slice(&own.stdout).unwrap();
    let beside: Value = serde_json::from_slice(&beside.stdout).unwrap();
    assert_eq!(own, beside, "the labels are the same ones");
    assert_eq!(
        (&own["schema"], &own["goal"]),
        (&1.into(), &"vus_pr".into())
    );
    assert!(own["found"].as_f64() > own["before"].as_f64(), "{own}");
    assert_eq!(own["test"]["rows"], 240);

    let shown = tune(folder.path(), &["with.csv"]);
    let shown = text(&shown.stdout);
    let line = shown
        .lines()
        .find(|line| line.starts_with("bongsu "))
        .unwrap();
    let mut arguments: Vec<&str> = line.split(' ').skip(1).collect();
    arguments.extend(["--input", "plain.csv"]);
    let detected = bongsu(folder.path(), &arguments);
    assert!(detected.status.success(), "{}", text(&detected.stderr));
    assert_eq!(text(&detected.stdout).lines().count(), 801);

    let (_, query) = shown
        .split_once("\n\n")
        .unwrap()
        .1
        .split_once("\n\n")
        .unwrap();
    let query: String = query.lines().map(|line| format!("    {line}\n")).collect();
    let config = format!(
        "source:\n  type: prometheus\n  url: http://localhost:9090\nqueries:\n  - name: load\n    expr: up\n{query}"
    );
    std::fs::write(folder.path().join("c.yaml"), config).unwrap();
    let checked = bongsu(folder.path(), &["config", "check", "--config", "c.yaml"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}

#[test]
fn without_labels_a_budget_is_aimed_at() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    let more = ["plain.csv", "--alarm-budget", "100", "--format", "json"];
    let found = tune(folder.path(), &more);
    assert!(found.status.success(), "{}", text(&found.stderr));
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["goal"], "steadiness");
    assert!(found["test"].is_null() && found["searched"].to_string().contains("threshold"));
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path());
    std::fs::write(folder.path().join("few.csv"), "timestamp,label\n0,0\n").unwrap();
    for (more, status, message) in [
        (
            &["with.csv", "--labels", "labels.csv"][..],
            2,
            "--labels names others",
        ),
        (&["plain.csv", "--labels", "few.csv"], 1, "no label at 60"),
        (&["with.csv", "--measure", "f2"], 2, "measure"),
        (&["with.csv", "--trials", "0"], 2, "trials"),
        (&["with.csv", "--search", "windw"], 2, "windw"),
        (
            &["with.csv", "--set", "windw=3"],
            2,
            "did you mean `window`",
        ),
        (&["none.csv"], 1, "none.csv"),
        (&["with.csv", "--time", "soon"], 2, "soon"),
    ] {
        let output = tune(folder.path(), more);
        let said = text(&output.stderr);
        assert!(said.contains(message), "{more:?}: {said}");
        assert_eq!(output.status.code(), Some(status), "{more:?}: {said}");
    }
}
