//! Scalers: agreement with scikit-learn, awkward columns, and detectors on scaled columns.
//! `golden/generate_scaler.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, array};
use bongsu_core::{Detector, FitDetector, Rows, Timestamp, snapshot};
use bongsu_ml::{FittedScaled, FittedScaler, Scaled, Scaler};
use bongsu_stats::iqr::FittedIqr;
use bongsu_stats::robust_z::FittedRobustZ;
use bongsu_stats::{Iqr, RobustZ};
use proptest::prelude::*;
use serde_json::Value;

const SCALERS: [Scaler; 4] = [
    Scaler::None,
    Scaler::Standard,
    Scaler::MinMax,
    Scaler::Robust,
];

fn table(text: &Value, columns: usize) -> Array2<f64> {
    let numbers: Vec<f64> = text
        .as_str()
        .unwrap()
        .split(' ')
        .map(|n| n.parse().unwrap())
        .collect();
    Array2::from_shape_vec((numbers.len() / columns, columns), numbers).unwrap()
}

#[test]
fn scaled_tables_equal_the_reference() {
    let golden: Value = serde_json::from_str(include_str!("golden/scaler.json")).unwrap();
    for (name, case) in golden.as_object().unwrap() {
        let columns = case["columns"].as_u64().unwrap() as usize;
        let x = table(&case["x"], columns);
        for scaler in [Scaler::Standard, Scaler::MinMax, Scaler::Robust] {
            let expected = table(&case[scaler.as_str()], columns);
            let fitted = scaler.fit(x.view()).unwrap();
            let ours = fitted.transform(x.view()).unwrap();
            for (a, b) in ours.iter().zip(&expected) {
                let difference = (a - b).abs() / (1.0 + b.abs());
                assert!(difference < 1e-12, "{name}, {scaler}: {a} and {b}");
            }
            let back = fitted.inverse(ours.view()).unwrap();
            for (a, b) in back.iter().zip(&x) {
                assert!((a - b).abs() <= 1e-9 * (1e-6 + b.abs()), "{name}, {scaler}");
            }
        }
    }
}

#[test]
fn an_offset_costs_no_digits() {
    // Multiples of 2^-20 near 1e9 are exact floats.
    let noise: Vec<f64> = (0..97)
        .map(|i| f64::from(i * i % 101) / 1_048_576.0)
        .collect();
    let plain = Array2::from_shape_vec((97, 1), noise).unwrap();
    let moved = plain.mapv(|x| x + 1e9);
    for scaler in [Scaler::Standard, Scaler::MinMax, Scaler::Robust] {
        let scale = |x: &Array2<f64>| {
            let fitted = scaler.fit(x.view()).unwrap();
            fitted.transform(x.view()).unwrap()
        };
        for (a, b) in scale(&moved).iter().zip(&scale(&plain)) {
            assert!((a - b).abs() < 1e-12, "{scaler}: {a} and {b}");
        }
    }
}

#[test]
fn extreme_columns_are_scaled() {
    for unit in [5e-324, 1e-308, 1e-200, 1e200, 4e307] {
        let x = array![[-4.0], [0.0], [1.0], [4.0]].mapv(|v: f64| v * unit);
        let standard = Scaler::Standard.fit(x.view()).unwrap();
        let z = standard.transform(x.view()).unwrap();
        assert!(
            (z[[3, 0]] - 1.310_556_084_991_557).abs() < 1e-12,
            "{unit}: {z}"
        );
        let z = Scaler::MinMax.fit(x.view()).unwrap();
        let z = z.transform(x.view()).unwrap();
        assert_eq!((z[[0, 0]], z[[1, 0]], z[[3, 0]]), (0.0, 0.5, 1.0));
        let z = Scaler::Robust.fit(x.view()).unwrap();
        let z = z.transform(x.view()).unwrap();
        assert!((z[[3, 0]] - 3.5 / 2.75).abs() < 1e-12, "{unit}: {z}");
    }
}

#[test]
fn a_constant_column_becomes_zero() {
    for value in [0.0, 3.7, 1e308, -5e-324] {
        let x = Array2::from_elem((5, 2), value);
        for scaler in [Scaler::Standard, Scaler::MinMax, Scaler::Robust] {
            let fitted = scaler.fit(x.view()).unwrap();
            assert_eq!(
                fitted.transform(x.view()).unwrap(),
                Array2::<f64>::zeros((5, 2))
            );
            let back = fitted.inverse(Array2::zeros((5, 2)).view()).unwrap();
            assert_eq!(back, x, "{scaler}");
        }
    }
}

#[test]
fn bad_input_is_named() {
    let empty = Array2::<f64>::zeros((0, 2));
    assert!(Scaler::Standard.fit(empty.view()).is_err());
    assert!(Scaler::Standard.fit(Array2::zeros((2, 0)).view()).is_err());
    let error = Scaler::Robust.fit(array![[1.0, f64::NAN]].view());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("row 0, column 1"), "{error}");
    let fitted = Scaler::Standard.fit(array![[1.0, 2.0], [2.0, 4.0]].view());
    let fitted = fitted.unwrap();
    assert!(fitted.transform(array![[1.0]].view()).is_err());
    assert!(fitted.inverse(array![[1.0, f64::INFINITY]].view()).is_err());
    assert!(fitted.transform_row(&[1.0, 2.0], &mut [0.0]).is_err());
    let error = "max".parse::<Scaler>().unwrap_err().to_string();
    assert!(error.contains("min_max"), "{error}");
    for scaler in SCALERS {
        assert_eq!(scaler.as_str().parse::<Scaler>().unwrap(), scaler);
    }
}

fn scaled_iqr() -> FittedScaled<FittedIqr> {
    let x = array![[10.0], [20.0], [30.0], [40.0], [50.0]];
    let config = Scaled::new(Scaler::MinMax, Iqr::new());
    config.fit(x.view()).unwrap()
}

#[test]
fn a_scaled_detector_scores_and_expects_as_the_plain_one() {
    let fitted = scaled_iqr();
    let scores = fitted.score(array![[80.0], [35.0]].view()).unwrap();
    assert!((scores[0] - 2.0).abs() < 1e-12 && scores[1] == 0.0);
    let band = fitted.expectation().unwrap();
    assert!((band.expected - 30.0).abs() < 1e-12);
    assert!((band.lower + 10.0).abs() < 1e-12 && (band.upper - 70.0).abs() < 1e-12);
    let x = array![[80.0], [35.0]];
    let times = [Timestamp::from_secs(0), Timestamp::from_secs(60)];
    let rows = Rows::at(&times, x.view()).unwrap();
    assert_eq!(fitted.score_rows(&rows).unwrap(), scores);
    let bands = fitted.expectations(&rows).unwrap().unwrap();
    assert_eq!(bands, vec![band; 2]);
    let config = Scaled::new(Scaler::MinMax, Iqr::new());
    let (_, scores) = config
        .fit_score(&array![[1.0], [2.0], [3.0], [9.0]].view().into())
        .unwrap();
    assert_eq!(scores.len(), 4);
    assert!(fitted.contributions(&[1.0, 2.0]).is_err());
}

#[test]
fn a_snapshot_knows_the_detector_inside() {
    let fitted = scaled_iqr();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert_eq!(
        snapshot::from_bytes::<FittedScaled<FittedIqr>>(&bytes).unwrap(),
        fitted
    );
    assert!(snapshot::from_bytes::<FittedScaled<FittedRobustZ>>(&bytes).is_err());
    let other = Scaled::new(Scaler::Standard, RobustZ::new());
    assert_eq!(other.scaler(), Scaler::Standard);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn finite_values_stay_finite(values in prop::collection::vec(
        any::<f64>().prop_filter("finite", |x| x.is_finite()), 2..30), probe in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
        let x = Array2::from_shape_vec((values.len(), 1), values).unwrap();
        for scaler in SCALERS {
            let fitted = scaler.fit(x.view()).unwrap();
            prop_assert!(fitted.transform(x.view()).unwrap().iter().all(|z| z.is_finite()));
            let mut out = [0.0];
            fitted.transform_row(&[probe], &mut out).unwrap();
            prop_assert!(out[0].is_finite());
            let bytes = snapshot::to_bytes(&fitted).unwrap();
            prop_assert!(bytes.len() < 100);
            prop_assert_eq!(snapshot::from_bytes::<FittedScaler>(&bytes).unwrap(), fitted);
        }
    }
}
