//! Detectors that are fitted on many rows, judging point by point.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;

use bongsu_core::{ErrorKind, Score, StreamDetector, Timestamp, snapshot};
use bongsu_engine::registry::{self, Learns, StreamState};
use serde::{Deserialize, Serialize};

/// A state as it lies in a file.
#[derive(Serialize, Deserialize)]
struct Saved(StreamState);

impl bongsu_core::Snapshot for Saved {
    const KIND: &'static str = "test.saved";
    const VERSION: u16 = 1;

    fn validate(&self) -> bongsu_core::Result<()> {
        self.0.validate()
    }
}

fn parameters(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    given.iter().map(owned).collect()
}

/// A wave of 24 points with noise that repeats exactly from run to run.
fn metric(i: usize) -> f64 {
    let noise = ((i * 7919 + 13) % 101) as f64 / 101.0;
    10.0 + (i as f64 * std::f64::consts::TAU / 24.0).sin() * 3.0 + noise
}

fn fitted_detectors() -> impl Iterator<Item = &'static str> {
    registry::detectors()
        .filter(|spec| spec.learns() == Learns::OnManyRows)
        .map(|spec| spec.name)
}

fn feed(detector: &mut StreamState, i: usize, value: f64) -> Score {
    detector.set_time(Timestamp::from_secs(60 * i as i64));
    detector.score_then_learn(&[value]).unwrap()
}

#[test]
fn every_fitted_detector_finds_an_outlier_in_a_live_series() {
    for name in fitted_detectors() {
        let mut given = parameters(&[("history", "400"), ("refit", "50"), ("min_points", "240")]);
        let spec = registry::find(name).unwrap();
        if spec.parameters.iter().any(|p| p.name == "window") {
            // In a long window a single value is one feature of many.
            given.insert("window".to_owned(), "12".to_owned());
        }
        let mut detector = registry::build(name, &given).unwrap();
        let mut normal = Vec::new();
        for i in 0..500 {
            let score = feed(&mut detector, i, metric(i));
            if i < 240 {
                assert_eq!(
                    score,
                    Score::Warmup {
                        remaining: 240 - i as u64
                    },
                    "{name}"
                );
            } else {
                normal.push(score.ready().unwrap());
            }
        }
        normal.sort_by(f64::total_cmp);
        let high = normal[normal.len() * 95 / 100];
        detector.set_time(Timestamp::from_secs(60 * 500));
        // Some methods mind only the tail to which the values are skewed.
        let outlier = [60.0, -60.0].map(|x| detector.score(&[x]).unwrap().ready().unwrap());
        let outlier = outlier[0].max(outlier[1]);
        assert!(outlier > 1.0, "{name}: {outlier}");
        assert!(outlier >= high, "{name}: {outlier} is not above {high}");
        assert_eq!(detector.seen(), 500);
    }
}

#[test]
fn a_restored_detector_goes_on_as_if_it_had_never_stopped() {
    for name in fitted_detectors() {
        let given = parameters(&[("history", "120"), ("refit", "30"), ("min_points", "60")]);
        let fresh = registry::build(name, &given).unwrap();
        for stop in [0, 1, 59, 60, 61, 89, 90, 119, 120, 121, 155] {
            let mut detector = fresh.clone();
            for i in 0..stop {
                feed(&mut detector, i, metric(i));
            }
            let bytes = snapshot::to_bytes(&Saved(detector.clone())).unwrap();
            let mut restored = snapshot::from_bytes::<Saved>(&bytes).unwrap().0;
            assert_eq!(restored, detector, "{name} after {stop}");
            for i in stop..stop + 40 {
                detector.set_time(Timestamp::from_secs(60 * i as i64));
                restored.set_time(Timestamp::from_secs(60 * i as i64));
                assert_eq!(detector.expectation(), restored.expectation(), "{name}");
                let score = feed(&mut detector, i, metric(i));
                assert_eq!(
                    score,
                    feed(&mut restored, i, metric(i)),
                    "{name} after {stop}"
                );
            }
            assert_eq!(restored, detector, "{name} after {stop}");
        }
    }
}

#[test]
fn what_is_kept_does_not_grow() {
    let given = parameters(&[("history", "100"), ("refit", "20")]);
    let mut detector = registry::build("gesd", &given).unwrap();
    let mut largest = 0;
    for i in 0..2_000 {
        feed(&mut detector, i, metric(i));
        if i % 97 == 0 {
            let bytes = snapshot::to_bytes(&Saved(detector.clone())).unwrap();
            largest = largest.max(bytes.len());
        }
    }
    // 120 points: a value of 8 bytes and a time of at most 6.
    assert!(largest < 120 * 14 + 300, "{largest} bytes");
}

#[test]
fn wrong_points_change_nothing() {
    let mut detector = registry::build("gesd", &parameters(&[])).unwrap();
    detector.learn(&[1.0]).unwrap();
    let before = detector.clone();
    let kind = |e: bongsu_core::Error| e.kind();
    assert_eq!(
        detector.learn(&[1.0, 2.0]).map_err(kind),
        Err(ErrorKind::Shape)
    );
    assert_eq!(
        detector.learn(&[f64::NAN]).map_err(kind),
        Err(ErrorKind::NonFinite)
    );
    assert_eq!(detector.score(&[]).map_err(kind), Err(ErrorKind::Shape));
    assert_eq!(detector, before);
    detector.reset();
    detector.learn(&[1.0, 2.0]).unwrap();
}

#[test]
fn a_damaged_state_is_refused() {
    let given = parameters(&[("history", "16"), ("min_points", "8"), ("refit", "4")]);
    let mut detector = registry::build("gesd", &given).unwrap();
    for i in 0..20 {
        feed(&mut detector, i, metric(i));
    }
    let saved = serde_json::to_value(&detector).unwrap();
    let with = |key: &str, value: serde_json::Value| {
        let mut changed = saved.clone();
        changed["Refitted"][key] = value;
        serde_json::from_value::<StreamState>(changed)
            .unwrap()
            .validate()
    };
    assert!(with("seen", 20.into()).is_ok());
    for (key, value) in [
        ("seen", 3.into()),
        ("detector", "zscore".into()),
        ("detector", "none".into()),
        ("features", 2.into()),
        ("features", 0.into()),
        ("since_fit", 5.into()),
        ("since_fit", 400.into()),
        ("history", 0.into()),
        ("history", 15.into()),
        ("times", serde_json::json!([])),
        ("parameters", serde_json::json!({"alpha": "7"})),
    ] {
        assert!(with(key, value).is_err(), "{key}");
    }
}

#[test]
fn a_forest_sees_a_point_beyond_its_range_also_where_values_repeat() {
    for detector in ["isolation-forest", "extended-isolation-forest"] {
        let given = parameters(&[("contamination", "0.01"), ("min_points", "30")]);
        let mut state = registry::build(detector, &given).unwrap();
        let score = |state: &StreamState, x: f64| state.score(&[x]).unwrap().ready();
        for i in 0..60 {
            state.learn(&[f64::from(20 + i % 5)]).unwrap();
        }
        let usual = score(&state, 20.0).unwrap();
        let far = score(&state, 5_000.0).unwrap();
        let low = score(&state, -5_000.0).unwrap();
        assert!(usual <= 1.0, "{detector}: {usual}");
        assert!(far > 1.0 && low > 1.0, "{detector}: {far} {low}");
        // Judging it taught nothing.
        assert_eq!(score(&state, 20.0).unwrap(), usual);
    }
}
