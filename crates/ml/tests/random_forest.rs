//! The random forest against scikit-learn, whose results `golden/generate_forest.py` writes,
//! against a search of every split, and what holds for any table.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, Axis, array};
use bongsu_core::snapshot;
use bongsu_ml::random_forest::MaxFeatures;
use bongsu_ml::{FittedRandomForest, RandomForest};
use proptest::prelude::*;
use serde_json::Value;

mod forest_common;
use forest_common::{any_table, noise, numbers};

struct Case {
    name: String,
    x: Array2<f64>,
    y: Vec<f64>,
    golden: Value,
}

fn table(golden: &Value, columns: usize) -> Array2<f64> {
    let values = numbers(golden);
    Array2::from_shape_vec((values.len() / columns, columns), values).unwrap()
}

fn cases() -> Vec<Case> {
    let golden: Value = serde_json::from_str(include_str!("golden/random_forest.json")).unwrap();
    let case = |(name, golden): (&String, &Value)| Case {
        name: name.clone(),
        x: table(&golden["x"], golden["columns"].as_u64().unwrap() as usize),
        y: numbers(&golden["y"]),
        golden: golden.clone(),
    };
    golden.as_object().unwrap().iter().map(case).collect()
}

fn r2_unseen(forest: &FittedRandomForest) -> f64 {
    forest.out_of_bag().unwrap().r2()
}

fn sum_of_squares(y: &[f64]) -> f64 {
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    y.iter().map(|v| (v - mean).powi(2)).sum()
}

#[test]
fn out_of_bag_accuracy_is_that_of_the_reference() {
    for case in cases() {
        for (key, features) in [
            ("out_of_bag", MaxFeatures::All),
            ("out_of_bag_sqrt", MaxFeatures::Sqrt),
        ] {
            let config = RandomForest::new().max_features(features).unwrap();
            let fit = |seed| {
                config
                    .clone()
                    .seed(seed)
                    .fit(case.x.view(), &case.y)
                    .unwrap()
            };
            let mean = (0..20).map(|seed| r2_unseen(&fit(seed))).sum::<f64>() / 20.0;
            let theirs = case.golden[key].as_f64().unwrap();
            // Twenty forests of few rows still differ by chance.
            let tolerance = if case.x.nrows() < 100 { 0.05 } else { 0.02 };
            assert!(
                (mean - theirs).abs() < tolerance,
                "{}: {mean} instead of {theirs}",
                case.name
            );
        }
    }
}

#[test]
fn importances_are_those_of_the_reference() {
    for case in cases() {
        let theirs = numbers(&case.golden["importances"]);
        let mut ours = vec![0.0; theirs.len()];
        for seed in 0..20 {
            let forest = RandomForest::new().seed(seed).fit(case.x.view(), &case.y);
            for (sum, share) in ours.iter_mut().zip(forest.unwrap().importances()) {
                *sum += share / 20.0;
            }
        }
        assert!((ours.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (a, b) in ours.iter().zip(&theirs) {
            assert!(
                (a - b).abs() < 0.02,
                "{}: {ours:?} and {theirs:?}",
                case.name
            );
        }
    }
}

#[test]
fn a_tree_without_chance_equals_the_reference() {
    for case in cases().into_iter().filter(|case| case.name != "counts") {
        let config = RandomForest::new().trees(1).unwrap().bootstrap(false);
        let config = config.min_samples_leaf(8).unwrap();
        let forest = config.fit(case.x.view(), &case.y).unwrap();
        let tree = &case.golden["tree"];
        let probes = table(&tree["probes"], case.x.ncols());
        let size = case.y.iter().fold(0.0_f64, |most, y| most.max(y.abs()));
        let same = |what: &str, ours: &[f64], theirs: &[f64], tolerance: f64| {
            for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
                assert!(
                    (a - b).abs() <= tolerance,
                    "{} {what}[{i}]: {a} instead of {b}",
                    case.name
                );
            }
        };
        let predicted = forest.predict(probes.view()).unwrap();
        same(
            "prediction",
            &predicted,
            &numbers(&tree["predictions"]),
            1e-9 * size,
        );
        same(
            "importance",
            forest.importances(),
            &numbers(&tree["importances"]),
            1e-9,
        );
        // Shuffles are random.
        let shuffled = forest
            .permutation_importances(&case.x.view(), &case.y, 30, 1)
            .unwrap();
        let means: Vec<f64> = shuffled.iter().map(|importance| importance.mean).collect();
        same("shuffled", &means, &numbers(&tree["permutation"]), 0.1);
    }
}

/// The lowest sum of squares that one split reaches, by trying them all.
fn best_stump(x: &Array2<f64>, y: &[f64], least: usize) -> f64 {
    let mut best = sum_of_squares(y);
    for column in x.columns() {
        for &threshold in column {
            let side = |right: bool| -> Vec<f64> {
                let rows = column.iter().zip(y);
                rows.filter(|(x, _)| (**x > threshold) == right)
                    .map(|(_, y)| *y)
                    .collect()
            };
            let (left, right) = (side(false), side(true));
            if left.len() >= least && right.len() >= least {
                best = best.min(sum_of_squares(&left) + sum_of_squares(&right));
            }
        }
    }
    best
}

#[test]
fn blocks_rows_and_threads_agree() {
    let x = noise(400, 4, 1);
    let y: Vec<f64> = x.rows().into_iter().map(|r| r[0] * r[1] + r[2]).collect();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap()
            .install(|| RandomForest::new().trees(20).unwrap().fit(x.view(), &y))
            .unwrap()
    };
    let forest = run(1);
    assert_eq!(forest, run(3));
    let predicted = forest.predict(x.view()).unwrap();
    for (row, &p) in x.rows().into_iter().zip(&predicted) {
        assert_eq!(forest.predict_row(row.as_slice().unwrap()).unwrap(), p);
    }
    let few = x.axis_chunks_iter(Axis(0), 7).next().unwrap();
    assert_eq!(forest.predict(few).unwrap(), predicted[..7]);
}

/// Pins the seeded output: a change of these numbers is a change for every user.
#[test]
fn value_stability() {
    let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * (7 + 2 * j)) % 23) as f64);
    let y: Vec<f64> = (0..60).map(|i| f64::from(i * i % 31)).collect();
    let config = RandomForest::new().trees(10).unwrap().seed(42);
    let predict = |config: RandomForest| {
        let forest = config.fit(x.view(), &y).unwrap();
        forest.predict_row(&[3.5, 11.0, 7.0]).unwrap()
    };
    let predictions = [
        predict(config.clone()),
        predict(config.max_features(MaxFeatures::Count(1)).unwrap()),
    ];
    let pinned = [10.231_666_666_666_666, 13.34];
    for (prediction, pinned) in predictions.iter().zip(pinned) {
        assert!((prediction - pinned).abs() < 1e-9, "{predictions:?}");
    }
}

#[test]
fn degenerate_tables_are_fitted() {
    let fit = |x: &Array2<f64>, y: &[f64]| RandomForest::new().fit(x.view(), y).unwrap();
    // One row; every tree is grown on it.
    let forest = fit(&array![[1.0, 2.0]], &[7.5]);
    assert_eq!(forest.predict_row(&[9.0, 9.0]).unwrap(), 7.5);
    assert!(forest.out_of_bag().is_none());
    // Constant columns are never split on: the mean of what was drawn.
    let forest = fit(&Array2::from_elem((50, 2), 3.0), &vec![1.0; 50]);
    assert_eq!(forest.predict_row(&[0.0, 0.0]).unwrap(), 1.0);
    assert_eq!(
        (forest.importances(), r2_unseen(&forest)),
        (&[0.0, 0.0][..], 1.0)
    );
    let mut x = noise(100, 3, 2);
    x.column_mut(1).fill(4.0);
    let y = x.column(0).to_vec();
    assert_eq!(fit(&x, &y).importances()[1], 0.0);
    // Thousands of equal rows with different targets: their mean, and no endless growth.
    let same = Array2::from_shape_fn((3_000, 1), |(i, _)| f64::from(u8::from(i == 5)));
    let y: Vec<f64> = (0..3_000).map(|i| f64::from(i % 2)).collect();
    let forest = fit(&same, &y);
    assert!(forest.n_nodes() <= 300);
    assert!((forest.predict_row(&[0.0]).unwrap() - 0.5).abs() < 0.02);
    // Targets at the ends of the floats.
    for size in [1e308, 1e-308, 5e-324] {
        let y = [size, -size, size, -size, size, -size];
        let x = array![[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]];
        let config = RandomForest::new().bootstrap(false);
        let forest = config.fit(x.view(), &y).unwrap();
        for (p, y) in forest.predict(x.view()).unwrap().iter().zip(y) {
            assert!((p - y).abs() <= 1e-14 * size, "{p} instead of {y}");
        }
    }
}

#[test]
fn limits_hold() {
    let x = noise(300, 3, 3);
    let y: Vec<f64> = x.column(0).iter().map(|v| v.sin()).collect();
    let nodes = |config: RandomForest| {
        let config = config.trees(1).unwrap().bootstrap(false);
        config.fit(x.view(), &y).unwrap().n_nodes()
    };
    assert_eq!(nodes(RandomForest::new()), 599);
    assert_eq!(nodes(RandomForest::new().max_depth(1).unwrap()), 3);
    assert!(nodes(RandomForest::new().max_depth(3).unwrap()) <= 15);
    assert!(nodes(RandomForest::new().min_samples_leaf(50).unwrap()) <= 11);
    assert_eq!(nodes(RandomForest::new().min_samples_leaf(151).unwrap()), 1);
    assert_eq!(
        nodes(RandomForest::new().min_samples_split(300).unwrap()),
        3
    );
    assert_eq!(
        nodes(RandomForest::new().min_samples_split(301).unwrap()),
        1
    );
}

#[test]
fn a_useful_feature_is_more_important_than_noise() {
    let x = noise(300, 4, 4);
    let y: Vec<f64> = x.column(2).iter().map(|v| 3.0 * v).collect();
    let forest = RandomForest::new().fit(x.view(), &y).unwrap();
    let shares = forest.importances();
    let unseen = noise(200, 4, 5);
    let targets: Vec<f64> = unseen.column(2).iter().map(|v| 3.0 * v).collect();
    let falls = forest.permutation_importances(&unseen.view(), &targets, 5, 1);
    let falls = falls.unwrap();
    for other in [0, 1, 3] {
        assert!(shares[2] > 20.0 * shares[other], "{shares:?}");
        assert!(falls[2].mean > 1.5 && falls[other].mean < 0.01, "{falls:?}");
    }
}

#[test]
fn memory_of_a_snapshot_is_as_documented() {
    let x = noise(720, 9, 6);
    let y = x.column(0).to_vec();
    let forest = RandomForest::new().fit(x.view(), &y).unwrap();
    let nodes = forest.n_nodes() as f64;
    assert!((1.2..1.35).contains(&(nodes / 72_000.0)), "{nodes}");
    let bytes = snapshot::to_bytes(&forest).unwrap().len() as f64;
    let a_node = (bytes - 720.0 * 9.0) / nodes;
    assert!((9.0..10.0).contains(&a_node), "{a_node} bytes a node");
}

#[test]
fn parameters_and_input_outside_their_domain_are_refused() {
    let new = RandomForest::new;
    assert!(new().trees(0).is_err() && new().max_depth(0).is_err());
    assert!(new().min_samples_split(1).is_err() && new().min_samples_leaf(0).is_err());
    assert!(new().max_features(MaxFeatures::Count(0)).is_err());
    for share in [0.0, 1.5, f64::NAN] {
        assert!(new().max_features(MaxFeatures::Share(share)).is_err());
    }
    let read: RandomForest = serde_json::from_str(r#"{"min_samples_leaf": 0}"#).unwrap();
    let x = noise(10, 2, 1);
    assert!(read.fit(x.view(), &[0.0; 10]).is_err());
    let config = new().trees(3).unwrap();
    assert!(config.fit(x.view(), &[0.0; 9]).is_err());
    let mut y = [0.0; 10];
    y[4] = f64::NAN;
    let error = config.fit(x.view(), &y).unwrap_err().to_string();
    assert!(error.contains("row 4"), "{error}");
    assert!(config.fit(Array2::zeros((0, 2)).view(), &[]).is_err());
    assert!(
        config
            .fit(Array2::zeros((2, 0)).view(), &[1.0, 2.0])
            .is_err()
    );
    let forest = config.fit(x.view(), &[1.0; 10]).unwrap();
    assert!(forest.predict(noise(3, 3, 1).view()).is_err());
    assert!(forest.predict_row(&[f64::INFINITY, 0.0]).is_err());
    let shuffle = |repeats| forest.permutation_importances(&x.view(), &[1.0; 10], repeats, 0);
    assert!(shuffle(0).is_err() && shuffle(2).is_ok());
    let huge = new()
        .min_samples_leaf(usize::MAX)
        .unwrap()
        .min_samples_split(usize::MAX)
        .unwrap();
    assert!(huge.fit(x.view(), &[1.0; 10]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn splits_are_the_best_there_are(
        rows in prop::collection::vec(((-3..3_i32), -5.0..5.0_f64, -9.0..9.0_f64), 2..25),
        least in 1..4_usize
    ) {
        let x = Array2::from_shape_fn((rows.len(), 2), |(i, j)| {
            if j == 0 { f64::from(rows[i].0) } else { rows[i].1 }
        });
        let y: Vec<f64> = rows.iter().map(|row| row.2).collect();
        let config = RandomForest::new().trees(1).unwrap().bootstrap(false).max_depth(1).unwrap();
        let config = config.min_samples_leaf(least).unwrap();
        let forest = config.fit(x.view(), &y).unwrap();
        let predicted = forest.predict(x.view()).unwrap();
        let ours: f64 = y.iter().zip(&predicted).map(|(y, p)| (y - p).powi(2)).sum();
        let best = best_stump(&x, &y, least);
        prop_assert!((ours - best).abs() < 1e-9 * (1.0 + best), "{ours} instead of {best}");
    }

    #[test]
    fn predictions_stay_among_the_targets(
        x in any_table(), seed in any::<u64>(), features in 1..4_usize, leaf in 1..4_usize
    ) {
        let y: Vec<f64> = x.column(0).iter().rev().copied().collect();
        let config = RandomForest::new().trees(9).unwrap().seed(seed);
        let config = config.max_features(MaxFeatures::Count(features)).unwrap();
        let forest = config.min_samples_leaf(leaf).unwrap().fit(x.view(), &y).unwrap();
        let (low, high) = y.iter().fold((f64::MAX, -f64::MAX), |(l, h), v| (l.min(*v), h.max(*v)));
        let slack = 1e-12 * low.abs().max(high.abs());
        for p in forest.predict(x.view()).unwrap() {
            prop_assert!(p.is_finite() && p >= low - slack && p <= high + slack, "{p}");
        }
        prop_assert!(forest.importances().iter().all(|share| (0.0..=1.0 + 1e-12).contains(share)));
        let bytes = snapshot::to_bytes(&forest).unwrap();
        let loaded: FittedRandomForest = snapshot::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&loaded, &forest);
        prop_assert_eq!(snapshot::to_bytes(&loaded).unwrap(), bytes);
    }
}
