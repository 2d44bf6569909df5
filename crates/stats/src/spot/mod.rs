//! Peaks over threshold on a metric itself: bounds that extreme value theory gives for a risk.

mod stream;

use bongsu_core::{Calibration, Direction, Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::SpotStream;

/// The fewest excesses that a tail is fitted to.
const LEAST_PEAKS: usize = 10;

/// The fewest points that a tail is fitted to: half of them are excesses.
const LEAST_POINTS: usize = 2 * LEAST_PEAKS;

/// The longest moving average.
const MOST_DEPTH: usize = 100_000;

/// Configuration of the streaming peaks-over-threshold detector (SPOT, and DSPOT with a depth).
///
/// The first `calibration` points give a high level `t`, their `level` quantile, and the excesses
/// over it are taken as generalised Pareto with shape `g` and scale `s`. With `N` of `n` points
/// above `t`, a normal point exceeds the bound `z = t + s/g ((q n / N)^-g - 1)` with the probability
/// `q`, the `risk`. The lower tail is that of the negated values, with a bound and a risk of its own.
/// Values within the bounds are learned and keep them up to date.
///
/// `score = (x - center) / (z - center)` with the median of the first points as center, on the side
/// where `x` lies: 0 at the center and 1 at the bound, which is the threshold. On a side that is not
/// judged it is 0. With a `depth` all this is said of the distances of the values from the mean of
/// the `depth` normal values before them, for metrics that drift.
///
/// - A value beyond a bound is not learned, only that there was one; see
///   [`Calibration::PeaksOverThreshold`], which this is built upon, for how the bound stays in place.
/// - So a level shift would be an anomaly for ever. After `patience` anomalies in a row the bounds are
///   fitted anew to these points, and again with each doubling of their number until there are
///   `calibration` of them: with few points at a lower level, and a shorter depth. A patience of 0
///   never does that.
/// - A constant metric scores 0 as long as it is constant, and any other value infinity, until
///   `patience` of them came in a row.
///
/// Cost: O(1 + depth) time a point; when it is an excess, now and then a fit to at most 1,000 of
/// them. At most 8,000 bytes of excesses and `8 depth` of averages a side, and 8 bytes a point of
/// the calibration while it lasts.
///
/// Source: Siffer et al. 2017, <https://doi.org/10.1145/3097983.3098144>.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::Spot::new().build()?;
/// for i in 0..1_000 {
///     // Between 0 and 99, in a scrambled order.
///     stream.learn(&[f64::from(i * 7_919 % 100)])?;
/// }
/// let band = stream.expectation().unwrap();
/// assert!(band.upper > 98.0 && band.upper < 130.0);
/// assert!(band.lower < 1.0 && band.lower > -30.0);
/// assert!(stream.score(&[99.0])?.ready().unwrap() < 1.1);
/// assert!(stream.score(&[200.0])?.ready().unwrap() > 1.5);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spot {
    direction: Direction,
    risk: f64,
    level: f64,
    depth: usize,
    calibration: usize,
    patience: usize,
}

impl Default for Spot {
    fn default() -> Self {
        Self {
            direction: Direction::Both,
            risk: 1e-3,
            level: 0.98,
            depth: 0,
            calibration: 1_000,
            patience: 40,
        }
    }
}

impl Spot {
    /// The defaults: both tails, risk 0.001, level 0.98, no drift, 1,000 points to calibrate,
    /// patience 40.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tails that are judged. Default: both.
    #[must_use]
    pub const fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// The share of normal points beyond each bound. Domain: (0, 1 - level). Default: 0.001.
    ///
    /// # Errors
    /// When not in (0, 0.5); what depends on the level is checked by [`Spot::validate`].
    pub fn risk(mut self, risk: f64) -> Result<Self> {
        self.risk = share(risk)?;
        Ok(self)
    }

    /// The share of points below the level at which a tail begins. Domain: [0.5, 1). Default: 0.98.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn level(mut self, level: f64) -> Result<Self> {
        self.level = quantile(level)?;
        Ok(self)
    }

    /// The number of values before a point whose mean it is compared with; 0 compares nothing.
    /// Domain: at most 100000. Default: 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn depth(mut self, points: usize) -> Result<Self> {
        self.depth = depth(points)?;
        Ok(self)
    }

    /// The points before the first score. Domain: [20, 1048576], and at least
    /// `depth + 10 / (1 - level)`. Default: 1000.
    ///
    /// # Errors
    /// When not in [20, 1048576]; the rest is checked by [`Spot::validate`].
    pub fn calibration(mut self, points: usize) -> Result<Self> {
        self.calibration = check::window("calibration", points, LEAST_POINTS)?;
        Ok(self)
    }

    /// After how many anomalies in a row they are taken as the new normal; 0 for never. Domain: 0 or
    /// in [20, 1048576]. Default: 40.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn patience(mut self, points: usize) -> Result<Self> {
        self.patience = patience(points)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        share(self.risk)?;
        quantile(self.level)?;
        depth(self.depth)?;
        check::window("calibration", self.calibration, LEAST_POINTS)?;
        patience(self.patience)?;
        if self.risk >= 1.0 - self.level {
            return Err(Error::parameter("risk", self.risk, "in (0, 1 - level)"));
        }
        let needed = self.least_calibration();
        if self.calibration < needed {
            return Err(Error::parameter(
                "calibration",
                self.calibration,
                format!("at least depth + 10 / (1 - level), which is {needed}"),
            ));
        }
        Ok(())
    }

    /// The points it takes for 10 excesses over the level after the first averages.
    fn least_calibration(&self) -> usize {
        // 1 - 0.98 is a little below 0.02: without the rounding 10 excesses would need 501 points.
        let points = (LEAST_PEAKS as f64 / (1.0 - self.level) - 1e-6).ceil();
        self.depth.saturating_add(points as usize)
    }

    /// How `points` points are fitted: as asked for when they are enough, else with as much less
    /// depth and level as it takes.
    fn fit_to(&self, points: usize) -> Calibration {
        let depth = self.depth.min(points.saturating_sub(LEAST_POINTS));
        let most = 1.0 - LEAST_PEAKS as f64 / (points - depth).max(LEAST_POINTS) as f64;
        let level = self.level.min(most).max(0.5);
        Calibration::PeaksOverThreshold {
            level,
            risk: self.risk,
            depth,
        }
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<SpotStream> {
        SpotStream::new(self.clone())
    }

    /// The scores of a whole column, as a stream gives them; NaN while it calibrates.
    ///
    /// # Errors
    /// When a parameter is outside its domain or a value is not finite.
    pub fn score(&self, values: &[f64]) -> Result<Vec<f64>> {
        use bongsu_core::StreamDetector as _;
        let mut stream = self.build()?;
        let score = |&x: &f64| Ok(stream.score_then_learn(&[x])?.ready().unwrap_or(f64::NAN));
        values.iter().map(score).collect()
    }
}

fn share(risk: f64) -> Result<f64> {
    if risk > 0.0 && risk < 0.5 {
        Ok(risk)
    } else {
        Err(Error::parameter("risk", risk, "in (0, 1 - level)"))
    }
}

fn quantile(level: f64) -> Result<f64> {
    if (0.5..1.0).contains(&level) {
        Ok(level)
    } else {
        Err(Error::parameter("level", level, "in [0.5, 1)"))
    }
}

fn depth(points: usize) -> Result<usize> {
    if points <= MOST_DEPTH {
        Ok(points)
    } else {
        Err(Error::parameter("depth", points, "at most 100000"))
    }
}

fn patience(points: usize) -> Result<usize> {
    if points == 0 {
        Ok(0)
    } else {
        check::window("patience", points, LEAST_POINTS)
    }
}
