//! Agreement with river's half-space trees, and what holds for any;
//! `golden/generate_trees.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{Score, Snapshot, StreamDetector, snapshot};
use bongsu_stream::half_space_trees::{HalfSpace, Limits};
use bongsu_stream::{HalfSpaceTrees, HalfSpaceTreesStream};
use common::Lcg;
use proptest::prelude::*;
use serde_json::Value;

/// See `points` in the generator.
fn points(n: usize, features: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut rng = Lcg::new(seed);
    let mut point = |i: usize| {
        let centre = if rng.uniform() < 0.7 { 0.3 } else { 0.7 };
        let mut value = || {
            let u = rng.uniform();
            if i % 50 == 49 {
                1.4 * u - 0.2
            } else {
                centre + 0.2 * (u - 0.5) * u
            }
        };
        (0..features).map(|_| value()).collect()
    };
    (0..n).map(&mut point).collect()
}

fn river_trees(case: &Value) -> Vec<Vec<HalfSpace>> {
    let split = |text: &str| {
        let (feature, threshold) = text.split_once(':').unwrap();
        HalfSpace {
            feature: feature.parse().unwrap(),
            threshold: threshold.parse().unwrap(),
        }
    };
    let tree = |text: &Value| text.as_str().unwrap().split(' ').map(split).collect();
    case["trees"].as_array().unwrap().iter().map(tree).collect()
}

#[test]
fn scores_equal_river_given_its_trees() {
    let golden: Value = serde_json::from_str(include_str!("golden/half_space_trees.json")).unwrap();
    for (name, case) in golden.as_object().unwrap() {
        let number = |key: &str| case[key].as_u64().unwrap() as usize;
        let (features, window) = (number("features"), number("window"));
        let config = HalfSpaceTrees::new()
            .height(number("height") as u32)
            .unwrap();
        let config = config.window(window).unwrap();
        let trees = river_trees(case);
        let mut once = config.build_from(features, &trees).unwrap();
        let mut twice = once.clone();
        let masses = case["masses"].as_str().unwrap().split(' ');
        let masses: Vec<f64> = masses.map(|m| m.parse().unwrap()).collect();
        for (i, x) in points(masses.len(), features, 11).iter().enumerate() {
            let score = once.score_then_learn(x).unwrap();
            assert_eq!(twice.score(x).unwrap(), score);
            twice.learn(x).unwrap();
            if i < window {
                let remaining = (window - i) as u64;
                assert_eq!(score, Score::Warmup { remaining });
                continue;
            }
            let expected = 1.0 - masses[i] / number("most") as f64;
            let ours = score.ready().unwrap();
            assert!(
                (ours - expected).abs() <= 1e-12,
                "{name}[{i}]: {ours}, not {expected}"
            );
        }
        assert_eq!(once, twice);
    }
}

fn scores(stream: &mut HalfSpaceTreesStream, x: &[Vec<f64>]) -> Vec<f64> {
    let mut out = Vec::new();
    for x in x {
        out.extend(stream.score_then_learn(x).unwrap().ready());
    }
    out
}

/// A cluster of values between 0.4 and 0.6, scaled and moved.
fn cluster(n: usize, features: usize, scale: f64, offset: f64) -> Vec<Vec<f64>> {
    let mut rng = Lcg::new(8);
    let mut value = || offset + scale * (0.5 + 0.05 * rng.normal());
    (0..n)
        .map(|_| (0..features).map(|_| value()).collect())
        .collect()
}

#[test]
fn a_planted_outlier_scores_above_the_99th_percentile() {
    let limits = vec![(1e9, 1e9 + 100.0); 4];
    let auto = HalfSpaceTrees::new()
        .limits(Limits::Auto { points: 200 })
        .unwrap();
    let given = HalfSpaceTrees::new()
        .limits(Limits::Features(limits))
        .unwrap();
    for (config, scale, offset) in [
        (HalfSpaceTrees::new(), 1.0, 0.0),
        (HalfSpaceTrees::small(), 1.0, 0.0),
        (auto.clone(), 1e-9, 0.0),
        (auto, 100.0, 1e9),
        (given, 100.0, 1e9),
    ] {
        for seed in 0..5 {
            let mut stream = config.clone().seed(seed).build(4).unwrap();
            let mut normal = scores(&mut stream, &cluster(2000, 4, scale, offset));
            normal.sort_by(f64::total_cmp);
            let bound = normal[normal.len() * 99 / 100];
            for at in [0.05, 0.95, 1.5] {
                let mut outlier = cluster(1, 4, scale, offset).remove(0);
                outlier[2] = offset + scale * at;
                outlier[0] = offset + scale * (1.0 - at);
                let score = stream.score(&outlier).unwrap().ready().unwrap();
                assert!(score > bound, "{config:?} {at}: {score} <= {bound}");
            }
        }
    }
}

#[test]
fn a_constant_feature_and_extreme_values_do_no_harm() {
    let auto = HalfSpaceTrees::small()
        .limits(Limits::Auto { points: 50 })
        .unwrap();
    let mut stream = auto.window(100).unwrap().build(5).unwrap();
    let extremes = [f64::MAX, f64::MIN, 5e-324, 0.0, 1.0];
    for i in 0..1000 {
        let x = [
            3.7,
            extremes[i % 5],
            extremes[i / 5 % 2],
            1e-310,
            (i % 7) as f64,
        ];
        let score = stream.score_then_learn(&x).unwrap();
        assert_eq!(score.ready().is_some(), i >= 150);
        assert!(score.ready().is_none_or(|s| (0.0..=1.0).contains(&s)));
    }
    let usual = [3.7, 0.0, f64::MAX, 1e-310, 3.0];
    let moved = [9.9, 0.0, f64::MAX, 1e-310, 3.0];
    let [usual, moved] = [usual, moved].map(|x| stream.score(&x).unwrap().ready().unwrap());
    assert!(moved > usual);
    for wrong in [f64::NAN, f64::INFINITY] {
        let message = stream
            .learn(&[0.0, wrong, 0.0, 0.0, 0.0])
            .unwrap_err()
            .to_string();
        assert!(message.contains("feature 1"), "{message}");
    }
    assert!(stream.score(&[0.0]).is_err());
}

#[test]
fn memory_stays_within_what_is_promised() {
    for (config, most) in [
        (HalfSpaceTrees::new(), 64 << 10),
        (HalfSpaceTrees::small(), 8000),
        (
            HalfSpaceTrees::new()
                .limits(Limits::Auto { points: 100 })
                .unwrap(),
            64 << 10,
        ),
    ] {
        let mut stream = config.build(10).unwrap();
        scores(&mut stream, &cluster(3000, 10, 1.0, 0.0));
        let size = snapshot::to_bytes(&stream).unwrap().len();
        assert!(size <= most, "{size}");
        let heap = stream.heap_bytes();
        assert!((most / 2..=most).contains(&heap), "{heap}");
    }
}

#[test]
fn value_stability() {
    let config = HalfSpaceTrees::small().window(50).unwrap().seed(42);
    let scores = scores(&mut config.build(2).unwrap(), &points(53, 2, 1));
    let expected = [
        0.806_834_645_669_291_3,
        0.523_937_007_874_015_8,
        0.472_787_401_574_803_15,
    ];
    assert_eq!(scores, expected);
}

#[test]
fn parameters_outside_their_domain_are_refused_by_name() {
    let new = HalfSpaceTrees::new;
    let wide = new().trees(1000).unwrap().height(15).unwrap();
    let limits = |low, high| new().limits(Limits::Features(vec![(low, high)]));
    for (error, name) in [
        (new().trees(0).unwrap_err(), "trees"),
        (new().height(16).unwrap_err(), "height"),
        (new().window(65_536).unwrap_err(), "window"),
        (wide.build(1).unwrap_err(), "2^height"),
        (new().build(0).unwrap_err(), "features"),
        (new().build(257).unwrap_err(), "features"),
        (limits(1.0, 1.0).unwrap_err(), "limits"),
        (limits(f64::NAN, 1.0).unwrap_err(), "limits"),
        (limits(0.0, 1.0).unwrap().build(2).unwrap_err(), "limits"),
        (
            new().limits(Limits::Auto { points: 1 }).unwrap_err(),
            "points",
        ),
        (new().build_from(2, &[]).unwrap_err(), "trees"),
        (new().build_from(2, &[vec![]]).unwrap_err(), "tree 0"),
    ] {
        assert!(error.to_string().contains(name), "{error}");
    }
}

fn configurations() -> [HalfSpaceTrees; 3] {
    let small = HalfSpaceTrees::small()
        .trees(3)
        .unwrap()
        .window(40)
        .unwrap();
    let long = small.clone().window(300).unwrap();
    let auto = small.clone().limits(Limits::Auto { points: 60 }).unwrap();
    [small, long, auto]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn a_saved_detector_goes_on_as_if_never_stopped(k in 1..700_usize) {
        let x = points(700, 3, 5);
        for config in configurations() {
            let mut whole = config.build(3).unwrap();
            let all = scores(&mut whole, &x);
            let mut first = config.build(3).unwrap();
            let mut joined = scores(&mut first, &x[..k]);
            let bytes = snapshot::to_bytes(&first).unwrap();
            let mut second: HalfSpaceTreesStream = snapshot::from_bytes(&bytes).unwrap();
            joined.extend(scores(&mut second, &x[k..]));
            prop_assert_eq!(&all, &joined);
            prop_assert_eq!(&whole, &second);
            second.reset();
            prop_assert_eq!(&second, &config.build(3).unwrap());
        }
    }

    #[test]
    fn a_damaged_state_is_refused_or_works(
        places in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4), k in 1..400_usize,
    ) {
        for config in configurations() {
            let mut stream = config.build(3).unwrap();
            scores(&mut stream, &points(k, 3, 5));
            let mut json = serde_json::to_vec(&stream).unwrap();
            for &(place, value) in &places {
                let place = usize::from(place) % json.len();
                json[place] = b"0123456789-e.,"[usize::from(value) % 14];
            }
            if let Ok(mut stream) = serde_json::from_slice::<HalfSpaceTreesStream>(&json)
                && stream.validate().is_ok()
            {
                let x = points(100, stream.n_features(), 6);
                scores(&mut stream, &x);
            }
        }
    }
}
