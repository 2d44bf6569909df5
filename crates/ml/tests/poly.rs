//! Polynomial prediction: agreement with a least squares fit of each window, awkward series,
//! snapshots. `golden/generate_poly.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, array};
use bongsu_core::{Detector, FitDetector, Snapshot, snapshot};
use bongsu_ml::{FittedPoly, Poly};
use proptest::prelude::*;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn column(values: &[f64]) -> Array2<f64> {
    Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap()
}

fn predictions(fitted: &FittedPoly, x: &Array2<f64>) -> Vec<f64> {
    let bands = fitted.expectations(&x.view().into()).unwrap().unwrap();
    bands.iter().map(|band| band.expected).collect()
}

#[test]
fn predictions_and_scores_equal_numpy() {
    let golden: Value = serde_json::from_str(include_str!("golden/poly.json")).unwrap();
    for case in golden.as_array().unwrap() {
        let (window, power) = (
            case["window"].as_u64().unwrap() as usize,
            case["power"].as_u64().unwrap() as usize,
        );
        let x = column(&numbers(&case["x"]));
        let config = Poly::new().window(window).unwrap().power(power).unwrap();
        let fitted = config.fit(x.view()).unwrap();
        let size = x.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let expected = numbers(&case["predicted"]);
        for (ours, theirs) in predictions(&fitted, &x)[window..].iter().zip(expected) {
            let error = (ours - theirs).abs() / size;
            assert!(
                error < 1e-9,
                "{}, {window}, {power}: {ours} and {theirs}",
                case["name"]
            );
        }
        let scale = case["scale"].as_f64().unwrap();
        assert!(
            (fitted.scale() / scale - 1.0).abs() < 1e-8,
            "{}",
            case["name"]
        );
    }
}

fn wave(n: usize) -> Vec<f64> {
    let value = |i: usize| (i as f64 / 15.0).sin() + ((i * i * 7) % 31) as f64 / 1024.0;
    (0..n).map(value).collect()
}

#[test]
fn a_spike_and_a_step_stand_out_and_nothing_before_them_moves() {
    let x = wave(600);
    let config = Poly::new().average(1).unwrap().causal(true);
    let fitted = config.fit(column(&x).view()).unwrap();
    let plain = fitted.score(column(&x).view()).unwrap();
    let mut changed = x.clone();
    changed[300] += 0.5;
    changed[450..].iter_mut().for_each(|v| *v += 0.5);
    let scores = fitted.score(column(&changed).view()).unwrap();
    assert_eq!(scores[..300], plain[..300]);
    let highest = (0..600).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    assert!(matches!(highest, Some(300 | 450)), "{highest:?}");
    assert!(scores[300] > 5.0 * fitted.threshold().unwrap());
    let above = plain.iter().filter(|s| **s > fitted.threshold().unwrap());
    assert_eq!(above.count(), 60);
}

#[test]
fn bounds_are_where_the_score_meets_the_threshold() {
    let x = column(&wave(300));
    let config = Poly::new().average(1).unwrap();
    let fitted = config.fit(x.view()).unwrap();
    let scores = fitted.score(x.view()).unwrap();
    let bands = fitted.expectations(&x.view().into()).unwrap().unwrap();
    for ((band, score), &x) in bands.iter().zip(scores).zip(&x) {
        let outside = x < band.lower || x > band.upper;
        let on_edge = (score / fitted.threshold().unwrap() - 1.0).abs() < 1e-9;
        assert!(on_edge || outside == (score > fitted.threshold().unwrap()));
    }
}

#[test]
fn errors_are_averaged_around_a_row_or_up_to_it() {
    let x = column(&wave(200));
    let alone = Poly::new().average(1).unwrap().fit(x.view()).unwrap();
    let errors = alone.score(x.view()).unwrap();
    for (causal, before, after) in [(false, 3, 3), (true, 6, 0)] {
        let config = Poly::new().average(7).unwrap().causal(causal);
        let scores = config.fit(x.view()).unwrap().score(x.view()).unwrap();
        for (row, score) in scores.iter().enumerate() {
            let around = &errors[row.saturating_sub(before)..(row + after + 1).min(200)];
            let mean = around.iter().map(|e| e * e).sum::<f64>() / around.len() as f64;
            assert!(
                (score - mean.sqrt()).abs() < 1e-9 * (1.0 + score),
                "{causal}, {row}"
            );
        }
    }
    assert!(Poly::new().average(0).is_err());
}

#[test]
fn awkward_series() {
    let constant = column(&[3.7; 80]);
    let fitted = Poly::new().fit(constant.view()).unwrap();
    assert!(
        fitted
            .score(constant.view())
            .unwrap()
            .iter()
            .all(|s| *s == 0.0)
    );
    let mut changed = constant.clone();
    changed[[70, 0]] = 3.8;
    assert!(fitted.score(changed.view()).unwrap()[70] > 1e100);
    for unit in [1e-300, 1e-12, 1e12, 1e300] {
        let x = wave(200);
        let scaled: Vec<f64> = x.iter().map(|v| v * unit).collect();
        let a = Poly::new().fit(column(&x).view()).unwrap();
        let b = Poly::new().fit(column(&scaled).view()).unwrap();
        let (a, b) = (a.score(column(&x).view()), b.score(column(&scaled).view()));
        for (a, b) in a.unwrap().iter().zip(b.unwrap()) {
            assert!((a - b).abs() < 1e-6 * (1.0 + a), "{unit}: {a} and {b}");
        }
    }
    let x: Vec<f64> = wave(200)
        .iter()
        .map(|v| (v * 1_048_576.0).round() / 1_048_576.0)
        .collect();
    let moved: Vec<f64> = x.iter().map(|v| v + 1e9).collect();
    let a = Poly::new().fit(column(&x).view()).unwrap();
    let b = Poly::new().fit(column(&moved).view()).unwrap();
    assert!((a.scale() / b.scale() - 1.0).abs() < 1e-4);
    let jumps: Vec<f64> = (0..80)
        .map(|i| if i % 2 == 0 { f64::MAX } else { -f64::MAX })
        .collect();
    assert!(Poly::new().fit(column(&jumps).view()).is_err());
    if let Ok(scores) = a.score(column(&jumps).view()) {
        assert!(scores.iter().all(|s| s.is_finite()));
    }
}

#[test]
fn bad_input_is_named() {
    let x = column(&wave(100));
    assert!(Poly::new().window(1).is_err() && Poly::new().power(11).is_err());
    assert!(Poly::new().contamination(0.0).is_err());
    let error = Poly::new().window(4).unwrap().fit(x.view()).unwrap_err();
    assert!(
        error.to_string().contains("more than the power, 4"),
        "{error}"
    );
    assert!(Poly::new().fit(column(&wave(51)).view()).is_err());
    assert!(Poly::new().fit(column(&wave(52)).view()).is_ok());
    assert!(Poly::new().fit(Array2::zeros((100, 2)).view()).is_err());
    let fitted = Poly::new().fit(x.view()).unwrap();
    assert!(fitted.score(array![[f64::NAN]].view()).is_err());
    assert!(fitted.score(array![[1.0, 2.0]].view()).is_err());
    assert_eq!(fitted.score(array![[7.0]].view()).unwrap(), [0.0]);
}

#[test]
fn snapshots_are_small_and_checked() {
    let fitted = Poly::new().fit(column(&wave(300)).view()).unwrap();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert!(bytes.len() < 8 * 50 + 60, "{}", bytes.len());
    assert_eq!(snapshot::from_bytes::<FittedPoly>(&bytes).unwrap(), fitted);
    let json = serde_json::to_value(&fitted).unwrap();
    for (field, value) in [
        ("power", 50.into()),
        ("filter", Value::Array(Vec::new())),
        ("average", 0.into()),
        ("scale", 0.0.into()),
        ("threshold", (-1.0).into()),
    ] {
        let mut changed = json.clone();
        changed[field] = value;
        let state: FittedPoly = serde_json::from_value(changed).unwrap();
        assert!(state.validate().is_err(), "{field}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn no_score_is_nan(values in prop::collection::vec(any::<f64>().prop_filter("finite", |x| x.is_finite()), 8..40), power in 0..5_usize) {
        let config = Poly::new().window(6).unwrap().power(power).unwrap();
        if let Ok((_, scores)) = config.fit_score(&column(&values).view().into()) {
            prop_assert!(scores.iter().all(|s| *s >= 0.0 && s.is_finite()));
        }
    }
}
