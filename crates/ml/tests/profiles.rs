//! Agreement of PCA, HBOS, COPOD, ECOD, k-means and CBLOF with scikit-learn and `PyOD`;
//! `golden/generate_profiles.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, ArrayView2, Axis, Slice};
use bongsu_core::{Detector, FitDetector, Rows};
use bongsu_ml::{Cblof, Copod, Ecod, Hbos, HbosBins, KMeans, Pca, PcaComponents, PcaScore};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

struct Case {
    name: String,
    x: Array2<f64>,
    new: Array2<f64>,
    expected: Value,
}

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    let words = text.split(' ').filter(|word| !word.is_empty());
    words.map(|n| n.parse().unwrap()).collect()
}

fn cases() -> Vec<Case> {
    let golden: Value = serde_json::from_str(include_str!("golden/profiles.json")).unwrap();
    let case = |(name, case): (&String, &Value)| {
        let columns = case["columns"].as_u64().unwrap() as usize;
        let table = |key: &str| {
            let values = numbers(&case[key]);
            Array2::from_shape_vec((values.len() / columns, columns), values).unwrap()
        };
        Case {
            name: name.clone(),
            x: table("x"),
            new: table("new"),
            expected: case.clone(),
        }
    };
    golden.as_object().unwrap().iter().map(case).collect()
}

fn assert_same(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (&a, &b)) in ours.iter().zip(theirs).enumerate() {
        let close = a == b || (a - b).abs() <= TOLERANCE * (1.0 + b.abs());
        assert!(close, "{what}[{i}]: {a} instead of {b}");
    }
}

fn fit_score<C: FitDetector>(config: &C, x: &ArrayView2<'_, f64>) -> (C::Fitted, Vec<f64>) {
    config.fit_score(&Rows::untimed(x.view())).unwrap()
}

#[test]
fn principal_components_equal_the_references() {
    for case in cases() {
        let (name, expected) = (&case.name, &case.expected["pca"]);
        let rank = expected["rank"].as_u64().unwrap() as usize;
        let all = Pca::new().components(PcaComponents::All).unwrap();
        let weighted = all.clone().score(PcaScore::WeightedDistance);
        let (fitted, scores) = fit_score(&weighted, &case.x.view());
        assert!(fitted.explained_variance().len() >= rank, "{name}");
        let variances = numbers(&expected["explained_variance"]);
        assert_same(name, &fitted.explained_variance()[..rank], &variances);
        let ratios = numbers(&expected["ratio"]);
        assert_same(name, &fitted.explained_variance_ratio()[..rank], &ratios);
        let components: Vec<f64> = fitted
            .components()
            .rows()
            .into_iter()
            .take(rank)
            .flatten()
            .copied()
            .collect();
        assert_same(name, &components, &numbers(&expected["components"]));
        if !expected["weighted_train"].is_null() {
            assert_same(name, &scores, &numbers(&expected["weighted_train"]));
            let new = fitted.score(case.new.view()).unwrap();
            assert_same(name, &new, &numbers(&expected["weighted_new"]));
            let threshold: f64 = expected["threshold"].as_str().unwrap().parse().unwrap();
            assert_same(name, &[fitted.threshold().unwrap()], &[threshold]);
            let mahalanobis = all.clone().score(PcaScore::Mahalanobis);
            let new = mahalanobis
                .fit(case.x.view())
                .unwrap()
                .score(case.new.view())
                .unwrap();
            assert_same(name, &new, &numbers(&expected["mahalanobis_new"]));
        }
        if rank > 1 {
            let some = Pca::new()
                .components(PcaComponents::Count(rank - 1))
                .unwrap();
            let (fitted, scores) = fit_score(&some.score(PcaScore::Reconstruction), &case.x.view());
            assert_same(name, &scores, &numbers(&expected["reconstruction_train"]));
            let new = fitted.score(case.new.view()).unwrap();
            assert_same(name, &new, &numbers(&expected["reconstruction_new"]));
        }
    }
}

/// Scores of the training rows, the threshold, and the scores of the new rows.
fn assert_equal<C: FitDetector>(case: &Case, key: &str, config: &C) {
    let expected = &case.expected[key];
    let what = format!("{}/{key}", case.name);
    let (fitted, scores) = fit_score(config, &case.x.view());
    assert_same(&what, &scores, &numbers(&expected["train"]));
    let threshold = numbers(&expected["threshold"]);
    assert_same(&what, &[fitted.threshold().unwrap()], &threshold);
    let new = fitted.score(case.new.view()).unwrap();
    let theirs = numbers(&expected["new"]);
    // The generator says where the reference judges by something else.
    let pairs = new.into_iter().zip(theirs).filter(|(_, b)| !b.is_nan());
    let (ours, theirs): (Vec<f64>, Vec<f64>) = pairs.unzip();
    let few = theirs.len() * 2 < case.new.nrows() && case.x.nrows() > 10;
    assert!(!few, "{what}: few rows are compared");
    assert_same(&format!("{what} new"), &ours, &theirs);
}

#[test]
fn histogram_scores_equal_pyod_within_the_histograms() {
    let (mut inside, mut higher) = (0, 0);
    for case in cases() {
        let auto = Hbos::new().bins(HbosBins::Auto).unwrap();
        for (key, config) in [("hbos", Hbos::new()), ("hbos_auto", auto)] {
            let (expected, what) = (&case.expected[key], format!("{}/{key}", case.name));
            let (fitted, scores) = fit_score(&config, &case.x.view());
            assert_same(&what, &scores, &numbers(&expected["train"]));
            let threshold = numbers(&expected["threshold"]);
            assert_same(&what, &[fitted.threshold().unwrap()], &threshold);
            let ours = fitted.score(case.new.view()).unwrap();
            let theirs = numbers(&expected["new"]);
            for ((row, ours), theirs) in case.new.rows().into_iter().zip(ours).zip(theirs) {
                let is_outside = row.iter().zip(case.x.columns()).any(|(value, column)| {
                    let least = column.iter().copied().fold(f64::INFINITY, f64::min);
                    let most = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    !(least..=most).contains(value)
                });
                if is_outside {
                    // There an empty bin scores, and not the thinnest.
                    assert!(ours >= theirs - TOLERANCE * (1.0 + theirs.abs()), "{what}");
                    higher += usize::from(ours > theirs + 0.01);
                } else {
                    assert_same(&what, &[ours], &[theirs]);
                    inside += 1;
                }
            }
        }
    }
    assert!(
        inside > 50 && higher > 10,
        "{inside} inside, {higher} higher"
    );
}

#[test]
fn tail_scores_equal_pyod() {
    for case in cases() {
        assert_equal(&case, "ecod", &Ecod::new());
        assert_equal(&case, "copod", &Copod::new());
    }
}

#[test]
fn clusters_equal_the_references() {
    for case in cases() {
        let expected = &case.expected["cblof"];
        let k = expected["k"].as_u64().unwrap() as usize;
        let centers = numbers(&expected["centers"]);
        let centers = Array2::from_shape_vec((k, case.x.ncols()), centers).unwrap();
        let kmeans = KMeans::new().clusters(k).unwrap();
        let given = kmeans.fit_around(centers.view(), case.x.view()).unwrap();
        let inertia = numbers(&expected["inertia"])[0];
        let off = (given.inertia() - inertia).abs();
        assert!(off <= 1e-9 * (inertia + 1e-15), "{}: {off}", case.name);
        let labels = given.nearest(case.x.view()).unwrap();
        let labels: Vec<f64> = labels.iter().map(|(label, _)| *label as f64).collect();
        assert_same(&case.name, &labels, &numbers(&expected["labels"]));
        // Ours are at least as good as Lloyd's iterations from arbitrary rows.
        let patient = kmeans.n_init(10).unwrap().tolerance(0.0).unwrap();
        let best = patient.fit(case.x.view()).unwrap();
        assert!(best.inertia() <= inertia * (1.0 + 1e-9), "{}", case.name);
        for (key, weights) in [("plain", false), ("weighted", true)] {
            let Some(train) = expected.get(format!("{key}_train")) else {
                continue;
            };
            let cblof = Cblof::new().use_weights(weights);
            let (fitted, scores) = cblof.fit_around(centers.view(), case.x.view()).unwrap();
            // Distances are of the size of the data.
            let size = case.x.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            let scaled =
                |scores: Vec<f64>| -> Vec<f64> { scores.into_iter().map(|s| s / size).collect() };
            let what = format!("{}/{key}", case.name);
            assert_same(&what, &scaled(scores), &scaled(numbers(train)));
            let new = fitted.score(case.new.view()).unwrap();
            let theirs = numbers(&expected[format!("{key}_new")]);
            assert_same(&what, &scaled(new), &scaled(theirs));
            let large: Vec<f64> = (0..k)
                .filter(|&i| fitted.is_large()[i])
                .map(|i| i as f64)
                .collect();
            assert_same(&what, &large, &numbers(&expected["large"]));
        }
    }
}

/// The numbers of a seed stay those of this version, whatever the number of threads.
#[test]
fn value_stability() {
    let x = Array2::from_shape_fn((300, 3), |(i, j)| {
        ((i * i + 7 * i * j) % 101) as f64 + (i % 3 * 200) as f64
    });
    let fitted = KMeans::new()
        .clusters(5)
        .unwrap()
        .seed(7)
        .fit(x.view())
        .unwrap();
    let centers: Vec<f64> = fitted.centers().column(0).to_vec();
    let other = KMeans::new()
        .clusters(5)
        .unwrap()
        .seed(8)
        .n_init(1)
        .unwrap();
    let other = other.fit(x.view()).unwrap().inertia();
    assert_same(
        "centres",
        &centers,
        &[
            445.395_833_333_333_4,
            78.0,
            250.46,
            455.192_307_692_307_7,
            24.942_307_692_307_7,
        ],
    );
    assert_same(
        "inertia",
        &[fitted.inertia(), other],
        &[620_285.101_282_051_4, 620_412.092_337_662_3],
    );
}

#[test]
fn clusters_are_found_whatever_the_duplicates() {
    let x = Array2::from_shape_fn((3000, 2), |(i, _)| (i % 3) as f64);
    let fitted = KMeans::new().fit(x.view()).unwrap();
    assert_eq!(fitted.n_clusters(), 3);
    assert!(fitted.inertia() < 1e-12);
    let too_many = KMeans::new()
        .clusters(10)
        .unwrap()
        .fit(x.slice_axis(Axis(0), Slice::from(..4)));
    assert!(too_many.unwrap_err().to_string().contains("`clusters`"));
}

/// Windows of a series as a view without a copy.
fn windows(series: &[f64], width: usize, start: usize) -> ArrayView2<'_, f64> {
    use bongsu_core::ndarray::ShapeBuilder as _;
    let count = (series.len() - width) / start + 1;
    ArrayView2::from_shape((count, width).strides((start, 1)), series).unwrap()
}

#[test]
fn overlapping_windows_give_the_components_of_their_copies() {
    let series: Vec<f64> = (0..400)
        .map(|i| 1e3 + (f64::from(i) * 0.3).sin() + f64::from(i * i % 37) * 0.01)
        .collect();
    for start in [1, 2, 3, 7] {
        let view = windows(&series, 12, start);
        let config = Pca::new().components(PcaComponents::Count(4)).unwrap();
        let config = config.score(PcaScore::Reconstruction);
        let (fast, fast_scores) = fit_score(&config, &view);
        let (plain, plain_scores) = fit_score(&config, &view.to_owned().view());
        assert_same(
            "variances",
            fast.explained_variance(),
            plain.explained_variance(),
        );
        assert_same("scores", &fast_scores, &plain_scores);
    }
}

#[test]
fn more_columns_than_rows_and_the_other_way_round_agree() {
    let wide = Array2::from_shape_fn((6, 9), |(i, j)| ((i * 7 + j * j * 3 + i * j) % 11) as f64);
    let fitted = Pca::new().fit(wide.view()).unwrap();
    assert!(fitted.explained_variance().len() <= 5);
    let products = fitted.components().dot(&fitted.components().t());
    for ((i, j), product) in products.indexed_iter() {
        let expected = f64::from(u8::from(i == j));
        assert!((product - expected).abs() < 1e-12, "{i}, {j}: {product}");
    }
    // Six rows span at most five directions around their mean, so all of them are reproduced.
    let all = Pca::new().components(PcaComponents::All).unwrap();
    let (_, scores) = fit_score(&all.score(PcaScore::Reconstruction), &wide.view());
    assert!(scores.iter().all(|score| *score < 1e-20), "{scores:?}");
}

#[test]
fn contributions_name_the_column_that_breaks_the_correlation() {
    let x = Array2::from_shape_fn((60, 4), |(i, j)| {
        let level = ((i * 13) % 29) as f64;
        level * (j + 1) as f64 + ((i * 7 + j * 5) % 11) as f64 * 0.1
    });
    let mut row = x.row(5).to_vec();
    row[2] += 40.0;
    for score in [
        PcaScore::Reconstruction,
        PcaScore::LargestResidual,
        PcaScore::MeanResidual,
        PcaScore::Mahalanobis,
    ] {
        let config = if score == PcaScore::Mahalanobis {
            Pca::new().components(PcaComponents::All).unwrap()
        } else {
            Pca::new()
        };
        let fitted = config.score(score).fit(x.view()).unwrap();
        let parts = fitted.contributions(&row).unwrap().unwrap();
        let largest = (0..4).max_by(|&a, &b| parts[a].total_cmp(&parts[b]));
        assert_eq!(largest, Some(2), "{score:?}: {parts:?}");
        let new = ArrayView2::from_shape((1, 4), &row).unwrap();
        assert!(fitted.score(new).unwrap()[0] > fitted.threshold().unwrap());
    }
}
