use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Calibration, FitDetector, Result, Rows};

use super::OnnxNetwork;
use crate::detect::{Combine, FittedNetwork, Recipe};
use crate::{Loss, Scaler, Scaling, Training, check};

/// A network of an ONNX file as a detector: rows, or stretches of them, that it does not give back.
///
/// The network stays as it is; the rows that it is fitted on set the scaler, unless it is given, and
/// the threshold, as those of an [`Autoencoder`](crate::Autoencoder) or an
/// [`LstmAutoencoder`](crate::LstmAutoencoder) do. With feature `onnx` alone.
///
/// Cost of fitting: a pass of the network over the rows. Memory: see [`OnnxNetwork`].
///
/// ```no_run
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_neural::{OnnxDetector, OnnxNetwork};
/// let bytes = std::fs::read("autoencoder.onnx").unwrap();
/// let normal = Array2::from_shape_fn((500, 3), |(i, j)| (i as f64 * 0.3 + j as f64).sin());
/// let fitted = OnnxDetector::new(OnnxNetwork::read(&bytes)?).fit(normal.view())?;
/// let scores = fitted.score(normal.view())?;
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxDetector {
    network: OnnxNetwork,
    scaling: Scaling,
    scaler: Option<Scaler>,
    loss: Loss,
    threshold: Calibration,
    validation: f64,
    stride: usize,
    combine: Combine,
}

impl OnnxDetector {
    /// The defaults, around `network`.
    #[must_use]
    pub const fn new(network: OnnxNetwork) -> Self {
        Self {
            network,
            scaling: Scaling::Standard,
            scaler: None,
            loss: Loss::Mse,
            threshold: Calibration::Contamination(0.1),
            validation: 0.1,
            stride: 1,
            combine: Combine::Mean,
        }
    }

    /// How the columns are scaled. Default: standard.
    #[must_use]
    pub const fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// The scaler that the network was trained with, in place of one fitted on the rows.
    #[must_use]
    pub fn scaler(mut self, scaler: Scaler) -> Self {
        self.scaler = Some(scaler);
        self
    }

    /// What the error of a point is. Default: the squared error.
    ///
    /// # Errors
    /// When the `delta` of Huber's loss is outside its domain.
    pub fn loss(mut self, loss: Loss) -> Result<Self> {
        loss.validate()?;
        self.loss = loss;
        Ok(self)
    }

    /// Which error scores 1: a quantile of the errors of all rows given (`Contamination`), extreme
    /// value theory on them (`PeaksOverThreshold`), an error of the scaled values (`Threshold`), or
    /// conformal on the rows held back by [`OnnxDetector::validation`] (`FalseAlarmRate`). Default: a
    /// contamination of 0.1.
    #[must_use]
    pub const fn threshold(mut self, threshold: Calibration) -> Self {
        self.threshold = threshold;
        self
    }

    /// The last share of the rows, which the scaler does not see and a conformal threshold is set by.
    /// Domain: [0, 1). Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn validation(mut self, share: f64) -> Result<Self> {
        self.validation = check::share("validation", share)?;
        Ok(self)
    }

    /// The rows from one window to the next. Domain: from 1 to the steps of the network. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn stride(mut self, stride: usize) -> Result<Self> {
        self.stride = check::count("stride", stride, 1, self.network.input().steps)?;
        Ok(self)
    }

    /// How the error of a point follows from the windows that cover it. Default: their mean.
    #[must_use]
    pub const fn combine(mut self, combine: Combine) -> Self {
        self.combine = combine;
        self
    }

    fn fitted(&self, x: &ArrayView2<'_, f64>) -> Result<(FittedNetwork, Vec<f64>)> {
        let training = Training::new()
            .loss(self.loss)?
            .validation(self.validation)?;
        let recipe = Recipe {
            what: "a network of an ONNX file",
            training: &training,
            scaling: self.scaling,
            threshold: &self.threshold,
            stride: self.stride,
            combine: self.combine,
        };
        recipe.fit_onnx(&self.network, self.scaler.as_ref(), x)
    }
}

impl FitDetector for OnnxDetector {
    type Fitted = FittedNetwork;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedNetwork> {
        Ok(self.fitted(&x)?.0)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedNetwork, Vec<f64>)> {
        self.fitted(&rows.values())
    }
}
