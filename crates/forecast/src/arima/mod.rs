//! ARIMA and seasonal ARIMA with regressors, by exact maximum likelihood.

mod auto;
pub(crate) mod bfgs;
mod candidate;
mod covariance;
mod dense;
mod design;
mod determined;
mod diagnostics;
mod differencing;
mod errors;
mod exact;
mod filter;
mod fit;
mod fitted;
mod grid;
mod kalman;
mod likelihood;
mod missing;
mod number;
mod orders;
mod polynomial;
mod region;
mod response;
mod search;
mod simulate;
mod start;
mod transform;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FittedForecaster, Forecaster, Result, SeriesView};
use serde::{Deserialize, Serialize};

pub use auto::AutoArima;
pub use candidate::{Candidate, Selection};
pub use diagnostics::Diagnostics;
pub use differencing::{SeasonalTest, UnitRootTest};
pub use fitted::{FittedArima, Parameter};
pub use grid::Grid;
pub use orders::Orders;

/// The deterministic part of an [`Arima`] model, a regression whose errors are the ARIMA process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Trend {
    /// None.
    #[serde(rename = "n")]
    None,
    /// A constant.
    #[serde(rename = "c")]
    Constant,
    /// A slope a step; with one difference this is the drift.
    #[serde(rename = "t")]
    Linear,
    /// Both.
    #[serde(rename = "ct")]
    ConstantLinear,
}

impl std::str::FromStr for Trend {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "n" => Ok(Self::None),
            "c" => Ok(Self::Constant),
            "t" => Ok(Self::Linear),
            "ct" => Ok(Self::ConstantLinear),
            _ => Err(Error::parameter(
                "trend",
                format!("`{text}`"),
                "n, c, t or ct",
            )),
        }
    }
}

/// How an integrated model treats where the series starts, which differencing takes away.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Diffuse {
    /// As [`Self::Approximate`] with 1e6 while that is large for the series, which gives the numbers
    /// of statsmodels; as [`Self::Exact`] else (the default). It is large enough while the standard
    /// deviation of the differenced series times its largest starting value is below 1e8; a larger
    /// one, such as of bytes, would be taken for a first shock. It is not where one of the values that
    /// differencing takes is missing: then its size would be part of the likelihood.
    #[default]
    Auto,
    /// It has this variance, in the unit of the series squared, about 0. Domain: finite, above 0.
    Approximate(f64),
    /// It may be anything: the likelihood is that of the differenced series.
    Exact,
}

/// Configuration of a seasonal ARIMA model with regressors.
///
/// `phi(B) Phi(B^s) (1 - B)^d (1 - B^s)^D (y_t - x_t' beta) = theta(B) Theta(B^s) e_t`
///
/// with normal innovations `e_t` of variance `sigma2`, `phi(B) = 1 - phi_1 B - ...` and
/// `theta(B) = 1 + theta_1 B + ...`. The regressors `x_t` start with those of the trend. Missing
/// values, NaN or holes in time, are left out of the likelihood; nothing is filled in.
///
/// The fit maximises the exact likelihood over coefficients that are stationary and invertible. The
/// effects of regressors and the variance are concentrated out. The likelihood is a recursion that
/// costs a few passes over the data by the lags of the polynomials, with its exact gradient; missing
/// values are integrated out of it. Where so many are missing that this would cost more, the Kalman
/// filter leaves them out, with a numeric gradient.
///
/// Parameters: [`Arima::orders`], [`Arima::trend`], [`Arima::diffuse`], [`Arima::iterations`].
///
/// Cost: O(n (p + q) + max(p, q)^3) an evaluation of the likelihood and its gradient, of which a fit
/// takes some dozens; m missing values add O(m^2 (m + p + q)), or with the filter O(n k^2) for k
/// states, and that for each coefficient.
///
/// Source: statsmodels 0.15 `ARIMA`, whose parametrisation and likelihood these are; Box & Jenkins
/// 1976, *Time Series Analysis*; Ansley 1979, <https://doi.org/10.1093/biomet/66.1.59>.
///
/// ```
/// use bongsu_core::{FittedForecaster, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::arima::{Arima, Orders};
/// let times: Vec<_> = (0..60).map(Timestamp::from_secs).collect();
/// let mut level = 0.0;
/// let values: Vec<f64> = (0..60_u32).map(|i| {
///     level += f64::from(i * i % 7) - 3.0;
///     level
/// }).collect();
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &values)?;
/// let fitted = Arima::new(Orders::new(1, 1, 1)).fit(&series)?;
/// let forecast = fitted.forecast(&ForecastRequest::steps(3).levels(&[0.95]))?;
/// assert!(fitted.converged() && forecast.intervals[0].upper[2] > forecast.mean[2]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Arima {
    orders: Orders,
    trend: Option<Trend>,
    diffuse: Diffuse,
    iterations: usize,
}

impl Default for Arima {
    fn default() -> Self {
        Self::new(Orders::new(1, 0, 0))
    }
}

impl Arima {
    /// A model of these orders; the trend is a constant without differences, else none.
    #[must_use]
    pub const fn new(orders: Orders) -> Self {
        Self {
            orders,
            trend: None,
            diffuse: Diffuse::Auto,
            iterations: 500,
        }
    }

    /// The orders. Default: (1, 0, 0).
    ///
    /// # Errors
    /// As [`Orders::validate`].
    pub fn orders(mut self, orders: Orders) -> Result<Self> {
        orders.validate()?;
        self.orders = orders;
        Ok(self)
    }

    /// The trend. Default: a constant without differences, else none.
    ///
    /// # Errors
    /// When differencing as the orders say would eliminate it: a constant with any difference, a
    /// slope with two.
    pub fn trend(mut self, trend: Trend) -> Result<Self> {
        self.trend = Some(trend);
        self.validate()?;
        Ok(self)
    }

    /// How an integrated model treats where the series starts. Default: automatic.
    ///
    /// # Errors
    /// When a variance is not finite and above 0.
    pub fn diffuse(mut self, diffuse: Diffuse) -> Result<Self> {
        self.diffuse = diffuse;
        self.validate()?;
        Ok(self)
    }

    /// The largest number of iterations of the search. Domain: [1, 100000]. Default: 500.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn iterations(mut self, iterations: usize) -> Result<Self> {
        self.iterations = iterations;
        self.validate()?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        self.orders.validate()?;
        crate::check::count("iterations", self.iterations, 1, 100_000)?;
        if let Diffuse::Approximate(variance) = self.diffuse
            && !(variance > 0.0 && variance < f64::INFINITY)
        {
            return Err(Error::parameter("diffuse", variance, "finite and above 0"));
        }
        let differences = self.orders.diff + self.orders.seasonal_diff;
        let (refused, name) = match self.effective_trend() {
            Trend::None => (false, ""),
            Trend::Constant => (differences > 0, "c"),
            Trend::ConstantLinear => (differences > 0, "ct"),
            Trend::Linear => (differences > 1, "t"),
        };
        if refused {
            let domain = format!(
                "of a degree that {differences} differences leave: n{} here",
                if differences == 1 { " or t" } else { "" }
            );
            return Err(Error::parameter("trend", name, domain));
        }
        Ok(())
    }

    /// The trend that is fitted: the one set, or the default for the orders.
    #[must_use]
    pub fn effective_trend(&self) -> Trend {
        let integrated = self.orders.diff + self.orders.seasonal_diff > 0;
        self.trend.unwrap_or(if integrated {
            Trend::None
        } else {
            Trend::Constant
        })
    }

    /// Fits the model to `y`.
    ///
    /// # Errors
    /// When a parameter is outside its domain; the series is not on a regular grid, has an infinite
    /// value, or too few values for the orders or the season; or is constant once differenced and
    /// without its trend.
    pub fn fit(&self, y: &SeriesView<'_>) -> Result<FittedArima> {
        self.fit_regressors(y, &[], None)
    }

    /// Fits the model with regressors: `x` has a row for each point of `y` and a column for each of
    /// `names`.
    ///
    /// # Errors
    /// As [`Arima::fit`], and when `x` has another shape, a value is not finite, or the effect of a
    /// regressor cannot be told from those of the others.
    pub fn fit_regressors(
        &self,
        y: &SeriesView<'_>,
        names: &[&str],
        x: Option<ArrayView2<'_, f64>>,
    ) -> Result<FittedArima> {
        fit::fit(self, y, names, x)
    }

    /// The log-likelihood at given parameters, without a fit.
    ///
    /// - `parameters`: the effects of trend and regressors, then `p`, `q`, `P` and `Q` coefficients,
    ///   then `sigma2`, in the order of [`FittedArima::parameters`].
    ///
    /// # Errors
    /// As [`Arima::fit_regressors`]; when there is another number of parameters, the coefficients are
    /// not stationary and invertible, or the variance is not above 0.
    pub fn log_likelihood(
        &self,
        y: &SeriesView<'_>,
        names: &[&str],
        x: Option<ArrayView2<'_, f64>>,
        parameters: &[f64],
    ) -> Result<f64> {
        Ok(self.at(y, names, x, parameters)?.log_likelihood())
    }

    /// The model with given parameters instead of a fit; its standard errors are not known.
    ///
    /// # Errors
    /// As [`Arima::log_likelihood`].
    pub fn at(
        &self,
        y: &SeriesView<'_>,
        names: &[&str],
        x: Option<ArrayView2<'_, f64>>,
        parameters: &[f64],
    ) -> Result<FittedArima> {
        fit::at(self, y, names, x, parameters)
    }
}

impl Forecaster for Arima {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}
