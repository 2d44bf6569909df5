//! Failures that go from service to service.

use std::collections::BTreeMap;

use super::{Input, PatternMatch};
use crate::correlation::pearson;
use crate::rank::CLEARLY_MOVED;

/// A cascade has at least so many services.
const LEAST: usize = 3;

/// No more services of a cascade are told, which bounds the search.
const LONGEST: usize = 16;

/// Confidences that differ by less are alike: so far a correlation of 0.7 of a hundred moments is from the
/// true one in one case of three.
const ALIKE: f64 = 0.05;

/// What a step counts in which two services deviate from the same moment on, against one in which the
/// caller follows: of their order only the dependency is known.
const AT_ONCE: f64 = 0.5;

/// The metric by which a service shows that something is wrong.
struct Symptom {
    seconds: f64,
    values: Vec<f64>,
}

/// A service that calls another, deviates after it or at the same moment, and goes along with it.
struct Step {
    callee: usize,
    caller: usize,
    later: bool,
    correlation: f64,
}

/// Services that deviated one after the other, by their places among those that deviate.
#[derive(Debug, Clone)]
struct Cascade {
    services: Vec<usize>,
    /// The least correlation of two neighbours.
    least: f64,
    /// In how many steps the caller follows; in the others both deviate at once.
    later: usize,
}

impl Cascade {
    fn and(&self, step: &Step) -> Self {
        let mut longer = self.clone();
        longer.services.push(step.caller);
        longer.least = longer.least.min(step.correlation);
        longer.later += usize::from(step.later);
        longer
    }

    const fn at_once(&self) -> usize {
        self.services.len().saturating_sub(self.later + 1)
    }

    /// The least correlation, times the steps as far as their order is known: `later + at once / 2` of
    /// all.
    fn confidence(&self) -> f64 {
        let steps = self.services.len().saturating_sub(1).max(1);
        let known = self.later as f64 + AT_ONCE * self.at_once() as f64;
        self.least * known / steps as f64
    }
}

/// The surest chain in which each service calls the one before it and deviates after it, or at the same
/// moment; at least once it has to be after it, since load moves all services at once. Of chains that are
/// next to as sure, the longest.
pub(super) fn find(
    input: &Input<'_>,
    name: &str,
    within: f64,
    correlation: f64,
) -> Vec<PatternMatch> {
    let symptoms: Vec<(&str, Symptom)> = symptoms(input).into_iter().collect();
    let steps = steps(input, &symptoms, within, correlation);
    let chains = chains(&steps, symptoms.len());
    let surest = chains.iter().map(Cascade::confidence).fold(0.0, f64::max);
    let near = chains
        .into_iter()
        .filter(|chain| chain.confidence() >= surest - ALIKE);
    let best = near.max_by(|a, b| {
        let longer = a.services.len().cmp(&b.services.len());
        longer.then(a.confidence().total_cmp(&b.confidence()))
    });
    let describe = |chain: Cascade| {
        let named = chain.services.iter().filter_map(|&i| symptoms.get(i));
        let services: Vec<&str> = named.map(|(service, _)| *service).collect();
        let at_once = match chain.at_once() {
            0 => "",
            _ => "; not all of them at different moments",
        };
        PatternMatch {
            pattern: name.to_owned(),
            metric: None,
            time_to_limit: None,
            confidence: 100.0 * chain.confidence(),
            evidence: format!("one after the other: {}{at_once}", services.join(", then ")),
            services: services.into_iter().map(str::to_owned).collect(),
        }
    };
    best.map(describe).into_iter().collect()
}

/// The steps that there are. Cost: one correlation of all moments for each dependency at most.
fn steps(
    input: &Input<'_>,
    symptoms: &[(&str, Symptom)],
    within: f64,
    correlation: f64,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for (caller, (service, later)) in symptoms.iter().enumerate() {
        for callee in input.graph.callees(service) {
            let Ok(callee) = symptoms.binary_search_by_key(&callee, |(name, _)| *name) else {
                continue;
            };
            let Some((_, earlier)) = symptoms.get(callee) else {
                continue;
            };
            let gap = later.seconds - earlier.seconds;
            if caller == callee || !(0.0..=within).contains(&gap) {
                continue;
            }
            let r = pearson(&earlier.values, &later.values).map_or(0.0, |c| c.r.abs());
            if r >= correlation {
                steps.push(Step {
                    callee,
                    caller,
                    later: gap > 0.0,
                    correlation: r,
                });
            }
        }
    }
    steps
}

/// The chains of at least [`LEAST`] services, of which one step is seen, that are the surest for where they
/// end, their length and the number of steps that are seen.
///
/// Cost: O(s l^2) for `s` steps and chains of at most `l` services, [`LONGEST`].
fn chains(steps: &[Step], services: usize) -> Vec<Cascade> {
    let alone = |service: usize| Cascade {
        services: vec![service],
        least: 1.0,
        later: 0,
    };
    let mut ends: BTreeMap<(usize, usize), Cascade> =
        (0..services).map(|i| ((i, 0), alone(i))).collect();
    let mut found = Vec::new();
    for length in 2..=LONGEST {
        let mut longer: BTreeMap<(usize, usize), Cascade> = BTreeMap::new();
        for step in steps {
            let from = ends.range((step.callee, 0)..=(step.callee, length));
            for (_, chain) in from {
                if chain.services.contains(&step.caller) {
                    continue;
                }
                let one = chain.and(step);
                let key = (step.caller, one.later);
                if longer.get(&key).is_none_or(|known| one.least > known.least) {
                    longer.insert(key, one);
                }
            }
        }
        if longer.is_empty() {
            break;
        }
        let counts = |chain: &&Cascade| length >= LEAST && chain.later > 0;
        found.extend(longer.values().filter(counts).cloned());
        ends = longer;
    }
    found
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
        if deviation.size < CLEARLY_MOVED || deviation.size <= known {
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
