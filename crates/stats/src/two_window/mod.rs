//! Two windows that slide side by side: whether recent points come from the distribution of those
//! before them.

mod stream;

use bongsu_core::{Error, Result, StreamDetector as _};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::hypothesis::{
    Alternative, PValue, energy_of_sorted, ks_of_sorted, mann_whitney_of_sorted, welch,
};

pub use stream::TwoWindowStream;

/// The test by which [`TwoWindow`] compares its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowTest {
    /// Kolmogorov and Smirnov: any change of the distribution (the default).
    #[default]
    Ks,
    /// Mann and Whitney: values tend to be larger or smaller.
    MannWhitney,
    /// Welch's t: the mean changes, of nearly normal values.
    Welch,
    /// The energy test: any change of the distribution; errs on the side of no change.
    Energy,
}

impl std::str::FromStr for WindowTest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "ks" => Ok(Self::Ks),
            "mann-whitney" => Ok(Self::MannWhitney),
            "welch" => Ok(Self::Welch),
            "energy" => Ok(Self::Energy),
            _ => Err(Error::parameter(
                "test",
                format!("`{text}`"),
                "ks, mann-whitney, welch or energy",
            )),
        }
    }
}

/// Up to this many pairs of values a p-value of Kolmogorov and Smirnov's test is exact.
const MOST_EXACT_PAIRS: usize = 100_000;

impl WindowTest {
    /// The p-value of two sorted samples of finite values.
    fn p_value(self, reference: &[f64], recent: &[f64]) -> f64 {
        let side = Alternative::TwoSided;
        match self {
            Self::Ks => {
                let pairs = reference.len().saturating_mul(recent.len());
                let method = if pairs <= MOST_EXACT_PAIRS {
                    PValue::Exact
                } else {
                    PValue::Asymptotic
                };
                ks_of_sorted(reference, recent, side, method).p_value
            }
            Self::MannWhitney => {
                mann_whitney_of_sorted(reference, recent, side, PValue::Auto).p_value
            }
            // Windows have 2 finite values at least, all it could fail for.
            Self::Welch => welch(reference, recent, side).map_or(1.0, |test| test.p_value),
            Self::Energy => energy_of_sorted(reference, recent).p_value,
        }
    }
}

/// Configuration of the two-window change detector.
///
/// The last `recent` points, the judged one among them, are tested against the `reference` points
/// before them. The score is `-log10 p` of the test's two-sided p-value, at most 308, and the
/// threshold `-log10 alpha`: a score of 4 says that such a difference comes by chance once in 10,000
/// windows of independent points. Neighbouring windows share their points and metrics are
/// correlated, so alarms by chance are rarer than that but come in runs, and more often the smoother
/// the metric is. After a change the score rises until the recent window is full of it, and falls as
/// the reference window fills with it.
///
/// Cost: O(reference + recent) time a point; O(reference x recent) for Kolmogorov and Smirnov's test
/// up to 100,000 pairs. 16 bytes a point of the windows.
///
/// Source: Kifer, Ben-David & Gehrke 2004, <https://doi.org/10.1016/B978-012088469-8.50019-X>; the
/// tests are those of [`crate::hypothesis`].
///
/// ```
/// use bongsu_stats::TwoWindow;
/// let detector = TwoWindow::new().reference(40)?.recent(10)?;
/// let values: Vec<f64> = (0..60).map(|i| f64::from(i * i % 7 + if i < 50 { 0 } else { 20 })).collect();
/// let scores = detector.score(&values)?;
/// assert!(scores[48].is_nan() && scores[49] < 4.0 && scores[59] > 4.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwoWindow {
    test: WindowTest,
    reference: usize,
    recent: usize,
    alpha: f64,
}

impl Default for TwoWindow {
    fn default() -> Self {
        Self {
            test: WindowTest::Ks,
            reference: 200,
            recent: 30,
            alpha: 1e-4,
        }
    }
}

impl TwoWindow {
    /// The defaults: Kolmogorov and Smirnov's test of 30 points against 200, level 0.0001.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The test. Default: Kolmogorov and Smirnov's.
    #[must_use]
    pub const fn test(mut self, test: WindowTest) -> Self {
        self.test = test;
        self
    }

    /// The reference window in points. Domain: [2, 1048576]. Default: 200.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn reference(mut self, points: usize) -> Result<Self> {
        self.reference = check::window("reference", points, 2)?;
        Ok(self)
    }

    /// The recent window in points. Domain: [2, 1048576]. Default: 30.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn recent(mut self, points: usize) -> Result<Self> {
        self.recent = check::window("recent", points, 2)?;
        Ok(self)
    }

    /// The p-value below which a change is announced. Domain: [1e-300, 0.5]. Default: 0.0001.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, alpha: f64) -> Result<Self> {
        self.alpha = level(alpha)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::window("reference", self.reference, 2)?;
        check::window("recent", self.recent, 2)?;
        level(self.alpha)?;
        Ok(())
    }

    /// The scores of a whole column, as a stream would give them.
    ///
    /// - `values`: any unit; NaN marks a missing value, after which both windows fill anew.
    ///
    /// Returns as many scores as values; NaN where the windows are not full.
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is infinite.
    pub fn score(&self, values: &[f64]) -> Result<Vec<f64>> {
        let mut stream = self.build()?;
        check::no_infinity(values)?;
        let mut score = |x: f64| {
            if x.is_nan() {
                stream.reset();
                return Ok(f64::NAN);
            }
            let score = stream.score_then_learn(&[x])?;
            Ok(score.ready().unwrap_or(f64::NAN))
        };
        values.iter().map(|&x| score(x)).collect()
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<TwoWindowStream> {
        TwoWindowStream::new(self.clone())
    }

    /// How many points have to be known before one is judged.
    const fn needed(&self) -> u64 {
        (self.reference + self.recent - 1) as u64
    }
}

fn level(alpha: f64) -> Result<f64> {
    if (1e-300..=0.5).contains(&alpha) {
        Ok(alpha)
    } else {
        Err(Error::parameter("alpha", alpha, "in [1e-300, 0.5]"))
    }
}
