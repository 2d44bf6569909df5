//! Agreement of the tests with SciPy, statsmodels and published formulas;
//! `golden/generate_hypothesis.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{Detector, Direction, ErrorKind, FitDetector, Rows, ndarray::Array2};
use bongsu_stats::Gesd;
use bongsu_stats::gesd::grubbs;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect()
}

fn assert_near(what: &str, ours: f64, theirs: f64, tolerance: f64) {
    let close = ours == theirs
        || (ours.is_nan() && theirs.is_nan())
        || (ours - theirs).abs() <= tolerance * theirs.abs().max(1e-300);
    assert!(close, "{what}: {ours} instead of {theirs}");
}

fn column(values: &[f64]) -> Array2<f64> {
    Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap()
}

#[test]
fn outliers_equal_the_reference() {
    let golden: Value = serde_json::from_str(include_str!("golden/hypothesis_gesd.json")).unwrap();
    for (name, case) in golden.as_object().unwrap() {
        let x = numbers(&case["x"]);
        let most = case["most"].as_u64().unwrap() as usize;
        for key in ["both", "up", "down", "hybrid"] {
            let Some(expected) = case.get(key) else {
                continue;
            };
            let direction = key.parse().unwrap_or(Direction::Both);
            let config = Gesd::new().max_count(most).unwrap();
            let config = config.direction(direction).hybrid(key == "hybrid");
            let test = config.test(&x).unwrap();
            let what = format!("{name}/{key}");
            let (statistics, criticals) = (
                numbers(&expected["statistics"]),
                numbers(&expected["criticals"]),
            );
            let rows: Vec<u64> = test.steps().iter().map(|s| s.row as u64).collect();
            let expected_rows: Vec<u64> = serde_json::from_value(expected["rows"].clone()).unwrap();
            assert_eq!(rows, expected_rows, "{what}");
            assert_eq!(
                test.outliers().len() as u64,
                expected["found"].as_u64().unwrap(),
                "{what}"
            );
            for (i, step) in test.steps().iter().enumerate() {
                let place = format!("{what}[{i}]");
                assert_near(&place, step.statistic, statistics[i], 1e-11);
                assert_near(&place, step.critical, criticals[i], 1e-11);
            }

            let rows = column(&x);
            let (fitted, scores) = config.fit_score(&Rows::untimed(rows.view())).unwrap();
            let mut found = test.outliers();
            found.sort_unstable();
            let threshold = fitted.threshold().unwrap();
            let flagged: Vec<usize> = (0..x.len()).filter(|&i| scores[i] > threshold).collect();
            assert_eq!(flagged, found, "{what}: the scores disagree with the test");
        }
    }
}

/// The example of the NIST handbook (1.3.5.17.1): G = 2.4688 against 2.032.
#[test]
fn grubbs_agrees_with_the_handbook() {
    let masses = [
        199.31, 199.53, 200.19, 200.82, 201.92, 201.95, 202.18, 245.57,
    ];
    let test = grubbs(&masses, 0.05, Direction::Up).unwrap();
    assert_eq!(test.row, 7);
    assert_near("statistic", test.statistic, 2.4687, 1e-4);
    assert_near("critical", test.critical, 2.032, 1e-3);
    assert!(test.is_outlier() && test.p_value < 1e-6);
    // At the critical value the p-value is the level.
    for (values, direction) in [
        (&masses[..7], Direction::Both),
        (&masses[..7], Direction::Down),
    ] {
        let test = grubbs(values, 0.05, direction).unwrap();
        let again = grubbs(values, test.p_value.min(0.5), direction).unwrap();
        if test.p_value <= 0.5 {
            assert_near("critical at p", again.critical, test.statistic, 1e-9);
        }
    }
    let equal = grubbs(&[2.0; 5], 0.05, Direction::Both).unwrap();
    assert_eq!((equal.statistic, equal.p_value), (0.0, 1.0));
}

#[test]
fn outlier_tests_take_any_finite_column() {
    let mut columns = vec![
        vec![0.0; 30],
        vec![f64::MAX, -f64::MAX, 0.0, 1.0, 2.0, 3.0, f64::MAX],
        vec![5e-324, 0.0, 0.0, 5e-324, 1e-323, 0.0, 1e-300],
        vec![1e8, 2e8, 3e8, 1e308, 4e8, -1e308, 5e8],
        vec![-0.0, 0.0, -0.0, 0.0, 1.0],
    ];
    columns.push([vec![7.0; 3_000], vec![8.0; 500], vec![-1e300; 4]].concat());
    for x in &columns {
        for hybrid in [false, true] {
            for direction in [Direction::Both, Direction::Up, Direction::Down] {
                let config = Gesd::new().max_share(0.5).unwrap();
                let config = config.hybrid(hybrid).direction(direction);
                let table = column(x);
                let (fitted, scores) = config.fit_score(&Rows::untimed(table.view())).unwrap();
                assert!(scores.iter().all(|s| *s >= 0.0), "{x:?}: {scores:?}");
                let band = fitted.expectation().unwrap();
                assert!(
                    band.lower <= band.expected && band.expected <= band.upper,
                    "{band:?}"
                );
                assert!(
                    config
                        .test(x)
                        .unwrap()
                        .steps()
                        .iter()
                        .all(|s| !s.statistic.is_nan())
                );
            }
        }
    }
    let spike = [vec![5.0; 50], vec![100.0]].concat();
    for hybrid in [false, true] {
        let test = Gesd::new().hybrid(hybrid).test(&spike).unwrap();
        assert_eq!(test.outliers(), [50]);
    }
}

#[test]
fn outlier_tests_name_what_is_wrong() {
    assert!(Gesd::new().alpha(0.0).is_err());
    assert!(Gesd::new().alpha(f64::NAN).is_err());
    assert!(Gesd::new().max_share(0.6).is_err());
    assert!(Gesd::new().max_count(0).is_err());
    let few = Gesd::new().test(&[1.0, 2.0]).unwrap_err();
    assert_eq!(few.kind(), ErrorKind::NotEnoughData);
    let config = Gesd::new().max_count(usize::MAX).unwrap();
    assert_eq!(
        config.test(&[1.0; 9]).unwrap_err().kind(),
        ErrorKind::NotEnoughData
    );
    let missing = Gesd::new().test(&[1.0, f64::NAN, 2.0]).unwrap_err();
    assert!(missing.to_string().contains("row 1"));
    let table = Array2::zeros((9, 2));
    assert_eq!(
        Gesd::new().fit(table.view()).unwrap_err().kind(),
        ErrorKind::Shape
    );
}
