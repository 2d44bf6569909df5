use super::Ranking;
use super::evidence::{Evidence, Layout};
use super::placebo;
use super::split::Split;
use super::topology::Topology;
use crate::Graph;

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
        blame: services.clone(),
        services,
        null: placebo::null(split, layout, &topology, share),
        topology,
        evidence,
    }
}
