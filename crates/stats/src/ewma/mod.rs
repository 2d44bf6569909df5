//! Exponentially weighted level and scale: the default for live metrics.

mod rolling;
mod stream;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;

pub use rolling::ewm_zscore;
pub use stream::EwmaStream;

/// Configuration of the exponentially weighted detector: a level and a scale that follow the
/// metric point by point, in constant memory.
///
/// `score = |x - expected| / scale`, with the state before `x`.
///
/// Plain ([`Ewma::robust`] off): `expected` is the exponentially weighted mean and `scale` the
/// square root of the exponentially weighted variance. With `a = 1 - 2^(-1/half_life)` and
/// `d = x - mean`: `mean += a d`, `var = (1 - a)(var + a d^2)`, starting at the first value with
/// variance 0.
///
/// Robust (the default):
/// - A damped slope is added to the level, so that a daily rhythm is followed without lag and does
///   not hide in the scale.
/// - The scale is the exponentially weighted root mean square of the deviations over
///   `scale_half_life`, each deviation clipped at 3.5 times the scale.
/// - It is stretched by a tail factor, 1 for normal noise, which learns in constant memory how
///   heavy the noise's tails are. The threshold therefore means about the same false-alarm rate for
///   heavy-tailed metrics. A spike that comes back at least once in 25 points becomes part of the
///   tail after some dozen times; rarer spikes stay anomalies.
/// - A value beyond the threshold moves neither level nor slope. After `patience` such values in a
///   row on one side they are taken as the new level, and the scale is learned anew quickly. When
///   about a quarter of the recent points are beyond the threshold without such a run, the scale is
///   learned from them without clipping.
/// - A fault that comes and goes drives the scale up. When `4 patience` deviations in a row fit the
///   scale from before it, that one is taken back, so that the next fault does not hide.
/// - The first level and scale come from the first `warmup` points together, at most 32, by medians;
///   then these points are learned as any later one. From 9 points on, an outlier or a fault among
///   them hides nothing that comes after; fewer are too few to tell.
///
/// The scale is never below `min_scale` nor below the resolution of the floats,
/// `1e-14 |expected|`: rounding noise on a constant metric is not an anomaly.
///
/// Cost: O(1) time and memory.
///
/// Sources: Finch 2009, *Incremental calculation of weighted mean and variance*; West 1979,
/// <https://doi.org/10.1145/359146.359153>; damped slope: *Forecasting trends in time series*, 1985,
/// <https://doi.org/10.1287/mnsc.31.10.1237>; clipped deviations: Gelper, Fried & Croux 2010,
/// <https://doi.org/10.1002/for.1125>.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stats::Ewma;
///
/// let mut stream = Ewma::new().half_life(3.0)?.build()?;
/// for i in 0..100 {
///     stream.learn(&[20.0 + f64::from(i % 5)])?;
/// }
/// assert!(stream.score(&[21.0])?.ready().unwrap() < 2.0);
/// assert!(stream.score(&[60.0])?.ready().unwrap() > 4.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ewma {
    half_life: f64,
    scale_half_life: f64,
    threshold: f64,
    robust: bool,
    patience: u32,
    warmup: u32,
    min_scale: f64,
}

impl Default for Ewma {
    fn default() -> Self {
        Self {
            half_life: 2.0,
            scale_half_life: 80.0,
            threshold: 4.0,
            robust: true,
            patience: 5,
            warmup: 30,
            min_scale: 0.0,
        }
    }
}

impl Ewma {
    /// The defaults: half-lives of 2 points for the level and 80 for the scale, threshold 4,
    /// robust, patience 5, 30 points to warm up.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// After how many points the weight of a value in the level has halved (and in the plain
    /// variance). Domain: finite, above 0. Default: 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn half_life(mut self, points: f64) -> Result<Self> {
        self.half_life = check::positive("half_life", points)?;
        Ok(self)
    }

    /// The weight of the newest value, instead of the half-life: `1 - 2^(-1/half_life)`. Domain:
    /// (0, 1).
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, alpha: f64) -> Result<Self> {
        let half_life = -std::f64::consts::LN_2 / (-alpha).ln_1p();
        if !(alpha > 0.0 && alpha < 1.0 && half_life.is_finite()) {
            return Err(Error::parameter("alpha", alpha, "in (0, 1)"));
        }
        self.half_life = half_life;
        Ok(self)
    }

    /// After how many points the weight of a value in the scale has halved; only when robust.
    /// Domain: finite, above 0. Default: 80.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn scale_half_life(mut self, points: f64) -> Result<Self> {
        self.scale_half_life = check::positive("scale_half_life", points)?;
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

    /// Whether outliers are kept from poisoning level and scale. Default: true.
    #[must_use]
    pub const fn robust(mut self, robust: bool) -> Self {
        self.robust = robust;
        self
    }

    /// After how many values in a row beyond the threshold, on one side, they are the new level;
    /// only when robust. Domain: [2, 10000]. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn patience(mut self, points: u32) -> Result<Self> {
        self.patience = counted("patience", points)?;
        Ok(self)
    }

    /// How many points are learned before scores come. Domain: [2, 10000]. Default: 30.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn warmup(mut self, points: u32) -> Result<Self> {
        self.warmup = counted("warmup", points)?;
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
        check::positive("half_life", self.half_life)?;
        check::positive("scale_half_life", self.scale_half_life)?;
        check::positive("threshold", self.threshold)?;
        counted("patience", self.patience)?;
        counted("warmup", self.warmup)?;
        check::non_negative("min_scale", self.min_scale)?;
        Ok(())
    }

    /// The scores of a whole column, as a stream gives them. NaN marks a missing value: it scores
    /// NaN and is not learned. Scores are NaN during warm-up.
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is infinite.
    ///
    /// Cost: O(n) time.
    pub fn score(&self, values: &[f64]) -> Result<Vec<f64>> {
        check::no_infinity(values)?;
        let mut stream = self.build()?;
        let mut judge = |&x: &f64| {
            if x.is_nan() {
                f64::NAN
            } else {
                stream.take_in(x).unwrap_or(f64::NAN)
            }
        };
        Ok(values.iter().map(&mut judge).collect())
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<EwmaStream> {
        EwmaStream::new(self.clone())
    }
}

fn counted(name: &str, points: u32) -> Result<u32> {
    if (2..=10_000).contains(&points) {
        Ok(points)
    } else {
        Err(Error::parameter(
            name,
            points,
            "a number of points in [2, 10000]",
        ))
    }
}
