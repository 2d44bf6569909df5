//! A trend with changepoints, seasonalities, holidays and regressors, as in Prophet.

mod columns;
mod config;
mod country;
mod design;
mod fit;
mod fitted;
mod forecaster;
mod history;
mod lasso;
mod options;
mod parts;
mod predict;
mod problem;
mod quantiles;
mod root;
mod simulate;
mod sums;
mod trend;
mod update;
mod written;

use bongsu_core::{Error, FittedForecaster, Forecaster, Result, SeriesView};
use nalgebra::DVector;
use serde::{Deserialize, Serialize};

pub use columns::Columns;
pub use country::Country;
pub use design::ComponentKind;
pub use fitted::{FittedProphet, ProphetParameters};
pub use options::{Fourier, Growth, Mode, Scaling};
pub use parts::{Holiday, Regressor, Seasonality};
pub use predict::{Component, Prediction};

use config::Settings;
use design::Design;
use fit::{Found, fit};
use history::History;
use problem::{LEAST_SIGMA, Problem};
use sums::Sums;

/// Configuration of a decomposable model of a series: trend, seasonalities, holidays and regressors.
///
/// `y(t) = g(t) (1 + m(t)) + a(t) + e`, with the trend `g`: straight lines (or a logistic curve
/// between a floor and a capacity) whose slope changes at changepoints, `g(t) = k t + b + sum of
/// delta_j max(t - s_j, 0)`; Fourier series, holidays and regressors that are added (`a`) or are
/// fractions of the trend (`m`); and normal noise `e` of deviation `sigma`. Time and values are scaled
/// to 1. Priors: `k`, `b` ~ N(0, 5), `delta` ~ Laplace(0, `changepoint_prior_scale`), coefficients ~
/// N(0, their prior scale), `sigma` ~ N(0, 0.5). The parameters are the most probable ones; unlike a
/// general optimiser's, the deltas that the prior holds at 0 are exactly 0.
///
/// Points may be missing (NaN) and time irregular: only present points are fitted. Regressors,
/// conditions of seasonalities and varying capacities come as named [`Columns`] with
/// [`Prophet::fit_with`]. Of a constant series everything but its level is 0. Where a model explains
/// every value entirely (2 points, for example) its noise is 1e-9 of the largest value.
///
/// Intervals: futures of the trend are simulated, its slope changing as often and as much as in the
/// history (PCG64), and the noise is added. They do not hold the uncertainty of seasonalities.
///
/// Cost: additive models take one pass over the data, O(n K²) for K coefficients, and some steps of
/// O((K + S)³) for S changepoints that do not depend on n; others take ten to fifty passes. A forecast
/// takes O(K) a moment and O(`uncertainty_samples`) for its interval.
///
/// Source: Taylor & Letham 2018, <https://doi.org/10.1080/00031305.2017.1380080>; model, priors and
/// defaults as in Prophet 1.5, except for intervals of 95 % instead of 80 %.
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::Prophet;
/// // Ten days of an hourly metric with a daily wave on a slope.
/// let times: Vec<_> = (0..240).map(|i| Timestamp::from_secs(3600 * i)).collect();
/// let wave = |i: i32| (f64::from(i) * std::f64::consts::TAU / 24.0).sin();
/// let values: Vec<f64> = (0..240).map(|i| 50.0 + 0.1 * f64::from(i) + 5.0 * wave(i)).collect();
/// let labels = Labels::empty();
/// let fitted = Prophet::new().fit(&SeriesView::new(&labels, &times, &values)?)?;
/// let forecast = fitted.forecast(&ForecastRequest::steps(6).levels(&[0.95]))?;
/// assert!((forecast.mean[5] - (50.0 + 24.5 + 5.0 * wave(245))).abs() < 0.1);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prophet(Settings);

impl Prophet {
    /// With the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fits the model to `series`.
    ///
    /// # Errors
    /// As [`Prophet::fit_with`].
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedProphet> {
        self.fit_with(series, &Columns::new())
    }

    /// As [`Prophet::fit`], with a residual for every step of the grid of `series`, where it has one
    /// and at most every second step is a hole.
    pub(crate) fn fit_on_grid(&self, series: &SeriesView<'_>) -> Result<FittedProphet> {
        match history::grid(series) {
            Some((timeline, values)) if values.len() > series.values().len() => {
                let times = (0..values.len()).map(|step| timeline.at(step));
                let times = times.collect::<Result<Vec<_>>>()?;
                self.fit(&SeriesView::new(series.labels(), &times, &values)?)
            }
            _ => self.fit(series),
        }
    }

    /// Fits the model to `series`, with `columns` of as many values: regressors, conditions, and for
    /// logistic growth `cap` and `floor` where they vary.
    ///
    /// # Errors
    /// When a parameter is outside its domain, fewer than 2 values are present, one is infinite, a
    /// column is missing or has values it cannot have, a capacity is not above its floor or most
    /// values are outside both, or a changepoint is outside the history.
    pub fn fit_with(
        &self,
        series: &SeriesView<'_>,
        columns: &Columns<'_>,
    ) -> Result<FittedProphet> {
        self.fit_from(series, columns, None)
    }

    /// As [`Prophet::fit_with`], the search starting at the parameters of `before`, a fit to an
    /// earlier part of the series: the result is the same within its tolerance, sooner for models
    /// that are not additive.
    ///
    /// # Errors
    /// As [`Prophet::fit_with`].
    pub fn refit_with(
        &self,
        before: &FittedProphet,
        series: &SeriesView<'_>,
        columns: &Columns<'_>,
    ) -> Result<FittedProphet> {
        self.fit_from(series, columns, Some(before))
    }

    fn fit_from(
        &self,
        series: &SeriesView<'_>,
        columns: &Columns<'_>,
        before: Option<&FittedProphet>,
    ) -> Result<FittedProphet> {
        self.validate()?;
        let settings = &self.0;
        let history = History::new(settings, series, columns)?;
        let first = history.scale.start;
        let last = history.times.last().copied().unwrap_or(first);
        let seasonalities = design::seasonalities(settings, first, last, history.gap);
        let design = Design::new(settings, &seasonalities)?;
        design.check(columns, series.timestamps(), &history.rows)?;
        let standards = design.standards(columns, &history.rows)?;
        let whole = history.rows.len() == series.values().len();
        let x = if whole {
            design.matrix(&history.times, columns, &standards)?
        } else {
            let picked = columns.picked(&design.needs(), &history.rows, series.values().len())?;
            let columns = picked
                .iter()
                .fold(Columns::new(), |all, (name, values)| all.with(name, values));
            design.matrix(&history.times, &columns, &standards)?
        };
        let changepoints = trend::changepoints(settings, &history.times)?;
        let mut changes: Vec<f64> = changepoints
            .iter()
            .map(|&at| history.scale.time(at))
            .collect();
        let bends = !changes.is_empty();
        if !bends {
            // As the reference: one change at the start, which is a part of the first slope.
            changes.push(0.0);
        }
        let problem = Problem {
            growth: settings.growth,
            t: history.t.clone(),
            y: history.y.clone(),
            cap: history.cap.clone(),
            points: history.y.len() as f64,
            multiplies: design
                .features
                .iter()
                .map(|f| f.mode == Mode::Multiplicative)
                .collect(),
            priors: design.features.iter().map(|f| f.prior).collect(),
            x,
            changes,
            tau: settings.changepoint_prior_scale,
        };
        let mut found = found(&problem, &history, before);
        if let [rate, .., delta] = found.at.as_mut_slice()
            && !bends
        {
            *rate += *delta;
            *delta = 0.0;
        }
        let fitted = FittedProphet::new(self, &history, seasonalities, standards, &problem, &found);
        fitted.filled(
            series.values().len(),
            &history.rows,
            &found.residuals,
            columns,
        )
    }
}

/// The most probable parameters, from those of `before` where it has the same ones.
fn found(problem: &Problem, history: &History, before: Option<&FittedProphet>) -> Found {
    let (rate, offset) = trend::start(problem.growth, &history.t, &history.y, &history.cap);
    let zeros = std::iter::repeat(0.0);
    let values = [rate, offset].into_iter().chain(zeros);
    let start = DVector::from_iterator(problem.len(), values.take(problem.len()));
    if history.is_constant && problem.growth != Growth::Logistic {
        let linear = problem.is_linear();
        return Found {
            sums: linear
                .then(|| Sums::new(&problem.pass(&start, true), history.y.len()))
                .flatten(),
            at: start,
            sigma: LEAST_SIGMA,
            residuals: vec![0.0; history.y.len()],
            log_posterior: f64::INFINITY,
            passes: 0,
            converged: true,
        };
    }
    let warm = before.and_then(|before| before.start(&history.scale, problem));
    match warm {
        Some((start, sigma)) => fit(problem, start, Some(sigma)),
        None => fit(problem, start, None),
    }
}

impl Forecaster for Prophet {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

/// A result that no number can hold.
fn beyond() -> Error {
    Error::input("the forecast is beyond the range of numbers")
}
