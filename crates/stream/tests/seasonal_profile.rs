//! What the streaming profile of the calendar promises.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{ScalePrior, Score, Snapshot as _, StreamDetector, Timestamp, snapshot};
use bongsu_stats::Ewma;
use bongsu_stats::calendar::{Bins, Clock};
use bongsu_stream::{SeasonalProfile, SeasonalProfileStream};
use common::Lcg;
use proptest::prelude::*;

/// Monday 5 January 2026, 00:00 in UTC.
const MONDAY: i64 = 1_767_571_200;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn hourly() -> SeasonalProfile {
    SeasonalProfile::new().bins(Bins::HourOfDay).unwrap()
}

fn feed(stream: &mut SeasonalProfileStream, at: i64, x: f64) -> f64 {
    stream.set_time(Timestamp::from_secs(at));
    let score = stream.score_then_learn(&[x]).unwrap();
    score.ready().unwrap_or(0.0)
}

/// Busy from 9 to 17 on working days, with noise of 1.
fn office(local: i64, noise: &mut Lcg) -> f64 {
    let (day, hour) = (local.div_euclid(DAY) + 3, local.rem_euclid(DAY) / HOUR);
    let busy = day.rem_euclid(7) < 5 && (9..17).contains(&hour);
    let level = if busy { 100.0 } else { 20.0 };
    level + noise.normal()
}

/// A stream that has learned so many days of points every ten minutes, and the noise.
fn taught(config: &SeasonalProfile, days: i64) -> (SeasonalProfileStream, Lcg) {
    let (mut stream, mut noise) = (config.build().unwrap(), Lcg::new(3));
    for i in 0..days * 144 {
        feed(
            &mut stream,
            MONDAY + 600 * i,
            office(MONDAY + 600 * i, &mut noise),
        );
    }
    (stream, noise)
}

#[test]
fn a_value_is_judged_by_the_hour_of_the_week() {
    let (mut stream, mut noise) = taught(&SeasonalProfile::new(), 42);
    let (mut alarms, mut found) = (0, 0);
    for i in 0..7 * 144 {
        let at = MONDAY + 42 * DAY + 600 * i;
        let usual = office(at, &mut noise);
        stream.set_time(Timestamp::from_secs(at));
        let band = stream.expectation().unwrap();
        assert!(band.lower < band.expected && band.expected < band.upper);
        assert!((band.expected - usual).abs() < 15.0, "{band:?} at {at}");
        // What is usual at the other time of the day is not now, on a Sunday neither.
        let unusual = if usual > 60.0 { 20.0 } else { 100.0 };
        let score = stream.score(&[unusual]).unwrap().ready().unwrap();
        found += u32::from(score > 4.0);
        alarms += u32::from(feed(&mut stream, at, usual) > 4.0);
    }
    assert!(alarms <= 1, "{alarms} false alarms in a week");
    assert!(
        found >= 990,
        "{found} of 1008 points out of their time are found"
    );
    let centers: Vec<Option<f64>> = stream.centers().collect();
    assert!((centers[10].unwrap() - 100.0).abs() < 5.0);
    assert!((centers[5 * 24 + 10].unwrap() - 20.0).abs() < 5.0);
}

#[test]
fn bounds_are_where_the_score_is_the_threshold() {
    for days in [1, 3, 20] {
        let (mut stream, _) = taught(&SeasonalProfile::new(), days);
        for hour in [0, 8, 9, 30, 140] {
            stream.set_time(Timestamp::from_secs(MONDAY + days * DAY + hour * HOUR));
            let band = stream.expectation().unwrap();
            for bound in [band.lower, band.upper] {
                let score = stream.score(&[bound]).unwrap().ready().unwrap();
                assert!((score - 4.0).abs() < 1e-9, "{score}");
            }
            assert_eq!(stream.score(&[band.expected]).unwrap(), Score::Ready(0.0));
        }
    }
}

#[test]
fn scores_come_after_the_warmup_and_the_day_counts_after_a_day() {
    let mut stream = SeasonalProfile::new().warmup(12).unwrap().build().unwrap();
    let mut noise = Lcg::new(5);
    for i in 0..40 {
        let at = MONDAY + 600 * i;
        stream.set_time(Timestamp::from_secs(at));
        let score = stream.score_then_learn(&[office(at, &mut noise)]).unwrap();
        if let Ok(left @ 1..) = u64::try_from(12 - i) {
            assert_eq!(score, Score::Warmup { remaining: left });
        } else {
            assert!(score.ready().is_some());
        }
    }
    // On Tuesday at nine, the rise of Monday is drawn upon.
    let (mut stream, _) = taught(&SeasonalProfile::new(), 1);
    let mut noise = Lcg::new(6);
    for i in 144..144 + 56 {
        feed(
            &mut stream,
            MONDAY + 600 * i,
            office(MONDAY + 600 * i, &mut noise),
        );
    }
    let band = stream.expectation().unwrap();
    assert!(band.upper > 60.0, "{band:?}");
}

/// The pattern follows the clocks of Berlin over both changes of 2026; hours in UTC would be off.
#[test]
fn a_pattern_of_local_clocks_stays_in_its_bins() {
    let clock = Clock::new("Europe/Berlin").unwrap();
    for change in [1_774_746_000, 1_792_890_000] {
        let berlin = SeasonalProfile::new().timezone("Europe/Berlin").unwrap();
        let mut streams = [
            berlin.build().unwrap(),
            SeasonalProfile::new().build().unwrap(),
        ];
        let mut noise = Lcg::new(9);
        let mut alarms = [0, 0];
        for i in -28 * 144..7 * 144 {
            let at = change + 600 * i;
            let local = clock.local_seconds(Timestamp::from_secs(at)).unwrap();
            let x = office(local, &mut noise);
            for (stream, alarms) in streams.iter_mut().zip(&mut alarms) {
                let score = feed(stream, at, x);
                *alarms += u32::from(i >= 0 && score > 4.0);
            }
        }
        assert!(alarms[0] <= 1 && alarms[1] >= 4, "{alarms:?}");
    }
}

#[test]
fn a_step_of_the_level_settles() {
    for config in [
        hourly(),
        SeasonalProfile::new(),
        hourly().patience(8).unwrap(),
    ] {
        for (days, step) in [(1, 300.0), (3, -200.0), (21, 60.0), (21, 1e6)] {
            let patience = if config == hourly().patience(8).unwrap() {
                8
            } else {
                5
            };
            let (mut stream, mut noise) = taught(&config, days);
            let from = MONDAY + days * DAY;
            let mut pattern = |i: i64| {
                let at = from + 600 * i;
                let usual = if config == SeasonalProfile::new() {
                    office(at, &mut noise)
                } else {
                    office(at, &mut noise).min(20.0)
                };
                (at, usual)
            };
            let mut alarms = Vec::new();
            for i in 0..40 {
                let (at, usual) = pattern(i);
                if feed(&mut stream, at, usual + step) > 4.0 {
                    alarms.push(i);
                }
            }
            assert!(alarms.contains(&0) && alarms.contains(&1), "{alarms:?}");
            assert!(
                *alarms.last().unwrap() <= patience,
                "{days} {step}: {alarms:?}"
            );
        }
    }
}

#[test]
fn an_outlier_does_not_poison_its_bin() {
    let (mut clean, _) = taught(&SeasonalProfile::new(), 21);
    let mut struck = clean.clone();
    let mut noise = Lcg::new(8);
    for i in 0..7 * 144 {
        let at = MONDAY + 21 * DAY + 600 * i;
        let x = office(at, &mut noise);
        feed(&mut clean, at, x);
        let hit = (300..304).contains(&i);
        feed(&mut struck, at, if hit { x + 1e5 } else { x });
    }
    let next = Timestamp::from_secs(MONDAY + 28 * DAY + 600 * 300);
    clean.set_time(next);
    struck.set_time(next);
    let (clean, struck) = (clean.expectation().unwrap(), struck.expectation().unwrap());
    let half = 0.5 * (clean.upper - clean.lower);
    assert!((clean.expected - struck.expected).abs() < 0.5 * half);
    assert!(
        struck.upper - struck.lower < 6.0 * half,
        "{clean:?} {struck:?}"
    );
}

#[test]
fn a_constant_scores_nothing_and_its_change_ends() {
    for level in [0.0, 7.25, 1e12, -1e-12] {
        let mut stream = SeasonalProfile::new().build().unwrap();
        for i in 0..3_000 {
            assert_eq!(feed(&mut stream, MONDAY + 600 * i, level), 0.0);
        }
        let mut alarms = 0;
        for i in 3_000..6_000 {
            alarms += u32::from(feed(&mut stream, MONDAY + 600 * i, level + 1.0) > 4.0);
        }
        assert!(alarms <= 10, "{level}: {alarms}");
    }
}

#[test]
fn what_comes_back_every_day_is_learned() {
    let mut stream = hourly().build().unwrap();
    let mut noise = Lcg::new(2);
    let mut alarms = [0_u32; 40];
    for i in 0..40 * 144 {
        let spike = i % 144 / 6 == 3;
        let x = 20.0 + noise.normal() + if spike { 60.0 } else { 0.0 };
        alarms[i as usize / 144] += u32::from(feed(&mut stream, MONDAY + 600 * i, x) > 4.0);
    }
    let late: u32 = alarms[5..].iter().sum();
    assert!(late <= 5, "{alarms:?}");
}

/// Equal but for rounding.
#[track_caller]
fn assert_alike(ours: Score, theirs: Score) {
    match (ours, theirs) {
        (Score::Ready(a), Score::Ready(b)) => assert!((a - b).abs() <= 1e-9 * b, "{a} {b}"),
        (a, b) => assert_eq!(a, b),
    }
}

#[test]
fn without_times_it_is_the_ewma() {
    let mut stream = SeasonalProfile::new().build().unwrap();
    let mut ewma = Ewma::new().build().unwrap();
    let mut noise = Lcg::new(1);
    for i in 0..500 {
        let x = noise.normal() + if i > 300 { 50.0 } else { 0.0 };
        let score = stream.score_then_learn(&[x]).unwrap();
        // Nor with times that no calendar has.
        stream.set_time(Timestamp::from_millis(i64::MAX));
        assert_alike(score, ewma.score_then_learn(&[x]).unwrap());
        assert_eq!(stream.seen(), ewma.seen());
    }
    let (ours, theirs) = (stream.expectation().unwrap(), ewma.expectation().unwrap());
    assert_eq!(ours.expected, theirs.expected);
    assert!((ours.upper - theirs.upper).abs() < 1e-9);
}

#[test]
fn planted_outliers_score_above_nearly_all_normal_points() {
    for config in [SeasonalProfile::new(), hourly()] {
        let mut stream = config.build().unwrap();
        let mut noise = Lcg::new(3);
        let (mut scores, mut planted) = (Vec::new(), Vec::new());
        for i in 0..56 * 144 {
            let at = MONDAY + 600 * i;
            // A day does not tell of weekends: every day is a Monday then.
            let like = if config == hourly() {
                MONDAY + 600 * (i % 144)
            } else {
                at
            };
            let x = office(like, &mut noise);
            if i >= 42 * 144 && i % 200 == 150 {
                stream.set_time(Timestamp::from_secs(at));
                planted.push(stream.score(&[x + 150.0]).unwrap().ready().unwrap());
            }
            let score = feed(&mut stream, at, x);
            if i >= 42 * 144 {
                scores.push(score);
            }
        }
        scores.sort_by(f64::total_cmp);
        let high = scores[scores.len() * 99 / 100];
        assert!(
            planted.iter().all(|&score| score > high.max(4.0)),
            "{planted:?} {high}"
        );
    }
}

#[test]
fn a_saved_stream_goes_on_bit_for_bit() {
    let config = SeasonalProfile::new().timezone("Europe/Berlin").unwrap();
    let mut noise = Lcg::new(4);
    let points: Vec<(i64, f64)> = (0..900)
        .map(|i| {
            let at = MONDAY + 1_800 * i;
            let jump = if i % 97 == 0 { 500.0 } else { 0.0 };
            (at, office(at, &mut noise) + jump)
        })
        .collect();
    let mut whole = config.build().unwrap();
    let scores: Vec<f64> = points
        .iter()
        .map(|&(at, x)| feed(&mut whole, at, x))
        .collect();
    for _ in 0..50 {
        let k = (900.0 * noise.uniform()) as usize;
        let mut stream = config.build().unwrap();
        for &(at, x) in &points[..k] {
            feed(&mut stream, at, x);
        }
        let bytes = snapshot::to_bytes(&stream).unwrap();
        assert!(bytes.len() < 3_500, "{}", bytes.len());
        let mut loaded: SeasonalProfileStream = snapshot::from_bytes(&bytes).unwrap();
        assert_eq!(loaded, stream);
        for (&(at, x), &score) in points[k..].iter().zip(&scores[k..]) {
            assert_eq!(feed(&mut loaded, at, x).to_bits(), score.to_bits());
        }
        assert_eq!(
            snapshot::to_bytes(&loaded).unwrap(),
            snapshot::to_bytes(&whole).unwrap()
        );
    }
}

#[test]
fn the_stated_size_is_true() {
    for (bins, stated) in [
        (Bins::HourOfWeek, 3_000),
        (Bins::HourOfDay, 1_000),
        (Bins::DayOfWeek, 850),
        (Bins::MinuteOfDay(5), 4_500),
    ] {
        let (stream, _) = taught(&SeasonalProfile::new().bins(bins).unwrap(), 8);
        let size = size_of_val(&stream) + stream.heap_bytes();
        assert!(size <= stated, "{bins:?}: {size}");
    }
}

#[test]
fn what_it_cannot_take_changes_nothing() {
    let (mut stream, _) = taught(&SeasonalProfile::new(), 2);
    let bytes = snapshot::to_bytes(&stream).unwrap();
    for point in [
        &[f64::NAN][..],
        &[f64::INFINITY],
        &[f64::NEG_INFINITY],
        &[],
        &[1.0, 2.0],
    ] {
        assert!(stream.score(point).is_err());
        assert!(stream.learn(point).is_err());
        assert!(stream.score_then_learn(point).is_err());
    }
    assert_eq!(bytes, snapshot::to_bytes(&stream).unwrap());
    stream.reset();
    assert_eq!(stream, SeasonalProfile::new().build().unwrap());
}

#[test]
fn a_prior_is_handed_to_what_judges_first() {
    let prior = ScalePrior::new(0.1, 1.0, 0.0).unwrap();
    let mut ewma = Ewma::new().build().unwrap();
    let used = ewma.start_from(&prior);
    let mut stream = SeasonalProfile::new().build().unwrap();
    assert_eq!(stream.start_from(&prior), used);
    for x in [100.0, 101.0, 99.0, 100.0, 102.0, 100.0, 100.0, 130.0] {
        let expected = ewma.score_then_learn(&[x]).unwrap();
        assert_alike(stream.score_then_learn(&[x]).unwrap(), expected);
    }
    assert!(!stream.start_from(&prior));
}

#[test]
fn parameters_outside_their_domain_are_named() {
    let new = SeasonalProfile::new;
    let named = |error: bongsu_core::Error, name: &str| {
        assert!(error.to_string().contains(name), "{error}");
    };
    named(new().bins(Bins::MinuteOfDay(7)).unwrap_err(), "bins");
    named(new().timezone("Mars/Olympus").unwrap_err(), "timezone");
    named(new().threshold(0.0).unwrap_err(), "threshold");
    named(new().patience(1).unwrap_err(), "patience");
    named(new().half_life(0.5).unwrap_err(), "half_life");
    named(new().memory(1).unwrap_err(), "memory");
    named(new().warmup(0).unwrap_err(), "warmup");
    named(new().min_scale(-1.0).unwrap_err(), "min_scale");
    let broken = r#"{"half_life": -1.0}"#;
    let broken: SeasonalProfile = serde_json::from_str(broken).unwrap();
    assert!(broken.validate().is_err() && broken.build().is_err());
}

/// Also checks the times that stand still and go back.
fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => (0..200_i64).prop_map(|i| MONDAY + 1_800 * i),
        1 => any::<i64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_values_and_no_times_break_it(
        points in prop::collection::vec((any_time(), prop_oneof![
            3 => -10.0..10.0,
            1 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
            1 => prop_oneof![Just(f64::MAX), Just(-f64::MAX), Just(1e-308), Just(0.0)],
        ]), 1..300),
        bins in prop_oneof![Just(Bins::HourOfWeek), Just(Bins::DayOfWeek), Just(Bins::MinuteOfDay(30))],
    ) {
        let config = SeasonalProfile::new().bins(bins).unwrap().warmup(5).unwrap();
        let mut stream = config.build().unwrap();
        for &(at, x) in &points {
            stream.set_time(Timestamp::from_millis(at.saturating_mul(1_000)));
            let score = stream.score(&[x]).unwrap();
            prop_assert_eq!(stream.score_then_learn(&[x]).unwrap(), score);
            if let Some(score) = score.ready() {
                prop_assert!(score >= 0.0, "{}", score);
            }
            stream.validate().unwrap();
        }
        prop_assert_eq!(stream.seen(), points.len() as u64);
    }

    #[test]
    fn scores_do_not_depend_on_the_unit(power in -60_i32..60, seed in 0_u64..1_000) {
        let factor = 2.0_f64.powi(power);
        let (mut one, mut other) = (hourly().build().unwrap(), hourly().build().unwrap());
        let mut noise = Lcg::new(seed);
        for i in 0..600 {
            let at = MONDAY + 1_800 * i;
            let x = office(at, &mut noise) + if i == 500 { 1e4 } else { 0.0 };
            let (a, b) = (feed(&mut one, at, x), feed(&mut other, at, x * factor));
            prop_assert!((a - b).abs() <= 1e-9 * (1.0 + a), "{} {} at {}", a, b, i);
        }
    }
}
