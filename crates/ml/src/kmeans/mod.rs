//! k-means: rows far from every centre of the training rows.

mod assign;
mod fitted;
mod lloyd;
mod panel;
mod seeding;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;

pub use fitted::FittedKMeans;

/// The largest number of clusters.
const MOST_CLUSTERS: usize = 1 << 16;

/// Configuration of k-means as a detector.
///
/// The centres minimise the inertia, the sum of the squared distances of the rows to their nearest
/// centres; the score of a row is its Euclidean distance to the nearest one. Columns are taken as
/// they are: those of different units are scaled before ([`Scaled`](crate::Scaled)).
///
/// Each of the `n_init` runs is seeded by greedy k-means++ (of `2 + ln k` candidates for a centre
/// the one that lowers the inertia most) and improved by Lloyd's iterations; the run of least
/// inertia wins. Hamerly's bounds spare most distances. A cluster that loses all its rows takes
/// the row that is farthest from its centre. When there are fewer different rows than `clusters`,
/// each becomes a centre.
///
/// Draws are those of PCG64, one generator a run; results do not depend on the number of threads.
///
/// Cost: O(n d k) time an iteration at most; O(n ln k + k d) memory, besides a copy of the rows
/// when these are at most 64 MiB; O(d k) a row to score.
///
/// Source: Arthur & Vassilvitskii 2007, *k-means++*; Hamerly 2010,
/// <https://doi.org/10.1137/1.9781611972801.12>; scikit-learn 1.9 `KMeans`. As a detector of
/// subsequences: Yairi, Kato & Hori 2001, and `KMeansAD` of TSB-AD.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::array};
/// let rows = array![[0.0, 0.1], [0.1, 0.0], [9.0, 9.1], [9.1, 9.0]];
/// let fitted = bongsu_ml::KMeans::new().clusters(2)?.fit(rows.view())?;
/// let scores = fitted.score(array![[0.05, 0.05], [5.0, 5.0]].view())?;
/// assert!(scores[0] < 1e-9 && scores[1] > 5.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KMeans {
    clusters: usize,
    n_init: usize,
    max_iterations: usize,
    tolerance: f64,
    seed: u64,
    contamination: f64,
}

impl Default for KMeans {
    fn default() -> Self {
        Self {
            clusters: 8,
            n_init: 3,
            max_iterations: 300,
            tolerance: 1e-4,
            seed: 0,
            contamination: 0.1,
        }
    }
}

impl KMeans {
    /// The defaults: 8 clusters, the best of 3 runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One run for 50 clusters: enough for the phases of a period.
    pub(crate) fn for_windows() -> Self {
        Self {
            clusters: 50,
            n_init: 1,
            ..Self::default()
        }
    }

    /// The number of clusters. Domain: [1, 65536], at most the number of rows. Default: 8.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn clusters(mut self, clusters: usize) -> Result<Self> {
        self.clusters = check::count("clusters", clusters, 1, MOST_CLUSTERS)?;
        Ok(self)
    }

    /// The number of runs. Domain: [1, 1000]. Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn n_init(mut self, runs: usize) -> Result<Self> {
        self.n_init = check::count("n_init", runs, 1, 1000)?;
        Ok(self)
    }

    /// The most iterations of a run. Domain: [1, 1000000]. Default: 300.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_iterations(mut self, iterations: usize) -> Result<Self> {
        self.max_iterations = check::count("max_iterations", iterations, 1, 1_000_000)?;
        Ok(self)
    }

    /// A run ends when the squared moves of the centres sum up to no more than this share of the
    /// mean variance of a column. Domain: finite, at least 0. Default: 0.0001.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn tolerance(mut self, share: f64) -> Result<Self> {
        self.tolerance = check_tolerance(share)?;
        Ok(self)
    }

    /// The seed of the draws. Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The share of the training rows above the threshold. Domain: (0, 0.5]. Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn contamination(mut self, share: f64) -> Result<Self> {
        self.contamination = check::contamination(share)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("clusters", self.clusters, 1, MOST_CLUSTERS)?;
        check::count("n_init", self.n_init, 1, 1000)?;
        check::count("max_iterations", self.max_iterations, 1, 1_000_000)?;
        check_tolerance(self.tolerance)?;
        check::contamination(self.contamination)?;
        Ok(())
    }

    /// Judges the rows of `x` by centres found elsewhere, one a row of `centers`, which stay where
    /// they are.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the tables do not have the same columns, there is
    /// no centre, or a value is not finite.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn fit_around(
        &self,
        centers: ArrayView2<'_, f64>,
        x: ArrayView2<'_, f64>,
    ) -> Result<FittedKMeans> {
        self.validate()?;
        Ok(FittedKMeans::around(self, &centers, &x)?.0)
    }
}

impl FitDetector for KMeans {
    type Fitted = FittedKMeans;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedKMeans> {
        Ok(FittedKMeans::learn(self, &x)?.0)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedKMeans, Vec<f64>)> {
        let (fitted, assigned) = FittedKMeans::learn(self, &rows.values())?;
        Ok((fitted, assigned.distances))
    }
}

fn check_tolerance(share: f64) -> Result<f64> {
    if share.is_finite() && share >= 0.0 {
        Ok(share)
    } else {
        Err(Error::parameter(
            "tolerance",
            share,
            "finite and at least 0",
        ))
    }
}
