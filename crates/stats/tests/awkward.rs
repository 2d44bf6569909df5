//! Parameters and values at the ends of the floats: a clear error or finite numbers, never NaN, a
//! panic or a state that cannot be loaded again.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Axis, aview1};
use bongsu_core::{Detector as _, FitDetector as _, Rows, StreamDetector, snapshot};
use bongsu_stats::decompose::{Classical, Extrapolation, Model};
use bongsu_stats::hypothesis::energy_test;
use bongsu_stats::period::acf;
use bongsu_stats::robust::{huber, theil_sen};
use bongsu_stats::seasonal::Method;
use bongsu_stats::{Bocpd, Cusum, RunModel, Seasonal};

const MAX: f64 = f64::MAX;

fn alternating(n: usize, level: f64) -> Vec<f64> {
    let sign = |i| if i % 2 == 0 { 1.0 } else { -1.0 };
    (0..n).map(|i| level * sign(i)).collect()
}

#[test]
fn hubers_estimate_takes_any_bound() {
    let values = [1.0, 2.0, 3.0, 4.0, 50.0];
    // Nothing is clipped by a huge bound: mean and standard deviation.
    let plain = huber(&values, 1e308).unwrap();
    assert!((plain.location - 12.0).abs() < 1e-6, "{plain:?}");
    assert!((plain.scale - 452.5_f64.sqrt()).abs() < 1e-5, "{plain:?}");
    assert!(huber(&alternating(6, MAX), 1e308).is_ok());
    if let Ok(least) = huber(&values, f64::from_bits(1)) {
        assert!(least.location.is_finite() && least.scale.is_finite());
    }
}

#[test]
fn slopes_of_the_largest_floats_are_numbers() {
    let values = [0.5, -MAX, MAX, 0.25];
    let line = theil_sen(&values, &values, 0.95).unwrap();
    assert!((line.slope - 1.0).abs() < 1e-12, "{line:?}");
    assert!(
        !line.lower.is_nan() && !line.upper.is_nan(),
        "{line:?} has no interval"
    );
}

#[test]
fn equal_values_have_no_autocorrelation_of_rounding() {
    for value in [0.1, MAX, -MAX, 5e-324] {
        for n in [3, 7, 100] {
            assert!(acf(&vec![value; n], 1, false).is_err(), "{n} times {value}");
        }
    }
    let r = acf(&[MAX, MAX, MAX, -MAX], 1, false).unwrap();
    assert!(r.iter().all(|x| x.is_finite()), "{r:?}");
}

#[test]
fn energy_of_huge_samples_is_that_of_small_ones() {
    let a: Vec<f64> = (0..20).map(|i| f64::from(i % 7)).collect();
    let b: Vec<f64> = (0..20).map(|i| f64::from(i % 5)).collect();
    let huge = |values: &[f64]| values.iter().map(|x| x * 2.5e307).collect::<Vec<f64>>();
    let small = energy_test(&a, &b).unwrap().p_value;
    let large = energy_test(&huge(&a), &huge(&b)).unwrap().p_value;
    assert!((small - large).abs() < 1e-12, "{small} and {large}");
}

#[test]
fn a_trend_through_zero_is_no_multiplicative_one() {
    let falling = [1.0, 2.0, 3.0, 4.0, 5.0];
    let model = Classical::new(2).unwrap().model(Model::Multiplicative);
    let model = model.two_sided(false).extrapolate(Extrapolation::Period);
    let error = model.decompose(&falling).unwrap_err().to_string();
    assert!(error.contains("reaches 0"), "{error}");
}

#[test]
fn seasons_of_the_largest_floats_score_numbers() {
    for model in [Model::Additive, Model::Multiplicative] {
        for (method, period) in [(Method::Classical, 3), (Method::Stl, 2), (Method::Stl, 3)] {
            for (at, level) in [(3, 1.0), (2, 1.0), (7, 1.0), (3, -1.0)] {
                let mut values = vec![1.0; 6];
                values[at % 6] = level * MAX;
                values[(at + 5) % 6] = if model == Model::Additive { -MAX } else { 2.0 };
                let detector = Seasonal::new().method(method).model(model).robust(false);
                let rows = aview1(&values).insert_axis(Axis(1));
                let detector = detector.period(period).unwrap();
                let Ok((fitted, scores)) = detector.fit_score(&Rows::untimed(rows)) else {
                    continue;
                };
                assert!(scores.iter().all(|x| !x.is_nan()), "{values:?}: {scores:?}");
                let later: Vec<f64> = (0..12).map(f64::from).chain([MAX, -MAX]).collect();
                let rows = Rows::untimed(aview1(&later).insert_axis(Axis(1)));
                let scores = fitted.score_rows(&rows).unwrap();
                assert!(scores.iter().all(|x| !x.is_nan()), "{values:?}: {scores:?}");
                for band in fitted.expectations(&rows).unwrap().unwrap() {
                    assert!(
                        band.lower <= band.expected && band.expected <= band.upper,
                        "{values:?}: {band:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn cusum_knows_a_scale_far_from_the_values() {
    for scale in [1e308, MAX, 1e-308] {
        let mut stream = Cusum::new().warmup(3).unwrap().scale(scale).unwrap();
        stream = stream.slack(0.0).unwrap();
        let mut stream = stream.build().unwrap();
        for _ in 0..5 {
            stream.learn(&[0.0]).unwrap();
        }
        let bytes = snapshot::to_bytes(&stream).unwrap();
        assert_eq!(
            snapshot::from_bytes::<bongsu_stats::CusumStream>(&bytes).unwrap(),
            stream
        );
        let score = stream.score(&[scale]).unwrap().ready().unwrap();
        assert!((score - 1.0).abs() < 1e-12, "{scale}: {score}");
    }
}

#[test]
fn cusum_learns_the_scale_of_the_largest_floats() {
    let mut stream = Cusum::new().warmup(2).unwrap().target(0.0).unwrap();
    stream = stream.slack(0.0).unwrap();
    let mut stream = stream.build().unwrap();
    for x in alternating(4, MAX) {
        stream.score_then_learn(&[x]).unwrap();
    }
    let bytes = snapshot::to_bytes(&stream).unwrap();
    assert!(snapshot::from_bytes::<bongsu_stats::CusumStream>(&bytes).is_ok());
}

#[test]
fn runs_are_judged_at_the_ends_of_the_domain() {
    for beyond in [5e-324, 1e-10, 1e10, 1e308] {
        assert!(Bocpd::new().strength(beyond).is_err(), "{beyond}");
        assert!(Bocpd::new().shape(beyond).is_err(), "{beyond}");
    }
    let counts = Bocpd::new().model(RunModel::Poisson).shape(1e-9).unwrap();
    assert!(counts.known(1e308, 1.0).is_err());
    for model in [RunModel::Normal, RunModel::KnownVariance, RunModel::Poisson] {
        for (strength, shape) in [(1e-9, 1e-9), (1e-9, 1e9), (1e9, 1e-9), (1e9, 1e9)] {
            let config = Bocpd::new().model(model).strength(strength).unwrap();
            let config = config.shape(shape).unwrap().known(1.0, 1.0).unwrap();
            let mut stream = config.build().unwrap();
            for i in 0..60 {
                let x = f64::from(i % 7) + if i > 40 { 1e6 } else { 0.0 };
                let score = stream.score_then_learn(&[x]).unwrap().ready().unwrap();
                assert!(!score.is_nan(), "{model:?} {strength} {shape}: point {i}");
            }
            let bytes = snapshot::to_bytes(&stream).unwrap();
            assert!(snapshot::from_bytes::<bongsu_stats::BocpdStream>(&bytes).is_ok());
        }
    }
}

#[test]
fn a_run_of_the_least_spread_is_judged() {
    let known = Bocpd::new().known(1e308, f64::from_bits(1)).unwrap();
    for model in [RunModel::Normal, RunModel::KnownVariance] {
        let mut stream = known.clone().model(model).build().unwrap();
        for x in [1e308, -1e308, 1e308, 0.0] {
            let score = stream.score_then_learn(&[x]).unwrap().ready().unwrap();
            assert!(!score.is_nan(), "{model:?}: {x}");
        }
    }
}
