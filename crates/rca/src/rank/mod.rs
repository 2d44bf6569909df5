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

pub(crate) use deviation::Deviation;
pub use deviation::Movement;
pub(crate) use evidence::{Evidence, Layout};
pub(crate) use likelihood::likelihoods;
pub(crate) use placebo::is_possible as is_comparable;
pub(crate) use split::{MIN_NORMAL, Split, thinned};
pub(crate) use topology::Topology;

/// Scores of metrics and services; higher is more suspicious, and minus infinity is not judged.
#[derive(Debug)]
pub(crate) struct Ranking {
    pub(crate) metrics: Vec<f64>,
    pub(crate) services: Vec<f64>,
    /// The blame that a service reaches without a fault, where that is known.
    pub(crate) null: Option<f64>,
    pub(crate) topology: Topology,
    /// The robust evidence, where the ranker needed it.
    pub(crate) evidence: Option<Evidence>,
}

impl Ranking {
    /// Each service with the score of its worst metric.
    fn of_metrics(metrics: Vec<f64>, layout: &Layout) -> Self {
        let worst = |list: &Vec<usize>| {
            let scores = list.iter().filter_map(|&i| metrics.get(i).copied());
            scores.fold(f64::NEG_INFINITY, f64::max)
        };
        Self {
            services: layout.metrics_of.iter().map(worst).collect(),
            metrics,
            null: None,
            topology: Topology::default(),
            evidence: None,
        }
    }
}

/// Ranks with the ranker of the options.
pub(crate) fn rank<'a>(
    observations: &'a Observations,
    apart: Option<&'a Observations>,
    split: &Split<'a>,
    layout: &Layout,
    graph: &Graph,
    options: &Options,
) -> Result<Ranking> {
    let sharp = || simple::at_onset(observations, apart, split);
    Ok(match options.ranker {
        Ranker::Default => combined::rank(split, layout, graph, options.block_share),
        Ranker::Robust => simple::robust(split, layout, options.block_share),
        Ranker::Baro => simple::baro(&sharp(), layout),
        Ranker::NSigma => simple::n_sigma(&sharp(), layout),
        Ranker::Epsilon => simple::epsilon(&sharp(), layout),
        Ranker::Walk => walk::rank(split, layout, graph, options.block_share),
        Ranker::Classic => classic::rank(split, layout, graph)?,
    })
}
