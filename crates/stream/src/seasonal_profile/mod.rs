//! What is usual at an hour of the local week, learned point by point.

mod level;
mod reach;
mod stream;
mod table;

use bongsu_core::{Error, Result};
use bongsu_stats::Ewma;
use bongsu_stats::calendar::{Bins, Clock};
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::SeasonalProfileStream;

/// Configuration of a profile of the local calendar that is learned point by point, in constant
/// memory: what is usual on a Monday at nine.
///
/// `expected = level + centre(bin)`, `score = |x - expected| / (scale(bin) tail(side))`
///
/// - [`SeasonalProfileStream::set_time`](bongsu_core::StreamDetector::set_time) tells the bin of the
///   next point: that of the local time in `timezone`, so that a pattern that follows people's
///   clocks stays in its bins when daylight saving time begins or ends.
/// - A bin has a centre above the level of the series and a scale, the root mean square deviation of
///   its values from the centre when they came. Both are learned once a visit, when the hour is over:
///   while it lasts it is judged by those before it. A visit weighs `1 / visits` in the centre and
///   `2 / (visits + 1)` in the square of the scale, at least `1 / memory`.
/// - A bin seen `v` times counts `v^2 / (v^2 + 1)`. The rest comes from the same hour of any day (for
///   hours of the week and bins shorter than an hour), which has its own centres, scales and visits,
///   and what then is left from an [`Ewma`] of the recent values with the same `threshold`,
///   `patience` and `warmup`. So it judges from the first point after the warm-up on, by the day
///   after one day, and by the week after one week. Where the two disagree the scale is wider.
/// - Once an hour is known from two days, the level follows all bins together, with `half_life`.
///   Values beyond `threshold` scales from what is usual do not move it; after `patience` of them in a
///   row on one side it steps by their mean deviation, and all bins with it. Until a step has lasted
///   for a day, the bins are learned as if it had not been: a weekend is a pattern, not a level.
/// - Values are clipped at 3.5 scales before a bin learns them, and those beyond the threshold weigh
///   a fifth: one outlier hides nothing the next week, but what comes back is learned. A bin seen
///   fewer than two times learns more freely, up to the levels that the series has had. When about a
///   quarter of the recent points are beyond the threshold without a run, they are learned as they
///   are.
/// - On either side the scale is stretched by a tail factor, 1 for normal noise and at most 8: the
///   0.99 quantile of the deviations there against that of normal ones. The band may so be wider
///   above than below.
///
/// Without timestamps, or with one beyond the calendar, it judges as the `Ewma` does and its bins
/// learn nothing. Timestamps may stand still or go back: each only names a bin.
///
/// Cost: O(log transitions) time a point for the zone and O(1) for the rest. Memory: 12 bytes a bin,
/// 288 for the hours of the day where bins are drawn to them, and some 700 for the rest, so 3 kB in
/// all for hours of the week and 1 kB for hours of the day.
///
/// Source: the bins and their robust centres are those of [`bongsu_stats::calendar::Profile`],
/// learned by recursive M-estimates (Gelper, Fried, Croux 2010, <https://doi.org/10.1002/for.1125>)
/// and stochastic approximation of quantiles (Robbins, Monro 1951,
/// <https://doi.org/10.1214/aoms/1177729586>); time zones as in the IANA database.
///
/// ```
/// use bongsu_core::{StreamDetector as _, Timestamp};
/// use bongsu_stream::SeasonalProfile;
/// // Three weeks of a metric that is 100 from 9 to 17 o'clock in Berlin, and 10 otherwise.
/// let mut stream = SeasonalProfile::new().timezone("Europe/Berlin")?.build()?;
/// let time = |hour: i64| Timestamp::from_secs(1_767_567_600 + 3_600 * hour);
/// for hour in 0..504 {
///     let busy = (9..17).contains(&(hour % 24));
///     stream.set_time(time(hour));
///     stream.learn(&[if busy { 100.0 } else { 10.0 } + (hour % 7) as f64])?;
/// }
/// // A hundred is usual on Monday at ten, and an alarm at three.
/// stream.set_time(time(504 + 10));
/// assert!(stream.score(&[100.0])?.ready().unwrap() < 4.0);
/// stream.set_time(time(504 + 3));
/// assert!(stream.score(&[100.0])?.ready().unwrap() > 4.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeasonalProfile {
    bins: Bins,
    timezone: String,
    threshold: f64,
    patience: u32,
    half_life: f64,
    memory: u32,
    warmup: u32,
    min_scale: f64,
}

impl Default for SeasonalProfile {
    fn default() -> Self {
        Self {
            bins: Bins::default(),
            timezone: "UTC".to_owned(),
            threshold: 4.0,
            patience: 5,
            half_life: 100.0,
            memory: 10,
            warmup: 30,
            min_scale: 0.0,
        }
    }
}

impl SeasonalProfile {
    /// The defaults: hours of the week in UTC, a threshold of 4, patience 5, a half-life of 100 points
    /// for the level, 10 visits remembered, 30 points to warm up.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bins. Default: [`Bins::HourOfWeek`].
    ///
    /// # Errors
    /// When their minutes do not divide a day.
    pub fn bins(mut self, bins: Bins) -> Result<Self> {
        bins.validate()?;
        self.bins = bins;
        Ok(self)
    }

    /// The name of the time zone, such as `Europe/Berlin`. Domain: a name of the IANA database,
    /// which is built in. Default: `UTC`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn timezone(mut self, name: &str) -> Result<Self> {
        Clock::new(name)?;
        name.clone_into(&mut self.timezone);
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

    /// After how many anomalous values in a row, on one side, they are the new level. Domain:
    /// [2, 10000]. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn patience(mut self, points: u32) -> Result<Self> {
        self.patience = counted("patience", points)?;
        Ok(self)
    }

    /// After how many points the weight of a value in the level has halved. Domain: finite, at
    /// least 1. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn half_life(mut self, points: f64) -> Result<Self> {
        self.half_life = at_least_one("half_life", points)?;
        Ok(self)
    }

    /// How many of its last visits a bin remembers. Domain: [2, 10000]. Default: 10.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn memory(mut self, visits: u32) -> Result<Self> {
        self.memory = counted("memory", visits)?;
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
        self.bins.validate()?;
        Clock::new(&self.timezone)?;
        check::positive("threshold", self.threshold)?;
        counted("patience", self.patience)?;
        at_least_one("half_life", self.half_life)?;
        counted("memory", self.memory)?;
        counted("warmup", self.warmup)?;
        check::non_negative("min_scale", self.min_scale)?;
        Ok(())
    }

    /// What judges while the calendar knows nothing.
    fn recent(&self) -> Result<Ewma> {
        Ewma::new()
            .threshold(self.threshold)?
            .patience(self.patience)?
            .warmup(self.warmup)?
            .min_scale(self.min_scale)
    }

    /// A stream with this configuration that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self) -> Result<SeasonalProfileStream> {
        SeasonalProfileStream::new(self.clone())
    }
}

fn counted(name: &str, value: u32) -> Result<u32> {
    check::count(name, value as usize, 2, 10_000).map(|_| value)
}

fn at_least_one(name: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 1.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "finite and at least 1"))
    }
}
