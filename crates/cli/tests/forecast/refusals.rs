//! What is refused, and in which words.

use crate::run::{csv, forecast, text};

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
        (
            &["--model", "naive"],
            "when,a\n1,1\n2,3\n",
            1,
            "must start with the time, as `timestamp`, `time`, `date`, `datetime`, `ds` or `ts`",
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
