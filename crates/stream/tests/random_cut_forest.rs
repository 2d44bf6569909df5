//! What holds for random cut forests; their trees are tested beside their source.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{Score, Snapshot, StreamDetector, snapshot};
use bongsu_stream::{RandomCutForest, RandomCutForestStream};
use common::Lcg;
use proptest::prelude::*;

fn small() -> RandomCutForest {
    RandomCutForest::new().trees(30).unwrap().seed(3)
}

fn normal(n: usize, features: usize) -> Vec<Vec<f64>> {
    let mut rng = Lcg::new(4);
    let mut point = || (0..features).map(|_| rng.normal()).collect();
    (0..n).map(|_| point()).collect()
}

fn scores(stream: &mut RandomCutForestStream, x: &[Vec<f64>]) -> Vec<f64> {
    let mut out = Vec::new();
    for x in x {
        out.extend(stream.score_then_learn(x).unwrap().ready());
    }
    out
}

fn percentile_99(mut scores: Vec<f64>) -> f64 {
    scores.sort_by(f64::total_cmp);
    scores[scores.len() * 99 / 100]
}

fn score(stream: &RandomCutForestStream, x: &[f64]) -> f64 {
    stream.score(x).unwrap().ready().unwrap()
}

#[test]
fn a_planted_outlier_scores_above_the_99th_percentile() {
    for seed in 0..5 {
        let mut stream = small().seed(seed).build(3).unwrap();
        let bound = percentile_99(scores(&mut stream, &normal(1500, 3)));
        for (x, feature) in [
            ([6.0, 0.0, 0.0], 0),
            ([0.0, 0.0, -6.0], 2),
            ([0.0, 9.0, 0.0], 1),
        ] {
            let score = score(&stream, &x);
            assert!(score > bound, "{x:?}: {score} <= {bound}");
            let parts = stream.attribution(&x).unwrap().unwrap();
            assert!((parts.iter().sum::<f64>() - score).abs() <= 1e-9 * score);
            assert!(parts[feature] > 0.6 * score, "{x:?}: {parts:?}");
        }
    }
}

#[test]
fn a_second_anomaly_is_not_masked_by_the_first() {
    let mut stream = small().build(2).unwrap();
    let bound = percentile_99(scores(&mut stream, &normal(1000, 2)));
    let mut last = Vec::new();
    for i in 0..4 {
        let near = [8.0 + 0.01 * f64::from(i), 8.0];
        let score = stream.score_then_learn(&near).unwrap().ready().unwrap();
        assert!(score > bound, "anomaly {i}: {score} <= {bound}");
        last.push(score);
    }
    // The same point again and again, too.
    let copy = score(&stream, &[8.0, 8.0]);
    assert!(copy > bound, "{copy} <= {bound}");
    assert!(last[3] < last[0], "but each is less of a surprise");
}

#[test]
fn a_shingle_sees_a_shape_that_no_single_value_shows() {
    let wave = |i: usize| (i as f64 * 0.5).sin();
    let mut x: Vec<Vec<f64>> = (0..1200).map(|i| vec![wave(i)]).collect();
    // The wave stands still for a while at a usual value.
    for x in &mut x[1000..1012] {
        x[0] = 0.3;
    }
    let mut single = small().build(1).unwrap();
    let mut shingled = small().shingle(8).unwrap().build(1).unwrap();
    let [single, shingled] = [&mut single, &mut shingled].map(|stream| {
        let all = scores(stream, &x);
        let start = x.len() - all.len();
        let usual = all[500 - start..1000 - start]
            .iter()
            .copied()
            .fold(0.0, f64::max);
        all[1008 - start] / usual
    });
    assert!(shingled > 1.5 && single < 1.0, "{shingled} {single}");
}

#[test]
fn the_sample_forgets() {
    let mut stream = small().time_decay(0.02).unwrap().build(1).unwrap();
    let low = normal(600, 1);
    let high: Vec<Vec<f64>> = low.iter().map(|x| vec![x[0] + 20.0]).collect();
    scores(&mut stream, &low);
    let at_first = score(&stream, &[20.0]);
    let early = score(&stream, &[0.0]);
    scores(&mut stream, &high);
    scores(&mut stream, &high);
    assert!(at_first > 10.0 * early, "{at_first} {early}");
    assert!(score(&stream, &[20.0]) < 5.0 * early);
    assert!(
        score(&stream, &[0.0]) > 5.0 * early,
        "the old level is unusual now"
    );
}

#[test]
fn warm_up_is_counted_down() {
    let config = small().shingle(4).unwrap().output_after(10).unwrap();
    let mut stream = config.build(1).unwrap();
    for remaining in (1..=13).rev() {
        assert!(stream.attribution(&[1.0]).unwrap().is_none());
        assert_eq!(
            stream.score_then_learn(&[1.0]).unwrap(),
            Score::Warmup { remaining }
        );
    }
    // Nothing but copies of one point: nothing would be displaced.
    assert_eq!(stream.score(&[1.0]).unwrap(), Score::Ready(0.0));
    assert!(score(&stream, &[2.0]) > 0.0);
    assert_eq!(stream.seen(), 13);
    stream.reset();
    assert_eq!(stream, config.build(1).unwrap());
}

#[test]
fn memory_stays_within_what_is_promised() {
    for (features, shingle) in [(1, 1), (3, 4)] {
        let config = small().shingle(shingle).unwrap();
        let mut stream = config.build(features).unwrap();
        scores(&mut stream, &normal(2000, features));
        let size = snapshot::to_bytes(&stream).unwrap().len();
        let promised = 30 * 256 * (24 * features * shingle + 72);
        assert!(size <= promised, "{size} > {promised}");
        let heap = stream.heap_bytes();
        assert!((promised / 2..=promised).contains(&heap), "{heap}");
    }
}

#[test]
fn value_stability() {
    let config = RandomCutForest::new()
        .trees(4)
        .unwrap()
        .sample_size(8)
        .unwrap();
    let config = config.output_after(10).unwrap().seed(42);
    let scores = scores(&mut config.build(2).unwrap(), &normal(13, 2));
    let expected = [
        2.635_499_983_338_679,
        1.406_326_855_388_810_9,
        1.564_251_507_313_071_8,
    ];
    for (score, expected) in scores.iter().zip(expected) {
        // The logarithms of the sample may differ in the last digit from platform to platform.
        assert!((score - expected).abs() < 1e-9, "{scores:?}");
    }
    assert_eq!(scores.len(), 3);
}

#[test]
fn parameters_outside_their_domain_are_refused_by_name() {
    let new = RandomCutForest::new;
    for (error, name) in [
        (new().trees(0).unwrap_err(), "trees"),
        (new().sample_size(1).unwrap_err(), "sample_size"),
        (new().shingle(0).unwrap_err(), "shingle"),
        (new().time_decay(f64::NAN).unwrap_err(), "time_decay"),
        (new().output_after(0).unwrap_err(), "output_after"),
        (new().build(0).unwrap_err(), "features"),
        (new().build(usize::MAX).unwrap_err(), "features"),
        (
            new().shingle(1000).unwrap().build(9).unwrap_err(),
            "shingle",
        ),
        (
            new().build(1).unwrap().learn(&[1e101]).unwrap_err(),
            "1e100",
        ),
        (
            new().build(2).unwrap().learn(&[0.0, f64::NAN]).unwrap_err(),
            "feature 1",
        ),
        (
            new().build(2).unwrap().learn(&[0.0]).unwrap_err(),
            "features",
        ),
    ] {
        assert!(error.to_string().contains(name), "{error}");
    }
}

fn tiny() -> RandomCutForest {
    let config = RandomCutForest::new().trees(3).unwrap();
    let config = config.sample_size(20).unwrap().output_after(5).unwrap();
    config.shingle(2).unwrap().time_decay(0.05).unwrap()
}

fn awkward() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => (-3..3_i32).prop_map(f64::from),
        2 => -1.0..1.0_f64,
        1 => prop::sample::select(vec![1e100, -1e100, 5e-324, -0.0, 1.0 + f64::EPSILON, 1e-300]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn any_stream_keeps_the_trees_consistent(
        x in prop::collection::vec(prop::collection::vec(awkward(), 2), 1..120),
    ) {
        let mut stream = tiny().build(2).unwrap();
        for x in &x {
            if let Score::Ready(score) = stream.score_then_learn(x).unwrap() {
                prop_assert!((0.0..=20.0).contains(&score), "{}", score);
            }
            stream.validate().unwrap();
        }
    }

    #[test]
    fn a_saved_detector_goes_on_as_if_never_stopped(k in 1..300_usize) {
        let x = normal(300, 2);
        let mut whole = tiny().build(2).unwrap();
        let all = scores(&mut whole, &x);
        let mut first = tiny().build(2).unwrap();
        let mut joined = scores(&mut first, &x[..k]);
        let bytes = snapshot::to_bytes(&first).unwrap();
        let mut second: RandomCutForestStream = snapshot::from_bytes(&bytes).unwrap();
        joined.extend(scores(&mut second, &x[k..]));
        prop_assert_eq!(all, joined);
        prop_assert_eq!(whole, second);
    }

    #[test]
    fn a_damaged_state_is_refused_or_works(
        places in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4), k in 1..100_usize,
    ) {
        let mut stream = tiny().build(2).unwrap();
        scores(&mut stream, &normal(k, 2));
        let mut json = serde_json::to_vec(&stream).unwrap();
        for &(place, value) in &places {
            let place = usize::from(place) % json.len();
            json[place] = b"0123456789-e.,"[usize::from(value) % 14];
        }
        if let Ok(mut stream) = serde_json::from_slice::<RandomCutForestStream>(&json)
            && stream.validate().is_ok()
        {
            let x = normal(60, stream.n_features());
            scores(&mut stream, &x);
        }
    }
}
