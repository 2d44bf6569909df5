use std::ops::ControlFlow;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Calibration, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use super::fit::{Kind, Recipe};
use super::settings::shared;
use super::{Combine, FittedNetwork};
use crate::network::Plan;
use crate::{Activation, Layer, Progress, Scaling, Shape, Training, Weights, check};

/// The most draws of a code.
pub(super) const MOST_SAMPLES: usize = 1000;

/// Configuration of the variational autoencoder: the code of a row is a distribution, held near the
/// standard normal, and the row has to follow from draws of it.
///
/// The encoder gives mean `m` and logarithm of the variance `log v` of each number of the code, a
/// draw is `z = m + sqrt(v) e` with `e` standard normal, and the decoder gives the row back from
/// `z`. The loss of a row of `F` features is that of the reconstruction, the mean over its features,
/// plus `beta / F` times `-1/2 sum (1 + log v - m^2 - v)`; with the squared error and `beta` 2 that
/// is the evidence lower bound for unit variance, up to a factor. The error of a row is the mean
/// loss of the reconstruction over `samples` draws, the same draws for every row.
///
/// Cost: as [`Autoencoder`](crate::Autoencoder); a scored row takes the decoder `samples` times.
///
/// Source: Kingma & Welling 2013, <https://arxiv.org/abs/1312.6114>; An & Cho 2015, *Variational
/// autoencoder based anomaly detection using reconstruction probability*; Higgins et al. 2017 for
/// `beta`.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_neural::{Training, Vae};
/// let rows = Array2::from_shape_fn((200, 3), |(i, j)| (i as f64 * 0.3 + j as f64).sin());
/// let config = Vae::new().latent(2)?.beta(0.1)?.training(Training::new().epochs(20)?);
/// let fitted = config.fit(rows.view())?;
/// let far = Array2::from_elem((1, 3), 9.0);
/// assert!(fitted.score(far.view())?[0] > 1.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vae {
    units: Vec<usize>,
    latent: usize,
    dropout: f64,
    beta: f64,
    samples: usize,
    activation: Activation,
    output: Activation,
    training: Training,
    scaling: Scaling,
    threshold: Calibration,
}

impl Default for Vae {
    fn default() -> Self {
        Self {
            units: vec![64],
            latent: 8,
            dropout: 0.0,
            beta: 1.0,
            samples: 10,
            activation: Activation::Relu,
            output: Activation::Linear,
            training: Training::default(),
            scaling: Scaling::Standard,
            threshold: Calibration::Contamination(0.1),
        }
    }
}

shared!(Vae);

impl Vae {
    /// The sizes of the hidden layers from the input to the code; those to the output mirror them.
    /// Domain: 1 to 16 of them, each in [1, 65536]. Default: 64.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn units(mut self, units: Vec<usize>) -> Result<Self> {
        super::check_units(&units)?;
        self.units = units;
        Ok(self)
    }

    /// The numbers of the code. Domain: [1, 4096]. Default: 8.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn latent(mut self, latent: usize) -> Result<Self> {
        self.latent = check::count("latent", latent, 1, 4096)?;
        Ok(self)
    }

    /// The share of a hidden layer's numbers that are set to zero in training. Domain: [0, 1).
    /// Default: 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn dropout(mut self, rate: f64) -> Result<Self> {
        self.dropout = check::share("dropout", rate)?;
        Ok(self)
    }

    /// The weight of the divergence from the standard normal. Domain: finite, at least 0.
    /// Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn beta(mut self, beta: f64) -> Result<Self> {
        self.beta = check::non_negative("beta", beta)?;
        Ok(self)
    }

    /// The draws of a code that a row is judged by; 0 judges by the mean of the code alone.
    /// Domain: at most 1000. Default: 10.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn samples(mut self, samples: usize) -> Result<Self> {
        self.samples = check::count("samples", samples, 0, MOST_SAMPLES)?;
        Ok(self)
    }

    /// The activation of the hidden layers. Default: relu.
    #[must_use]
    pub const fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// The activation of the output: linear for standardised columns, sigmoid for those scaled to
    /// [0, 1]. Default: linear.
    #[must_use]
    pub const fn output(mut self, activation: Activation) -> Self {
        self.output = activation;
        self
    }

    fn kind(&self, features: usize) -> Result<Kind> {
        super::check_units(&self.units)?;
        check::non_negative("beta", self.beta)?;
        check::count("samples", self.samples, 0, MOST_SAMPLES)?;
        let (latent, activation) = (
            check::count("latent", self.latent, 1, 4096)?,
            self.activation,
        );
        let rate = check::share("dropout", self.dropout)?;
        let hidden = |&units: &usize| [Layer::Dense { units, activation }, Layer::Dropout { rate }];
        let mut encoder: Vec<Layer> = self.units.iter().flat_map(hidden).collect();
        let mut decoder: Vec<Layer> = self.units.iter().rev().flat_map(hidden).collect();
        encoder.push(Layer::Dense {
            units: 2 * latent,
            activation: Activation::Linear,
        });
        decoder.push(Layer::Dense {
            units: features,
            activation: self.output,
        });
        let shape = |features| Shape { steps: 1, features };
        Ok(Kind::Variational {
            encoder: Plan::new(shape(features), &encoder)?,
            decoder: Plan::new(shape(latent), &decoder)?,
            beta: self.beta,
            samples: self.samples,
        })
    }

    const fn recipe(&self) -> Recipe<'_> {
        Recipe {
            what: "a variational autoencoder",
            training: &self.training,
            scaling: self.scaling,
            threshold: &self.threshold,
            stride: 1,
            combine: Combine::Mean,
        }
    }
}
