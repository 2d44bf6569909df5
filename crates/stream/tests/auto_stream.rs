//! What the automatic detector of one metric promises.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{Snapshot as _, StreamDetector as _, Timestamp, snapshot};
use bongsu_stream::{AutoStream, AutoStreamState};
use common::Lcg;
use proptest::prelude::*;

const THRESHOLD: f64 = 3.0;

fn stream() -> AutoStreamState {
    AutoStream::new().build().unwrap()
}

fn feed(stream: &mut AutoStreamState, x: f64) -> f64 {
    stream
        .score_then_learn(&[x])
        .unwrap()
        .ready()
        .unwrap_or(0.0)
}

fn scores(values: &[f64]) -> Vec<f64> {
    let mut stream = stream();
    values.iter().map(|&x| feed(&mut stream, x)).collect()
}

fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut noise = Lcg::new(seed);
    (0..n).map(|_| noise.normal()).collect()
}

fn alarms(scores: &[f64]) -> usize {
    scores.iter().filter(|&&score| score > THRESHOLD).count()
}

/// Alarms that begin: one for each stretch.
fn begins(scores: &[f64]) -> usize {
    let alarm = |score: &f64| *score > THRESHOLD;
    let pairs = scores.iter().zip(scores.iter().skip(1));
    pairs.filter(|(a, b)| !alarm(a) && alarm(b)).count()
}

#[test]
fn noise_alarms_rarely_and_what_differs_is_found() {
    let mut spike = noise(6_000, 1);
    spike[4_000] += 9.0;
    let mut level = noise(6_000, 2);
    for x in &mut level[4_000..] {
        *x += 4.0;
    }
    let mut burst = noise(6_000, 3);
    for x in &mut burst[4_000..4_100] {
        *x *= 4.0;
    }
    for (name, values, until) in [
        ("spike", spike, 1),
        ("level", level, 60),
        ("burst", burst, 100),
    ] {
        let scores = scores(&values);
        let quiet = &scores[1_000..4_000];
        assert!(begins(quiet) <= 6, "{name}: {}", begins(quiet));
        assert!(alarms(quiet) <= 30, "{name}: {}", alarms(quiet));
        assert!(alarms(&scores[4_000..4_000 + until]) > 0, "{name}");
    }
}

#[test]
fn a_shift_of_the_level_settles() {
    let mut values = noise(8_000, 5);
    for x in &mut values[4_000..] {
        *x += 10.0;
    }
    let scores = scores(&values);
    assert!(scores[4_000] > THRESHOLD);
    assert!(alarms(&scores[4_000..4_100]) <= 60);
    assert!(alarms(&scores[4_100..8_000]) <= 12);
}

#[test]
fn an_event_stays_anomalous_while_it_lasts_and_its_begin_stands_out() {
    let mut values = noise(4_040, 9);
    for x in &mut values[4_000..4_020] {
        *x += 10.0;
    }
    let scores = scores(&values);
    let held = 1.01 * THRESHOLD;
    assert!(scores[4_000] > held);
    assert!(
        alarms(&scores[4_000..4_020]) >= 15,
        "{:?}",
        &scores[4_000..]
    );
    assert!(alarms(&scores[4_022..]) <= 4, "{:?}", &scores[4_020..]);
    let mut without = AutoStream::new().hold(0).unwrap().build().unwrap();
    let news: Vec<f64> = values.iter().map(|&x| feed(&mut without, x)).collect();
    for (all, news) in scores.iter().zip(&news) {
        assert!(*all == *news || (*all == held && *news < held));
    }
}

#[test]
fn a_spike_does_not_hide_the_next() {
    let mut values = noise(6_000, 6);
    values[4_000] = 30.0;
    values[4_600] = 30.0;
    values[5_500] = -60.0;
    let scores = scores(&values);
    for i in [4_000, 4_600, 5_500] {
        assert!(scores[i] > THRESHOLD, "{i}: {}", scores[i]);
    }
}

#[test]
fn a_constant_is_never_alarming_and_its_change_is() {
    let mut stream = stream();
    for _ in 0..3_000 {
        assert!(feed(&mut stream, 0.1) < 1.0);
    }
    assert!(feed(&mut stream, 0.11) > THRESHOLD);
}

#[test]
fn a_daily_rhythm_is_usual_once_known() {
    let mut noise = Lcg::new(7);
    let (mut stream, mut late, mut night) = (stream(), 0, 0.0);
    for i in 0..288 * 15_i64 {
        let hour = i / 12 % 24;
        let busy = if (9..17).contains(&hour) { 50.0 } else { 0.0 };
        stream.set_time(Timestamp::from_secs(300 * i));
        // Busy at three in the night of the last day.
        let odd = i == 288 * 14 + 36;
        let x = if odd { 50.0 } else { busy } + noise.normal();
        let score = feed(&mut stream, x);
        if odd {
            night = score;
        } else if i >= 288 * 5 {
            late += usize::from(score > THRESHOLD);
        }
    }
    assert!(night > THRESHOLD, "{night}");
    assert!(late <= 9, "{late}");
}

#[test]
fn bounds_are_those_of_the_score() {
    let mut stream = stream();
    for x in noise(3_000, 8) {
        feed(&mut stream, x);
    }
    let band = stream.expectation().unwrap();
    assert!(band.lower < band.expected && band.expected < band.upper);
    let score = |x: f64| stream.score(&[x]).unwrap().ready().unwrap();
    for bound in [band.lower, band.upper] {
        let outside = band.expected + 1.01 * (bound - band.expected);
        let inside = band.expected + 0.85 * (bound - band.expected);
        assert!(score(outside) > THRESHOLD);
        assert!(score(inside) <= THRESHOLD);
    }
}

#[test]
fn the_stated_memory_is_true() {
    let mut stream = stream();
    for i in 0..2_000_i64 {
        stream.set_time(Timestamp::from_secs(300 * i));
        stream.learn(&[(i % 17) as f64]).unwrap();
    }
    assert!(
        size_of::<AutoStreamState>() <= 1_700,
        "{}",
        size_of::<AutoStreamState>()
    );
    assert!(stream.heap_bytes() <= 1_200, "{}", stream.heap_bytes());
    assert!(snapshot::to_bytes(&stream).unwrap().len() < 3_000);
}

#[test]
fn awkward_values_are_refused_or_judged() {
    let mut stream = stream();
    for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(stream.learn(&[x]).is_err());
    }
    assert!(stream.learn(&[1.0, 2.0]).is_err());
    assert_eq!(stream.seen(), 0);
    let awkward = [
        0.0,
        1e308,
        -1e308,
        1e-308,
        -1e-308,
        f64::MIN_POSITIVE,
        1.0,
        1e12,
    ];
    for i in 0..5_000 {
        let score = feed(&mut stream, awkward[i * i % awkward.len()]);
        assert!(score.is_finite() && score >= 0.0);
        if i % 97 == 0 {
            stream.validate().unwrap();
            if let Some(band) = stream.expectation() {
                assert!(band.lower <= band.upper);
            }
        }
    }
    stream.reset();
    assert_eq!(stream, AutoStream::new().build().unwrap());
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    assert!(AutoStream::new().threshold(0.0).is_err());
    assert!(AutoStream::new().memory(0.5).is_err());
    assert!(AutoStream::new().rest(f64::NAN).is_err());
    assert!(AutoStream::new().hold(10_001).is_err());
    assert!(AutoStream::new().warmup(1).is_err());
    assert!(AutoStream::new().timezone("Nowhere").is_err());
}

const STABLE: [f64; 3] = [0.347566, 0.138195, 1.793445];

/// Scores of a fixed series: they change only with a new version of the method.
#[test]
fn the_values_are_stable() {
    let scores = scores(
        &(0..400)
            .map(|i: u32| f64::from(i * i % 23))
            .collect::<Vec<_>>(),
    );
    let found: Vec<f64> = [30, 150, 399]
        .map(|i| (1e6 * scores[i]).round() / 1e6)
        .to_vec();
    assert_eq!(found, STABLE);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// In any unit, and from any zero, the scores are the same.
    #[test]
    fn units_do_not_matter(seed in 0_u64..1_000, scale in -8_i32..8, offset in -50.0..50.0_f64) {
        let mut values = noise(700, seed);
        values[500] += 8.0;
        let factor = 10_f64.powi(scale);
        let other: Vec<f64> = values.iter().map(|x| factor * (x + offset)).collect();
        let (one, other) = (scores(&values), scores(&other));
        let apart = one.iter().zip(&other).filter(|(a, b)| (*a - *b).abs() > 1e-6).count();
        // A value may lie on the edge of two bins.
        prop_assert!(apart <= 7, "{apart}");
    }

    /// What comes later changes nothing before it, and a state that was saved goes on as if not.
    #[test]
    fn the_past_does_not_know_the_future(seed in 0_u64..1_000, cut in 1_usize..600) {
        let values = noise(600, seed);
        let whole = scores(&values);
        let mut stream = stream();
        let mut parts: Vec<f64> = values[..cut].iter().map(|&x| feed(&mut stream, x)).collect();
        prop_assert_eq!(&parts[..], &whole[..cut]);
        let saved = snapshot::to_bytes(&stream).unwrap();
        let mut stream: AutoStreamState = snapshot::from_bytes(&saved).unwrap();
        parts.extend(values[cut..].iter().map(|&x| feed(&mut stream, x)));
        prop_assert_eq!(parts, whole);
    }

    /// Judging a point is the same whether it is learned then or not.
    #[test]
    fn scoring_changes_nothing(seed in 0_u64..1_000) {
        let mut stream = stream();
        for x in noise(200, seed) {
            let before = stream.score(&[x]).unwrap();
            prop_assert_eq!(stream.score_then_learn(&[x]).unwrap(), before);
        }
    }
}
