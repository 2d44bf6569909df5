//! What holds for micro-clusters and LODA.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{Score, Snapshot, StreamDetector, snapshot};
use bongsu_stream::{Loda, LodaStream, MicroClusters, MicroClustersStream};
use common::Lcg;
use proptest::prelude::*;

/// Normal points, feature `j` in the unit `10^(3 j)`, the second one along the first.
fn normal(n: usize, features: usize) -> Vec<Vec<f64>> {
    let mut rng = Lcg::new(4);
    let mut point = || {
        let mut x: Vec<f64> = (0..features).map(|_| rng.normal()).collect();
        if features > 1 {
            x[1] = 0.95 * x[0] + 0.3 * x[1];
        }
        scaled(&x)
    };
    (0..n).map(|_| point()).collect()
}

fn scaled(x: &[f64]) -> Vec<f64> {
    let unit = |j| 10_f64.powi(3 * j);
    (0..).zip(x).map(|(j, x)| x * unit(j)).collect()
}

fn scores(stream: &mut dyn StreamDetector, x: &[Vec<f64>]) -> Vec<f64> {
    let mut out = Vec::new();
    for x in x {
        out.extend(stream.score_then_learn(x).unwrap().ready());
    }
    out
}

fn score(stream: &dyn StreamDetector, x: &[f64]) -> f64 {
    stream.score(x).unwrap().ready().unwrap()
}

fn percentile_99(mut scores: Vec<f64>) -> f64 {
    scores.sort_by(f64::total_cmp);
    scores[scores.len() * 99 / 100]
}

fn boxed(features: usize, seed: u64) -> [Box<dyn StreamDetector>; 2] {
    [
        Box::new(MicroClusters::new().build(features).unwrap()),
        Box::new(Loda::new().seed(seed).build(features).unwrap()),
    ]
}

#[test]
fn a_planted_outlier_scores_above_the_99th_percentile() {
    for seed in 0..5 {
        for mut stream in boxed(4, seed) {
            let bound = percentile_99(scores(stream.as_mut(), &normal(2500, 4)));
            for x in [
                [6.0, 6.0, 0.0, 0.0],
                [0.0, 0.0, -6.0, 0.0],
                [0.0, 0.0, 0.0, 9.0],
                [1e9, 0.0, 0.0, 0.0],
                [3.5, -3.5, 0.0, 0.0],
            ] {
                let score = score(stream.as_ref(), &scaled(&x));
                assert!(score > bound, "{stream:?} {x:?}: {score} <= {bound}");
            }
        }
    }
}

#[test]
fn contributions_name_the_feature() {
    let mut clusters = MicroClusters::new().build(6).unwrap();
    let mut loda = Loda::new().build(6).unwrap();
    assert_eq!(clusters.contributions(&[0.0; 6]).unwrap(), None);
    assert_eq!(loda.contributions(&[0.0; 6]).unwrap(), None);
    for x in normal(2000, 6) {
        clusters.learn(&x).unwrap();
        loda.learn(&x).unwrap();
    }
    for feature in 0..6 {
        let mut x = [0.0; 6];
        x[feature] = -8.0;
        let x = scaled(&x);
        let parts = clusters.contributions(&x).unwrap().unwrap();
        let sum: f64 = parts.iter().sum();
        assert!((sum - score(&clusters, &x)).abs() < 1e-12);
        assert!(parts[feature] > 0.5 * sum, "{feature}: {parts:?}");
        let parts = loda.contributions(&x).unwrap().unwrap();
        let others = (0..6).filter(|&j| j != feature).map(|j| parts[j]);
        assert!(parts[feature] > others.fold(0.0, f64::max), "{parts:?}");
    }
    assert!(clusters.contributions(&[0.0; 5]).is_err());
    assert!(loda.contributions(&[f64::NAN; 6]).is_err());
    let mut single = Loda::new().build(1).unwrap();
    scores(&mut single, &normal(200, 1));
    let parts = single.contributions(&[5.0]).unwrap().unwrap();
    assert!(parts[0] > 0.0 && parts[0].is_finite());
}

#[test]
fn anomalies_do_not_hide_the_next_one_but_a_new_level_is_learned() {
    for mut stream in boxed(3, 1) {
        let normal_scores = scores(stream.as_mut(), &normal(4000, 3));
        let bound = percentile_99(normal_scores);
        let shifted: Vec<Vec<f64>> = normal(2000, 3)
            .iter()
            .map(|x| vec![x[0] + 12.0, x[1] + 12_000.0, x[2]])
            .collect();
        let first = scores(stream.as_mut(), &shifted[..5]);
        assert!(first.iter().all(|&s| s > bound), "{first:?} {bound}");
        let later = scores(stream.as_mut(), &shifted[5..]);
        let last = &later[1500..];
        let above = last.iter().filter(|&&s| s > bound).count();
        assert!(
            above < last.len() / 10,
            "{stream:?}: {above} of {}",
            last.len()
        );
    }
    // A new level weighs enough after 1.44 core half_life / clusters points, which is 40.
    let mut stream = MicroClusters::new().build(1).unwrap();
    scores(&mut stream, &normal(10_000, 1));
    let level = vec![vec![40.0]; 60];
    let scores = scores(&mut stream, &level);
    assert!(scores[20] > 5.0, "{scores:?}");
    assert!(scores[41] < 1e-9, "{scores:?}");
}

#[test]
fn constants_duplicates_and_extreme_values_do_no_harm() {
    let extremes = [1e100, -1e100, 5e-324, 0.0, 1.0, -1e-12, 1e12];
    for mut stream in boxed(5, 0) {
        for i in 0..3000 {
            let x = [
                3.7,
                extremes[i % 7],
                if i < 1500 { 0.0 } else { (i % 11) as f64 },
                1e-310,
                1e12 + 1e-12 * (i % 3) as f64,
            ];
            let score = stream.score_then_learn(&x).unwrap();
            assert_eq!(score.ready().is_some(), i >= 100);
            assert!(
                score.ready().is_none_or(|s| s.is_finite() && s >= 0.0),
                "{stream:?} {score:?}"
            );
        }
        let usual = [3.7, 0.0, 5.0, 1e-310, 1e12];
        let moved = [9.9, 0.0, 5.0, 1e-310, 1e12];
        assert!(score(stream.as_ref(), &moved) > score(stream.as_ref(), &usual));
    }
    for mut stream in boxed(2, 0) {
        let scores = scores(stream.as_mut(), &vec![vec![1e12, -1e-12]; 20_000]);
        assert!(scores.iter().all(|s| s.is_finite()));
        let same = score(stream.as_ref(), &[1e12, -1e-12]);
        assert!(same < 0.1, "{same}");
        assert!(score(stream.as_ref(), &[1e12, 1e-12]) > 1.0);
    }
}

#[test]
fn wrong_points_are_refused_and_change_nothing() {
    let wrong: [&[f64]; 5] = [
        &[f64::NAN, 0.0],
        &[0.0, f64::INFINITY],
        &[0.0],
        &[0.0; 3],
        &[1e101, 0.0],
    ];
    let mut clusters = MicroClusters::new().build(2).unwrap();
    let mut loda = Loda::new().build(2).unwrap();
    scores(&mut clusters, &normal(300, 2));
    scores(&mut loda, &normal(300, 2));
    let (clusters_before, loda_before) = (clusters.clone(), loda.clone());
    for x in wrong {
        assert!(clusters.score(x).is_err());
        assert!(clusters.learn(x).is_err());
        assert!(clusters.score_then_learn(x).is_err());
        assert!(loda.score(x).is_err());
        assert!(loda.learn(x).is_err());
        assert!(loda.score_then_learn(x).is_err());
    }
    assert_eq!(clusters, clusters_before);
    assert_eq!(loda, loda_before);
    let message = loda.learn(wrong[1]).unwrap_err().to_string();
    assert!(message.contains("feature 1"), "{message}");
}

#[test]
fn scoring_apart_from_learning_gives_the_same() {
    for (mut once, mut twice) in boxed(3, 2).into_iter().zip(boxed(3, 2)) {
        for x in normal(400, 3) {
            let score = once.score_then_learn(&x).unwrap();
            assert_eq!(twice.score(&x).unwrap(), score);
            twice.learn(&x).unwrap();
        }
        assert_eq!(format!("{once:?}"), format!("{twice:?}"));
        once.reset();
        assert_eq!(
            once.score(&[0.0; 3]).unwrap(),
            Score::Warmup { remaining: 100 }
        );
        assert_eq!(once.seen(), 0);
    }
}

#[test]
fn memory_stays_within_what_is_promised() {
    let mut clusters = MicroClusters::new().build(5).unwrap();
    let mut loda = Loda::new().build(5).unwrap();
    scores(&mut clusters, &normal(5000, 5));
    scores(&mut loda, &normal(5000, 5));
    let clusters_promise = 8 * 50 * 6 + 24 * 5;
    let loda_promise = 100 * (4 * 64 + 10 * 2) + 24 * 5;
    assert_eq!(clusters.heap_bytes(), clusters_promise);
    assert_eq!(loda.heap_bytes(), loda_promise);
    let size = snapshot::to_bytes(&clusters).unwrap().len();
    assert!(size <= clusters_promise + 200, "{size}");
    let size = snapshot::to_bytes(&loda).unwrap().len();
    assert!(size <= loda_promise + 200, "{size}");
}

#[test]
fn counts_go_on_when_they_are_divided() {
    // With this half-life what a point counts reaches its most every 200 points.
    let mut stream = Loda::new().half_life(10).unwrap().build(2).unwrap();
    let scores = scores(&mut stream, &normal(3000, 2));
    assert!(scores.iter().all(|&s| (0.5..5.0).contains(&s)));
    stream.validate().unwrap();
}

#[test]
fn value_stability() {
    let x = normal(103, 2);
    let close = |ours: &[f64], expected: [f64; 3]| {
        let same = ours.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(same && ours.len() == 3, "{ours:?}");
    };
    let mut clusters = MicroClusters::new().build(2).unwrap();
    close(
        &scores(&mut clusters, &x),
        [
            0.236_304_220_715_473_47,
            0.133_644_125_798_170_06,
            0.072_610_185_379_155_69,
        ],
    );
    let mut loda = Loda::new().seed(42).build(2).unwrap();
    close(
        &scores(&mut loda, &x),
        [
            2.232_362_947_295_611,
            3.199_336_411_036_626,
            2.326_860_695_875_495,
        ],
    );
}

#[test]
fn parameters_outside_their_domain_are_refused_by_name() {
    let (m, l) = (MicroClusters::new, Loda::new);
    let wide = l().projections(10_000).unwrap().bins(4096).unwrap();
    let many = m().clusters(10_000).unwrap();
    for (error, name) in [
        (m().clusters(1).unwrap_err(), "clusters"),
        (m().half_life(9).unwrap_err(), "half_life"),
        (m().radius(0.0).unwrap_err(), "radius"),
        (m().radius(f64::NAN).unwrap_err(), "radius"),
        (m().core(1.5).unwrap_err(), "core"),
        (m().warmup(31).unwrap_err(), "warmup"),
        (m().build(0).unwrap_err(), "features"),
        (many.build(1000).unwrap_err(), "clusters * features"),
        (m().build(usize::MAX).unwrap_err(), "features"),
        (l().projections(0).unwrap_err(), "projections"),
        (l().bins(3).unwrap_err(), "bins"),
        (l().half_life(0).unwrap_err(), "half_life"),
        (l().warmup(0).unwrap_err(), "warmup"),
        (wide.build(1).unwrap_err(), "projections * bins"),
        (l().build(0).unwrap_err(), "features"),
        (l().build(65_537).unwrap_err(), "features"),
    ] {
        assert!(error.to_string().contains(name), "{error}");
    }
}

fn small() -> (MicroClusters, Loda) {
    let clusters = MicroClusters::new().clusters(8).unwrap();
    let loda = Loda::new().projections(6).unwrap().bins(16).unwrap();
    (
        clusters.half_life(50).unwrap(),
        loda.half_life(50).unwrap().seed(5),
    )
}

fn goes_on<T>(fresh: &T, x: &[Vec<f64>], k: usize)
where
    T: Snapshot + StreamDetector + Clone + PartialEq,
{
    let mut whole = fresh.clone();
    let all = scores(&mut whole, x);
    let mut first = fresh.clone();
    let mut joined = scores(&mut first, &x[..k]);
    let mut second: T = snapshot::from_bytes(&snapshot::to_bytes(&first).unwrap()).unwrap();
    joined.extend(scores(&mut second, &x[k..]));
    assert_eq!(all, joined);
    assert_eq!(whole, second);
    second.reset();
    assert_eq!(&second, fresh);
}

fn works_or_is_refused<T>(stream: &T, places: &[(u16, u8)])
where
    T: Snapshot + StreamDetector,
{
    let mut json = serde_json::to_vec(stream).unwrap();
    for &(place, value) in places {
        let place = usize::from(place) % json.len();
        json[place] = b"0123456789-e.,"[usize::from(value) % 14];
    }
    if let Ok(mut stream) = serde_json::from_slice::<T>(&json)
        && stream.validate().is_ok()
    {
        for x in normal(100, 3) {
            // Another number of features is refused.
            if let Ok(score) = stream.score_then_learn(&x) {
                assert!(score.ready().is_none_or(|s| !s.is_nan()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn a_saved_detector_goes_on_as_if_never_stopped(k in 1..700_usize) {
        let x = normal(700, 3);
        let (clusters, loda) = small();
        goes_on::<MicroClustersStream>(&clusters.build(3).unwrap(), &x, k);
        goes_on::<LodaStream>(&loda.build(3).unwrap(), &x, k);
    }

    #[test]
    fn a_damaged_state_is_refused_or_works(
        places in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4), k in 1..400_usize,
    ) {
        let (clusters, loda) = small();
        let (mut clusters, mut loda) = (clusters.build(3).unwrap(), loda.build(3).unwrap());
        scores(&mut clusters, &normal(k, 3));
        scores(&mut loda, &normal(k, 3));
        works_or_is_refused(&clusters, &places);
        works_or_is_refused(&loda, &places);
    }

    #[test]
    fn any_points_give_scores_that_are_numbers(
        x in prop::collection::vec(prop::array::uniform2(-1e100..1e100_f64), 150..300),
        powers in prop::array::uniform2(-300..1_i32),
    ) {
        for mut stream in boxed(2, 0) {
            for x in &x {
                let x: Vec<f64> = x.iter().zip(powers).map(|(x, p)| x * 10_f64.powi(p)).collect();
                let score = stream.score_then_learn(&x).unwrap();
                prop_assert!(score.ready().is_none_or(|s| s.is_finite() && s >= 0.0));
            }
        }
    }
}
