use bongsu_core::{Error, Result};

use super::Order;
use super::evidence::{Evidence, Layout};
use super::split::Split;
use super::topology::Topology;
use crate::correlation::pearson;

/// The share of steps that follow an edge; the rest begin anew, at services in proportion to their
/// evidence.
const FOLLOW: f64 = 0.85;

/// How much less a walk likes to go back from a callee to its caller than forward.
const BACK: f64 = 0.1;

/// Without dependencies, the pairs of at most so many services are compared.
const MOST_LONELY: usize = 2_048;

/// A walk from callers to callees, along edges weighted by the correlation of the metrics that deviate
/// most, and staying where no callee agrees as well (a personalised page rank).
///
/// Without dependencies, every service is taken to call every other.
///
/// Cost: O(d n + 200 d) time for `d` dependencies and `n` moments; without dependencies all pairs of
/// services take their place.
///
/// # Errors
/// When there are more than 2,048 services and no dependencies.
pub(super) fn rank(
    split: &Split<'_>,
    layout: &Layout,
    topology: &Topology,
    evidence: &Evidence,
) -> Result<Order> {
    let count = layout.services.len();
    if topology.is_unknown() && count > MOST_LONELY {
        return Err(Error::input(format!(
            "without dependencies the ranker `walk` compares all pairs of services, and those of \
             {count} are too many; at most {MOST_LONELY} services are taken"
        )));
    }
    let start: Vec<f64> = layout
        .metrics_of
        .iter()
        .map(|list| {
            let sizes = list.iter().filter_map(|&i| evidence.deviations.get(i));
            sizes.map(|d| d.size.ln_1p()).fold(0.0, f64::max)
        })
        .collect();
    let edges = transitions(split, layout, topology, evidence, &start);
    let services = stationary(&edges, &start);
    let metrics = layout.service_of.iter().zip(&evidence.deviations);
    let metrics = metrics.map(|(&service, deviation)| {
        let own = start.get(service).copied().unwrap_or_default();
        let visits = services.get(service).copied().unwrap_or_default();
        if own > 0.0 {
            visits * deviation.size.ln_1p() / own
        } else {
            0.0
        }
    });
    let metrics = metrics.collect();
    Ok(Order { metrics, services })
}

/// For each service the services a walk goes to from there, with probabilities.
fn transitions(
    split: &Split<'_>,
    layout: &Layout,
    topology: &Topology,
    evidence: &Evidence,
    start: &[f64],
) -> Vec<Vec<(usize, f64)>> {
    let faces: Vec<Option<Vec<f64>>> = layout
        .metrics_of
        .iter()
        .map(|list| face(split, list, evidence))
        .collect();
    let agree = |a: usize, b: usize| {
        let pair = faces.get(a).zip(faces.get(b));
        let pair = pair.and_then(|(a, b)| a.as_ref().zip(b.as_ref()));
        let found = pair.and_then(|(a, b)| pearson(a, b).ok());
        found.map_or(0.0, |c| c.r.abs())
    };
    let count = layout.services.len();
    let lonely = topology.is_unknown();
    (0..count)
        .map(|i| {
            let mut out: Vec<(usize, f64)> = if lonely {
                (0..count)
                    .filter(|&j| j != i)
                    .map(|j| (j, agree(i, j)))
                    .collect()
            } else {
                let forward = topology.callees(i).iter().map(|&j| (j, agree(i, j)));
                let back = topology.callers(i).iter().map(|&j| (j, BACK * agree(i, j)));
                forward.chain(back).collect()
            };
            for (j, weight) in &mut out {
                *weight *= start.get(*j).copied().unwrap_or_default();
            }
            let best = out.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
            let own = start.get(i).copied().unwrap_or_default();
            out.push((i, (own - best).max(0.0)));
            let sum: f64 = out.iter().map(|(_, weight)| weight).sum();
            if sum > 0.0 {
                for (_, weight) in &mut out {
                    *weight /= sum;
                }
                out
            } else {
                vec![(i, 1.0)]
            }
        })
        .collect()
}

/// Normal times and incident of the metric of a service that deviates most.
fn face(split: &Split<'_>, metrics: &[usize], evidence: &Evidence) -> Option<Vec<f64>> {
    let size = |i: &usize| evidence.deviations.get(*i).map_or(0.0, |d| d.size);
    let &worst = metrics.iter().max_by(|a, b| size(a).total_cmp(&size(b)))?;
    Some(split.spread(worst, None))
}

/// The shares of time that the walk spends at each service.
fn stationary(edges: &[Vec<(usize, f64)>], start: &[f64]) -> Vec<f64> {
    let sum: f64 = start.iter().sum();
    if sum <= 0.0 {
        return vec![0.0; start.len()];
    }
    let begin: Vec<f64> = start.iter().map(|x| x / sum).collect();
    let mut visits = begin.clone();
    // 0.85^200 is below the resolution of the shares.
    for _ in 0..200 {
        let mut next: Vec<f64> = begin.iter().map(|x| (1.0 - FOLLOW) * x).collect();
        for (from, list) in visits.iter().zip(edges) {
            for &(to, weight) in list {
                if let Some(slot) = next.get_mut(to) {
                    *slot += FOLLOW * from * weight;
                }
            }
        }
        visits = next;
    }
    visits
}
