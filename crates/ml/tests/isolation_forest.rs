//! The isolation forest against scikit-learn, whose trees and scores `golden/generate_forest.py` writes, and
//! what holds for any table.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, Axis, array};
use bongsu_core::{Detector, FitDetector, Snapshot, snapshot};
use bongsu_ml::isolation_forest::{ImportedNode, InputPrecision};
use bongsu_ml::{FittedIsolationForest, IsolationForest};
use bongsu_stats::robust::quantile;
use proptest::prelude::*;
use serde_json::Value;

mod forest_common;
use forest_common::{any_table, auc, noise, numbers};

fn table(value: &Value, columns: usize) -> Array2<f64> {
    let values = numbers(value);
    Array2::from_shape_vec((values.len() / columns, columns), values).unwrap()
}

fn tree(golden: &Value) -> Vec<ImportedNode> {
    let field = |name: &str| numbers(&golden[name]);
    let (feature, threshold) = (field("feature"), field("threshold"));
    let (left, right, samples) = (field("left"), field("right"), field("samples"));
    (0..left.len())
        .map(|at| {
            if left[at] < 0.0 {
                ImportedNode::Leaf {
                    samples: samples[at] as u64,
                }
            } else {
                ImportedNode::Split {
                    feature: feature[at] as usize,
                    threshold: threshold[at],
                    left: left[at] as usize,
                    right: right[at] as usize,
                }
            }
        })
        .collect()
}

#[test]
fn imported_trees_score_as_where_they_grew() {
    let golden: Value = serde_json::from_str(include_str!("golden/forest.json")).unwrap();
    for (name, case) in golden["isolation_forest"].as_object().unwrap() {
        let columns = case["columns"].as_u64().unwrap() as usize;
        let trees: Vec<_> = case["trees"].as_array().unwrap().iter().map(tree).collect();
        let subsample = case["subsample"].as_u64().unwrap() as usize;
        let threshold = case["threshold"].as_f64().unwrap();
        let forest =
            FittedIsolationForest::from_trees(columns, subsample, &trees, InputPrecision::Single)
                .unwrap()
                .with_threshold(threshold)
                .unwrap();
        let rows = table(&case["rows"], columns);
        let expected = numbers(&case["scores"]);
        let scores = forest.score(rows.view()).unwrap();
        for (i, (a, b)) in scores.iter().zip(&expected).enumerate() {
            assert!((a - b).abs() <= 1e-12, "{name}[{i}]: {a} instead of {b}");
        }
        let outlier = numbers(&case["outlier"]);
        for (i, (score, outlier)) in expected.iter().zip(&outlier).enumerate() {
            assert_eq!(
                *score > threshold,
                *outlier > 0.0,
                "{name}[{i}] against the threshold"
            );
        }
        // The rule of the threshold is the same too.
        if let Some(share) = case["contamination"].as_f64() {
            let trained = forest.score(table(&case["train"], columns).view()).unwrap();
            let ours = quantile(&trained, 1.0 - share);
            assert!((ours - threshold).abs() < 1e-12, "{name}: {ours}");
        }
    }
}

#[test]
fn input_precision_decides_next_to_a_threshold() {
    let stump = vec![
        ImportedNode::Split {
            feature: 0,
            threshold: 1.0,
            left: 1,
            right: 2,
        },
        ImportedNode::Leaf { samples: 7 },
        ImportedNode::Leaf { samples: 1 },
    ];
    let score = |precision| {
        let forest =
            FittedIsolationForest::from_trees(1, 8, std::slice::from_ref(&stump), precision);
        let just_above = array![[1.0 + 1e-12], [1.0]];
        forest.unwrap().score(just_above.view()).unwrap()
    };
    let (double, single) = (score(InputPrecision::Double), score(InputPrecision::Single));
    assert!(double[0] > double[1]);
    assert_eq!(single[0], single[1]);
}

#[test]
fn trees_that_are_none_are_refused() {
    let split = |left, right| ImportedNode::Split {
        feature: 0,
        threshold: 1.0,
        left,
        right,
    };
    let leaf = ImportedNode::Leaf { samples: 1 };
    let import = |nodes: Vec<ImportedNode>| {
        FittedIsolationForest::from_trees(1, 8, &[nodes], InputPrecision::Double)
    };
    assert!(import(vec![split(1, 2), leaf, leaf]).is_ok());
    assert!(import(vec![split(2, 1), leaf, leaf]).is_ok());
    for broken in [
        vec![],
        vec![split(0, 0)],
        vec![split(1, 1), leaf],
        vec![split(1, 2), leaf],
        vec![split(1, 2), leaf, leaf, leaf],
        vec![split(1, 2), split(0, 2), leaf],
        vec![split(1, usize::MAX), leaf, leaf],
        vec![ImportedNode::Leaf { samples: 0 }],
        vec![ImportedNode::Leaf { samples: 1 << 40 }],
    ] {
        assert!(import(broken.clone()).is_err(), "{broken:?}");
    }
    let none = FittedIsolationForest::from_trees(1, 8, &[], InputPrecision::Double);
    assert!(none.is_err());
    let stump = [vec![split(1, 2), leaf, leaf]];
    for (features, subsample) in [(0, 8), (1, 0)] {
        let refused =
            FittedIsolationForest::from_trees(features, subsample, &stump, InputPrecision::Double);
        assert!(refused.is_err());
    }
}

#[test]
fn single_rows_blocks_and_layouts_agree() {
    let x = noise(700, 5, 1);
    let forest = IsolationForest::new().seed(3).fit(x.view()).unwrap();
    let scores = forest.score(x.view()).unwrap();
    for (row, &score) in x.axis_chunks_iter(Axis(0), 1).zip(&scores) {
        assert_eq!(forest.score(row).unwrap(), [score]);
    }
    for rows in [2, 3, 4, 5, 7, 8, 9, 255, 256, 257] {
        let part = x.axis_chunks_iter(Axis(0), rows).next().unwrap();
        assert_eq!(forest.score(part).unwrap(), scores[..rows]);
    }
    let mut columns_first = Array2::zeros((5, 700));
    columns_first.assign(&x.t());
    assert_eq!(forest.score(columns_first.t()).unwrap(), scores);
    assert!(forest.score(columns_first.view()).is_err());
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let x = noise(900, 4, 2);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let forest = IsolationForest::new()
                .contamination(0.05)
                .unwrap()
                .fit(x.view())
                .unwrap();
            let scores = forest.score(x.view()).unwrap();
            (forest, scores)
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

/// Pins the seeded output: a change of these numbers is a change for every user.
#[test]
fn value_stability() {
    let x = Array2::from_shape_fn((50, 3), |(i, j)| ((i * (7 + j)) % 23) as f64);
    let config = IsolationForest::new().trees(20).unwrap().seed(42);
    let score = |config: IsolationForest| {
        let forest = config.fit(x.view()).unwrap();
        forest.score(array![[3.0, 40.0, 5.0]].view()).unwrap()[0]
    };
    let scores = [
        score(config.clone()),
        score(config.clone().bootstrap(true)),
        score(config.subsample(10).unwrap().max_features(0.7).unwrap()),
    ];
    let pinned = [0.5964137339698464, 0.61823250627242, 0.5462155946189327];
    for (score, pinned) in scores.iter().zip(pinned) {
        assert!((score - pinned).abs() < 1e-12, "{scores:?}");
    }
}

#[test]
fn degenerate_tables_score_alike_and_without_nan() {
    let fit = |x: &Array2<f64>| IsolationForest::new().fit(x.view()).unwrap();
    let constant = Array2::from_elem((100, 3), 3.7);
    let forest = fit(&constant);
    assert_eq!(forest.n_nodes(), forest.n_trees());
    assert_eq!(forest.score(constant.view()).unwrap(), vec![0.5; 100]);
    assert_eq!(forest.score(array![[9.0, 9.0, 9.0]].view()).unwrap(), [0.5]);
    let single = array![[1.0, 2.0]];
    assert_eq!(fit(&single).score(single.view()).unwrap(), [0.5]);
    // Two rows: one split, path length 1 of c(2) = 1.
    let two = array![[1.0, 2.0], [1.0, 3.0]];
    assert_eq!(fit(&two).score(two.view()).unwrap(), [0.5, 0.5]);
    // Thousands of the same rows, a few others.
    let mut same = Array2::from_elem((5_000, 2), 1.0);
    same[[17, 0]] = 2.0;
    let scores = fit(&same).score(same.view()).unwrap();
    assert!(scores.iter().all(|s| (0.0..=1.0).contains(s)));
    assert!(scores[17] > scores[0]);
    // A constant column changes nothing that matters: it is never split on.
    let mut with_constant = noise(200, 3, 4);
    with_constant.column_mut(1).fill(-5.0);
    let credits = fit(&with_constant).path_credits(&[9.0, 1e9, 0.0]).unwrap();
    assert_eq!(credits[1], 0.0);
}

#[test]
fn scale_and_origin_of_a_column_do_not_matter() {
    let x = noise(300, 3, 5);
    // Powers of two, so that thresholds scale without rounding.
    let scaled = Array2::from_shape_fn(x.dim(), |(i, j)| {
        x[[i, j]] * [2.0_f64.powi(1000), 2.0_f64.powi(-1000), -0.0625][j].abs()
    });
    let run = |x: &Array2<f64>| {
        let forest = IsolationForest::new().seed(9).fit(x.view()).unwrap();
        forest.score(x.view()).unwrap()
    };
    assert_eq!(run(&x), run(&scaled));
}

#[test]
fn unseen_extremes_score_high() {
    let x = noise(1_000, 4, 6);
    let forest = IsolationForest::new().fit(x.view()).unwrap();
    let extremes = array![
        [1e308, 0.0, 0.0, 0.0],
        [-1e308, -1e308, 1e308, 1e308],
        [0.0, 20.0, -20.0, 0.0],
        [0.0, 0.0, 0.0, 0.0],
    ];
    let scores = forest.score(extremes.view()).unwrap();
    assert!(scores[..3].iter().all(|&s| s > 0.5), "{scores:?}");
    assert!(scores[1] > 0.7 && scores[3] < 0.45, "{scores:?}");
}

#[test]
fn contamination_is_the_share_above_the_threshold() {
    let x = noise(1_000, 3, 7);
    for share in [0.01, 0.1, 0.5] {
        let config = IsolationForest::new().contamination(share).unwrap();
        let (forest, scores) = config.fit_score(&x.view().into()).unwrap();
        let threshold = forest.threshold().unwrap();
        let above = scores.iter().filter(|&&s| s > threshold).count();
        assert!((above as f64 - share * 1000.0).abs() <= 2.0, "{above}");
    }
}

#[test]
fn a_planted_feature_is_credited_most() {
    for features in [5, 10, 20] {
        let mut right = 0;
        for trial in 0..50 {
            // One row in fifty has a value of 6 standard deviations in one feature.
            let mut x = noise(500, features, (trial * 100 + features) as u64);
            let planted = |row: usize| (row * 7 + trial) % features;
            for row in 0..10 {
                x[[row, planted(row)]] = if row % 2 == 0 { 6.0 } else { -6.0 };
            }
            let forest = IsolationForest::new()
                .seed(trial as u64)
                .fit(x.view())
                .unwrap();
            for row in 0..10 {
                let credits = forest.contributions(x.row(row).as_slice().unwrap());
                let credits = credits.unwrap().unwrap();
                let top = (0..features).max_by(|&a, &b| credits[a].total_cmp(&credits[b]));
                right += usize::from(top == Some(planted(row)));
            }
        }
        assert!(right > 475, "{right} of 500 with {features} features");
    }
}

#[test]
fn ranking_of_planted_rows_is_as_good_as_the_reference() {
    // 20 rows in a shell of radius 4 to 5 around a normal cloud of 480.
    let mut x = noise(500, 2, 8);
    for i in 0..20 {
        let (angle, radius) = (i as f64, 4.0 + f64::from(i as u8 % 5) * 0.2);
        x[[i, 0]] = radius * angle.cos();
        x[[i, 1]] = radius * angle.sin();
    }
    let scores = IsolationForest::new()
        .fit(x.view())
        .unwrap()
        .score(x.view())
        .unwrap();
    assert!(auc(&scores, 20) > 0.98, "{}", auc(&scores, 20));
}

#[test]
fn memory_of_a_snapshot_is_as_documented() {
    let x = noise(2_000, 10, 9);
    let forest = IsolationForest::new().fit(x.view()).unwrap();
    assert!(forest.n_nodes() <= 100 * 511);
    let bytes = snapshot::to_bytes(&forest).unwrap();
    let a_node = bytes.len() as f64 / forest.n_nodes() as f64;
    assert!((5.5..6.5).contains(&a_node), "{a_node} bytes a node");
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    let new = IsolationForest::new;
    assert!(new().trees(0).is_err() && new().trees(100_001).is_err());
    assert!(new().subsample(0).is_err() && new().subsample(usize::MAX).is_ok());
    for share in [0.0, -1.0, 1.5, f64::NAN] {
        assert!(new().subsample_share(share).is_err());
        assert!(new().max_features(share).is_err());
        assert!(new().contamination(share).is_err());
    }
    assert!(new().contamination(0.51).is_err());
    let error = new().contamination(0.6).unwrap_err().to_string();
    assert!(error.contains("contamination") && error.contains("0.6"));
    let read: IsolationForest = serde_json::from_str(r#"{"trees": 0}"#).unwrap();
    assert!(read.fit(noise(9, 2, 1).view()).is_err());
    let read: IsolationForest =
        serde_json::from_str(r#"{"subsample": {"share": 0.5}, "seed": 3}"#).unwrap();
    assert!(read.fit(noise(9, 2, 1).view()).is_ok());
    assert!(serde_json::from_str::<IsolationForest>(r#"{"tree": 5}"#).is_err());
}

#[test]
fn input_that_cannot_be_judged_is_refused() {
    let config = IsolationForest::new().trees(5).unwrap();
    assert!(config.fit(Array2::zeros((0, 2)).view()).is_err());
    assert!(config.fit(Array2::zeros((5, 0)).view()).is_err());
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut x = noise(20, 2, 1);
        let forest = config.fit(x.view()).unwrap();
        x[[7, 1]] = bad;
        let error = config.fit(x.view()).unwrap_err().to_string();
        assert!(error.contains("row 7, column 1"), "{error}");
        assert!(forest.score(x.view()).is_err());
        assert!(forest.path_credits(&[0.0, bad]).is_err());
    }
    let forest = config.fit(noise(20, 2, 1).view()).unwrap();
    assert!(forest.score(noise(5, 3, 1).view()).is_err());
    assert!(forest.contributions(&[1.0]).is_err());
    assert!(
        forest
            .score_into(noise(5, 2, 1).view(), &mut [0.0; 4])
            .is_err()
    );
    assert!(
        forest
            .score(Array2::zeros((0, 2)).view())
            .unwrap()
            .is_empty()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_finite_table_is_scored(x in any_table(), seed in any::<u64>(), bootstrap: bool) {
        let forest = IsolationForest::new().trees(9).unwrap().bootstrap(bootstrap).seed(seed);
        let forest = forest.fit(x.view()).unwrap();
        for score in forest.score(x.view()).unwrap() {
            prop_assert!(score > 0.0 && score <= 1.0, "{score}");
        }
        let row = x.row(0).to_vec();
        let credits = forest.path_credits(&row).unwrap();
        let score = forest.score(x.view()).unwrap()[0];
        // The credits are the whole difference between the score and 0.5.
        let psi = x.nrows().min(256) as f64;
        if psi > 2.0 {
            let normal = 2.0 * ((psi - 1.0).ln() + 0.577_215_664_901_532_9) - 2.0 * (psi - 1.0) / psi;
            let total: f64 = credits.iter().sum();
            prop_assert!(((total / normal).exp2() / 2.0 - score).abs() < 1e-9);
        }
    }

    #[test]
    fn saved_forests_score_bit_for_bit(x in any_table(), share in 0.01..0.5_f64) {
        let config = IsolationForest::new().trees(7).unwrap().contamination(share).unwrap();
        let forest = config.fit(x.view()).unwrap();
        let bytes = snapshot::to_bytes(&forest).unwrap();
        let loaded: FittedIsolationForest = snapshot::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&loaded, &forest);
        prop_assert_eq!(snapshot::to_bytes(&loaded).unwrap(), bytes);
        prop_assert_eq!(loaded.score(x.view()).unwrap(), forest.score(x.view()).unwrap());
    }

    #[test]
    fn hostile_snapshots_are_refused_or_work(
        at in any::<prop::sample::Index>(), value: u8, cut in any::<prop::sample::Index>()
    ) {
        let x = noise(40, 2, 3);
        let forest = IsolationForest::new().trees(3).unwrap().fit(x.view()).unwrap();
        let json = serde_json::to_vec(&forest).unwrap();
        let mut damaged = json.clone();
        let at = at.index(damaged.len());
        damaged[at] = value;
        if at % 3 == 0 {
            damaged.truncate(cut.index(json.len()));
        }
        if let Ok(read) = serde_json::from_slice::<FittedIsolationForest>(&damaged)
            && read.validate().is_ok()
            && read.n_features() == 2
        {
            prop_assert!(read.score(x.view()).unwrap().iter().all(|s| s.is_finite()));
        }
    }
}
