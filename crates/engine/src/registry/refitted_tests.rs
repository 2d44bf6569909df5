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

#[test]
fn the_farthest_point_judges_those_that_follow_until_the_next_fit() {
    for name in ["isolation-forest", "extended-isolation-forest"] {
        let mut detector = trained(name, 300);
        let mut bytes = Vec::new();
        for (i, value) in [60.0, 58.0, 59.0, 61.0, 10.0, 60.5].into_iter().enumerate() {
            detector.set_time(minute(300 + i));
            let judged = detector.score(&[value]).unwrap().ready().unwrap();
            assert_eq!(judged > 1.0, value > 20.0, "{name}: {judged} of {value}");
            detector.learn(&[value]).unwrap();
            bytes = snapshot::to_bytes(&Saved(detector.clone())).unwrap();
            let restored = snapshot::from_bytes::<Saved>(&bytes).unwrap().0;
            for next in [57.0, 62.0, 11.0, 20.0, -40.0] {
                assert_eq!(
                    restored.score(&[next]).unwrap(),
                    detector.score(&[next]).unwrap(),
                    "{name}: {next} after {i}"
                );
            }
        }
        let farther = snapshot::from_bytes::<Saved>(&bytes).unwrap().0;
        let StreamState::Refitted(detector) = farther else {
            panic!("{name}")
        };
        assert_eq!(detector.farthest(), Some(&[61.0][..]), "{name}");
    }
}

#[test]
fn one_point_very_far_out_hides_none_that_is_less_far() {
    for name in ["isolation-forest", "extended-isolation-forest"] {
        let mut detector = trained(name, 300);
        let before = detector.score(&[30.0]).unwrap();
        detector.learn(&[1e6]).unwrap();
        assert_eq!(detector.score(&[30.0]).unwrap(), before, "{name}");
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
