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

/// Configuration of the forecasting recurrent network: foretells each row from those before it; what
/// it fails to foretell is anomalous.
///
/// With units `50, 25`: LSTM 50, dropout, LSTM 25 (the last state alone), and a dense layer. The
/// error of a row is the loss of its forecast in scaled values, the score the error divided by the
/// threshold. Only the past is used; the first `sequence` rows get the median error.
///
/// Rows are consecutive observations. Cost: O(epochs n s w) time for `n` rows, `s` steps and `w`
/// weights, O(s w) a scored row. Memory: as [`LstmAutoencoder`](crate::LstmAutoencoder).
///
/// Source: Malhotra et al. 2015, *Long short term memory networks for anomaly detection in time
/// series*; Hundman et al. 2018, <https://doi.org/10.1145/3219819.3219845>.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_neural::{LstmForecaster, Training};
/// let mut wave = Array2::from_shape_fn((300, 1), |(i, _)| (i as f64 * 0.5).sin());
/// let config = LstmForecaster::new().sequence(12)?.units(vec![16])?;
/// let config = config.training(Training::new().epochs(4)?);
/// let fitted = config.fit(wave.view())?;
/// wave[[200, 0]] += 4.0;
/// let scores = fitted.score(wave.view())?;
/// assert!(scores[200] > 1.0 && (0..200).all(|i| scores[i] < scores[200]));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LstmForecaster {
    sequence: usize,
    units: Vec<usize>,
    cell: Cell,
    dropout: f64,
    training: Training,
    scaling: Scaling,
    threshold: Calibration,
}

impl Default for LstmForecaster {
    fn default() -> Self {
        Self {
            sequence: 60,
            units: vec![50, 25],
            cell: Cell::Lstm,
            dropout: 0.2,
            training: Training::default(),
            scaling: Scaling::Standard,
            threshold: Calibration::Contamination(0.1),
        }
    }
}

shared!(LstmForecaster);

impl LstmForecaster {
    /// The rows that a forecast is made from. Domain: [1, 4096]. Default: 60.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn sequence(mut self, rows: usize) -> Result<Self> {
        self.sequence = check::count("sequence", rows, 1, MOST_STEPS)?;
        Ok(self)
    }

    /// The sizes of the recurrent layers. Domain: 1 to 16 of them, each in [1, 4096].
    /// Default: 50, 25.
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

    /// The share of numbers that are set to zero in training, after each recurrent layer but the
    /// last. Domain: [0, 1). Default: 0.2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn dropout(mut self, rate: f64) -> Result<Self> {
        self.dropout = check::share("dropout", rate)?;
        Ok(self)
    }

    /// The layers for so many columns.
    ///
    /// # Errors
    /// When a number is outside its domain.
    pub fn layers(&self, features: usize) -> Result<Vec<Layer>> {
        super::check_units(&self.units)?;
        let rate = check::share("dropout", self.dropout)?;
        let mut layers = Vec::new();
        let (&last, outer) = self.units.split_last().unwrap_or((&1, &[]));
        for &units in outer {
            layers.extend([self.cell.layer(units, true), Layer::Dropout { rate }]);
        }
        layers.push(self.cell.layer(last, false));
        layers.push(Layer::Dense {
            units: features,
            activation: Activation::Linear,
        });
        Ok(layers)
    }

    fn kind(&self, features: usize) -> Result<Kind> {
        let steps = check::count("sequence", self.sequence, 1, MOST_STEPS)?;
        let input = Shape { steps, features };
        Ok(Kind::Forecast(Plan::new(input, &self.layers(features)?)?))
    }

    const fn recipe(&self) -> Recipe<'_> {
        Recipe {
            what: "a forecasting network",
            training: &self.training,
            scaling: self.scaling,
            threshold: &self.threshold,
            stride: 1,
            combine: Combine::Causal,
        }
    }
}
