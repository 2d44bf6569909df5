//! A forecaster as a detector of points that come one by one: configuration.

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{ForecastDetector, ForecastStream, MAX_STEPS};
use crate::check;
use crate::model::Model;

/// Configuration of a forecaster as a detector of a metric that comes point by point.
///
/// `score = |y - f| / h`, where `f` is the forecast of the next value and `h` the half of its band of
/// coverage `level` on the side where the value lies; a value is anomalous from a score of `threshold`
/// on.
///
/// **Warm-up.** The first `initial` values are those of the first fit.
///
/// **Learning.** The model takes each value into account
/// ([`update`](bongsu_core::FittedForecaster::update); a model that cannot forecasts further ahead). It
/// is fitted anew to the last `window` values after `refit` of them, and earlier as long as there are
/// few: whenever the values have grown by a quarter. Where that fails it goes on as it was; where no fit
/// works for two windows the warm-up starts anew.
///
/// **Anomalous values** are missing ones to the model and to later fits. After `patience` of them in a
/// row on one side they are a new level: model and kept values move there by the median of their
/// deviations, and season and spread stay. With `patience` 0 the model learns every value.
///
/// A value beyond 1e150 in magnitude is judged as it is, and counts in the model as 1e150.
///
/// **Holes.** Where values have times, a step without one is a missing value; a hole longer than
/// `window`, or 32 gaps in a row that are not the step seen so far, starts the warm-up anew.
///
/// **Calibration.** With an adaptive band ([`ForecastDetector::adaptive`]) the half-bands are
/// multiplied by what keeps the stated share of values inside in the long run.
///
/// Cost: a fit every `refit` values; a forecast of one step and an update a value, without a copy of
/// the model. Holds the model, at most `2 window` values of 8 bytes, and with calibration 16 bytes for
/// each of the last 500 scores.
///
/// Source: as the model; for the band Hyndman & Athanasopoulos 2021, *Forecasting: Principles and
/// Practice*, 5.5.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_forecast::{Naive, detector::OnlineForecaster};
/// let mut stream = OnlineForecaster::new(Naive::seasonal(4)?).initial(40)?.build()?;
/// for i in 0..60 {
///     stream.learn(&[[0.0, 4.0, 9.0, 4.0][i % 4] + (i * i % 5) as f64 / 10.0])?;
/// }
/// assert!((stream.expectation().unwrap().expected - 0.2).abs() < 0.3);
/// assert!(stream.score(&[9.0])?.ready().unwrap() > 5.0, "not in this phase");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlineForecaster {
    pub(super) detector: ForecastDetector,
    pub(super) threshold: f64,
    pub(super) patience: u32,
}

impl OnlineForecaster {
    /// The defaults: a band of 95 % and a threshold of 2 half-bands, a warm-up of 100 values, new fits
    /// every 200 to the last 2016, a patience of 5, without calibration.
    #[must_use]
    pub fn new(model: impl Into<Model>) -> Self {
        let mut detector = ForecastDetector::new(model);
        (detector.refit, detector.window) = (200, 2016);
        Self {
            detector,
            threshold: 2.0,
            patience: 5,
        }
    }

    fn with(
        mut self,
        set: impl FnOnce(ForecastDetector) -> Result<ForecastDetector>,
    ) -> Result<Self> {
        self.detector = set(self.detector)?;
        Ok(self)
    }

    /// The coverage of the band. Domain: (0, 1). Default: 0.95.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn level(self, level: f64) -> Result<Self> {
        self.with(|detector| detector.level(level))
    }

    /// The values of the first fit. Domain: [2, 16777216]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn initial(self, values: usize) -> Result<Self> {
        self.with(|detector| detector.initial(values))
    }

    /// After how many values the model is fitted anew. Domain: [1, 16777216]. Default: 200.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn refit(self, values: usize) -> Result<Self> {
        self.with(|detector| detector.refit(values))
    }

    /// How many of the last values a fit takes. Domain: [2, 16777216]. Default: 2016.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(self, values: usize) -> Result<Self> {
        self.with(|detector| detector.window(values))
    }

    /// How fast the band adapts to the share of values that it misses; `None` leaves it to the model.
    /// Domain: [0, 1]. Default: `None`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn adaptive(self, gamma: Option<f64>) -> Result<Self> {
        self.with(|detector| detector.adaptive(gamma))
    }

    /// The half-bands from the forecast from which on a value is anomalous. Domain: finite, above 0.
    /// Default: 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, half_bands: f64) -> Result<Self> {
        self.threshold = half_bands;
        self.validate()?;
        Ok(self)
    }

    /// The anomalous values in a row on one side that make a new level; 0 takes every value as it is.
    /// Domain: [0, 10000]. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn patience(mut self, values: u32) -> Result<Self> {
        self.patience = values;
        self.validate()?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        self.detector.validate()?;
        check::count("initial", self.detector.initial, 2, self.detector.window)?;
        check::count("patience", self.patience as usize, 0, 10_000)?;
        if self.threshold > 0.0 && self.threshold.is_finite() {
            Ok(())
        } else {
            Err(Error::parameter(
                "threshold",
                self.threshold,
                "finite, above 0",
            ))
        }
    }

    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or `initial` is above `window`.
    pub fn build(&self) -> Result<ForecastStream> {
        self.validate()?;
        Ok(ForecastStream::fresh(self.clone()))
    }

    pub(super) const fn longest_hole(&self) -> u64 {
        let window = self.detector.window;
        (if window < MAX_STEPS {
            window
        } else {
            MAX_STEPS
        }) as u64
    }
}
