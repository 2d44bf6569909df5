//! Agreement of robust estimates with statsmodels, SciPy and their definitions.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_stats::robust::{huber, qn, sn, theil_sen};
use proptest::prelude::*;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn assert_near(what: &str, ours: f64, theirs: f64) {
    let near = (ours - theirs).abs() <= 1e-9 * theirs.abs() + 1e-14;
    assert!(near || ours == theirs, "{what}: {ours} instead of {theirs}");
}

#[test]
fn estimates_equal_the_references() {
    let golden: Value =
        serde_json::from_str(include_str!("golden/hypothesis_robust.json")).unwrap();
    for (name, case) in golden.as_object().unwrap() {
        let x = numbers(&case["x"]);
        if let Some(line) = case.get("line") {
            let ours = theil_sen(&x, &numbers(&case["y"]), 0.9).unwrap();
            let ours = [ours.slope, ours.intercept, ours.lower, ours.upper];
            for (i, (a, b)) in ours.into_iter().zip(numbers(line)).enumerate() {
                assert_near(&format!("{name}[{i}]"), a, b);
            }
            continue;
        }
        let unit = x.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        // Tiny values are compared as large ones.
        let relative = |ours: f64, key: &str| (ours / unit, numbers(&case[key])[0] / unit);
        let (ours, theirs) = relative(qn(&x, false), "qn");
        assert_near(&format!("{name}: qn"), ours, theirs);
        let (ours, theirs) = relative(sn(&x, false), "sn");
        assert_near(&format!("{name}: sn"), ours, theirs);
        if let Some(expected) = case.get("huber") {
            let (expected, ours) = (numbers(expected), huber(&x, 1.5).unwrap());
            assert_near(
                &format!("{name}: location"),
                ours.location / unit,
                expected[0] / unit,
            );
            // The steps end at 1e-8 of the scale.
            let scale = ours.scale / expected[1];
            assert!((scale - 1.0).abs() < 1e-7, "{name}: {scale}");
        }
    }
}

#[test]
fn few_values_are_corrected_for() {
    assert_eq!(qn(&[1.0, 2.0], true), qn(&[1.0, 2.0], false) * 0.399);
    assert_eq!(sn(&[1.0, 2.0], true), sn(&[1.0, 2.0], false) * 0.743);
    let many: Vec<f64> = (0..11).map(f64::from).collect();
    assert_near("qn", qn(&many, true), qn(&many, false) * 11.0 / 12.4);
    assert_near("sn", sn(&many, true), sn(&many, false) * 11.0 / 10.1);
}

#[test]
fn bad_input_gives_nan_or_an_error() {
    assert!(qn(&[], false).is_nan() && sn(&[], true).is_nan());
    assert!(qn(&[1.0, f64::NAN], false).is_nan());
    assert_eq!((qn(&[7.0], true), sn(&[7.0; 9], true)), (0.0, 0.0));
    assert!(huber(&[1.0], 1.5).is_err());
    assert!(huber(&[1.0, 2.0], 0.0).is_err());
    assert!(huber(&[1.0, f64::NAN], 1.5).is_err());
    assert_eq!(huber(&[4.0; 5], 1.5).unwrap().scale, 0.0);
    assert!(theil_sen(&[1.0], &[1.0], 0.95).is_err());
    assert!(theil_sen(&[1.0, 1.0], &[1.0, 2.0], 0.95).is_err());
    assert!(theil_sen(&[1.0, 2.0], &[1.0], 0.95).is_err());
    assert!(theil_sen(&[1.0, 2.0], &[1.0, 2.0], 1.0).is_err());
    assert!(theil_sen(&[0.0, 5e-324], &[0.0, f64::MAX], 0.5).is_err());
}

fn any_finite() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        2 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
        4 => -3.0..3.0_f64,
        3 => (-2..2_i32).prop_map(f64::from),
        1 => Just(f64::MAX),
        1 => Just(-f64::MAX),
    ];
    prop::collection::vec(value, 2..90)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn scales_equal_their_definitions(x in any_finite()) {
        let x: Vec<f64> = x.iter().map(|v| v * 0.25).collect();
        let n = x.len();
        let mut distances: Vec<f64> = Vec::new();
        for i in 0..n {
            distances.extend((0..i).map(|j| (x[i] - x[j]).abs()));
        }
        distances.sort_by(f64::total_cmp);
        let h = n / 2 + 1;
        let expected = 2.219_144_465_985_076 * distances[h * (h - 1) / 2 - 1];
        prop_assert!((qn(&x, false) - expected).abs() <= 1e-12 * expected || expected.is_infinite());
        let mut inner: Vec<f64> = (0..n).map(|i| {
            let mut d: Vec<f64> = x.iter().map(|v| (v - x[i]).abs()).collect();
            d.sort_by(f64::total_cmp);
            d[n / 2]
        }).collect();
        inner.sort_by(f64::total_cmp);
        let expected = 1.1926 * inner[n.div_ceil(2) - 1];
        prop_assert!((sn(&x, false) - expected).abs() <= 1e-12 * expected || expected.is_infinite());
        if let Ok(estimate) = huber(&x, 1.5) {
            prop_assert!(!estimate.location.is_nan() && estimate.scale >= 0.0);
        }
    }
}
