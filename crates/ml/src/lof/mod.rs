//! Local outlier factor.

mod fitted;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::neighbours::{MAX_NEIGHBOURS, Metric};

pub use fitted::FittedLof;

/// Configuration of the local outlier factor: how sparse the surroundings of a row are, compared
/// with the surroundings of its neighbours.
///
/// With the k nearest rows `N(x)` of a row, their distances `d(x, o)` and the distance `k(o)` of a
/// row to the farthest of its own k neighbours,
///
/// ```text
/// lrd(x) = 1 / (mean over o in N(x) of max(d(x, o), k(o)) + 1e-10)
/// score  = mean over o in N(x) of lrd(o) / lrd(x)
/// ```
///
/// About 1 where a row lies as densely as its neighbours, more where it lies sparser. Features count
/// by their magnitude: bring them to a common scale first.
///
/// - `neighbors` (k): domain [1, 10000], default 20; with fewer rows than that, all others.
/// - `metric`: euclidean (default), manhattan or chebyshev.
/// - `contamination`: the share of training rows above the threshold, domain (0, 0.5]; the default
///   is none, and the threshold 1.5.
///
/// `fit_score` judges training rows as the paper does, without themselves among their neighbours
/// (outlier mode). A fitted model judges rows as new ones (novelty mode): a row that equals a
/// training row then has it as its neighbour.
///
/// Of rows at the same distance the earlier one is the neighbour. Where more than k rows are
/// identical, their density is 1e10 of the unit, and rows just outside score up to that ratio: raise
/// `neighbors` above the number of duplicates. Equal to scikit-learn 1.9, which leaves the choice
/// among ties open; its score is the negative of this one.
///
/// Cost: two passes over the neighbours of all rows; see
/// [`NeighbourIndex`](crate::NeighbourIndex). 24 k bytes a row while it fits.
///
/// Source: Breunig, Kriegel, Ng & Sander 2000, <https://doi.org/10.1145/342009.335388>;
/// scikit-learn 1.9 `LocalOutlierFactor`.
///
/// ```
/// use bongsu_core::{FitDetector as _, Rows, ndarray::array};
/// let x = array![[-1.1], [0.2], [101.1], [0.3]];
/// let (_, scores) = bongsu_ml::Lof::new().neighbors(2)?.fit_score(&Rows::untimed(x.view()))?;
/// assert!((scores[2] - 73.3697).abs() < 1e-4 && scores[0] < 1.04);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lof {
    neighbors: usize,
    metric: Metric,
    contamination: Option<f64>,
}

impl Default for Lof {
    fn default() -> Self {
        Self {
            neighbors: 20,
            metric: Metric::Euclidean,
            contamination: None,
        }
    }
}

impl Lof {
    /// The defaults: 20 neighbours, euclidean, threshold 1.5.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of neighbours. Domain: [1, 10000]. Default: 20.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn neighbors(mut self, neighbors: usize) -> Result<Self> {
        self.neighbors = check::count("neighbors", neighbors, 1, MAX_NEIGHBOURS)?;
        Ok(self)
    }

    /// How far apart rows are. Default: euclidean.
    #[must_use]
    pub const fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// The share of training rows whose score is above the threshold. Domain: (0, 0.5]. Default:
    /// none, and the threshold is 1.5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn contamination(mut self, share: f64) -> Result<Self> {
        self.contamination = Some(check::contamination(share)?);
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("neighbors", self.neighbors, 1, MAX_NEIGHBOURS)?;
        self.contamination.map(check::contamination).transpose()?;
        Ok(())
    }
}

impl FitDetector for Lof {
    type Fitted = FittedLof;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedLof> {
        self.validate()?;
        FittedLof::learn(self, &x).map(|(fitted, _)| fitted)
    }

    /// The scores are those of the outlier mode: no row is its own neighbour.
    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedLof, Vec<f64>)> {
        self.validate()?;
        FittedLof::learn(self, &rows.values())
    }
}
