//! The tabular CUSUM: agreement with its definition, and what it does after a shift.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{Direction, Score, StreamDetector, snapshot};
use bongsu_stats::cusum::{AfterAlarm, cusum};
use bongsu_stats::{Cusum, CusumStream};
use proptest::prelude::*;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}

fn noise(n: usize) -> Vec<f64> {
    let mut state = 5_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..n)
        .map(|_| (0..12).map(|_| uniform()).sum::<f64>() - 6.0)
        .collect()
}

#[test]
fn sums_equal_the_definition() {
    let golden: Value = serde_json::from_str(include_str!("golden/hypothesis_cusum.json")).unwrap();
    for (name, case) in golden.as_object().unwrap() {
        let x = numbers(&case["x"]);
        let (target, scale) = (
            case["target"].as_f64().unwrap(),
            case["scale"].as_f64().unwrap(),
        );
        let [up, down] = cusum(&x, target, scale, 0.5).unwrap();
        let config = Cusum::new().target(target).unwrap().scale(scale).unwrap();
        let config = config.after_alarm(AfterAlarm::Continue);
        let both = config.score(&x).unwrap();
        let above = config.clone().direction(Direction::Up).score(&x).unwrap();
        let (expected_up, expected_down) = (numbers(&case["up"]), numbers(&case["down"]));
        for (i, (&u, &d)) in expected_up.iter().zip(&expected_down).enumerate() {
            assert!(close(up[i], u) && close(down[i], d), "{name}[{i}]");
            assert!(
                close(both[i], u.max(d)) && close(above[i], u),
                "{name}[{i}]"
            );
        }
    }
}

#[test]
fn a_lasting_shift_is_found_once_and_then_settled_on() {
    let quiet = noise(300);
    let shifted = |shift: f64| -> Vec<f64> {
        let moved = quiet.iter().enumerate();
        moved
            .map(|(i, x)| 1e9 + 1e-3 * (x + if i < 150 { 0.0 } else { shift }))
            .collect()
    };
    for shift in [-6.0, -1.5, 1.5, 3.0, 40.0] {
        let x = shifted(shift);
        let alarms = |after: AfterAlarm| -> Vec<usize> {
            let scores = Cusum::new().after_alarm(after).score(&x).unwrap();
            assert!(scores[..100].iter().all(|s| s.is_nan()));
            (100..300).filter(|&i| scores[i] > 5.0).collect()
        };
        let settled = alarms(AfterAlarm::Settle);
        // A point before a large shift may count as its first, and the target then moves twice.
        let most = if shift > 10.0 { 2 } else { 1 };
        assert!((1..=most).contains(&settled.len()), "{shift}: {settled:?}");
        assert!((150..175).contains(&settled[0]), "{shift}: {settled:?}");
        let reset = alarms(AfterAlarm::Reset);
        assert!(
            reset.len() > 10 && reset[0] == settled[0],
            "{shift}: {reset:?}"
        );
        let continued = alarms(AfterAlarm::Continue);
        assert_eq!(continued.len(), 300 - settled[0]);
    }
}

#[test]
fn a_constant_metric_that_changes_is_learned_anew() {
    let mut stream = Cusum::new().warmup(10).unwrap().build().unwrap();
    let x = [vec![3.7; 30], vec![4.0; 30]].concat();
    let mut infinite = 0;
    for &v in &x {
        if let Score::Ready(score) = stream.score_then_learn(&[v]).unwrap() {
            infinite += u32::from(score == f64::INFINITY);
        }
    }
    assert_eq!(infinite, 1);
    assert_eq!(stream.expectation().unwrap().expected, 4.0);
}

#[test]
fn bounds_stay_on_their_sides_at_the_ends_of_the_floats() {
    let x = [
        [0.0; 4].as_slice(),
        &[-3.617_025_387_180_863_5e251],
        &[0.0; 5],
        &[-1.620_712_108_727_509_4e302, f64::MAX],
    ];
    for mut stream in streams() {
        for v in x.concat() {
            stream.learn(&[v]).unwrap();
            if let Some(band) = stream.expectation() {
                assert!(
                    band.lower <= band.expected && band.expected <= band.upper,
                    "{band:?}"
                );
            }
        }
    }
}

#[test]
fn parameters_and_values_outside_their_domain_are_refused() {
    assert!(Cusum::new().slack(-1.0).is_err());
    assert!(Cusum::new().threshold(0.0).is_err());
    assert!(Cusum::new().scale(0.0).is_err());
    assert!(Cusum::new().target(f64::INFINITY).is_err());
    assert!(Cusum::new().warmup(1).is_err());
    assert!("never".parse::<AfterAlarm>().is_err());
    assert!(cusum(&[1.0, f64::NAN], 0.0, 1.0, 0.5).is_err());
    assert!(cusum(&[1.0], 0.0, -1.0, 0.5).is_err());
    assert!(Cusum::new().score(&[f64::INFINITY]).is_err());
    let mut stream = Cusum::new().build().unwrap();
    assert!(stream.learn(&[f64::NAN]).is_err());
    assert_eq!(stream.seen(), 0);
}

fn any_finite() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        3 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
        4 => -3.0..3.0_f64,
        1 => Just(f64::MAX),
        1 => Just(-f64::MAX),
        1 => Just(5e-324),
        2 => Just(0.0),
    ];
    prop::collection::vec(value, 1..80)
}

fn streams() -> Vec<CusumStream> {
    let mut streams = Vec::new();
    for after in [AfterAlarm::Continue, AfterAlarm::Reset, AfterAlarm::Settle] {
        for direction in [Direction::Both, Direction::Up, Direction::Down] {
            let config = Cusum::new().warmup(6).unwrap().after_alarm(after);
            let config = config.direction(direction);
            let known = config.clone().target(1.0).unwrap().scale(0.5).unwrap();
            streams.extend([config.build().unwrap(), known.build().unwrap()]);
            streams.push(config.target(0.0).unwrap().build().unwrap());
        }
    }
    streams
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn no_finite_input_gives_nan_and_saved_streams_continue(x in any_finite()) {
        for mut stream in streams() {
            let half = x.len() / 2;
            for &v in &x[..half] {
                stream.learn(&[v]).unwrap();
            }
            let bytes = snapshot::to_bytes(&stream).unwrap();
            let mut loaded: CusumStream = snapshot::from_bytes(&bytes).unwrap();
            for &v in &x[half..] {
                let score = stream.score_then_learn(&[v]).unwrap();
                prop_assert_eq!(score, loaded.score_then_learn(&[v]).unwrap());
                if let Some(score) = score.ready() {
                    prop_assert!(score >= 0.0, "{score} of {v} by {stream:?}");
                }
                if let Some(band) = stream.expectation() {
                    prop_assert!(band.expected.is_finite(), "{band:?} of {stream:?}");
                    prop_assert!(band.lower <= band.expected && band.expected <= band.upper, "{band:?}");
                }
            }
        }
    }

    #[test]
    fn parts_side_by_side_equal_one_after_the_other(
        x in prop::collection::vec(-3.0..3.0_f64, 0..300), slack in 0.0..1.0_f64, target in -1.0..1.0_f64
    ) {
        let [up, down] = cusum(&x, target, 1.0, slack).unwrap();
        let (mut u, mut d) = (0.0_f64, 0.0_f64);
        for (i, v) in x.iter().enumerate() {
            let z = v - target;
            (u, d) = ((u + z - slack).max(0.0), (d - z - slack).max(0.0));
            prop_assert_eq!((u, d), (up[i], down[i]), "{}", i);
        }
    }

    #[test]
    fn a_score_beyond_the_threshold_is_a_value_beyond_the_band(
        x in prop::collection::vec(-3.0..3.0_f64, 20..60), y in -20.0..20.0_f64
    ) {
        for mut stream in streams() {
            for &v in &x {
                stream.learn(&[v]).unwrap();
            }
            let Some(band) = stream.expectation() else { continue };
            for probe in [y, band.expected, band.lower + 1e-6, band.upper - 1e-6, band.lower - 1e-6, band.upper + 1e-6] {
                let outside = probe < band.lower || probe > band.upper;
                let Some(score) = probe.is_finite().then(|| stream.score(&[probe]).unwrap()) else { continue };
                prop_assert_eq!(outside, score.ready().unwrap() > 5.0, "{} of {:?} by {:?}", probe, band, stream);
            }
        }
    }
}
