//! What a segment costs under each model, kept up to date point by point.

mod mean;
mod median;
mod normal;
mod poisson;
mod trend;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

pub(super) use mean::MeanSums;
pub(super) use median::Medians;
pub(super) use normal::NormalSums;
pub(super) use poisson::PoissonSums;
pub(super) use trend::TrendSums;

/// The model of a segment, and so what counts as a change between two.
///
/// Each cost is that of one segment of `n` values `x`; the cost of a segmentation is their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cost {
    /// A change of the mean: `sum (x - mean)^2` (`l2` of ruptures). The default.
    #[default]
    Mean,
    /// A change of the median, not moved by outliers: `sum |x - median|` (`l1` of ruptures).
    Median,
    /// A change of mean, variance or both: `n ln(var + 1e-6 noise^2)`, with the noise as measured
    /// on the differences of the whole series (`normal` of ruptures, whose small term is absolute).
    Normal,
    /// A change of the rate of counts: `-2 S ln(S / n)` with the sum `S` of the values, which are
    /// at least 0 and at most 1e15.
    Poisson,
    /// A change of a linear trend: the residual sum of squares of the least-squares line, whose
    /// pieces need not meet (`linear` of ruptures with a constant and time as regressors).
    Trend,
    /// A change of the distribution's place, by ranks among all values: `-n mean(r)^2 / var(r)` for
    /// the centred ranks `r` (`rank` of ruptures).
    Rank,
}

impl Cost {
    /// Every cost.
    pub const ALL: [Self; 6] = [
        Self::Mean,
        Self::Median,
        Self::Normal,
        Self::Poisson,
        Self::Trend,
        Self::Rank,
    ];

    /// The word used in configuration: `mean`, `median`, `normal`, `poisson`, `trend` or `rank`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Normal => "normal",
            Self::Poisson => "poisson",
            Self::Trend => "trend",
            Self::Rank => "rank",
        }
    }

    /// The number of parameters of a segment.
    #[must_use]
    pub const fn parameters(self) -> u32 {
        match self {
            Self::Mean | Self::Median | Self::Poisson | Self::Rank => 1,
            Self::Normal | Self::Trend => 2,
        }
    }

    /// The fewest points of a segment for which the cost says anything.
    #[must_use]
    pub const fn least(self) -> usize {
        match self {
            Self::Mean | Self::Median | Self::Poisson | Self::Rank => 1,
            Self::Normal => 2,
            Self::Trend => 3,
        }
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Cost {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|cost| cost.as_str() == text)
            .ok_or_else(|| {
                let domain = "mean, median, normal, poisson, trend or rank";
                Error::parameter("cost", format!("`{text}`"), domain)
            })
    }
}

/// What is remembered of one segment to know its cost when a point is added at its end.
pub(super) trait Sums: Copy {
    /// Of a single value.
    fn new(first: f64) -> Self;

    /// Adds `x`, with which there are `n` values.
    fn push(&mut self, x: f64, n: f64);

    /// The cost of the `n` values.
    fn cost(&self, n: f64) -> f64;
}

/// The costs of all segments that end at the latest point, one for each open start.
pub(super) trait Ledger {
    /// Opens a segment at `start`, the point after the latest.
    fn open(&mut self, start: usize);

    /// Takes in the next point, then writes the cost of each open segment, oldest first.
    fn take_in(&mut self, costs: &mut Vec<f64>);

    /// Closes the segments for which `keep` is false.
    fn retain(&mut self, keep: &[bool]);
}

/// A ledger of sums: O(1) for each open segment.
pub(super) struct Lanes<'a, S> {
    values: &'a [f64],
    taken: usize,
    open: Vec<(usize, Option<S>)>,
}

impl<'a, S: Sums> Lanes<'a, S> {
    pub(super) const fn new(values: &'a [f64]) -> Self {
        Self {
            values,
            taken: 0,
            open: Vec::new(),
        }
    }
}

impl<S: Sums> Ledger for Lanes<'_, S> {
    fn open(&mut self, start: usize) {
        self.open.push((start, None));
    }

    fn take_in(&mut self, costs: &mut Vec<f64>) {
        let Some(&x) = self.values.get(self.taken) else {
            return;
        };
        self.taken += 1;
        let taken = self.taken;
        costs.clear();
        costs.extend(self.open.iter_mut().map(|(start, sums)| {
            let n = (taken - *start) as f64;
            match sums {
                Some(sums) => {
                    sums.push(x, n);
                    sums.cost(n)
                }
                None => sums.insert(S::new(x)).cost(n),
            }
        }));
    }

    fn retain(&mut self, keep: &[bool]) {
        let mut keep = keep.iter();
        self.open.retain(|_| keep.next().copied().unwrap_or(true));
    }
}

/// Writes the cost of `values[i..]` for every `i`, in order.
pub(super) fn suffix_costs<S: Sums>(values: impl DoubleEndedIterator<Item = f64>) -> Vec<f64> {
    let mut sums: Option<S> = None;
    let mut n = 0.0;
    let mut costs: Vec<f64> = values
        .rev()
        .map(|x| {
            n += 1.0;
            match &mut sums {
                Some(sums) => {
                    sums.push(x, n);
                    sums.cost(n)
                }
                None => sums.insert(S::new(x)).cost(n),
            }
        })
        .collect();
    costs.reverse();
    costs
}
