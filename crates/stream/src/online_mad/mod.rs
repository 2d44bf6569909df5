//! A running median and median absolute deviation, without a window.

mod stream;

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::OnlineMadStream;

/// Configuration of the online MAD: a median and a median absolute deviation that forget, in
/// constant memory.
///
/// `score = |x - median| / (tail scale)`, with the state before `x` and
/// `scale = max(1.4826 MAD, 0.7 * 1.2533 AD)`, where `AD` is the mean absolute deviation.
///
/// Both medians are tracked by steps that are a share of the scale, so that the unit of the metric
/// does not matter: with `s = 1.2533 AD` and the weight `w = 1 - 2^(-1/half_life)`,
///
/// `median += clamp(x - median, -1.2533 w s, 1.2533 w s)`,
/// `MAD += clamp(|x - median| - MAD, -0.787 w s, 0.787 w s)`,
/// `AD += w (|x - median| - AD)`, deviations clipped at 3.5 scales.
///
/// For normal noise the steps have the stated half-life, and the scale is its standard deviation.
///
/// - When more than half of the values are equal, the MAD is 0 and the median is that value exactly:
///   a metric that mostly rests is judged by its mean deviation.
/// - A tail factor (see [`bongsu_stats::adaptive::Tail`]), 1 for normal noise, stretches the scale
///   for heavy tails. A spike that comes back at least once in 25 points becomes part of the tail
///   after some dozen times; rarer spikes stay anomalies.
/// - A value beyond the threshold does not move the median. After `patience` such values in a row on
///   one side they are taken as the new level, and both medians are learned anew quickly. When about
///   a quarter of the recent points are beyond the threshold without such a run, the scale is learned
///   from them without clipping. The scale from before a fault that came and went is taken back.
/// - The first median and scale come from the first `warmup` points, at most 32, by medians.
///
/// The scale is never below `min_scale` nor below `1e-14 |median|`: rounding noise on a constant
/// metric is not an anomaly.
///
/// A daily rhythm is part of the scale here, as in a window of that length; where it should be
/// followed use [`bongsu_stats::Ewma`], and where its shape is known, one of [`bongsu_stats::Profile`].
///
/// Cost: O(1) time and memory.
///
/// Sources: stochastic approximation of quantiles as in Tierney 1983,
/// <https://doi.org/10.1137/0904048>; median and MAD: Iglewicz & Hoaglin 1993, *How to detect and
/// handle outliers*.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stream::OnlineMad;
/// let mut stream = OnlineMad::new().build()?;
/// for i in 0..200 {
///     stream.learn(&[20.0 + f64::from(i * 7 % 5)])?;
/// }
/// assert!(stream.score(&[21.0])?.ready().unwrap() < 2.0);
/// assert!(stream.score(&[60.0])?.ready().unwrap() > 4.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnlineMad {
    half_life: f64,
    threshold: f64,
    patience: u32,
    warmup: u32,
    min_scale: f64,
}

impl Default for OnlineMad {
    fn default() -> Self {
        Self {
            half_life: 100.0,
            threshold: 4.0,
            patience: 5,
            warmup: 30,
            min_scale: 0.0,
        }
    }
}

impl OnlineMad {
    /// The defaults: a half-life of 100 points, threshold 4, patience 5, 30 points to warm up.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// After how many points half of a value's influence is gone. Domain: [1, 1000000].
    /// Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn half_life(mut self, points: f64) -> Result<Self> {
        self.half_life = check::half_life("half_life", points)?;
        Ok(self)
    }

    /// The score above which a point is anomalous, in scales. Domain: finite, above 0. Default: 4.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = check::positive("threshold", threshold)?;
        Ok(self)
    }

    /// After how many values in a row beyond the threshold, on one side, they are the new level.
    /// Domain: [2, 10000]. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn patience(mut self, points: u32) -> Result<Self> {
        self.patience = check::points("patience", points, 2, 10_000)?;
        Ok(self)
    }

    /// How many points are learned before scores come. Domain: [2, 10000]. Default: 30.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn warmup(mut self, points: u32) -> Result<Self> {
        self.warmup = check::points("warmup", points, 2, 10_000)?;
        Ok(self)
    }

    /// The least scale, in the unit of the metric. Domain: finite, at least 0. Default: 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_scale(mut self, scale: f64) -> Result<Self> {
        self.min_scale = check::non_negative("min_scale", scale)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::half_life("half_life", self.half_life)?;
        check::positive("threshold", self.threshold)?;
        check::points("patience", self.patience, 2, 10_000)?;
        check::points("warmup", self.warmup, 2, 10_000)?;
        check::non_negative("min_scale", self.min_scale)?;
        Ok(())
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<OnlineMadStream> {
        self.validate()?;
        Ok(OnlineMadStream::fresh(self.clone()))
    }
}
