//! What holds for the bound that any streaming detector can be given.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{Score, Snapshot, StreamDetector, snapshot};
use bongsu_stream::half_space_trees::Limits;
use bongsu_stream::{Bound, HalfSpaceTrees, Loda, MicroClusters, RandomCutForest, Thresholded};
use common::Lcg;
use proptest::prelude::*;

fn normal(n: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut rng = Lcg::new(seed);
    let mut point = || (0..3).map(|_| rng.normal()).collect();
    (0..n).map(|_| point()).collect()
}

fn trees() -> HalfSpaceTrees {
    let limits = Limits::Auto { points: 200 };
    HalfSpaceTrees::small().limits(limits).unwrap()
}

fn forest() -> RandomCutForest {
    let forest = RandomCutForest::new().trees(10).unwrap();
    forest.sample_size(64).unwrap()
}

/// Every detector of several features, with the bound.
fn all(bound: Bound) -> [Box<dyn StreamDetector>; 4] {
    [
        Box::new(bound.on(trees().build(3).unwrap()).unwrap()),
        Box::new(bound.on(forest().build(3).unwrap()).unwrap()),
        Box::new(bound.on(MicroClusters::new().build(3).unwrap()).unwrap()),
        Box::new(bound.on(Loda::new().build(3).unwrap()).unwrap()),
    ]
}

fn scores(stream: &mut dyn StreamDetector, x: &[Vec<f64>]) -> Vec<f64> {
    let mut out = Vec::new();
    for x in x {
        out.extend(stream.score_then_learn(x).unwrap().ready());
    }
    out
}

fn share_above(scores: &[f64]) -> f64 {
    scores.iter().filter(|&&s| s > 1.0).count() as f64 / scores.len() as f64
}

#[test]
fn alarms_are_about_as_rare_as_asked_for() {
    for share in [0.002, 0.01, 0.05] {
        let bound = Bound::new().max_alarm_share(share).unwrap();
        for mut stream in all(bound) {
            let scores = scores(stream.as_mut(), &normal(20_000, 5));
            assert!(scores.iter().all(|s| *s >= 0.0 && s.is_finite()));
            let found = share_above(&scores[1000..]);
            let range = 0.5 * share..2.0 * share + 0.002;
            assert!(range.contains(&found), "{share}: {found} {stream:?}");
        }
    }
}

#[test]
fn outliers_are_above_the_bound_and_do_not_lift_it() {
    for mut stream in all(Bound::new()) {
        scores(stream.as_mut(), &normal(3000, 6));
        let far = [9.0, -9.0, 9.0];
        let first = stream.score(&far).unwrap().ready().unwrap();
        assert!(first > 1.0, "{stream:?}");
        // One in twenty: five times as many as there may be.
        for points in normal(2000, 7).chunks(19) {
            scores(stream.as_mut(), points);
            let score = stream.score_then_learn(&far).unwrap().ready().unwrap();
            assert!(score > 0.0);
        }
        let last = stream
            .score(&[-20.0, 20.0, -20.0])
            .unwrap()
            .ready()
            .unwrap();
        assert!(last > 1.0, "{last} {stream:?}");
    }
}

#[test]
fn a_new_level_becomes_the_new_normal() {
    for learn in [true, false] {
        for mut stream in all(Bound::new().learn_anomalous(learn)) {
            scores(stream.as_mut(), &normal(3000, 6));
            let moved = |n| -> Vec<Vec<f64>> {
                let shift = |x: Vec<f64>| x.iter().map(|x| x + 15.0).collect();
                normal(n, 8).into_iter().map(shift).collect()
            };
            let moved = moved(2500);
            let at = scores(stream.as_mut(), &moved);
            assert!(at[..3].iter().all(|&s| s > 1.0), "{:?}", &at[..3]);
            let after = share_above(&at[1000..]);
            assert!(after < 0.05, "{learn} {after} {stream:?}");
        }
    }
}

#[test]
fn without_patience_anomalous_points_stay_so_when_they_are_not_learned() {
    let bound = Bound::new().patience(0).unwrap().learn_anomalous(false);
    let mut stream = bound.on(MicroClusters::new().build(3).unwrap()).unwrap();
    scores(&mut stream, &normal(2000, 6));
    let learned = stream.detector().seen();
    let at = scores(&mut stream, &vec![vec![15.0; 3]; 500]);
    assert!(at.iter().all(|&s| s > 1.0));
    assert_eq!(stream.detector().seen(), learned);
    assert_eq!(stream.seen(), 2500);
}

#[test]
fn scores_start_after_those_of_the_detector() {
    let mut stream = Bound::new()
        .on(MicroClusters::new().build(3).unwrap())
        .unwrap();
    for (i, x) in normal(310, 1).iter().enumerate() {
        let remaining = 300_u64.saturating_sub(i as u64);
        let expected = (remaining > 0).then_some(Score::Warmup { remaining });
        let before = stream.score(x).unwrap();
        let score = stream.score_then_learn(x).unwrap();
        assert_eq!(before, score);
        match expected {
            Some(expected) => assert_eq!(score, expected, "{i}"),
            None => assert!(score.ready().is_some()),
        }
    }
}

#[test]
fn a_constant_metric_is_as_expected_and_any_other_value_is_not() {
    for mut stream in all(Bound::new()) {
        let at = scores(stream.as_mut(), &vec![vec![4.0, 0.0, 1e12]; 3000]);
        assert!(share_above(&at) < 0.02, "{stream:?}");
        let score = stream.score(&[8.0, 1.0, 2e12]).unwrap();
        assert!(score.ready().unwrap() > 1.0, "{score:?} {stream:?}");
    }
}

#[test]
fn wrong_points_change_nothing() {
    let mut stream = Bound::new().on(Loda::new().build(3).unwrap()).unwrap();
    scores(&mut stream, &normal(500, 1));
    let before = stream.clone();
    for x in [&[f64::NAN, 0.0, 0.0][..], &[0.0], &[1e300, 0.0, 0.0]] {
        assert!(stream.score(x).is_err());
        assert!(stream.learn(x).is_err());
    }
    assert_eq!(stream, before);
}

#[test]
fn memory_stays_within_what_is_promised() {
    let mut stream = Bound::new().on(Loda::new().build(3).unwrap()).unwrap();
    scores(&mut stream, &normal(5000, 1));
    let detector = stream.detector().heap_bytes();
    // A vector may hold twice what is in it.
    assert!(stream.heap_bytes() <= detector + 2 * 8 * 1040);
    let size = snapshot::to_bytes(&stream).unwrap().len();
    assert!(size <= detector + 8 * 1040 + 300, "{size}");
}

#[test]
fn a_snapshot_is_not_taken_for_that_of_another_detector() {
    let clusters = Bound::new().on(MicroClusters::new().build(3).unwrap());
    let bytes = snapshot::to_bytes(&clusters.unwrap()).unwrap();
    let error = snapshot::from_bytes::<Thresholded<bongsu_stream::LodaStream>>(&bytes).unwrap_err();
    assert_eq!(error.kind(), bongsu_core::ErrorKind::Snapshot, "{error}");
}

#[test]
fn parameters_outside_their_domain_are_refused_by_name() {
    let new = Bound::new;
    let late = new().window(100).unwrap().calibration(101).unwrap();
    for (error, name) in [
        (new().max_alarm_share(0.0).unwrap_err(), "max_alarm_share"),
        (new().max_alarm_share(0.2).unwrap_err(), "max_alarm_share"),
        (new().window(39).unwrap_err(), "window"),
        (new().calibration(39).unwrap_err(), "calibration"),
        (new().patience(1).unwrap_err(), "patience"),
        (late.validate().unwrap_err(), "calibration"),
    ] {
        assert!(error.to_string().contains(name), "{error}");
    }
}

fn small() -> Bound {
    let bound = Bound::new().window(60).unwrap().calibration(50).unwrap();
    bound.patience(5).unwrap().max_alarm_share(0.05).unwrap()
}

/// Normal points at levels that change.
fn restless(n: usize) -> Vec<Vec<f64>> {
    let mut x = normal(n, 9);
    for (i, x) in x.iter_mut().enumerate() {
        x[0] += 10.0 * (i / 130 % 2) as f64;
    }
    x
}

fn goes_on<D>(detector: D, k: usize)
where
    D: StreamDetector + Snapshot + Clone + PartialEq,
{
    let x = restless(700);
    let fresh = small().on(detector).unwrap();
    let mut whole = fresh.clone();
    let all = scores(&mut whole, &x);
    let mut first = fresh.clone();
    let mut joined = scores(&mut first, &x[..k]);
    let bytes = snapshot::to_bytes(&first).unwrap();
    let mut second: Thresholded<D> = snapshot::from_bytes(&bytes).unwrap();
    joined.extend(scores(&mut second, &x[k..]));
    assert_eq!(all, joined);
    assert_eq!(whole, second);
    second.reset();
    assert_eq!(second, fresh);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn a_saved_detector_goes_on_as_if_never_stopped(k in 1..700_usize) {
        goes_on(trees().trees(3).unwrap().window(40).unwrap().build(3).unwrap(), k);
        goes_on(forest().trees(2).unwrap().sample_size(20).unwrap().build(3).unwrap(), k);
        goes_on(MicroClusters::new().clusters(8).unwrap().build(3).unwrap(), k);
        goes_on(Loda::new().projections(8).unwrap().build(3).unwrap(), k);
    }

    #[test]
    fn a_damaged_state_is_refused_or_works(
        places in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4), k in 1..400_usize,
    ) {
        let detector = MicroClusters::new().clusters(4).unwrap().build(3).unwrap();
        let mut stream = small().on(detector).unwrap();
        scores(&mut stream, &restless(k));
        let mut json = serde_json::to_vec(&stream).unwrap();
        for &(place, value) in &places {
            let place = usize::from(place) % json.len();
            json[place] = b"0123456789-e.,"[usize::from(value) % 14];
        }
        type State = Thresholded<bongsu_stream::MicroClustersStream>;
        if let Ok(mut stream) = serde_json::from_slice::<State>(&json)
            && stream.validate().is_ok()
        {
            for x in restless(100) {
                if let Ok(score) = stream.score_then_learn(&x) {
                    prop_assert!(score.ready().is_none_or(|s| !s.is_nan()));
                }
            }
        }
    }
}
