//! `bongsu detect` from the outside: golden values, streams, and exit statuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn bongsu(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn with_input(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // Where the arguments are refused, the input is not read.
    let _ = child
        .stdin
        .take()
        .expect("stdin")
        .write_all(input.as_bytes());
    child.wait_with_output().expect("the binary ends")
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn raw_z_scores_equal_pandas() {
    let mut files = 0;
    for entry in fs::read_dir(golden()).unwrap() {
        let input = entry.unwrap().path();
        let name = input.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(stem) = name.strip_suffix(".input.csv") else {
            continue;
        };
        files += 1;
        let output = bongsu(&[
            "detect",
            "--detector",
            "zscore",
            "--set",
            "window=100",
            "--raw",
            "--input",
            input.to_str().unwrap(),
        ]);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let rows = text(&output.stdout);
        let mut rows = rows.lines();
        assert!(
            rows.next()
                .unwrap()
                .starts_with("timestamp,score,anomalous")
        );
        let expected = fs::read_to_string(golden().join(format!("{stem}.zscore.txt"))).unwrap();
        let mut compared = 0;
        for (i, (row, expected)) in rows.by_ref().zip(expected.lines()).enumerate() {
            let score = row.split(',').nth(1).unwrap();
            assert_eq!(
                score.is_empty(),
                expected.is_empty(),
                "{name} row {i}: `{score}` for `{expected}`"
            );
            if !expected.is_empty() {
                let (score, expected): (f64, f64) =
                    (score.parse().unwrap(), expected.parse().unwrap());
                let error = (score - expected).abs() / expected.abs().max(1e-6);
                assert!(error < 1e-9, "{name} row {i}: {score} for {expected}");
            }
            compared += 1;
        }
        assert_eq!(
            compared,
            expected.lines().count(),
            "{name}: one row an input row"
        );
        assert_eq!(rows.next(), None, "{name}: one row an input row");
    }
    assert_eq!(files, 10);
}

#[test]
fn standard_input_and_output_are_the_default_and_times_are_echoed() {
    let mut input = String::from("timestamp,a\n");
    for i in 0..30 {
        input += &format!(
            "2024-01-01T00:{i:02}:00Z,{}\n",
            if i == 20 { 99 } else { i % 3 }
        );
    }
    let output = with_input(&["detect", "--detector", "iqr"], &input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rows = text(&output.stdout);
    let found: Vec<&str> = rows
        .lines()
        .filter(|row| row.split(',').nth(2) == Some("1"))
        .collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("2024-01-01T00:20:00Z,"), "{found:?}");
}

#[test]
fn fail_on_anomaly_gives_status_3() {
    let calm: String = (0..30).map(|i| format!("{i},{}\n", i % 3)).collect();
    let args = ["detect", "--detector", "iqr", "--fail-on-anomaly"];
    assert_eq!(
        with_input(&args, &format!("timestamp,a\n{calm}"))
            .status
            .code(),
        Some(0)
    );
    assert_eq!(
        with_input(&args, &format!("timestamp,a\n{calm}30,99\n"))
            .status
            .code(),
        Some(3)
    );
}

#[test]
fn bad_usage_gives_status_2_and_bad_data_1() {
    for (args, status, message) in [
        (
            &["detect", "--detector", "zscor"][..],
            2,
            "did you mean `zscore`",
        ),
        (
            &["detect", "--detector", "zscore", "--set", "windw=5"],
            2,
            "did you mean `window`",
        ),
        (
            &["detect", "--detector", "zscore", "--set", "window=1"],
            2,
            "`window`",
        ),
        (
            &["detect", "--detector", "zscore", "--set", "window"],
            2,
            "NAME=VALUE",
        ),
        (
            &["detect", "--detector", "zscore", "--set", "direction=left"],
            2,
            "up, down or both",
        ),
        (
            &["detect", "--detector", "zscore", "--train-rows", "9"],
            2,
            "--train-rows",
        ),
        (
            &["detect", "--detector", "zscore", "--input", "/nowhere.csv"],
            1,
            "/nowhere.csv",
        ),
        (&["run", "--config", "/nowhere.yaml"], 2, "/nowhere.yaml"),
    ] {
        let output = with_input(args, "timestamp,a\n1,1\n");
        assert_eq!(
            output.status.code(),
            Some(status),
            "{args:?}: {}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stderr).contains(message),
            "{args:?}: {}",
            text(&output.stderr)
        );
    }
    let output = with_input(&["detect", "--detector", "iqr"], "timestamp,a\n1,1\n2\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("line 3"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_was_found_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let mut csv = String::from("timestamp,value\n");
    for i in 0..300 {
        let value = if i == 200 { 50 } else { i % 5 };
        csv.push_str(&format!("{},{value}\n", 60 * i));
    }
    let (plot, scores) = (file("plot.PNG"), file("scores.svg"));
    let args = ["detect", "--detector", "robust-z", "--plot", &plot];
    let found = with_input(&[&args[..], &["--scores", &scores]].concat(), &csv);
    assert!(found.status.success(), "{}", text(&found.stderr));
    assert!(fs::read(&plot).unwrap().starts_with(b"\x89PNG"));
    let drawn = fs::read_to_string(&scores).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("bound"));
    let wrong = with_input(&[&args[..], &["--scores", "scores.txt"]].concat(), &csv);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("--scores scores.txt: the name of a plot ends in"));
}

#[test]
fn compressed_files_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.csv.gz");
    let mut file = flate2::write::GzEncoder::new(
        fs::File::create(&path).unwrap(),
        flate2::Compression::fast(),
    );
    for row in
        std::iter::once("timestamp,a".to_owned()).chain((0..20).map(|i| format!("{i},{}", i % 4)))
    {
        writeln!(file, "{row}").unwrap();
    }
    file.finish().unwrap();
    let output = bongsu(&[
        "detect",
        "--detector",
        "robust-z",
        "--input",
        path.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 21);
}

#[test]
fn every_listed_detector_runs_with_its_defaults() {
    let list = bongsu(&["detect", "--list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let rows: String = (0..1300)
        .map(|i| format!("{},{}\n", 60 * i, (i * 7) % 13))
        .collect();
    for detector in list["detectors"].as_array().unwrap() {
        let name = detector["name"].as_str().unwrap();
        let mut args = vec!["detect", "--detector", name];
        // Networks need not be trained to the end here.
        if detector["learns"] == "once, on many rows" {
            args.extend(["--set", "epochs=1"]);
        }
        let output = with_input(&args, &format!("timestamp,a\n{rows}"));
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let scored = text(&output.stdout)
            .lines()
            .skip(1)
            .filter(|row| !row.contains(",,0"))
            .count();
        assert!(scored >= 300, "{name} scored only {scored} of 1300 rows");
    }
}

#[test]
fn a_broken_file_is_told_in_a_short_message() {
    let dir = tempfile::tempdir().unwrap();
    let long = "7".repeat(1 << 20);
    for (name, content, message) in [
        ("a.csv", "timestamp,a\n1,1\n2\n", "column 2 (a) is missing"),
        ("b.csv", "timestamp,a\n1,1,9\n", "column 3 is surplus: `9`"),
        (
            "c.csv",
            "timestamp,a\n1700000000000000,1\n",
            "microseconds or nanoseconds",
        ),
        (
            "d.csv",
            &format!("timestamp,a,b\n1,\"1,2\n{long}"),
            "a quotation mark may not be closed",
        ),
        ("e.csv", "timestamp,a\n1,\u{1b}[2J\n", "\\u{1b}[2J"),
        ("f.csv.GZ", "timestamp,a\n", "the file is not gzip"),
        ("g.csv.zst", "timestamp,a\n", "the file is not zstd"),
        (
            "h.parquet",
            "PAR1",
            if cfg!(feature = "parquet") {
                "the file is not Parquet"
            } else {
                "Parquet is not supported by this build"
            },
        ),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        let output = bongsu(&[
            "detect",
            "--detector",
            "zscore",
            "--input",
            path.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = text(&output.stderr);
        assert!(said.contains(message), "{name}: {said}");
        assert!(said.len() < 400, "{name}: {said}");
        assert!(output.stdout.is_empty(), "{name}");
    }
}
