//! Agreement with ruptures, SciPy and NumPy; `golden/generate_sequences.py` writes the expected
//! values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;

use bongsu_core::StreamDetector as _;
use bongsu_stats::{
    Bocpd, BocpdStream, Changepoints, Cost, Penalty, RunModel, Search, SpectralResidual,
};
use serde_json::Value;

struct Golden {
    document: Value,
    inputs: BTreeMap<String, Vec<f64>>,
}

impl Golden {
    fn read() -> Self {
        let document: Value = serde_json::from_str(include_str!("golden/sequences.json")).unwrap();
        let inputs = document["inputs"].as_object().unwrap();
        let inputs = inputs.iter().map(|(k, v)| (k.clone(), numbers(v)));
        Self {
            inputs: inputs.collect(),
            document,
        }
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn places(value: &Value) -> Vec<usize> {
    let places = value.as_array().unwrap();
    places
        .iter()
        .map(|p| p.as_u64().unwrap() as usize)
        .collect()
}

fn assert_close(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (&a, &b)) in ours.iter().zip(theirs).enumerate() {
        let close = (a - b).abs() <= tolerance * (1.0 + b.abs());
        assert!(close, "{what}[{i}]: {a} instead of {b}");
    }
}

#[test]
fn breakpoints_equal_those_of_ruptures() {
    let golden = Golden::read();
    let cases = golden.document["segmentations"].as_array().unwrap();
    for case in cases {
        let values = &golden.inputs[case["input"].as_str().unwrap()];
        let cost: Cost = case["cost"].as_str().unwrap().parse().unwrap();
        let config = Changepoints::new()
            .cost(cost)
            .penalty(Penalty::Manual(number(&case["penalty"])))
            .unwrap()
            .min_size(case["min_size"].as_u64().unwrap() as usize)
            .unwrap();
        let found = config.segment(values).unwrap();
        // Integers have equally good medians, and so equally good breakpoints.
        let ties = cost == Cost::Median && case["input"] == "counts";
        if ties {
            assert_eq!(
                found.breakpoints().len(),
                places(&case["breakpoints"]).len()
            );
        } else {
            assert_eq!(found.breakpoints(), places(&case["breakpoints"]), "{case}");
        }
        // The reference works in units of its own; that of a logarithm is a term.
        let (total, unit) = (number(&case["total"]), number(&case["unit"]));
        let scaled = values.iter().any(|x| x.abs() > 1e6 || x.abs() < 1e-11);
        if cost != Cost::Normal {
            let error = (found.cost() / unit - total).abs();
            assert!(
                error <= 1e-7 * (1.0 + total.abs()),
                "{case}: {}",
                found.cost()
            );
        } else if !scaled {
            let error = (found.cost() - total).abs();
            assert!(
                error <= 1e-3 * (1.0 + total.abs()),
                "{case}: {}",
                found.cost()
            );
        }
        if case.get("binary").is_some() && !ties {
            let found = config.search(Search::Binary).segment(values).unwrap();
            assert_eq!(
                found.breakpoints(),
                places(&case["binary"]),
                "binary {case}"
            );
        }
    }
    assert!(cases.len() > 100);
}

fn run_lengths(mut stream: BocpdStream, values: &[f64]) -> (Vec<f64>, Vec<u64>, BocpdStream) {
    let mut likely = Vec::new();
    for &x in values {
        stream.learn(&[x]).unwrap();
        likely.push(stream.most_probable_run());
    }
    let probabilities = stream.run_lengths().into_iter().rev().map(|(_, p)| p);
    (probabilities.collect(), likely, stream)
}

#[test]
fn run_lengths_equal_the_formula() {
    let golden = Golden::read();
    let exact = |level, spread| {
        let config = Bocpd::new().hazard(0.01).unwrap().strength(0.3).unwrap();
        let config = config.shape(1.5).unwrap().prune(0.0).unwrap();
        let config = config.max_runs(1_000).unwrap();
        config.known(level, spread).unwrap()
    };
    for (name, case) in golden.document["runs"].as_object().unwrap() {
        let values = &golden.inputs[name];
        let config = exact(number(&case["level"]), number(&case["spread"]));
        let (probabilities, likely, stream) = run_lengths(config.build().unwrap(), values);
        let expected = numbers(&case["probabilities"]);
        assert_close(name, &probabilities[..expected.len()], &expected, 1e-9);
        let theirs: Vec<u64> = places(&case["likely"]).iter().map(|&p| p as u64).collect();
        // Of equally probable lengths either may come first.
        let same = likely.iter().zip(&theirs).filter(|(a, b)| a == b).count();
        assert!(
            same + 2 >= theirs.len(),
            "{name}: {same} of {}",
            theirs.len()
        );
        let score = |x: &f64| stream.score(&[*x]).unwrap().ready().unwrap();
        let scores: Vec<f64> = numbers(&case["probe"]).iter().map(score).collect();
        // Next to an offset the judged values themselves are rounded.
        let tolerance = if name == "offset" { 1e-4 } else { 1e-9 };
        assert_close(name, &scores, &numbers(&case["score"]), tolerance);
    }
    let case = &golden.document["runs"]["counts"]["poisson"];
    let config = exact(4.0, 1.0).model(RunModel::Poisson);
    let (probabilities, _, stream) = run_lengths(config.build().unwrap(), &golden.inputs["counts"]);
    let expected = numbers(&case["probabilities"]);
    assert_close("poisson", &probabilities[..expected.len()], &expected, 1e-9);
    let score = |x: &f64| stream.score(&[*x]).unwrap().ready().unwrap();
    let scores: Vec<f64> = numbers(&case["probe"]).iter().map(score).collect();
    assert_close("poisson", &scores, &numbers(&case["score"]), 1e-9);
}

#[test]
fn pruned_run_lengths_stay_close_to_the_exact_ones() {
    let golden = Golden::read();
    let exact = Bocpd::new().prune(0.0).unwrap().max_runs(1_000).unwrap();
    for (name, values) in golden.inputs.iter().filter(|(_, x)| x.len() > 30) {
        let (_, exact_likely, exact) = run_lengths(exact.build().unwrap(), values);
        let (_, likely, pruned) = run_lengths(Bocpd::new().build().unwrap(), values);
        assert_eq!(likely, exact_likely, "{name}");
        let (a, b) = (exact.change_probability(20), pruned.change_probability(20));
        assert!((a - b).abs() < 1e-3, "{name}: {b} instead of {a}");
        assert!(pruned.run_lengths().len() < exact.run_lengths().len());
    }
}

#[test]
fn saliencies_equal_the_formula() {
    let golden = Golden::read();
    for (name, case) in golden.document["saliencies"].as_object().unwrap() {
        let values = &golden.inputs[name];
        let plain = SpectralResidual::new().saliency(values).unwrap();
        let expected = numbers(&case["plain"]);
        let tolerance = if name == "offset" { 1e-6 } else { 1e-9 };
        let latest = &plain[plain.len() - expected.len()..];
        assert_close(name, latest, &expected, tolerance);
        let wide = SpectralResidual::new().smoothing(7).unwrap();
        let wide = wide.extension(0).unwrap().saliency(values).unwrap();
        let expected = numbers(&case["wide"]);
        assert_close(name, &wide[..expected.len()], &expected, tolerance);
        let local = SpectralResidual::new().local(Some(21)).unwrap();
        let local = local.average(1).unwrap();
        let local = local.score(values).unwrap();
        let expected = numbers(&case["local"]);
        assert_close(name, &local[..expected.len()], &expected, 10.0 * tolerance);
    }
}
