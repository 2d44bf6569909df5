//! Failures that go from service to service.

use std::collections::BTreeMap;

use super::{Input, PatternMatch};
use crate::correlation::pearson;

/// A service takes part when a metric of it moved by so many robust standard deviations.
const CLEAR: f64 = 3.0;

/// A cascade has at least so many services.
const LEAST: usize = 3;

/// The metric by which a service shows that something is wrong.
struct Symptom {
    seconds: f64,
    values: Vec<f64>,
}

/// The longest chain in which each service calls the one before it and deviates after it.
pub(super) fn find(
    input: &Input<'_>,
    name: &str,
    within: f64,
    correlation: f64,
) -> Vec<PatternMatch> {
    let symptoms = symptoms(input);
    let mut order: Vec<(&str, &Symptom)> = symptoms.iter().map(|(k, v)| (*k, v)).collect();
    order.sort_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds));
    // For each service the best chain that ends there: its services and its least correlation.
    let mut chains: BTreeMap<&str, (Vec<&str>, f64)> = BTreeMap::new();
    for (service, symptom) in &order {
        let mut best: (Vec<&str>, f64) = (vec![service], 1.0);
        for callee in input.graph.callees(service) {
            let Some((chain, least)) = symptoms.get(callee).and_then(|_| chains.get(callee)) else {
                continue;
            };
            let Some(earlier) = symptoms.get(callee) else {
                continue;
            };
            let gap = symptom.seconds - earlier.seconds;
            let r = pearson(&earlier.values, &symptom.values).map_or(0.0, |c| c.r.abs());
            let least = least.min(r);
            let longer = chain.len() + 1 > best.0.len()
                || (chain.len() + 1 == best.0.len() && least > best.1);
            if gap > 0.0 && gap <= within && r >= correlation && longer {
                let chain = chain.iter().copied().chain([*service]).collect();
                best = (chain, least);
            }
        }
        chains.insert(service, best);
    }
    let longest = chains
        .into_values()
        .filter(|(chain, _)| chain.len() >= LEAST);
    let best = longest.max_by(|a, b| a.0.len().cmp(&b.0.len()).then(a.1.total_cmp(&b.1)));
    let describe = |(chain, least): (Vec<&str>, f64)| PatternMatch {
        pattern: name.to_owned(),
        metric: None,
        confidence: 100.0 * least,
        evidence: format!("one after the other: {}", chain.join(", then ")),
        services: chain.into_iter().map(str::to_owned).collect(),
    };
    best.map(describe).into_iter().collect()
}

/// For each service its metric that deviates most, if that is clear.
fn symptoms<'a>(input: &Input<'a>) -> BTreeMap<&'a str, Symptom> {
    let split = input.split;
    let mut worst: BTreeMap<&str, (f64, Symptom)> = BTreeMap::new();
    let parts = split.normal.iter().zip(&split.after);
    let all = split
        .metrics
        .iter()
        .zip(parts)
        .zip(&input.evidence.deviations);
    for ((metric, (normal, after)), deviation) in all {
        let known = worst.get(metric.service.as_str()).map_or(0.0, |w| w.0);
        if deviation.size < CLEAR || deviation.size <= known {
            continue;
        }
        let time = deviation.moved_at.and_then(|row| split.times.get(row));
        if let Some(time) = time {
            let symptom = Symptom {
                seconds: time.millis_since(split.onset) as f64 / 1e3,
                values: [*normal, *after].concat(),
            };
            worst.insert(&metric.service, (deviation.size, symptom));
        }
    }
    worst.into_iter().map(|(k, (_, v))| (k, v)).collect()
}
