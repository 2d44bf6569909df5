use std::ops::ControlFlow;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Calibration, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use super::fit::{Kind, Recipe};
use super::settings::shared;
use super::{Cell, Combine, FittedNetwork};
use crate::layer::MOST_STEPS;
use crate::network::Plan;
use crate::{Activation, Layer, Progress, Scaling, Shape, Training, Weights, check};

/// Configuration of the recurrent autoencoder: a network that has to give a stretch of a series back
/// from the last hidden state fails at stretches unlike those that it was trained on.
///
/// With units `50, 25`: LSTM 50, dropout, LSTM 25 (the last state alone), repeated for each step,
/// LSTM 25, LSTM 50, and a dense layer of each step. [`LstmAutoencoder::cell`] puts GRUs in their
/// places. The error of a point is its loss in scaled values in the windows that cover it, see
/// [`Combine`]; the score is the error divided by the threshold.
///
/// Rows are consecutive observations. Cost: O(epochs n s w / stride) time for `n` rows, `s` steps and
/// `w` weights, O(s w / stride) a scored row. Memory: 4 bytes a weight; while training 40 bytes a
/// weight and some 50 bytes a step, unit and window of a batch.
///
/// Source: Malhotra et al. 2016, <https://arxiv.org/abs/1607.00148>; Srivastava, Mansimov &
/// Salakhutdinov 2015, <https://arxiv.org/abs/1502.04681>.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_neural::{LstmAutoencoder, Training};
/// let mut wave = Array2::from_shape_fn((300, 1), |(i, _)| (i as f64 * 0.5).sin());
/// let config = LstmAutoencoder::new().sequence(12)?.units(vec![16, 8])?;
/// let config = config.training(Training::new().epochs(4)?);
/// let fitted = config.fit(wave.view())?;
/// wave[[200, 0]] += 4.0;
/// let scores = fitted.score(wave.view())?;
/// assert!((0..300).all(|i| scores[i] <= scores[200]));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LstmAutoencoder {
    sequence: usize,
    units: Vec<usize>,
    cell: Cell,
    dropout: f64,
    stride: usize,
    combine: Combine,
    output: Activation,
    training: Training,
    scaling: Scaling,
    threshold: Calibration,
}

impl Default for LstmAutoencoder {
    fn default() -> Self {
        Self {
            sequence: 60,
            units: vec![50, 25],
            cell: Cell::Lstm,
            dropout: 0.2,
            stride: 1,
            combine: Combine::Mean,
            output: Activation::Linear,
            training: Training::default(),
            scaling: Scaling::Standard,
            threshold: Calibration::Contamination(0.1),
        }
    }
}

shared!(LstmAutoencoder);

impl LstmAutoencoder {
    /// The rows of a window. Domain: [2, 4096]. Default: 60.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn sequence(mut self, rows: usize) -> Result<Self> {
        self.sequence = check::count("sequence", rows, 2, MOST_STEPS)?;
        Ok(self)
    }

    /// The sizes of the recurrent layers from the input to the code; those to the output mirror
    /// them. Domain: 1 to 16 of them, each in [1, 4096]. Default: 50, 25.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn units(mut self, units: Vec<usize>) -> Result<Self> {
        super::check_units(&units)?;
        self.units = units;
        Ok(self)
    }

    /// The cell of the recurrent layers. Default: LSTM.
    #[must_use]
    pub const fn cell(mut self, cell: Cell) -> Self {
        self.cell = cell;
        self
    }

    /// The share of numbers that are set to zero in training, after each recurrent layer before the
    /// code. Domain: [0, 1). Default: 0.2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn dropout(mut self, rate: f64) -> Result<Self> {
        self.dropout = check::share("dropout", rate)?;
        Ok(self)
    }

    /// The rows from one window to the next, in training and in scoring (where points are judged by
    /// the past alone, every window is scored). Domain: [1, 4096], at most `sequence`. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn stride(mut self, rows: usize) -> Result<Self> {
        self.stride = check::count("stride", rows, 1, MOST_STEPS)?;
        Ok(self)
    }

    /// How the error of a point follows from the windows that cover it. Default: their mean.
    #[must_use]
    pub const fn combine(mut self, combine: Combine) -> Self {
        self.combine = combine;
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
        let mut layers = Vec::new();
        let (&code, outer) = self.units.split_last().unwrap_or((&1, &[]));
        for &units in outer {
            layers.extend([self.cell.layer(units, true), Layer::Dropout { rate }]);
        }
        layers.push(self.cell.layer(code, false));
        layers.push(Layer::Repeat {
            times: self.sequence,
        });
        layers.push(self.cell.layer(code, true));
        for &units in outer.iter().rev() {
            layers.push(self.cell.layer(units, true));
        }
        layers.push(Layer::Dense {
            units: features,
            activation: self.output,
        });
        Ok(layers)
    }

    fn kind(&self, features: usize) -> Result<Kind> {
        let steps = check::count("sequence", self.sequence, 2, MOST_STEPS)?;
        check::count("stride", self.stride, 1, steps)?;
        let input = Shape { steps, features };
        Ok(Kind::Reconstruction(Plan::new(
            input,
            &self.layers(features)?,
        )?))
    }

    const fn recipe(&self) -> Recipe<'_> {
        Recipe {
            what: "a recurrent autoencoder",
            training: &self.training,
            scaling: self.scaling,
            threshold: &self.threshold,
            stride: self.stride,
            combine: self.combine,
        }
    }
}
