//! Copula-based outlier detection: rows in the tails of their columns.

mod fitted;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::tails::Tail;

pub use fitted::FittedCopod;

/// Configuration of the copula-based detector.
///
/// `score = sum_j max(s_j, (l_j + r_j) / 2)` with `l_j = -ln F_j(x_j)` and `r_j = -ln G_j(x_j)`, where
/// `F_j` is the share of the training values at or below `x_j`, `G_j` that at or above it, and `s_j`
/// is the tail to which column `j` is skewed: `l_j` or `r_j`, or `l_j + r_j` when the skewness is 0.
///
/// A new row counts as one more observation: its shares are `(count + 1) / (n + 1)`, which are
/// never 0. This is what `PyOD` gives for one new row, except that the skewness stays that of
/// the training rows; several new rows at once change each other's scores there and do not here.
/// The training rows are scored by the shares `count / n`, equal to `PyOD`'s.
///
/// Cost: O(d n log n) time to fit, O(d log n) time a row.
///
/// Source: Li, Zhao, Botta, Ionescu & Hu 2020, <https://doi.org/10.1109/ICDM50108.2020.00135>;
/// `PyOD` 3.6 `COPOD`.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::array};
/// let rows = array![[1.0, 5.0], [2.0, 4.0], [3.0, 6.0], [4.0, 5.5]];
/// let fitted = bongsu_ml::Copod::new().fit(rows.view())?;
/// let scores = fitted.score(array![[2.5, 5.0], [9.0, 5.0]].view())?;
/// assert!(scores[1] > scores[0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Copod {
    contamination: f64,
}

impl Default for Copod {
    fn default() -> Self {
        Self { contamination: 0.1 }
    }
}

impl Copod {
    /// The default: a contamination of 0.1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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
        check::contamination(self.contamination)?;
        Ok(())
    }
}

impl FitDetector for Copod {
    type Fitted = FittedCopod;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedCopod> {
        self.validate()?;
        Ok(FittedCopod::learn(self, &x)?.0)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedCopod, Vec<f64>)> {
        self.validate()?;
        FittedCopod::learn(self, &rows.values())
    }
}

fn combine(tail: Tail) -> f64 {
    tail.skewed.max(f64::midpoint(tail.left, tail.right))
}
