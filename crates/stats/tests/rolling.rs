//! Rolling quantiles: agreement with pandas and with their definition.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_stats::robust::quantile;
use bongsu_stats::rolling::{rolling_median, rolling_quantile};
use proptest::prelude::*;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * b.abs()
}

#[test]
fn quantiles_equal_pandas() {
    let golden: Value =
        serde_json::from_str(include_str!("golden/hypothesis_rolling.json")).unwrap();
    for (name, case) in golden.as_object().unwrap() {
        let x = numbers(&case["x"]);
        for (key, expected) in case.as_object().unwrap() {
            let Some((window, q)) = key.split_once(' ') else {
                continue;
            };
            let ours = rolling_quantile(&x, window.parse().unwrap(), q.parse().unwrap()).unwrap();
            let expected = numbers(expected);
            assert_eq!(ours.len(), expected.len());
            for (i, (&a, &b)) in ours.iter().zip(&expected).enumerate() {
                assert!(same(a, b), "{name}/{key}[{i}]: {a} instead of {b}");
            }
        }
    }
}

#[test]
fn bad_parameters_and_values_are_refused() {
    assert!(rolling_quantile(&[1.0], 0, 0.5).is_err());
    assert!(rolling_quantile(&[1.0], usize::MAX, 0.5).is_err());
    assert!(rolling_quantile(&[1.0], 1, -0.1).is_err());
    assert!(rolling_quantile(&[1.0], 1, f64::NAN).is_err());
    assert!(rolling_quantile(&[1.0, f64::INFINITY], 1, 0.5).is_err());
    assert!(rolling_median(&[], 5).unwrap().is_empty());
    assert!(
        rolling_median(&[1.0, 2.0], 3)
            .unwrap()
            .iter()
            .all(|x| x.is_nan())
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn every_window_has_its_quantile(
        x in prop::collection::vec(
            prop_oneof![
                4 => -9.0..9.0_f64,
                4 => (-3..3_i32).prop_map(f64::from),
                1 => Just(f64::NAN),
                1 => Just(-0.0),
                1 => Just(f64::MAX),
                1 => Just(-f64::MAX),
            ],
            0..120,
        ),
        window in 1..25_usize,
        q in 0.0..=1.0_f64,
    ) {
        let rolled = rolling_quantile(&x, window, q).unwrap();
        prop_assert_eq!(rolled.len(), x.len());
        for (i, &ours) in rolled.iter().enumerate() {
            let expected = if i + 1 < window { f64::NAN } else { quantile(&x[i + 1 - window..=i], q) };
            prop_assert!(same(ours, expected), "{}: {} instead of {}", i, ours, expected);
        }
    }
}
