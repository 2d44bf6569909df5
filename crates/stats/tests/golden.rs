//! Agreement with pandas, NumPy and SciPy; `golden/generate.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::StreamDetector;
use bongsu_stats::robust::{mad, mean_abs_dev, median, quantile};
use bongsu_stats::{Ewma, Iqr, RobustZ, ZScore, ewma::ewm_zscore};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

fn numbers(value: &Value) -> Option<Vec<f64>> {
    let text = value.as_str()?;
    Some(text.split(' ').map(|n| n.parse().unwrap()).collect())
}

fn assert_same(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (&a, &b)) in ours.iter().zip(theirs).enumerate() {
        let close =
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * (1.0 + b.abs());
        assert!(close, "{what}[{i}]: {a} instead of {b}");
    }
}

/// The scores of a stream over values without missing ones.
fn streamed(mut stream: impl StreamDetector, values: &[f64]) -> Vec<f64> {
    let score = |&x: &f64| stream.score_then_learn(&[x]).unwrap().ready();
    values
        .iter()
        .map(score)
        .map(|s| s.unwrap_or(f64::NAN))
        .collect()
}

#[test]
fn scores_equal_the_references() {
    let text = include_str!("golden/rolling.json");
    let golden: Value = serde_json::from_str(text).unwrap();
    let window = golden["window"].as_u64().unwrap() as usize;
    let alpha = golden["alpha"].as_f64().unwrap();
    let zscore = ZScore::new().window(window).unwrap();
    let robust_z = RobustZ::new().window(window).unwrap();
    let iqr = Iqr::new().window(window).unwrap();
    for (name, case) in golden["cases"].as_object().unwrap() {
        let x = numbers(&case["x"]).unwrap();
        let complete = x.iter().all(|v| v.is_finite());
        let expected = |key: &str| numbers(&case[key]);
        let check = |key: &str, batch: Vec<f64>, stream: &dyn Fn(&[f64]) -> Vec<f64>| {
            let Some(expected) = expected(key) else {
                return;
            };
            assert_same(&format!("{name}/{key}"), &batch, &expected);
            if complete {
                assert_same(&format!("{name}/{key} stream"), &stream(&x), &expected);
            }
        };
        for key in ["zscore", "zscore_pandas"] {
            check(key, zscore.score(&x).unwrap(), &|x| {
                streamed(zscore.build().unwrap(), x)
            });
        }
        let exclusive = zscore.clone().inclusive(false);
        check("zscore_exclusive", exclusive.score(&x).unwrap(), &|x| {
            streamed(exclusive.build().unwrap(), x)
        });
        check("robust_z", robust_z.score(&x).unwrap(), &|x| {
            streamed(robust_z.build().unwrap(), x)
        });
        let inclusive = robust_z.clone().inclusive(true);
        check("robust_z_inclusive", inclusive.score(&x).unwrap(), &|x| {
            streamed(inclusive.build().unwrap(), x)
        });
        check("iqr", iqr.score(&x).unwrap(), &|x| {
            streamed(iqr.build().unwrap(), x)
        });
        if let Some(expected) = expected("ewm") {
            assert_same(
                &format!("{name}/ewm"),
                &ewm_zscore(&x, alpha).unwrap(),
                &expected,
            );
            // The stream has a floor for its scale, which only constant metrics reach.
            let plain = Ewma::new()
                .robust(false)
                .alpha(alpha)
                .unwrap()
                .warmup(2)
                .unwrap();
            if complete && !name.starts_with("constant") {
                let scores = streamed(plain.build().unwrap(), &x);
                assert_same(&format!("{name}/ewm stream"), &scores[2..], &expected[2..]);
            }
        }

        let clean: Vec<f64> = x.iter().copied().filter(|v| !v.is_nan()).collect();
        let column = &case["column"];
        let single = |key: &str| numbers(&column[key]).unwrap()[0];
        let scale = 1e-15 + clean.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for (ours, key) in [
            (median(&clean), "median"),
            (mad(&clean), "mad"),
            (mean_abs_dev(&clean), "mean_abs_dev"),
        ] {
            assert!(
                (ours - single(key)).abs() <= 1e-14 * scale,
                "{name}/{key}: {ours}"
            );
        }
        let quantiles = numbers(&column["quantiles"]).unwrap();
        for (q, expected) in [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]
            .into_iter()
            .zip(quantiles)
        {
            let ours = quantile(&clean, q);
            assert!(
                (ours - expected).abs() <= 1e-14 * scale,
                "{name}: quantile {q}"
            );
        }
    }
}

/// An offset of 1e9 with noise of 1e-3 costs no digits, not after a million points either, and a
/// value of 1e15 leaves no trace once it has left the window.
#[test]
fn accuracy_does_not_decay() {
    let mut state = 7_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let mut x: Vec<f64> = (0..1_000_000).map(|_| 1e9 + 1e-3 * noise()).collect();
    x[500_000] = 1e15;
    x[900_017] = -1e15;
    let config = ZScore::new();
    let batch = config.score(&x).unwrap();
    let mut stream = config.build().unwrap();
    let exact = |i: usize| {
        // Deviations from one of the values are exact, and two passes over them lose nothing.
        let window: Vec<f64> = x[i - 99..=i].iter().map(|v| v - x[i]).collect();
        let mean = window.iter().sum::<f64>() / 100.0;
        let squares: f64 = window.iter().map(|d| (d - mean) * (d - mean)).sum();
        mean.abs() / (squares / 99.0).sqrt()
    };
    for (i, &value) in x.iter().enumerate() {
        let score = stream.score_then_learn(&[value]).unwrap().ready();
        let near = i % 9_973 == 0
            || (499_990..500_210).contains(&i)
            || i > 999_900
            || i.abs_diff(900_017) < 210;
        if i >= 99 && near {
            let expected = exact(i);
            for (what, got) in [("batch", batch[i]), ("stream", score.unwrap())] {
                let error = (got - expected).abs() / expected.max(1e-3);
                assert!(error < 1e-9, "{what}[{i}]: {got} instead of {expected}");
            }
        }
    }
}
