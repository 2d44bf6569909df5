//! Failures that go from service to service.

use std::collections::BTreeMap;

use super::{Input, PatternMatch};
use crate::correlation::pearson;
use crate::rank::CLEARLY_MOVED;

/// A cascade has at least so many services.
const LEAST: usize = 3;

/// What a step counts in which two services deviate from the same moment on, against one in which the
/// caller follows: of their order only the dependency is known.
const AT_ONCE: f64 = 0.5;

/// The metric by which a service shows that something is wrong.
struct Symptom {
    seconds: f64,
    values: Vec<f64>,
}

/// Services that deviated one after the other.
#[derive(Debug, Clone)]
struct Cascade<'a> {
    services: Vec<&'a str>,
    /// The least correlation of two neighbours.
    least: f64,
    /// In how many steps the caller follows, and in how many both deviate at once.
    later: usize,
    at_once: usize,
}

impl<'a> Cascade<'a> {
    fn of(service: &'a str) -> Self {
        Self {
            services: vec![service],
            least: 1.0,
            later: 0,
            at_once: 0,
        }
    }

    fn and(&self, service: &'a str, gap: f64, correlation: f64) -> Self {
        let mut longer = self.clone();
        longer.services.push(service);
        longer.least = longer.least.min(correlation);
        if gap > 0.0 {
            longer.later += 1;
        } else {
            longer.at_once += 1;
        }
        longer
    }

    /// The least correlation, times the steps as far as their order is known: `later + at once / 2` of
    /// all.
    fn confidence(&self) -> f64 {
        let steps = self.later + self.at_once;
        let known = self.later as f64 + AT_ONCE * self.at_once as f64;
        self.least * known / steps.max(1) as f64
    }

    fn is_better(&self, other: &Self) -> bool {
        let longer = self.services.len().cmp(&other.services.len());
        let surer = self.confidence().total_cmp(&other.confidence());
        longer.then(surer).is_gt()
    }
}

/// The longest chain in which each service calls the one before it and deviates after it, or at the same
/// moment; at least once it has to be after it, since load moves all services at once.
pub(super) fn find(
    input: &Input<'_>,
    name: &str,
    within: f64,
    correlation: f64,
) -> Vec<PatternMatch> {
    let symptoms = symptoms(input);
    let mut order: Vec<(&str, &Symptom)> = symptoms.iter().map(|(k, v)| (*k, v)).collect();
    order.sort_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds));
    // For each service the best chain that ends there. A chain of services that deviate at once may end
    // at one that comes later in the order, so that chains grow until none does any more.
    let mut chains: BTreeMap<&str, Cascade<'_>> = order
        .iter()
        .map(|(service, _)| (*service, Cascade::of(service)))
        .collect();
    for _ in 0..order.len() {
        let mut grown = false;
        for (service, symptom) in &order {
            for callee in input.graph.callees(service) {
                let Some((earlier, chain)) = symptoms.get(callee).zip(chains.get(callee)) else {
                    continue;
                };
                let gap = symptom.seconds - earlier.seconds;
                if !(0.0..=within).contains(&gap) || chain.services.contains(service) {
                    continue;
                }
                let r = pearson(&earlier.values, &symptom.values).map_or(0.0, |c| c.r.abs());
                let longer = chain.and(service, gap, r);
                let known = chains.get(service);
                if r >= correlation && known.is_none_or(|known| longer.is_better(known)) {
                    chains.insert(service, longer);
                    grown = true;
                }
            }
        }
        if !grown {
            break;
        }
    }
    let mut best: Option<Cascade<'_>> = None;
    for chain in chains.into_values() {
        let counts = chain.services.len() >= LEAST && chain.later > 0;
        if counts && best.as_ref().is_none_or(|best| chain.is_better(best)) {
            best = Some(chain);
        }
    }
    let describe = |chain: Cascade<'_>| {
        let at_once = match chain.at_once {
            0 => "",
            _ => "; not all of them at different moments",
        };
        PatternMatch {
            pattern: name.to_owned(),
            metric: None,
            time_to_limit: None,
            confidence: 100.0 * chain.confidence(),
            evidence: format!(
                "one after the other: {}{at_once}",
                chain.services.join(", then ")
            ),
            services: chain.services.into_iter().map(str::to_owned).collect(),
        }
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
