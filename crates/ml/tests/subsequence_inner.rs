//! Detectors of tables on the windows of a series: a planted discord is found.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector, FitDetector, Rows};
use bongsu_ml::{IsolationForest, KMeans, Knn, Subsequences, WindowScaling};

const PERIOD: usize = 32;
const LENGTH: usize = 62 * PERIOD;
const ODD: std::ops::Range<usize> = 900..932;

/// A noisy sine in which one period, `ODD`, has twice the frequency, and a straight copy of it
/// without.
fn series() -> (Array2<f64>, Array2<f64>) {
    let noise = |i: usize| ((i * 7919 + i * i * 31) % 1009) as f64 / 1009.0 - 0.5;
    let at = |i: usize, times: f64| {
        let phase = i as f64 * std::f64::consts::TAU / PERIOD as f64;
        (times * phase).sin() + 0.1 * noise(i)
    };
    let with = |i| at(i, if ODD.contains(&i) { 2.0 } else { 1.0 });
    (
        Array2::from_shape_fn((LENGTH, 1), |(i, _)| with(i)),
        Array2::from_shape_fn((LENGTH, 1), |(i, _)| at(i, 1.0)),
    )
}

/// The highest score outside the discord and what it touches, and the highest of all with its
/// place.
fn peaks(scores: &[f64]) -> (f64, f64, usize) {
    let place = (0..scores.len())
        .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
        .unwrap();
    let near = ODD.start - PERIOD..ODD.end + PERIOD;
    let outside = (0..scores.len()).filter(|i| !near.contains(i));
    let outside = outside.map(|i| scores[i]).fold(f64::MIN, f64::max);
    (outside, scores[place], place)
}

fn finds_the_discord<C: FitDetector>(config: Subsequences<C>, factor: f64) {
    let (x, normal) = series();
    let config = config.window(PERIOD).unwrap();
    let (_, learned) = config.fit_score(&Rows::untimed(x.view())).unwrap();
    let new = config.fit(normal.view()).unwrap().score(x.view()).unwrap();
    for scores in [learned, new] {
        let (outside, highest, place) = peaks(&scores);
        assert!(ODD.contains(&place), "the highest score is at {place}");
        assert!(highest > factor * outside, "{highest} against {outside}");
    }
}

#[test]
fn isolation_forest_finds_a_discord() {
    for seed in 0..3 {
        finds_the_discord(Subsequences::new(IsolationForest::new().seed(seed)), 1.0);
    }
}

#[test]
fn kmeans_finds_a_discord() {
    for seed in 0..3 {
        let inner = KMeans::new().clusters(16).unwrap().seed(seed);
        finds_the_discord(Subsequences::new(inner), 1.5);
    }
    let centered = Subsequences::kmeans_ad().scaling(WindowScaling::Center);
    let (x, normal) = series();
    let fitted = centered.window(PERIOD).unwrap().fit(normal.view()).unwrap();
    let (outside, highest, place) = peaks(&fitted.score(x.view()).unwrap());
    assert!(ODD.contains(&place) && highest > 2.0 * outside);
}

#[test]
fn neighbours_find_a_discord_among_new_windows() {
    let (x, normal) = series();
    let config = Subsequences::new(Knn::new()).window(PERIOD).unwrap();
    let fitted = config.fit(normal.view()).unwrap();
    let (outside, highest, place) = peaks(&fitted.score(x.view()).unwrap());
    assert!(ODD.contains(&place) && highest > 2.0 * outside);
}

/// Windows that start a few rows apart are alike whatever the series does. On a noisy series the
/// neighbours one period away are as near, so that a discord still stands out; and windows that
/// do not overlap have no trivial matches at all.
#[test]
fn neighbours_find_a_discord_among_training_windows() {
    let (x, _) = series();
    for stride in [1, PERIOD / 4, PERIOD] {
        let config = Subsequences::new(Knn::new())
            .window(PERIOD)
            .unwrap()
            .stride(stride)
            .unwrap();
        let (_, scores) = config.fit_score(&Rows::untimed(x.view())).unwrap();
        let (outside, highest, place) = peaks(&scores);
        let near = ODD.start - PERIOD..ODD.end + PERIOD;
        assert!(near.contains(&place), "stride {stride}: {place}");
        assert!(
            highest > 1.5 * outside,
            "stride {stride}: {highest} {outside}"
        );
    }
}
