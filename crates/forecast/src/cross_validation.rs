//! How well a model would have forecast: from cutoffs in the past, as Prophet's diagnostics do.

use bongsu_core::{
    Error, Forecast, ForecastRequest, Forecaster, Horizon, Result, SeriesView, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::check;

/// The most cutoffs.
const MAX_CUTOFFS: usize = 1 << 16;

/// Cross-validation by cutoffs: at each one a model is fitted to what was before, and forecasts the
/// points of the horizon after it.
///
/// The last cutoff is one horizon before the last present point, the others lie `period` apart before
/// it, down to the first one that has at least `initial` of history. Where a horizon would hold no
/// point, the cutoff moves to one horizon before the last point before it.
///
/// Cost: a fit and a forecast for each cutoff.
///
/// Source: `cross_validation` of Prophet 1.5.
///
/// ```
/// use bongsu_core::{Labels, SeriesView, Timestamp};
/// use bongsu_forecast::{CrossValidation, Naive};
/// let times: Vec<_> = (0..10).map(Timestamp::from_secs).collect();
/// let values: Vec<f64> = (0..10).map(f64::from).collect();
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &values)?;
/// // Two seconds ahead, each second, after at least five.
/// let plan = CrossValidation::new(2_000)?.period(1_000)?.initial(5_000)?;
/// let rows = plan.run(&Naive::last(), &series)?;
/// assert_eq!(rows.len(), 2 * 3);
/// assert_eq!((rows[0].cutoff, rows[0].mean, rows[1].actual), (Timestamp::from_secs(5), 5.0, 7.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossValidation {
    horizon: i64,
    period: Option<i64>,
    initial: Option<i64>,
    #[serde(default)]
    levels: Vec<f64>,
}

/// A point that was forecast from a cutoff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validated {
    /// When.
    pub timestamp: Timestamp,
    /// The last moment that the model knew.
    pub cutoff: Timestamp,
    /// The value.
    pub actual: f64,
    /// The forecast.
    pub mean: f64,
    /// Lower and upper bound at each level.
    pub bounds: Vec<(f64, f64)>,
}

impl CrossValidation {
    /// Over that many milliseconds after each cutoff, at least 1.
    ///
    /// # Errors
    /// When below 1.
    pub fn new(horizon: i64) -> Result<Self> {
        Ok(Self {
            horizon: positive("horizon", horizon)?,
            period: None,
            initial: None,
            levels: Vec::new(),
        })
    }

    /// The milliseconds between cutoffs, at least 1. Default: half the horizon.
    ///
    /// # Errors
    /// When below 1.
    pub fn period(mut self, millis: i64) -> Result<Self> {
        self.period = Some(positive("period", millis)?);
        Ok(self)
    }

    /// The milliseconds before the first cutoff, at least 1. Default: three horizons.
    ///
    /// # Errors
    /// When below 1.
    pub fn initial(mut self, millis: i64) -> Result<Self> {
        self.initial = Some(positive("initial", millis)?);
        Ok(self)
    }

    /// The coverages of the intervals, each in (0, 1). Default: none.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn levels(mut self, levels: &[f64]) -> Result<Self> {
        check::levels(levels)?;
        self.levels = levels.to_vec();
        Ok(self)
    }

    /// The cutoffs for points at `times`, ascending.
    ///
    /// # Errors
    /// When there is less than one horizon after the initial part, or there are more than 65536
    /// cutoffs.
    pub fn cutoffs(&self, times: &[Timestamp]) -> Result<Vec<Timestamp>> {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
            return Err(Error::not_enough_data("cross-validation", 2, 0));
        };
        positive("horizon", self.horizon)?;
        let period = positive("period", self.period.unwrap_or((self.horizon / 2).max(1)))?;
        let initial = self.initial.unwrap_or(self.horizon.saturating_mul(3));
        let earliest = first.add_millis(positive("initial", initial)?);
        let mut cutoffs = Vec::new();
        let mut cutoff = last.add_millis(-self.horizon);
        while cutoff >= earliest {
            if cutoffs.len() == MAX_CUTOFFS {
                return Err(Error::parameter(
                    "period",
                    period,
                    format!("long enough for at most {MAX_CUTOFFS} cutoffs"),
                ));
            }
            cutoffs.push(cutoff);
            cutoff = cutoff.add_millis(-period);
            let (after, ahead) = self.part(times, cutoff);
            if after == ahead && cutoff > first {
                let before = after.checked_sub(1).and_then(|i| times.get(i));
                cutoff = before.map_or(cutoff, |before| before.add_millis(-self.horizon));
            }
        }
        if cutoffs.is_empty() {
            return Err(Error::input(
                "there is less than one horizon after the initial part: make one of them shorter",
            ));
        }
        cutoffs.reverse();
        Ok(cutoffs)
    }

    /// The points after `cutoff` that are in its horizon: the first, and the first after them.
    fn part(&self, times: &[Timestamp], cutoff: Timestamp) -> (usize, usize) {
        let end = cutoff.add_millis(self.horizon);
        let after = times.partition_point(|&time| time <= cutoff);
        (after, times.partition_point(|&time| time <= end))
    }

    /// Forecasts the present points of `series` after each cutoff with `model`.
    ///
    /// # Errors
    /// As [`CrossValidation::cutoffs`], and when a fit or a forecast fails.
    pub fn run(&self, model: &dyn Forecaster, series: &SeriesView<'_>) -> Result<Vec<Validated>> {
        self.run_with(series, |history, ahead, _| {
            let request = ForecastRequest {
                horizon: Horizon::At(ahead),
                ..ForecastRequest::steps(1)
            };
            model.fit(history)?.forecast(&request.levels(&self.levels))
        })
    }

    /// Forecasts the present points of `series` after each cutoff with `forecast`, which is given the
    /// present points until the cutoff, the moments to forecast, and the rows of both in `series`
    /// (for regressors): all until the cutoff, then all of the horizon.
    ///
    /// # Errors
    /// As [`CrossValidation::cutoffs`], and when a forecast fails.
    pub fn run_with(
        &self,
        series: &SeriesView<'_>,
        mut forecast: impl FnMut(&SeriesView<'_>, &[Timestamp], [&[usize]; 2]) -> Result<Forecast>,
    ) -> Result<Vec<Validated>> {
        let all = series.timestamps().iter().zip(series.values()).enumerate();
        let present = all.filter(|(_, (_, value))| !value.is_nan());
        let mut rows = Vec::new();
        let (mut times, mut values) = (Vec::new(), Vec::new());
        for (row, (&time, &value)) in present {
            rows.push(row);
            times.push(time);
            values.push(value);
        }
        let mut out = Vec::new();
        for cutoff in self.cutoffs(&times)? {
            let (after, end) = self.part(&times, cutoff);
            let (known, later) = times.split_at(after.min(times.len()));
            let (known_values, later_values) = values.split_at(after.min(values.len()));
            let (known_rows, later_rows) = rows.split_at(after.min(rows.len()));
            let count = end - after;
            let ahead = later.get(..count).unwrap_or_default();
            let history = SeriesView::new(series.labels(), known, known_values)?;
            let parts = [known_rows, later_rows.get(..count).unwrap_or_default()];
            let made = forecast(&history, ahead, parts)?;
            if made.mean.len() != count {
                let what = "the number of forecast points";
                return Err(Error::shape(what, made.mean.len(), count));
            }
            let pairs = ahead.iter().zip(later_values).zip(&made.mean);
            out.extend(
                pairs
                    .enumerate()
                    .map(|(i, ((&timestamp, &actual), &mean))| {
                        let at = |bound: &[f64]| bound.get(i).copied().unwrap_or(f64::NAN);
                        let bounds = made.intervals.iter();
                        Validated {
                            timestamp,
                            cutoff,
                            actual,
                            mean,
                            bounds: bounds.map(|b| (at(&b.lower), at(&b.upper))).collect(),
                        }
                    }),
            );
        }
        Ok(out)
    }
}

fn positive(name: &str, millis: i64) -> Result<i64> {
    if millis > 0 {
        Ok(millis)
    } else {
        Err(Error::parameter(name, millis, "at least 1 ms"))
    }
}
