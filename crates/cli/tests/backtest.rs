//! `bongsu backtest`, and calibrated intervals of `bongsu forecast`, from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn bongsu(args: &[&str], input: &str) -> Output {
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

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Hours with a season of 12 and noise that repeats exactly from run to run.
fn hours(n: usize) -> String {
    let mut state = 7_u32;
    let mut csv = String::from("timestamp,load\n");
    for i in 0..n {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 8) / f64::from(1 << 24) - 0.5;
        let turn = (i % 12) as f64 / 12.0 * std::f64::consts::TAU;
        writeln!(csv, "{},{}", 3600 * i, 50.0 + 8.0 * turn.sin() + noise).unwrap();
    }
    csv
}

fn backtest(args: &[&str], input: &str) -> Output {
    bongsu(&[&["backtest"], args].concat(), input)
}

fn csv(output: &Output) -> Vec<Vec<String>> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let fields = |line: &str| line.split(',').map(str::to_owned).collect();
    text(&output.stdout).lines().map(fields).collect()
}

#[test]
fn the_levels_asked_for_do_not_change_the_crps() {
    let crps = |levels: &str| {
        let args = ["--model", "naive", "--horizon", "3", "--format", "csv"];
        let rows = csv(&backtest(
            &[&args[..], &["--level", levels]].concat(),
            &hours(80),
        ));
        rows[1][9].clone()
    };
    let usual = crps("95");
    assert!(usual.parse::<f64>().unwrap() > 0.0);
    assert_eq!(crps("80"), usual);
    assert_eq!(crps("61,99"), usual);
}

#[test]
fn models_are_compared_on_the_same_cutoffs() {
    let args = ["--model", "naive,seasonal-naive,croston", "--horizon", "6"];
    let more = ["--format", "csv", "--level", "80,95", "--by-step"];
    let season = ["--set", "seasonal-naive.period=12"];
    let rows = csv(&backtest(
        &[&args[..], &more, &season].concat(),
        &hours(120),
    ));
    assert_eq!(
        rows[0].join(","),
        "model,step,count,mae,rmse,mape,smape,mase,rmsse,crps,coverage_80,winkler_80,pinball_80,\
         coverage_95,winkler_95,pinball_95"
    );
    assert_eq!(rows.len(), 1 + 3 * 7);
    let all: Vec<&Vec<String>> = rows.iter().filter(|row| row[1] == "all").collect();
    let number = |row: &[String], column: usize| row[column].parse::<f64>().unwrap();
    // The first cutoff after 18 hours, the last 6 before the end, 3 apart.
    for row in &all {
        assert_eq!(row[2], ((120 - 6 - 18) / 3 * 6 + 6).to_string());
    }
    assert!(number(all[1], 3) < 0.2 * number(all[0], 3), "{rows:?}");
    assert!(
        number(all[1], 9) < number(all[1], 3),
        "a CRPS is below the absolute error"
    );
    assert!((0.85..=1.0).contains(&number(all[1], 13)));
    assert_eq!(
        all[2][9..],
        ["", "", "", "", "", "", ""],
        "croston has no intervals"
    );
    // The same by hand for the last value that goes on.
    let values: Vec<f64> = hours(120)
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').unwrap().1.parse().unwrap())
        .collect();
    let mut errors = Vec::new();
    for origin in (18..=114).step_by(3) {
        errors.extend((0..6).map(|k| (values[origin + k] - values[origin - 1]).abs()));
    }
    let mae = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!((number(all[0], 3) - mae).abs() < 1e-9);
}

#[test]
fn durations_count_in_steps_and_parameters_belong_to_models() {
    let args = [
        "--model",
        "naive,auto-ets",
        "--horizon",
        "12h",
        "--initial",
        "3d",
    ];
    let more = [
        "--step",
        "1d",
        "--set",
        "period=12",
        "--set",
        "auto-ets.criterion=bic",
    ];
    let json = ["--format", "json"];
    let output = backtest(&[&args[..], &more, &json].concat(), &hours(150));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The last cutoff is 12 hours before the end.
    assert_eq!(document["horizon"], 12);
    assert_eq!(
        (&document["initial"], &document["step"]),
        (&90.into(), &24.into())
    );
    assert_eq!(
        (&document["cutoffs"], &document["compared"]),
        (&3.into(), &3.into())
    );
    assert_eq!(
        document["models"][1]["by_step"].as_array().unwrap().len(),
        12
    );
    let mase = |i: usize| document["models"][i]["scores"]["mase"].as_f64().unwrap();
    assert!(mase(1) < mase(0));
}

#[test]
fn a_model_that_fails_is_named_and_does_not_cost_the_others() {
    let args = [
        "--model",
        "naive,seasonal-naive",
        "--set",
        "seasonal-naive.period=40",
    ];
    let more = ["--horizon", "4", "--initial", "20", "--step", "10"];
    let output = backtest(&[&args[..], &more].concat(), &hours(64));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    assert!(
        out.contains("seasonal-naive: no forecast at 3 of 5 cutoffs"),
        "{out}"
    );
    assert!(out.contains("from 2 of 5 cutoffs"), "{out}");
    let all = ["--model", "seasonal-naive", "--set", "period=1000"];
    let output = backtest(&[&all[..], &more].concat(), &hours(64));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("no model has a forecast"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn bad_usage_of_backtests_is_told() {
    let input = hours(60);
    let model = ["--model", "naive", "--horizon", "4"];
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["--model", "nave", "--horizon", "4"],
            2,
            "did you mean `naive`",
        ),
        (
            &["--model", "naive,naive", "--horizon", "4"],
            2,
            "given once",
        ),
        (&["--model", "naive", "--horizon", "0"], 2, "horizon"),
        (
            &["--model", "naive", "--horizon", "soon"],
            2,
            "neither a number of steps nor a duration",
        ),
        (
            &["--model", "naive", "--horizon", "90m"],
            2,
            "a whole number of the series' steps",
        ),
        (&[&model[..], &["--level", "0"]].concat(), 2, "in (0, 100)"),
        (
            &[&model[..], &["--level", "100"]].concat(),
            2,
            "in (0, 100)",
        ),
        (&[&model[..], &["--refit", "0"]].concat(), 2, "refit"),
        (&[&model[..], &["--step", "0"]].concat(), 2, "step"),
        (&[&model[..], &["--season", "0"]].concat(), 2, "season"),
        (&[&model[..], &["--set", "perod=3"]].concat(), 2, "perod"),
        (&[&model[..], &["--initial", "60"]].concat(), 1, "64"),
        (
            &[&model[..], &["--channel", "x"]].concat(),
            2,
            "it has: load",
        ),
    ];
    for (args, status, message) in cases {
        let output = backtest(args, &input);
        let said = text(&output.stderr);
        assert!(said.contains(message), "{args:?}: {said}");
        assert_eq!(output.status.code(), Some(*status), "{args:?}: {said}");
    }
}

#[test]
fn intervals_are_calibrated_on_past_errors() {
    let args = [
        "forecast",
        "--model",
        "ets",
        "--horizon",
        "3",
        "--level",
        "80",
    ];
    let widths = |args: &[&str], input: &str| -> (f64, String) {
        let output = bongsu(args, input);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let out = text(&output.stdout);
        let row: Vec<f64> = out
            .lines()
            .nth(1)
            .unwrap()
            .split(',')
            .map(|x| x.parse().unwrap())
            .collect();
        (row[3] - row[2], text(&output.stderr))
    };
    // Rare jumps: a normal band is far too wide for 80 % of the values.
    let mut input = String::from("timestamp,load\n");
    let mut state = 3_u32;
    for i in 0..200 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let tenth = state >> 28;
        let value = if tenth == 0 { 100 } else { tenth };
        writeln!(input, "{},{value}", 60 * i).unwrap();
    }
    let (own, _) = widths(&args, &input);
    let (calibrated, said) = widths(&[&args[..], &["--calibrate"]].concat(), &input);
    assert!(calibrated < 0.5 * own, "{calibrated} of {own}: {said}");
    // Too short a series keeps the model's own band, and says so.
    let short: String = input
        .lines()
        .take(9)
        .fold(String::new(), |all, line| all + line + "\n");
    let (own, _) = widths(&args, &short);
    let (kept, said) = widths(&[&args[..], &["--calibrate"]].concat(), &short);
    assert!(kept >= own && said.contains("the model's own"), "{said}");
    // A model without intervals has calibrated ones.
    let croston = [
        "forecast",
        "--model",
        "croston",
        "--horizon",
        "2",
        "--calibrate",
        "--level",
        "80",
    ];
    let (width, _) = widths(&croston, &input);
    assert!(width > 0.0);
}
