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
use bongsu_stats::hypothesis::{
    Adf, Alternative, KpssLags, KpssTrend, LagChoice, PValue, Trend, break_variance,
    energy_distance, energy_test, jarque_bera, kpss, ks_2samp, ljung_box, mann_whitney, welch,
};
use proptest::prelude::*;
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

/// Close to the reference; probabilities that are tiny may differ by as much as their own size.
fn assert_all_near(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (&a, &b)) in ours.iter().zip(theirs).enumerate() {
        if b.abs() < 1e-290 {
            assert!(a.abs() < 1e-280, "{what}[{i}]: {a} instead of {b}");
        } else {
            assert_near(&format!("{what}[{i}]"), a, b, tolerance);
        }
    }
}

#[test]
fn two_sample_tests_equal_scipy() {
    let golden: Value =
        serde_json::from_str(include_str!("golden/hypothesis_two_samples.json")).unwrap();
    let sides = [
        ("two_sided", Alternative::TwoSided),
        ("less", Alternative::Less),
        ("greater", Alternative::Greater),
    ];
    let methods = [
        ("auto", PValue::Auto),
        ("exact", PValue::Exact),
        ("asymptotic", PValue::Asymptotic),
    ];
    let mut compared = 0;
    for (name, case) in golden.as_object().unwrap() {
        if name == "kolmogorov" {
            continue;
        }
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let energy = numbers(&case["energy"])[0];
        assert_near(name, energy_distance(&a, &b).unwrap(), energy, 1e-9);
        let p = energy_test(&a, &b).unwrap().p_value;
        assert!((0.0..=1.0).contains(&p));
        for (side, alternative) in sides {
            let test = welch(&a, &b, alternative).unwrap();
            let ours = [test.statistic, test.p_value, test.freedom];
            let key = format!("welch_{side}");
            assert_all_near(&format!("{name}/{key}"), &ours, &numbers(&case[&key]), 1e-9);
            for (method, choice) in methods {
                let key = format!("mann_whitney_{side}_{method}");
                if let Some(expected) = case.get(&key) {
                    let test = mann_whitney(&a, &b, alternative, choice).unwrap();
                    let ours = [test.statistic, test.p_value];
                    assert_all_near(&format!("{name}/{key}"), &ours, &numbers(expected), 1e-9);
                    compared += 1;
                }
                let key = format!("ks_{side}_{method}");
                if let Some(expected) = case.get(&key) {
                    let test = ks_2samp(&a, &b, alternative, choice).unwrap();
                    let ours = [test.statistic, test.p_value];
                    assert_all_near(&format!("{name}/{key}"), &ours, &numbers(expected), 1e-9);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn series_tests_equal_statsmodels() {
    let golden: Value =
        serde_json::from_str(include_str!("golden/hypothesis_series.json")).unwrap();
    for (name, case) in golden.as_object().unwrap() {
        let x = numbers(&case["x"]);
        let check = |key: &str, ours: &[f64]| {
            assert_all_near(&format!("{name}/{key}"), ours, &numbers(&case[key]), 1e-9);
        };
        let jb = jarque_bera(&x).unwrap();
        check(
            "jarque_bera",
            &[jb.statistic, jb.p_value, jb.skewness, jb.kurtosis],
        );

        let lags = 10.min(x.len() - 1);
        let tests = ljung_box(&x, lags, 2).unwrap();
        let columns: [(&str, Vec<f64>); 4] = [
            ("lb_stat", tests.iter().map(|t| t.statistic).collect()),
            ("lb_pvalue", tests.iter().map(|t| t.p_value).collect()),
            ("bp_stat", tests.iter().map(|t| t.box_pierce).collect()),
            (
                "bp_pvalue",
                tests.iter().map(|t| t.box_pierce_p_value).collect(),
            ),
        ];
        for (column, ours) in columns {
            let expected = numbers(&case["ljung_box"][column]);
            assert_all_near(&format!("{name}/{column}"), &ours, &expected, 1e-9);
        }

        for (trend_name, trend) in [("c", KpssTrend::Constant), ("ct", KpssTrend::Linear)] {
            for (lags_name, lags) in [
                ("auto", KpssLags::Auto),
                ("legacy", KpssLags::Legacy),
                ("3", KpssLags::Count(3)),
            ] {
                let test = kpss(&x, trend, lags).unwrap();
                let mut ours = vec![test.statistic, test.p_value, test.lags as f64];
                ours.extend(test.critical_values);
                check(&format!("kpss_{trend_name}_{lags_name}"), &ours);
            }
        }

        for (trend_name, trend) in [
            ("n", Trend::None),
            ("c", Trend::Constant),
            ("ct", Trend::Linear),
            ("ctt", Trend::Quadratic),
        ] {
            for (choice_name, choice) in [
                ("AIC", LagChoice::Aic),
                ("BIC", LagChoice::Bic),
                ("t-stat", LagChoice::TStat),
                ("None", LagChoice::Fixed),
            ] {
                let key = format!("adf_{trend_name}_{choice_name}");
                if name == "short" && trend == Trend::None {
                    continue;
                }
                let scaled = name == "tiny" || name == "huge";
                let test = Adf::new().trend(trend).choice(choice).test(&x).unwrap();
                let mut ours = vec![
                    test.statistic,
                    test.p_value,
                    test.lags as f64,
                    test.observations as f64,
                ];
                ours.extend(test.critical_values);
                ours.push(test.criterion.unwrap_or(f64::NAN));
                if scaled {
                    // All but the criterion, which depends on the unit.
                    let expected = numbers(&golden["autoregression"][&key]);
                    assert_all_near(&format!("{name}/{key}"), &ours[..7], &expected[..7], 1e-9);
                } else {
                    check(&key, &ours);
                }
            }
        }
    }
}

#[test]
fn tests_take_any_finite_samples() {
    let samples = [
        vec![1.0, 1.0, 1.0],
        vec![f64::MAX, -f64::MAX, 0.0],
        vec![5e-324, 0.0, -5e-324, 1e-310],
        vec![1e308, 1.0, 1e-308, 0.0],
        vec![-0.0, 0.0, -0.0, 0.0],
    ];
    for a in &samples {
        for b in &samples {
            let energy = energy_test(a, b).unwrap();
            let mut p_values = vec![energy.p_value];
            assert!(energy.distance >= 0.0);
            for side in [
                Alternative::TwoSided,
                Alternative::Less,
                Alternative::Greater,
            ] {
                p_values.push(welch(a, b, side).unwrap().p_value);
                for method in [PValue::Auto, PValue::Exact, PValue::Asymptotic] {
                    p_values.push(ks_2samp(a, b, side, method).unwrap().p_value);
                    p_values.push(mann_whitney(a, b, side, method).unwrap().p_value);
                }
            }
            assert!(
                p_values.iter().all(|p| (0.0..=1.0).contains(p)),
                "{a:?} {b:?} {p_values:?}"
            );
        }
    }
    let long: Vec<Vec<f64>> = samples.iter().map(|s| s.repeat(8)).collect();
    for x in &long[1..4] {
        let jb = jarque_bera(x).unwrap();
        assert!((0.0..=1.0).contains(&jb.p_value), "{x:?}: {jb:?}");
        let lb = ljung_box(x, 5, 0).unwrap();
        assert!(
            lb.iter().all(|t| (0.0..=1.0).contains(&t.p_value)),
            "{x:?}: {lb:?}"
        );
        for lags in [KpssLags::Auto, KpssLags::Legacy, KpssLags::Count(0)] {
            let test = kpss(x, KpssTrend::Linear, lags).unwrap();
            assert!((0.0..=1.0).contains(&test.p_value), "{x:?}: {test:?}");
        }
        for trend in [
            Trend::None,
            Trend::Constant,
            Trend::Linear,
            Trend::Quadratic,
        ] {
            // A series that repeats itself leaves no noise: refused or a number, never NaN.
            if let Ok(test) = Adf::new().trend(trend).test(x) {
                assert!((0.0..=1.0).contains(&test.p_value), "{x:?}: {test:?}");
            }
        }
    }
}

#[test]
fn tests_name_what_is_wrong() {
    let side = Alternative::TwoSided;
    let missing = [1.0, f64::NAN];
    assert!(welch(&[1.0], &[1.0, 2.0], side).is_err());
    assert!(welch(&missing, &[1.0, 2.0], side).is_err());
    assert!(ks_2samp(&[], &[1.0], side, PValue::Auto).is_err());
    assert!(ks_2samp(&vec![0.0; 10_001], &[1.0], side, PValue::Exact).is_err());
    assert!(mann_whitney(&[1.0], &missing, side, PValue::Auto).is_err());
    assert!(mann_whitney(&[0.0; 2_000], &[0.0; 2_000], side, PValue::Exact).is_err());
    assert!(energy_distance(&[1.0], &[f64::INFINITY]).is_err());
    let constant = [2.5; 40];
    let line: Vec<f64> = (0..40).map(f64::from).collect();
    assert!(jarque_bera(&constant).is_err());
    assert!(ljung_box(&constant, 3, 0).is_err());
    assert!(ljung_box(&line, 0, 0).is_err());
    assert!(ljung_box(&line, 40, 0).is_err());
    assert!(kpss(&constant, KpssTrend::Constant, KpssLags::Auto).is_err());
    assert!(kpss(&line, KpssTrend::Linear, KpssLags::Auto).is_err());
    assert!(kpss(&line, KpssTrend::Constant, KpssLags::Count(40)).is_err());
    assert!(Adf::new().test(&constant).is_err());
    assert!(Adf::new().test(&line).is_err());
    assert!(Adf::new().max_lags(19).test(&line).is_err());
    assert!(Adf::new().max_lags(usize::MAX).test(&line).is_err());
    assert!(Adf::new().test(&[1.0, 2.0]).is_err());
}

/// Mostly close together, with outliers on both sides, some of them equal.
fn with_outliers() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        8 => -1.0..1.0_f64,
        3 => (-2..3_i32).prop_map(f64::from),
        2 => (1..8_u32).prop_map(|i| f64::from(i) * 4.0),
        1 => Just(-6.0),
    ];
    prop::collection::vec(value, 5..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn rows_above_the_threshold_are_the_outliers_of_the_test(
        x in with_outliers(), share in 0.05..0.5_f64, alpha in 0.001..0.5_f64, hybrid: bool
    ) {
        let config = Gesd::new().max_share(share).unwrap().alpha(alpha).unwrap().hybrid(hybrid);
        let mut found = config.test(&x).unwrap().outliers();
        found.sort_unstable();
        let table = column(&x);
        let (fitted, scores) = config.fit_score(&Rows::untimed(table.view())).unwrap();
        let threshold = fitted.threshold().unwrap();
        let flagged: Vec<usize> = (0..x.len()).filter(|&i| scores[i] > threshold).collect();
        prop_assert_eq!(flagged, found);
    }
}

#[test]
fn a_break_in_variance_is_seen_in_both_directions_and_at_every_scale() {
    let calm = [0.4, -0.7, 0.2, 0.9, -0.3, -0.8, 0.6, 0.1];
    let wild = calm.map(|x| 5.0 * x);
    let gap = [f64::NAN; 8];
    let grows = break_variance(&[calm, gap, wild].concat()).unwrap();
    assert!((grows.statistic - 25.0).abs() < 1e-12 && grows.p_value < 0.001);
    let shrinks = break_variance(&[wild, gap, calm].concat()).unwrap();
    assert!((shrinks.statistic - 0.04).abs() < 1e-12);
    assert!((shrinks.p_value / grows.p_value - 1.0).abs() < 1e-9);
    let same = break_variance(&[calm, gap, calm].concat()).unwrap();
    assert!((same.p_value - 1.0).abs() < 1e-9 && same.statistic == 1.0);
    for scale in [1e-300, 1e300] {
        let scaled: Vec<f64> = [calm, gap, wild].concat();
        let scaled: Vec<f64> = scaled.iter().map(|x| x * scale).collect();
        let test = break_variance(&scaled).unwrap();
        assert!((test.statistic - 25.0).abs() < 1e-9, "{test:?}");
    }
    // The later third lacks values: a sum of fewer squares is not a smaller variance.
    let mut holes = [calm, calm, calm].concat();
    holes[16..20].fill(f64::NAN);
    let test = break_variance(&holes).unwrap();
    assert_eq!((test.early, test.late), (8, 4));
    assert!(test.p_value > 0.5, "{test:?}");
    for wrong in [
        &calm[..3],
        &[0.0; 9],
        &[1.0, 2.0, 3.0, f64::INFINITY, 1.0, 2.0],
    ] {
        assert!(break_variance(wrong).is_err());
    }
}
