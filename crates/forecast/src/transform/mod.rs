//! Forecasts of a transformed series, transformed back.

mod guerrero;

use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastRequest, Forecaster, Result, Series, SeriesView,
    Snapshot,
};
use serde::{Deserialize, Serialize};

use crate::{FittedMember, Member, check};

pub use guerrero::guerrero;

/// The coverage within one standard deviation of a normal.
const ONE_DEVIATION: f64 = 0.682_689_492_137_085_9;
/// The least and the largest parameter of Box and Cox.
const LAMBDA: [f64; 2] = [-2.0, 5.0];

/// How the values are transformed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// The natural logarithm: `w = ln y` (the default).
    #[default]
    Log,
    /// Box and Cox: `w = (y^lambda - 1) / lambda`, the logarithm where lambda is 0. Domain of lambda:
    /// [-2, 5].
    BoxCox(f64),
    /// Box and Cox, with the lambda in [-1, 2] that makes the spread of seasons (of pairs where the
    /// period is 1) vary least; see [`guerrero`].
    Guerrero {
        /// The points of a season.
        period: usize,
    },
}

/// Configuration of a model of a transformed series.
///
/// The model is fitted to `w`, the transformed values, which must be above 0; its forecasts are
/// transformed back, `y = (lambda w + 1)^(1/lambda)`. As the transform keeps order, bounds
/// transformed back are exact quantiles, and the transformed mean is the median. With
/// `bias_adjusted` the mean itself is given: `y (1 + s² (1 - lambda) / (2 (lambda w + 1)²))` with the
/// deviation `s` of `w`, by an expansion of second order, and exactly `exp(w + s²/2)` for the
/// logarithm.
///
/// A bound beyond what the transform can reach (`lambda w + 1` not above 0) is 0 where lambda is
/// above 0 and infinity where it is below. Missing values stay missing.
///
/// Cost: that of the model, and O(n).
///
/// Source: Box & Cox 1964, <https://doi.org/10.1111/j.2517-6161.1964.tb00553.x>; Guerrero 1993,
/// <https://doi.org/10.1002/for.3980120104>; bias: Hyndman & Athanasopoulos 2021, *Forecasting:
/// Principles and Practice*, 5.6.
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::transform::{Transform, Transformed};
/// use bongsu_forecast::Naive;
/// let times = [0, 60, 120].map(Timestamp::from_secs);
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &[1.0, 2.0, 4.0])?;
/// let fitted = Transformed::new(Transform::Log, Naive::drift()).fit(&series)?;
/// assert!((fitted.forecast(&ForecastRequest::steps(1))?.mean[0] - 8.0).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transformed {
    transform: Transform,
    model: Member,
    #[serde(default)]
    bias_adjusted: bool,
}

impl Transformed {
    /// `model` of values transformed by `transform`, whose medians are forecast.
    #[must_use]
    pub fn new(transform: Transform, model: impl Into<Member>) -> Self {
        Self {
            transform,
            model: model.into(),
            bias_adjusted: false,
        }
    }

    /// Whether the mean is forecast, instead of the median. Default: `false`.
    #[must_use]
    pub const fn bias_adjusted(mut self, adjusted: bool) -> Self {
        self.bias_adjusted = adjusted;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        match self.transform {
            Transform::Log => {}
            Transform::BoxCox(lambda) => check_lambda(lambda)?,
            Transform::Guerrero { period } => {
                check::count("period", period, 1, 1 << 16)?;
            }
        }
        self.model.validate()
    }

    /// Fits the model to the transformed `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, a value is not above 0, there are fewer than two
    /// seasons to find lambda from, or the model cannot be fitted.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedTransformed> {
        self.validate()?;
        let values = series.values();
        check::series(values)?;
        check_positive(values)?;
        let lambda = match self.transform {
            Transform::Log => 0.0,
            Transform::BoxCox(lambda) => lambda,
            Transform::Guerrero { period } => {
                let present: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
                guerrero(&present, period)?
            }
        };
        let forth: Vec<f64> = values.iter().map(|&value| forth(value, lambda)).collect();
        check_powers(values, &forth, lambda)?;
        let transformed =
            Series::new(series.labels().clone(), series.timestamps().to_vec(), forth)?;
        let model = self.model.fit(&transformed.view())?;
        let (timeline, values) = crate::Timeline::of(series)?;
        let pairs = values.iter().zip(model.residuals());
        let left = |(&value, residual): (&f64, &f64)| {
            value - back(self::forth(value, lambda) - residual, lambda)
        };
        debug_assert_eq!(timeline.len(), values.len());
        Ok(FittedTransformed {
            residuals: pairs.map(left).collect(),
            lambda,
            bias_adjusted: self.bias_adjusted,
            model,
        })
    }
}

impl Forecaster for Transformed {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

fn check_lambda(lambda: f64) -> Result<()> {
    let [least, most] = LAMBDA;
    if (least..=most).contains(&lambda) {
        Ok(())
    } else {
        Err(Error::parameter(
            "lambda",
            lambda,
            format!("in [{least}, {most}]"),
        ))
    }
}

fn check_positive(values: &[f64]) -> Result<()> {
    match values.iter().position(|&value| value <= 0.0) {
        Some(row) => Err(Error::input(format!(
            "the value in row {row} is not above 0, as a logarithm or a power needs"
        ))),
        None => Ok(()),
    }
}

/// The powers are values that a model takes.
fn check_powers(values: &[f64], powers: &[f64], lambda: f64) -> Result<()> {
    let mut pairs = values.iter().zip(powers).enumerate();
    match pairs.find(|(_, (_, power))| power.abs() > check::LARGEST) {
        Some((row, (value, _))) => Err(Error::input(format!(
            "the value in row {row}, {value:e}, has a Box-Cox transform with lambda {lambda} that is \
             beyond {:e} in magnitude",
            check::LARGEST
        ))),
        None => Ok(()),
    }
}

/// The transform of a value above 0.
fn forth(value: f64, lambda: f64) -> f64 {
    if lambda == 0.0 {
        value.ln()
    } else {
        // (exp(lambda ln y) - 1) / lambda: no digits are lost for a lambda near 0.
        (lambda * value.ln()).exp_m1() / lambda
    }
}

/// The value that is transformed to `w`.
fn back(w: f64, lambda: f64) -> f64 {
    if lambda == 0.0 {
        return w.exp();
    }
    let power = lambda * w;
    if power <= -1.0 {
        return if lambda > 0.0 { 0.0 } else { f64::INFINITY };
    }
    (power.ln_1p() / lambda).exp()
}

/// The mean of a value whose transform is normal with this mean and standard deviation.
fn mean_back(w: f64, deviation: f64, lambda: f64) -> f64 {
    if lambda == 0.0 {
        return (w + 0.5 * deviation * deviation).exp();
    }
    let relative = deviation / (lambda * w + 1.0);
    back(w, lambda) * (1.0 + 0.5 * relative * relative * (1.0 - lambda))
}

/// A fitted model of a transformed series; see [`Transformed`].
///
/// Takes what the model takes, and 8 bytes a fitted step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedTransformed {
    model: FittedMember,
    lambda: f64,
    bias_adjusted: bool,
    residuals: Vec<f64>,
}

impl FittedTransformed {
    /// The parameter of Box and Cox; 0 for the logarithm.
    #[must_use]
    pub const fn lambda(&self) -> f64 {
        self.lambda
    }

    /// The model of the transformed series.
    #[must_use]
    pub const fn model(&self) -> &FittedMember {
        &self.model
    }
}

impl FittedForecaster for FittedTransformed {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        let mut levels = request.levels.to_vec();
        if self.bias_adjusted {
            levels.push(ONE_DEVIATION);
        }
        let request = ForecastRequest {
            levels: &levels,
            ..*request
        };
        let mut forecast = self.model.forecast(&request)?;
        let lambda = self.lambda;
        let extra = if self.bias_adjusted {
            forecast.intervals.pop()
        } else {
            None
        };
        if let Some(band) = extra {
            let bounds = band.lower.iter().zip(&band.upper);
            for (mean, (lower, upper)) in forecast.mean.iter_mut().zip(bounds) {
                *mean = mean_back(*mean, 0.5 * (upper - lower), lambda);
            }
        } else {
            for mean in &mut forecast.mean {
                *mean = back(*mean, lambda);
            }
        }
        if let Some(&mean) = forecast.mean.iter().find(|mean| !mean.is_finite()) {
            return Err(Error::non_finite("a forecast, transformed back,", mean));
        }
        for interval in &mut forecast.intervals {
            for bound in interval.lower.iter_mut().chain(&mut interval.upper) {
                *bound = back(*bound, lambda);
            }
        }
        Ok(forecast)
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        check_positive(y.values())?;
        let lambda = self.lambda;
        let values = y.values().iter().map(|&value| forth(value, lambda));
        let times = y.timestamps().to_vec();
        let transformed = Series::new(y.labels().clone(), times, values.collect())?;
        let known = self.residuals.len();
        self.model.update(&transformed.view())?;
        let new = self.model.residuals().get(known..).unwrap_or_default();
        // Steps without a value have no residual; the others are in the order of the values.
        let mut present = y.values().iter().copied().filter(|value| !value.is_nan());
        let left = |&residual: &f64| {
            if residual.is_nan() {
                return residual;
            }
            let value = present.next().unwrap_or(f64::NAN);
            value - back(forth(value, lambda) - residual, lambda)
        };
        self.residuals.extend(new.iter().map(left));
        Ok(())
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

impl Snapshot for FittedTransformed {
    const KIND: &'static str = "forecast.transformed.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.model.validate()?;
        if self.residuals.len() != self.model.residuals().len() {
            return Err(Error::snapshot("there is not one residual a step"));
        }
        check_lambda(self.lambda)
    }
}
