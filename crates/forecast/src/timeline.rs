//! The regular grid of time that a series lies on, and the moments that follow it.

use bongsu_core::{Error, Horizon, Result, SeriesView, Timestamp};
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use serde::{Deserialize, Serialize};

/// The longest forecast: 2^20 steps.
pub(crate) const MAX_STEPS: usize = 1 << 20;

/// The longest grid: 2^24 steps.
const MAX_GRID: usize = 1 << 24;

/// The distance between neighbouring moments of a [`Timeline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// That many milliseconds, at least 1.
    Millis(i64),
    /// Whole calendar months in UTC, at least 1: 3 a quarter, 12 a year. The day of the month stays,
    /// or is the last one where `end` says so or the month is shorter.
    Months {
        /// How many months.
        count: i32,
        /// Whether every moment is on the last day of its month.
        end: bool,
    },
}

/// The grid of a series: where it starts, its step, how many steps it has.
///
/// The step is the smallest distance between neighbouring points where it divides every other, else
/// a number of calendar months. Holes in time are steps without a point: their values are missing.
///
/// Takes 40 bytes at most.
///
/// ```
/// use bongsu_core::{Labels, SeriesView, Timestamp};
/// use bongsu_forecast::{Step, Timeline};
/// let times = [0, 60, 180].map(Timestamp::from_secs);
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &[1.0, 2.0, 4.0])?;
/// let (timeline, values) = Timeline::of(&series)?;
/// assert_eq!(timeline.step(), Step::Millis(60_000));
/// assert!(values.len() == 4 && values[2].is_nan());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    start: Timestamp,
    step: Step,
    len: usize,
}

/// The moments that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Targets {
    /// How many steps each is after the last point of the grid: at least 1, increasing.
    pub(crate) steps: Vec<usize>,
    /// The moments.
    pub(crate) timestamps: Vec<Timestamp>,
}

impl Targets {
    /// How many steps have to be forecast for the last of them.
    pub(crate) fn last(&self) -> usize {
        self.steps.last().copied().unwrap_or(0)
    }

    /// The values of `path`, one a step ahead, at the targets.
    pub(crate) fn pick(&self, path: &[f64]) -> Vec<f64> {
        let at = |&step: &usize| path.get(step.wrapping_sub(1)).copied().unwrap_or(f64::NAN);
        self.steps.iter().map(at).collect()
    }
}

impl Timeline {
    /// The grid of `series`, and its values on it: NaN where a value is missing or time has a hole.
    ///
    /// # Errors
    /// When there are fewer than 2 points, the points are not on one grid, the grid has more than
    /// 2^24 steps, or a value is beyond 1e150 in magnitude.
    pub fn of(series: &SeriesView<'_>) -> Result<(Self, Vec<f64>)> {
        crate::check::series(series.values())?;
        let times = series.timestamps();
        let (Some(&start), Some(&last)) = (times.first(), times.last()) else {
            return Err(Error::not_enough_data("a series to forecast", 2, 0));
        };
        if start == last {
            return Err(Error::not_enough_data("a series to forecast", 2, 1));
        }
        let step = step_of(times)?;
        let mut timeline = Self {
            start,
            step,
            len: 1,
        };
        let len = timeline.index_of(last).and_then(|i| i.checked_add(1));
        timeline.len = len.filter(|&len| len <= MAX_GRID).ok_or_else(|| {
            Error::input(format!(
                "the series spans more than {MAX_GRID} steps of {}: resample it",
                name_of(step)
            ))
        })?;
        if timeline.len == times.len() {
            return Ok((timeline, series.values().to_vec()));
        }
        let mut values = vec![f64::NAN; timeline.len];
        for (&time, &value) in times.iter().zip(series.values()) {
            if let Some(slot) = timeline.index_of(time).and_then(|i| values.get_mut(i)) {
                *slot = value;
            }
        }
        Ok((timeline, values))
    }

    /// A grid of `len` steps from `start`.
    ///
    /// # Errors
    /// When the step is below 1, there are no steps or more than 2^24, or time overflows.
    pub fn new(start: Timestamp, step: Step, len: usize) -> Result<Self> {
        let timeline = Self { start, step, len };
        timeline.validate()?;
        Ok(timeline)
    }

    /// Checks what the type promises about itself, after decoding.
    ///
    /// # Errors
    /// As [`Timeline::new`].
    pub fn validate(&self) -> Result<()> {
        crate::check::count("len", self.len, 1, MAX_GRID)?;
        let (Step::Millis(1..) | Step::Months { count: 1.., .. }) = self.step else {
            return Err(Error::parameter("step", name_of(self.step), "at least 1"));
        };
        self.at(self.len - 1).map(drop)
    }

    /// Its first moment.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The distance between its moments.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// The number of its moments.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no moments, which cannot be.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// This grid with `steps` moments more.
    ///
    /// # Errors
    /// As [`Timeline::new`].
    pub fn extended(&self, steps: usize) -> Result<Self> {
        Self::new(self.start, self.step, self.len.saturating_add(steps))
    }

    /// The moment `index` steps after the start.
    ///
    /// # Errors
    /// When it cannot be expressed.
    pub fn at(&self, index: usize) -> Result<Timestamp> {
        let beyond = || {
            Error::input(format!(
                "step {index} of {} after {} is beyond the range of time",
                name_of(self.step),
                self.start
            ))
        };
        match self.step {
            Step::Millis(step) => i64::try_from(index)
                .ok()
                .and_then(|i| i.checked_mul(step))
                .and_then(|offset| self.start.as_millis().checked_add(offset))
                .map(Timestamp::from_millis)
                .ok_or_else(beyond),
            Step::Months { count, end } => i32::try_from(index)
                .ok()
                .and_then(|i| i.checked_mul(count))
                .and_then(|months| add_months(self.start, months, end))
                .ok_or_else(beyond),
        }
    }

    /// The index of `time` on the grid, continued beyond its end; `None` where it is before the
    /// start or between two moments.
    #[must_use]
    pub fn index_of(&self, time: Timestamp) -> Option<usize> {
        if time < self.start {
            return None;
        }
        let index = match self.step {
            Step::Millis(step) => {
                let offset = time.as_millis().checked_sub(self.start.as_millis())?;
                (offset.checked_rem(step)? == 0).then_some(offset / step)?
            }
            Step::Months { count, .. } => {
                let months = month_of(time)? - month_of(self.start)?;
                (months.checked_rem(count)? == 0).then_some(i64::from(months / count))?
            }
        };
        let index = usize::try_from(index).ok()?;
        (self.at(index).ok()? == time).then_some(index)
    }

    /// The moments that `horizon` asks for, after the last one of the grid.
    pub(crate) fn targets(&self, horizon: Horizon<'_>) -> Result<Targets> {
        match horizon {
            Horizon::Steps(steps) => {
                let steps = crate::check::count("horizon", steps, 1, MAX_STEPS)?;
                let timestamps = (0..steps)
                    .map(|i| self.at(self.len + i))
                    .collect::<Result<_>>()?;
                Ok(Targets {
                    steps: (1..=steps).collect(),
                    timestamps,
                })
            }
            Horizon::At(times) => {
                if times.is_empty() {
                    return Err(Error::parameter("horizon", 0, "at least one moment"));
                }
                let mut steps = Vec::with_capacity(times.len());
                for &time in times {
                    let step = self.steps_to(time)?;
                    if steps.last().is_some_and(|&before| before >= step) {
                        return Err(Error::input(format!(
                            "the moments of a forecast must strictly increase, but {time} does not"
                        )));
                    }
                    steps.push(step);
                }
                Ok(Targets {
                    steps,
                    timestamps: times.to_vec(),
                })
            }
            _ => Err(Error::unsupported("this kind of horizon is not known")),
        }
    }

    /// The grid after the points of `y`, which follow it, and the values at its new moments: NaN where
    /// one is missing.
    pub(crate) fn continued(&self, y: &SeriesView<'_>) -> Result<(Self, Vec<f64>)> {
        crate::check::series(y.values())?;
        if y.is_empty() {
            return Ok((*self, Vec::new()));
        }
        let targets = self.targets(Horizon::At(y.timestamps()))?;
        let mut values = vec![f64::NAN; targets.last()];
        for (&step, &value) in targets.steps.iter().zip(y.values()) {
            if let Some(slot) = values.get_mut(step.wrapping_sub(1)) {
                *slot = value;
            }
        }
        Ok((self.extended(values.len())?, values))
    }

    fn steps_to(&self, time: Timestamp) -> Result<usize> {
        let last = self.at(self.len - 1)?;
        if time <= last {
            return Err(Error::input(format!(
                "a forecast is made for moments after the last fitted one, {last}, not for {time}"
            )));
        }
        let index = self.index_of(time).ok_or_else(|| {
            Error::input(format!(
                "{time} is not on the grid of the series, which goes on from {last} in steps of {}",
                name_of(self.step)
            ))
        })?;
        crate::check::count("horizon", index - (self.len - 1), 1, MAX_STEPS)
    }
}

/// The step of strictly increasing times, of which there are at least two.
fn step_of(times: &[Timestamp]) -> Result<Step> {
    let pairs = || times.iter().zip(times.iter().skip(1));
    let distance = |(earlier, later): (&Timestamp, &Timestamp)| {
        // Differences of more than i64::MAX milliseconds count as that.
        later.millis_since(*earlier).max(1)
    };
    let smallest = pairs().map(distance).min().unwrap_or(1);
    let Some(off) = pairs().find(|&pair| distance(pair) % smallest != 0) else {
        return Ok(Step::Millis(smallest));
    };
    months_of(times).ok_or_else(|| {
        Error::input(format!(
            "the series is not on a regular grid: {smallest} ms lie between two of its points, and \
             {} ms between those at {} and {}; resample it",
            distance(off),
            off.0,
            off.1
        ))
    })
}

/// The step in months, when every time is on the same day of its month, or on the last, at the same
/// time of day.
fn months_of(times: &[Timestamp]) -> Option<Step> {
    let first = zoned(*times.first()?)?;
    let mut dates = Vec::with_capacity(times.len());
    let mut end = true;
    for &time in times {
        let date = zoned(time)?;
        if date.time() != first.time() {
            return None;
        }
        end &= date.day() == date.days_in_month();
        dates.push(date);
    }
    if !end && dates.iter().any(|date| date.day() != first.day()) {
        return None;
    }
    let month = |date: &Zoned| i32::from(date.year()) * 12 + i32::from(date.month());
    let gaps = || {
        dates
            .iter()
            .zip(dates.iter().skip(1))
            .map(|(a, b)| month(b) - month(a))
    };
    let count = gaps().min().filter(|&count| count > 0)?;
    gaps()
        .all(|gap| gap % count == 0)
        .then_some(Step::Months { count, end })
}

fn zoned(time: Timestamp) -> Option<Zoned> {
    let instant = jiff::Timestamp::from_millisecond(time.as_millis()).ok()?;
    Some(instant.to_zoned(TimeZone::UTC))
}

/// Months since year 0.
fn month_of(time: Timestamp) -> Option<i32> {
    let date = zoned(time)?;
    Some(i32::from(date.year()) * 12 + i32::from(date.month()))
}

fn add_months(time: Timestamp, months: i32, end: bool) -> Option<Timestamp> {
    let span = Span::new().try_months(months).ok()?;
    let moved = zoned(time)?.checked_add(span).ok()?;
    let moved = if end {
        moved.last_of_month().ok()?
    } else {
        moved
    };
    Some(Timestamp::from_millis(moved.timestamp().as_millisecond()))
}

fn name_of(step: Step) -> String {
    match step {
        Step::Millis(millis) => format!("{millis} ms"),
        Step::Months { count, .. } => format!("{count} months"),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]
mod tests {
    use bongsu_core::Labels;

    use super::*;

    fn timeline(times: &[Timestamp]) -> Result<(Timeline, Vec<f64>)> {
        let values: Vec<f64> = (0..times.len()).map(|i| i as f64).collect();
        Timeline::of(&SeriesView::new(&Labels::empty(), times, &values).unwrap())
    }

    fn days(dates: &[&str]) -> Vec<Timestamp> {
        let parse = |date: &&str| {
            let instant: jiff::Timestamp = format!("{date}T00:00:00Z").parse().unwrap();
            Timestamp::from_millis(instant.as_millisecond())
        };
        dates.iter().map(parse).collect()
    }

    #[test]
    fn holes_are_missing_steps() {
        let times = [30, 10, 0, -10].map(|s| Timestamp::from_secs(-s));
        let (grid, values) = timeline(&times).unwrap();
        assert_eq!((grid.step(), grid.len()), (Step::Millis(10_000), 5));
        assert!(values[1].is_nan());
        assert_eq!(values[4], 3.0);
        let targets = grid.targets(Horizon::Steps(2)).unwrap();
        assert_eq!(targets.timestamps, [20, 30].map(Timestamp::from_secs));
        let at = [30, 50].map(Timestamp::from_secs);
        let targets = grid.targets(Horizon::At(&at)).unwrap();
        assert_eq!(targets.steps, [2, 4]);
        assert_eq!(targets.pick(&[1.0, 2.0, 3.0, 4.0]), [2.0, 4.0]);
    }

    #[test]
    fn requests_off_the_grid_are_refused() {
        let (grid, _) = timeline(&[0, 10].map(Timestamp::from_secs)).unwrap();
        for (at, word) in [
            (&[10][..], "after the last"),
            (&[25], "not on the grid"),
            (&[30, 20], "strictly increase"),
            (&[], "at least one"),
        ] {
            let at: Vec<_> = at.iter().copied().map(Timestamp::from_secs).collect();
            let error = grid.targets(Horizon::At(&at)).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        for steps in [0, usize::MAX] {
            assert!(grid.targets(Horizon::Steps(steps)).is_err());
        }
        assert!(grid.targets(Horizon::At(&[Timestamp::MAX])).is_err());
    }

    #[test]
    fn months_are_a_grid() {
        let (grid, _) = timeline(&days(&["1949-01-01", "1949-02-01", "1949-03-01"])).unwrap();
        assert_eq!(
            grid.step(),
            Step::Months {
                count: 1,
                end: false
            }
        );
        let next = grid.targets(Horizon::Steps(12)).unwrap().timestamps;
        assert_eq!(next[11], days(&["1950-03-01"])[0]);
        let (grid, values) = timeline(&days(&["2023-11-30", "2023-12-31", "2024-02-29"])).unwrap();
        assert!(values.len() == 4 && values[2].is_nan());
        let next = grid.targets(Horizon::Steps(1)).unwrap().timestamps;
        assert_eq!(next, days(&["2024-03-31"]));
        let years = days(&["2019-01-01", "2020-01-01", "2021-01-01"]);
        let (grid, _) = timeline(&years).unwrap();
        let twelve = Step::Months {
            count: 12,
            end: false,
        };
        assert_eq!(grid.step(), twelve);
    }

    #[test]
    fn irregular_and_extreme_times_give_errors() {
        let irregular = timeline(&[0, 10, 25].map(Timestamp::from_secs));
        assert!(irregular.unwrap_err().to_string().contains("25"));
        assert!(timeline(&[]).is_err());
        assert!(timeline(&[Timestamp::MIN]).is_err());
        let wide = timeline(&[Timestamp::MIN, Timestamp::MIN.add_millis(1), Timestamp::MAX]);
        assert!(wide.is_err());
        let (late, _) = timeline(&[Timestamp::MAX.add_millis(-5), Timestamp::MAX]).unwrap();
        assert!(late.targets(Horizon::Steps(1)).is_err());
        assert!(Timeline::new(Timestamp::MIN, Step::Millis(0), 3).is_err());
        let backwards = Step::Months {
            count: -1,
            end: false,
        };
        assert!(Timeline::new(Timestamp::MAX, backwards, 3).is_err());
    }
}
