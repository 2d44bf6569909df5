use std::ops::ControlFlow;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{FitDetector, Result as CoreResult, Rows};
use bongsu_neural::{
    Autoencoder, Combine, FittedNetwork, LstmAutoencoder, LstmForecaster, Progress, Vae, Weights,
};

/// A network that is to be trained.
#[derive(Debug, Clone)]
pub(crate) enum NetworkConfig {
    Dense(Autoencoder),
    Variational(Vae),
    Recurrent(LstmAutoencoder),
    Forecast(LstmForecaster),
}

macro_rules! each {
    ($state:expr, $config:ident => $call:expr) => {
        match $state {
            NetworkConfig::Dense($config) => $call,
            NetworkConfig::Variational($config) => $call,
            NetworkConfig::Recurrent($config) => $call,
            NetworkConfig::Forecast($config) => $call,
        }
    };
}

/// A fitted network and the scores of the rows that it was fitted on.
pub(crate) type Scored = (FittedNetwork, Vec<f64>);

impl NetworkConfig {
    /// The same, but each row judged by what came before it alone.
    pub(in crate::registry) fn causal(self) -> Self {
        match self {
            Self::Recurrent(config) => Self::Recurrent(config.combine(Combine::Causal)),
            other => other,
        }
    }

    /// Trains on the rows of `x`, telling `observe` of each batch.
    pub(crate) fn train(
        &self,
        x: &ArrayView2<'_, f64>,
        observe: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> CoreResult<Scored> {
        each!(self, config => config.fit_score_with(*x, observe))
    }

    /// Takes these weights in place of training.
    pub(crate) fn with_weights(
        &self,
        x: &ArrayView2<'_, f64>,
        weights: &Weights,
    ) -> CoreResult<Scored> {
        each!(self, config => config.fit_weights(*x, weights))
    }
}

impl FitDetector for NetworkConfig {
    type Fitted = FittedNetwork;

    fn fit(&self, x: ArrayView2<'_, f64>) -> CoreResult<FittedNetwork> {
        each!(self, config => config.fit(x))
    }

    fn fit_score(&self, rows: &Rows<'_>) -> CoreResult<Scored> {
        each!(self, config => config.fit_score(rows))
    }
}
