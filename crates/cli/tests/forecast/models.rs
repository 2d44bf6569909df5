//! What the models make of a series.

use std::fmt::Write as _;

use crate::run::{csv, forecast, json, seasonal, text, truth};

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
fn the_first_channel_is_forecast_unless_another_is_named() {
    let input = "timestamp,a,b\n1,1,10\n2,2,20\n3,3,30\n";
    let args = ["--model", "naive", "--horizon", "1", "--level", "95"];
    let first = forecast(&args, input);
    assert!(text(&first.stderr).contains("--channel"));
    assert_eq!(csv(&first)[1][1], "3");
    let second = forecast(&[&args[..], &["--channel", "b"]].concat(), input);
    assert_eq!(csv(&second)[1][1], "30");
}
