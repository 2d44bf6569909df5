//! Any of the plain models, as data: what ensembles and transforms are made of.

use bongsu_core::{
    FittedForecaster, Forecast, ForecastPart, ForecastRequest, Forecaster, Result, SeriesView,
    Snapshot,
};
use serde::{Deserialize, Serialize};

use crate::{
    Arima, AutoArima, Ces, Croston, Ets, FittedArima, FittedCes, FittedCroston, FittedEts,
    FittedNaive, FittedProphet, FittedTheta, Naive, Prophet, Theta,
};

/// The configuration of any plain model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Member {
    /// [`Naive`].
    Naive(Naive),
    /// [`Ets`].
    Ets(Ets),
    /// [`Ces`].
    Ces(Ces),
    /// [`Theta`].
    Theta(Theta),
    /// [`Croston`].
    Croston(Croston),
    /// [`Arima`], without regressors.
    Arima(Arima),
    /// [`AutoArima`], whose choice is a [`FittedMember::Arima`].
    AutoArima(AutoArima),
    /// [`Prophet`], without regressors, conditions and varying capacities.
    Prophet(Box<Prophet>),
}

/// Any of the plain models, fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FittedMember {
    /// [`FittedNaive`].
    Naive(FittedNaive),
    /// [`FittedEts`].
    Ets(FittedEts),
    /// [`FittedCes`].
    Ces(FittedCes),
    /// [`FittedTheta`].
    Theta(FittedTheta),
    /// [`FittedCroston`].
    Croston(FittedCroston),
    /// [`FittedArima`].
    Arima(FittedArima),
    /// [`FittedProphet`].
    Prophet(Box<FittedProphet>),
}

macro_rules! members {
    ($($name:ident),*) => {
        impl Member {
            /// Checks every parameter, for configurations that were read from a file.
            ///
            /// # Errors
            /// When a parameter is outside its domain.
            pub fn validate(&self) -> Result<()> {
                match self {
                    $(Self::$name(model) => model.validate(),)*
                    Self::AutoArima(model) => model.validate(),
                    Self::Prophet(model) => model.validate(),
                }
            }

            /// Fits the model to `series`.
            ///
            /// # Errors
            /// As those of the model.
            pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedMember> {
                Ok(match self {
                    $(Self::$name(model) => FittedMember::$name(model.fit(series)?),)*
                    Self::AutoArima(model) => FittedMember::Arima(model.fit(series)?.fitted),
                    Self::Prophet(model) => {
                        FittedMember::Prophet(Box::new(model.fit_on_grid(series)?))
                    }
                })
            }

            /// The name of the kind of model.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                    Self::AutoArima(_) => "AutoArima",
                    Self::Prophet(_) => "Prophet",
                }
            }
        }

        impl FittedMember {
            /// The model as a forecaster.
            #[must_use]
            pub fn as_forecaster(&self) -> &dyn FittedForecaster {
                match self {
                    $(Self::$name(model) => model,)*
                    Self::Prophet(model) => model.as_ref(),
                }
            }

            fn as_mut_forecaster(&mut self) -> &mut dyn FittedForecaster {
                match self {
                    $(Self::$name(model) => model,)*
                    Self::Prophet(model) => model.as_mut(),
                }
            }

            pub(crate) fn validate(&self) -> Result<()> {
                match self {
                    $(Self::$name(model) => model.validate(),)*
                    Self::Prophet(model) => model.validate(),
                }
            }
        }

        $(impl From<$name> for Member {
            fn from(model: $name) -> Self {
                Self::$name(model)
            }
        })*
    };
}

members!(Naive, Ets, Ces, Theta, Croston, Arima);

impl From<AutoArima> for Member {
    fn from(model: AutoArima) -> Self {
        Self::AutoArima(model)
    }
}

impl From<Prophet> for Member {
    fn from(model: Prophet) -> Self {
        Self::Prophet(Box::new(model))
    }
}

impl Forecaster for Member {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

impl FittedForecaster for FittedMember {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        self.as_forecaster().forecast(request)
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        self.as_mut_forecaster().update(y)
    }

    fn parts(&self, request: &ForecastRequest<'_>) -> Result<Vec<ForecastPart>> {
        self.as_forecaster().parts(request)
    }

    fn past_trend(&self, y: &SeriesView<'_>) -> Result<Vec<f64>> {
        self.as_forecaster().past_trend(y)
    }

    fn residuals(&self) -> &[f64] {
        self.as_forecaster().residuals()
    }
}
