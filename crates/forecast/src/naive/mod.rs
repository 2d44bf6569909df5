//! The forecasts that every other has to beat: the last value, the last season, a drift, the mean.

use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastRequest, Forecaster, Result, SeriesView, Snapshot,
};
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::{Timeline, check, interval};

/// The longest season.
const MAX_PERIOD: usize = 1 << 16;

/// Configuration of a naive forecast.
///
/// | method | forecast `h` steps ahead | variance over `s²` |
/// |---|---|---|
/// | last | `y_n` | `h` |
/// | seasonal | the value of the same phase in the last season | `k + 1`, whole seasons `k` before it |
/// | drift | `y_n + h (y_n - y_1) / (n - 1)` | `h (1 + h / (n - 1))` |
/// | mean | mean of all values | `1 + 1/n` |
///
/// `s²` is the mean of the squared residuals (over `n - 1` for the mean). Missing values are filled on
/// straight lines, or with the season before, and have no residual. A drift through two values leaves no
/// residual that could tell a spread: its forecast has a mean, and intervals are refused.
///
/// Cost: O(n) time and memory.
///
/// Source: Hyndman & Athanasopoulos 2021, *Forecasting: Principles and Practice*, 5.2 and 5.5;
/// results as in statsforecast 2.1.
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::Naive;
/// let times = [0, 60, 120].map(Timestamp::from_secs);
/// let labels = Labels::empty();
/// let fitted = Naive::drift().fit(&SeriesView::new(&labels, &times, &[1.0, 2.0, 5.0])?)?;
/// assert_eq!(fitted.forecast(&ForecastRequest::steps(2))?.mean, [7.0, 9.0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Naive {
    method: NaiveMethod,
}

/// What is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NaiveMethod {
    /// The last value (the default).
    #[default]
    Last,
    /// The last season of this many points.
    Seasonal(usize),
    /// The mean step, from the last value on.
    Drift,
    /// The mean of all values.
    Mean,
}

impl Naive {
    /// The last value goes on.
    #[must_use]
    pub const fn last() -> Self {
        Self {
            method: NaiveMethod::Last,
        }
    }

    /// The last season of `period` points goes on. Domain: [1, 65536].
    ///
    /// # Errors
    /// When outside the domain.
    pub fn seasonal(period: usize) -> Result<Self> {
        let period = check::count("period", period, 1, MAX_PERIOD)?;
        Ok(Self {
            method: NaiveMethod::Seasonal(period),
        })
    }

    /// A random walk whose mean step goes on.
    #[must_use]
    pub const fn drift() -> Self {
        Self {
            method: NaiveMethod::Drift,
        }
    }

    /// The mean of the history goes on.
    #[must_use]
    pub const fn mean() -> Self {
        Self {
            method: NaiveMethod::Mean,
        }
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        if let NaiveMethod::Seasonal(period) = self.method {
            check::count("period", period, 1, MAX_PERIOD)?;
        }
        Ok(())
    }

    /// Fits the model to `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is not on a regular grid or has an
    /// infinite value, or there are fewer than 2 values, or than a season and one.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedNaive> {
        self.validate()?;
        let (name, needed) = match self.method {
            NaiveMethod::Seasonal(period) => ("a seasonal naive forecast", period + 1),
            _ => ("a naive forecast", 2),
        };
        let mut history = History::of(name, series, needed)?;
        if let NaiveMethod::Seasonal(period) = self.method {
            history.fill_by_season(period);
        }
        FittedNaive::learn(self.method, &history.scaled())
    }
}

impl Forecaster for Naive {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

/// A fitted naive forecast; see [`Naive`].
///
/// Takes 8 bytes a fitted step, 8 a point of the season and some 100 more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedNaive {
    timeline: Timeline,
    method: NaiveMethod,
    /// What is repeated: one value, or a season of them.
    repeated: Vec<f64>,
    slope: f64,
    deviation: f64,
    residuals: Vec<f64>,
}

impl FittedNaive {
    fn learn(method: NaiveMethod, history: &History) -> Result<Self> {
        let values = &history.values;
        let (Some(&first), Some(&last)) = (values.first(), values.last()) else {
            return Err(Error::not_enough_data("a naive forecast", 2, 0));
        };
        let steps = (values.len() - 1) as f64;
        let mean = history.mean();
        let none = f64::NAN;
        let mut slope = 0.0;
        let (repeated, residuals) = match method {
            NaiveMethod::Last | NaiveMethod::Drift => {
                if method == NaiveMethod::Drift {
                    slope = (last - first) / steps;
                }
                let before = values.iter().map(|value| value + slope);
                let fitted = std::iter::once(none).chain(before);
                (vec![last], history.residuals(fitted))
            }
            NaiveMethod::Seasonal(period) => {
                let season = values.iter().skip(values.len() - period).copied().collect();
                let before = values.iter().copied();
                let fitted = std::iter::repeat_n(none, period).chain(before);
                (season, history.residuals(fitted))
            }
            NaiveMethod::Mean => {
                let fitted = std::iter::repeat_n(mean, values.len());
                (vec![mean], history.residuals(fitted))
            }
        };
        let unit = history.unit;
        let (mut squares, mut count) = (0.0, 0);
        for residual in residuals.iter().filter(|residual| !residual.is_nan()) {
            squares += (residual / unit) * (residual / unit);
            count += 1;
        }
        let freedom = match method {
            NaiveMethod::Mean => count - 1,
            _ => count,
        };
        // The one residual of a drift through two values is rounding.
        if method == NaiveMethod::Drift && count < 2 {
            squares = 0.0;
        }
        Ok(Self {
            timeline: history.timeline,
            method,
            repeated: repeated
                .into_iter()
                .map(|value: f64| value * unit)
                .collect(),
            slope: slope * unit,
            deviation: f64::sqrt(squares / f64::from(freedom.max(1))) * unit,
            residuals,
        })
    }

    /// The standard deviation of the residuals.
    #[must_use]
    pub const fn deviation(&self) -> f64 {
        self.deviation
    }

    /// The grid of the fitted series.
    #[must_use]
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Whether there is a spread to tell: not of a drift through two values, which meets the second one
    /// whatever it is, until a new value confirms it.
    fn has_spread(&self) -> bool {
        let mut present = self.residuals.iter().filter(|r| !r.is_nan());
        self.method != NaiveMethod::Drift
            || self.deviation > 0.0
            || present.nth(1).is_some_and(|&second| second == 0.0)
    }

    /// The variance `h` steps ahead over that of the residuals.
    fn growth(&self, h: usize) -> f64 {
        let (n, h) = (self.timeline.len() as f64, h as f64);
        match self.method {
            NaiveMethod::Last => h,
            NaiveMethod::Seasonal(period) => ((h - 1.0) / period as f64).floor() + 1.0,
            NaiveMethod::Drift => h * (1.0 + h / (n - 1.0)),
            NaiveMethod::Mean => 1.0 + 1.0 / n,
        }
    }
}

impl FittedForecaster for FittedNaive {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        check::levels(request.levels)?;
        check::no_regressors(request)?;
        if !request.levels.is_empty() && !self.has_spread() {
            return Err(Error::not_enough_data("intervals of a drift", 3, 2));
        }
        let targets = self.timeline.targets(request.horizon)?;
        let steps = 1..=targets.last();
        let repeated = self.repeated.iter().cycle();
        let means: Vec<f64> = steps
            .clone()
            .zip(repeated)
            .map(|(h, value)| value + h as f64 * self.slope)
            .collect();
        let deviations: Vec<f64> = steps
            .map(|h| self.deviation * self.growth(h).sqrt())
            .collect();
        interval::normal(targets, &means, &deviations, request.levels)
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        let (timeline, values) = self.timeline.continued(y)?;
        for value in values {
            let expected = self.repeated.first().copied().unwrap_or(0.0) + self.slope;
            self.residuals.push(value - expected);
            if let (NaiveMethod::Last | NaiveMethod::Drift | NaiveMethod::Seasonal(_), Some(slot)) =
                (self.method, self.repeated.first_mut())
            {
                *slot = if value.is_nan() { expected } else { value };
            }
            self.repeated.rotate_left(1);
        }
        self.timeline = timeline;
        Ok(())
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

impl Snapshot for FittedNaive {
    const KIND: &'static str = "forecast.naive.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.timeline.validate()?;
        Naive {
            method: self.method,
        }
        .validate()?;
        let expected = match self.method {
            NaiveMethod::Seasonal(period) => period,
            _ => 1,
        };
        let finite = self.repeated.iter().all(|x| x.is_finite()) && self.slope.is_finite();
        let lengths =
            self.repeated.len() == expected && self.residuals.len() == self.timeline.len();
        if finite && lengths && self.deviation >= 0.0 && self.timeline.len() >= 2 {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the repeated values, the deviation or the residuals do not fit the method",
            ))
        }
    }
}
