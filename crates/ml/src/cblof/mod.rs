//! Cluster-based local outlier factor: rows far from every large cluster.

mod fitted;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::kmeans::{FittedKMeans, KMeans};

pub use fitted::FittedCblof;

/// Configuration of the cluster-based local outlier factor.
///
/// One run of k-means makes clusters, which are sorted by size, `n_1 >= n_2 >= ...`. The first `b` are large:
/// `b` is the least number that satisfies `n_1 + ... + n_b >= alpha n` and `n_b >= beta n_(b+1)`,
/// else the least that satisfies the first, else the least that satisfies the second, else all.
/// The score of a row of a large cluster is its distance to the cluster's centre, that of any
/// other row the distance to the nearest centre of a large cluster; with weights times the size of
/// the row's cluster.
///
/// `PyOD` refuses clusters that satisfy neither; here all of them then count as large.
///
/// Cost: that of k-means; O(d k) time a row.
///
/// Source: He, Xu & Deng 2003, <https://doi.org/10.1016/S0167-8655(03)00003-5>; `PyOD` 3.6
/// `CBLOF`.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// // Two dense groups, and one row on its own.
/// let rows = Array2::from_shape_fn((41, 1), |(i, _)| match i {
///     40 => 90.0,
///     _ => (i % 2) as f64 * 50.0 + (i % 7) as f64 * 0.1,
/// });
/// let fitted = bongsu_ml::Cblof::new().clusters(3)?.fit(rows.view())?;
/// assert!(fitted.score(rows.view())?[40] > 30.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cblof {
    clusters: usize,
    alpha: f64,
    beta: f64,
    use_weights: bool,
    seed: u64,
    contamination: f64,
}

impl Default for Cblof {
    fn default() -> Self {
        Self {
            clusters: 8,
            alpha: 0.9,
            beta: 5.0,
            use_weights: false,
            seed: 0,
            contamination: 0.1,
        }
    }
}

impl Cblof {
    /// The defaults: 8 clusters, `alpha` 0.9, `beta` 5, no weights.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of clusters. Domain: [1, 65536], at most the number of rows. Default: 8.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn clusters(mut self, clusters: usize) -> Result<Self> {
        KMeans::new().clusters(clusters)?;
        self.clusters = clusters;
        Ok(self)
    }

    /// The share of the rows that large clusters hold at least. Domain: (0, 1). Default: 0.9.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, share: f64) -> Result<Self> {
        self.alpha = check_alpha(share)?;
        Ok(self)
    }

    /// How many times larger the smallest large cluster is than the largest small one. Domain:
    /// finite, above 1. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn beta(mut self, times: f64) -> Result<Self> {
        self.beta = check_beta(times)?;
        Ok(self)
    }

    /// Whether scores are multiplied by the size of the row's cluster. Default: no.
    #[must_use]
    pub const fn use_weights(mut self, use_weights: bool) -> Self {
        self.use_weights = use_weights;
        self
    }

    /// The seed of k-means. Default: 0.
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
        check_alpha(self.alpha)?;
        check_beta(self.beta)?;
        self.kmeans().map(|_| ())
    }

    fn kmeans(&self) -> Result<KMeans> {
        KMeans::new()
            .clusters(self.clusters)?
            .n_init(1)?
            .seed(self.seed)
            .contamination(self.contamination)
    }

    /// Learns which of the clusters around `centers`, found elsewhere and one a row, are large
    /// among the rows of `x`. The number of clusters is that of the centres.
    ///
    /// # Errors
    /// As [`KMeans::fit_around`].
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn fit_around(
        &self,
        centers: ArrayView2<'_, f64>,
        x: ArrayView2<'_, f64>,
    ) -> Result<(FittedCblof, Vec<f64>)> {
        self.validate()?;
        let (kmeans, assigned) = FittedKMeans::around(&self.kmeans()?, &centers, &x)?;
        FittedCblof::learn(self, kmeans, &assigned.labels, &x)
    }

    fn learn(&self, x: &ArrayView2<'_, f64>) -> Result<(FittedCblof, Vec<f64>)> {
        self.validate()?;
        let (kmeans, assigned) = FittedKMeans::learn(&self.kmeans()?, x)?;
        FittedCblof::learn(self, kmeans, &assigned.labels, x)
    }
}

impl FitDetector for Cblof {
    type Fitted = FittedCblof;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedCblof> {
        Ok(self.learn(&x)?.0)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedCblof, Vec<f64>)> {
        self.learn(&rows.values())
    }
}

fn check_alpha(share: f64) -> Result<f64> {
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err(Error::parameter("alpha", share, "in (0, 1)"))
    }
}

fn check_beta(times: f64) -> Result<f64> {
    if times.is_finite() && times > 1.0 {
        Ok(times)
    } else {
        Err(Error::parameter("beta", times, "finite and above 1"))
    }
}
