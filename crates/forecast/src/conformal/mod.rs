//! Intervals that hold what they state: calibrated by how far past forecasts were off.

mod adaptive;
mod band;

use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastPart, ForecastRequest, Forecaster, Result,
    SeriesView, Snapshot,
};
use serde::{Deserialize, Serialize};

use crate::model::{FittedModel, Model};
use crate::{Backtest, Refit, Timeline, check};

pub use adaptive::Adaptive;
pub use band::{Basis, ConformalBand};

/// The least scores that have one of the rank a level asks for: `level / (1 - level)`, rounded up.
pub(crate) fn needed(level: f64) -> usize {
    // The rounding of 0.95 / 0.05 to a little above 19 must not ask for one more.
    (level / (1.0 - level) - 1e-9).ceil().max(1.0) as usize
}

/// `ceil((count + 1) level)`; 0 for a level below 0, beyond `count` where there are too few.
fn rank(count: usize, level: f64) -> usize {
    ((count as f64 + 1.0) * level - 1e-9).ceil().max(0.0) as usize
}

/// The level that a backtest needs first for a band in units of the model's own.
#[must_use]
pub const fn backtest_level() -> f64 {
    band::ONE_DEVIATION
}

/// How past errors set the reach of a band.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConformalMethod {
    /// The quantile of all scores (the default).
    #[default]
    Split,
    /// The quantile that [`Adaptive`] comes to.
    Adaptive {
        /// How fast; domain [0, 1].
        gamma: f64,
    },
}

impl ConformalMethod {
    fn validate(self) -> Result<()> {
        match self {
            Self::Adaptive { gamma } if !(0.0..=1.0).contains(&gamma) => {
                Err(Error::parameter("gamma", gamma, "in [0, 1]"))
            }
            _ => Ok(()),
        }
    }
}

/// Configuration of a model whose intervals are calibrated on its own past.
///
/// The model is fitted to the beginning of the series, forecasts from the last `origins` moments whose
/// horizon has passed, and its errors there calibrate a [`ConformalBand`]; then it is fitted to all of
/// the series. The first fit has at least half of the series: a short one has fewer origins. Means are
/// those of the model.
///
/// Cost: that of a backtest of `origins` origins, fitted anew every `refit` of them, and of one more
/// fit.
///
/// Source: as [`ConformalBand`].
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::{Conformal, Naive};
/// let times: Vec<_> = (0..60).map(|i| Timestamp::from_secs(60 * i)).collect();
/// let values: Vec<f64> = (0..60).map(|i| f64::from(i * i % 7)).collect();
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &values)?;
/// let fitted = Conformal::new(Naive::mean(), 2)?.fit(&series)?;
/// let forecast = fitted.forecast(&ForecastRequest::steps(2).levels(&[0.8]))?;
/// assert!(forecast.intervals[0].lower[0] < 2.0 && forecast.intervals[0].upper[0] >= 4.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conformal {
    model: Model,
    horizon: usize,
    origins: usize,
    refit: usize,
    method: ConformalMethod,
    relative: bool,
}

impl Conformal {
    /// Bands of `model` up to `horizon` steps ahead (domain: [1, 1048576]), from 100 origins, refitted
    /// every 10 of them, by split calibration in units of the model's own band.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(model: impl Into<Model>, horizon: usize) -> Result<Self> {
        let this = Self {
            model: model.into(),
            horizon,
            origins: 100,
            refit: 10,
            method: ConformalMethod::Split,
            relative: true,
        };
        this.validate()?;
        Ok(this)
    }

    /// The most origins. Domain: [1, 1048576]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn origins(mut self, origins: usize) -> Result<Self> {
        self.origins = origins;
        self.validate()?;
        Ok(self)
    }

    /// After how many origins the model is fitted anew. Domain: at least 1. Default: 10.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn refit(mut self, origins: usize) -> Result<Self> {
        self.refit = origins;
        self.validate()?;
        Ok(self)
    }

    /// How past errors set the reach. Default: [`ConformalMethod::Split`].
    ///
    /// # Errors
    /// When a parameter of the method is outside its domain.
    pub fn method(mut self, method: ConformalMethod) -> Result<Self> {
        self.method = method;
        self.validate()?;
        Ok(self)
    }

    /// Whether errors count in units of the model's own band, which then may be wider on one side or
    /// at times; needed off for models without intervals. Default: yes.
    #[must_use]
    pub const fn relative(mut self, relative: bool) -> Self {
        self.relative = relative;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("horizon", self.horizon, 1, crate::timeline::MAX_STEPS)?;
        check::count("origins", self.origins, 1, 1 << 20)?;
        check::count("refit", self.refit, 1, usize::MAX)?;
        self.method.validate()?;
        self.model.validate()
    }

    /// Fits the model and calibrates its band.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is too short for one origin, or the model
    /// cannot be fitted or cannot forecast at any origin.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedConformal> {
        let band = self.calibrate(series)?;
        Ok(FittedConformal {
            model: self.model.fit(series)?,
            band,
        })
    }

    /// The band alone, without the last fit to all of the series.
    ///
    /// # Errors
    /// As [`Conformal::fit`].
    pub fn calibrate(&self, series: &SeriesView<'_>) -> Result<ConformalBand> {
        self.validate()?;
        let (_, values) = Timeline::of(series)?;
        let n = values.len();
        let least = n.div_ceil(2).max(2);
        let last = n.saturating_sub(self.horizon);
        if last < least {
            let needed = 2 * self.horizon.max(2);
            return Err(Error::not_enough_data("a conformal band", needed, n));
        }
        let initial = (last + 1).saturating_sub(self.origins).max(least);
        let mut backtest = Backtest::new(initial, self.horizon)?.refit(Refit::Every(self.refit))?;
        if self.relative {
            backtest = backtest.levels(&[backtest_level()])?;
        }
        ConformalBand::calibrate(self.method, &backtest.run(&self.model, series)?)
    }
}

impl Forecaster for Conformal {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

/// A fitted model with its calibrated band; see [`Conformal`].
///
/// Takes what the model takes, and 8 bytes an origin and step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedConformal {
    model: FittedModel,
    band: ConformalBand,
}

impl FittedConformal {
    /// The model.
    #[must_use]
    pub const fn model(&self) -> &FittedModel {
        &self.model
    }

    /// Its band.
    #[must_use]
    pub const fn band(&self) -> &ConformalBand {
        &self.band
    }
}

impl FittedForecaster for FittedConformal {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        self.band.forecast(&self.model, request)
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        self.model.update(y)
    }

    fn parts(&self, request: &ForecastRequest<'_>) -> Result<Vec<ForecastPart>> {
        self.model.parts(request)
    }

    fn residuals(&self) -> &[f64] {
        self.model.residuals()
    }
}

impl Snapshot for FittedConformal {
    const KIND: &'static str = "forecast.conformal.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.model.validate()?;
        Snapshot::validate(&self.band)
    }
}
