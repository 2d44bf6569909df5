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

/// What a part of a forecast is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartKind {
    /// What is left when everything else is taken away.
    Trend,
    /// What comes back after a period.
    Season,
    /// All holidays and other events.
    Holidays,
    /// What another series explains.
    Regressor,
}

/// One turn of what comes back after a period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cycle {
    /// Evenly spaced moments, from the first of a turn to the first of the next.
    pub timestamps: Vec<Timestamp>,
    /// One a moment.
    pub values: Vec<f64>,
}

/// A part of a forecast: its mean is `trend (1 + m) + a`, with the sum `m` of the parts that are
/// fractions of the trend and the sum `a` of the other ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForecastPart {
    /// Its name, another one for each part.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// Whether its values are fractions of the trend.
    pub multiplicative: bool,
    /// One a moment.
    pub values: Vec<f64>,
    /// Its bounds, one a requested level, where the model knows them.
    pub intervals: Vec<PredictionInterval>,
    /// One turn of a season.
    pub cycle: Option<Cycle>,
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

    /// What the forecast of `request` is made of, the trend first. Provided: nothing, for models that
    /// do not take a series apart.
    ///
    /// # Errors
    /// As [`FittedForecaster::forecast`].
    fn parts(&self, request: &ForecastRequest<'_>) -> Result<Vec<ForecastPart>> {
        let _ = request;
        Ok(Vec::new())
    }

    /// The trend of [`FittedForecaster::parts`] at the steps of `y`, the series that the model was fitted
    /// to. Provided: nothing, for models that do not know it.
    ///
    /// # Errors
    /// When `y` is not the series that the model was fitted to.
    fn past_trend(&self, y: &SeriesView<'_>) -> Result<Vec<f64>> {
        let _ = y;
        Ok(Vec::new())
    }

    /// What the model left unexplained at each fitted point.
    fn residuals(&self) -> &[f64];
}
