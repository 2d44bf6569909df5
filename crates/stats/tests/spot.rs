//! What `spot` does over a stream: false alarms, drift, level shifts, constants.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;

use bongsu_core::{Direction, StreamDetector as _};
use bongsu_stats::{Spot, SpotStream};
use common::Noise;

fn alarms(stream: &mut SpotStream, values: impl IntoIterator<Item = f64>) -> Vec<bool> {
    let alarm = |x: f64| {
        let score = stream.score_then_learn(&[x]).unwrap().ready();
        score.is_some_and(|score| score > 1.0)
    };
    values.into_iter().map(alarm).collect()
}

fn count(alarms: &[bool]) -> usize {
    alarms.iter().filter(|&&alarm| alarm).count()
}

#[test]
fn false_alarms_are_about_as_many_as_the_risk_says() {
    let mut noise = Noise::new(3);
    let (normal, heavy): (Vec<f64>, Vec<f64>) = (0..200_000)
        .map(|_| (noise.normal(), noise.student(3)))
        .unzip();
    for values in [normal, heavy] {
        for (direction, sides) in [(Direction::Up, 1.0), (Direction::Both, 2.0)] {
            let spot = Spot::new().direction(direction).calibration(2_000).unwrap();
            let mut stream = spot.build().unwrap();
            let found = count(&alarms(&mut stream, values.iter().copied())) as f64;
            let expected = sides * 1e-3 * 198_000.0;
            let ratio = found / expected;
            assert!((0.6..1.5).contains(&ratio), "{direction}: {ratio}");
        }
    }
}

#[test]
fn a_depth_follows_a_drift() {
    let mut noise = Noise::new(5);
    let drifting: Vec<f64> = (0..20_000)
        .map(|i| f64::from(i) * 0.01 + noise.normal())
        .collect();
    let never = Spot::new().patience(0).unwrap();
    let plain = alarms(&mut never.build().unwrap(), drifting.iter().copied());
    assert!(count(&plain) > 15_000, "{}", count(&plain));
    let with_depth = never.depth(30).unwrap();
    let mut stream = with_depth.build().unwrap();
    let followed = alarms(&mut stream, drifting.iter().copied());
    assert!(count(&followed) < 80, "{}", count(&followed));
    let score = stream.score(&[200.0 + 10.0]).unwrap().ready().unwrap();
    assert!(score > 1.0, "{score}");
}

#[test]
fn a_level_shift_settles_after_patience() {
    for depth in [0, 30] {
        let mut noise = Noise::new(11);
        let spot = Spot::new().depth(depth).unwrap();
        let mut stream = spot.build().unwrap();
        alarms(&mut stream, (0..3_000).map(|_| noise.normal()));
        let shifted = alarms(&mut stream, (0..3_000).map(|_| 50.0 + noise.normal()));
        assert_eq!(count(&shifted[..40]), 40, "a shift is an anomaly at first");
        assert!(count(&shifted[40..]) < 60, "{}", count(&shifted[40..]));
        assert!(count(&shifted[1_100..]) < 20);
        let band = stream.expectation().unwrap();
        assert!((band.expected - 50.0).abs() < 0.5, "{band:?}");
        assert!(band.upper - band.lower < 10.0 && !stream.is_learning());
        let mut never = Spot::new().patience(0).unwrap().build().unwrap();
        alarms(&mut never, (0..3_000).map(|_| noise.normal()));
        let shifted = alarms(&mut never, (0..3_000).map(|_| 50.0 + noise.normal()));
        assert_eq!(count(&shifted), 3_000);
    }
}

#[test]
fn constants_do_not_alarm_for_ever() {
    let mut stream = Spot::new().build().unwrap();
    assert_eq!(count(&alarms(&mut stream, vec![5.0; 5_000])), 0);
    let other = alarms(&mut stream, vec![6.0; 5_000]);
    assert_eq!(count(&other), 40);
    let mut noise = Noise::new(1);
    let noisy = alarms(&mut stream, (0..5_000).map(|_| 6.0 + noise.normal()));
    assert!(count(&noisy[200..]) < 50, "{}", count(&noisy[200..]));
}

#[test]
fn only_the_judged_side_alarms() {
    let values = (0..1_000).map(|i| f64::from(i * 7_919 % 100));
    for (direction, high, low) in [
        (Direction::Up, true, false),
        (Direction::Down, false, true),
        (Direction::Both, true, true),
    ] {
        let mut stream = Spot::new().direction(direction).build().unwrap();
        assert_eq!(count(&alarms(&mut stream, values.clone())), 0);
        let above = |x: f64| stream.score(&[x]).unwrap().ready().unwrap() > 1.0;
        assert_eq!((above(300.0), above(-300.0)), (high, low), "{direction}");
        let band = stream.expectation().unwrap();
        assert_eq!(
            (band.upper.is_finite(), band.lower.is_finite()),
            (high, low)
        );
        let edge = stream.score(&[if high { band.upper } else { band.lower }]);
        assert!((edge.unwrap().ready().unwrap() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn parameters_outside_their_domain_are_named() {
    let message = |spot: Spot| spot.build().unwrap_err().to_string();
    let text = message(Spot::new().risk(0.1).unwrap());
    assert!(text.contains("`risk` is 0.1"), "{text}");
    let text = message(Spot::new().calibration(499).unwrap());
    assert!(
        text.contains("`calibration` is 499") && text.contains("500"),
        "{text}"
    );
    assert!(Spot::new().patience(19).is_err() && Spot::new().patience(0).is_ok());
    assert!(Spot::new().level(1.0).is_err() && Spot::new().level(0.49).is_err());
    assert!(Spot::new().depth(100_001).is_err() && Spot::new().risk(f64::NAN).is_err());
    let near = Spot::new().level(1.0 - 1e-16).unwrap().risk(1e-17).unwrap();
    assert!(near.build().is_err());
}
