//! Histograms with equal bins, as NumPy makes them.

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Hbos, HbosBins, MOST_BINS};

/// What each bin of a column adds to the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Histogram {
    /// One more than bins, increasing.
    edges: Vec<f64>,
    scores: Vec<f64>,
    least: f64,
    /// The score beyond the histogram.
    most: f64,
    /// How far below the first and above the last edge a value counts to the bin there.
    reach: (f64, f64),
    /// Bins a unit.
    density: f64,
}

impl Histogram {
    /// Of the finite values of column `index`.
    pub(super) fn of(config: &Hbos, index: usize, values: &[f64]) -> Result<Self> {
        let (low, high) = range(values);
        if (high - low).is_infinite() {
            return Err(Error::input(format!(
                "column {index} spans more than the largest float; scale the values down first"
            )));
        }
        let (edges, counts) = match config.bins {
            HbosBins::Fixed(bins) => {
                let edges = edges(low, high, bins);
                let counts = count(&edges, values);
                (edges, counts)
            }
            HbosBins::Auto => best(low, high, values),
        };
        let n = values.len() as f64;
        let mut widths = edges.windows(2).map(|edge| match edge {
            [left, right] => right - left,
            _ => f64::NAN,
        });
        let score = |(count, width): (&u32, f64)| {
            // At most the largest float: a bin of a column near 1e-308 would be infinitely dense.
            let density = (f64::from(*count) / width / n).min(f64::MAX);
            -(density + config.alpha).log2()
        };
        let scores: Vec<f64> = counts.iter().zip(widths.clone()).map(score).collect();
        let reach = (
            widths.clone().next().unwrap_or(0.0) * config.tolerance,
            widths.next_back().unwrap_or(0.0) * config.tolerance,
        );
        let (least, thinnest) = range(&scores);
        let most = thinnest.max(score((&0, 1.0)));
        let density = density(&edges);
        Ok(Self {
            edges,
            scores,
            least,
            most,
            reach,
            density,
        })
    }

    /// What `x` adds to the score.
    #[inline]
    pub(super) fn score(&self, x: f64) -> f64 {
        let first = self.edges.first().copied().unwrap_or(0.0);
        let last = self.edges.last().copied().unwrap_or(0.0);
        let bin = if x <= first {
            (first - x <= self.reach.0).then_some(0)
        } else if x > last {
            let bins = self.scores.len();
            (x - last <= self.reach.1).then_some(bins.saturating_sub(1))
        } else {
            Some(self.bin(x, first))
        };
        let score = bin.and_then(|bin| self.scores.get(bin));
        score.copied().unwrap_or(self.most)
    }

    /// How much more `x` adds than a value in the densest bin.
    pub(super) fn excess(&self, x: f64) -> f64 {
        self.score(x) - self.least
    }

    /// The bin whose left edge is below `x`, which is above `first`, and whose right edge is not.
    #[inline]
    fn bin(&self, x: f64, first: f64) -> usize {
        let last = self.scores.len().saturating_sub(1);
        let mut bin = (((x - first) * self.density) as usize).min(last);
        // The guess is off by one where rounding put it on the other side of an edge.
        while bin > 0 && self.edges.get(bin).is_some_and(|left| x <= *left) {
            bin -= 1;
        }
        while bin < last && self.edges.get(bin + 1).is_some_and(|right| x > *right) {
            bin += 1;
        }
        bin
    }

    pub(super) fn is_valid(&self) -> bool {
        let bins = self.scores.len();
        let increasing = self
            .edges
            .windows(2)
            .all(|pair| pair.first() <= pair.last());
        let (first, last) = (self.edges.first(), self.edges.last());
        (1..=MOST_BINS).contains(&bins)
            && self.edges.len() == bins + 1
            && self.edges.iter().all(|edge| edge.is_finite())
            && increasing
            && first < last
            && self.scores.iter().all(|score| score.is_finite())
            && (self.least, self.most.min(range(&self.scores).1)) == range(&self.scores)
            && self.most.is_finite()
            && self.density == density(&self.edges)
            && self.reach.0 >= 0.0
            && self.reach.1 >= 0.0
    }
}

/// The smallest and the largest of `values`.
fn range(values: &[f64]) -> (f64, f64) {
    let empty = (f64::INFINITY, f64::NEG_INFINITY);
    let widen = |(low, high): (f64, f64), x: &f64| (low.min(*x), high.max(*x));
    values.iter().fold(empty, widen)
}

/// Bins a unit.
fn density(edges: &[f64]) -> f64 {
    let (first, last) = (edges.first(), edges.last());
    let width = last.unwrap_or(&0.0) - first.unwrap_or(&0.0);
    (edges.len().saturating_sub(1) as f64 / width).min(f64::MAX)
}

/// The edges of `bins` equal bins from `low` to `high`, or about `low` when there is no range.
fn edges(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let (low, high) = if low < high {
        (low, high)
    } else {
        let half = 0.5_f64.max(low.abs() * f64::EPSILON);
        ((low - half).max(-f64::MAX), (high + half).min(f64::MAX))
    };
    let step = (high - low) / bins as f64;
    let mut edges: Vec<f64> = (0..bins)
        .map(|i| (i as f64 * step + low).min(high))
        .collect();
    edges.push(high);
    edges
}

/// How many `values` each bin holds; here a bin holds its left edge, the last one both.
fn count(edges: &[f64], values: &[f64]) -> Vec<u32> {
    let bins = edges.len().saturating_sub(1);
    let mut counts = vec![0; bins];
    let (density, first) = (density(edges), edges.first().copied().unwrap_or(0.0));
    let last = bins.saturating_sub(1);
    for x in values {
        let mut bin = (((x - first) * density) as usize).min(last);
        while bin > 0 && edges.get(bin).is_some_and(|left| x < left) {
            bin -= 1;
        }
        while bin < last && edges.get(bin + 1).is_some_and(|right| x >= right) {
            bin += 1;
        }
        if let Some(count) = counts.get_mut(bin) {
            *count += 1_u32;
        }
    }
    counts
}

/// Edges and counts of the number of bins with the largest penalised likelihood.
fn best(low: f64, high: f64, values: &[f64]) -> (Vec<f64>, Vec<u32>) {
    let n = values.len() as f64;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let counts_of = |edges: &[f64]| -> Vec<u32> {
        let inner = edges.get(1..edges.len() - 1).unwrap_or_default();
        let below = inner
            .iter()
            .map(|edge| sorted.partition_point(|x| x < edge));
        let mut before = 0;
        let mut counts: Vec<u32> = below
            .map(|below| {
                let count = below - before;
                before = below;
                count as u32
            })
            .collect();
        counts.push((sorted.len() - before) as u32);
        counts
    };
    let most = (n.sqrt() as usize).clamp(2, MOST_BINS);
    let mut best = (f64::NEG_INFINITY, 1);
    for bins in 1..most {
        let b = bins as f64;
        let penalty = b - 1.0 + b.ln().powf(2.5);
        let likelihood: f64 = counts_of(&edges(low, high, bins))
            .iter()
            .map(|&count| {
                let count = f64::from(count);
                count * (b * count / n + 1.0).ln() - penalty
            })
            .sum();
        if likelihood > best.0 {
            best = (likelihood, bins);
        }
    }
    let edges = edges(low, high, best.1);
    let counts = counts_of(&edges);
    (edges, counts)
}
