//! The seasonal detector: its scores are those of the decomposition, and go on after it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[allow(dead_code, reason = "only some of the distributions are needed here")]
mod common;

use std::f64::consts::TAU;

use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{Detector, FitDetector, Rows, Snapshot, Timestamp, snapshot};
use bongsu_stats::Seasonal;
use bongsu_stats::calendar::Bins;
use bongsu_stats::decompose::{Classical, Model, Mstl, Stl};
use bongsu_stats::robust::{MAD_TO_STD, mad, median};
use bongsu_stats::seasonal::{FittedSeasonal, Method};
use common::Noise;
use proptest::prelude::*;

fn metric(n: usize, seed: u64) -> Vec<f64> {
    let mut noise = Noise::new(seed);
    let wave = |i: usize| 10.0 * (TAU * i as f64 / 24.0).sin();
    (0..n).map(|i| 50.0 + wave(i) + noise.normal()).collect()
}

fn table(values: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((values.len(), 1), values).unwrap()
}

fn close(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() < 1e-9 * (1.0 + b), "{what}[{i}]: {a} and {b}");
    }
}

fn robust_z(residuals: &[f64]) -> Vec<f64> {
    let (center, scale) = (median(residuals), MAD_TO_STD * mad(residuals));
    residuals
        .iter()
        .map(|r| (r - center).abs() / scale)
        .collect()
}

#[test]
fn scores_are_those_of_the_residuals() {
    let x = metric(240, 1);
    let score = |config: &Seasonal| config.fit(table(&x)).unwrap().score(table(&x)).unwrap();

    let parts = Stl::new(24)
        .and_then(|stl| stl.seasonal(35))
        .and_then(|stl| stl.degrees(0, 1, 1))
        .and_then(|stl| stl.robust(true).outer_iter(3))
        .and_then(|stl| stl.decompose(&x))
        .unwrap();
    let stl = Seasonal::stl().period(24).unwrap();
    close("stl", &score(&stl), &robust_z(&parts.residual));
    assert_eq!(score(&stl), stl.fit_score(&table(&x).into()).unwrap().1);

    let mstl = Seasonal::new()
        .method(Method::Mstl)
        .periods(&[12, 24])
        .unwrap();
    let parts = Mstl::new(&[12, 24])
        .and_then(|mstl| mstl.windows(&[35, 35]))
        .and_then(|mstl| mstl.degrees(0, 1, 1))
        .and_then(|mstl| mstl.robust(true).outer_iter(3))
        .and_then(|mstl| mstl.decompose(&x))
        .unwrap();
    close("mstl", &score(&mstl), &robust_z(&parts.residual));

    let parts = Classical::new(24).unwrap().decompose(&x).unwrap();
    let inner: Vec<f64> = parts
        .residual
        .iter()
        .copied()
        .filter(|r| !r.is_nan())
        .collect();
    let mean = inner.iter().sum::<f64>() / inner.len() as f64;
    let squares: f64 = inner.iter().map(|r| (r - mean) * (r - mean)).sum();
    let std = (squares / (inner.len() - 1) as f64).sqrt();
    let expected: Vec<f64> = inner.iter().map(|r| (r - mean).abs() / std).collect();
    let ours = score(&Seasonal::classic());
    close("classic", &ours[12..228], &expected);
    assert!(ours.iter().all(|s| s.is_finite()));
    assert_eq!(
        Seasonal::classic().fit(table(&x)).unwrap().threshold(),
        Some(3.0)
    );

    let model = Model::Multiplicative;
    let parts = Classical::new(24)
        .unwrap()
        .model(model)
        .decompose(&x)
        .unwrap();
    let inner: Vec<f64> = parts
        .residual
        .iter()
        .copied()
        .filter(|r| !r.is_nan())
        .collect();
    let times = Seasonal::new()
        .method(Method::Classical)
        .period(24)
        .unwrap()
        .model(model);
    close("times", &score(&times)[12..228], &robust_z(&inner));
}

#[test]
fn the_period_is_found() {
    let x = metric(300, 2);
    let fitted = Seasonal::new().fit(table(&x)).unwrap();
    assert_eq!(fitted.periods(), [24]);
    let noise: Vec<f64> = metric(300, 3)
        .iter()
        .zip(metric(300, 4))
        .map(|(a, b)| a - b)
        .collect();
    let text = Seasonal::new().fit(table(&noise)).unwrap_err().to_string();
    assert!(text.contains("period"), "{text}");
}

#[test]
fn the_season_goes_on_after_the_rows_it_learned_from() {
    for (k, config) in [
        Seasonal::stl().period(24).unwrap(),
        Seasonal::new()
            .method(Method::Mstl)
            .periods(&[12, 24])
            .unwrap(),
        Seasonal::new()
            .method(Method::Classical)
            .period(24)
            .unwrap(),
        Seasonal::classic(),
        Seasonal::classic().model(Model::Multiplicative),
    ]
    .into_iter()
    .enumerate()
    {
        // A length that is no multiple of the period: the phase must be kept.
        let mut x = metric(257 + 40, 5);
        let fitted = config.fit(table(&x[..257])).unwrap();
        x[290] -= 15.0;
        let scores = fitted.score(table(&x)).unwrap();
        let alike = fitted.score(table(&x[..257])).unwrap();
        assert_eq!(scores[..257], alike[..]);
        let usual: Vec<f64> = scores[257..290].to_vec();
        assert!(median(&usual) < 2.5, "{k}: {usual:?}");
        assert!(scores[290] > 8.0, "{k}: {}", scores[290]);
        let bands = fitted.expectations(&table(&x).into()).unwrap().unwrap();
        for (i, (band, score)) in bands.iter().zip(&scores).enumerate() {
            let outside = x[i] < band.lower || x[i] > band.upper;
            assert_eq!(outside, *score > fitted.threshold().unwrap(), "{k} {i}");
        }
    }
}

#[test]
fn timestamps_give_the_phase_and_fill_holes() {
    let x = metric(400, 6);
    let at = |i: usize| Timestamp::from_secs(1_000_000 + 300 * i as i64);
    let kept: Vec<usize> = (0..300).filter(|i| i % 37 != 5).collect();
    let times: Vec<_> = kept.iter().map(|&i| at(i)).collect();
    let values: Vec<f64> = kept.iter().map(|&i| x[i]).collect();
    let config = Seasonal::stl().period(24).unwrap();
    let rows = Rows::at(&times, table(&values)).unwrap();
    let (fitted, scores) = config.fit_score(&rows).unwrap();
    assert!(
        scores.iter().filter(|s| **s > 4.0).count() < 6,
        "{scores:?}"
    );
    // Any later stretch is judged in phase, on its own.
    let times: Vec<_> = (331..400).map(at).collect();
    let rows = Rows::at(&times, table(&x[331..400])).unwrap();
    let scores = fitted.score_rows(&rows).unwrap();
    assert!(median(&scores) < 2.0, "{scores:?}");
    let shifted: Vec<_> = (331 + 12..400 + 12).map(at).collect();
    let rows = Rows::at(&shifted, table(&x[331..400])).unwrap();
    assert!(median(&fitted.score_rows(&rows).unwrap()) > 8.0);
    // Before the first row, too.
    let early: Vec<_> = (0..24)
        .map(|i| Timestamp::from_secs(1_000_000 - 300 * (24 - i)))
        .collect();
    let rows = Rows::at(&early, table(&x[..24])).unwrap();
    assert!(median(&fitted.score_rows(&rows).unwrap()) < 2.5);
    // Rows that are hardly there are no series.
    let sparse: Vec<_> = (0..300)
        .map(|i| at(if i < 200 { i } else { i * 100 }))
        .collect();
    let rows = Rows::at(&sparse, table(&x[..300])).unwrap();
    assert!(config.fit_score(&rows).is_err());
}

#[test]
fn a_profile_needs_and_uses_timestamps() {
    let x = metric(24 * 21, 7);
    let times: Vec<_> = (0..x.len() as i64)
        .map(|h| Timestamp::from_secs(3_600 * h))
        .collect();
    let config = Seasonal::new()
        .method(Method::Profile)
        .bins(Bins::HourOfDay);
    let config = config.timezone("Europe/Berlin").unwrap();
    assert!(
        config
            .fit(table(&x))
            .unwrap_err()
            .to_string()
            .contains("timestamps")
    );
    let rows = Rows::at(&times, table(&x)).unwrap();
    let (fitted, scores) = config.fit_score(&rows).unwrap();
    assert!(median(&scores) < 1.5);
    assert!(fitted.score(table(&x)).is_err());
    assert_eq!(fitted.expectations(&rows).unwrap().unwrap().len(), x.len());
}

#[test]
fn what_is_met_exactly_is_not_judged() {
    for values in [
        vec![3.7; 60],
        vec![0.0; 60],
        (0..60).map(|i| f64::from(i % 6)).collect(),
    ] {
        for method in [Method::Stl, Method::Classical, Method::Mstl] {
            let config = Seasonal::new().method(method).period(6).unwrap();
            let fitted = config.fit(table(&values)).unwrap();
            let scores = fitted.score(table(&values)).unwrap();
            assert!(scores.iter().all(|s| *s < 0.1), "{method}: {scores:?}");
            let mut broken = values.clone();
            broken.push(1e3);
            assert!(fitted.score(table(&broken)).unwrap()[60] > 100.0);
        }
    }
}

#[test]
fn bad_input_is_named() {
    let x = metric(100, 8);
    let error = |config: &Seasonal, x: &[f64]| config.fit(table(x)).unwrap_err().to_string();
    let stl = Seasonal::stl().period(51).unwrap();
    assert!(
        error(&stl, &x).contains("period of 51"),
        "{}",
        error(&stl, &x)
    );
    let mut holed = x.clone();
    holed[7] = f64::NAN;
    assert!(error(&Seasonal::classic(), &holed).contains("row 7"));
    assert!(Seasonal::new().period(1).is_err());
    assert!(Seasonal::new().timezone("Nowhere").is_err());
    assert!(Seasonal::new().threshold(f64::NAN).is_err());
    assert!("fourier".parse::<Method>().is_err());
    let two = Seasonal::stl().periods(&[12, 24]).unwrap();
    assert!(error(&two, &x).contains("single"));
    let times = Seasonal::stl()
        .period(24)
        .unwrap()
        .model(Model::Multiplicative);
    assert!(error(&times, &x).contains("model"));
    let below: Vec<f64> = x.iter().map(|v| v - 50.0).collect();
    let times = Seasonal::classic().model(Model::Multiplicative);
    assert!(error(&times, &below).contains("above 0"));
    let wide = Array2::zeros((100, 2));
    assert!(Seasonal::classic().fit(wide.view()).is_err());
    let fitted = Seasonal::classic().fit(table(&x)).unwrap();
    assert!(fitted.score(wide.view()).is_err());
    assert!(fitted.score(table(&holed)).is_err());
    assert!(Stl::new(usize::MAX).unwrap().decompose(&x).is_err());
    assert!(Classical::new(usize::MAX).unwrap().decompose(&x).is_err());
    assert!(Stl::new(4).unwrap().seasonal(8).is_err());
    assert!(Stl::new(4).unwrap().trend(3).is_err());
    assert!(Stl::new(4).unwrap().jumps(1, 0, 1).is_err());
    assert!(Stl::new(4).unwrap().degrees(1, 2, 1).is_err());
    assert!(Mstl::new(&[]).is_err() && Mstl::new(&[4, 4]).is_err());
    let wide_windows = Stl::new(4).unwrap().seasonal(usize::MAX).unwrap();
    assert!(wide_windows.decompose(&x).is_ok());
}

#[test]
fn a_snapshot_is_as_large_as_said_and_checked() {
    let x = metric(240, 9);
    let fitted = Seasonal::stl().period(24).unwrap().fit(table(&x)).unwrap();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert!(bytes.len() < 8 * (240 + 24) + 160, "{}", bytes.len());
    let loaded: FittedSeasonal = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, fitted);
    let text = serde_json::to_string(&fitted).unwrap();
    for (good, bad) in [
        ("\"scale\":", "\"scale\":-"),
        ("\"seasons\":[[", "\"seasons\":[[],["),
        ("\"additive\",\"grid\"", "\"multiplicative\",\"grid\""),
        ("\"grid\":null", "\"grid\":{\"start\":0,\"step\":0}"),
    ] {
        assert!(text.contains(good), "{good}");
        let damaged: FittedSeasonal = serde_json::from_str(&text.replace(good, bad)).unwrap();
        assert!(damaged.validate().is_err(), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn no_finite_input_gives_nan_or_a_panic(
        x in prop::collection::vec(prop_oneof![
            4 => -100.0..100.0_f64,
            2 => (0..3_i32).prop_map(f64::from),
            1 => any::<f64>().prop_filter("finite", |v| v.is_finite()),
        ], 1..50),
        period in 2..12_usize,
        robust in any::<bool>(),
    ) {
        for method in [Method::Classical, Method::Stl, Method::Mstl] {
            let config = Seasonal::new().method(method).period(period).unwrap().robust(robust);
            if let Ok(fitted) = config.fit(table(&x)) {
                let longer = [&x[..], &x[..]].concat();
                for score in fitted.score(table(&longer)).unwrap() {
                    prop_assert!(score >= 0.0, "{method} {period}: {score}");
                }
            } else {
                let moderate = x.iter().all(|v| v.abs() < 1e300);
                prop_assert!(x.len() < 2 * period || !moderate);
            }
        }
    }

    #[test]
    fn parts_sum_to_the_series(x in prop::collection::vec(-100.0..100.0_f64, 14..60), robust in any::<bool>()) {
        let parts = Stl::new(7).unwrap().robust(robust).decompose(&x).unwrap();
        for (i, v) in x.iter().enumerate() {
            let sum = parts.seasonal[i] + parts.trend[i] + parts.residual[i];
            prop_assert!((sum - v).abs() < 1e-10);
        }
        let moved: Vec<f64> = x.iter().map(|v| 2.0 * v + 7.0).collect();
        let other = Stl::new(7).unwrap().robust(false).decompose(&moved).unwrap();
        let plain = Stl::new(7).unwrap().decompose(&x).unwrap();
        for (a, b) in other.seasonal.iter().zip(&plain.seasonal) {
            prop_assert!((a - 2.0 * b).abs() < 1e-9);
        }
    }
}
