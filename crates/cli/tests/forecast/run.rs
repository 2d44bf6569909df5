//! The command, and a series for it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) fn forecast(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .arg("forecast")
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

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn csv(output: &Output) -> Vec<Vec<String>> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let fields = |line: &str| line.split(',').map(str::to_owned).collect();
    text(&output.stdout).lines().map(fields).collect()
}

pub(crate) fn json(args: &[&str], input: &str) -> Value {
    let output = forecast(args, input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the series is without its noise.
pub(crate) fn truth(i: usize) -> f64 {
    let season = [
        0.0, 3.0, 7.0, 9.0, 8.0, 5.0, 2.0, 0.0, -2.0, -4.0, -4.0, -2.0,
    ];
    50.0 + season[i % 12]
}

/// Five days of two-hourly points.
pub(crate) fn seasonal() -> String {
    let mut state = 7_u32;
    let mut csv = String::from("timestamp,load\n");
    for i in 0..72 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 8) / f64::from(1_u32 << 24) - 0.5;
        writeln!(csv, "{},{:.3}", 1_700_000_000 + 7_200 * i, truth(i) + noise).unwrap();
    }
    csv
}
