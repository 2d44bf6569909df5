//! The measures against scikit-learn, TSB-AD, vus, prts and SciPy.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::ops::Range;

use bongsu_eval::{
    Cardinality, Confusion, NabCorpus, NabProfile, PositionalBias, RangeConfig, Ranking,
    affiliation, compare_ranks, point_adjusted, vus,
};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/metrics.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

#[track_caller]
fn close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{what}: {found} against {expected}"
    );
}

struct Case {
    name: String,
    scores: Vec<f64>,
    labels: Vec<bool>,
    alarms: Vec<bool>,
    expected: Value,
}

fn cases() -> Vec<Case> {
    let golden = golden();
    let cases = golden["cases"].as_array().unwrap().iter().map(|case| {
        let scores = floats(&case["score"]);
        let threshold = case["threshold"].as_f64().unwrap();
        Case {
            name: case["name"].as_str().unwrap().to_owned(),
            labels: floats(&case["label"]).iter().map(|x| *x > 0.5).collect(),
            alarms: scores.iter().map(|score| *score >= threshold).collect(),
            scores,
            expected: case.clone(),
        }
    });
    cases.collect()
}

#[test]
fn areas_under_curves() {
    for case in cases() {
        let ranking = Ranking::of(&case.scores, &case.labels).unwrap();
        close(
            ranking.roc_auc().unwrap(),
            &case.expected["roc_auc"],
            &case.name,
        );
        close(
            ranking.pr_auc().unwrap(),
            &case.expected["pr_auc"],
            &case.name,
        );
        let best = ranking.best_f1().unwrap();
        close(best.f1, &case.expected["best_f1"], &case.name);
        let alarms: Vec<bool> = case
            .scores
            .iter()
            .map(|score| *score >= best.threshold)
            .collect();
        let counts = Confusion::of(&alarms, &case.labels).unwrap();
        assert!((counts.f1().unwrap() - best.f1).abs() < 1e-12);
    }
}

#[test]
fn volumes_under_surfaces() {
    for case in cases() {
        for expected in case.expected["vus"].as_array().unwrap() {
            let window = usize::try_from(expected[0].as_u64().unwrap()).unwrap();
            let found = vus(&case.scores, &case.labels, window).unwrap();
            let what = format!("{} at {window}", case.name);
            close(found.roc, &expected[1], &what);
            close(found.pr, &expected[2], &what);
        }
    }
}

#[test]
fn rows_counted() {
    for case in cases() {
        let counts = Confusion::of(&case.alarms, &case.labels).unwrap();
        let found = [
            counts.true_negatives,
            counts.false_positives,
            counts.false_negatives,
            counts.true_positives,
        ];
        let expected: Vec<usize> = floats(&case.expected["confusion"])
            .iter()
            .map(|x| *x as usize)
            .collect();
        assert_eq!(found.to_vec(), expected, "{}", case.name);
        close(
            counts.precision().unwrap(),
            &case.expected["precision"],
            &case.name,
        );
        close(
            counts.recall().unwrap(),
            &case.expected["recall"],
            &case.name,
        );
        close(counts.f1().unwrap(), &case.expected["f1"], &case.name);
    }
}

#[test]
fn ranges_and_affiliation() {
    let mut compared = 0;
    for case in cases() {
        let (alarms, labels) = (&case.alarms, &case.labels);
        let Some(expected) = case.expected.get("range_tsb") else {
            continue;
        };
        let found = RangeConfig::default().measure(alarms, labels).unwrap();
        close(found.precision, &expected[0], &case.name);
        close(found.recall, &expected[1], &case.name);
        for expected in case.expected["range_prts"].as_array().unwrap() {
            let bias = match expected[0].as_str().unwrap() {
                "flat" => PositionalBias::Flat,
                "front" => PositionalBias::Front,
                "middle" => PositionalBias::Middle,
                _ => PositionalBias::Back,
            };
            let cardinality = match expected[1].as_str().unwrap() {
                "one" => Cardinality::One,
                _ => Cardinality::Reciprocal,
            };
            let config = RangeConfig::default()
                .existence(expected[2].as_f64().unwrap())
                .unwrap()
                .precision_bias(bias)
                .recall_bias(bias)
                .cardinality(cardinality);
            let found = config.measure(alarms, labels).unwrap();
            let what = format!("{} {expected}", case.name);
            close(found.precision, &expected[3], &what);
            close(found.recall, &expected[4], &what);
            compared += 1;
        }
        let found = affiliation(alarms, labels).unwrap();
        close(
            found.precision,
            &case.expected["affiliation"][0],
            &case.name,
        );
        close(found.recall, &case.expected["affiliation"][1], &case.name);
        if let Some(expected) = case.expected.get("point_adjusted_f1") {
            let adjusted = point_adjusted(alarms, labels).unwrap().f1().unwrap();
            close(adjusted, expected, &case.name);
        }
    }
    assert!(compared > 100);
}

#[test]
fn nab_sweep_and_fixed_threshold() {
    let golden = golden();
    let series: Vec<(Vec<f64>, Vec<Range<usize>>)> = golden["nab"]["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let windows = one[1].as_array().unwrap().iter().map(|w| {
                let ends = floats(w);
                ends[0] as usize..ends[1] as usize
            });
            (floats(&one[0]), windows.collect())
        })
        .collect();
    let corpus = NabCorpus::new(series.iter().map(|(s, w)| (s.as_slice(), w.as_slice()))).unwrap();
    for expected in golden["nab"]["profiles"].as_array().unwrap() {
        let profile = NabProfile {
            true_positive: 1.0,
            false_positive: expected[0].as_f64().unwrap(),
            false_negative: expected[1].as_f64().unwrap(),
        };
        let best = corpus.sweep(&profile).unwrap();
        close(best.threshold, &expected[2], "threshold");
        close(best.raw, &expected[3], "raw");
        close(best.score, &expected[4], "score");
        close(
            corpus.at(&profile, 0.9).unwrap().raw,
            &expected[5],
            "at 0.9",
        );
    }
}

#[test]
fn ranks_and_critical_difference() {
    for expected in golden()["ranks"].as_array().unwrap() {
        let table: Vec<Vec<f64>> = expected[0].as_array().unwrap().iter().map(floats).collect();
        let found = compare_ranks(&table, 0.05).unwrap();
        for (rank, expected) in found.ranks.iter().zip(expected[1].as_array().unwrap()) {
            close(*rank, expected, "rank");
        }
        if !expected[2].is_null() {
            close(found.chi_squared, &expected[2], "statistic");
            close(found.p_value, &expected[3], "p");
        }
        close(
            found.critical_difference,
            &expected[4],
            "critical difference",
        );
    }
}

#[test]
fn undefined_measures_say_why() {
    let scores = [0.1, 0.2, 0.3];
    let error = vus(&scores, &[false; 3], 10).unwrap_err().to_string();
    assert!(error.contains("no row is labelled"), "{error}");
    assert!(vus(&scores, &[true; 3], 10).is_err());
    assert!(vus(&scores, &[true, false, false], 100_001).is_err());
    let error = Ranking::of(&[0.1, f64::NAN], &[true, false])
        .unwrap_err()
        .to_string();
    assert!(error.contains("row 1"), "{error}");
    assert!(Ranking::of(&[], &[]).is_err());
    assert!(Ranking::of(&[1.0], &[]).is_err());
    assert!(affiliation(&[false; 3], &[true; 3]).is_err());
    assert!(
        RangeConfig::default()
            .measure(&[true; 3], &[false; 3])
            .is_err()
    );
    let counts = Confusion::of(&[false; 3], &[true; 3]).unwrap();
    assert!(counts.precision().is_err());
    assert!(counts.report().to_string().contains("anomalous"));
    let infinite = [f64::INFINITY, 1e308, -1e308, f64::NEG_INFINITY];
    let labels = [true, false, true, false];
    let found = Ranking::of(&infinite, &labels).unwrap().roc_auc().unwrap();
    assert!((found - 0.75).abs() < 1e-12);
    assert!(vus(&infinite, &labels, 2).unwrap().pr.is_finite());
}

#[test]
fn bootstrap_is_seeded_and_keeps_blocks_together() {
    use bongsu_eval::Bootstrap;
    let values: Vec<f64> = (0..200).map(|row| f64::from(row / 20 % 2)).collect();
    let single = Bootstrap::default().seed(1).mean(&values).unwrap();
    assert_eq!(single, Bootstrap::default().seed(1).mean(&values).unwrap());
    let blocks = Bootstrap::default()
        .block(20)
        .unwrap()
        .seed(1)
        .mean(&values)
        .unwrap();
    assert!(blocks.upper - blocks.lower > 1.5 * (single.upper - single.lower));
    assert!(
        (single.lower, single.upper) == (0.43, 0.57),
        "value stability: {single:?}"
    );
}
