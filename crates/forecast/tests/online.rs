//! A forecaster that follows a metric point by point.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::cell::Cell;

use bongsu_core::{ErrorKind, Score, StreamDetector as _, Timestamp, snapshot};
use bongsu_forecast::{Ets, ForecastStream, Naive, OnlineForecaster, Theta};

const SEASON: [f64; 6] = [0.0, 3.0, 7.0, 9.0, 6.0, 2.0];

/// A season of 6 with noise that repeats exactly from run to run.
fn value(i: usize) -> f64 {
    let noise = ((i * 7919 + 13) % 101) as f64 / 101.0 - 0.5;
    20.0 + SEASON[i % 6] + noise
}

fn seasonal() -> OnlineForecaster {
    OnlineForecaster::new(Naive::seasonal(6).unwrap())
        .initial(30)
        .unwrap()
}

fn at(stream: &mut ForecastStream, minute: usize, x: f64) -> Option<f64> {
    stream.set_time(Timestamp::from_secs(60 * minute as i64));
    stream.score_then_learn(&[x]).unwrap().ready()
}

#[test]
fn an_outlier_is_judged_and_not_believed() {
    for patience in [0, 5] {
        let config = seasonal().patience(patience).unwrap();
        let mut stream = config.build().unwrap();
        for i in 0..60 {
            let score = at(&mut stream, i, value(i));
            assert_eq!(score.is_some(), i >= 30, "{i}");
            assert!(score.is_none_or(|score| score < 2.0), "{i}: {score:?}");
        }
        assert!(at(&mut stream, 60, value(60) + 30.0).unwrap() > 5.0);
        for i in 61..66 {
            assert!(at(&mut stream, i, value(i)).unwrap() < 2.0);
        }
        // The naive season repeats an outlier that it was told of.
        let echo = at(&mut stream, 66, value(66)).unwrap();
        assert_eq!(echo > 2.0, patience == 0, "{patience}: {echo}");
    }
}

#[test]
fn a_new_level_is_taken_with_its_season() {
    let mut stream = seasonal().build().unwrap();
    for i in 0..60 {
        at(&mut stream, i, value(i));
    }
    for i in 60..65 {
        assert!(at(&mut stream, i, value(i) + 40.0).unwrap() > 2.0, "{i}");
    }
    for i in 65..200 {
        let score = at(&mut stream, i, value(i) + 40.0).unwrap();
        assert!(score < 2.0, "{i}: {score}");
    }
    let band = stream.expectation().unwrap();
    assert!((band.expected - value(200) - 40.0).abs() < 1.5, "{band:?}");
}

#[test]
fn holes_keep_the_phase_and_long_ones_start_anew() {
    let mut stream = seasonal().window(60).unwrap().build().unwrap();
    for i in (0..90).filter(|i| !(50..54).contains(i) && i % 11 != 7) {
        let score = at(&mut stream, i, value(i));
        assert!(score.is_none_or(|score| score < 2.0), "{i}: {score:?}");
    }
    // Not yet learned, but asked for after a hole.
    stream.set_time(Timestamp::from_secs(60 * 93));
    let band = stream.expectation().unwrap();
    assert!((band.expected - value(93)).abs() < 1.2, "{band:?}");
    at(&mut stream, 93, value(93));
    stream.set_time(Timestamp::from_secs(60 * 400));
    assert!(matches!(
        stream.score(&[1.0]).unwrap(),
        Score::Warmup { .. }
    ));
    at(&mut stream, 400, value(400));
    assert!(stream.expectation().is_none());
    // Another step in time starts anew as well.
    for i in 0..120 {
        at(&mut stream, 401 + 5 * i, value(i));
    }
    assert!((stream.expectation().unwrap().expected - value(120)).abs() < 1.5);
}

#[test]
fn the_state_is_saved_and_stays_small() {
    let config = OnlineForecaster::new(Ets::automatic())
        .window(200)
        .unwrap()
        .refit(50)
        .unwrap()
        .adaptive(Some(0.01))
        .unwrap();
    let mut whole = config.build().unwrap();
    for i in 0..1_500 {
        at(
            &mut whole,
            i,
            value(i) + if i % 97 == 0 { 50.0 } else { 0.0 },
        );
        if i % 333 == 0 {
            let bytes = snapshot::to_bytes(&whole).unwrap();
            let restored: ForecastStream = snapshot::from_bytes(&bytes).unwrap();
            assert!(restored == whole, "{i}");
            whole = restored;
        }
    }
    let bytes = snapshot::to_bytes(&whole).unwrap();
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    assert!(whole.heap_bytes() > 1_000);
}

#[test]
fn awkward_values_do_no_harm() {
    let awkward: [fn(usize) -> f64; 6] = [
        |_| 3.0,
        |_| 0.0,
        |i| if i % 2 == 0 { f64::MAX } else { -f64::MAX },
        |i| 1e-308 * (i % 3) as f64,
        |i| if i == 150 { 1e308 } else { (i % 7) as f64 },
        |i| 1e12 + (i % 5) as f64 * 1e-3,
    ];
    let models = [
        OnlineForecaster::new(Naive::last()),
        OnlineForecaster::new(Ets::automatic()),
        OnlineForecaster::new(Theta::new()),
    ];
    for config in models {
        let config = config.initial(20).unwrap().window(100).unwrap();
        for series in awkward {
            let mut stream = config.clone().refit(30).unwrap().build().unwrap();
            for i in 0..300 {
                if let Some(score) = at(&mut stream, i, series(i)) {
                    assert!(score >= 0.0, "{score}");
                }
                if let Some(band) = stream.expectation() {
                    assert!(band.lower <= band.expected && band.expected <= band.upper);
                }
            }
            let bytes = snapshot::to_bytes(&stream).unwrap();
            let _: ForecastStream = snapshot::from_bytes(&bytes).unwrap();
        }
    }
}

#[test]
fn a_model_that_cannot_be_fitted_says_why_and_is_tried_again() {
    let mut stream = OnlineForecaster::new(Naive::seasonal(50).unwrap())
        .initial(10)
        .unwrap()
        .build()
        .unwrap();
    for i in 0..40 {
        assert_eq!(at(&mut stream, i, value(i)), None);
    }
    assert!(stream.failure().is_some_and(|e| !e.is_empty()));
    for i in 40..160 {
        at(&mut stream, i, value(i));
    }
    assert!(stream.failure().is_none() && stream.expectation().is_some());
}

#[test]
fn parameters_are_checked() {
    let config = || OnlineForecaster::new(Naive::last());
    for refused in [
        config().level(1.0),
        config().threshold(0.0),
        config().threshold(f64::NAN),
        config().patience(10_001),
        config().initial(1),
        config().refit(0),
        config().window(1),
        config().adaptive(Some(1.5)),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidParameter);
    }
    assert!(
        config().initial(3_000).unwrap().build().is_err(),
        "beyond the window"
    );
    let mut stream = config().build().unwrap();
    for bad in [&[f64::NAN][..], &[], &[1.0, 2.0], &[f64::INFINITY]] {
        assert!(stream.learn(bad).is_err() && stream.score(bad).is_err());
    }
    assert_eq!(stream.seen(), 0);
}

#[test]
fn a_new_level_is_the_median_of_what_was_held() {
    let mut stream = seasonal().build().unwrap();
    for i in 0..60 {
        at(&mut stream, i, value(i));
    }
    for (i, by) in (60..).zip([50.0, 10.0, 30.0, 20.0, 40.0]) {
        assert!(at(&mut stream, i, value(i) + by).unwrap() > 2.0, "{i}");
    }
    let band = stream.expectation().unwrap();
    assert!((band.expected - value(59) - 30.0).abs() < 2.0, "{band:?}");
}

#[test]
fn a_first_fit_that_is_kept_is_the_only_one() {
    for kept in [false, true] {
        let mut stream = seasonal().refit(50).unwrap().build().unwrap();
        assert_eq!(stream.fit_first_after(200), 200);
        if kept {
            stream.keep_first_fit();
        }
        let fits = Cell::new(0);
        let model = |_: &[f64]| {
            fits.set(fits.get() + 1);
            Ok(Naive::seasonal(6)?.into())
        };
        for i in 0..3_000 {
            stream.set_time(Timestamp::from_secs(60 * i as i64));
            if i >= 200 {
                assert!(stream.score(&[value(i)]).unwrap().ready().unwrap() < 2.0);
            }
            stream.learn_with(&[value(i)], &model).unwrap();
        }
        assert_eq!(fits.get() == 1, kept, "{}", fits.get());
        let bytes = snapshot::to_bytes(&stream).unwrap();
        assert_eq!(
            snapshot::from_bytes::<ForecastStream>(&bytes).unwrap(),
            stream
        );
    }
}
