//! Tables from Parquet files, and days of verdicts archived as such.
#![cfg(feature = "parquet")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn bongsu(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a service over three days of a load and archives the first two.
fn archived(folder: &Path) -> String {
    let mut csv = String::from("timestamp,load\n");
    for i in 0..3 * 288 {
        writeln!(
            csv,
            "{},{}",
            1_709_164_800 + 300 * i,
            10.25 + f64::from(i % 7)
        )
        .unwrap();
    }
    fs::write(folder.join("load.csv"), &csv).unwrap();
    let config = format!(
        "source: {{type: csv, path: '{0}/load.csv'}}
queries: [{{name: load, expr: load, step: 5m, detector: zscore}}]
state: {{directory: '{0}/state'}}
output: {{verdicts: '{0}/verdicts.csv', rotate: daily, archive: parquet, keep: 30d}}
",
        folder.display()
    );
    let path = folder.join("bongsu.yaml");
    fs::write(&path, config).unwrap();
    // What is still being archived when a run ends is archived by the next.
    for _ in 0..20 {
        let output = bongsu(&["run", "--once", "--config", path.to_str().unwrap()]);
        assert!(output.status.success(), "{}", said(&output));
        if folder.join("verdicts-2024-03-01.parquet").exists() {
            break;
        }
    }
    csv
}

#[test]
fn days_that_are_over_are_archived_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    archived(folder.path());
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("verdicts"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "verdicts-2024-02-29.parquet",
            "verdicts-2024-03-01.parquet",
            "verdicts-2024-03-02.csv",
        ]
    );
    let path = folder.path().join("verdicts-2024-02-29.parquet");
    let output = bongsu(&[
        "detect",
        "--detector",
        "zscore",
        "--input",
        path.to_str().unwrap(),
    ]);
    // It has texts beside the numbers, which are named by their place.
    assert!(said(&output).contains("load"), "{}", said(&output));
}

#[test]
fn a_table_of_pandas_is_read_as_its_csv() {
    let parquet = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/table.parquet");
    let mut csv = String::from("time,load,jobs,\"busy, too\",ratio\n");
    for i in 0..40_i32 {
        let load = if i == 7 {
            String::new()
        } else {
            (10.25 + f64::from(i % 5)).to_string()
        };
        let ratio = (1.0 / f64::from(i + 1)) as f32;
        let (jobs, busy) = (i % 3, 1 - i % 2);
        writeln!(
            csv,
            "{},{load},{jobs},{busy},{ratio}",
            1_709_164_800 + 60 * i
        )
        .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    fs::write(&path, csv).unwrap();
    let scores = |input: &str| {
        let output = bongsu(&["detect", "--detector", "hbos", "--input", input]);
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let (ours, theirs) = (scores(parquet), scores(path.to_str().unwrap()));
    assert_eq!(ours.lines().count(), 41, "{ours}");
    let tail = |text: &str| -> Vec<String> {
        let rows = text
            .lines()
            .map(|row| row.split_once(',').unwrap().1.to_owned());
        rows.collect()
    };
    assert_eq!(tail(&ours), tail(&theirs));
    assert!(ours.contains("2024-02-29T00:01:00Z"), "{ours}");
}

#[test]
fn what_is_no_table_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    for content in [
        &b""[..],
        b"PAR1",
        b"PAR1 but then nothing PAR1",
        &[0; 1_000],
    ] {
        fs::write(&path, content).unwrap();
        let output = bongsu(&[
            "detect",
            "--detector",
            "zscore",
            "--input",
            path.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("not Parquet"), "{}", said(&output));
    }
}
