use std::ops::ControlFlow;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Calibration, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use super::fit::{Kind, Recipe};
use super::settings::shared;
use super::{Combine, FittedNetwork};
use crate::network::Plan;
use crate::{Activation, Layer, Progress, Scaling, Shape, Training, Weights, check};

/// Configuration of the dense autoencoder: a network that has to give each row back through a
/// narrow code fails at rows unlike those that it was trained on.
///
/// With units `64, 32`: input, 64 (relu), dropout, 32 (relu), 64 (relu), dropout, output. The error
/// of a row is its loss in scaled values, the score the error divided by the threshold.
///
/// Cost: O(epochs n w) time for `n` rows and `w` weights, O(w) a scored row. Memory: 4 bytes a
/// number of the rows and some 40 bytes a weight while training; 4 bytes a weight then.
///
/// Source: Hinton & Salakhutdinov 2006, <https://doi.org/10.1126/science.1127647>; Sakurada & Yairi
/// 2014, <https://doi.org/10.1145/2689746.2689747>.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_neural::{Activation, Autoencoder, Training};
/// // The second metric is twice the first.
/// let rows = Array2::from_shape_fn((200, 2), |(i, j)| (1 + j) as f64 * (i as f64 * 0.3).sin());
/// let config = Autoencoder::new().units(vec![16, 1])?.activation(Activation::Tanh).dropout(0.0)?;
/// let fitted = config.training(Training::new().epochs(100)?).fit(rows.view())?;
/// let new = Array2::from_shape_vec((2, 2), vec![0.5, 1.0, 0.9, -1.8]).unwrap();
/// let scores = fitted.score(new.view())?;
/// assert!(scores[1] > 1.0 && scores[1] > 5.0 * scores[0], "{scores:?}");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Autoencoder {
    units: Vec<usize>,
    dropout: f64,
    activation: Activation,
    output: Activation,
    training: Training,
    scaling: Scaling,
    threshold: Calibration,
}

impl Default for Autoencoder {
    fn default() -> Self {
        Self {
            units: vec![64, 32],
            dropout: 0.2,
            activation: Activation::Relu,
            output: Activation::Linear,
            training: Training::default(),
            scaling: Scaling::Standard,
            threshold: Calibration::Contamination(0.1),
        }
    }
}

shared!(Autoencoder);

impl Autoencoder {
    /// The sizes of the layers from the input to the code; those to the output mirror them. Domain:
    /// 1 to 16 of them, each in [1, 65536]. Default: 64, 32.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn units(mut self, units: Vec<usize>) -> Result<Self> {
        super::check_units(&units)?;
        self.units = units;
        Ok(self)
    }

    /// The share of a hidden layer's numbers that are set to zero in training, after each hidden
    /// layer but the code. Domain: [0, 1). Default: 0.2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn dropout(mut self, rate: f64) -> Result<Self> {
        self.dropout = check::share("dropout", rate)?;
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

    /// The layers for so many columns.
    ///
    /// # Errors
    /// When a number is outside its domain.
    pub fn layers(&self, features: usize) -> Result<Vec<Layer>> {
        super::check_units(&self.units)?;
        let rate = check::share("dropout", self.dropout)?;
        let activation = self.activation;
        let hidden = |&units: &usize| Layer::Dense { units, activation };
        let mut layers = Vec::new();
        let (code, outer) = self.units.split_last().unwrap_or((&1, &[]));
        for units in outer {
            layers.extend([hidden(units), Layer::Dropout { rate }]);
        }
        layers.push(hidden(code));
        for units in outer.iter().rev() {
            layers.extend([hidden(units), Layer::Dropout { rate }]);
        }
        layers.push(Layer::Dense {
            units: features,
            activation: self.output,
        });
        Ok(layers)
    }

    fn kind(&self, features: usize) -> Result<Kind> {
        let input = Shape { steps: 1, features };
        Ok(Kind::Reconstruction(Plan::new(
            input,
            &self.layers(features)?,
        )?))
    }

    const fn recipe(&self) -> Recipe<'_> {
        Recipe {
            what: "an autoencoder",
            training: &self.training,
            scaling: self.scaling,
            threshold: &self.threshold,
            stride: 1,
            combine: Combine::Mean,
        }
    }
}
