use std::fmt::Debug;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, SeriesView, Timestamp};

/// How far to forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Horizon<'a> {
    /// That many steps after the last fitted point.
    Steps(usize),
    /// At these moments.
    At(&'a [Timestamp]),
}

/// What to forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForecastRequest<'a> {
    /// How far.
    pub horizon: Horizon<'a>,
    /// The coverage of each wanted interval, in (0, 1).
    pub levels: &'a [f64],
    /// Future values of the regressors, one row a step, for models that were fitted with some.
    pub regressors: Option<ArrayView2<'a, f64>>,
}

impl<'a> ForecastRequest<'a> {
    /// `steps` steps ahead, without intervals.
    #[must_use]
    pub const fn steps(steps: usize) -> Self {
        Self {
            horizon: Horizon::Steps(steps),
            levels: &[],
            regressors: None,
        }
    }

    /// With intervals of these coverages, each in (0, 1).
    #[must_use]
    pub const fn levels(mut self, levels: &'a [f64]) -> Self {
        self.levels = levels;
        self
    }
}

/// A forecast: one mean a moment and, for each requested level, its bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// When.
    pub timestamps: Vec<Timestamp>,
    /// The expected values.
    pub mean: Vec<f64>,
    /// One a requested level, in the order of the request.
    pub intervals: Vec<PredictionInterval>,
}

/// The bounds of a forecast at one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionInterval {
    /// The coverage, in (0, 1).
    pub level: f64,
    /// The lower bounds.
    pub lower: Vec<f64>,
    /// The upper bounds.
    pub upper: Vec<f64>,
}

/// A forecasting model's configuration.
pub trait Forecaster: Debug + Send + Sync {
    /// Fits the model to `y`.
    ///
    /// # Errors
    /// When the configuration is outside its domain or `y` has too few points, or values that the
    /// model cannot take.
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>>;
}

/// A fitted forecasting model.
pub trait FittedForecaster: Debug + Send + Sync {
    /// Forecasts what `request` asks for.
    ///
    /// # Errors
    /// When a level is outside (0, 1) or one that this model cannot give (never a silent point
    /// forecast), or when regressors are missing or of the wrong shape.
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast>;

    /// Takes points that follow the fitted ones into account without fitting again: the next
    /// forecast starts after the last of them. Missing values are NaN or absent. Provided: an error
    /// of kind [`Unsupported`](crate::ErrorKind::Unsupported), for models that have to be fitted
    /// again.
    ///
    /// # Errors
    /// When the model cannot do it, or a point is not after the last one, not on the grid of the
    /// fitted points, or infinite; the model is then unchanged.
    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        let _ = y;
        Err(Error::unsupported(
            "this model has to be fitted again to take new points into account",
        ))
    }

    /// What the model left unexplained at each fitted point.
    fn residuals(&self) -> &[f64];
}
