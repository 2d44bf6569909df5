//! Histogram-based outlier score: rows in thin bins of independent histograms.

mod fitted;
mod histogram;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;

pub use fitted::FittedHbos;

/// The largest number of bins.
const MOST_BINS: usize = 1 << 16;

/// How many bins the histogram of a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HbosBins {
    /// As many for each column.
    Fixed(usize),
    /// The number below `sqrt(n)` that maximises a penalised likelihood, column by column.
    Auto,
}

/// Configuration of the histogram-based outlier score.
///
/// `score = -sum_j log2(density_j(x_j) + alpha)`: each column has a histogram of equal bins, and
/// `density_j` is that of the bin in which `x_j` lies (bins are open on the left, closed on the
/// right). Outside the histogram it is the density of the nearest bin up to `tolerance` bin widths
/// away, and 0 beyond, as in an empty bin; `PyOD` takes that of the thinnest bin, which makes a value
/// far off as usual as the least usual one seen. Columns count as independent.
///
/// With [`HbosBins::Auto`] the number of bins `b` of a column maximises
/// `sum_k (n_k ln(1 + b n_k / n) - (b - 1 + ln(b)^2.5))` over `b < sqrt(n)`, with `n_k` values in
/// bin `k`, as in `PyOD`.
///
/// Cost: O(d n) time to fit, with automatic bins O(d n log n); O(d) time a row.
///
/// Source: Goldstein & Dengel 2012, *Histogram-based outlier score (HBOS)*; Birge & Rozenholc
/// 2006, <https://doi.org/10.1051/ps:2006001>; `PyOD` 3.6 `HBOS`.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// let rows = Array2::from_shape_fn((100, 2), |(i, j)| ((i * (j + 3)) % 10) as f64);
/// let fitted = bongsu_ml::Hbos::new().fit(rows.view())?;
/// let new = Array2::from_shape_vec((2, 2), vec![4.0, 5.0, 4.0, 50.0]).unwrap();
/// let scores = fitted.score(new.view())?;
/// assert!(scores[1] >= scores[0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hbos {
    bins: HbosBins,
    alpha: f64,
    tolerance: f64,
    contamination: f64,
}

impl Default for Hbos {
    fn default() -> Self {
        Self {
            bins: HbosBins::Fixed(10),
            alpha: 0.1,
            tolerance: 0.5,
            contamination: 0.1,
        }
    }
}

impl Hbos {
    /// The defaults: 10 bins, `alpha` 0.1, `tolerance` 0.5.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bins of a column's histogram. Domain: automatic, or a number in [2, 65536]. Default: 10.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn bins(mut self, bins: HbosBins) -> Result<Self> {
        self.bins = check_bins(bins)?;
        Ok(self)
    }

    /// What is added to every density, so that an empty bin has a finite score. Domain: (0, 1).
    /// Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, alpha: f64) -> Result<Self> {
        self.alpha = share("alpha", alpha)?;
        Ok(self)
    }

    /// How far outside the histogram a value still counts to the nearest bin, in bin widths.
    /// Domain: (0, 1). Default: 0.5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn tolerance(mut self, widths: f64) -> Result<Self> {
        self.tolerance = share("tolerance", widths)?;
        Ok(self)
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
        check_bins(self.bins)?;
        share("alpha", self.alpha)?;
        share("tolerance", self.tolerance)?;
        check::contamination(self.contamination)?;
        Ok(())
    }
}

impl FitDetector for Hbos {
    type Fitted = FittedHbos;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedHbos> {
        self.validate()?;
        Ok(FittedHbos::learn(self, &x)?.0)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedHbos, Vec<f64>)> {
        self.validate()?;
        FittedHbos::learn(self, &rows.values())
    }
}

fn check_bins(bins: HbosBins) -> Result<HbosBins> {
    if let HbosBins::Fixed(count) = bins {
        check::count("bins", count, 2, MOST_BINS)?;
    }
    Ok(bins)
}

fn share(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value < 1.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "in (0, 1)"))
    }
}
