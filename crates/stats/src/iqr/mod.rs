//! Interquartile range: Tukey's fences.

mod fitted;
mod rolling;
mod stream;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{FitDetector, Result};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::robust::{quantile_sorted, select_quantile};

pub use fitted::FittedIqr;
pub use rolling::rolling_iqr;
pub use stream::IqrStream;

/// Configuration of the interquartile fences.
///
/// `score = max((q1 - x) / iqr, (x - q3) / iqr, 0)` with the quartiles `q1` and `q3` (NumPy's
/// linear interpolation) and `iqr = q3 - q1`: 0 between the quartiles, and the threshold `k` at
/// Tukey's fences `q1 - k iqr` and `q3 + k iqr`. With `iqr` 0 any value outside scores infinity.
/// What is expected is the median.
///
/// A stream or a rolling score looks at the `window` points before `x`; [`FitDetector::fit`]
/// learns from a whole column and does not use the window.
///
/// Cost: O(log window) comparisons and a move of at most 8 bytes a point of the window for each
/// point; O(n) to fit.
///
/// Source: Tukey 1977, *Exploratory Data Analysis*, Addison-Wesley.
///
/// ```
/// use bongsu_stats::Iqr;
/// let scores = Iqr::new().window(5)?.score(&[1.0, 2.0, 3.0, 4.0, 5.0, 8.0])?;
/// assert_eq!(scores[5], 2.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Iqr {
    window: usize,
    threshold: f64,
}

impl Default for Iqr {
    fn default() -> Self {
        Self {
            window: 100,
            threshold: 1.5,
        }
    }
}

impl Iqr {
    /// The defaults: 100 points, fences at 1.5.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The window in points. Domain: [4, 1048576]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, points: usize) -> Result<Self> {
        self.window = check::window("window", points, 4)?;
        Ok(self)
    }

    /// How far the fences are from the quartiles, in interquartile ranges. Domain: finite, above
    /// 0. Default: 1.5; 3 marks what Tukey called far out.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = check::positive("threshold", threshold)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::window("window", self.window, 4)?;
        check::positive("threshold", self.threshold)?;
        Ok(())
    }

    /// The scores of a whole column; see [`rolling_iqr`].
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is infinite.
    pub fn score(&self, values: &[f64]) -> Result<Vec<f64>> {
        self.validate()?;
        rolling_iqr(values, self.window)
    }

    /// Learns the quartiles of a whole column of at least 4 finite values.
    ///
    /// # Errors
    /// When a parameter is outside its domain, a value is not finite, there are fewer than 4, or
    /// they span more than the largest float.
    pub fn fit_column(&self, values: &[f64]) -> Result<FittedIqr> {
        self.validate()?;
        FittedIqr::learn(self.clone(), values.to_vec())
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<IqrStream> {
        IqrStream::new(self.clone())
    }
}

impl FitDetector for Iqr {
    type Fitted = FittedIqr;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedIqr> {
        self.validate()?;
        FittedIqr::learn(self.clone(), check::column(&x)?)
    }
}

/// The three quartiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Quartiles {
    lower: f64,
    median: f64,
    upper: f64,
}

impl Quartiles {
    fn of(sorted: &[f64]) -> Self {
        Self {
            lower: quantile_sorted(sorted, 0.25),
            median: quantile_sorted(sorted, 0.5),
            upper: quantile_sorted(sorted, 0.75),
        }
    }

    /// As [`Self::of`], of values in any order, which it reorders; O(n).
    fn select(values: &mut [f64]) -> Self {
        let median = select_quantile(values, 0.5);
        let (lower, upper) = (select_quantile(values, 0.25), select_quantile(values, 0.75));
        Self {
            lower,
            median,
            upper,
        }
    }

    /// How far `x` is outside the quartiles, in interquartile ranges.
    fn score(&self, x: f64) -> f64 {
        outside(self.lower, self.upper, x)
    }

    /// The fences at `threshold` interquartile ranges from the quartiles.
    fn fences(&self, threshold: f64) -> (f64, f64) {
        let reach = threshold * (self.upper - self.lower);
        (self.lower - reach, self.upper + reach)
    }
}

/// How far `x` is outside the quartiles `lower` and `upper`, in interquartile ranges.
#[inline]
fn outside(lower: f64, upper: f64, x: f64) -> f64 {
    let range = upper - lower;
    if range.is_infinite() {
        // A quarter of everything: differences no longer overflow.
        return outside(lower * 0.25, upper * 0.25, x * 0.25);
    }
    let distance = if x > upper { x - upper } else { lower - x };
    check::ratio(if distance > 0.0 { distance } else { 0.0 }, range)
}
