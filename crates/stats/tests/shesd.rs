//! S-H-ESD finds what stands out of its season.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[allow(dead_code, reason = "only some of the distributions are needed here")]
mod common;

use std::f64::consts::TAU;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Direction, FitDetector, Rows, Snapshot, Timestamp, snapshot};
use bongsu_stats::Shesd;
use bongsu_stats::shesd::FittedShesd;
use common::Noise;

fn metric(n: usize, seed: u64) -> Vec<f64> {
    let mut noise = Noise::new(seed);
    let wave = |i: usize| 10.0 * (TAU * i as f64 / 24.0).sin();
    (0..n).map(|i| 50.0 + wave(i) + noise.normal()).collect()
}

fn table(values: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((values.len(), 1), values).unwrap()
}

fn found(config: &Shesd, x: &[f64]) -> Vec<usize> {
    let (fitted, scores) = config.fit_score(&Rows::untimed(table(x))).unwrap();
    let threshold = fitted.threshold().unwrap();
    (0..x.len()).filter(|&i| scores[i] > threshold).collect()
}

#[test]
fn planted_anomalies_are_found_and_nothing_else() {
    let mut extra = 0;
    for seed in 0..10 {
        let mut x = metric(24 * 20, seed);
        // Well inside the range of the whole: seen against the season alone.
        for i in [54, 100, 333] {
            let usual = 10.0 * (TAU * i as f64 / 24.0).sin();
            x[i] = 50.0
                + if usual > 0.0 {
                    usual - 9.0
                } else {
                    usual + 9.0
                };
        }
        let rows = found(&Shesd::new().period(24).unwrap(), &x);
        for i in [54, 100, 333] {
            assert!(rows.contains(&i), "seed {seed}: {rows:?}");
        }
        extra += rows.len() - 3;
        assert_eq!(found(&Shesd::new(), &x), rows);
    }
    assert!(extra <= 5, "{extra} false");
}

#[test]
fn the_direction_and_the_share_are_kept() {
    let mut x = metric(480, 3);
    x[50] += 20.0;
    x[150] -= 20.0;
    let both = Shesd::new().period(24).unwrap();
    assert_eq!(found(&both, &x), [50, 150]);
    assert_eq!(found(&both.clone().direction(Direction::Up), &x), [50]);
    assert_eq!(found(&both.clone().direction(Direction::Down), &x), [150]);
    for i in 0..20 {
        x[i * 11 + 4] += 30.0;
    }
    let few = both.max_anomalies(0.02).unwrap();
    assert!(found(&few, &x).len() <= 9);
}

#[test]
fn medians_of_pieces_follow_the_level() {
    let mut x = metric(24 * 40, 5);
    for (i, v) in x.iter_mut().enumerate() {
        *v += if i < 480 { 0.0 } else { 40.0 };
    }
    x[200] += 14.0;
    x[800] -= 14.0;
    let whole = Shesd::new().period(24).unwrap();
    assert!(!found(&whole, &x).contains(&800));
    let rows = found(&whole.piece(240).unwrap(), &x);
    assert!(rows.contains(&200) && rows.contains(&800), "{rows:?}");
    assert!(rows.len() <= 4, "{rows:?}");
}

#[test]
fn later_rows_keep_their_phase() {
    let mut x = metric(300, 6);
    let config = Shesd::new().period(24).unwrap();
    let fitted = config.fit(table(&x[..251])).unwrap();
    x[280] -= 12.0;
    let scores = fitted.score(table(&x)).unwrap();
    let threshold = fitted.threshold().unwrap();
    let above: Vec<usize> = (251..300).filter(|&i| scores[i] > threshold).collect();
    assert_eq!(above, [280]);
    let bands = fitted.expectations(&table(&x).into()).unwrap().unwrap();
    assert!(x[280] < bands[280].lower && x[279] > bands[279].lower);

    let at = |i: usize| Timestamp::from_secs(60 * i as i64);
    let times: Vec<_> = (0..251).map(at).collect();
    let rows = Rows::at(&times, table(&x[..251])).unwrap();
    let (fitted, _) = config.fit_score(&rows).unwrap();
    let times: Vec<_> = (275..300).map(at).collect();
    let rows = Rows::at(&times, table(&x[275..300])).unwrap();
    let scores = fitted.score_rows(&rows).unwrap();
    let above: Vec<usize> = (0..25).filter(|&i| scores[i] > threshold).collect();
    assert_eq!(above, [5]);
}

#[test]
fn bad_input_is_named() {
    let x = metric(60, 7);
    let text = |config: &Shesd| config.fit(table(&x)).unwrap_err().to_string();
    assert!(text(&Shesd::new().period(31).unwrap()).contains("period of 31"));
    assert!(Shesd::new().period(1).is_err());
    assert!(Shesd::new().alpha(0.0).is_err());
    let share = Shesd::new().max_anomalies(0.6).unwrap_err().to_string();
    assert!(share.contains("max_anomalies"), "{share}");
    assert!(Shesd::new().piece(3).is_err());
    assert!(text(&Shesd::new().period(24).unwrap().piece(30).unwrap()).contains("piece"));
    let mut holed = x.clone();
    holed[3] = f64::NAN;
    assert!(Shesd::new().fit(table(&holed)).is_err());
    for flat in [[3.0; 60], [0.0; 60]] {
        let config = Shesd::new().period(6).unwrap();
        assert_eq!(found(&config, &flat), Vec::<usize>::new());
    }
}

#[test]
fn a_snapshot_is_as_large_as_said_and_checked() {
    let x = metric(480, 8);
    let fitted = Shesd::new().period(24).unwrap().piece(96).unwrap();
    let fitted = fitted.fit(table(&x)).unwrap();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert!(bytes.len() < 8 * (24 + 5) + 256, "{}", bytes.len());
    let loaded: FittedShesd = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, fitted);
    let text = serde_json::to_string(&fitted).unwrap();
    for (good, bad) in [
        ("\"piece\":96,\"season\"", "\"piece\":0,\"season\""),
        ("\"grid\":null", "\"grid\":{\"start\":0,\"step\":0}"),
        ("\"alpha\":0.05", "\"alpha\":7.0"),
    ] {
        assert!(text.contains(good), "{good}");
        let damaged: FittedShesd = serde_json::from_str(&text.replace(good, bad)).unwrap();
        assert!(damaged.validate().is_err(), "{bad}");
    }
}
