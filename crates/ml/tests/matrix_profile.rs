//! Matrix profile: agreement with `stumpy` (`golden/generate_matrix_profile.py`), with a plain
//! comparison, and at the edges.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, ArrayView2, array};
use bongsu_core::{Detector, ErrorKind, FitDetector, Rows, snapshot};
use bongsu_ml::matrix_profile::{DiscordSearch, join, self_join};
use bongsu_ml::{FittedMatrixProfile, MatrixProfile};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn assert_same(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (&a, &b)) in ours.iter().zip(theirs).enumerate() {
        let close = a == b || (a - b).abs() <= 1e-6;
        assert!(close, "{what}[{i}]: {a} instead of {b}");
    }
}

/// Deterministic values in [-0.5, 0.5).
fn noise(points: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..points).map(|_| next()).collect()
}

/// A noisy wave of period 25.
fn wave(points: usize) -> Vec<f64> {
    let noise = noise(points, 3).into_iter().enumerate();
    noise
        .map(|(i, e)| (i as f64 / 4.0).sin() + 0.2 * e)
        .collect()
}

fn column(series: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((series.len(), 1), series).unwrap()
}

#[test]
fn profiles_equal_the_reference() {
    let golden: Value = serde_json::from_str(include_str!("golden/matrix_profile.json")).unwrap();
    let wave = numbers(&golden["wave"]["x"]);
    for (name, case) in golden.as_object().unwrap() {
        let m = case["m"].as_u64().unwrap() as usize;
        let x = numbers(&case["x"]);
        let own = self_join(&x, m).unwrap();
        let both = own.both();
        assert_same(name, &both.distances, &numbers(&case["self"]));
        assert_same(
            &format!("{name} left"),
            &own.left.distances,
            &numbers(&case["left"]),
        );
        let other = case["other"].as_str().map(|_| numbers(&case["other"]));
        let profile = join(&x, other.as_ref().unwrap_or(&wave), m).unwrap();
        assert_same(
            &format!("{name} join"),
            &profile.distances,
            &numbers(&case["join"]),
        );
        if case["starts"].is_string() {
            let starts = numbers(&case["starts"]);
            let ours = both.neighbours.iter().map(|s| f64::from(s.unwrap()));
            assert_eq!(ours.collect::<Vec<_>>(), starts, "{name}");
        }
    }
}

/// The distance of two subsequences, by its definition.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let normal = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let squares: f64 = x.iter().map(|v| (v - mean) * (v - mean)).sum();
        let deviation = (squares / x.len() as f64).sqrt();
        x.iter().map(|v| (v - mean) / deviation).collect::<Vec<_>>()
    };
    let (a, b) = (normal(a), normal(b));
    a.iter()
        .zip(&b)
        .map(|(a, b)| (a - b) * (a - b))
        .sum::<f64>()
        .sqrt()
}

proptest! {
    /// Lengths around the numbers of diagonals that are followed at once.
    #[test]
    fn joins_equal_the_definition(n in 12_usize..90, k in 12_usize..90, m in 3_usize..12, seed in 0_u64..1000) {
        let (a, b) = (noise(n, seed), noise(k, seed + 7));
        let least = |i: usize, of: &[f64], allowed: &dyn Fn(usize) -> bool| {
            let subsequences = of.windows(m).enumerate().filter(|(j, _)| allowed(*j));
            subsequences.fold(f64::INFINITY, |least, (_, s)| least.min(distance(&a[i..i + m], s)))
        };
        let own = self_join(&a, m).unwrap();
        let other = join(&a, &b, m).unwrap();
        let zone = m.div_ceil(4);
        for i in 0..=n - m {
            let expected = [
                (own.left.distances[i], least(i, &a, &|j| j + zone < i)),
                (own.right.distances[i], least(i, &a, &|j| i + zone < j)),
                (other.distances[i], least(i, &b, &|_| true)),
            ];
            for (ours, expected) in expected {
                prop_assert!(ours == expected || (ours - expected).abs() < 1e-6, "{i}: {ours} {expected}");
            }
            if let Some(place) = other.neighbours[i] {
                let found = distance(&a[i..i + m], &b[place as usize..place as usize + m]);
                prop_assert!((found - other.distances[i]).abs() < 1e-6);
            }
        }
    }

    /// Scale and offset of a series do not matter.
    #[test]
    fn profiles_do_not_depend_on_the_unit(exponent in -900_i32..900) {
        let x = wave(300);
        let scaled: Vec<f64> = x.iter().map(|v| v * 2.0_f64.powi(exponent)).collect();
        prop_assert_eq!(self_join(&x, 20).unwrap(), self_join(&scaled, 20).unwrap());
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let x = wave(9_000);
    let profile = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| self_join(&x, 30).unwrap())
    };
    assert_eq!(profile(1), profile(3));
}

/// An anomaly of shape, not of level.
fn with_discord(points: usize, at: usize) -> Vec<f64> {
    let mut x = wave(points);
    for (i, value) in x.iter_mut().enumerate().skip(at).take(20) {
        *value = (i as f64 / 1.3).sin();
    }
    x
}

#[test]
fn the_discord_is_that_of_the_left_profile() {
    for (points, at, m, start) in [
        (6_000, 4_321, 50, 500),
        (3_000, 700, 33, 100),
        (900, 500, 100, 200),
    ] {
        let x = with_discord(points, at);
        let left = self_join(&x, m).unwrap().left.distances;
        let mut search = DiscordSearch::new(&x, m, start).unwrap();
        let mut calls = 0;
        while search.advance(200_000).unwrap() {
            calls += 1;
            assert!(search.discord().is_some());
        }
        assert!(points < 1_000 || calls > 1, "{calls}");
        let best = (start..left.len())
            .max_by(|&a, &b| left[a].total_cmp(&left[b]))
            .unwrap();
        let found = search.discord().unwrap();
        assert_eq!(found.start, best);
        assert!((found.distance - left[best]).abs() < 1e-9);
        // Approximate elsewhere: never below the truth.
        let bounds = search.profile().distances;
        for i in start..left.len() {
            assert!(
                bounds[i] >= left[i] - 1e-6,
                "{i}: {} below {}",
                bounds[i],
                left[i]
            );
        }
        if points > 5_000 {
            let all = (points * points / 2) as u64;
            assert!(search.comparisons() < all / 2, "{}", search.comparisons());
        }
    }
}

#[test]
fn planted_shapes_score_highest_by_every_mode() {
    let x = with_discord(2_000, 1_500);
    for windows in [vec![50], vec![25, 50, 80]] {
        for causal in [false, true] {
            let config = MatrixProfile::new()
                .windows(windows.clone())
                .unwrap()
                .causal(causal);
            let (fitted, scores) = config.fit_score(&Rows::untimed(column(&x))).unwrap();
            assert!(scores.iter().all(|s| (0.0..=1.0).contains(s)));
            let highest = (300..2_000).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            let highest = highest.unwrap();
            assert!(
                (1_490..1_580).contains(&highest),
                "{windows:?} {causal}: {highest}"
            );
            assert!(scores[highest] > fitted.threshold().unwrap());
            // New rows: the same shape is found against the part without it.
            let fitted = config.fit(column(&x[..1_000])).unwrap();
            let new = fitted.score(column(&x[1_200..])).unwrap();
            let highest = (90..800)
                .max_by(|&a, &b| new[a].total_cmp(&new[b]))
                .unwrap();
            assert!(
                (290..380).contains(&highest),
                "{windows:?} {causal}: {highest}"
            );
        }
    }
}

/// A strange shape that has been seen, however long ago, is no discord.
#[test]
fn the_discord_is_compared_with_all_that_was_before() {
    let mut x = with_discord(6_000, 600);
    let seen: Vec<f64> = x[590..640].to_vec();
    x[5_000..5_050].copy_from_slice(&seen);
    // The true discord: half a wave upside down.
    for value in &mut x[3_000..3_013] {
        *value = 1.5 - *value;
    }
    let left = self_join(&x, 40).unwrap().left.distances;
    let expected = (1_000..left.len()).max_by(|&a, &b| left[a].total_cmp(&left[b]));
    let mut search = DiscordSearch::new(&x, 40, 1_000).unwrap();
    assert!(!search.advance(u64::MAX).unwrap());
    assert_eq!(search.discord().map(|found| found.start), expected);
    assert!((2_950..3_010).contains(&expected.unwrap()));
}

/// What comes later changes nothing.
#[test]
fn causal_scores_only_use_the_past() {
    let x = with_discord(1_000, 700);
    let config = MatrixProfile::new().window(40).unwrap().causal(true);
    let scores = |end: usize| {
        config
            .fit_score(&Rows::untimed(column(&x[..end])))
            .unwrap()
            .1
    };
    let (all, part) = (scores(1_000), scores(600));
    for (i, (a, b)) in all.iter().zip(&part).enumerate() {
        assert!((a - b).abs() < 1e-9, "{i}: {a} {b}");
    }
    assert_eq!(all[..39], [0.0; 39]);
}

#[test]
fn parameters_and_inputs_outside_their_domain_are_refused() {
    assert!(MatrixProfile::new().window(2).is_err());
    assert!(MatrixProfile::new().window(usize::MAX).is_err());
    assert!(MatrixProfile::new().windows(vec![]).is_err());
    assert!(MatrixProfile::new().contamination(0.0).is_err());
    let config = MatrixProfile::new().window(10).unwrap();
    let fit = |x: ArrayView2<'_, f64>| config.fit(x).unwrap_err().kind();
    assert_eq!(fit(column(&[1.0; 19])), ErrorKind::InvalidParameter);
    assert_eq!(fit(column(&[])), ErrorKind::InvalidParameter);
    assert_eq!(fit(Array2::zeros((40, 2)).view()), ErrorKind::Shape);
    assert_eq!(fit(column(&[f64::NAN; 40])), ErrorKind::NonFinite);
    let fitted = config.fit(column(&wave(40))).unwrap();
    let score = |x: ArrayView2<'_, f64>| fitted.score(x).unwrap_err().kind();
    assert_eq!(score(array![[1.0]].view()), ErrorKind::NotEnoughData);
    assert_eq!(score(Array2::zeros((40, 2)).view()), ErrorKind::Shape);
    assert!(self_join(&[1.0, 2.0], 3).is_err() && self_join(&[1.0; 9], 0).is_err());
    assert!(join(&[1.0; 9], &[1.0; 4], 5).is_err());
    assert!(DiscordSearch::new(&wave(100), 10, 19).is_err());
    assert!(DiscordSearch::new(&wave(100), 10, 91).is_err());
}

/// Constant, extreme and nearly constant series have scores.
#[test]
fn no_finite_series_gives_nan() {
    let mut spikes = vec![0.0; 200];
    spikes[77] = f64::MAX;
    spikes[120] = -f64::MAX;
    let steps: Vec<f64> = (0..200).map(|i| 1e9 + f64::from(i / 50) * 1e-7).collect();
    let tiny: Vec<f64> = wave(200).iter().map(|v| v * 1e-308).collect();
    for x in [vec![4.2; 200], vec![0.0; 200], spikes, steps, tiny] {
        let config = MatrixProfile::new().window(20).unwrap();
        let (fitted, scores) = config.fit_score(&Rows::untimed(column(&x))).unwrap();
        let new = fitted.score(column(&wave(90))).unwrap();
        for score in scores.into_iter().chain(new) {
            assert!((0.0..=1.0).contains(&score), "{score}");
        }
    }
}

#[test]
fn snapshots_give_the_same_scores_and_take_the_stated_room() {
    let x = wave(700);
    let fitted = MatrixProfile::new()
        .window(25)
        .unwrap()
        .fit(column(&x))
        .unwrap();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    assert!(bytes.len() <= 700 * 8 + 100, "{}", bytes.len());
    let again: FittedMatrixProfile = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(fitted, again);
}
