//! Detectors that were fitted on a past for good.

use bongsu_core::{Score, StreamDetector as _, Timestamp, snapshot};

use super::*;

/// Minutes of a wave of 24 points with noise that repeats exactly from run to run, which jumps up
/// for good at the 500th.
fn metric(i: usize) -> f64 {
    let noise = ((i * 7919 + 13) % 101) as f64 / 101.0;
    let level = if i < 500 { 10.0 } else { 60.0 };
    level + (i as f64 * std::f64::consts::TAU / 24.0).sin() * 3.0 + noise
}

fn minute(i: usize) -> Timestamp {
    Timestamp::from_secs(60 * i as i64)
}

fn untrained(name: &str) -> StreamState {
    let given = [("min_points", "64"), ("refit", "10")];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    build(name, &given.into()).unwrap()
}

fn trained(name: &str, past: usize) -> StreamState {
    let mut detector = untrained(name);
    let times: Vec<Timestamp> = (0..past).map(minute).collect();
    let values: Vec<f64> = (0..past).map(metric).collect();
    detector.learn_past(&times, &values, 1).unwrap();
    detector
}

fn fitted_detectors() -> impl Iterator<Item = &'static str> {
    detectors()
        .filter(|spec| spec.learns() == Learns::OnManyRows)
        .filter(|spec| matches!(spec.method, Method::Batch(_)))
        .map(|spec| spec.name)
}

fn feed(detector: &mut StreamState, i: usize) {
    detector.set_time(minute(i));
    detector.learn(&[metric(i)]).unwrap();
}

fn score(detector: &mut StreamState, i: usize) -> Score {
    detector.set_time(minute(i));
    detector.score(&[metric(i)]).unwrap()
}

#[test]
fn a_fit_on_a_past_is_kept_however_much_follows_it() {
    let (past, end) = (300, 1_250);
    for name in fitted_detectors() {
        let mut all = trained(name, past);
        let mut latest = trained(name, past);
        for i in past..end {
            feed(&mut all, i);
        }
        for i in end - past..end {
            feed(&mut latest, i);
        }
        let bytes = snapshot::to_bytes(&Saved(all.clone())).unwrap();
        let mut restored = snapshot::from_bytes::<Saved>(&bytes).unwrap().0;
        for i in end..end + 30 {
            let expected = score(&mut latest, i);
            assert_eq!(score(&mut all, i), expected, "{name} at {i}");
            assert_eq!(score(&mut restored, i), expected, "{name} at {i}, restored");
            for detector in [&mut all, &mut latest, &mut restored] {
                feed(detector, i);
            }
        }
        // Of what followed two pasts at most are kept.
        assert!(
            bytes.len() < 16 * 3 * past + 1_000,
            "{name}: {}",
            bytes.len()
        );
    }
}

#[test]
fn a_level_beyond_the_past_is_anomalous_for_as_long_as_it_lasts() {
    let mut detector = trained("hbos", 300);
    let scores = (500..700).map(|i| {
        let score = score(&mut detector, i).ready().unwrap();
        feed(&mut detector, i);
        score
    });
    assert!(scores.into_iter().all(|score| score > 1.0));
}

const FORESTS: [&str; 2] = ["isolation-forest", "extended-isolation-forest"];

fn of_value(detector: &StreamState, value: f64) -> f64 {
    detector.score(&[value]).unwrap().ready().unwrap()
}

#[test]
fn points_far_beyond_any_past_are_anomalous_and_those_within_are_not() {
    for name in FORESTS {
        for past in [100, 300, 499, 5_000, 43_200] {
            let mut detector = trained(name, past);
            // The jump belongs to the longer ones.
            let (least, most) = if past < 500 { (7.0, 14.0) } else { (7.0, 64.0) };
            let width = most - least;
            for far in [1.0, 2.0, 10.0, 1e3, 1e9, 1e300] {
                for value in [most + far * width, least - far * width] {
                    let judged = of_value(&detector, value);
                    assert!(judged > 1.0, "{name}, {past}: {judged} of {value}");
                }
            }
            let usual = of_value(&detector, metric(past - 1));
            assert!(usual < 1.1, "{name}, {past}: {usual}");
            // What came in between changes nothing.
            for value in [1e9, -1e9, 5.0 * most] {
                detector.learn(&[value]).unwrap();
            }
            let near = most + width;
            assert_eq!(
                of_value(&detector, near),
                of_value(&trained(name, past), near)
            );
        }
    }
}

#[test]
fn points_that_wander_beyond_the_range_cost_few_forests() {
    let mut detector = trained("isolation-forest", 300);
    for i in 0..200 {
        let out = f64::from(i) * if i % 2 == 0 { 50.0 } else { -50.0 };
        detector.score(&[out]).unwrap();
        detector.learn(&[out]).unwrap();
    }
    let bytes = snapshot::to_bytes(&Saved(detector.clone())).unwrap();
    let restored = snapshot::from_bytes::<Saved>(&bytes).unwrap().0;
    assert_eq!(of_value(&restored, 77.0), of_value(&detector, 77.0));
    let StreamState::Refitted(detector) = detector else {
        panic!("{detector:?}")
    };
    assert!(detector.forests_beyond() <= 2);
}

#[test]
fn a_constant_past_and_one_feature_of_many_are_left_too() {
    for name in FORESTS {
        let mut constant = untrained(name);
        let times: Vec<Timestamp> = (0..200).map(minute).collect();
        constant.learn_past(&times, &[5.0; 200], 1).unwrap();
        assert!(of_value(&constant, 5.0) <= 1.0, "{name}");
        for value in [5.01, 6.0, 50.0, -50.0, 1e300] {
            let judged = of_value(&constant, value);
            assert!(
                judged > 1.0 && judged.is_finite(),
                "{name}: {judged} of {value}"
            );
        }
        let mut nothing = untrained(name);
        nothing.learn_past(&times, &[0.0; 200], 1).unwrap();
        assert!(of_value(&nothing, 0.0) <= 1.0 && of_value(&nothing, 1e-12) <= 1.0);
        assert!(of_value(&nothing, 0.05) > 1.0, "{name}");
        let mut table = untrained(name);
        let rows = (0..200).flat_map(|i| [metric(i), 1e-3 * metric(i + 7), 3.0]);
        let rows: Vec<f64> = rows.collect();
        table.learn_past(&times, &rows, 3).unwrap();
        let judged = |x: [f64; 3]| table.score(&x).unwrap().ready().unwrap();
        let inside = judged([metric(50), 1e-3 * metric(57), 3.0]);
        let outside = judged([metric(50), 1.0, 3.0]);
        assert!(inside < 1.1 && outside > 1.2, "{name}: {inside}, {outside}");
    }
}

#[test]
fn the_points_that_it_keeps_are_counted() {
    for name in fitted_detectors() {
        let detector = trained(name, 300);
        assert!(detector.heap_bytes() >= 300 * 16, "{name}");
    }
}

#[test]
fn a_reset_makes_it_learn_anew() {
    for name in fitted_detectors() {
        let mut detector = trained(name, 300);
        feed(&mut detector, 300);
        detector.reset();
        assert_eq!(detector, untrained(name), "{name}");
    }
}

/// A state as it lies in a file.
#[derive(serde::Serialize, serde::Deserialize)]
struct Saved(StreamState);

impl bongsu_core::Snapshot for Saved {
    const KIND: &'static str = "test.saved";
    const VERSION: u16 = 1;

    fn validate(&self) -> bongsu_core::Result<()> {
        self.0.validate()
    }
}
