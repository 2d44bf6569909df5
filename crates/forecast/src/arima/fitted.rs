//! A fitted model: what it found, forecasts, and new points.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastRequest, Result, SeriesView, Snapshot,
};
use serde::{Deserialize, Serialize};

use super::Trend;
use super::design::trend_at;
use super::errors::StandardErrors;
use super::fit::{Problem, Solution};
use super::kalman::{Kalman, State};
use super::likelihood::INFINITE;
use super::orders::Orders;
use super::transform::is_inside;
use crate::{Information, Timeline, check, interval};

/// An estimated parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// `const`, `trend`, the name of a regressor, `ar.L1`, `ma.L1`, `ar.S.L24`, `ma.S.L24` or
    /// `sigma2`, as statsmodels calls them but for `trend`.
    pub name: String,
    /// The estimate.
    pub value: f64,
    /// Its standard error from the observed information; `None` where the likelihood is not curved
    /// there, such as at the edge of the invertible region or in a series without noise, or where the
    /// parameter was given.
    pub standard_error: Option<f64>,
}

/// A fitted seasonal ARIMA model with regressors.
///
/// Takes 8 bytes for each fitted point, and 8 for each state; with missing values at the end, or a
/// moving average that is hardly invertible, 8 for each pair of states too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedArima {
    orders: Orders,
    trend: Trend,
    timeline: Timeline,
    /// The regressors beside the trend's.
    names: Vec<String>,
    effects: Vec<f64>,
    coefficients: Vec<f64>,
    variance: f64,
    errors: Vec<Option<f64>>,
    log_likelihood: f64,
    information: Information,
    converged: bool,
    residuals: Vec<f64>,
    /// What scaled values are in the unit of the series: a power of two.
    unit: f64,
    shift: f64,
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

/// Parameters that were given, in the unit of the series.
#[derive(Debug)]
pub(crate) struct Given {
    effects: Vec<f64>,
    pub(crate) coefficients: Vec<f64>,
    variance: f64,
}

impl Given {
    pub(crate) fn new(problem: &Problem, parameters: &[f64]) -> Result<Self> {
        let effects = problem.names.len();
        let inner = problem.orders.coefficients();
        let expected = effects + inner + 1;
        let shape = || Error::shape("number of parameters", parameters.len(), expected);
        if parameters.len() != expected {
            return Err(shape());
        }
        if let Some(value) = parameters.iter().find(|x| !x.is_finite()) {
            return Err(Error::non_finite("a parameter", *value));
        }
        let (effects, rest) = parameters.split_at_checked(effects).ok_or_else(shape)?;
        let (coefficients, rest) = rest.split_at_checked(inner).ok_or_else(shape)?;
        let variance = rest.first().copied().ok_or_else(shape)?;
        if variance <= 0.0 {
            return Err(Error::parameter("sigma2", variance, "finite and above 0"));
        }
        Ok(Self {
            effects: effects.to_vec(),
            coefficients: coefficients.to_vec(),
            variance,
        })
    }

    pub(crate) fn solution(&self, problem: &Problem) -> Solution {
        let unit = problem.design.unit;
        Solution {
            coefficients: self.coefficients.clone(),
            effects: problem.design.mixed(&self.effects),
            variance: self.variance * unit * unit,
            converged: true,
            value: f64::NAN,
        }
    }
}

fn lost_digits() -> Error {
    Error::input(
        "the filter lost all digits: the coefficients are at the edge of what is stationary",
    )
}

impl FittedArima {
    pub(crate) fn new(
        problem: &Problem,
        solution: &Solution,
        errors: StandardErrors,
    ) -> Result<Self> {
        let orders = problem.orders;
        let no_likelihood = || {
            Error::input(format!(
                "ARIMA{orders} has no finite likelihood at these parameters for this series"
            ))
        };
        let log_likelihood = problem.log_likelihood(solution).ok_or_else(no_likelihood)?;
        let unit = problem.design.unit;
        let variance = solution.variance / unit / unit;
        if !variance.is_normal() {
            return Err(Error::input(format!(
                "the variance of the innovations of ARIMA{orders} is {variance:e}, beyond what floats \
                 can tell: multiply the values by a constant"
            )));
        }
        let count = problem.names.len() + orders.coefficients() + 1;
        let observations = problem.timeline.len().saturating_sub(orders.burn());
        let mut all = errors.effects;
        all.resize(problem.names.len(), None);
        all.extend(errors.coefficients);
        all.resize(count - 1, None);
        all.push(errors.variance);
        let trend_columns = trend_at(problem.trend, 1).count();
        let mut fitted = Self {
            orders,
            trend: problem.trend,
            timeline: problem.timeline,
            names: problem.names.iter().skip(trend_columns).cloned().collect(),
            effects: problem.design.original(&solution.effects),
            coefficients: solution.coefficients.clone(),
            variance,
            errors: all,
            log_likelihood,
            information: Information::new(log_likelihood, count, observations),
            converged: solution.converged && !problem.loses_mean(solution),
            residuals: Vec::new(),
            unit,
            shift: problem.shift(),
            mean: Vec::new(),
            covariance: Vec::new(),
        };
        let mut kalman = Kalman::new(&orders, &fitted.coefficients);
        let ratio = |diffuse| problem.ratio(diffuse, solution.variance);
        let diffuse = problem.diffuse.map_or(INFINITE, ratio);
        let state = kalman.start(&orders, &fitted.coefficients, diffuse, 1);
        let mut state = state.ok_or_else(no_likelihood)?;
        let values = problem.design.without(&solution.effects);
        fitted.learn(&mut kalman, &mut state, &values)?;
        let burn = fitted.residuals.iter_mut().take(orders.burn());
        burn.for_each(|r| *r = f64::NAN);
        fitted.keep(state);
        Ok(fitted)
    }

    /// Filters scaled values without their regression, and keeps their residuals.
    fn learn(&mut self, kalman: &mut Kalman, state: &mut State, values: &[f64]) -> Result<()> {
        let mut innovation = [0.0];
        for value in values {
            let variance = kalman.step(state, &[value - self.shift], &mut innovation);
            if variance.is_none() {
                return Err(lost_digits());
            }
            let [innovation] = innovation;
            self.residuals.push(innovation / self.unit);
        }
        Ok(())
    }

    fn keep(&mut self, state: State) {
        self.mean = state.means.into_iter().next().unwrap_or_default();
        self.covariance = state.covariance;
    }

    pub(super) fn state(&self) -> State {
        State {
            means: vec![self.mean.clone()],
            covariance: self.covariance.clone(),
        }
    }

    pub(super) fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// What values are multiplied by, and what is taken from them then.
    pub(super) const fn scale(&self) -> (f64, f64) {
        (self.unit, self.shift)
    }

    /// The orders.
    #[must_use]
    pub const fn orders(&self) -> Orders {
        self.orders
    }

    /// The trend.
    #[must_use]
    pub const fn trend(&self) -> Trend {
        self.trend
    }

    /// The grid of the fitted points and those of updates.
    #[must_use]
    pub const fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// The names of the regressors, whose future values a forecast needs.
    #[must_use]
    pub fn regressors(&self) -> &[String] {
        &self.names
    }

    /// The parameters: effects of the trend and the regressors, coefficients of lags (`ar`, `ma`,
    /// seasonal `ar`, seasonal `ma`), and the variance of the innovations `sigma2`.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let trend: &[&str] = match self.trend {
            Trend::None => &[],
            Trend::Constant => &["const"],
            Trend::Linear => &["trend"],
            Trend::ConstantLinear => &["const", "trend"],
        };
        let period = self.orders.period;
        let lags = |kind: &'static str, count: usize, step: usize| {
            (1..=count).map(move |k| format!("{kind}.L{}", k * step))
        };
        let names = trend
            .iter()
            .map(|&name| name.to_owned())
            .chain(self.names.iter().cloned())
            .chain(lags("ar", self.orders.ar, 1))
            .chain(lags("ma", self.orders.ma, 1))
            .chain(lags("ar.S", self.orders.seasonal_ar, period))
            .chain(lags("ma.S", self.orders.seasonal_ma, period))
            .chain(["sigma2".to_owned()]);
        let values = self
            .effects
            .iter()
            .chain(&self.coefficients)
            .chain([&self.variance]);
        names
            .zip(values)
            .zip(&self.errors)
            .map(|((name, &value), &standard_error)| Parameter {
                name,
                value,
                standard_error,
            })
            .collect()
    }

    /// The variance of the innovations.
    #[must_use]
    pub const fn variance(&self) -> f64 {
        self.variance
    }

    /// The exact log-likelihood of the fitted points.
    #[must_use]
    pub const fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// The information criteria of the fit: every parameter counts, and every step but those that
    /// differencing takes.
    #[must_use]
    pub const fn information(&self) -> Information {
        self.information
    }

    /// Whether the search came to where there is nothing left to gain, and that is a model whose
    /// parameters mean something: not where a model with a constant has an autoregressive root so near
    /// 1 that its memory is 20 times as long as the series. The constant then stands for a slope: it may
    /// be of any size. A difference, or a slope in the trend, is the better model.
    #[must_use]
    pub const fn converged(&self) -> bool {
        self.converged
    }

    /// One-step forecast errors: NaN for missing values and for the first steps, which differencing
    /// takes.
    #[must_use]
    pub fn residuals(&self) -> &[f64] {
        &self.residuals
    }

    /// The residuals over the deviations that their one-step forecasts state: of variance 1, where that
    /// of a residual is larger at the start and after missing values. NaN as in
    /// [`FittedArima::residuals`].
    ///
    /// # Errors
    /// When the coefficients are so near the edge of what is stationary that the filter loses all
    /// digits.
    ///
    /// Cost: a pass of the filter.
    pub fn standardized_residuals(&self) -> Result<Vec<f64>> {
        let mut kalman = Kalman::new(&self.orders, &self.coefficients);
        let state = kalman.start(&self.orders, &self.coefficients, INFINITE, 1);
        let mut state = state.ok_or_else(lost_digits)?;
        let deviation = self.variance.sqrt();
        let burn = self.orders.burn();
        let mut unused = [0.0];
        let one = |(step, &residual): (usize, &f64)| {
            // What was seen does not change the variances, but whether something was does.
            let seen = if residual.is_nan() && step >= burn {
                f64::NAN
            } else {
                0.0
            };
            let variance = kalman.step(&mut state, &[seen], &mut unused);
            let variance = variance.ok_or_else(lost_digits)?;
            Ok(residual / deviation / variance.sqrt())
        };
        self.residuals.iter().enumerate().map(one).collect()
    }

    /// Takes new points into account without fitting again: the next forecast starts after them.
    ///
    /// # Errors
    /// When a point is not after the last one or not on the grid of the fitted points, a value is
    /// infinite, or the model has regressors; the model is then unchanged.
    pub fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        self.update_regressors(y, None)
    }

    /// As [`FittedArima::update`], with a row of regressors for each point.
    ///
    /// # Errors
    /// As [`FittedArima::update`], and when regressors are missing, or not of the right shape and
    /// finite.
    pub fn update_regressors(
        &mut self,
        y: &SeriesView<'_>,
        x: Option<ArrayView2<'_, f64>>,
    ) -> Result<()> {
        check::series(y.values())?;
        if y.is_empty() {
            return Ok(());
        }
        let targets = self
            .timeline
            .targets(bongsu_core::Horizon::At(y.timestamps()))?;
        let regression = self.regression(&targets.steps, x)?;
        let mut values = vec![f64::NAN; targets.last()];
        for ((&step, value), offset) in targets.steps.iter().zip(y.values()).zip(&regression) {
            if let Some(slot) = values.get_mut(step.wrapping_sub(1)) {
                *slot = (value - offset) * self.unit;
            }
        }
        let timeline = self.timeline.extended(values.len())?;
        let mut kalman = Kalman::new(&self.orders, &self.coefficients);
        let mut state = self.state();
        let known = self.residuals.len();
        if let Err(error) = self.learn(&mut kalman, &mut state, &values) {
            self.residuals.truncate(known);
            return Err(error);
        }
        self.timeline = timeline;
        self.keep(state);
        Ok(())
    }

    /// What the regression adds at these steps ahead.
    pub(super) fn regression(
        &self,
        steps: &[usize],
        x: Option<ArrayView2<'_, f64>>,
    ) -> Result<Vec<f64>> {
        if self.names.is_empty() && x.is_some() {
            return Err(Error::input("the model was fitted without regressors"));
        }
        if !self.names.is_empty() {
            let x = x.ok_or_else(|| {
                Error::input(format!(
                    "the model was fitted with regressors, whose values are needed for each step: {}",
                    self.names.join(", ")
                ))
            })?;
            if x.ncols() != self.names.len() {
                let what = format!("number of regressors ({})", self.names.join(", "));
                return Err(Error::shape(what, x.ncols(), self.names.len()));
            }
            if x.nrows() != steps.len() {
                let what = "number of rows of regressors";
                return Err(Error::shape(what, x.nrows(), steps.len()));
            }
            check::regressors(&x, &self.names)?;
        }
        let offset = |(row, &step): (usize, &usize)| {
            let t = self.timeline.len() + step;
            let trend = trend_at(self.trend, t);
            let own = x.into_iter().flat_map(|x| x.row(row).to_vec());
            trend
                .chain(own)
                .zip(&self.effects)
                .map(|(x, b)| x * b)
                .sum()
        };
        Ok(steps.iter().enumerate().map(offset).collect())
    }
}

impl FittedForecaster for FittedArima {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        check::levels(request.levels)?;
        let targets = self.timeline.targets(request.horizon)?;
        let regression = self.regression(&targets.steps, request.regressors)?;
        let mut kalman = Kalman::new(&self.orders, &self.coefficients);
        let mut state = self.state();
        let deviation = self.variance.sqrt();
        let (mut means, mut deviations) = (Vec::new(), Vec::new());
        let mut unused = [0.0];
        for _ in 0..targets.last() {
            means.push((kalman.expect(&state, 0) + self.shift) / self.unit);
            let variance = kalman.step(&mut state, &[f64::NAN], &mut unused);
            let variance = variance.ok_or_else(|| {
                Error::input("the variance of the forecast is beyond what floats can tell")
            })?;
            deviations.push(deviation * variance.sqrt());
        }
        for (&step, offset) in targets.steps.iter().zip(&regression) {
            if let Some(mean) = means.get_mut(step.wrapping_sub(1)) {
                *mean += offset;
            }
        }
        interval::normal(targets, &means, &deviations, request.levels)
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        Self::update(self, y)
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

impl Snapshot for FittedArima {
    const KIND: &'static str = "forecast.arima";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        let refused = |what: &str| Err(Error::snapshot(format!("forecast.arima: {what}")));
        self.orders.validate()?;
        self.timeline.validate()?;
        let size = self.orders.states();
        let trend = trend_at(self.trend, 1).count();
        let effects = trend + self.names.len();
        if self.coefficients.len() != self.orders.coefficients()
            || self.effects.len() != effects
            || self.errors.len() != effects + self.coefficients.len() + 1
        {
            return refused("the numbers of parameters do not fit the orders");
        }
        if self.mean.len() != size
            || !(self.covariance.is_empty() || self.covariance.len() == size * size)
        {
            return refused("the state does not fit the orders");
        }
        if self.residuals.len() != self.timeline.len() {
            return refused("the residuals do not fit the grid of time");
        }
        let numbers = self
            .effects
            .iter()
            .chain(&self.mean)
            .chain(&self.covariance);
        let mut numbers = numbers.chain([&self.shift, &self.log_likelihood]);
        if !numbers.all(|x| x.is_finite()) {
            return refused("a number is not finite");
        }
        if ![self.variance, self.unit]
            .iter()
            .all(|x| *x > 0.0 && x.is_finite())
        {
            return refused("a scale is not finite and above 0");
        }
        if !is_inside(&self.orders, &self.coefficients) {
            return refused("the coefficients are not stationary and invertible");
        }
        Ok(())
    }
}
