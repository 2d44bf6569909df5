//! What Holt-Winters promises on metrics with a season.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{StreamDetector, Timestamp};
use bongsu_stream::{HoltWinters, HoltWintersStream};
use common::Lcg;

fn score(detector: &dyn StreamDetector, x: f64) -> f64 {
    detector.score(&[x]).unwrap().ready().unwrap()
}

/// Which points are beyond the threshold.
fn alarms(detector: &mut dyn StreamDetector, values: &[f64]) -> Vec<bool> {
    let threshold = detector.threshold().unwrap();
    let judge = |&x: &f64| {
        let score = detector.score_then_learn(&[x]).unwrap().ready();
        score.is_some_and(|score| score > threshold)
    };
    values.iter().map(judge).collect()
}

fn count(alarms: &[bool]) -> usize {
    alarms.iter().filter(|alarm| **alarm).count()
}

fn noise(seed: u64, n: usize) -> Vec<f64> {
    let mut rng = Lcg::new(seed);
    (0..n).map(|_| 50.0 + rng.normal()).collect()
}

/// A season of 48 points that jumps, as a job that runs at its time makes it.
fn seasonal(seed: u64, n: usize) -> Vec<f64> {
    let jumps = |i: usize| match i % 48 {
        0..3 => 40.0,
        20..30 => 15.0,
        40 => -30.0,
        _ => 0.0,
    };
    let noise = noise(seed, n);
    noise
        .iter()
        .enumerate()
        .map(|(i, x)| x + jumps(i))
        .collect()
}

fn given() -> HoltWintersStream {
    HoltWinters::new().period(48).unwrap().build().unwrap()
}

#[test]
fn a_season_is_no_anomaly_and_what_breaks_it_is() {
    for seed in 0..10 {
        let mut values = seasonal(seed, 4_000);
        let mut detector = given();
        let found = count(&alarms(&mut detector, &values));
        assert!(found <= 16, "{seed}: {found} of 4,000");
        // What is usual three points earlier.
        assert!(score(&detector, values[48 * 83 + 1]) > 4.0, "{seed}");
        values[3_000 - 3_000 % 48] -= 40.0;
        let found = alarms(&mut given(), &values);
        assert!(found[3_000 - 3_000 % 48], "{seed}: a job that did not run");
        let mut detector = HoltWinters::new().build().unwrap();
        let found = count(&alarms(&mut detector, &values)[300..]);
        assert_eq!(detector.period(), Some(48), "{seed}");
        assert!(
            found <= 20,
            "{seed}: {found} of 3,700 with a season that was found"
        );
        assert_eq!(detector.heap_bytes(), 48 * 8);
    }
}

#[test]
fn a_new_level_does_not_cost_the_season() {
    for seed in 0..10 {
        let mut values = seasonal(seed, 1_500);
        for x in &mut values[1_000..] {
            *x += 100.0;
        }
        let found = alarms(&mut given(), &values);
        assert!(found[1_000..1_005].iter().all(|alarm| *alarm), "{seed}");
        assert!(
            count(&found[1_005..]) <= 5,
            "{seed}: {}",
            count(&found[1_005..])
        );
    }
}

#[test]
fn a_season_that_changes_is_learned() {
    for seed in 0..5 {
        let size = |i: usize| 10.0 + (i / 48) as f64;
        let mut values = noise(seed, 48 * 60);
        for (i, x) in values.iter_mut().enumerate() {
            // Every second point, so that the level cannot follow.
            *x += if i % 2 == 0 { size(i) } else { 0.0 };
        }
        let mut detector = given();
        let found = count(&alarms(&mut detector, &values));
        assert!(found <= 15, "{seed}: {found}");
        let expected = detector.expectation().unwrap().expected;
        assert!(
            (expected - 50.0 - size(values.len())).abs() < 8.0,
            "{seed}: {expected}"
        );
        let width = detector.expectation().map(|band| band.upper - band.lower);
        assert!(width.unwrap() < 40.0, "{seed}: {width:?}");
    }
}

#[test]
fn an_outlier_in_the_first_seasons_is_left_behind() {
    for at in [0, 5, 40, 60, 95] {
        let mut values = seasonal(3, 600);
        values[at] = 1e6;
        let found = count(&alarms(&mut given(), &values));
        assert!(found <= 8, "{at}: {found}");
    }
}

#[test]
fn a_hole_does_not_shift_the_season() {
    for (from, to) in [(20, 37), (300, 310), (1_000, 1_117), (1_500, 2_503)] {
        let values = seasonal(5, 3_500);
        let (mut with_time, mut without) = (given(), given());
        let (mut found, mut blind) = (0, 0);
        for (i, &x) in values.iter().enumerate() {
            if (from..to).contains(&i) {
                continue;
            }
            with_time.set_time(Timestamp::from_secs(60 * i as i64));
            let alarm = |detector: &mut HoltWintersStream| {
                let score = detector.score_then_learn(&[x]).unwrap().ready();
                usize::from(score > Some(4.0))
            };
            found += alarm(&mut with_time);
            blind += alarm(&mut without);
        }
        assert!(found <= 16, "{from}: {found}");
        assert!(from < 96 || blind > found, "{from}: {blind}");
    }
}
