//! `bongsu forecast` from the outside.
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

fn forecast(args: &[&str], input: &str) -> Output {
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

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn csv(output: &Output) -> Vec<Vec<String>> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let fields = |line: &str| line.split(',').map(str::to_owned).collect();
    text(&output.stdout).lines().map(fields).collect()
}

fn json(args: &[&str], input: &str) -> Value {
    let output = forecast(args, input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the series is without its noise.
fn truth(i: usize) -> f64 {
    let season = [
        0.0, 3.0, 7.0, 9.0, 8.0, 5.0, 2.0, 0.0, -2.0, -4.0, -4.0, -2.0,
    ];
    50.0 + season[i % 12]
}

/// Five days of two-hourly points.
fn seasonal() -> String {
    let mut state = 7_u32;
    let mut csv = String::from("timestamp,load\n");
    for i in 0..72 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 8) / f64::from(1_u32 << 24) - 0.5;
        writeln!(csv, "{},{:.3}", 1_700_000_000 + 7_200 * i, truth(i) + noise).unwrap();
    }
    csv
}

const SEASONAL: [&str; 9] = [
    "seasonal-naive",
    "auto-arima",
    "ets",
    "auto-ets",
    "theta",
    "dot",
    "ces",
    "mstl",
    "ensemble",
];

#[test]
fn every_model_continues_a_series() {
    let list = json(&["--list", "--format", "json"], "");
    assert_eq!(list["schema"], 1);
    let models = list["models"].as_array().unwrap();
    let names: Vec<&str> = models.iter().map(|m| m["name"].as_str().unwrap()).collect();
    for name in ["naive", "drift", "arima", "croston", "sba", "tsb"] {
        assert!(names.contains(&name), "{name}");
    }
    assert!(SEASONAL.iter().all(|name| names.contains(name)));
    for model in models {
        let name = model["name"].as_str().unwrap();
        let rows = csv(&forecast(
            &["--model", name, "--horizon", "12"],
            &seasonal(),
        ));
        assert_eq!(rows.len(), 13, "{name}");
        let gives = model["intervals"].as_bool().unwrap();
        let header = if name == "prophet" {
            "timestamp,mean,lower_95,upper_95"
        } else if gives {
            "timestamp,mean,lower_80,upper_80,lower_95,upper_95"
        } else {
            "timestamp,mean"
        };
        assert_eq!(rows[0].join(","), header, "{name}");
        for (h, row) in rows[1..].iter().enumerate() {
            let time = 1_700_000_000 + 7_200 * (72 + h);
            assert_eq!(row[0], time.to_string(), "{name}");
            let numbers: Vec<f64> = row[1..].iter().map(|x| x.parse().unwrap()).collect();
            assert!(numbers.iter().all(|x| x.is_finite()), "{name}: {row:?}");
            if let [mean, lower_80, upper_80, lower_95, upper_95] = numbers[..] {
                let order = [lower_95, lower_80, mean, upper_80, upper_95];
                assert!(order.is_sorted(), "{name}: {row:?}");
            }
            if SEASONAL.contains(&name) {
                let error = (numbers[0] - truth(72 + h)).abs();
                assert!(error < 1.5, "{name}: {error} at {h}");
            }
        }
    }
}

#[test]
fn the_document_has_its_fields() {
    let args = [
        "--model",
        "arima",
        "--set",
        "order=1,0,1",
        "--set",
        "seasonal=0,1,1,12",
        "--horizon",
        "3",
        "--level",
        "80,99.5",
        "--json",
    ];
    let document = json(&args, &seasonal());
    assert_eq!(document["schema"], 1);
    assert_eq!(document["model"], "arima");
    assert_eq!(document["order"], serde_json::json!([1, 0, 1]));
    assert_eq!(document["seasonal_order"], serde_json::json!([0, 1, 1, 12]));
    assert_eq!(document["converged"], true);
    let parameters = document["parameters"].as_object().unwrap();
    let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
    for name in ["ar.L1", "ma.L1", "ma.S.L12", "sigma2"] {
        assert!(
            names.contains(&name) && parameters[name].is_f64(),
            "{names:?}"
        );
    }
    let number = |name: &str| document[name].as_f64().unwrap();
    // Four parameters.
    let aic = -2.0 * number("log_likelihood") + 8.0;
    assert!((number("aic") - aic).abs() < 1e-9);
    assert!(number("aicc") > aic && number("bic") > aic);
    let rows = document["forecast"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["timestamp"], 1_700_518_400);
    let bound = |name: &str| rows[2][name].as_f64().unwrap();
    let order = ["lower_99.5", "lower_80", "mean", "upper_80", "upper_99.5"].map(bound);
    assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    let tests = &document["diagnostics"];
    // A fifth of the points.
    assert_eq!(tests["ljung_box"]["lags"], 14);
    for test in ["ljung_box", "jarque_bera", "break_variance"] {
        let p = tests[test]["p_value"].as_f64().unwrap();
        assert!(p > 0.0 && p <= 1.0, "{test}: {p}");
    }

    let naive = json(
        &["--model", "naive", "--horizon", "1", "--json"],
        &seasonal(),
    );
    for name in ["order", "log_likelihood", "aic", "aicc", "bic", "period"] {
        assert!(naive[name].is_null() && naive.get(name).is_some(), "{name}");
    }
    let args = ["--model", "ensemble", "--horizon", "1", "--json"];
    let ensemble = json(&args, &seasonal());
    assert_eq!(ensemble["members"].as_array().unwrap().len(), 4);
    assert_eq!(ensemble["period"], 12);
}

#[test]
fn times_are_written_as_they_are_read() {
    for (times, next) in [
        (["60", "120", "180"], "240"),
        (["1700000000.5", "1700000001", "1700000001.5"], "1700000002"),
        (
            ["1700000000000", "1700000060000", "1700000120000"],
            "1700000180000",
        ),
        (
            [
                "2024-01-31T00:00:00Z",
                "2024-02-29T00:00:00Z",
                "2024-03-31T00:00:00Z",
            ],
            "2024-04-30T00:00:00Z",
        ),
        (
            [
                "2024-03-05T22:00:00+01:00",
                "2024-03-05T23:00:00+01:00",
                "2024-03-06T00:00:00+01:00",
            ],
            "2024-03-06T01:00:00+01:00",
        ),
        (
            ["2024-03-05 22:00", "2024-03-05 23:00", "2024-03-06 00:00"],
            "2024-03-06 01:00",
        ),
        (["2024-01-01", "2024-02-01", "2024-03-01"], "2024-04-01"),
    ] {
        let mut input = String::from("timestamp,a\n");
        for (i, time) in times.iter().enumerate() {
            writeln!(input, "{time},{i}").unwrap();
        }
        let args = ["--model", "drift", "--horizon", "1", "--level", "95"];
        let rows = csv(&forecast(&args, &input));
        assert_eq!(rows[1][..2], [next.to_owned(), "3".to_owned()]);
        let args = ["--model", "drift", "--horizon", "1", "--json"];
        let document = json(&args, &input);
        let time = &document["forecast"][0]["timestamp"];
        assert_eq!(time.to_string().trim_matches('"'), next);
        assert_eq!(time.is_string(), next.contains('-'));
    }
}

#[test]
fn missing_values_and_rows_are_taken_as_missing() {
    let full = seasonal();
    let holes: String = full
        .lines()
        .enumerate()
        .filter(|(i, _)| *i != 20)
        .map(|(i, line)| match (i, line.split_once(',')) {
            (30, Some((time, _))) => format!("{time},\n"),
            (40, Some((time, _))) => format!("{time},NaN\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    for model in ["ets", "arima", "seasonal-naive"] {
        let output = forecast(&["--model", model, "--horizon", "12"], &holes);
        let said = text(&output.stderr);
        assert!(said.contains("rows=71 steps=72 missing=3"), "{said}");
        let rows = csv(&output);
        assert_eq!(rows[1][0], (1_700_000_000 + 7_200 * 72).to_string());
        for (h, row) in rows[1..].iter().enumerate().filter(|_| model != "arima") {
            let mean: f64 = row[1].parse().unwrap();
            assert!((mean - truth(72 + h)).abs() < 2.0, "{model}: {mean} at {h}");
        }
    }
}

#[test]
fn a_transform_keeps_forecasts_above_zero() {
    let mut input = String::from("timestamp,a\n");
    for i in 0..40 {
        writeln!(input, "{},{}", 60 * i, [1.0, 8.0, 0.1, 3.0][i % 4]).unwrap();
    }
    let args = ["--model", "naive", "--horizon", "50", "--level", "95"];
    let plain = csv(&forecast(&args, &input));
    let logs = csv(&forecast(
        &[&args[..], &["--set", "transform=log"]].concat(),
        &input,
    ));
    let lower = |rows: &[Vec<String>]| rows[50][2].parse::<f64>().unwrap();
    assert!(lower(&plain) < 0.0 && lower(&logs) > 0.0);
    let args = [
        "--model",
        "naive",
        "--horizon",
        "1",
        "--set",
        "transform=log",
    ];
    let zero = forecast(&args, "timestamp,a\n1,1\n2,0\n3,1\n");
    assert_eq!(zero.status.code(), Some(1));
    assert!(text(&zero.stderr).contains("row 1 is not above 0"));
}

#[test]
fn plots_are_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (png, svg) = (path("a.png"), path("a.SVG"));
    for file in [&png, &svg] {
        let args = ["--model", "ets", "--horizon", "24", "--plot", file];
        assert_eq!(csv(&forecast(&args, &seasonal())).len(), 25);
    }
    let png = std::fs::read(png).unwrap();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000);
    let svg = std::fs::read_to_string(svg).unwrap();
    for words in [
        "observed",
        "fitted",
        "forecast",
        "80 %",
        "95 %",
        "ETS(A,A,A)",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    let args = ["--model", "tsb", "--horizon", "2", "--plot", &path("b.svg")];
    assert!(forecast(&args, &seasonal()).status.success());
}

#[test]
fn bad_usage_and_series_that_cannot_be_forecast_are_told() {
    let short = "timestamp,a\n1,1\n2,3\n3,2\n";
    let cases: &[(&[&str], &str, i32, &str)] = &[
        (&["--model", "arma"], short, 2, "did you mean `arima`"),
        (
            &["--model", "transformer"],
            short,
            2,
            "bongsu forecast --list",
        ),
        (
            &["--model", "ets", "--set", "perod=3"],
            short,
            2,
            "did you mean `period`",
        ),
        (
            &["--model", "ets", "--set", "model=AXA"],
            short,
            2,
            "three letters",
        ),
        (
            &["--model", "arima", "--set", "order=1,2"],
            short,
            2,
            "`order`",
        ),
        (
            &["--model", "naive", "--level", "0"],
            short,
            2,
            "in (0, 100)",
        ),
        (
            &["--model", "naive", "--level", "80,100"],
            short,
            2,
            "in (0, 100)",
        ),
        (
            &["--model", "naive", "--level", "-5"],
            short,
            2,
            "in (0, 100)",
        ),
        (
            &["--model", "naive", "--level", "NaN"],
            short,
            2,
            "in (0, 100)",
        ),
        (
            &["--model", "naive", "--level", "80,80"],
            short,
            2,
            "given once",
        ),
        (
            &["--model", "croston", "--level", "80"],
            short,
            2,
            "no intervals",
        ),
        (
            &["--model", "naive", "--horizon", "0"],
            short,
            2,
            "in [1, 1048576]",
        ),
        (
            &["--model", "naive", "--horizon", "1048577"],
            short,
            2,
            "in [1, 1048576]",
        ),
        (
            &["--model", "naive", "--channel", "b"],
            short,
            2,
            "no channel `b`; it has: a",
        ),
        (
            &["--model", "naive", "--plot", "a.pdf"],
            short,
            2,
            ".png or .svg",
        ),
        (
            &["--model", "ets", "--set", "model=AAA", "--set", "period=4"],
            short,
            1,
            "exponential smoothing",
        ),
        (&["--model", "seasonal-naive"], short, 1, "set `period`"),
        (
            &["--model", "seasonal-naive", "--set", "period=7"],
            short,
            1,
            "needs at least 8",
        ),
        (
            &["--model", "naive"],
            "timestamp,a\n",
            1,
            "needs at least 2",
        ),
        (
            &["--model", "naive"],
            "timestamp,a\n1,1\n",
            1,
            "needs at least 2",
        ),
        (
            &["--model", "naive"],
            "timestamp,a\n1,\n2,\n3,\n",
            1,
            "all 3 are missing",
        ),
        (
            &["--model", "auto-arima"],
            "timestamp,a\n1,5\n2,5\n3,5\n4,5\n5,5\n",
            1,
            "constant",
        ),
        (
            &["--model", "naive"],
            "timestamp,a\n1,1\n2,3\n4.5,3\n",
            1,
            "regular grid",
        ),
        (
            &["--model", "naive"],
            "timestamp,a\n1,1\n2,3\n2,4\n3,1\n",
            1,
            "row 3 (`2`)",
        ),
        (
            &["--model", "naive"],
            "timestamp,a\n1,1\n3,3\n2,4\n4,1\n",
            1,
            "sort the rows",
        ),
        (
            &["--model", "naive"],
            "timestamp,a\n1,1\n2,inf\n3,4\n",
            1,
            "inf",
        ),
        (
            &["--model", "croston"],
            "timestamp,a\n1,1\n2,-3\n3,4\n",
            1,
            "below 0",
        ),
    ];
    for (args, input, status, message) in cases {
        let mut all = args.to_vec();
        if !args.contains(&"--horizon") {
            all.extend(["--horizon", "2"]);
        }
        let output = forecast(&all, input);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*status), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    assert_eq!(
        forecast(&["--model", "naive"], short).status.code(),
        Some(2)
    );
}

#[test]
fn the_first_channel_is_forecast_unless_another_is_named() {
    let input = "timestamp,a,b\n1,1,10\n2,2,20\n3,3,30\n";
    let args = ["--model", "naive", "--horizon", "1", "--level", "95"];
    let first = forecast(&args, input);
    assert!(text(&first.stderr).contains("--channel"));
    assert_eq!(csv(&first)[1][1], "3");
    let second = forecast(&[&args[..], &["--channel", "b"]].concat(), input);
    assert_eq!(csv(&second)[1][1], "30");
}

#[test]
fn values_that_say_nothing_are_refused_by_their_row() {
    let series = |value: fn(usize) -> &'static str| {
        let rows = (0..40).map(|i| format!("{},{}\n", 60 * i, value(i)));
        format!("timestamp,load\n{}", rows.collect::<String>())
    };
    let refused = |input: &str, model: &str| {
        let output = forecast(&["--model", model, "--horizon", "2", "-q"], input);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let infinite = series(|i| if i == 7 { "inf" } else { "1.5" });
    let missing = series(|_| "");
    let huge = series(|i| if i == 7 { "-1e151" } else { "1.5" });
    for model in ["naive", "mstl", "prophet"] {
        let message = refused(&infinite, model);
        assert!(
            message.contains("`load` is infinite in row 8 (`420`)"),
            "{message}"
        );
        let message = refused(&missing, model);
        assert!(message.contains("all 40 are missing"), "{message}");
        let message = refused(&huge, model);
        let named = "`load` is -1e151 in row 8 (`420`), but must be at most 1e150 in magnitude";
        assert!(message.contains(named), "{message}");
    }
    let large = series(|i| if i % 2 == 0 { "1e149" } else { "-2e-149" });
    let args = ["--model", "naive", "--horizon", "1", "--level", "80"];
    let output = forecast(&args, &large);
    assert_eq!(csv(&output)[1][1], "-2e-149");
    assert!(output.stdout.len() < 150, "{}", text(&output.stdout));
}
