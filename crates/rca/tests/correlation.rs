//! The correlation statistics against their references.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_rca::correlation::{
    Mark, benjamini_hochberg, change, cross_correlation, granger, lag_matrix, mutual_information,
    partial_correlation, pc, pearson, spearman, strongest_lag,
};
use proptest::prelude::*;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/correlation.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().unwrap().iter();
    numbers.map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

#[track_caller]
fn close(what: &str, found: f64, expected: f64, tolerance: f64) {
    let gap = (found - expected).abs();
    assert!(
        gap <= tolerance * expected.abs().max(1e-3),
        "{what}: {found} is not {expected}"
    );
}

#[test]
fn statistics_equal_their_references() {
    for case in golden()["pairs"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let [x, y, third] = ["x", "y", "third"].map(|key| numbers(&case[key]));
        for (what, found, expected) in [
            ("pearson", pearson(&x, &y).unwrap(), &case["pearson"]),
            ("spearman", spearman(&x, &y).unwrap(), &case["spearman"]),
            (
                "partial",
                partial_correlation(&x, &y, &[&third]).unwrap(),
                &case["partial"],
            ),
        ] {
            let expected = numbers(expected);
            close(&format!("{name} {what} r"), found.r, expected[0], 1e-9);
            close(
                &format!("{name} {what} p"),
                found.p_value,
                expected[1],
                1e-9,
            );
        }
        let expected = numbers(&case["ccf"]);
        let found = cross_correlation(&x, &y, expected.len() / 2).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() < 1e-9,
                "{name} ccf: {found} {expected}"
            );
        }
        // Known to differ: equal distances, which rounding breaks one way or the other.
        let no_ties = name != "exact";
        if let Some(expected) = case.get("mutual_information").filter(|_| no_ties) {
            for (k, expected) in [1, 3, 5].into_iter().zip(numbers(expected)) {
                let found = mutual_information(&x, &y, k).unwrap();
                close(
                    &format!("{name} information {k}"),
                    found,
                    expected.max(0.0),
                    // Of many equal distances a few are broken another way.
                    if name == "ties" { 2e-2 } else { 1e-6 },
                );
            }
        }
        // At levels of 1e12 and scales of 1e-12 the reference's own regression loses its digits.
        let sound = !["huge", "tiny"].contains(&name);
        if let Some(expected) = case.get("granger").filter(|_| sound) {
            for (lags, expected) in (1..).zip(expected.as_array().unwrap()) {
                let (found, expected) = (granger(&x, &y, lags).unwrap(), numbers(expected));
                close(
                    &format!("{name} F {lags}"),
                    found.statistic,
                    expected[0],
                    1e-8,
                );
                close(
                    &format!("{name} F's p {lags}"),
                    found.p_value,
                    expected[1],
                    1e-8,
                );
            }
        }
    }
}

#[test]
fn false_discoveries_are_adjusted_as_in_scipy() {
    let golden = &golden()["false_discovery"];
    let found = benjamini_hochberg(&numbers(&golden["p"])).unwrap();
    for (found, expected) in found.iter().zip(numbers(&golden["adjusted"])) {
        close("adjusted", *found, expected, 1e-12);
    }
    assert!(benjamini_hochberg(&[0.1, f64::NAN]).is_err());
    assert!(benjamini_hochberg(&[1.1]).is_err());
}

#[test]
fn causal_graphs_equal_those_of_causal_learn() {
    for case in golden()["graphs"].as_array().unwrap() {
        let data: Vec<Vec<f64>> = case["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .collect();
        let views: Vec<&[f64]> = data.iter().map(Vec::as_slice).collect();
        let found = pc(&views, 0.05, None).unwrap();
        let expected: Vec<Vec<f64>> = case["graph"]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .collect();
        let places = 0..data.len();
        for i in places.clone() {
            for j in places.clone() {
                // There, 1 is a head and -1 a tail at the row.
                let mark = match (expected[i][j] as i64, expected[j][i] as i64) {
                    (0, 0) => Mark::None,
                    (-1, 1) => Mark::Causes,
                    (1, -1) => Mark::CausedBy,
                    _ => Mark::Undirected,
                };
                assert_eq!(found.mark(i, j), mark, "{} {i} {j}", case["name"]);
            }
        }
    }
}

#[test]
fn all_pairs_at_once_are_as_one_by_one() {
    let noise = |i: usize, s: usize| ((i * i * (s + 3) + 7 * i) % 101) as f64;
    let columns: Vec<Vec<f64>> = (0..70)
        .map(|s| {
            (0..333)
                .map(|i| noise(i, s) + if s % 3 == 0 { noise(i + s % 5, 1) } else { 0.0 })
                .collect()
        })
        .chain([vec![4.0; 333]])
        .collect();
    let matrix = lag_matrix(&columns, 9).unwrap();
    assert_eq!(matrix.pairs().len(), 71 * 70 / 2);
    for pair in matrix.pairs().iter().step_by(13) {
        let (x, y) = (&columns[pair.first], &columns[pair.second]);
        let at_once = pearson(x, y).unwrap();
        close("r", pair.correlation.r, at_once.r, 1e-9);
        close("p", pair.correlation.p_value, at_once.p_value, 1e-7);
        let lag = strongest_lag(x, y, 9).unwrap();
        close("lagged r", pair.lag.r, lag.r, 1e-9);
        assert_eq!(
            pair.lag.points, lag.points,
            "{} {}",
            pair.first, pair.second
        );
    }
}

#[test]
fn a_matrix_counts_the_rows_that_both_have() {
    let line: Vec<f64> = (0..200).map(|i| f64::from(i % 17)).collect();
    let without = |missing: std::ops::Range<usize>| -> Vec<f64> {
        let place = |(i, x): (usize, &f64)| if missing.contains(&i) { f64::NAN } else { *x };
        line.iter().enumerate().map(place).collect()
    };
    let columns = [
        line.clone(),
        without(0..100),
        without(95..200),
        without(0..40),
    ];
    let matrix = lag_matrix(&columns, 3).unwrap();
    let points = |a: usize, b: usize| {
        let pair = matrix
            .pairs()
            .iter()
            .find(|p| (p.first, p.second) == (a, b));
        pair.unwrap().correlation
    };
    assert_eq!(points(0, 1).points, 100);
    assert_eq!(points(0, 3).points, 160);
    assert_eq!(points(1, 3).points, 100);
    assert_eq!(points(2, 3).points, 55);
    // Nothing is said of two that were never there together.
    assert_eq!((points(1, 2).points, points(1, 2).p_value), (0, 1.0));
}

#[test]
fn too_little_and_wrong_input_is_refused() {
    let (short, long) = (vec![1.0; 9], vec![1.0; 20]);
    assert!(pearson(&short, &short).is_err());
    assert!(pearson(&short, &long).is_err());
    assert!(change(&short).is_err());
    assert!(granger(&long, &long, 0).is_err());
    assert!(granger(&long, &long, 7).is_err());
    assert!(granger(&long, &long, usize::MAX).is_err());
    assert!(mutual_information(&long, &long, 0).is_err());
    assert!(mutual_information(&long, &long, 20).is_err());
    assert!(cross_correlation(&long, &long, 20).is_err());
    assert!(lag_matrix(&[long.clone(), short], 2).is_err());
    assert!(pc(&[&long, &long], 0.05, None).is_err());
    assert!(pc(&[&long], 1.5, None).is_err());
}

#[test]
fn constants_are_not_significant() {
    let constant = vec![0.1; 20];
    let moving: Vec<f64> = (0..20).map(f64::from).collect();
    for (x, y) in [
        (&constant, &moving),
        (&moving, &constant),
        (&constant, &constant),
    ] {
        for found in [
            pearson(x, y),
            spearman(x, y),
            partial_correlation(x, y, &[&moving]),
        ] {
            let found = found.unwrap();
            assert_eq!((found.r, found.p_value), (0.0, 1.0));
        }
        assert_eq!(granger(x, y, 1).unwrap().p_value, 1.0);
        assert_eq!(mutual_information(x, y, 3).unwrap(), 0.0);
        assert_eq!(strongest_lag(x, y, 3).unwrap().r, 0.0);
    }
    assert_eq!(change(&constant).unwrap(), None);
}

proptest! {
    #[test]
    fn nothing_is_ever_nan(
        x in prop::collection::vec(prop::num::f64::ANY, 30),
        y in prop::collection::vec(prop::num::f64::ANY, 30),
    ) {
        if let Ok(found) = pearson(&x, &y) {
            prop_assert!(found.r.abs() <= 1.0 && (0.0..=1.0).contains(&found.p_value));
        }
        if let Ok(found) = spearman(&x, &y) {
            prop_assert!(found.r.abs() <= 1.0 && (0.0..=1.0).contains(&found.p_value));
        }
        if let Ok(found) = granger(&x, &y, 2) {
            prop_assert!(found.statistic >= 0.0 && (0.0..=1.0).contains(&found.p_value));
        }
        if let Ok(found) = mutual_information(&x, &y, 3) {
            prop_assert!(found >= 0.0);
        }
        if let Ok(found) = lag_matrix(&[x.clone(), y.clone()], 3) {
            prop_assert!(found.pairs().iter().all(|p| p.lag.r.abs() <= 1.0));
        }
        let _ = change(&x);
    }
}
