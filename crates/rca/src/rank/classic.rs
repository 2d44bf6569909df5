use bongsu_core::Result;

use super::Order;
use super::evidence::Layout;
use super::split::Split;
use super::topology::Topology;
use crate::correlation::{LagMatrix, lag_matrix};

/// A pair counts when its p-value is below this ...
const SIGNIFICANT: f64 = 0.05;

/// ... and its correlation is farther from 0 than this.
const STRONG: f64 = 0.3;

/// The longest lag that is looked at: a tenth of the data, at most so many points.
const MAX_LAG: usize = 30;

/// What each dependency of a service adds to its scores.
const PER_DEPENDENCY: f64 = 0.1;

/// The classical scoring: of each strongly correlated pair of metrics the one that moves first is the
/// cause and gains the correlation, the other loses half of it; scores are then multiplied by
/// `1 + 0.1 x` the number of the service's dependencies. Pairs that move at once name no cause.
pub(super) fn rank(split: &Split<'_>, layout: &Layout, topology: &Topology) -> Result<Order> {
    let places = split.places();
    let columns: Vec<Vec<f64>> = (0..split.metrics.len())
        .map(|metric| split.spread(metric, places.as_deref()))
        .collect();
    let rows = columns.iter().map(Vec::len).max().unwrap_or_default();
    let mut scores = vec![0.0; columns.len()];
    let matrix = lag_matrix(&columns, MAX_LAG.min(rows / 10))?;
    score_pairs(&matrix, &mut scores);
    for (score, &service) in scores.iter_mut().zip(&layout.service_of) {
        *score *= 1.0 + PER_DEPENDENCY * topology.callees(service).len() as f64;
    }
    Ok(Order::of_metrics(scores, layout))
}

fn score_pairs(matrix: &LagMatrix, scores: &mut [f64]) {
    for pair in matrix.pairs() {
        let at_once = pair.correlation;
        if at_once.p_value >= SIGNIFICANT || at_once.r.abs() <= STRONG || pair.lag.points == 0 {
            continue;
        }
        let (cause, effect) = if pair.lag.points > 0 {
            (pair.first, pair.second)
        } else {
            (pair.second, pair.first)
        };
        if let Some(score) = scores.get_mut(cause) {
            *score += at_once.r.abs();
        }
        if let Some(score) = scores.get_mut(effect) {
            *score -= 0.5 * at_once.r.abs();
        }
    }
}
