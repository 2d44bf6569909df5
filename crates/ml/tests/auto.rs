//! What the automatic detectors of a series and of a table promise.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::ndarray::{Array2, ArrayView2, Axis, Slice};
use bongsu_core::{Detector as _, FitDetector as _, Rows, Snapshot, snapshot};
use bongsu_ml::{Auto, AutoMultivariate, FittedAuto, FittedAutoMultivariate};
use proptest::prelude::*;
use serde::de::DeserializeOwned;

fn column(values: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((values.len(), 1), values).unwrap()
}

fn highest(scores: &[f64]) -> usize {
    let places = 0..scores.len();
    places
        .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
        .unwrap()
}

/// A linear congruential generator's numbers in [-0.5, 0.5).
fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..n).map(|_| next()).collect()
}

/// A wave of 50 points whose seventh hundred is another shape.
fn wave() -> Vec<f64> {
    let mut values: Vec<f64> = (0..1_500)
        .map(|i| (f64::from(i) * 0.125_66).sin())
        .collect();
    for x in &mut values[700..740] {
        *x = x.abs();
    }
    let noise = noise(1_500, 1);
    values
        .iter()
        .zip(noise)
        .map(|(x, e)| x + 0.05 * e)
        .collect()
}

/// Noise without a period whose level is higher for a while.
fn wandering() -> Vec<f64> {
    let mut values = noise(1_500, 2);
    for x in &mut values[900..960] {
        *x += 2.0;
    }
    values
}

#[test]
fn the_choice_follows_the_series() {
    let (values, other) = (wave(), wandering());
    let (fitted, scores) = Auto::new()
        .fit_score(&Rows::untimed(column(&values)))
        .unwrap();
    assert!(
        fitted.explanation().contains("matrix profile"),
        "{}",
        fitted.explanation()
    );
    assert!(
        (660..780).contains(&highest(&scores)),
        "{}",
        highest(&scores)
    );
    let (fitted, scores) = Auto::new()
        .fit_score(&Rows::untimed(column(&other)))
        .unwrap();
    assert!(
        fitted.explanation().contains("isolation forest"),
        "{}",
        fitted.explanation()
    );
    assert!(
        (860..1_000).contains(&highest(&scores)),
        "{}",
        highest(&scores)
    );
    let above = scores
        .iter()
        .filter(|&&s| s > fitted.threshold().unwrap())
        .count();
    assert!((145..=150).contains(&above), "{above}");
}

#[test]
fn a_series_that_never_changes_has_no_shape() {
    let still = vec![4.0; 100];
    let (fitted, scores) = Auto::new()
        .fit_score(&Rows::untimed(column(&still)))
        .unwrap();
    assert!(scores.iter().all(|s| *s == 0.0));
    assert_eq!(fitted.score(column(&[4.0, 5.0])).unwrap(), [0.0, 1.0]);
    assert!(fitted.explanation().contains("never changes"));
}

#[test]
fn awkward_tables_are_refused_or_judged() {
    assert!(Auto::new().fit(column(&[1.0; 31])).is_err());
    assert!(Auto::new().fit(column(&[f64::NAN; 50])).is_err());
    assert!(Auto::new().fit(Array2::zeros((50, 2)).view()).is_err());
    assert!(Auto::new().contamination(0.6).is_err());
    assert!(AutoMultivariate::new().average(0).is_err());
    assert!(
        AutoMultivariate::new()
            .fit(Array2::zeros((7, 2)).view())
            .is_err()
    );
    // 32 points; rare jumps; twice the same; tiny and huge numbers.
    for values in [
        noise(32, 3),
        (0..400).map(|i| f64::from(u8::from(i == 300))).collect(),
        noise(300, 4).iter().map(|x| (x * 3.0).round()).collect(),
        noise(300, 5).iter().map(|x| x * 1e-300).collect(),
        noise(300, 6).iter().map(|x| x * 1e12 + 1e15).collect(),
    ] {
        let (fitted, scores) = Auto::new()
            .fit_score(&Rows::untimed(column(&values)))
            .unwrap();
        assert!(scores.iter().all(|s| s.is_finite()));
        fitted.validate().unwrap();
    }
    let table = Array2::from_shape_fn((60, 3), |(i, j)| match j {
        0 => 1e308 * if i % 2 == 0 { 1.0 } else { -1.0 },
        1 => 1e-308 * i as f64,
        _ => 0.0,
    });
    let (fitted, scores) = AutoMultivariate::new()
        .fit_score(&Rows::untimed(table.view()))
        .unwrap();
    assert!(scores.iter().all(|s| s.is_finite() && *s >= 0.0));
    fitted.validate().unwrap();
}

/// Three metrics of which two move together, and a dead one.
fn server(rows: usize, seed: u64) -> Array2<f64> {
    let (load, noise) = (noise(rows, seed), noise(rows, seed + 1));
    Array2::from_shape_fn((rows, 4), |(i, j)| match j {
        0 => 10.0 * load[i],
        1 => 200.0 * load[i] + 4.0 * noise[i],
        2 => noise[i] + (i as f64 / 20.0).sin(),
        _ => 7.0,
    })
}

#[test]
fn what_breaks_the_relation_is_found_and_blamed() {
    let fitted = AutoMultivariate::new().fit(server(600, 10).view()).unwrap();
    let mut new = server(400, 50);
    for i in 200..210 {
        new[[i, 1]] = -new[[i, 1]] + 30.0;
    }
    let scores = fitted.score(new.view()).unwrap();
    assert!((198..212).contains(&highest(&scores)));
    let blame = fitted
        .contributions(&new.row(205).to_vec())
        .unwrap()
        .unwrap();
    assert!(highest(&blame) < 2, "{blame:?}");
}

#[test]
fn a_dead_channel_counts_when_it_moves_in_any_unit() {
    let fitted = AutoMultivariate::new().fit(server(600, 10).view()).unwrap();
    let usual = fitted.score(server(400, 50).view()).unwrap();
    let mut distances = Vec::new();
    for moved in [7.001, 7e9] {
        let mut new = server(400, 50);
        for i in 200..210 {
            new[[i, 3]] = moved;
        }
        let scores = fitted.score(new.view()).unwrap();
        assert!((198..212).contains(&highest(&scores)));
        assert!(scores[205] > usual[205] + 1.0);
        distances.push(scores[205]);
    }
    assert_eq!(distances[0], distances[1]);
}

#[test]
fn causal_scores_do_not_know_the_future() {
    let config = AutoMultivariate::new().causal(true);
    let fitted = config.fit(server(300, 3).view()).unwrap();
    let new = server(200, 8);
    let whole = fitted.score(new.view()).unwrap();
    let part = fitted
        .score(new.slice_axis(Axis(0), Slice::from(..120)))
        .unwrap();
    assert_eq!(part, whole[..120]);
}

fn is_unchanged<T: Snapshot + PartialEq + std::fmt::Debug + DeserializeOwned>(
    state: &T,
    most: usize,
) {
    let name = format!("{}-v{}.bngs", T::KIND, T::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(state, &path).unwrap();
    }
    let loaded: T = snapshot::load(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(
        bytes,
        snapshot::to_bytes(&loaded).unwrap(),
        "the layout has changed: raise its version"
    );
    assert!(bytes.len() <= most, "{}", bytes.len());
}

#[test]
fn every_snapshot_kind_loads() {
    let values: Vec<f64> = wave()[..200].to_vec();
    let auto: FittedAuto = Auto::new().fit(column(&values)).unwrap();
    is_unchanged(&auto, 30_000);
    let table: FittedAutoMultivariate = AutoMultivariate::new().fit(server(60, 1).view()).unwrap();
    is_unchanged(&table, 1_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Units and zeros of channels do not matter.
    #[test]
    fn units_do_not_matter(seed in 0_u64..500, scale in -6_i32..6, offset in -20.0..20.0_f64) {
        let table = server(120, seed);
        let factor = 10_f64.powi(scale);
        let other = table.mapv(|x| factor * (x + offset));
        let one = AutoMultivariate::new().fit_score(&Rows::untimed(table.view())).unwrap().1;
        let other = AutoMultivariate::new().fit_score(&Rows::untimed(other.view())).unwrap().1;
        for (a, b) in one.iter().zip(&other) {
            prop_assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}
