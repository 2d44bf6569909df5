//! `bongsu detect` on rows of several channels.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bongsu(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The row in which `memory` stands out, and the one in which `cpu` is missing.
const OUTLIER: usize = 77;
const MISSING: usize = 30;

/// A load that swings and that three channels follow, each with noise of its own.
fn write_table(path: &Path, swing: f64) {
    let mut csv = String::from("timestamp,cpu,memory,requests\n");
    let noise = |i: usize, k: usize| ((i * k + 31) % 97) as f64 / 97.0 - 0.5;
    for i in 0..240 {
        let load = 10.0 + swing * (i as f64 / 11.0).sin();
        let cpu = load + noise(i, 7919);
        let memory = if i == OUTLIER {
            44.0
        } else {
            2.0 * load + noise(i, 104_729)
        };
        let requests = 100.0 * load + 30.0 * noise(i, 1_299_709);
        let cpu = if i == MISSING {
            String::new()
        } else {
            cpu.to_string()
        };
        writeln!(csv, "{},{cpu},{memory},{requests}", 1_700_000_000 + 60 * i).unwrap();
    }
    std::fs::write(path, csv).unwrap();
}

/// The names of the detectors that judge `what` and are fitted on all rows; those that learn row by
/// row need more of them than there are here.
fn names(what: &str) -> Vec<String> {
    let list = bongsu(&["detect", "--list", "--format", "json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let detectors = list["detectors"].as_array().unwrap();
    let fitted = |d: &&Value| d["judges"] == what && d["learns"] == "on many rows at once";
    let judging = detectors.iter().filter(fitted);
    judging
        .map(|d| d["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_detector_of_tables_finds_the_row_and_most_name_the_channel() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.csv");
    let names = names("all channels of a row together");
    assert!(names.len() >= 8, "{names:?}");
    let mut explained = 0;
    for name in &names {
        // Components are about channels that move together. To methods of ranks, a row at the
        // peak of a common swing is as rare as an outlier.
        write_table(&path, if name == "pca" { 3.0 } else { 0.2 });
        let mut arguments = vec!["detect", "--explain", "--detector", name, "--input"];
        arguments.push(path.to_str().unwrap());
        if ["lof", "knn", "one-class-svm"].contains(&name.as_str()) {
            // Requests are counted in hundreds.
            arguments.extend(["--set", "scaling=standard"]);
        }
        if name == "pca" {
            // One load moves all channels; the outlier must not become a component of its own.
            arguments.extend(["--set", "components=1", "--set", "scaling=robust"]);
        }
        let mut most = 3;
        if ["copod", "ecod"].contains(&name.as_str()) {
            // They add up how rare each value is by rank: three uncommon ones are as rare as one
            // that was never seen.
            arguments.extend(["--set", "contamination=0.2"]);
            most = 48;
        }
        let output = bongsu(&arguments);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let rows = text(&output.stdout);
        let rows: Vec<Vec<&str>> = rows
            .lines()
            .map(|row| row.splitn(4, ',').collect())
            .collect();
        assert_eq!(rows[0], ["timestamp", "score", "anomalous", "explanation"]);
        assert_eq!(rows.len(), 241, "{name}");
        assert_eq!(rows[MISSING + 1][1..], ["", "0", ""], "{name}");
        let score = |i: usize| rows[i + 1][1].parse::<f64>().unwrap_or(0.0);
        let higher = (0..240).filter(|&i| score(i) > score(OUTLIER)).count();
        assert!(higher <= most, "{name}: {higher} rows score higher");
        assert_eq!(rows[OUTLIER + 1][2], "1", "{name}");
        let why = rows[OUTLIER + 1][3].trim_matches('"');
        assert!(
            why.is_empty() || why.starts_with("memory "),
            "{name}: {why}"
        );
        explained += usize::from(!why.is_empty());
    }
    assert!(
        explained + 2 >= names.len(),
        "{explained} of {} explain",
        names.len()
    );
}

#[test]
fn rows_after_the_training_rows_are_judged_as_new() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.csv");
    write_table(&path, 3.0);
    let input = path.to_str().unwrap();
    let run = |train: &str| {
        let arguments = [
            "detect",
            "--detector",
            "lof",
            "--raw",
            "--train-rows",
            train,
        ];
        let output = bongsu(&[&arguments[..], &["--input", input]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let (part, all) = (run("60"), run("240"));
    assert_ne!(part, all);
    assert_eq!(part.lines().count(), 241);
    let few = bongsu(&[
        "detect",
        "--detector",
        "lof",
        "--train-rows",
        "1",
        "--input",
        input,
    ]);
    assert_eq!(few.status.code(), Some(1));
    assert!(
        text(&few.stderr).contains("at least"),
        "{}",
        text(&few.stderr)
    );
}

#[test]
fn wrong_parameters_are_named_with_value_and_domain() {
    for (detector, setting, words) in [
        (
            "isolation-forest",
            "contamination=0.6",
            ["contamination", "0.6", "(0, 0.5]"],
        ),
        ("one-class-svm", "nu=0", ["nu", "0", "(0, 1]"]),
        ("lof", "neighbors=0", ["neighbors", "0", "1"]),
        ("pca", "score=best", ["score", "best", "largest-residual"]),
        ("knn", "history=3", ["history", "3", "16"]),
    ] {
        let output = bongsu(&["detect", "--detector", detector, "--set", setting]);
        let message = text(&output.stderr);
        for word in words {
            assert!(message.contains(word), "{detector} {setting}: {message}");
        }
        assert_eq!(output.status.code(), Some(2), "{message}");
    }
}

#[test]
fn a_channel_that_cannot_be_judged_costs_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.csv");
    let mut csv = String::from("timestamp,wave,flat\n");
    for i in 0..400 {
        let wave = if i == 300 {
            9.0
        } else {
            (i as f64 * 0.37).sin()
        };
        writeln!(csv, "{},{wave},4", 60 * i).unwrap();
    }
    std::fs::write(&path, &csv).unwrap();
    let run = || {
        bongsu(&[
            "detect",
            "--detector",
            "stl",
            "--input",
            path.to_str().unwrap(),
        ])
    };
    let output = run();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("flat"),
        "{}",
        text(&output.stderr)
    );
    let rows = text(&output.stdout);
    let anomalous: Vec<&str> = rows
        .lines()
        .filter(|row| row.split(',').nth(2) == Some("1"))
        .collect();
    assert!(
        anomalous.iter().any(|row| row.starts_with("18000,")),
        "{anomalous:?}"
    );
    let constant: String = (0..50).fold("timestamp,flat\n".to_owned(), |csv, i| {
        csv + &format!("{},4\n", 60 * i)
    });
    std::fs::write(&path, constant).unwrap();
    let output = run();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("flat"),
        "{}",
        text(&output.stderr)
    );
}
