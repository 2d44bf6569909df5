//! What the exponentially weighted detector promises on metrics.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::StreamDetector;
use bongsu_stats::{Ewma, EwmaStream};
use common::Noise;

const POINTS: usize = 20_000;

fn stream() -> EwmaStream {
    Ewma::new().build().unwrap()
}

/// Which points are beyond the threshold.
fn alarms(stream: &mut EwmaStream, values: &[f64]) -> Vec<bool> {
    let threshold = stream.threshold().unwrap();
    let mut judge = |&x: &f64| {
        let score = stream.score_then_learn(&[x]).unwrap().ready();
        score.is_some_and(|score| score > threshold)
    };
    values.iter().map(&mut judge).collect()
}

fn count(alarms: &[bool]) -> usize {
    alarms.iter().filter(|alarm| **alarm).count()
}

fn rhythm(amplitude: f64, noise: Vec<f64>) -> Vec<f64> {
    let wave = |i: usize| amplitude * (std::f64::consts::TAU * i as f64 / 120.0).sin();
    noise
        .into_iter()
        .enumerate()
        .map(|(i, e)| 50.0 + wave(i) + e)
        .collect()
}

fn drawn(mut draw: impl FnMut() -> f64) -> Vec<f64> {
    (0..POINTS).map(|_| draw()).collect()
}

#[test]
fn a_daily_rhythm_with_autocorrelated_noise_raises_no_false_alarms() {
    for amplitude in [0.0, 2.0, 5.0, 10.0, 20.0] {
        for seed in 0..5 {
            let values = rhythm(amplitude, Noise::new(seed).autoregressive(POINTS));
            let n = count(&alarms(&mut stream(), &values));
            assert!(
                n < POINTS / 1_000,
                "amplitude {amplitude}, seed {seed}: {n}"
            );
        }
    }
}

#[test]
fn heavy_tails_raise_few_false_alarms() {
    // At most 1 in 1,000 points, from the first one on.
    for (name, limit) in [
        ("normal", 8),
        ("laplace", 20),
        ("t5", 20),
        ("t3", 20),
        ("lognormal", 20),
    ] {
        for seed in 0..5 {
            let mut noise = Noise::new(seed);
            let values = drawn(|| match name {
                "normal" => noise.normal(),
                "laplace" => noise.laplace(),
                "t5" => noise.student(5),
                "t3" => noise.student(3),
                _ => (0.75 * noise.normal()).exp(),
            });
            let n = count(&alarms(&mut stream(), &values));
            assert!(n <= limit, "{name}, seed {seed}: {n}");
        }
    }
}

#[test]
fn a_sudden_jump_is_caught_at_once() {
    for (amplitude, size, least) in [
        (0.0, 6.0, 80),
        (0.0, 8.0, 98),
        (5.0, 6.0, 75),
        (5.0, 8.0, 98),
        (10.0, 8.0, 95),
    ] {
        let mut caught = 0;
        for trial in 0..100 {
            let mut noise = Noise::new(trial);
            let mut values = rhythm(amplitude, noise.autoregressive(1_001 + trial as usize * 7));
            let sign = if trial % 2 == 0 { 1.0 } else { -1.0 };
            *values.last_mut().unwrap() += sign * size;
            caught += usize::from(alarms(&mut stream(), &values).last() == Some(&true));
        }
        assert!(
            caught >= least,
            "amplitude {amplitude}, {size} sigma: {caught} of 100"
        );
    }
}

#[test]
fn a_new_level_is_learned_after_patience_points() {
    for seed in 0..20 {
        let mut noise = Noise::new(seed);
        let mut detector = stream();
        let before = drawn(|| 50.0 + noise.normal());
        alarms(&mut detector, &before[..1_000]);
        let after: Vec<f64> = (0..500).map(|_| 80.0 + noise.normal()).collect();
        let alarms = alarms(&mut detector, &after);
        assert!(alarms[..5].iter().all(|alarm| *alarm), "seed {seed}");
        assert!(
            count(&alarms[5..]) <= 1,
            "seed {seed}: {}",
            count(&alarms[5..])
        );
    }
}

#[test]
fn a_fault_that_came_and_went_does_not_hide_the_next() {
    // Up by 50 scales in a ramp, as a rate shows a step, and back; the same again 60 points later.
    for seed in 0..20 {
        let mut noise = Noise::new(seed);
        let ramp = |i: usize, from: usize| match i.saturating_sub(from) {
            0 if i < from => 0.0,
            k @ 0..6 => 50.0 * (k + 1) as f64 / 6.0,
            6..18 => 50.0,
            k @ 18..24 => 50.0 * (23 - k) as f64 / 6.0,
            _ => 0.0,
        };
        let values: Vec<f64> = (0..500)
            .map(|i| 100.0 + ramp(i, 300) + ramp(i, 384) + noise.normal())
            .collect();
        let found = alarms(&mut stream(), &values);
        assert!(found[300..306].contains(&true), "seed {seed}: the first");
        assert!(found[384..390].contains(&true), "seed {seed}: the second");
    }
}

#[test]
fn a_spike_does_not_poison_the_scale() {
    let mut noise = Noise::new(3);
    let mut detector = stream();
    for _ in 0..1_000 {
        detector.learn(&[50.0 + noise.normal()]).unwrap();
    }
    let width = |d: &EwmaStream| d.expectation().map(|b| b.upper - b.lower).unwrap();
    let before = width(&detector);
    let center = detector.expectation().unwrap().expected;
    detector.learn(&[1e9]).unwrap();
    assert!(
        width(&detector) < 1.15 * before,
        "{} after {before}",
        width(&detector)
    );
    assert!((detector.expectation().unwrap().expected - center).abs() < 0.5);
}

#[test]
fn an_outlier_among_the_first_points_does_not_blind() {
    let mut missed = 0;
    let mut false_alarms = 0;
    for seed in 0..20 {
        for outlier in [50.0, 1e3, 1e6, 1e9, -1e9] {
            for at in [0, 3, 7, 20, 29] {
                let mut noise = Noise::new(seed);
                let mut values: Vec<f64> = (0..60).map(|_| 10.0 + noise.normal()).collect();
                values[at] = outlier;
                let mut detector = stream();
                false_alarms += count(&alarms(&mut detector, &values));
                let score = detector.score(&[22.0]).unwrap().ready().unwrap();
                missed += usize::from(score <= 4.0);
            }
        }
    }
    assert_eq!(missed, 0);
    assert!(false_alarms <= 5, "{false_alarms} of 15,000");
}

#[test]
fn a_fault_at_the_start_is_left_behind() {
    for seed in 0..20 {
        let mut noise = Noise::new(seed);
        let fault = |i: usize| if i < 8 { 1e4 } else { 0.0 };
        let values: Vec<f64> = (0..60).map(|i| fault(i) + noise.normal()).collect();
        let mut detector = stream();
        let found = count(&alarms(&mut detector, &values));
        assert!(found <= 1, "seed {seed}: {found}");
        let score = detector.score(&[12.0]).unwrap().ready().unwrap();
        assert!(score > 4.0, "seed {seed}: {score}");
    }
}

#[test]
fn constant_metrics_settle() {
    let mut detector = stream();
    assert_eq!(count(&alarms(&mut detector, &[0.3; 100])), 0);
    // A change by rounding is no anomaly, a true one is, for `patience` points.
    let x = 0.1 + 0.2;
    assert!(x != 0.3);
    assert_eq!(count(&alarms(&mut detector, &[x; 50])), 0);
    assert_eq!(count(&alarms(&mut detector, &[7.0; 50])), 5);
    // One that toggles becomes its own normal.
    let toggling: Vec<f64> = (0..200).map(|i| f64::from(i % 2)).collect();
    let alarms = alarms(&mut detector, &toggling);
    assert!(count(&alarms[60..]) == 0, "{}", count(&alarms));
}

#[test]
fn louder_noise_becomes_normal() {
    let mut noise = Noise::new(5);
    let mut detector = stream();
    alarms(&mut detector, &drawn(|| noise.normal())[..1_000]);
    let loud: Vec<f64> = (0..1_000).map(|_| 20.0 * noise.normal()).collect();
    let alarms = alarms(&mut detector, &loud);
    assert!(count(&alarms[40..]) <= 5, "{}", count(&alarms));
}

#[test]
fn frequent_spikes_become_normal_and_rare_ones_do_not() {
    let run = |every: usize| {
        let mut noise = Noise::new(9);
        let values: Vec<f64> = (0..6_000)
            .map(|i| noise.normal() + if i % every == 0 { 15.0 } else { 0.0 })
            .collect();
        let alarms = alarms(&mut stream(), &values);
        (count(&alarms[3_000..]), 3_000 / every)
    };
    let (frequent, _) = run(10);
    let (rare, spikes) = run(150);
    assert!(frequent <= 15, "{frequent}");
    assert!(rare >= spikes * 9 / 10, "{rare} of {spikes}");
}
