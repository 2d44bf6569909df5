//! Linear regression: agreement with scikit-learn and statsmodels, awkward tables, snapshots.
//! `golden/generate_linear.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, Axis, array};
use bongsu_core::{Expectation, Snapshot, snapshot};
use bongsu_ml::{FittedLinearRegression, LinearRegression};
use proptest::prelude::*;
use serde_json::Value;

fn numbers(value: &Value) -> Option<Vec<f64>> {
    let text = value.as_str()?;
    Some(text.split(' ').map(|n| n.parse().unwrap()).collect())
}

fn assert_same(what: &str, ours: &[f64], theirs: &[f64], within: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(0.0_f64, |m, b| m.max(b.abs()));
    for (a, b) in ours.iter().zip(theirs) {
        // Relative to the number itself, and to rounding at the size of its neighbours.
        let close = (a - b).abs() <= within * (b.abs() + 1e-3 * largest.min(1.0) + 1e-12);
        assert!(close, "{what}: {ours:?} instead of {theirs:?}");
    }
}

fn bounds(bands: &[Expectation]) -> Vec<f64> {
    bands.iter().flat_map(|b| [b.lower, b.upper]).collect()
}

#[test]
fn regressions_equal_the_references() {
    let golden: Value = serde_json::from_str(include_str!("golden/linear.json")).unwrap();
    let mut intervals = 0;
    for case in golden.as_array().unwrap() {
        let columns = case["columns"].as_u64().unwrap() as usize;
        let (x, y) = (numbers(&case["x"]).unwrap(), numbers(&case["y"]).unwrap());
        let x = Array2::from_shape_vec((y.len(), columns), x).unwrap();
        let intercept = case["intercept"].as_bool().unwrap();
        let config = LinearRegression::new()
            .alpha(case["alpha"].as_f64().unwrap())
            .unwrap()
            .intercept(intercept);
        let fitted = match numbers(&case["weights"]) {
            Some(weights) => config.fit_weighted(x.view(), &y, &weights).unwrap(),
            None => config.fit(x.view(), &y).unwrap(),
        };
        let what = format!("{}, {config:?}, weights {}", case["name"], case["weights"]);
        let same = |key: &str, ours: &[f64]| {
            if let Some(theirs) = numbers(&case[key]) {
                assert_same(&format!("{what}: {key}"), ours, &theirs, 1e-9);
            }
        };
        same("coefficients", fitted.coefficients());
        same("constant", &[fitted.intercept()]);
        same("predicted", &fitted.predict(x.view()).unwrap());
        if case.get("errors").is_none() {
            continue;
        }
        intervals += 1;
        same("r2", &[fitted.r2()]);
        same("sigma", &[fitted.residual_std().unwrap()]);
        let mut errors = fitted.standard_errors().unwrap();
        let mut t = fitted.t_values().unwrap();
        if let Some(error) = fitted.intercept_standard_error() {
            errors.insert(0, error);
            t.insert(0, fitted.intercept() / error);
        }
        same("errors", &errors);
        same("t", &t);
        same(
            "mean",
            &bounds(&fitted.mean_interval(x.view(), 0.9).unwrap()),
        );
        same(
            "observed",
            &bounds(&fitted.predict_interval(x.view(), 0.9).unwrap()),
        );
    }
    assert_eq!(intervals, 24);
}

fn line() -> (Array2<f64>, Vec<f64>) {
    let x = Array2::from_shape_fn((40, 2), |(i, j)| ((i * (i + 3 * j)) % 23) as f64 / 32.0);
    let y = x.rows().into_iter().map(|r| 3.0 * r[0] - 2.0 * r[1] + 0.5);
    let y = y.enumerate().map(|(i, y)| y + ((i * 7) % 5) as f64 / 64.0);
    let y = y.collect();
    (x, y)
}

#[test]
fn an_offset_costs_no_digits() {
    let (x, y) = line();
    let plain = LinearRegression::new().fit(x.view(), &y).unwrap();
    let moved = x.mapv(|v| v + 1e9);
    let y_moved: Vec<f64> = y.iter().map(|v| v + 1e6).collect();
    let offset = LinearRegression::new().fit(moved.view(), &y_moved).unwrap();
    assert_same("b", offset.coefficients(), plain.coefficients(), 1e-11);
    let errors = |f: &FittedLinearRegression| f.standard_errors().unwrap();
    assert_same("errors", &errors(&offset), &errors(&plain), 1e-8);
}

#[test]
fn huge_tiny_and_constant_columns() {
    let (x, y) = line();
    let plain = LinearRegression::new().fit(x.view(), &y).unwrap();
    for unit in [1e-150, 1e-12, 1e12, 1e150] {
        let scaled = x.mapv(|v| v * unit);
        let fitted = LinearRegression::new().fit(scaled.view(), &y).unwrap();
        let b: Vec<f64> = fitted.coefficients().iter().map(|b| b * unit).collect();
        assert_same("b", &b, plain.coefficients(), 1e-9);
        assert_same("importance", fitted.importance(), plain.importance(), 1e-9);
    }
    let mut constant = x.clone();
    constant.column_mut(1).fill(7.0);
    let fitted = LinearRegression::new().fit(constant.view(), &y).unwrap();
    assert_eq!(fitted.coefficients()[1], 0.0);
    assert_eq!(fitted.t_values().unwrap()[1], 0.0);
    assert_eq!(fitted.degrees_of_freedom(), 38.0);
    let flat = LinearRegression::new().fit(x.view(), &[5.0; 40]).unwrap();
    assert_eq!((flat.r2(), flat.intercept()), (1.0, 5.0));
    assert_eq!(flat.importance(), [0.0, 0.0]);
    let error = LinearRegression::new().fit(x.mapv(|v| v * 1e308 * 32.0).view(), &y);
    assert!(error.is_err() || error.unwrap().coefficients().iter().all(|b| b.is_finite()));
}

#[test]
fn what_leaves_the_range_of_floats_is_an_error() {
    // A penalty beyond all floats in the units of a column.
    let tiny = Array2::from_shape_fn((20, 2), |(i, j)| 1e-320 * ((i * (j + 3)) % 7) as f64);
    let y: Vec<f64> = (0..20).map(f64::from).collect();
    let ridge = LinearRegression::new().alpha(1.0).unwrap();
    let error = ridge.fit(tiny.view(), &y).unwrap_err();
    assert!(error.to_string().contains("range of floats"), "{error}");

    // Terms of opposite infinite size are not a number, and one of them is not a prediction.
    let x = array![[0.0, 1.0], [1.0, 0.5], [2.0, 4.0], [3.0, 1.0], [4.0, 2.0]];
    let y = [1.0, -40.0, 90.0, -110.0, 130.0];
    let fitted = LinearRegression::new().fit(x.view(), &y).unwrap();
    for row in [[1e308, -1e308], [1e308, 1e308], [f64::MAX, 0.0]] {
        let x = Array2::from_shape_fn((1, 2), |(_, j)| row[j]);
        assert!(fitted.predict_row(&row).is_err(), "{row:?}");
        assert!(fitted.predict_interval(x.view(), 0.9).is_err(), "{row:?}");
    }

    // A band far away is wide, although the square of the distance is no number.
    let far = array![[1e200, 0.0]];
    let bands = fitted.mean_interval(far.view(), 0.9).unwrap();
    let nearer = fitted
        .mean_interval(array![[1e100, 0.0]].view(), 0.9)
        .unwrap();
    let width = |bands: &[Expectation]| bounds(bands)[1] - bounds(bands)[0];
    assert!((width(&bands) / width(&nearer) / 1e100 - 1.0).abs() < 1e-9);
}

#[test]
fn importance_is_in_standard_deviations() {
    let (x, y) = line();
    let scaled = bongsu_ml::Scaler::Standard.fit(x.view()).unwrap();
    let z = scaled.transform(x.view()).unwrap();
    let target = Array2::from_shape_vec((40, 1), y.clone()).unwrap();
    let target = bongsu_ml::Scaler::Standard.fit(target.view()).unwrap();
    let spread = target.scales()[0];
    let standard = LinearRegression::new().fit(z.view(), &y).unwrap();
    let expected: Vec<f64> = standard.coefficients().iter().map(|b| b / spread).collect();
    let fitted = LinearRegression::new().fit(x.view(), &y).unwrap();
    assert_same("importance", fitted.importance(), &expected, 1e-10);
}

#[test]
fn bad_input_is_named() {
    let (x, y) = line();
    let config = LinearRegression::new();
    assert!(config.clone().alpha(-1.0).is_err());
    assert!(config.fit(x.view(), &y[1..]).is_err());
    assert!(config.fit_weighted(x.view(), &y, &[1.0]).is_err());
    assert!(config.fit_weighted(x.view(), &y, &[-1.0; 40]).is_err());
    assert!(config.fit_weighted(x.view(), &y, &[0.0; 40]).is_err());
    let mut holed = y.clone();
    holed[4] = f64::NAN;
    let error = config.fit(x.view(), &holed).unwrap_err().to_string();
    assert!(error.contains("row 4"), "{error}");
    let wide = Array2::from_shape_fn((3, 5), |(i, j)| (i * j % 4) as f64);
    let error = config.fit(wide.view(), &y[..3]).unwrap_err().to_string();
    assert!(
        error.contains("5 features") && error.contains("6"),
        "{error}"
    );
    let ridge = config.clone().alpha(0.1).unwrap();
    assert!(ridge.fit(wide.view(), &y[..3]).is_ok());
    let fitted = config.fit(x.view(), &y).unwrap();
    assert!(fitted.predict(wide.view()).is_err());
    assert!(fitted.predict_row(&[1.0, f64::NAN]).is_err());
    assert!(fitted.predict_interval(x.view(), 1.0).is_err());
    let exact = config.fit(x.select(Axis(0), &[0, 1, 2]).view(), &y[..3]);
    let exact = exact.unwrap();
    assert_eq!(exact.residual_std(), None);
    assert!(exact.predict_interval(x.view(), 0.9).is_err());
}

#[test]
fn snapshots_are_small_and_checked() {
    let (x, y) = line();
    let fitted = LinearRegression::new().fit(x.view(), &y).unwrap();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert!(bytes.len() < 8 * 2 * 6 + 120, "{}", bytes.len());
    let loaded: FittedLinearRegression = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, fitted);
    let json = serde_json::to_value(&fitted).unwrap();
    for (field, value) in [
        ("covariance", Value::Array(Vec::new())),
        ("coefficients", Value::Array(Vec::new())),
        ("total_weight", 0.0.into()),
        ("variance", (-1.0).into()),
    ] {
        let mut changed = json.clone();
        changed[field] = value;
        let state: FittedLinearRegression = serde_json::from_value(changed).unwrap();
        assert!(state.validate().is_err(), "{field}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    /// Residuals of least squares are orthogonal to every column and to the constant.
    #[test]
    fn residuals_are_orthogonal(values in prop::collection::vec(prop_oneof![(-4..4_i32).prop_map(f64::from), -10.0..10.0_f64], 12..60)) {
        let n = values.len() / 3;
        let table = Array2::from_shape_vec((n, 3), values[..3 * n].to_vec()).unwrap();
        let x = table.select(Axis(1), &[0, 1]);
        let y = table.column(2).to_vec();
        let fitted = LinearRegression::new().fit(x.view(), &y).unwrap();
        let predicted = fitted.predict(x.view()).unwrap();
        for column in [vec![1.0; n], x.column(0).to_vec(), x.column(1).to_vec()] {
            let product: f64 = y.iter().zip(&predicted).zip(&column).map(|((y, p), c)| (y - p) * c).sum();
            prop_assert!(product.abs() < 1e-8, "{product}");
        }
    }

    #[test]
    fn any_table_is_solved_or_refused(values in prop::collection::vec(any::<f64>().prop_filter("finite", |x| x.is_finite()), 9..40), alpha in 0.0..2.0_f64) {
        let n = values.len() / 3;
        let table = Array2::from_shape_vec((n, 3), values[..3 * n].to_vec()).unwrap();
        let y = table.column(2).to_vec();
        let x = table.select(Axis(1), &[0, 1]);
        for alpha in [0.0, alpha] {
            let config = LinearRegression::new().alpha(alpha).unwrap();
            if let Ok(fitted) = config.fit(x.view(), &y) {
                prop_assert!(fitted.coefficients().iter().all(|b| b.is_finite()));
                prop_assert!(fitted.validate().is_ok(), "{fitted:?}");
            }
        }
    }
}

#[test]
fn the_documented_example() {
    let x = array![[1.0], [2.0], [3.0], [4.0]];
    let fitted = LinearRegression::new().fit(x.view(), &[3.1, 4.9, 7.1, 8.9]);
    assert!((fitted.unwrap().intercept() - 1.1).abs() < 1e-12);
}
