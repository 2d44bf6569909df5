//! Forecasts of sparse demand: Croston's method and its corrections.

use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastRequest, Forecaster, Result, SeriesView, Snapshot,
};
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::{Timeline, check, interval};

/// Which forecast of sparse demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrostonMethod {
    /// Smoothed sizes over smoothed intervals (the default).
    #[default]
    Classic,
    /// The same, each smoothed by the parameter in [0.1, 0.3] that fits best.
    Optimised,
    /// The classic one times 0.95, against its bias (Syntetos and Boylan).
    Sba,
    /// Smoothed sizes times the smoothed probability of a demand, which falls while there is none
    /// (Teunter, Syntetos and Babai).
    Tsb,
}

/// Configuration of a forecast of sparse demand: values of at least 0, most of them 0.
///
/// With simple exponential smoothing of the sizes of demands and of the steps between them, the
/// forecast of every step is `size / interval`, by [`CrostonMethod`]. Without any demand it is 0.
/// Missing values are filled with 0 and have no residual. There are no intervals: a request for some
/// is an error.
///
/// Cost: O(n) time and memory; the optimised method takes some 60 passes.
///
/// Source: Croston 1972, <https://doi.org/10.1057/jors.1972.50>; Syntetos & Boylan 2005,
/// <https://doi.org/10.1016/j.ijforecast.2004.10.001>; Teunter, Syntetos & Babai 2011,
/// <https://doi.org/10.1016/j.ejor.2011.05.018>; results as in statsforecast 2.1.
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::Croston;
/// let times: Vec<_> = (0..9).map(|i| Timestamp::from_secs(60 * i)).collect();
/// let values: Vec<f64> = (0..9).map(|i| if i % 3 == 2 { 6.0 } else { 0.0 }).collect();
/// let labels = Labels::empty();
/// let fitted = Croston::new().fit(&SeriesView::new(&labels, &times, &values)?)?;
/// assert_eq!(fitted.forecast(&ForecastRequest::steps(1))?.mean, [2.0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Croston {
    method: CrostonMethod,
    size_weight: f64,
    occurrence_weight: f64,
}

impl Default for Croston {
    fn default() -> Self {
        Self {
            method: CrostonMethod::Classic,
            size_weight: 0.1,
            occurrence_weight: 0.1,
        }
    }
}

/// Where the optimised method looks for its parameters.
const OPTIMISED: [f64; 2] = [0.1, 0.3];
/// The correction of Syntetos and Boylan.
const SBA: f64 = 0.95;

impl Croston {
    /// The classic method.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Which method. Default: [`CrostonMethod::Classic`].
    #[must_use]
    pub const fn method(mut self, method: CrostonMethod) -> Self {
        self.method = method;
        self
    }

    /// The weight of the newest demand's size. Domain: (0, 1]. Default: 0.1. The optimised method
    /// finds its own.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn size_weight(mut self, weight: f64) -> Result<Self> {
        self.size_weight = share("size_weight", weight)?;
        Ok(self)
    }

    /// The weight of the newest interval, or occurrence. Domain: (0, 1]. Default: 0.1. The optimised
    /// method finds its own.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn occurrence_weight(mut self, weight: f64) -> Result<Self> {
        self.occurrence_weight = share("occurrence_weight", weight)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        share("size_weight", self.size_weight)?;
        share("occurrence_weight", self.occurrence_weight)?;
        Ok(())
    }

    /// Fits the model to `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is not on a regular grid, has fewer than 2
    /// values, or one is infinite or below 0.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedCroston> {
        self.validate()?;
        let mut history = History::of("a forecast of sparse demand", series, 2)?;
        history.fill_with(0.0);
        if let Some(row) = history.values.iter().position(|&value| value < 0.0) {
            return Err(Error::input(format!(
                "demand cannot be below 0, but it is in step {row}"
            )));
        }
        Ok(self.learn(&history))
    }

    fn learn(&self, history: &History) -> FittedCroston {
        let values = &history.values;
        let mut sizes = Vec::new();
        let mut gaps = Vec::new();
        let mut since = 0.0;
        for &value in values {
            since += 1.0;
            if value > 0.0 {
                sizes.push(value);
                gaps.push(since);
                since = 0.0;
            }
        }
        let [size_weight, occurrence_weight] = match self.method {
            CrostonMethod::Optimised => [&sizes, &gaps].map(|parts| best_weight(parts)),
            _ => [self.size_weight, self.occurrence_weight],
        };
        let occurred: Vec<f64> = values.iter().map(|&y| f64::from(y > 0.0)).collect();
        let is_tsb = self.method == CrostonMethod::Tsb;
        let occurrences = if is_tsb { &occurred } else { &gaps };
        let sizes = smoothed(&sizes, size_weight);
        let occurrences = smoothed(occurrences, occurrence_weight);
        let rate = |size: f64, occurrence: f64| match self.method {
            CrostonMethod::Classic | CrostonMethod::Optimised => size / occurrence,
            CrostonMethod::Sba => SBA * size / occurrence,
            CrostonMethod::Tsb => size * occurrence,
        };
        // What was known before each step: the state after the demands so far.
        let mut demands = 0_usize;
        let mut fitted = Vec::with_capacity(values.len());
        for (step, &value) in values.iter().enumerate() {
            let known = if is_tsb { step } else { demands };
            let size = before(&sizes, demands);
            let occurrence = before(&occurrences, known);
            fitted.push(match (size, occurrence) {
                (Some(size), Some(occurrence)) => rate(size, occurrence),
                _ if step > 0 => 0.0,
                _ => f64::NAN,
            });
            demands += usize::from(value > 0.0);
        }
        let mean = match (sizes.last(), occurrences.last()) {
            (Some(&size), Some(&occurrence)) => rate(size, occurrence),
            _ => 0.0,
        };
        FittedCroston {
            timeline: history.timeline,
            mean,
            size: sizes.last().copied(),
            occurrence: occurrences.last().copied(),
            weights: [size_weight, occurrence_weight],
            residuals: history.residuals(fitted),
        }
    }
}

impl Forecaster for Croston {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

fn share(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value <= 1.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "in (0, 1]"))
    }
}

/// The state after `count` values were smoothed.
fn before(states: &[f64], count: usize) -> Option<f64> {
    states.get(count.checked_sub(1)?).copied()
}

/// Simple exponential smoothing from the first value: the state after each.
fn smoothed(values: &[f64], weight: f64) -> Vec<f64> {
    let mut state: Option<f64> = None;
    let step = |&value: &f64| {
        let next = state.map_or(value, |state| weight * value + (1.0 - weight) * state);
        state = Some(next);
        next
    };
    values.iter().map(step).collect()
}

/// The sum of squared errors of smoothing with `weight`, relative to the first value.
fn squares(values: &[f64], weight: f64) -> f64 {
    let first = values.first().copied().unwrap_or(1.0);
    let (mut state, mut squares) = (1.0, 0.0);
    for value in values.iter().skip(1) {
        let error = value / first - state;
        squares += error * error;
        state += weight * error;
    }
    squares
}

/// The weight in the interval of the optimised method with the least squared errors, by golden
/// sections.
fn best_weight(values: &[f64]) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let [mut low, mut high] = OPTIMISED;
    let mut left = high - GOLDEN * (high - low);
    let mut right = low + GOLDEN * (high - low);
    let (mut at_left, mut at_right) = (squares(values, left), squares(values, right));
    while high - low > 1e-10 {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = squares(values, left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = squares(values, right);
        }
    }
    0.5 * (low + high)
}

/// A fitted forecast of sparse demand; see [`Croston`].
///
/// Takes 8 bytes a fitted step and some 100 more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedCroston {
    timeline: Timeline,
    mean: f64,
    size: Option<f64>,
    occurrence: Option<f64>,
    weights: [f64; 2],
    residuals: Vec<f64>,
}

impl FittedCroston {
    /// The smoothed size of a demand; none where there was no demand.
    #[must_use]
    pub const fn size(&self) -> Option<f64> {
        self.size
    }

    /// The smoothed interval between demands in steps (for [`CrostonMethod::Tsb`] the probability of a
    /// demand in a step); none where there was no demand.
    #[must_use]
    pub const fn occurrence(&self) -> Option<f64> {
        self.occurrence
    }

    /// The weights of the newest size and of the newest interval or occurrence.
    #[must_use]
    pub const fn weights(&self) -> [f64; 2] {
        self.weights
    }

    /// The grid of the fitted series.
    #[must_use]
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }
}

impl FittedForecaster for FittedCroston {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        check::levels(request.levels)?;
        check::no_regressors(request)?;
        if !request.levels.is_empty() {
            return Err(Error::unsupported(
                "a forecast of sparse demand has no intervals of its own; calibrate one instead",
            ));
        }
        let targets = self.timeline.targets(request.horizon)?;
        let means = vec![self.mean; targets.last()];
        interval::normal(targets, &means, &[], &[])
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

impl Snapshot for FittedCroston {
    const KIND: &'static str = "forecast.croston.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.timeline.validate()?;
        let positive = |x: Option<f64>| x.is_none_or(|x| x >= 0.0 && x.is_finite());
        let inside = self.mean >= 0.0 && positive(self.size) && positive(self.occurrence);
        if inside && self.residuals.len() == self.timeline.len() {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the demand or the residuals of a sparse forecast are outside their domain",
            ))
        }
    }
}
