//! Changes of a series: where its level, spread, rate or slope is no longer what it was.
//!
//! [`Changepoints`] looks at a whole series, [`Bocpd`] follows it point by point.

mod binseg;
mod bocpd;
mod cost;
mod fpop;
mod noise;
mod pelt;
mod penalty;
mod segmentation;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use self::binseg::binary_segmentation;
use self::cost::{
    Lanes, Ledger, MeanSums, Medians, NormalSums, PoissonSums, TrendSums, suffix_costs,
};
use self::noise::standardise;
use crate::check;
use crate::robust::MEAN_AD_TO_STD;

pub use bocpd::{Bocpd, BocpdStream, RunModel};
pub use cost::Cost;
pub use penalty::Penalty;
pub use segmentation::{Segment, Segmentation, Shift};

/// How the changes are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Search {
    /// The segmentation with the least penalised cost of all (the default): pruned dynamic
    /// programming (PELT), by functional pruning for the costs `mean` and `rank`.
    #[default]
    Optimal,
    /// Binary segmentation: the best single split, then the best split of what it gives, and so on.
    /// Not always the least cost; may miss a short segment between two equal ones.
    Binary,
}

impl std::str::FromStr for Search {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "optimal" => Ok(Self::Optimal),
            "binary" => Ok(Self::Binary),
            _ => Err(Error::parameter(
                "search",
                format!("`{text}`"),
                "optimal or binary",
            )),
        }
    }
}

/// Counts beyond this are no counts.
const MOST_COUNT: f64 = 1e15;

/// Configuration of the search for changes in a whole series.
///
/// The segmentation minimises `sum of cost(segment) + penalty * number of changes` over all ways to
/// cut the series into segments of at least `min_size` values (with [`Search::Optimal`]).
///
/// The noise that the criteria of [`Penalty`] assume is measured on the differences of the series by
/// their median absolute deviation, so that neither changes nor outliers raise it. Metrics are often
/// correlated from point to point; then independent noise would explain them only by many changes.
/// So by default ([`Changepoints::correlated`]) the noise is taken as a first-order autoregression,
/// whose coefficient `c` in [0, 0.99] follows from the spread of the differences over one and over
/// two points, and the penalties of the costs `mean` and `median` are multiplied by
/// `(1 + c) / (1 - c)`. The other costs know no scale of the noise beforehand, or (`trend`) take it
/// as independent.
///
/// Cost: with `mean` and `rank` about O(n) time on common data and O(n) memory. With the others
/// O(n) times the number of starts that pruning leaves open, which is about the length of a
/// segment, so O(n^2) without changes; with `median` times all points since the oldest of them.
///
/// Sources: Killick, Fearnhead & Eckley 2012, <https://doi.org/10.1080/01621459.2012.737745>;
/// Maidstone et al. 2017, <https://doi.org/10.1007/s11222-016-9636-3>. The costs are those of
/// ruptures 1.1.10.
///
/// ```
/// use bongsu_stats::Changepoints;
/// let mut latency: Vec<f64> = (0..60).map(|i| 20.0 + f64::from(i * 7 % 5)).collect();
/// latency[40..].iter_mut().for_each(|x| *x += 30.0);
/// let found = Changepoints::new().segment(&latency)?;
/// assert_eq!(found.breakpoints(), [40]);
/// let shift = found.strongest_shift().unwrap();
/// assert_eq!((shift.at, shift.before, shift.after), (40, 22.0, 52.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Changepoints {
    cost: Cost,
    penalty: Penalty,
    search: Search,
    min_size: usize,
    max_changes: Option<usize>,
    correlated: bool,
}

impl Default for Changepoints {
    fn default() -> Self {
        Self {
            cost: Cost::Mean,
            penalty: Penalty::default(),
            search: Search::Optimal,
            min_size: 2,
            max_changes: None,
            correlated: true,
        }
    }
}

impl Changepoints {
    /// The defaults: changes of the mean, three times Bayes' penalty, the best segmentation, segments of at
    /// least 2 values, correlated noise.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a change is a change of. Default: [`Cost::Mean`].
    #[must_use]
    pub const fn cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    /// What a change has to gain. Default: 3 times [`Penalty::Bic`].
    ///
    /// # Errors
    /// When a manual penalty is outside its domain.
    pub fn penalty(mut self, penalty: Penalty) -> Result<Self> {
        penalty.validate()?;
        self.penalty = penalty;
        Ok(self)
    }

    /// How the changes are looked for. Default: [`Search::Optimal`].
    #[must_use]
    pub const fn search(mut self, search: Search) -> Self {
        self.search = search;
        self
    }

    /// The fewest values of a segment. Domain: [1, 1048576]; raised to what the cost needs, 2 for
    /// `normal` and 3 for `trend`. Default: 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_size(mut self, points: usize) -> Result<Self> {
        self.min_size = check::window("min_size", points, 1)?;
        Ok(self)
    }

    /// The most changes, those that gain most first; only with [`Search::Binary`]. Domain: at least
    /// 1. Default: as many as there are.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_changes(mut self, changes: usize) -> Result<Self> {
        if changes == 0 {
            return Err(Error::parameter("max_changes", changes, "at least 1"));
        }
        self.max_changes = Some(changes);
        Ok(self)
    }

    /// Whether the noise may be correlated from point to point. Default: yes.
    #[must_use]
    pub const fn correlated(mut self, correlated: bool) -> Self {
        self.correlated = correlated;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or `max_changes` is set for the search of the best
    /// segmentation, which knows no order of changes.
    pub fn validate(&self) -> Result<()> {
        self.penalty.validate()?;
        check::window("min_size", self.min_size, 1)?;
        match self.max_changes {
            Some(0) => Err(Error::parameter("max_changes", 0, "at least 1")),
            Some(most) if self.search == Search::Optimal => Err(Error::parameter(
                "max_changes",
                most,
                "unset unless the search is binary",
            )),
            _ => Ok(()),
        }
    }

    /// Cuts a series of finite values at its changes. A series shorter than two segments has none.
    ///
    /// # Errors
    /// When a parameter is outside its domain, there are no values, one is not finite, or with
    /// [`Cost::Poisson`] one is below 0 or above 1e15.
    pub fn segment(&self, values: &[f64]) -> Result<Segmentation> {
        self.validate()?;
        check::finite_rows(values)?;
        if values.is_empty() {
            return Err(Error::not_enough_data("a segmentation", 1, 0));
        }
        let prepared = Prepared::new(self, values)?;
        let breakpoints = match self.search {
            Search::Optimal => self.best(&prepared),
            Search::Binary => self.greedy(&prepared),
        };
        let bounds = || {
            let starts = std::iter::once(0).chain(breakpoints.iter().copied());
            let ends = breakpoints.iter().copied().chain([values.len()]);
            starts.zip(ends)
        };
        let segment = |(from, to)| Segment::of(from, values.get(from..to).unwrap_or_default());
        let cost = |(from, to)| {
            let segment = prepared.values.get(from..to).unwrap_or_default();
            let costs = self.suffixes(segment);
            costs.first().copied().unwrap_or(0.0)
        };
        let cost = bounds().map(cost).sum::<f64>() * prepared.raw + prepared.base;
        Ok(Segmentation {
            segments: bounds().map(segment).collect(),
            cost: cost.clamp(-f64::MAX, f64::MAX),
            penalty: (prepared.penalty * prepared.raw).min(f64::MAX),
            noise: prepared.noise.min(f64::MAX),
        })
    }

    fn least_size(&self) -> usize {
        self.min_size.max(self.cost.least())
    }

    fn best(&self, prepared: &Prepared) -> Vec<usize> {
        let values = prepared.values.as_slice();
        let (penalty, min_size) = (prepared.penalty, self.least_size());
        let quadratic = matches!(self.cost, Cost::Mean | Cost::Rank);
        if quadratic && prepared.length_weight == 0.0 {
            return fpop::fpop(values, penalty, min_size);
        }
        fn run(p: &Prepared, min_size: usize, ledger: impl Ledger) -> Vec<usize> {
            pelt::pelt(p.values.len(), ledger, p.penalty, p.length_weight, min_size)
        }
        match self.cost {
            Cost::Mean | Cost::Rank => run(prepared, min_size, Lanes::<MeanSums>::new(values)),
            Cost::Normal => run(prepared, min_size, Lanes::<NormalSums>::new(values)),
            Cost::Poisson => run(prepared, min_size, Lanes::<PoissonSums>::new(values)),
            Cost::Trend => run(prepared, min_size, Lanes::<TrendSums>::new(values)),
            Cost::Median => run(prepared, min_size, Medians::new(values)),
        }
    }

    fn greedy(&self, prepared: &Prepared) -> Vec<usize> {
        binary_segmentation(
            &prepared.values,
            |segment| {
                let mut costs = self.suffixes(segment);
                if prepared.length_weight > 0.0 {
                    for (cost, length) in costs.iter_mut().rev().zip(1..) {
                        *cost += prepared.length_weight * f64::from(length).ln();
                    }
                }
                costs
            },
            prepared.penalty,
            self.least_size(),
            self.max_changes.unwrap_or(usize::MAX),
        )
    }

    /// The internal cost of `segment[i..]` for every `i`.
    fn suffixes(&self, segment: &[f64]) -> Vec<f64> {
        let values = segment.iter().copied();
        match self.cost {
            Cost::Mean | Cost::Rank => suffix_costs::<MeanSums>(values),
            Cost::Normal => suffix_costs::<NormalSums>(values),
            Cost::Poisson => suffix_costs::<PoissonSums>(values),
            Cost::Trend => suffix_costs::<TrendSums>(values),
            Cost::Median => Medians::suffix_costs(segment),
        }
    }
}

/// What the search works on: values of unit noise, and how their cost relates to the stated one.
#[derive(Debug)]
struct Prepared {
    values: Vec<f64>,
    noise: f64,
    /// Of a change, and of the logarithm of a segment's length, in the internal unit.
    penalty: f64,
    length_weight: f64,
    /// The stated cost is `raw` times the internal one plus `base`.
    raw: f64,
    base: f64,
}

impl Prepared {
    fn new(config: &Changepoints, values: &[f64]) -> Result<Self> {
        let cost = config.cost;
        let n = values.len();
        let order = if cost == Cost::Trend { 2 } else { 1 };
        let standardised = standardise(values, order, config.correlated && order == 1);
        let (noise, inflation) = (standardised.noise, standardised.inflation);
        let mut prepared = Self {
            values: standardised.values,
            noise,
            penalty: 0.0,
            length_weight: 0.0,
            raw: 1.0,
            base: 0.0,
        };
        let mut unit = 1.0;
        match cost {
            Cost::Mean | Cost::Trend => {
                prepared.raw = noise * noise;
                unit = inflation;
            }
            Cost::Median => {
                prepared.raw = noise;
                // Twice the log-likelihood of a Laplace distribution with this standard deviation
                // is twice the cost over the mean absolute deviation.
                unit = 0.5 * inflation / MEAN_AD_TO_STD;
            }
            Cost::Normal => prepared.base = 2.0 * n as f64 * noise.ln(),
            Cost::Poisson => {
                if let Some(row) = values.iter().position(|x| !(0.0..=MOST_COUNT).contains(x)) {
                    return Err(Error::input(format!(
                        "the value in row {row} is {}, but a count must be in [0, 1e15]",
                        values.get(row).copied().unwrap_or(f64::NAN)
                    )));
                }
                prepared.values = values.to_vec();
            }
            Cost::Rank => {
                prepared.values = standard_ranks(values);
                prepared.base = -prepared.values.iter().map(|r| r * r).sum::<f64>();
            }
        }
        // The square of a tiny noise is 0; what it stands for is then the least float there is.
        prepared.raw = prepared.raw.clamp(f64::from_bits(1), f64::MAX);
        (prepared.penalty, prepared.length_weight) = config.penalty.of(cost, n, unit, prepared.raw);
        prepared.penalty = prepared.penalty.min(f64::MAX);
        Ok(prepared)
    }
}

/// Ranks with ties at their mean, centred and of unit variance; zeros for a constant.
fn standard_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |i: &usize| values.get(*i).copied().unwrap_or(f64::NAN);
    order.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let mut ranks = vec![0.0; values.len()];
    let middle = 0.5 * (values.len() as f64 - 1.0);
    let mut place = 0;
    for tied in order.chunk_by(|a, b| value(a) == value(b)) {
        let rank = place as f64 + 0.5 * (tied.len() as f64 - 1.0) - middle;
        place += tied.len();
        for &i in tied {
            if let Some(slot) = ranks.get_mut(i) {
                *slot = rank;
            }
        }
    }
    let variance = ranks.iter().map(|r| r * r).sum::<f64>() / values.len().max(1) as f64;
    if variance > 0.0 {
        let std = variance.sqrt();
        ranks.iter_mut().for_each(|r| *r /= std);
    }
    ranks
}
