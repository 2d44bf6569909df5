//! Which service and which metric an incident began with.

mod classic;
mod combined;
mod deviation;
mod evidence;
mod likelihood;
mod placebo;
mod simple;
mod split;
mod topology;
mod walk;

use bongsu_core::Result;

use crate::{Graph, Observations, Options, Ranker};

pub use deviation::Movement;
pub(crate) use deviation::{CLEARLY_MOVED, Deviation, deviation};
pub(crate) use evidence::{Evidence, Layout};
pub(crate) use likelihood::likelihoods;
pub(crate) use placebo::is_possible as is_comparable;
pub(crate) use split::{MIN_NORMAL, Split, thinned};
pub(crate) use topology::Topology;

/// Scores of metrics and services; higher is more suspicious, and minus infinity is not judged.
#[derive(Debug)]
struct Order {
    metrics: Vec<f64>,
    services: Vec<f64>,
}

/// An order, and what is told of it.
#[derive(Debug)]
pub(crate) struct Ranking {
    /// The scores of the ranker, as those of [`Order`].
    pub(crate) metrics: Vec<f64>,
    pub(crate) services: Vec<f64>,
    /// What the default ranker makes of each service, and what it makes of the worst without a fault:
    /// the likelihoods are told from these, whoever ranks.
    pub(crate) blame: Vec<f64>,
    pub(crate) null: f64,
    pub(crate) topology: Topology,
    pub(crate) evidence: Evidence,
}

impl Order {
    /// Each service with the score of its worst metric.
    fn of_metrics(metrics: Vec<f64>, layout: &Layout) -> Self {
        let worst = |list: &Vec<usize>| {
            let scores = list.iter().filter_map(|&i| metrics.get(i).copied());
            scores.fold(f64::NEG_INFINITY, f64::max)
        };
        Self {
            services: layout.metrics_of.iter().map(worst).collect(),
            metrics,
        }
    }
}

/// Ranks with the ranker of the options.
///
/// The scores of other rankers than the default have no scale by which a likelihood could be told, and
/// what they reach in normal times is not known: theirs is the order, and the likelihoods are those of
/// the default, which are compared with normal times.
pub(crate) fn rank<'a>(
    observations: &'a Observations,
    apart: Option<&'a Observations>,
    split: &Split<'a>,
    layout: &Layout,
    graph: &Graph,
    options: &Options,
) -> Result<Ranking> {
    let sharp = || simple::at_onset(observations, apart, split);
    let known = combined::rank(split, layout, graph, options.block_share);
    let order = match options.ranker {
        Ranker::Default => return Ok(known),
        Ranker::Robust => simple::robust(&known.evidence, layout),
        Ranker::Baro => simple::baro(&sharp(), layout),
        Ranker::NSigma => simple::n_sigma(&sharp(), layout),
        Ranker::Epsilon => simple::epsilon(&sharp(), layout),
        Ranker::Walk => walk::rank(split, layout, &known.topology, &known.evidence)?,
        Ranker::Classic => classic::rank(split, layout, &known.topology)?,
    };
    Ok(Ranking {
        metrics: order.metrics,
        services: order.services,
        ..known
    })
}
