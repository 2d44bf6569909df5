//! Rolling z-score: the distance from the mean of a window in standard deviations.

mod rolling;
mod stream;

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use crate::check;

pub use rolling::rolling_zscore;
pub use stream::ZScoreStream;

/// Configuration of the rolling z-score.
///
/// `score = |x - mean| / std` over the last `window` points, with the sample standard deviation
/// (divisor `window - 1`). By default the window includes `x` itself, as in
/// `pandas.Series.rolling`; the score then never exceeds `(window - 1) / sqrt(window)`, so short
/// windows can hide even the largest spike: 9.9 at 100 points, but only 2.8 at 10.
///
/// Cost: O(1) amortised time a point, 4 numbers a point of the window.
///
/// ```
/// use bongsu_stats::ZScore;
/// let config = ZScore::new().window(50)?.threshold(4.0)?.inclusive(false);
/// let scores = config.score(&vec![1.0; 60])?;
/// assert_eq!(scores.last(), Some(&0.0));
/// assert!(ZScore::new().window(1).is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZScore {
    window: usize,
    threshold: f64,
    inclusive: bool,
}

impl Default for ZScore {
    fn default() -> Self {
        Self {
            window: 100,
            threshold: 3.0,
            inclusive: true,
        }
    }
}

impl ZScore {
    /// The defaults: 100 points, threshold 3, inclusive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The window in points. Domain: [2, 1048576]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, points: usize) -> Result<Self> {
        self.window = check::window("window", points, 2)?;
        Ok(self)
    }

    /// The score above which a point is anomalous, in standard deviations. Domain: finite, above
    /// 0. Default: 3.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = check::positive("threshold", threshold)?;
        Ok(self)
    }

    /// Whether the window includes the point that is judged. Default: true.
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
        check::window("window", self.window, 2)?;
        check::positive("threshold", self.threshold)?;
        Ok(())
    }

    /// The scores of a whole column; see [`rolling_zscore`].
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is infinite.
    pub fn score(&self, values: &[f64]) -> Result<Vec<f64>> {
        self.validate()?;
        rolling_zscore(values, self.window, self.inclusive)
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<ZScoreStream> {
        ZScoreStream::new(self.clone())
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
