//! Tabular CUSUM: small shifts of the mean that last.

mod path;
mod stream;

use bongsu_core::{Direction, Error, Result, StreamDetector as _};
use serde::{Deserialize, Serialize};

use crate::check;

pub use path::cusum;
pub use stream::CusumStream;

/// What happens after a point whose score is above the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterAlarm {
    /// The sums go on: a shift scores higher and higher for as long as it lasts.
    Continue,
    /// The sums start again at 0 against the same target: a shift that lasts is found again and
    /// again.
    Reset,
    /// The sums start again at 0, and the target becomes the mean of the points since the alarmed
    /// sum last was 0, which is refined by the points that follow until it is a mean of `warmup`
    /// points: a shift is found once. Where the scale is 0, target and scale are learned anew.
    #[default]
    Settle,
}

impl std::str::FromStr for AfterAlarm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "continue" => Ok(Self::Continue),
            "reset" => Ok(Self::Reset),
            "settle" => Ok(Self::Settle),
            _ => Err(Error::parameter(
                "after_alarm",
                format!("`{text}`"),
                "continue, reset or settle",
            )),
        }
    }
}

/// Configuration of the tabular CUSUM.
///
/// With `z = (x - target) / scale`, two sums gather what deviations exceed a slack `k`:
/// `C+ = max(0, C+ + z - k)` and `C- = max(0, C- - z - k)`. The score is the larger of both, with
/// `x`; a shift of the mean by `d` standard deviations scores `(d - k) n` after `n` points. With `k`
/// of half the shift that matters and a threshold (decision interval `h`) of 5, a shift by one
/// standard deviation is found after about 10 points and normal noise gives an alarm in about 465.
/// Target and scale are given, or mean and sample standard deviation of the first `warmup` points.
///
/// Cost: O(1) time a point; 200 bytes, and 8 bytes a point of the warm-up while it lasts.
///
/// Sources: Page 1954, <https://doi.org/10.1093/biomet/41.1-2.100>; the estimate of the new mean:
/// Montgomery 2013, *Introduction to Statistical Quality Control*, 9.1.
///
/// ```
/// use bongsu_stats::Cusum;
/// let cusum = Cusum::new().target(10.0)?.scale(1.0)?;
/// let scores = cusum.score(&[10.0, 9.5, 10.5, 12.0, 12.5, 12.0, 12.5])?;
/// assert_eq!(scores, [0.0, 0.0, 0.0, 1.5, 3.5, 5.0, 7.0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cusum {
    slack: f64,
    threshold: f64,
    target: Option<f64>,
    scale: Option<f64>,
    warmup: usize,
    after_alarm: AfterAlarm,
    direction: Direction,
}

impl Default for Cusum {
    fn default() -> Self {
        Self {
            slack: 0.5,
            threshold: 5.0,
            target: None,
            scale: None,
            warmup: 100,
            after_alarm: AfterAlarm::Settle,
            direction: Direction::Both,
        }
    }
}

impl Cusum {
    /// The defaults: slack 0.5, threshold 5, learned from 100 points, settles after an alarm, both
    /// sides.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The slack `k` in standard deviations: half the shift that matters. Domain: finite, at least
    /// 0. Default: 0.5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn slack(mut self, slack: f64) -> Result<Self> {
        self.slack = check::non_negative("slack", slack)?;
        Ok(self)
    }

    /// The decision interval `h` in standard deviations. Domain: finite, above 0. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = check::positive("threshold", threshold)?;
        Ok(self)
    }

    /// The mean while nothing is wrong, in the unit of the values. Domain: finite. Default: learned
    /// from the warm-up.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn target(mut self, target: f64) -> Result<Self> {
        self.target = Some(check_target(target)?);
        Ok(self)
    }

    /// The standard deviation while nothing is wrong, in the unit of the values. Domain: finite,
    /// above 0. Default: learned from the warm-up.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn scale(mut self, scale: f64) -> Result<Self> {
        self.scale = Some(check::positive("scale", scale)?);
        Ok(self)
    }

    /// The number of points from which target and scale are learned, unless both are given, and of
    /// which the mean is that a stream settles on. Domain: [2, 1048576]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn warmup(mut self, points: usize) -> Result<Self> {
        self.warmup = check::window("warmup", points, 2)?;
        Ok(self)
    }

    /// What happens after an alarm. Default: [`AfterAlarm::Settle`].
    #[must_use]
    pub const fn after_alarm(mut self, after: AfterAlarm) -> Self {
        self.after_alarm = after;
        self
    }

    /// The side whose sum counts. Default: both.
    #[must_use]
    pub const fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::non_negative("slack", self.slack)?;
        check::positive("threshold", self.threshold)?;
        self.target.map(check_target).transpose()?;
        let scale = self.scale.map(|scale| check::positive("scale", scale));
        scale.transpose()?;
        check::window("warmup", self.warmup, 2)?;
        Ok(())
    }

    /// The scores of a whole column, as a stream would give them.
    ///
    /// - `values`: any unit; NaN marks a missing value, which changes nothing and scores NaN.
    ///
    /// Returns as many scores as values; NaN while target or scale are being learned.
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is infinite.
    ///
    /// Cost: O(n) time.
    pub fn score(&self, values: &[f64]) -> Result<Vec<f64>> {
        let mut stream = self.build()?;
        check::no_infinity(values)?;
        if let (Some(target), Some(scale), AfterAlarm::Continue) =
            (self.target, self.scale, self.after_alarm)
            && !values.iter().any(|x| x.is_nan())
        {
            return path::cusum_score(values, (target, scale, self.slack), self.direction);
        }
        let mut score = |x: f64| {
            if x.is_nan() {
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
    pub fn build(&self) -> Result<CusumStream> {
        CusumStream::new(self.clone())
    }
}

fn check_target(target: f64) -> Result<f64> {
    if target.is_finite() {
        Ok(target)
    } else {
        Err(Error::parameter("target", target, "finite"))
    }
}
