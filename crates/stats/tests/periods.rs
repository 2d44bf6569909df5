//! Periods are found where there are some, and nowhere else.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[allow(dead_code, reason = "only some of the distributions are needed here")]
mod common;

use std::f64::consts::TAU;

use bongsu_stats::period::{PeriodSearch, acf};
use common::Noise;

fn found(values: &[f64]) -> Vec<usize> {
    let periods = PeriodSearch::new().find(values).unwrap();
    periods.iter().map(|p| p.points).collect()
}

fn wave(i: usize, period: f64) -> f64 {
    (TAU * i as f64 / period).sin()
}

fn series(n: usize, seed: u64, noise: f64, value: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut source = Noise::new(seed);
    (0..n).map(|i| value(i) + noise * source.normal()).collect()
}

#[test]
fn a_season_in_noise_and_trend_is_found() {
    for period in [5, 7, 12, 24, 60, 96, 288] {
        for seed in 0..5 {
            let p = period as f64;
            let x = series(period * 8 + 3, seed, 0.5, |i| wave(i, p) + 0.01 * i as f64);
            assert_eq!(found(&x).len(), 1, "{period}: {:?}", found(&x));
            let got = found(&x)[0];
            assert!(
                got.abs_diff(period) <= 1.max(period / 30),
                "{period}: {got}"
            );
        }
    }
}

#[test]
fn sharp_patterns_are_found_by_their_ground_period() {
    for seed in 0..5 {
        let peaks = series(1_000, seed, 0.1, |i| if i % 60 == 7 { 5.0 } else { 0.0 });
        assert_eq!(found(&peaks), [60]);
        let square = series(960, seed, 0.3, |i| if i % 48 < 12 { 2.0 } else { 0.0 });
        assert_eq!(found(&square), [48]);
        let two_bumps = series(960, seed, 0.2, |i| wave(i, 24.0) + 0.9 * wave(i, 12.0));
        assert_eq!(found(&two_bumps), [24]);
    }
}

#[test]
fn a_day_and_a_week_are_both_found() {
    for seed in 0..5 {
        let weekend = |i: usize| if i / 24 % 7 >= 5 { -3.0 } else { 0.0 };
        let x = series(24 * 7 * 6, seed, 0.4, |i| 2.0 * wave(i, 24.0) + weekend(i));
        let mut periods = found(&x);
        periods.sort_unstable();
        assert_eq!(periods, [24, 168], "seed {seed}");
    }
}

#[test]
fn a_season_that_grows_is_not_taken_for_its_double() {
    for (n, period) in [(120, 12), (144, 12), (96, 24), (2_000, 500), (1_000, 48)] {
        let p = period as f64;
        for growth in [0.5, 1.2, 2.0] {
            let value = |i: usize| (growth * i as f64 / n as f64).exp() * (10.0 + 3.0 * wave(i, p));
            let got = found(&series(n, 1, 0.0, value));
            // Of few cycles the length is not known better.
            let near = |points: usize| points.abs_diff(period) <= period / 25;
            assert!(
                got.len() == 1 && near(got[0]),
                "{period} of {n}, {growth}: {got:?}"
            );
        }
    }
    // Where odd and even cycles differ, the double is the period.
    let cycles = |i: usize| wave(i, 12.0) * if (i / 12).is_multiple_of(2) { 1.0 } else { 2.0 };
    assert_eq!(found(&series(480, 3, 0.2, cycles)), [24]);
}

#[test]
fn nothing_is_found_where_nothing_repeats() {
    let mut false_alarms = 0;
    for seed in 0..60 {
        for n in [50, 200, 1_000] {
            let white = series(n, seed, 1.0, |_| 0.0);
            let trend = series(n, seed + 100, 1.0, |i| 0.1 * i as f64);
            let mut level = 0.0;
            let walk: Vec<f64> = white
                .iter()
                .map(|e| {
                    level += e;
                    level
                })
                .collect();
            let correlated = Noise::new(seed).autoregressive(n);
            let step = series(n, seed, 0.5, |i| if i > n / 3 { 9.0 } else { 0.0 });
            for x in [&white, &trend, &walk, &correlated, &step] {
                false_alarms += usize::from(!found(x).is_empty());
            }
        }
    }
    assert!(false_alarms <= 18, "{false_alarms} of 900");
    assert!(found(&[3.0; 100]).is_empty());
    assert!(found(&(0..100).map(f64::from).collect::<Vec<_>>()).is_empty());
    assert!(found(&[f64::NAN; 50]).is_empty());
    assert!(found(&[]).is_empty());
}

#[test]
fn holes_outliers_and_scale_do_not_hide_a_season() {
    for seed in 0..5 {
        let mut x = series(24 * 12, seed, 0.3, |i| wave(i, 24.0));
        let mut source = Noise::new(seed + 50);
        for v in &mut x {
            let chance = source.uniform();
            if chance < 0.05 {
                *v = f64::NAN;
            } else if chance < 0.07 {
                *v = 1e4;
            }
        }
        x[100..110].fill(f64::NAN);
        assert_eq!(found(&x), [24], "seed {seed}");
        for scale in [1e-300, 1e-12, 1e12, 1e300] {
            let scaled: Vec<f64> = x.iter().map(|v| v * scale).collect();
            assert_eq!(found(&scaled), [24], "seed {seed}, {scale}");
        }
    }
}

#[test]
fn two_whole_cycles_are_needed() {
    let x = series(47, 1, 0.0, |i| wave(i, 24.0));
    assert!(found(&x).iter().all(|p| *p <= 23));
    let x = series(100, 1, 0.0, |i| wave(i, 24.0));
    assert_eq!(found(&x), [24]);
}

#[test]
fn bad_input_is_named() {
    assert!(PeriodSearch::new().min_strength(1.0).is_err());
    assert!(PeriodSearch::new().max_periods(0).is_err());
    assert!(PeriodSearch::new().min_period(1).is_err());
    assert!(PeriodSearch::new().find(&[f64::INFINITY; 20]).is_err());
    assert!(acf(&[1.0; 5], 2, false).is_err());
    assert!(acf(&[1.0, 2.0], 2, false).is_err());
    assert!(acf(&[1.0, f64::NAN], 1, false).is_err());
    let huge = acf(&[f64::MAX, -f64::MAX, f64::MAX, -f64::MAX], 1, true).unwrap();
    assert!((huge[1] + 1.0).abs() < 1e-12, "{huge:?}");
}
