//! Training: gradients of every layer, Adam, and when to stop.

mod adam;
mod dense;
mod fit;
mod gru;
mod history;
mod lstm;
mod model;
mod samples;
mod stack;

#[cfg(test)]
mod gradients;
#[cfg(test)]
mod reference;

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use crate::check;

pub(crate) use fit::{Task, train};
pub use history::{Epoch, History, Progress, Stop};
pub(crate) use model::{Model, Sequential, Variational};
pub(crate) use samples::Samples;

use crate::Loss;

/// How a network is trained: Adam on shuffled mini-batches, as in Keras and `PyTorch`.
///
/// The last `validation` share of the rows is never trained on, and the scaler does not see it
/// either; the split is by time, not random, since windows of a series overlap. After each epoch the
/// loss there (the training loss without a validation part) decides which weights are the best so
/// far, when the learning rate is reduced and when training stops; the best weights are restored.
///
/// ```
/// use bongsu_neural::{Loss, Training};
/// let training = Training::new().epochs(30)?.learning_rate(3e-3)?.loss(Loss::Mae)?.seed(7);
/// assert!(Training::new().validation(1.5).is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
    pub(crate) learning_rate: f64,
    pub(crate) weight_decay: f64,
    pub(crate) l2: f64,
    pub(crate) loss: Loss,
    pub(crate) validation: f64,
    pub(crate) shuffle: bool,
    pub(crate) patience: usize,
    pub(crate) min_delta: f64,
    pub(crate) reduce_after: usize,
    pub(crate) reduce_factor: f64,
    pub(crate) min_learning_rate: f64,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch: 32,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            l2: 0.0,
            loss: Loss::Mse,
            validation: 0.1,
            shuffle: true,
            patience: 5,
            min_delta: 0.0,
            reduce_after: 3,
            reduce_factor: 0.5,
            min_learning_rate: 1e-5,
            clip_norm: Some(1.0),
            seed: 0,
        }
    }
}

impl Training {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The most passes over the windows. Domain: [1, 100000]. Default: 50.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn epochs(mut self, epochs: usize) -> Result<Self> {
        self.epochs = check::count("epochs", epochs, 1, 100_000)?;
        Ok(self)
    }

    /// The windows of a step. Domain: [1, 4096]. Default: 32.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn batch(mut self, batch: usize) -> Result<Self> {
        self.batch = check::count("batch", batch, 1, 4096)?;
        Ok(self)
    }

    /// The learning rate of Adam, whose other constants are 0.9, 0.999 and 1e-8. Domain: finite,
    /// above 0. Default: 0.001.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn learning_rate(mut self, rate: f64) -> Result<Self> {
        self.learning_rate = check::positive("learning_rate", rate)?;
        Ok(self)
    }

    /// The share of each parameter that a step takes away, times the learning rate: `AdamW`.
    /// Domain: [0, 1). Default: 0, which is Adam.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn weight_decay(mut self, decay: f64) -> Result<Self> {
        self.weight_decay = check::share("weight_decay", decay)?;
        Ok(self)
    }

    /// Adds `l2 / 2` times the sum of the squared weights, biases left out, to the loss that is
    /// minimised (not to the one that is reported). Domain: finite, at least 0. Default: 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn l2(mut self, l2: f64) -> Result<Self> {
        self.l2 = check::non_negative("l2", l2)?;
        Ok(self)
    }

    /// What is minimised, and what the error of a point is. Default: the squared error.
    ///
    /// # Errors
    /// When the `delta` of Huber's loss is outside its domain.
    pub fn loss(mut self, loss: Loss) -> Result<Self> {
        loss.validate()?;
        self.loss = loss;
        Ok(self)
    }

    /// The last share of the rows, held back to judge the training. Domain: [0, 1). Default: 0.1.
    ///
    /// Where that is less than a window, or leaves too few rows to learn from, nothing is held back:
    /// all rows are trained on, and the training loss decides in place of that of the rows held
    /// back. [`History`] then has no validation loss.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn validation(mut self, share: f64) -> Result<Self> {
        self.validation = check::share("validation", share)?;
        Ok(self)
    }

    /// Whether each epoch takes the windows in a new random order. Default: yes.
    #[must_use]
    pub const fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Stops after so many epochs without a better loss; 0 never stops. Domain: at most 100000.
    /// Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn patience(mut self, epochs: usize) -> Result<Self> {
        self.patience = check::count("patience", epochs, 0, 100_000)?;
        Ok(self)
    }

    /// How much lower a loss must be to count as better. Domain: finite, at least 0. Default: 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_delta(mut self, delta: f64) -> Result<Self> {
        self.min_delta = check::non_negative("min_delta", delta)?;
        Ok(self)
    }

    /// Multiplies the learning rate by `factor` after so many epochs without a better loss, but not
    /// below `least`; 0 epochs never do. Domains: at most 100000; (0, 1); finite, above 0.
    /// Default: 3, 0.5, 0.00001.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn reduce_on_plateau(mut self, epochs: usize, factor: f64, least: f64) -> Result<Self> {
        self.reduce_after = check::count("reduce_after", epochs, 0, 100_000)?;
        self.reduce_factor =
            check::positive("reduce_factor", check::share("reduce_factor", factor)?)?;
        self.min_learning_rate = check::positive("min_learning_rate", least)?;
        Ok(self)
    }

    /// Shortens the gradient of all parameters together to this norm where it is longer; `None`
    /// never does. Domain: finite, above 0. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn clip_norm(mut self, norm: Option<f64>) -> Result<Self> {
        self.clip_norm = norm
            .map(|norm| check::positive("clip_norm", norm))
            .transpose()?;
        Ok(self)
    }

    /// The seed of the weights, the order of the windows and dropout (PCG64). Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks all parameters.
    ///
    /// # Errors
    /// When one is outside its domain, which can only be after deserialising.
    pub fn validate(&self) -> Result<()> {
        let reduce = (
            self.reduce_after,
            self.reduce_factor,
            self.min_learning_rate,
        );
        Self::new()
            .epochs(self.epochs)?
            .batch(self.batch)?
            .learning_rate(self.learning_rate)?
            .weight_decay(self.weight_decay)?
            .l2(self.l2)?
            .loss(self.loss)?
            .validation(self.validation)?
            .patience(self.patience)?
            .min_delta(self.min_delta)?
            .reduce_on_plateau(reduce.0, reduce.1, reduce.2)?
            .clip_norm(self.clip_norm)
            .map(drop)
    }
}
