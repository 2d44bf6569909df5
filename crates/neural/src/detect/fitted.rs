use bongsu_core::ndarray::{ArrayView2, Axis, Slice};
use bongsu_core::{Detector, Error, Expectation, Result, Rows, Snapshot};
use serde::{Deserialize, Serialize};

use super::errors::{Errors, Model};
use super::{Combine, LiveNetwork};
use crate::check;
use crate::{History, Loss, Network, Scaler, Scratch, Weights};

/// A trained network with its scaler and its threshold: what every detector of this crate becomes.
///
/// The score of a row is its error (see [`Loss`]) divided by the threshold, so that 1 is the bound.
/// A row at which the network overflows scores higher than any other, and still finite.
///
/// Memory: that of the networks, 16 bytes a column, and 40 bytes an epoch of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedNetwork {
    pub(super) model: Model,
    pub(super) scaler: Scaler,
    pub(super) loss: Loss,
    pub(super) stride: usize,
    pub(super) combine: Combine,
    /// The mean error that scores 1.
    pub(super) bound: f64,
    /// The same where a row is judged by the window that ends with it.
    pub(super) causal_bound: f64,
    /// The median error.
    pub(super) neutral: f64,
    pub(super) history: Option<History>,
}

impl FittedNetwork {
    /// A detector around a network that was trained elsewhere, which gives its input again: rows,
    /// or sequences of rows, scaled by `scaler`. Errors above `threshold` score above 1.
    ///
    /// # Errors
    /// When the network gives another shape than it takes, the scaler has another number of columns,
    /// or the threshold is not finite and above 0.
    pub fn reconstruction(
        network: Network,
        scaler: Scaler,
        loss: Loss,
        threshold: f64,
    ) -> Result<Self> {
        Self::around(Model::Reconstruction(network), scaler, loss, threshold)
    }

    /// A detector around a network that was trained elsewhere, which foretells the row after its
    /// input; see [`FittedNetwork::reconstruction`].
    ///
    /// # Errors
    /// As [`FittedNetwork::reconstruction`].
    pub fn forecast(network: Network, scaler: Scaler, loss: Loss, threshold: f64) -> Result<Self> {
        Self::around(Model::Forecast(network), scaler, loss, threshold)
    }

    fn around(model: Model, scaler: Scaler, loss: Loss, threshold: f64) -> Result<Self> {
        let fitted = Self {
            model,
            scaler,
            loss,
            stride: 1,
            combine: Combine::Mean,
            bound: check::positive("threshold", threshold)?,
            causal_bound: threshold,
            neutral: 0.0,
            history: None,
        };
        fitted.validate()?;
        Ok(fitted)
    }

    /// A detector around a network of an ONNX file, which gives its input again; see
    /// [`FittedNetwork::reconstruction`]. An [`OnnxDetector`](crate::OnnxDetector) learns scaler and
    /// threshold from rows.
    ///
    /// # Errors
    /// As [`FittedNetwork::reconstruction`].
    #[cfg(feature = "onnx")]
    pub fn onnx(
        network: crate::OnnxNetwork,
        scaler: Scaler,
        loss: Loss,
        threshold: f64,
    ) -> Result<Self> {
        Self::around(Model::Onnx(network), scaler, loss, threshold)
    }

    /// The same detector with another way to combine windows, and the threshold of that way. A
    /// detector fitted by [`Combine::Mean`] has one for each; any other has a single one, which stays.
    #[must_use]
    pub const fn combine(mut self, combine: Combine) -> Self {
        self.combine = combine;
        self
    }

    /// The rows of a window: 1 where each row is judged by itself.
    #[must_use]
    pub const fn window(&self) -> usize {
        self.model.input().steps
    }

    /// Its networks by name: `network`, or `encoder` and `decoder` of a variational autoencoder;
    /// none where the network is that of an ONNX file.
    #[must_use]
    pub fn networks(&self) -> Vec<(&'static str, &Network)> {
        self.model.networks()
    }

    /// The weights of its networks by name, for use elsewhere; see [`Weights`]. Of a network of an
    /// ONNX file none: they are in that file.
    #[must_use]
    pub fn weights(&self) -> Weights {
        match &self.model {
            Model::Reconstruction(network) | Model::Forecast(network) => Weights::of(network),
            Model::Variational {
                encoder, decoder, ..
            } => Weights::of_parts(&[("encoder.", encoder), ("decoder.", decoder)]),
            #[cfg(feature = "onnx")]
            Model::Onnx(_) => Weights::of_parts(&[]),
        }
    }

    /// How its columns are scaled.
    #[must_use]
    pub const fn scaler(&self) -> &Scaler {
        &self.scaler
    }

    /// What the error of a row is.
    #[must_use]
    pub const fn loss(&self) -> Loss {
        self.loss
    }

    /// The error that scores 1, of the way to combine windows that is set.
    #[must_use]
    pub const fn error_threshold(&self) -> f64 {
        match self.combine {
            Combine::Mean => self.bound,
            Combine::Causal => self.causal_bound,
        }
    }

    /// How training went; `None` for networks that were trained elsewhere.
    #[must_use]
    pub const fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    /// The bytes that it holds on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let networks: usize = self.networks().iter().map(|(_, n)| n.heap_bytes()).sum();
        let epochs = self.history.as_ref().map_or(0, |h| h.epochs.capacity());
        let scales = self.scaler.center.capacity() + self.scaler.scale.capacity();
        #[cfg(feature = "onnx")]
        let networks = match &self.model {
            Model::Onnx(network) => network.heap_bytes(),
            _ => networks,
        };
        networks + epochs * size_of::<crate::Epoch>() + scales * size_of::<f64>()
    }

    /// A judge of points as they come, one at a time. It does not learn: the weights, the scaler
    /// and the threshold stay as they are.
    #[must_use]
    pub fn live(self) -> LiveNetwork {
        LiveNetwork::new(std::sync::Arc::new(self))
    }

    /// The scores of the last rows of many pieces, for example of as many series: piece after piece
    /// in `pieces`, each of [`FittedNetwork::piece`] consecutive rows, which follow one another too.
    /// Each is judged by its own piece alone. Allocates 4 bytes a number; the rest is in `scratch`.
    ///
    /// ```
    /// use bongsu_core::{FitDetector as _, ndarray::Array2};
    /// use bongsu_neural::{LstmAutoencoder, Scratch, Training};
    /// let wave = Array2::from_shape_fn((200, 1), |(i, _)| (i as f64 * 0.5).sin());
    /// let training = Training::new().epochs(2)?;
    /// let config = LstmAutoencoder::new().sequence(4)?.units(vec![8])?.training(training);
    /// let fitted = config.fit(wave.view())?;
    /// let pieces = [0.1, 0.5, 0.8, 1.0, /* another series */ 0.1, 0.5, 0.8, 9.0];
    /// let mut scores = [0.0; 2];
    /// fitted.score_pieces(&pieces, &mut scores, &mut Scratch::default())?;
    /// assert!(scores[1] > scores[0]);
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When `pieces` does not hold as many pieces as `scores` has places, or a value is not finite.
    pub fn score_pieces(
        &self,
        pieces: &[f64],
        scores: &mut [f64],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (rows, features) = (self.piece(), self.n_features());
        let needed = scores.len().saturating_mul(rows * features);
        if pieces.len() != needed {
            return Err(Error::shape("length of the pieces", pieces.len(), needed));
        }
        if let Some(&bad) = pieces.iter().find(|value| !value.is_finite()) {
            return Err(Error::non_finite("a value of the pieces", bad));
        }
        let lines = pieces.chunks_exact(features);
        let table = lines.flat_map(|line| self.scaler.scaled(line.iter().copied()));
        let table: Vec<f32> = table.collect();
        let mut sums = vec![(0.0, 0_u32); scores.len()];
        self.model
            .judge(&table, rows, scratch, &mut |row, expected, found| {
                if let Some((sum, count)) =
                    sums.get_mut(row / rows).filter(|_| row % rows == rows - 1)
                {
                    *sum += self.loss.of_row(expected, found);
                    *count += 1;
                }
            })?;
        for (score, (sum, count)) in scores.iter_mut().zip(sums) {
            *score = self.live_score_of(sum / f64::from(count));
        }
        Ok(())
    }

    /// The consecutive rows that one judgement needs: those of a window, and one more where the
    /// network foretells.
    #[must_use]
    pub const fn piece(&self) -> usize {
        self.model.rows()
    }

    /// How much each feature of the last row of `rows` contributes to its error: as many numbers of
    /// at least 0 as features. `rows` are [`FittedNetwork::piece`] consecutive rows.
    ///
    /// # Errors
    /// When `rows` has another shape, or a value is not finite.
    pub fn contributions_of_last(&self, rows: &ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        if rows.ncols() != self.n_features() {
            return Err(Error::shape(
                "number of features",
                rows.ncols(),
                self.n_features(),
            ));
        }
        if rows.nrows() != self.model.rows() {
            return Err(Error::shape(
                "number of rows",
                rows.nrows(),
                self.model.rows(),
            ));
        }
        check::finite(rows)?;
        self.shares_of_last(&self.scaler.table(rows), &mut Scratch::default())
    }

    pub(super) fn shares_of_last(&self, table: &[f32], scratch: &mut Scratch) -> Result<Vec<f64>> {
        let mut shares = vec![0.0; self.n_features()];
        let last = self.model.rows() - 1;
        self.model
            .judge(table, 1, scratch, &mut |row, expected, found| {
                if row == last {
                    let errors = self.loss.of_features(expected, found);
                    for (share, error) in shares.iter_mut().zip(errors) {
                        *share += error;
                    }
                }
            })?;
        Ok(shares)
    }

    /// The score of an error; of the median one where there is none.
    pub(super) fn score_of(&self, error: f64) -> f64 {
        let error = if error.is_nan() { self.neutral } else { error };
        (error / self.error_threshold()).min(f64::MAX)
    }

    /// The score of the error of a row in the window that ends with it.
    pub(super) fn live_score_of(&self, error: f64) -> f64 {
        (error / self.causal_bound).min(f64::MAX)
    }
}

impl Detector for FittedNetwork {
    fn n_features(&self) -> usize {
        self.scaler.features()
    }

    /// Takes 4 bytes a number for the scaled rows, 24 bytes a row, and a [`Scratch`].
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        if x.ncols() != self.n_features() {
            return Err(Error::shape(
                "number of features",
                x.ncols(),
                self.n_features(),
            ));
        }
        if out.len() != x.nrows() {
            return Err(Error::shape("length of the output", out.len(), x.nrows()));
        }
        check::finite(&x)?;
        if x.nrows() < self.model.rows() {
            let (needed, found) = (self.model.rows(), x.nrows());
            return Err(Error::not_enough_data("a window", needed, found));
        }
        let table = self.scaler.table(&x);
        // What is judged by the past alone needs every window.
        let stride = match self.combine {
            Combine::Mean => self.stride,
            Combine::Causal => 1,
        };
        let errors = Errors::of(
            &self.model,
            self.loss,
            &table,
            stride,
            &mut Scratch::default(),
        )?;
        for (slot, error) in out.iter_mut().zip(errors.combined(self.combine)) {
            *slot = self.score_of(error);
        }
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(1.0)
    }

    /// Of networks that foretell a single column; not a number for the first rows, before which
    /// there is no window.
    fn expectations(&self, rows: &Rows<'_>) -> Result<Option<Vec<Expectation>>> {
        let x = rows.values();
        if !self.has_bands() {
            return Ok(None);
        }
        if x.ncols() != 1 {
            return Err(Error::shape("number of features", x.ncols(), 1));
        }
        check::finite(&x)?;
        let table = self.scaler.table(&x);
        self.bands(&table, &mut Scratch::default()).map(Some)
    }

    /// Of networks that judge each row by itself; for sequences see
    /// [`FittedNetwork::contributions_of_last`].
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(row, self.n_features())?;
        if self.model.rows() > 1 {
            return Ok(None);
        }
        let table: Vec<f32> = self.scaler.scaled(row.iter().copied()).collect();
        self.shares_of_last(&table, &mut Scratch::default())
            .map(Some)
    }

    /// By the window that ends with the row.
    fn contributions_at(&self, rows: &Rows<'_>, place: usize) -> Result<Option<Vec<f64>>> {
        if place >= rows.len() {
            return Err(Error::shape("rows", rows.len(), place.saturating_add(1)));
        }
        let Some(from) = (place + 1).checked_sub(self.model.rows()) else {
            return Ok(None);
        };
        let values = rows.values();
        let window = values.slice_axis(Axis(0), Slice::from(from..=place));
        self.contributions_of_last(&window).map(Some)
    }
}

impl Snapshot for FittedNetwork {
    const KIND: &'static str = "neural.detector";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.scaler.validate()?;
        self.model.validate()?;
        self.loss.validate()?;
        if self.scaler.features() != self.model.input().features {
            let (found, expected) = (self.scaler.features(), self.model.input().features);
            return Err(Error::shape(
                "number of columns of the scaler",
                found,
                expected,
            ));
        }
        let is_bound = |bound: f64| bound.is_finite() && bound > 0.0;
        let fits = is_bound(self.bound)
            && is_bound(self.causal_bound)
            && self.neutral.is_finite()
            && self.neutral >= 0.0
            && (1..=crate::layer::MOST_STEPS).contains(&self.stride);
        if !fits {
            return Err(Error::snapshot(
                "the threshold or the stride is outside its domain",
            ));
        }
        Ok(())
    }
}
