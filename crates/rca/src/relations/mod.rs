//! How the most suspicious metrics of an incident go together: correlations, who moves first, chains of
//! causes and effects, and what the independences allow.

mod chains;
mod gaps;

use serde::{Deserialize, Serialize};

use crate::correlation::{Mark, Pair, benjamini_hochberg, granger, lag_matrix, p_value, pc};
use crate::rank::{Layout, Split, Topology};
use crate::{Metric, MetricCause, Options};

pub use chains::{Chain, Link};

/// At most so many moments are looked at; of more, evenly spaced ones.
const MOST_ROWS: usize = 1_000;

/// The longest lag: so many moments, and a tenth of them all.
const MAX_LAG: usize = 30;

/// A correlation counts when its adjusted p-value is below this: one in twenty of those that count is
/// expected to be none.
const SIGNIFICANT: f64 = 0.05;

/// A Granger test has as many lags as the lag at which two metrics agree most, but at most so many ...
const MOST_PAST: usize = 5;

/// ... and so many moments for each coefficient of its regressions, a usual rule of thumb.
const ROWS_PER_COEFFICIENT: usize = 10;

/// The most metrics held fixed at once in a test of independence, which bounds its cost.
const MOST_GIVEN: usize = 2;

/// How the most suspicious metrics go together. Correlated is not caused: p-values take moments for
/// independent of each other, which those of metrics are not, so they are smaller than they should be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Relations {
    /// The metrics that were compared, the most suspicious first.
    pub metrics: Vec<Metric>,
    /// At how many moments.
    pub points: usize,
    /// Every pair of them, the closest first.
    pub correlations: Vec<Relation>,
    /// What followed from what, the surest first.
    pub chains: Vec<Chain>,
    /// What the independences among all of them leave: each edge is a dependence that no one or two of
    /// the other metrics explain. Empty where too few moments have a value of each metric.
    pub causal_graph: Vec<CausalEdge>,
}

/// How two metrics go together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// That which moves first; at a lag of 0 the more suspicious.
    pub first: Metric,
    /// That which follows.
    pub second: Metric,
    /// Pearson's correlation at the same time.
    pub r: f64,
    /// How probable one as strong as `lag_r` is by chance at any of the lags that were looked at: its
    /// p-value times their number (Bonferroni).
    pub p_value: f64,
    /// That, adjusted by Benjamini and Hochberg for the number of pairs.
    pub adjusted_p_value: f64,
    /// By how many minutes the second follows the first where they agree most.
    pub lag_minutes: f64,
    /// The correlation at that lag.
    pub lag_r: f64,
    /// How probable it is by chance that the past changes of the first foretell those of the second as
    /// well as they do (Granger), adjusted likewise; `None` where they move at once, where they are not
    /// correlated, and where there are too few moments.
    pub granger_p_value: Option<f64>,
}

/// An edge of the causal graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CausalEdge {
    /// The cause, where it can be told.
    pub first: Metric,
    /// The effect, where it can be told.
    pub second: Metric,
    /// Whether the first causes the second; else which causes which cannot be told.
    pub directed: bool,
}

impl Relation {
    /// Whether it is stronger than chance explains.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.adjusted_p_value < SIGNIFICANT
    }
}

/// The relations of the first [`Options::relations`] of `causes`, [`Options::relations_around`] the onset.
/// `None` where there are fewer than two that move, or too few moments.
///
/// Cost: O(m^2) correlations of at most 1,000 moments for `m` metrics, and O(m^4) tests of independence.
pub(crate) fn relations(
    split: &Split<'_>,
    layout: &Layout,
    topology: &Topology,
    causes: &[MetricCause],
    options: &Options,
) -> Option<Relations> {
    let count = options.relations;
    let around = i64::try_from(options.relations_around.as_millis()).unwrap_or(i64::MAX);
    let window = Window::new(split, around);
    let mut metrics = Vec::new();
    let mut columns = Vec::new();
    for cause in causes.iter().filter(|cause| cause.score > 0.0).take(count) {
        let is_it = |m: &Metric| m.service == cause.service && m.name == cause.metric;
        let Some(place) = split.metrics.iter().position(is_it) else {
            continue;
        };
        let column = window.column(split, place);
        let mut known = column.iter().filter(|x| !x.is_nan());
        let first = known.next();
        if first.is_some_and(|first| known.any(|x| x != first)) {
            metrics.extend(split.metrics.get(place).cloned());
            columns.push(column);
        }
    }
    let rows = columns.first().map_or(0, Vec::len);
    if columns.len() < 2 {
        return None;
    }
    let max_lag = MAX_LAG.min(rows / 10);
    let matrix = lag_matrix(&columns, max_lag).ok()?;
    let exact = |pair: &Pair| {
        let (a, b) = (columns.get(pair.first)?, columns.get(pair.second)?);
        gaps::without_gaps(pair, a, b, max_lag)
    };
    let pairs: Vec<Pair> = matrix.pairs().iter().filter_map(exact).collect();
    let p_values: Vec<f64> = pairs.iter().map(|p| at_any_lag(p, max_lag)).collect();
    let adjusted = benjamini_hochberg(&p_values).ok()?;
    let minutes = |points: i64| points as f64 * window.step as f64 / 60_000.0;
    let mut found: Vec<(Relation, [usize; 2])> = Vec::new();
    for ((pair, p_value), adjusted_p_value) in pairs.iter().zip(p_values).zip(adjusted) {
        let [first, second] = order(pair);
        let (Some(cause), Some(effect)) = (metrics.get(first), metrics.get(second)) else {
            continue;
        };
        let relation = Relation {
            first: cause.clone(),
            second: effect.clone(),
            r: pair.correlation.r,
            p_value,
            adjusted_p_value,
            lag_minutes: minutes(pair.lag.points.abs()),
            lag_r: pair.lag.r,
            granger_p_value: None,
        };
        let past = usize::try_from(pair.lag.points.unsigned_abs()).unwrap_or(MOST_PAST);
        let tested = relation.is_significant() && past > 0;
        let test = columns
            .get(first)
            .zip(columns.get(second))
            .filter(|_| tested);
        let granger_p_value = test.and_then(|(a, b)| foretells(a, b, past.min(MOST_PAST)));
        found.push((
            Relation {
                granger_p_value,
                ..relation
            },
            [first, second],
        ));
    }
    adjust(&mut found);
    let chains = chains::find(&found, layout, topology);
    let mut correlations: Vec<Relation> = found.into_iter().map(|(one, _)| one).collect();
    correlations.sort_by(|a, b| b.lag_r.abs().total_cmp(&a.lag_r.abs()));
    Some(Relations {
        causal_graph: causal_graph(&metrics, &columns),
        points: rows,
        metrics,
        correlations,
        chains,
    })
}

/// How probable a correlation as strong as the strongest of all lags is by chance at any of them. That at a
/// lag is a sum of fewer moments over the scale of them all, so that the p-value is rather too large.
fn at_any_lag(pair: &Pair, max_lag: usize) -> f64 {
    let lags = (2 * max_lag + 1) as f64;
    let freedom = pair.correlation.points as f64 - 2.0;
    (lags * p_value(pair.lag.r, freedom)).min(1.0)
}

/// The places of the two, that which moves first before the other.
fn order(pair: &Pair) -> [usize; 2] {
    if pair.lag.points < 0 {
        [pair.second, pair.first]
    } else {
        [pair.first, pair.second]
    }
}

/// Granger's test of changes: levels that a fault moves are not stationary.
fn foretells(cause: &[f64], effect: &[f64], past: usize) -> Option<f64> {
    let changes = |x: &[f64]| -> Vec<f64> {
        let next = x.iter().skip(1);
        x.iter().zip(next).map(|(a, b)| b - a).collect()
    };
    let (cause, effect) = (changes(cause), changes(effect));
    let both = cause.iter().zip(&effect);
    let known = both.filter(|(a, b)| a.is_finite() && b.is_finite()).count();
    if known < ROWS_PER_COEFFICIENT * (2 * past + 1) {
        return None;
    }
    granger(&cause, &effect, past).ok().map(|test| test.p_value)
}

/// Adjusts the p-values of Granger's tests for their number.
fn adjust(found: &mut [(Relation, [usize; 2])]) {
    let known = |(one, _): &(Relation, [usize; 2])| one.granger_p_value;
    let p_values: Vec<f64> = found.iter().filter_map(known).collect();
    let adjusted = benjamini_hochberg(&p_values).unwrap_or_default();
    let tested = found
        .iter_mut()
        .filter_map(|(one, _)| one.granger_p_value.as_mut());
    for (slot, value) in tested.zip(adjusted) {
        *slot = value;
    }
}

fn causal_graph(metrics: &[Metric], columns: &[Vec<f64>]) -> Vec<CausalEdge> {
    let series: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let Ok(graph) = pc(&series, SIGNIFICANT, Some(MOST_GIVEN)) else {
        return Vec::new();
    };
    let mut edges = Vec::new();
    for (i, first) in metrics.iter().enumerate() {
        for (j, second) in metrics.iter().enumerate().skip(i + 1) {
            let (first, second, directed) = match graph.mark(i, j) {
                Mark::None => continue,
                Mark::Undirected => (first, second, false),
                Mark::Causes => (first, second, true),
                Mark::CausedBy => (second, first, true),
            };
            edges.push(CausalEdge {
                first: first.clone(),
                second: second.clone(),
                directed,
            });
        }
    }
    edges
}

/// The moments that are looked at.
struct Window {
    places: Option<Vec<usize>>,
    /// The first row and the one past the last, of all rows on their grid.
    rows: [usize; 2],
    /// Every how many rows.
    every: usize,
    /// The time between two moments in milliseconds.
    step: i64,
}

impl Window {
    /// Of at most `around` milliseconds before and after the onset.
    fn new(split: &Split<'_>, around: i64) -> Self {
        let places = split.places();
        let before = split.before.len();
        let near = |at: &bongsu_core::Timestamp| at.millis_since(split.onset).abs() <= around;
        let mut near = split
            .before
            .iter()
            .chain(split.times)
            .enumerate()
            .filter(|(_, at)| near(at))
            .map(|(row, _)| row);
        let first = near.next().unwrap_or(before);
        let last = near.last().unwrap_or(first);
        // Normal times that were recorded apart are no part of it, but come first in a column.
        let apart = if split.follows() {
            0
        } else {
            split
                .normal
                .iter()
                .map(|column| column.len())
                .max()
                .unwrap_or_default()
        };
        let place = |row: usize| match &places {
            Some(places) => places.get(row).copied().unwrap_or_default(),
            None => row + apart,
        };
        let rows = [place(first), place(last) + 1];
        let every = (rows[1] - rows[0]).div_ceil(MOST_ROWS).max(1);
        Self {
            rows,
            every,
            step: split.step().saturating_mul(every as i64),
            places,
        }
    }

    fn column(&self, split: &Split<'_>, metric: usize) -> Vec<f64> {
        let whole = split.spread(metric, self.places.as_deref());
        let [from, to] = self.rows;
        let part = whole.get(from..to.min(whole.len())).unwrap_or_default();
        part.iter().copied().step_by(self.every).collect()
    }
}
