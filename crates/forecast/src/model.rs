//! Any model of this crate without regressors, as data: what detectors and conformal bands hold.

use bongsu_core::{
    FittedForecaster, Forecast, ForecastPart, ForecastRequest, Forecaster, Result, SeriesView,
    Snapshot,
};
use serde::{Deserialize, Serialize};

use crate::{
    Ensemble, FittedEnsemble, FittedMember, FittedMstl, FittedTransformed, Member, Mstl,
    Transformed,
};

/// The configuration of any model: a plain one, or one made of plain ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Model {
    /// A plain one.
    Member(Member),
    /// [`Ensemble`].
    Ensemble(Ensemble),
    /// [`Transformed`].
    Transformed(Transformed),
    /// [`Mstl`].
    Mstl(Mstl),
}

/// Any model, fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FittedModel {
    /// A plain one.
    Member(FittedMember),
    /// [`FittedEnsemble`].
    Ensemble(FittedEnsemble),
    /// [`FittedTransformed`].
    Transformed(FittedTransformed),
    /// [`FittedMstl`].
    Mstl(FittedMstl),
}

impl Model {
    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Member(model) => model.validate(),
            Self::Ensemble(model) => model.validate(),
            Self::Transformed(model) => model.validate(),
            Self::Mstl(model) => model.validate(),
        }
    }

    /// Fits the model to `series`.
    ///
    /// # Errors
    /// As those of the model.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedModel> {
        Ok(match self {
            Self::Member(model) => FittedModel::Member(model.fit(series)?),
            Self::Ensemble(model) => FittedModel::Ensemble(model.fit(series)?),
            Self::Transformed(model) => FittedModel::Transformed(model.fit(series)?),
            Self::Mstl(model) => FittedModel::Mstl(model.fit(series)?),
        })
    }
}

impl Forecaster for Model {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

impl<T: Into<Member>> From<T> for Model {
    fn from(model: T) -> Self {
        Self::Member(model.into())
    }
}

macro_rules! combined {
    ($($name:ident),*) => {
        $(impl From<$name> for Model {
            fn from(model: $name) -> Self {
                Self::$name(model)
            }
        })*
    };
}

combined!(Ensemble, Transformed, Mstl);

impl FittedModel {
    fn inner(&self) -> &dyn FittedForecaster {
        match self {
            Self::Member(model) => model,
            Self::Ensemble(model) => model,
            Self::Transformed(model) => model,
            Self::Mstl(model) => model,
        }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        match self {
            Self::Member(model) => model.validate(),
            Self::Ensemble(model) => model.validate(),
            Self::Transformed(model) => model.validate(),
            Self::Mstl(model) => model.validate(),
        }
    }
}

impl FittedForecaster for FittedModel {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        self.inner().forecast(request)
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        match self {
            Self::Member(model) => model.update(y),
            Self::Ensemble(model) => model.update(y),
            Self::Transformed(model) => model.update(y),
            Self::Mstl(model) => model.update(y),
        }
    }

    fn parts(&self, request: &ForecastRequest<'_>) -> Result<Vec<ForecastPart>> {
        self.inner().parts(request)
    }

    fn past_trend(&self, y: &SeriesView<'_>) -> Result<Vec<f64>> {
        self.inner().past_trend(y)
    }

    fn residuals(&self) -> &[f64] {
        self.inner().residuals()
    }
}
