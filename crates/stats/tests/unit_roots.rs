//! Agreement of the tests of unit roots and of stable seasons with arch, pmdarima and the papers;
//! `golden/generate_unit_roots.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ErrorKind;
use bongsu_stats::hypothesis::{OcsbLags, PhillipsPerron, Trend, canova_hansen, ocsb};
use proptest::prelude::*;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect()
}

fn assert_near(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (a, b) in ours.iter().zip(theirs) {
        let close = (a - b).abs() <= tolerance * b.abs().max(1e-300);
        assert!(close || a == b, "{what}: {ours:?} instead of {theirs:?}");
    }
}

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/unit_roots.json")).unwrap()
}

#[test]
fn phillips_and_perron_equal_arch() {
    for (name, case) in golden().as_object().unwrap() {
        let y = numbers(&case["y"]);
        // The reference loses digits at an offset.
        let tolerance = if name == "offset" { 1e-5 } else { 1e-9 };
        for (key, trend) in [
            ("n", Trend::None),
            ("c", Trend::Constant),
            ("ct", Trend::Linear),
        ] {
            let config = PhillipsPerron::new().trend(trend);
            for (lags, config) in [("auto", config), ("3", config.lags(3))] {
                let test = config.test(&y).unwrap();
                let mut ours = vec![test.statistic, test.p_value, test.lags as f64];
                ours.extend(test.critical_values);
                let key = format!("pp_{key}_{lags}");
                let expected = numbers(&case[&key]);
                // A p-value moves by more than its statistic.
                let what = format!("{name}/{key}");
                assert_near(&what, &ours[..1], &expected[..1], tolerance);
                assert_near(&what, &ours[1..2], &expected[1..2], 1e3 * tolerance);
                assert_near(&what, &ours[2..], &expected[2..], tolerance);
            }
        }
    }
}

#[test]
fn an_offset_makes_no_difference() {
    let golden = golden();
    let [plain, offset] = ["monthly", "offset"].map(|name| numbers(&golden[name]["y"]));
    for trend in [Trend::Constant, Trend::Linear, Trend::Quadratic] {
        let config = PhillipsPerron::new().trend(trend);
        let [a, b] = [&plain, &offset].map(|y| config.test(y).unwrap().statistic);
        assert_near("offset", &[b], &[a], 1e-8);
    }
}

#[test]
fn seasonal_unit_roots_equal_the_regression() {
    for (name, case) in golden().as_object().unwrap() {
        let y = numbers(&case["y"]);
        let period = case["period"].as_u64().unwrap() as usize;
        let critical = numbers(&case["ocsb_critical"])[0];
        for lags in [0, 1, 3] {
            let test = ocsb(&y, period, OcsbLags::Fixed(lags)).unwrap();
            let expected = numbers(&case[&format!("ocsb_{lags}")])[0];
            let what = format!("{name}/{lags}");
            assert_near(&what, &[test.statistic], &[expected], 1e-7);
            assert_eq!(test.lags, lags);
            assert_near(&what, &[test.critical_value], &[critical], 1e-12);
            assert_eq!(test.has_unit_root(), expected > critical, "{what}");
        }
        let test = ocsb(&y, period, OcsbLags::Aic(3)).unwrap();
        let ours = [test.statistic, test.lags as f64];
        assert_near(name, &ours, &numbers(&case["ocsb_aic"]), 1e-7);
    }
}

#[test]
fn stable_seasons_equal_the_reference() {
    for (name, case) in golden().as_object().unwrap() {
        let y = numbers(&case["y"]);
        let period = case["period"].as_u64().unwrap() as usize;
        let test = canova_hansen(&y, period).unwrap();
        let expected = numbers(&case["ch"]);
        let ours = [test.statistic, test.critical_value];
        assert_near(name, &ours, &expected, 1e-7);
        assert_eq!(test.is_unstable(), expected[0] > expected[1], "{name}");
    }
    let golden = golden();
    let wandering = numbers(&golden["wandering"]["y"]);
    assert!(canova_hansen(&wandering, 4).unwrap().is_unstable());
    // Published: Canova & Hansen 1995, table 1, for as many frequencies.
    for (period, published) in [(2, 0.470), (3, 0.749), (4, 1.01), (5, 1.24), (12, 2.75)] {
        let y: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17)).collect();
        let critical = canova_hansen(&y, period).unwrap().critical_value;
        assert!((critical - published).abs() < 0.02, "{period}: {critical}");
    }
    let y: Vec<f64> = (0..1500).map(|i| f64::from(i * i % 173)).collect();
    for (period, expected) in [(24, 5.098_624), (52, 10.341_416), (365, 65.444_45)] {
        assert!((canova_hansen(&y, period).unwrap().critical_value - expected).abs() < 1e-12);
    }
    let smoothed = canova_hansen(&y, 168).unwrap().critical_value;
    assert!((smoothed - 0.269 * 168_f64.powf(0.928)).abs() < 1e-12);
}

#[test]
fn bad_input_is_refused() {
    let y: Vec<f64> = (0..30).map(|i| f64::from(i * i % 7)).collect();
    let refused = |result: bongsu_core::Result<()>, word: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(canova_hansen(&y, 1).map(drop), "period");
    refused(canova_hansen(&y, 367).map(drop), "period");
    refused(canova_hansen(&y, usize::MAX).map(drop), "period");
    let kind = |period| canova_hansen(&y, period).unwrap_err().kind();
    assert_eq!(kind(13), ErrorKind::NotEnoughData);
    let exact: Vec<f64> = (0..30).map(|i| f64::from(i % 4)).collect();
    refused(canova_hansen(&exact, 4).map(drop), "noise");
    refused(ocsb(&y, 1, OcsbLags::Fixed(0)).map(drop), "period");
    refused(ocsb(&y, 4, OcsbLags::Aic(usize::MAX)).map(drop), "");
    refused(ocsb(&y, usize::MAX, OcsbLags::Fixed(1)).map(drop), "period");
    refused(ocsb(&y[..12], 4, OcsbLags::Fixed(0)).map(drop), "13");
    refused(ocsb(&exact, 4, OcsbLags::Aic(3)).map(drop), "noise");
    refused(PhillipsPerron::new().lags(29).test(&y).map(drop), "28");
    assert!(PhillipsPerron::new().lags(28).test(&y).is_ok());
    refused(PhillipsPerron::new().test(&y[..4]).map(drop), "5");
    let line: Vec<f64> = (0..30).map(f64::from).collect();
    refused(PhillipsPerron::new().test(&line).map(drop), "noise");
    for bad in [vec![2.0; 30], vec![f64::NAN; 30], vec![f64::INFINITY; 30]] {
        assert!(PhillipsPerron::new().test(&bad).is_err());
        assert!(ocsb(&bad, 4, OcsbLags::Aic(3)).is_err());
        assert!(canova_hansen(&bad, 4).is_err());
    }
}

proptest! {
    #[test]
    fn any_finite_values_give_numbers_or_an_error(
        y in prop::collection::vec(prop_oneof![-1e308..1e308_f64, -3.0..3.0_f64, Just(0.0)], 3..60),
        period in 2_usize..14,
        lags in 0_usize..5,
    ) {
        if let Ok(test) = ocsb(&y, period, OcsbLags::Aic(lags)) {
            prop_assert!(test.statistic.is_finite() && test.lags <= lags);
        }
        if let Ok(test) = canova_hansen(&y, period) {
            prop_assert!(test.statistic >= 0.0 && test.statistic.is_finite());
        }
        for trend in [Trend::None, Trend::Constant, Trend::Linear, Trend::Quadratic] {
            if let Ok(test) = PhillipsPerron::new().trend(trend).test(&y) {
                prop_assert!(test.statistic.is_finite() && (0.0..=1.0).contains(&test.p_value));
            }
        }
    }
}
