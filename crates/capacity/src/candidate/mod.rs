//! The models among which validation chooses.

mod bend;
mod forest;
mod level;
mod linear;
mod naive;
mod smooth;

use bongsu_core::{Error, Result, SeriesView, Timestamp};
use bongsu_stats::calendar::Clock;
use serde::{Deserialize, Serialize};

use self::bend::Breaks;
use crate::features::Calendar;
use crate::history::DAY;
use crate::season::Season;
use crate::spikes::cut_lone;

/// A model that may forecast a resource, the simplest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Candidate {
    /// The level of the last blocks goes on, with the rhythm and without any trend.
    Level,
    /// The last day or week goes on, with the mean change between the first one and it: the floor
    /// that every other model must beat.
    SeasonalNaiveDrift,
    /// The line of Theil and Sen through what is left without the rhythm of the day and the week,
    /// since the last clear bend.
    TheilSen,
    /// Least squares on time, time of day and weekday.
    Linear,
    /// Exponential smoothing of what is left without the rhythm, its form chosen by `AICc`.
    Ets,
    /// ARIMA of what is left without the rhythm, its orders chosen by tests and `AICc`.
    Arima,
    /// A bending trend and seasons of the calendar.
    Prophet,
    /// A random forest on the calendar, the lead and the recent past, of what is left of a robust
    /// line: trees cannot continue a trend.
    RandomForest,
}

impl Candidate {
    /// Every candidate, the simplest first.
    pub const ALL: [Self; 8] = [
        Self::Level,
        Self::SeasonalNaiveDrift,
        Self::TheilSen,
        Self::Linear,
        Self::Ets,
        Self::Arima,
        Self::Prophet,
        Self::RandomForest,
    ];

    /// The name in configurations, reports and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::SeasonalNaiveDrift => "seasonal-naive-drift",
            Self::TheilSen => "theil-sen",
            Self::Linear => "linear",
            Self::Ets => "ets",
            Self::Arima => "arima",
            Self::Prophet => "prophet",
            Self::RandomForest => "random-forest",
        }
    }

    /// The candidate of that name.
    ///
    /// # Errors
    /// When there is none; the message lists those that there are.
    ///
    /// ```
    /// use bongsu_capacity::Candidate;
    /// assert_eq!(Candidate::from_name("theil-sen")?, Candidate::TheilSen);
    /// assert!(Candidate::from_name("oracle").is_err());
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|model| model.name() == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            Error::parameter("model", name, format!("one of {}", names.join(", ")))
        })
    }

    /// The expected values of the `ahead` steps after what `known` holds.
    pub(crate) fn forecast(self, known: &Known<'_>, ahead: usize) -> Result<Vec<f64>> {
        let mean = match self {
            Self::Level => Ok(level::forecast(known, ahead)),
            Self::SeasonalNaiveDrift => naive::forecast(known, ahead),
            Self::TheilSen => linear::theil_sen(known, ahead),
            Self::Linear => linear::least_squares(known, ahead),
            Self::Ets => smooth::ets(known, ahead),
            Self::Arima => smooth::arima(known, ahead),
            Self::Prophet => smooth::prophet(known, ahead),
            Self::RandomForest => forest::forecast(known, ahead),
        }?;
        match mean.iter().find(|value| !value.is_finite()) {
            Some(&value) => Err(Error::non_finite(
                format!("a forecast of {}", self.name()),
                value,
            )),
            None => Ok(mean),
        }
    }
}

/// What is known at an origin, and the calendar of what is to come.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) times: &'a [Timestamp],
    /// As if the level had always been the present one, lone spikes cut; NaN is a missing value.
    pub(crate) values: Vec<f64>,
    /// Of the times, and of those after them.
    pub(crate) calendar: &'a [Calendar],
    pub(crate) step: i64,
    /// The steps of a day, or of what stands for it.
    pub(crate) block: usize,
    pub(crate) timezone: &'a str,
    pub(crate) seed: u64,
    pub(crate) season: Season,
    /// The values without the rhythm, holes filled in.
    pub(crate) adjusted: Vec<f64>,
    /// The first step after the last clear bend of the trend.
    pub(crate) bend: usize,
    /// The shifts of the level: the first step after each, and by how much it rose there.
    pub(crate) shifts: Vec<(usize, f64)>,
    /// The values without the rhythm and the shifts, spikes as they were; NaN is a missing value.
    pub(crate) uncut: Vec<f64>,
}

impl<'a> Known<'a> {
    /// Of the first `count` steps.
    pub(crate) fn until(all: &Shared<'a>, count: usize) -> Result<Self> {
        let values = all.values.get(..count).unwrap_or(all.values);
        let times = all.times.get(..count).unwrap_or(all.times);
        let window = window(all.step, all.block, count);
        let learn = |values: &[f64]| Season::learn(all.clock, all.step, times, values, window);
        let rhythm = |values: &[f64]| learn(&without_lone(values, &learn(values)?, all));
        let mut season = rhythm(values)?;
        let (mut left, mut breaks) = broken(values, &season, all);
        // A rhythm that is learnt across a shift has a part of it, and then hides it. Means over days
        // show it without any rhythm but the week's.
        let plain = Season::none();
        let first = [broken(values, &plain, all).1.shifts, breaks.shifts.clone()];
        if let Some(shifts) = first.iter().find(|shifts| !shifts.is_empty()) {
            let mut lifted = values.to_vec();
            without_shifts(&mut lifted, shifts);
            season = rhythm(&lifted)?;
            (left, breaks) = broken(values, &season, all);
        }
        let mut uncut = without_rhythm(values, &season, all);
        without_shifts(&mut left, &breaks.shifts);
        without_shifts(&mut uncut, &breaks.shifts);
        let rhythm = all.calendar.iter().map(|at| season.at(at));
        Ok(Self {
            times,
            values: left.iter().zip(rhythm).map(|(left, s)| left + s).collect(),
            calendar: all.calendar,
            step: all.step,
            block: all.block,
            timezone: all.timezone,
            seed: all.seed,
            season,
            adjusted: filled(&left),
            bend: breaks.from,
            shifts: breaks.shifts,
            uncut,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the trend has a clear bend.
    pub(crate) const fn bends(&self) -> bool {
        self.bend > 0
    }

    /// The rhythm of the steps to come.
    pub(crate) fn coming(&self, ahead: usize) -> impl Iterator<Item = f64> + '_ {
        let calendar = self.calendar.iter().skip(self.len()).take(ahead);
        calendar.map(|at| self.season.at(at))
    }

    /// A continuation of what is left, with the rhythm on it.
    pub(crate) fn with_season(&self, level: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let level: Vec<f64> = level.into_iter().collect();
        let season = self.coming(level.len());
        level.iter().zip(season).map(|(a, b)| a + b).collect()
    }

    /// What is left without the rhythm, as a series.
    pub(crate) fn series(&self) -> Result<SeriesView<'_>> {
        SeriesView::new(no_labels(), self.times, &self.adjusted)
    }
}

/// The values without lone spikes. What comes back at its hour is rhythm: spikes stand out of what a
/// first look at the rhythm leaves.
fn without_lone(values: &[f64], season: &Season, all: &Shared<'_>) -> Vec<f64> {
    let mut left = without_rhythm(values, season, all);
    cut_lone(&mut left, all.block);
    let rhythm = all.calendar.iter().map(|at| season.at(at));
    left.iter().zip(rhythm).map(|(a, b)| a + b).collect()
}

fn without_rhythm(values: &[f64], season: &Season, all: &Shared<'_>) -> Vec<f64> {
    let rhythm = all.calendar.iter().map(|at| season.at(at));
    let rows = values.iter().zip(rhythm);
    rows.map(|(value, season)| value - season).collect()
}

/// What is left without the rhythm and lone spikes, and where it breaks.
fn broken(values: &[f64], season: &Season, all: &Shared<'_>) -> (Vec<f64>, Breaks) {
    let mut left = without_rhythm(values, season, all);
    cut_lone(&mut left, all.block);
    let breaks = Breaks::of(&left, all.block);
    (left, breaks)
}

/// Lifts what lies before each shift of the level to the level after it.
pub(crate) fn without_shifts(values: &mut [f64], shifts: &[(usize, f64)]) {
    for &(at, size) in shifts {
        for value in values.iter_mut().take(at) {
            *value += size;
        }
    }
}

/// Labels that say nothing.
pub(crate) fn no_labels() -> &'static bongsu_core::Labels {
    static NONE: std::sync::LazyLock<bongsu_core::Labels> =
        std::sync::LazyLock::new(bongsu_core::Labels::empty);
    &NONE
}

/// What every origin shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) times: &'a [Timestamp],
    pub(crate) values: &'a [f64],
    pub(crate) calendar: &'a [Calendar],
    pub(crate) clock: &'a Clock,
    pub(crate) step: i64,
    pub(crate) block: usize,
    pub(crate) timezone: &'a str,
    pub(crate) seed: u64,
}

/// The steps over which a trend is smoothed: a week where there are two, else a day.
pub(crate) fn window(step: i64, block: usize, len: usize) -> usize {
    let week = usize::try_from(7 * DAY / step.max(1)).unwrap_or(usize::MAX);
    if step <= DAY && len >= 2 * week {
        week
    } else {
        block
    }
}

/// Holes bridged by lines, the ends by the nearest value.
fn filled(values: &[f64]) -> Vec<f64> {
    let mut out = values.to_vec();
    let mut before: Option<(usize, f64)> = None;
    for (at, &value) in values.iter().enumerate() {
        if value.is_nan() {
            continue;
        }
        let (from, start) = before.map_or((0, value), |(i, v)| (i + 1, v));
        let width = (at + 1).saturating_sub(from) as f64;
        for (i, slot) in out.iter_mut().enumerate().take(at).skip(from) {
            *slot = start + (value - start) * ((i + 1 - from) as f64 / width);
        }
        before = Some((at, value));
    }
    if let Some((from, value)) = before {
        for slot in out.iter_mut().skip(from + 1) {
            *slot = value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_bridged() {
        const GAP: f64 = f64::NAN;
        let found = filled(&[GAP, 1.0, GAP, GAP, 4.0, GAP]);
        assert_eq!(found, [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        assert!(filled(&[GAP]).iter().all(|v| v.is_nan()));
    }
}
