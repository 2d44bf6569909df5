use super::Ranking;
use super::evidence::{Evidence, Layout};
use super::likelihood::soft_maximum;
use super::split::Split;
use super::topology::Topology;
use crate::Graph;

/// The shares of normal times at which an incident is pretended, to learn what blame means nothing.
const PRETENDED: [f64; 3] = [0.4, 0.6, 0.8];

/// At most so many normal moments are used for that; of more, evenly spaced ones.
const PRETENDED_ROWS: usize = 600;

/// Ranks by robust evidence, with the dependency graph as a prior.
pub(super) fn rank(split: &Split<'_>, layout: &Layout, graph: &Graph, share: f64) -> Ranking {
    let topology = Topology::new(layout, graph);
    let evidence = Evidence::new(layout, &split.normal, &split.after, share);
    let services = topology.blame(&evidence.services);
    let metrics = layout.service_of.iter().zip(&evidence.weights);
    let metrics = metrics.map(|(&service, &weight)| {
        // What the graph makes of a service holds for each of its metrics.
        let own = evidence.services.get(service).copied().unwrap_or_default();
        let blame = services.get(service).copied().unwrap_or_default();
        if own > 0.0 {
            weight * (blame / own).max(0.0)
        } else {
            0.0
        }
    });
    let metrics = metrics.collect();
    Ranking {
        metrics,
        services,
        null: Some(null(split, layout, &topology, share)),
        topology,
        evidence: Some(evidence),
    }
}

/// The blame of all services together when normal times are cut in two as if there had been an
/// incident: the largest of several cuts.
fn null(split: &Split<'_>, layout: &Layout, topology: &Topology, share: f64) -> f64 {
    let thinned = Thinned::new(split);
    let mut largest = 0.0_f64;
    for at in PRETENDED {
        if let Some(pretended) = thinned.split(split).pretend(at) {
            let evidence = Evidence::new(layout, &pretended.normal, &pretended.after, share);
            let blame = topology.blame(&evidence.services);
            largest = largest.max(soft_maximum(&blame));
        }
    }
    largest
}

/// Normal times with at most [`PRETENDED_ROWS`] moments.
struct Thinned {
    columns: Option<Vec<Vec<f64>>>,
    every: usize,
}

impl Thinned {
    fn new(split: &Split<'_>) -> Self {
        let rows = split
            .normal
            .iter()
            .map(|c| c.len())
            .max()
            .unwrap_or_default();
        let every = rows.div_ceil(PRETENDED_ROWS).max(1);
        let columns = (every > 1).then(|| {
            let thin = |column: &&[f64]| column.iter().copied().step_by(every).collect();
            split.normal.iter().map(thin).collect()
        });
        Self { columns, every }
    }

    fn split<'a>(&'a self, split: &Split<'a>) -> Split<'a> {
        let Some(columns) = &self.columns else {
            return split.clone();
        };
        let length = split.times.len().div_ceil(self.every);
        Split {
            normal: columns.iter().map(Vec::as_slice).collect(),
            times: split.times.get(..length).unwrap_or(split.times),
            ..split.clone()
        }
    }
}
