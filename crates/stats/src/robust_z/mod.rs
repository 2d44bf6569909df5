//! Robust z-score: the distance from the median in median absolute deviations.

mod fitted;
mod rolling;
mod spread;
mod stream;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::robust::MAD_TO_STD;

pub use fitted::FittedRobustZ;
pub use rolling::rolling_robust_z;
pub use stream::RobustZStream;

/// Configuration of the robust z-score (modified z-score).
///
/// `score = |x - median| / (1.4826 MAD)`, which is `0.6745 |x - median| / MAD`: 1.4826 makes the
/// median absolute deviation an estimate of the standard deviation of normal data. When more than
/// half of the values are equal the MAD is 0, and `1.2533` times the mean absolute deviation takes
/// its place. When all are equal, a value equal to them scores 0 and any other infinity.
///
/// A stream or a rolling score looks at the `window` points before `x`, or with
/// [`RobustZ::inclusive`] at those that end with `x`; [`FitDetector::fit`] learns from a whole
/// column and does not use the window.
///
/// Cost: O(log window) comparisons and a move of at most 8 bytes a point of the window for each
/// point, and while the MAD is 0 a sum over the values that differ from the median, at most half of
/// the window; O(n log n) to fit.
///
/// Source: Iglewicz & Hoaglin 1993, *How to Detect and Handle Outliers*, ASQC Quality Press,
/// which gives the default threshold 3.5.
///
/// ```
/// use bongsu_stats::RobustZ;
/// let scores = RobustZ::new().window(5)?.score(&[1.0, 2.0, 3.0, 4.0, 5.0, 10.0])?;
/// assert!((scores[5] - 7.0 / 1.482_602_218_505_602).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RobustZ {
    window: usize,
    threshold: f64,
    inclusive: bool,
}

impl Default for RobustZ {
    fn default() -> Self {
        Self {
            window: 100,
            threshold: 3.5,
            inclusive: false,
        }
    }
}

impl RobustZ {
    /// The defaults: 100 points, threshold 3.5, the window before the point.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The window in points. Domain: [3, 1048576]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, points: usize) -> Result<Self> {
        self.window = check::window("window", points, 3)?;
        Ok(self)
    }

    /// The score above which a point is anomalous, in standard deviations of normal data. Domain:
    /// finite, above 0; for an inclusive window at least 1.35, below which a value could be
    /// anomalous by its place in the middle of the window alone. Default: 3.5.
    ///
    /// # Errors
    /// When not finite or not above 0.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = check::positive("threshold", threshold)?;
        Ok(self)
    }

    /// Whether the window includes the point that is judged. Default: false.
    #[must_use]
    pub const fn inclusive(mut self, inclusive: bool) -> Self {
        self.inclusive = inclusive;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::window("window", self.window, 3)?;
        check::positive("threshold", self.threshold)?;
        // Above this no value within the middle of the window can cross the threshold.
        if self.inclusive && self.threshold < 2.0 / MAD_TO_STD {
            return Err(Error::parameter(
                "threshold",
                self.threshold,
                "at least 1.35 when the window is inclusive",
            ));
        }
        Ok(())
    }

    /// The scores of a whole column; see [`rolling_robust_z`].
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is infinite.
    pub fn score(&self, values: &[f64]) -> Result<Vec<f64>> {
        self.validate()?;
        rolling_robust_z(values, self.window, self.inclusive)
    }

    /// Learns median and scale of a whole column of at least 3 finite values.
    ///
    /// # Errors
    /// When a parameter is outside its domain, a value is not finite, there are fewer than 3, or
    /// they span more than the largest float.
    pub fn fit_column(&self, values: &[f64]) -> Result<FittedRobustZ> {
        self.validate()?;
        FittedRobustZ::learn(self.clone(), values.to_vec())
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<RobustZStream> {
        RobustZStream::new(self.clone())
    }

    /// The points that must have been learned before a score comes.
    const fn needed(&self) -> usize {
        if self.inclusive {
            self.window - 1
        } else {
            self.window
        }
    }
}

impl FitDetector for RobustZ {
    type Fitted = FittedRobustZ;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedRobustZ> {
        self.validate()?;
        FittedRobustZ::learn(self.clone(), check::column(&x)?)
    }
}
