//! What followed from what.

use serde::{Deserialize, Serialize};

use super::Relation;
use crate::Metric;
use crate::rank::{Layout, Topology};

/// The most chains that are told.
const MOST: usize = 5;

/// The most links of a chain: it bounds the search.
const LONGEST: usize = 5;

/// The confidence in a link of two metrics that move at once, against that of one with a lag: that the
/// effect calls the cause is all that tells the direction.
const AT_ONCE: f64 = 0.5;

/// Causes and effects, each following from the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// From the first cause to the last effect.
    pub links: Vec<Link>,
    /// That of its weakest link, in percent.
    pub confidence: f64,
}

/// A cause and its effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The metric that moves first.
    pub cause: Metric,
    /// The metric that follows.
    pub effect: Metric,
    /// Their correlation at the lag.
    pub correlation: f64,
    /// By how many minutes the effect follows.
    pub lag_minutes: f64,
    /// How well this is supported, in percent: `100 |r| (1 - adjusted p)`, half of it where both move at
    /// once.
    pub confidence: f64,
}

/// A link by the places of its metrics.
struct Step {
    from: usize,
    to: usize,
    link: Link,
}

/// The chains that neither a cause before nor an effect after makes longer, the surest first; of equals
/// the longest.
///
/// A link is a significant correlation of metrics of which one moves first, and where dependencies are
/// known, the effect's service calls the cause's or is the same. Metrics that move at once are linked
/// from the service that is called to its caller. Where two links lead from a cause to an effect, the one
/// from the first to the last is left out. Links in a circle have no beginning and make no chain.
pub(super) fn find(
    found: &[(Relation, [usize; 2])],
    layout: &Layout,
    topology: &Topology,
) -> Vec<Chain> {
    let mut steps: Vec<Step> = Vec::new();
    for (relation, places) in found.iter().filter(|(one, _)| one.is_significant()) {
        steps.extend(step(relation, *places, layout, topology));
    }
    let leads = |from: usize, to: usize| steps.iter().any(|s| s.from == from && s.to == to);
    let direct: Vec<bool> = steps
        .iter()
        .map(|step| {
            !steps
                .iter()
                .any(|s| s.from == step.from && leads(s.to, step.to))
        })
        .collect();
    let mut direct = direct.into_iter();
    steps.retain(|_| direct.next().unwrap_or(true));
    let mut chains = Vec::new();
    for (place, first) in steps.iter().enumerate() {
        if !steps.iter().any(|other| other.to == first.from) {
            extend(&steps, &mut vec![place], &mut chains);
        }
    }
    chains.sort_by(|a: &Chain, b| {
        let surest = b.confidence.total_cmp(&a.confidence);
        surest.then(b.links.len().cmp(&a.links.len()))
    });
    chains.truncate(MOST);
    chains
}

fn step(
    relation: &Relation,
    [first, second]: [usize; 2],
    layout: &Layout,
    topology: &Topology,
) -> Option<Step> {
    let calls = |caller: &Metric, callee: &Metric| {
        let places = layout
            .place(&caller.service)
            .zip(layout.place(&callee.service));
        places.is_some_and(|(caller, callee)| topology.callees(caller).contains(&callee))
    };
    let (one, other) = (&relation.first, &relation.second);
    let at_once = relation.lag_minutes == 0.0;
    let turned = match (calls(other, one), calls(one, other)) {
        (true, false) if at_once => false,
        (false, true) if at_once => true,
        _ if at_once => return None,
        (true, _) => false,
        _ if one.service == other.service || topology.is_unknown() => false,
        _ => return None,
    };
    let sure = 100.0 * relation.lag_r.abs() * (1.0 - relation.adjusted_p_value);
    let (from, to, cause, effect) = if turned {
        (second, first, other, one)
    } else {
        (first, second, one, other)
    };
    Some(Step {
        from,
        to,
        link: Link {
            cause: cause.clone(),
            effect: effect.clone(),
            correlation: relation.lag_r,
            lag_minutes: relation.lag_minutes,
            confidence: if at_once { AT_ONCE * sure } else { sure },
        },
    })
}

/// Follows a chain to each of its ends.
fn extend(steps: &[Step], path: &mut Vec<usize>, chains: &mut Vec<Chain>) {
    let on_path: Vec<&Step> = path.iter().filter_map(|&i| steps.get(i)).collect();
    let Some(end) = on_path.last().map(|step| step.to) else {
        return;
    };
    let passed = |place: usize| on_path.iter().any(|step| step.from == place);
    let next: Vec<usize> = steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.from == end && !passed(step.to))
        .map(|(i, _)| i)
        .collect();
    if next.is_empty() || path.len() >= LONGEST {
        let links: Vec<Link> = on_path.iter().map(|step| step.link.clone()).collect();
        let least = links.iter().map(|l| l.confidence).fold(100.0, f64::min);
        chains.push(Chain {
            links,
            confidence: least,
        });
        return;
    }
    for place in next {
        path.push(place);
        extend(steps, path, chains);
        path.pop();
    }
}

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, link) in self.links.iter().enumerate() {
            if i == 0 {
                write!(f, "{}", link.cause)?;
            }
            write!(f, " -> {} (r {:.2}", link.effect, link.correlation)?;
            match link.lag_minutes {
                0.0 => f.write_str(", at once)")?,
                lag => write!(f, ", {lag:.2} min later)")?,
            }
        }
        write!(f, ", {:.0} %", self.confidence)
    }
}
