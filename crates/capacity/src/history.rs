//! The past of a resource on the grid that a plan works on.

use bongsu_core::{Error, Result, SeriesView, Timestamp};

/// A day in milliseconds.
pub(crate) const DAY: i64 = 86_400_000;

/// The most steps of the past, and of the future.
const MAX_PAST: i64 = 1_500;
const MAX_AHEAD: i64 = 2_200;

const MINUTE: i64 = 60_000;

/// Steps to which finer points are gathered.
const STEPS: [i64; 12] = [
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    60 * MINUTE,
    120 * MINUTE,
    180 * MINUTE,
    360 * MINUTE,
    720 * MINUTE,
    DAY,
    7 * DAY,
];

/// A series in equal steps that end at its last point: the mean and the greatest value of each step,
/// NaN where a step has no value.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// Milliseconds of a step.
    pub(crate) step: i64,
    /// The end of the last step: the last point.
    pub(crate) now: Timestamp,
    pub(crate) means: Vec<f64>,
    pub(crate) peaks: Vec<f64>,
    /// Values that were there.
    pub(crate) present: usize,
    /// Steps without one.
    pub(crate) holes: usize,
    /// What values were divided by so that squares neither overflow nor vanish.
    pub(crate) scale: f64,
    /// Whether several points went into a step.
    pub(crate) gathered: bool,
}

impl History {
    pub(crate) fn of(series: &SeriesView<'_>, horizon: i64, needed: usize) -> Result<Self> {
        let mut points = Vec::with_capacity(series.len());
        for (&time, &value) in series.timestamps().iter().zip(series.values()) {
            // A ratio of two metrics is infinite where the lower one is 0: that says nothing of the use.
            if value.is_finite() {
                points.push((time, value));
            }
        }
        let (Some(&(first, _)), Some(&(now, _))) = (points.first(), points.last()) else {
            return Err(Error::not_enough_data("a capacity plan", needed, 0));
        };
        if points.len() < needed {
            return Err(Error::not_enough_data(
                "a capacity plan",
                needed,
                points.len(),
            ));
        }
        let grid = Grid::of(&points, now.millis_since(first), horizon);
        let greatest = points.iter().fold(0.0_f64, |m, (_, v)| m.max(v.abs()));
        let scale = if greatest > 0.0 { greatest } else { 1.0 };
        let len = grid.index(now.millis_since(first)) + 1;
        let mut sums = vec![(0.0, 0.0, f64::NAN); len];
        for &(time, value) in &points {
            let back = grid.index(now.millis_since(time));
            if let Some((sum, count, peak)) =
                len.checked_sub(back + 1).and_then(|i| sums.get_mut(i))
            {
                *sum += value / scale;
                *count += 1.0;
                *peak = peak.max(value / scale);
            }
        }
        let means: Vec<f64> = sums.iter().map(|(sum, count, _)| sum / count).collect();
        let holes = means.iter().filter(|mean| mean.is_nan()).count();
        let (means, peaks) = (means, sums.into_iter().map(|(_, _, peak)| peak).collect());
        let history = Self {
            step: grid.step,
            now,
            means,
            peaks,
            present: points.len(),
            holes,
            scale,
            gathered: grid.gathers,
        };
        let found = history.means.len() - history.holes;
        if found < needed.min(MIN_STEPS) {
            let days = horizon as f64 / DAY as f64;
            let what = format!(
                "a capacity plan of {days} days, in steps of {} min (a shorter horizon has shorter ones),",
                grid.step / MINUTE
            );
            return Err(Error::not_enough_data(what, needed.min(MIN_STEPS), found));
        }
        Ok(history)
    }

    pub(crate) const fn len(&self) -> usize {
        self.means.len()
    }

    /// The end of the step `ahead` steps after the last one; negative for the past.
    pub(crate) const fn time(&self, ahead: i64) -> Timestamp {
        self.now.add_millis(self.step.saturating_mul(ahead))
    }

    /// The end of the step with this index.
    pub(crate) fn time_of(&self, index: usize) -> Timestamp {
        self.time(index as i64 + 1 - self.len() as i64)
    }

    /// The steps of a rhythm that the slow part of the series is averaged over: a day, a week where
    /// steps are days, else four.
    pub(crate) fn block(&self) -> usize {
        let block = if self.step <= DAY / 4 {
            DAY / self.step
        } else if self.step == DAY && self.len() >= 28 {
            7
        } else {
            4
        };
        usize::try_from(block)
            .unwrap_or(4)
            .min(self.len() / 4)
            .max(1)
    }

    /// The steps of the horizon, at least one.
    pub(crate) fn ahead(&self, horizon: i64) -> usize {
        let steps = horizon.saturating_add(self.step / 2) / self.step;
        usize::try_from(steps.clamp(1, MAX_AHEAD)).unwrap_or(1)
    }
}

/// Fewer steps than this tell nothing of a trend.
const MIN_STEPS: usize = 8;

/// How points go to steps.
struct Grid {
    step: i64,
    gathers: bool,
}

impl Grid {
    fn of(points: &[(Timestamp, f64)], span: i64, horizon: i64) -> Self {
        let pairs = points.iter().zip(points.iter().skip(1));
        let mut gaps: Vec<i64> = pairs.map(|((a, _), (b, _))| b.millis_since(*a)).collect();
        gaps.sort_unstable();
        let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(1).max(1);
        let fits = |step: i64| {
            span / step < MAX_PAST && horizon.saturating_add(step / 2) / step <= MAX_AHEAD
        };
        // Months are of unequal lengths: their mean keeps one point a step.
        let narrow = gaps.first().zip(gaps.last());
        let even = narrow.is_some_and(|(&least, &most)| most - least <= usual / 5);
        let mean = span / i64::try_from(gaps.len().max(1)).unwrap_or(1);
        let own = if even { mean.max(1) } else { usual };
        if fits(own) {
            return Self {
                step: own,
                gathers: false,
            };
        }
        let wider = STEPS.into_iter().filter(|&step| step > own);
        let step = wider.into_iter().find(|&step| fits(step));
        Self {
            step: step.unwrap_or_else(|| (span.max(horizon) / MAX_AHEAD.min(MAX_PAST) + 1).max(1)),
            gathers: true,
        }
    }

    /// The steps between the last one and the one of a point that lies `back` before the last.
    fn index(&self, back: i64) -> usize {
        let steps = if self.gathers {
            back / self.step
        } else {
            back.saturating_add(self.step / 2) / self.step
        };
        usize::try_from(steps).unwrap_or(usize::MAX - 1)
    }
}
