//! Neighbours, local outlier factor and neighbour distance: agreement with scikit-learn and `pyod`
//! (`golden/generate_neighbours.py`), with a plain search, and at the edges.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::ops::Range;

use bongsu_core::ndarray::{Array2, ArrayView2, Axis, Slice, array};
use bongsu_core::{Detector, ErrorKind, FitDetector, Rows, snapshot};
use bongsu_ml::{Knn, KnnDistance, Lof, Metric, NeighbourIndex};
use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn assert_same(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (&a, &b)) in ours.iter().zip(theirs).enumerate() {
        let close = (a - b).abs() <= tolerance * b.abs();
        assert!(close, "{what}[{i}]: {a} instead of {b}");
    }
}

/// Deterministic values in [-0.5, 0.5).
fn noise(rows: usize, columns: usize) -> Array2<f64> {
    let mut state = 7_u64;
    Array2::from_shape_simple_fn((rows, columns), || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    })
}

fn part(x: &Array2<f64>, rows: Range<usize>) -> ArrayView2<'_, f64> {
    x.slice_axis(Axis(0), Slice::from(rows))
}

#[test]
fn scores_equal_the_references() {
    let golden: Value = serde_json::from_str(include_str!("golden/neighbours.json")).unwrap();
    for (name, case) in golden.as_object().unwrap() {
        let columns = case["shape"][1].as_u64().unwrap() as usize;
        let table = |key: &str| {
            let values = numbers(&case[key]);
            Array2::from_shape_vec((values.len() / columns, columns), values).unwrap()
        };
        let (x, new) = (table("x"), table("new"));
        let check = |what: &str, expected: &Value, fitted: &dyn Detector, scores: &[f64]| {
            assert_same(what, scores, &numbers(&expected["scores"]), 1e-9);
            let novelty = fitted.score(new.view()).unwrap();
            assert_same(
                &format!("{what} novelty"),
                &novelty,
                &numbers(&expected["novelty"]),
                1e-9,
            );
            let threshold = [fitted.threshold().unwrap()];
            assert_same(what, &threshold, &numbers(&expected["threshold"]), 1e-9);
        };
        for expected in case["lof"].as_array().unwrap() {
            let k = expected["k"].as_u64().unwrap() as usize;
            let metric: Metric = expected["metric"].as_str().unwrap().parse().unwrap();
            let mut lof = Lof::new().neighbors(k).unwrap().metric(metric);
            if let Some(share) = expected["contamination"].as_f64() {
                lof = lof.contamination(share).unwrap();
            }
            let (fitted, scores) = lof.fit_score(&Rows::untimed(x.view())).unwrap();
            check(&format!("{name} lof {k}"), expected, &fitted, &scores);
        }
        for expected in case["knn"].as_array().unwrap() {
            let k = expected["k"].as_u64().unwrap() as usize;
            let metric = expected["metric"].as_str().unwrap().parse().unwrap();
            let distance: KnnDistance = expected["method"].as_str().unwrap().parse().unwrap();
            let knn = Knn::new().neighbors(k).unwrap().metric(metric);
            let knn = knn.distance(distance).contamination(0.2).unwrap();
            let (fitted, scores) = knn.fit_score(&Rows::untimed(x.view())).unwrap();
            check(&format!("{name} knn {k}"), expected, &fitted, &scores);
        }
    }
}

/// The nearest rows and their distances by looking at all of them.
fn plain(x: &Array2<f64>, query: &[f64], metric: Metric, skip: usize, k: usize) -> Vec<(f64, u32)> {
    let mut all: Vec<(f64, u32)> = (0..x.nrows())
        .filter(|&row| row != skip)
        .map(|row| {
            let gaps = x.row(row).into_iter().zip(query).map(|(x, q)| x - q);
            let distance = match metric {
                Metric::Euclidean => gaps.map(|g| g * g).sum::<f64>().sqrt(),
                Metric::Manhattan => gaps.map(f64::abs).sum(),
                Metric::Chebyshev => gaps.map(f64::abs).fold(0.0, f64::max),
            };
            (distance, row as u32)
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all
}

fn assert_exact(x: &Array2<f64>, metric: Metric, k: usize, rows: impl Iterator<Item = usize>) {
    let index = NeighbourIndex::new(&x.view(), metric).unwrap();
    let found = index.nearest_others(k).unwrap();
    for row in rows {
        let expected = plain(x, &x.row(row).to_vec(), metric, row, k);
        let distances: Vec<f64> = expected.iter().map(|e| e.0).collect();
        assert_same("distances", found.distances(row), &distances, 1e-12);
        let rows: Vec<u32> = expected.iter().map(|e| e.1).collect();
        assert_eq!(found.rows(row), rows, "row {row}");
    }
}

/// Few and many dimensions: by the tree, and by products where no part of the tree can be left out.
#[test]
fn the_search_is_exact() {
    for (rows, columns) in [(2_000, 2), (1_500, 9), (1_100, 40)] {
        let x = noise(rows, columns);
        for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev] {
            assert_exact(&x, metric, 12, (0..rows).step_by(13));
        }
    }
}

/// Products cancel at an offset, at extreme scales and beside an outlier; distances must not.
#[test]
fn offsets_scales_and_outliers_cost_no_digits() {
    let mut x = noise(1_200, 40);
    x[[700, 3]] = 1e7;
    assert_exact(&x, Metric::Euclidean, 5, (0..1_200).step_by(37));
    assert_exact(&(&x * 1e-200), Metric::Euclidean, 5, [].into_iter());
    // A grid of 2^-20 around 1e9 is exact in floats, so are its differences.
    let grid = noise(1_200, 40).mapv(|v| 1e9 + (v * 1_048_576.0).round() / 1_048_576.0);
    assert_exact(&grid, Metric::Euclidean, 5, (0..1_200).step_by(37));
    for factor in [2.0_f64.powi(-900), 2.0_f64.powi(900)] {
        for columns in [2, 40] {
            let x = noise(1_100, columns);
            let plain = NeighbourIndex::new(&x.view(), Metric::Euclidean).unwrap();
            let scaled = NeighbourIndex::new(&(&x * factor).view(), Metric::Euclidean).unwrap();
            let (plain, scaled) = (plain.nearest_others(4), scaled.nearest_others(4));
            let (plain, scaled) = (plain.unwrap(), scaled.unwrap());
            for row in 0..1_100 {
                let expected = plain.distances(row).iter().map(|d| d * factor);
                assert_eq!(scaled.distances(row), expected.collect::<Vec<_>>());
                assert_eq!(scaled.rows(row), plain.rows(row));
            }
        }
    }
}

proptest! {
    /// Integer tables are full of ties and duplicates.
    #[test]
    fn ties_go_to_the_earlier_row(
        values in proptest::collection::vec(-3_i8..3, 4..400),
        columns in 1_usize..4,
        k in 1_usize..30,
        metric in prop_oneof![
            any::<bool>().prop_map(|m| if m { Metric::Euclidean } else { Metric::Manhattan }),
            proptest::strategy::Just(Metric::Chebyshev),
        ],
    ) {
        let rows = values.len() / columns;
        proptest::prop_assume!(rows >= 2);
        let values = values[..rows * columns].iter().map(|&v| f64::from(v)).collect();
        let x = Array2::from_shape_vec((rows, columns), values).unwrap();
        assert_exact(&x, metric, k.min(rows - 1), 0..rows);
    }

    /// New rows are searched for as rows of the index are; a single one as many at once.
    #[test]
    fn queries_do_not_depend_on_their_company(seed in 0_usize..900) {
        let x = noise(1_100, 40);
        let index = NeighbourIndex::new(&x.view(), Metric::Euclidean).unwrap();
        let many = part(&x, seed..seed + 100);
        let one = part(&x, seed..seed + 1);
        let (many, one) = (index.nearest(&many, 7).unwrap(), index.nearest(&one, 7).unwrap());
        prop_assert_eq!(many.distances(0), one.distances(0));
        prop_assert_eq!(many.rows(0), one.rows(0));
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let x = noise(3_000, 12);
    let scores = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let fit = || Lof::new().fit_score(&Rows::untimed(x.view())).unwrap().1;
        pool.build().unwrap().install(fit)
    };
    assert_eq!(scores(1), scores(3));
}

/// Many identical rows, in few and in many dimensions.
#[test]
fn identical_rows_by_the_thousand_are_fast() {
    let start = std::time::Instant::now();
    for columns in [1, 3, 40] {
        let mut x = Array2::from_elem((50_000, columns), 5.25);
        x[[777, 0]] = 6.25;
        let lof = Lof::new().fit_score(&Rows::untimed(x.view()));
        let (fitted, scores) = lof.unwrap();
        assert_eq!(scores[0], 1.0);
        assert!(scores[777] > 1e9, "{}", scores[777]);
        assert!(
            fitted
                .score(x.view())
                .unwrap()
                .iter()
                .all(|s| s.is_finite())
        );
    }
    // A comparison of all pairs would take minutes.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn contributions_name_the_feature_that_is_off() {
    let mut x = noise(400, 5);
    for feature in 0..5 {
        x[[50 * feature, feature]] = 4.0;
    }
    let train = part(&x, 300..400);
    let all = |of: Option<Vec<f64>>| {
        let of = of.unwrap();
        assert!(of.iter().all(|c| *c >= 0.0));
        let sum: f64 = of.iter().sum();
        of.into_iter().map(|c| c / sum).collect::<Vec<_>>()
    };
    for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev] {
        let lof = Lof::new().metric(metric).fit(train).unwrap();
        for feature in 0..5 {
            let row = x.row(50 * feature).to_vec();
            let shares = all(lof.contributions(&row).unwrap());
            assert!(shares[feature] > 0.8, "{metric} {feature}: {shares:?}");
            for distance in [KnnDistance::Largest, KnnDistance::Mean, KnnDistance::Median] {
                let knn = Knn::new()
                    .metric(metric)
                    .distance(distance)
                    .fit(train)
                    .unwrap();
                let shares = all(knn.contributions(&row).unwrap());
                assert!(shares[feature] > 0.6, "{distance} {feature}: {shares:?}");
            }
        }
    }
}

#[test]
fn planted_outliers_score_above_all_others() {
    let mut x = noise(500, 3);
    x[[123, 1]] = 3.0;
    let rows = Rows::untimed(x.view());
    let highest = |scores: &[f64]| (0..500).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    assert_eq!(highest(&Lof::new().fit_score(&rows).unwrap().1), Some(123));
    let (knn, scores) = Knn::new().fit_score(&rows).unwrap();
    assert_eq!(highest(&scores), Some(123));
    let above = scores.iter().filter(|s| **s > knn.threshold().unwrap());
    assert_eq!(above.count(), 50);
}

#[test]
fn parameters_and_inputs_outside_their_domain_are_refused() {
    assert!(Lof::new().neighbors(0).is_err());
    assert!(Lof::new().neighbors(usize::MAX).is_err());
    assert!(Lof::new().contamination(0.6).is_err());
    assert!(Knn::new().contamination(f64::NAN).is_err());
    assert!(
        "cosine"
            .parse::<Metric>()
            .unwrap_err()
            .to_string()
            .contains("cosine")
    );
    let fit = |x: ArrayView2<'_, f64>| {
        let (lof, knn) = (
            Lof::new().fit(x).unwrap_err(),
            Knn::new().fit(x).unwrap_err(),
        );
        assert_eq!(lof.kind(), knn.kind());
        lof.kind()
    };
    assert_eq!(fit(array![[1.0]].view()), ErrorKind::NotEnoughData);
    assert_eq!(fit(Array2::zeros((5, 0)).view()), ErrorKind::InvalidInput);
    assert_eq!(fit(array![[1.0], [f64::NAN]].view()), ErrorKind::NonFinite);
    assert_eq!(
        fit(array![[1e308], [-1e308]].view()),
        ErrorKind::InvalidInput
    );
    let fitted = Lof::new().fit(noise(5, 2).view()).unwrap();
    assert_eq!(fitted.neighbors(), 4);
    let score = |x: ArrayView2<'_, f64>| fitted.score(x).unwrap_err().kind();
    assert_eq!(score(array![[1.0]].view()), ErrorKind::Shape);
    assert_eq!(
        score(array![[1.0, f64::INFINITY]].view()),
        ErrorKind::NonFinite
    );
    assert!(fitted.contributions(&[1.0]).is_err());
    let index = NeighbourIndex::new(&noise(5, 2).view(), Metric::Euclidean).unwrap();
    assert!(index.nearest_others(5).is_err() && index.nearest_others(0).is_err());
}

/// No finite row gives NaN, however far it is.
#[test]
fn extreme_rows_have_a_score() {
    let x = noise(2_000, 20);
    let far = Array2::from_shape_fn((40, 20), |(row, _)| f64::MAX * (row as f64 / 20.0 - 1.0));
    for scale in [1e-308, 1e-100, 1.0, 1e280] {
        let x = &x * scale;
        for fitted in [
            Box::new(Lof::new().fit(x.view()).unwrap()) as Box<dyn Detector>,
            Box::new(Knn::new().fit(x.view()).unwrap()),
        ] {
            for score in fitted.score(far.view()).unwrap() {
                assert!(score >= 0.0, "{score} at {scale}");
            }
            assert!(fitted.contributions(&far.row(3).to_vec()).is_ok());
        }
    }
}

#[test]
fn snapshots_give_the_same_scores_and_take_the_stated_room() {
    let x = noise(700, 6);
    let lof = Lof::new().fit(x.view()).unwrap();
    let bytes = snapshot::to_bytes(&lof).unwrap();
    assert!(bytes.len() <= 700 * 8 * (6 + 2) + 100, "{}", bytes.len());
    let again: bongsu_ml::FittedLof = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(lof.score(x.view()).unwrap(), again.score(x.view()).unwrap());
    let knn = Knn::new().fit((&x * 1e-200).view()).unwrap();
    let bytes = snapshot::to_bytes(&knn).unwrap();
    assert!(bytes.len() <= 700 * 8 * 6 + 100, "{}", bytes.len());
    let again: bongsu_ml::FittedKnn = snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(bytes, snapshot::to_bytes(&again).unwrap());
}

/// Rows near 1e-160 are searched enlarged: a query beyond them must not leave the floats then.
#[test]
fn a_query_far_beyond_tiny_rows_has_a_finite_score() {
    for (rows, columns) in [(60, 1), (60, 3), (2000, 30)] {
        let x = Array2::from_shape_fn((rows, columns), |(i, j)| {
            ((i * 37 + j * 101 + i * j * 13) % 997) as f64 * 1e-163
        });
        let far = Array2::from_shape_fn((20, columns), |(i, j)| {
            [1.0, 1e200, f64::MAX, -f64::MAX][(i + j) % 4]
        });
        for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev] {
            let knn = Knn::new().metric(metric).fit(x.view()).unwrap();
            let lof = Lof::new().metric(metric).fit(x.view()).unwrap();
            for scores in [
                knn.score(far.view()).unwrap(),
                lof.score(far.view()).unwrap(),
            ] {
                assert!(
                    scores.iter().all(|s| s.is_finite() && *s > 0.9),
                    "{scores:?}"
                );
            }
        }
    }
}
