//! The extended isolation forest against the paper's algorithm in NumPy, whose scores
//! `golden/generate_forest.py` writes, against the isolation forest, and what holds for any table.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, Axis, array};
use bongsu_core::{Detector, FitDetector, snapshot};
use bongsu_ml::{
    ExtendedIsolationForest, FittedExtendedIsolationForest, IsolationForest, Scaled, Scaler,
};
use proptest::prelude::*;
use serde_json::Value;

mod forest_common;
use forest_common::{any_table, auc, noise, numbers};

fn table(golden: &Value, columns: usize) -> Array2<f64> {
    let values = numbers(golden);
    Array2::from_shape_vec((values.len() / columns, columns), values).unwrap()
}

#[test]
fn mean_scores_are_those_of_the_paper() {
    let golden: Value = serde_json::from_str(include_str!("golden/extended_forest.json")).unwrap();
    let (x, probes) = (table(&golden["x"], 3), table(&golden["probes"], 3));
    for (extension, expected) in golden["scores"].as_object().unwrap() {
        let forest = ExtendedIsolationForest::new()
            .trees(2_000)
            .unwrap()
            .subsample(golden["subsample"].as_u64().unwrap() as usize)
            .unwrap()
            .extension(extension.parse().unwrap())
            .fit(x.view())
            .unwrap();
        let ours = forest.score(probes.view()).unwrap();
        for (a, b) in ours.iter().zip(numbers(expected)) {
            assert!((a - b).abs() < 0.01, "{extension}: {ours:?} and {b}");
        }
    }
}

/// 980 rows along a wave, and 20 beside it, first.
fn wave() -> Array2<f64> {
    let mut x = noise(1_000, 2, 1);
    for i in 0..1_000 {
        let t = f64::from(i as u16) * 0.012;
        x[[i, 0]] = t + 0.1 * x[[i, 0]];
        x[[i, 1]] = 3.0 * t.sin() + 0.3 * x[[i, 1]];
    }
    for i in 0..20 {
        let t = 1.2 + f64::from(i as u8) * 0.5;
        x[[i, 0]] = t;
        x[[i, 1]] = -2.5 * t.sin().signum() + x[[i, 1]] * 0.1;
    }
    x
}

#[test]
fn shapes_that_axes_miss_are_seen() {
    let x = wave();
    let extended = ExtendedIsolationForest::new().fit(x.view()).unwrap();
    let plain = IsolationForest::new().fit(x.view()).unwrap();
    let extended = auc(&extended.score(x.view()).unwrap(), 20);
    let plain = auc(&plain.score(x.view()).unwrap(), 20);
    assert!(
        extended > 0.85 && extended > plain,
        "{extended} and {plain}"
    );
}

#[test]
fn extension_0_ranks_as_the_isolation_forest() {
    let mut x = noise(600, 3, 2);
    for i in 0..15 {
        x[[i, i % 3]] = 5.0;
    }
    let mean = |scores: &dyn Fn(u64) -> Vec<f64>| {
        (0..5).map(|seed| auc(&scores(seed), 15)).sum::<f64>() / 5.0
    };
    let extended = mean(&|seed| {
        let config = ExtendedIsolationForest::new().extension(0).seed(seed);
        config.fit(x.view()).unwrap().score(x.view()).unwrap()
    });
    let plain = mean(&|seed| {
        let config = IsolationForest::new().seed(seed);
        config.fit(x.view()).unwrap().score(x.view()).unwrap()
    });
    assert!((extended - plain).abs() < 0.02, "{extended} and {plain}");
}

#[test]
fn a_scaled_forest_does_not_depend_on_units() {
    let x = noise(300, 3, 3);
    let units = Array2::from_shape_fn(x.dim(), |(i, j)| x[[i, j]] * [1e12, 1e-12, 1.0][j]);
    let run = |x: &Array2<f64>| {
        let config = Scaled::new(Scaler::Standard, ExtendedIsolationForest::new());
        config.fit(x.view()).unwrap().score(x.view()).unwrap()
    };
    for (a, b) in run(&x).iter().zip(run(&units)) {
        assert!((a - b).abs() < 0.01);
    }
}

#[test]
fn a_planted_feature_is_credited_most() {
    for features in [5, 10, 20] {
        let mut x = noise(500, features, features as u64);
        for row in 0..10 {
            x[[row, row * 7 % features]] = 10.0;
        }
        let mut right = 0;
        for seed in 0..10 {
            let forest = ExtendedIsolationForest::new()
                .seed(seed)
                .fit(x.view())
                .unwrap();
            for row in 0..10 {
                let credits = forest.contributions(x.row(row).as_slice().unwrap());
                let credits = credits.unwrap().unwrap();
                let top = (0..features).max_by(|&a, &b| credits[a].total_cmp(&credits[b]));
                right += usize::from(top == Some(row * 7 % features));
            }
        }
        assert!(right > 95, "{right} of 100 with {features} features");
    }
}

#[test]
fn results_do_not_depend_on_threads_or_layout() {
    let x = noise(400, 4, 4);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let config = ExtendedIsolationForest::new().contamination(0.1).unwrap();
            let forest = config.fit(x.view()).unwrap();
            let scores = forest.score(x.view()).unwrap();
            (forest, scores)
        })
    };
    let (forest, scores) = run(1);
    assert_eq!((forest.clone(), scores.clone()), run(3));
    let mut columns_first = Array2::zeros((4, 400));
    columns_first.assign(&x.t());
    assert_eq!(forest.score(columns_first.t()).unwrap(), scores);
    let one = x.row(7).to_owned();
    let one = one.insert_axis(Axis(0));
    assert_eq!(forest.score(one.view()).unwrap(), [scores[7]]);
}

/// Pins the seeded output: a change of these numbers is a change for every user.
#[test]
fn value_stability() {
    let x = Array2::from_shape_fn((50, 3), |(i, j)| ((i * (7 + j)) % 23) as f64);
    let config = ExtendedIsolationForest::new().trees(20).unwrap().seed(42);
    let forest = config.fit(x.view()).unwrap();
    let score = forest.score(array![[3.0, 40.0, 5.0]].view()).unwrap()[0];
    assert!((score - 0.548_002_726_415_969_5).abs() < 1e-9, "[{score}]");
}

#[test]
fn degenerate_tables_score_alike_and_without_nan() {
    let fit = |x: &Array2<f64>| ExtendedIsolationForest::new().fit(x.view()).unwrap();
    let constant = Array2::from_elem((100, 3), 3.7);
    assert_eq!(
        fit(&constant).score(constant.view()).unwrap(),
        vec![0.5; 100]
    );
    let single = array![[1.0, 2.0]];
    assert_eq!(fit(&single).score(single.view()).unwrap(), [0.5]);
    let mut same = Array2::from_elem((5_000, 2), 1.0);
    same[[17, 0]] = 2.0;
    let scores = fit(&same).score(same.view()).unwrap();
    assert!(scores[17] > scores[0]);
}

#[test]
fn parameters_and_input_outside_their_domain_are_refused() {
    let new = ExtendedIsolationForest::new;
    assert!(new().trees(0).is_err() && new().subsample(0).is_err());
    assert!(new().subsample_share(2.0).is_err() && new().contamination(0.6).is_err());
    let x = noise(30, 3, 5);
    let error = new().extension(3).fit(x.view()).unwrap_err().to_string();
    assert!(
        error.contains("extension") && error.contains("[0, 2]"),
        "{error}"
    );
    assert!(new().fit(Array2::zeros((0, 2)).view()).is_err());
    assert!(new().fit(Array2::zeros((2, 0)).view()).is_err());
    let forest = new().trees(5).unwrap().fit(x.view()).unwrap();
    assert!(forest.score(noise(3, 2, 1).view()).is_err());
    assert!(forest.score(array![[f64::NAN, 0.0, 0.0]].view()).is_err());
    assert!(forest.contributions(&[0.0]).is_err());
}

#[test]
fn memory_of_a_snapshot_is_as_documented() {
    let x = noise(2_000, 10, 9);
    let forest = ExtendedIsolationForest::new().fit(x.view()).unwrap();
    let bytes = snapshot::to_bytes(&forest).unwrap().len() as f64;
    let splits = (forest.n_nodes() - forest.n_trees()) as f64 / 2.0;
    let expected = splits * 90.0 + forest.n_nodes() as f64 * 6.0;
    assert!(
        (0.97..1.03).contains(&(bytes / expected)),
        "{bytes} and {expected}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn any_finite_table_is_scored(x in any_table(), seed in any::<u64>()) {
        let config = ExtendedIsolationForest::new().trees(9).unwrap().seed(seed);
        let forest = config.fit(x.view()).unwrap();
        for score in forest.score(x.view()).unwrap() {
            prop_assert!(score > 0.0 && score <= 1.0, "{score}");
        }
        let row = x.row(0).to_vec();
        let credits = forest.contributions(&row).unwrap().unwrap();
        prop_assert!(credits.iter().all(|credit| credit.is_finite() && *credit >= 0.0));
        let bytes = snapshot::to_bytes(&forest).unwrap();
        let loaded: FittedExtendedIsolationForest = snapshot::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&loaded, &forest);
    }

    #[test]
    fn hostile_snapshots_are_refused_or_work(at in any::<prop::sample::Index>(), value: u8) {
        let x = noise(40, 2, 3);
        let config = ExtendedIsolationForest::new().trees(2).unwrap();
        let mut damaged = serde_json::to_vec(&config.fit(x.view()).unwrap()).unwrap();
        let at = at.index(damaged.len());
        damaged[at] = value;
        if let Ok(read) = serde_json::from_slice::<FittedExtendedIsolationForest>(&damaged)
            && read.n_features() == 2
        {
            prop_assert!(read.score(x.view()).unwrap().iter().all(|s| !s.is_nan()));
        }
    }
}
