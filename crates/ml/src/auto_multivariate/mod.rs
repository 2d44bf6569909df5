//! The automatic detector of several metrics that belong together.

mod channel;
mod fitted;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;

pub use fitted::FittedAutoMultivariate;

/// Configuration of the automatic detector of the metrics of one thing, such as a server.
///
/// `score = mean over 5 rows of ln(1 + (y - m)' (C + r I)^-1 (y - m))`, with
/// `y_j = sign(z_j) ln(1 + |z_j|)` and `z_j` the robust z-score of channel `j`.
///
/// - Channels are centred by their median and scaled by 1.4826 MAD, or by the standard deviation
///   where the MAD is less than a twentieth of it (channels that mostly stand still).
/// - The logarithm keeps one wild channel from hiding what the others do together, in training as
///   well as in judging. `m` and `C` are the mean and the covariance of `y` over the training rows.
/// - `r` is a thousandth of the trace of `C`: combinations of channels that hardly vary count, but
///   not without bound.
/// - A channel that was constant in training (dead) adds nothing while it stays so, and the same as
///   any other robust z-score of `e - 1` when it moves, in whatever unit.
/// - Scores are averaged over the five rows around each, so that a single odd scrape weighs less than
///   a fault; with `causal` over the last five.
///
/// Cost: O(n d^2 + d^3) time to fit, O(d^2) a row. Memory: `8 d^2` bytes.
///
/// Sources: Mahalanobis 1936; robust scaling and its reasons, Rousseeuw & Hubert 2018,
/// <https://doi.org/10.1002/widm.1236>; shrinkage of the covariance, Ledoit & Wolf 2004,
/// <https://doi.org/10.1016/S0047-259X(03)00096-4>.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// // Two metrics that move together, and a dead one.
/// let rows = Array2::from_shape_fn((200, 3), |(i, j)| match j {
///     0 => (i % 10) as f64,
///     1 => 2.0 * (i % 10) as f64 + 0.1 * (i % 7) as f64,
///     _ => 5.0,
/// });
/// let fitted = bongsu_ml::AutoMultivariate::new().fit(rows.view())?;
/// let mut new = rows.clone();
/// for i in 100..105 {
///     new[[i, 1]] = 18.0 - new[[i, 1]];
/// }
/// let scores = fitted.score(new.view())?;
/// assert!(scores[102] > 1.5 * scores[50]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoMultivariate {
    average: usize,
    causal: bool,
    contamination: f64,
}

impl Default for AutoMultivariate {
    fn default() -> Self {
        Self {
            average: 5,
            causal: false,
            contamination: 0.1,
        }
    }
}

impl AutoMultivariate {
    /// The defaults: scores averaged over the 5 rows around each, contamination 0.1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Over how many rows scores are averaged. Domain: [1, 1024]. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn average(mut self, rows: usize) -> Result<Self> {
        self.average = check::count("average", rows, 1, 1_024)?;
        Ok(self)
    }

    /// Whether a row is judged only by what came before it and by itself. Default: no.
    #[must_use]
    pub const fn causal(mut self, causal: bool) -> Self {
        self.causal = causal;
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
        check::count("average", self.average, 1, 1_024)?;
        check::contamination(self.contamination).map(|_| ())
    }
}

impl FitDetector for AutoMultivariate {
    type Fitted = FittedAutoMultivariate;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedAutoMultivariate> {
        Ok(self.fit_score(&Rows::untimed(x))?.0)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedAutoMultivariate, Vec<f64>)> {
        self.validate()?;
        FittedAutoMultivariate::learn(self, &rows.values())
    }
}
