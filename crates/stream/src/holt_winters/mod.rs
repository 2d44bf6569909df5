//! Additive Holt-Winters, made robust: level, damped slope and season, learned point by point.

mod clock;
mod cycle;
mod stream;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::HoltWintersStream;

/// The longest period that can be given.
const MOST_POINTS: usize = 50_000;

/// After how many points a season is looked for, when the period is not given.
const SEARCHES: [usize; 4] = [256, 512, 1_024, LONGEST_SEARCH];

/// After how many it is no longer looked for.
const LONGEST_SEARCH: usize = 2_048;

/// How long the season is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SeasonLength {
    /// To be found in the first 2,048 points, so at most 1,024 points long. Until it is, and when
    /// there is none, the detector is Holt's, without a season.
    #[default]
    Auto,
    /// There is no season.
    None,
    /// This many points. Domain: [2, 50000].
    Points(usize),
}

/// Configuration of Holt-Winters: a level, a damped slope and a season that follow the metric.
///
/// `score = |x - (level + slope + season)| / (tail scale)`, with the state before `x`. With the
/// residual `e`, clipped at 3.5 scales:
///
/// `level += slope + a e`, `slope = 0.98 slope + 0.15 a e`, `season += g (1 - a) e` at its phase,
///
/// where `a = 1 - 2^(-1/half_life)` and `g = 1 - 2^(-1/season_half_life)`. The mean of the season is
/// moved to the level after each cycle.
///
/// - The scale is the exponentially weighted root mean square of the clipped residuals, stretched by
///   a tail factor: see [`bongsu_stats::adaptive`] and [`bongsu_stats::Ewma`], of which this is the
///   form with a season. What is said there holds here as well: values beyond the threshold are not
///   learned, `patience` of them in a row on one side are a new level, a fault that comes and goes
///   does not hide the next.
/// - With a period that is given, the season starts from two cycles, or as many as there are in the
///   `warmup`: medians over the cycles without a line and the median of each cycle. Scores start
///   after them. The same points tell the first scale, corrected for the season being fitted to them.
/// - With [`SeasonLength::Auto`] scores start after `warmup` points without a season. After 256, 512,
///   1,024 and 2,048 points one is looked for ([`bongsu_stats::period::PeriodSearch`]) and used from
///   then on, if it leaves smaller residuals. The points are kept until then.
/// - When times are given ([`bongsu_core::StreamDetector::set_time`]), the step between them is
///   learned, and where points are missing the season moves on over them.
///
/// Cost: O(1) time a point, amortised; the search costs O(n log n) each time. O(period) memory.
///
/// Sources: Holt 1957, <https://doi.org/10.1016/j.ijforecast.2003.09.015>; Winters 1960,
/// <https://doi.org/10.1287/mnsc.6.3.324>; clipped residuals: Gelper, Fried & Croux 2010,
/// <https://doi.org/10.1002/for.1125>.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stream::HoltWinters;
/// let mut stream = HoltWinters::new().build()?;
/// let wave = |i: u32| 10.0 * f64::from(i % 24 / 12) + 0.1 * f64::from(i * 7 % 5);
/// for i in 0..600 {
///     stream.learn(&[wave(i)])?;
/// }
/// assert_eq!(stream.period(), Some(24));
/// assert!(stream.score(&[wave(600)])?.ready().unwrap() < 4.0);
/// assert!(stream.score(&[5.0])?.ready().unwrap() > 4.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoltWinters {
    period: SeasonLength,
    half_life: f64,
    season_half_life: f64,
    scale_half_life: f64,
    threshold: f64,
    patience: u32,
    warmup: u32,
    min_scale: f64,
}

impl Default for HoltWinters {
    fn default() -> Self {
        Self {
            period: SeasonLength::Auto,
            half_life: 2.0,
            season_half_life: 4.0,
            scale_half_life: 80.0,
            threshold: 4.0,
            patience: 5,
            warmup: 30,
            min_scale: 0.0,
        }
    }
}

impl HoltWinters {
    /// The defaults: the period found; half-lives of 2 points for the level, 4 cycles for the season
    /// and 80 points for the scale; threshold 4, patience 5, 30 points to warm up.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The period of the season in points. Domain: [2, 50000]. Default: it is found.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn period(self, points: usize) -> Result<Self> {
        self.season(SeasonLength::Points(points))
    }

    /// How long the season is. Default: [`SeasonLength::Auto`].
    ///
    /// # Errors
    /// When a number of points is outside [2, 50000].
    pub fn season(mut self, season: SeasonLength) -> Result<Self> {
        if let SeasonLength::Points(points) = season {
            check::count("period", points, 2, MOST_POINTS)?;
        }
        self.period = season;
        Ok(self)
    }

    /// After how many points the weight of a value in the level has halved. Domain: [1, 1000000].
    /// Default: 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn half_life(mut self, points: f64) -> Result<Self> {
        self.half_life = check::half_life("half_life", points)?;
        Ok(self)
    }

    /// After how many cycles the weight of a value in the season has halved. Domain: [1, 1000000].
    /// Default: 4.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn season_half_life(mut self, cycles: f64) -> Result<Self> {
        self.season_half_life = check::half_life("season_half_life", cycles)?;
        Ok(self)
    }

    /// After how many points the weight of a residual in the scale has halved. Domain:
    /// [1, 1000000]. Default: 80.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn scale_half_life(mut self, points: f64) -> Result<Self> {
        self.scale_half_life = check::half_life("scale_half_life", points)?;
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

    /// How many points are learned before scores come; with a period that is given it is the next
    /// whole number of cycles, at least two. Domain: [2, 10000]. Default: 30.
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
        self.clone().season(self.period)?;
        check::half_life("half_life", self.half_life)?;
        check::half_life("season_half_life", self.season_half_life)?;
        check::half_life("scale_half_life", self.scale_half_life)?;
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
    pub fn build(&self) -> Result<HoltWintersStream> {
        self.validate()?;
        Ok(HoltWintersStream::fresh(self.clone()))
    }

    /// From how many points a season of this period starts.
    fn start_points(&self, period: usize) -> usize {
        let cycles = (self.warmup as usize).div_ceil(period).max(2);
        cycles * period
    }
}

impl std::str::FromStr for SeasonLength {
    type Err = Error;

    /// `auto`, `none` or a number of points.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            _ => text.parse().map(Self::Points).map_err(|_| {
                Error::parameter("period", text, "`auto`, `none` or a number of points")
            }),
        }
    }
}
