//! What is usual at an hour, a day or a minute of the local calendar.

mod clock;
mod fitted;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector as _, Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;

pub use clock::Clock;
pub use fitted::FittedProfile;

/// How moments are put into bins by their local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bins {
    /// 24 bins, one an hour of the day.
    HourOfDay,
    /// 7 bins, one a day of the week, Monday first.
    DayOfWeek,
    /// 168 bins, one an hour of the week, from Monday 00:00.
    #[default]
    HourOfWeek,
    /// Bins of this many minutes of the day. Domain: a divisor of 1440.
    MinuteOfDay(u16),
}

/// The minutes of a day.
const DAY: u16 = 1440;

impl Bins {
    /// The number of bins.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::HourOfDay => 24,
            Self::DayOfWeek => 7,
            Self::HourOfWeek => 168,
            Self::MinuteOfDay(width) => usize::from(DAY / width.max(1)),
        }
    }

    /// Checks the domain, for bins that were read from a file.
    ///
    /// # Errors
    /// When their minutes do not divide a day.
    pub fn validate(self) -> Result<()> {
        match self {
            Self::MinuteOfDay(width) if width == 0 || !DAY.is_multiple_of(width) => Err(
                Error::parameter("bins", width, "a number of minutes that divides 1440"),
            ),
            _ => Ok(()),
        }
    }

    /// How many seconds a bin lasts each time.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Self::HourOfDay | Self::HourOfWeek => 3_600,
            Self::DayOfWeek => 86_400,
            Self::MinuteOfDay(0) => 60,
            Self::MinuteOfDay(width) => 60 * width as u32,
        }
    }

    /// The bin of a local time in seconds since 1970-01-01 00:00, a Thursday; see
    /// [`Clock::local_seconds`]. It is below [`Bins::count`].
    #[must_use]
    pub fn of(self, local: i64) -> usize {
        let (day, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (weekday, hour) = ((day + 3).rem_euclid(7), second / 3_600);
        let bin = match self {
            Self::HourOfDay => hour,
            Self::DayOfWeek => weekday,
            Self::HourOfWeek => weekday * 24 + hour,
            Self::MinuteOfDay(width) => second / 60 / i64::from(width.max(1)),
        };
        usize::try_from(bin).unwrap_or(0)
    }
}

/// Configuration of a profile of the local calendar.
///
/// Each bin has a centre, the median of its rows, and a scale, 1.4826 times their median absolute
/// deviation; `score = |x - centre| / scale`. A bin with `n` rows, fewer than `min_points`, takes
/// `n / min_points` of its own centre and the rest of its neighbours' (or the whole column's where
/// they are empty too). Squared scales are averaged with that of all rows about their centres,
/// which counts as `min_points` rows, so that a bin of a few equal values is not infinitely sure.
///
/// Bins are those of the local time in `timezone`: a pattern that follows people's clocks stays in
/// its bins when daylight saving time begins or ends. The hour that a 25-hour day has twice falls
/// into one bin; that which a 23-hour day lacks gets no row.
///
/// The rows must have timestamps: [`FitDetector::fit_score`], not [`FitDetector::fit`].
///
/// Cost: O(n) time and memory to fit, O(log transitions) a row to score; a fitted model holds 16
/// bytes a bin.
///
/// Source: an hour-of-week baseline with the estimators of Hampel 1974,
/// <https://doi.org/10.1080/01621459.1974.10482962>; time zones as in the IANA database.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, Rows, Timestamp, ndarray::Array2};
/// use bongsu_stats::calendar::{Bins, Profile};
/// // Four weeks of a metric that is 100 from 9 to 17 o'clock in Berlin, and 10 otherwise.
/// let times: Vec<_> = (0..672).map(|h| Timestamp::from_secs(1_767_222_000 + 3_600 * h)).collect();
/// let busy = |h: usize| if (9..17).contains(&(h % 24)) { 100.0 } else { 10.0 };
/// let values = Array2::from_shape_fn((672, 1), |(h, _)| busy(h) + (h / 24 % 3) as f64);
/// let profile = Profile::new().timezone("Europe/Berlin")?.bins(Bins::HourOfDay)?;
/// let (fitted, _) = profile.fit_score(&Rows::at(&times, values.view())?)?;
/// assert_eq!(fitted.centers()[10], 101.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    bins: Bins,
    timezone: String,
    min_points: usize,
    threshold: f64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            bins: Bins::default(),
            timezone: "UTC".to_owned(),
            min_points: 4,
            threshold: 4.0,
        }
    }
}

impl Profile {
    /// The defaults: hours of the week in UTC, 4 points a bin, a threshold of 4.
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

    /// From how many rows on a bin stands for itself. Domain: [1, 1048576]. Default: 4.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_points(mut self, points: usize) -> Result<Self> {
        self.min_points = check::window("min_points", points, 1)?;
        Ok(self)
    }

    /// The score above which a row is anomalous. Domain: finite, above 0. Default: 4.
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
        self.bins.validate()?;
        Clock::new(&self.timezone)?;
        check::window("min_points", self.min_points, 1)?;
        check::positive("threshold", self.threshold)?;
        Ok(())
    }
}

impl FitDetector for Profile {
    type Fitted = FittedProfile;

    /// Always an error: without timestamps there is no calendar.
    fn fit(&self, _: ArrayView2<'_, f64>) -> Result<FittedProfile> {
        Err(no_timestamps())
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedProfile, Vec<f64>)> {
        let fitted = FittedProfile::learn(self.clone(), rows)?;
        let scores = fitted.score_rows(rows)?;
        Ok((fitted, scores))
    }
}

fn no_timestamps() -> Error {
    Error::unsupported("a profile of the calendar needs the timestamps of the rows")
}
