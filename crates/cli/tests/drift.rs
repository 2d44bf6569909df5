//! `bongsu drift` from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn drift(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .arg("drift")
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

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The rows, from 0, whose state is `state`.
fn found(output: &Output, state: &str) -> Vec<usize> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("timestamp,state"));
    let of = |row: &str| row.split(',').nth(1).unwrap().to_owned();
    let states: Vec<String> = lines.map(of).collect();
    let places = states.iter().enumerate();
    places
        .filter(|(_, found)| *found == state)
        .map(|(i, _)| i)
        .collect()
}

/// Every tenth value is an error, from row 300 on every second.
fn errors() -> String {
    let value = |i: u32| u32::from(i.is_multiple_of(if i < 300 { 10 } else { 2 }));
    let rows: String = (0..600)
        .map(|i| format!("{},{}\n", 60 * i, value(i)))
        .collect();
    format!("timestamp,errors\n{rows}")
}

#[test]
fn every_drift_detector_finds_a_change() {
    let list = drift(&["--list", "--format", "json"], "");
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let detectors = list["detectors"].as_array().unwrap();
    assert_eq!(detectors.len(), 7);
    for detector in detectors {
        let name = detector["name"].as_str().unwrap();
        let mut args = vec!["--detector", name];
        if name == "page-hinkley" {
            args.extend(["--set", "threshold=20"]);
        }
        if name == "kswin" {
            args.extend(["--set", "window_size=200", "--set", "stat_size=50"]);
        }
        let output = drift(&args, &errors());
        assert_eq!(text(&output.stdout).lines().count(), 601);
        let drifts = found(&output, "drift");
        assert!(
            drifts.iter().any(|&i| i >= 300) && drifts.iter().all(|&i| i >= 300),
            "{name}: {drifts:?}"
        );
    }
    // As the reference has it.
    let ddm = drift(&["--detector", "ddm"], &errors());
    assert_eq!(found(&ddm, "drift").first(), Some(&326));
    assert!(!found(&ddm, "warning").is_empty());
    let confirmed = [
        "--detector",
        "ddm",
        "--confirm",
        "5,20",
        "--cool-down",
        "100",
    ];
    assert_eq!(
        found(&drift(&confirmed, &errors()), "drift").first(),
        Some(&330)
    );
}

#[test]
fn missing_and_late_rows_are_passed_over() {
    let mut csv = errors();
    let clean = found(&drift(&["--detector", "ddm"], &csv), "drift");
    csv = csv.replacen("\n60,0\n", "\n60,0\n61,\n62,NaN\n63,inf\n5,1\n", 1);
    let output = drift(&["--detector", "ddm"], &csv);
    let moved: Vec<usize> = clean.iter().map(|i| i + 4).collect();
    assert_eq!(found(&output, "drift"), moved);
    assert_eq!(found(&output, ""), [2, 3, 4, 5]);
    let said = text(&output.stderr);
    assert!(said.contains("rows=4 late=1"), "{said}");
}

#[test]
fn the_channel_can_be_chosen_and_scores_watched() {
    let mut csv = String::from("timestamp,calm,shifted\n");
    let mut state = 7_u32;
    for i in 0..3_000_u32 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 8) / f64::from(1_u32 << 24);
        // The amplitude of the second grows, its level does not move.
        let amplitude = if i < 2_000 { 1.0 } else { 6.0 };
        csv += &format!("{},{noise},{}\n", 60 * i, amplitude * (noise - 0.5));
    }
    let calm = drift(&["--detector", "adwin"], &csv);
    assert!(found(&calm, "drift").is_empty());
    assert!(text(&calm.stderr).contains("--channel"));
    let watched = [
        "--detector",
        "adwin",
        "--channel",
        "shifted",
        "--watch",
        "zscore",
        "--watch-set",
        "window=500",
    ];
    let output = drift(&watched, &csv);
    let drifts = found(&output, "drift");
    let first = *drifts.first().unwrap();
    assert!((2_000..2_200).contains(&first), "{drifts:?}");
    assert!(!found(&output, "").is_empty(), "the warm-up has no state");
    // Detectors of errors are told which rows are anomalous.
    let errors = [
        "--detector",
        "hddm-a",
        "--channel",
        "shifted",
        "--watch",
        "zscore",
    ];
    assert!(drift(&errors, &csv).status.success());
}

#[test]
fn bad_usage_and_values_outside_the_domain_are_told() {
    for (args, status, message) in [
        (&["--detector", "adwim"][..], 2, "did you mean `adwin`"),
        (
            &["--detector", "adwin", "--set", "delt=1"],
            2,
            "did you mean `delta`",
        ),
        (&["--detector", "adwin", "--set", "delta=1"], 2, "`delta`"),
        (&["--detector", "ddm", "--confirm", "5"], 2, "VOTES,VALUES"),
        (&["--detector", "ddm", "--confirm", "5,2"], 2, "within"),
        (&["--detector", "ddm", "--watch-set", "a=1"], 2, "--watch"),
        (
            &["--detector", "ddm", "--watch", "ewm"],
            2,
            "did you mean `ewma`",
        ),
        (
            &["--detector", "adwin", "--channel", "b"],
            2,
            "no channel `b`; it has: a",
        ),
        (
            &["--detector", "ddm"],
            1,
            "row 2 (2): the value is 3, but must be in [0, 1]",
        ),
        (
            &["--detector", "eddm"],
            1,
            "row 2 (2): the value is 3, but must be 0 or 1",
        ),
    ] {
        let output = drift(args, "timestamp,a\n1,1\n2,3\n");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}
