use serde::{Deserialize, Serialize};

/// What training reported of one pass over the windows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The mean loss of the training windows, while the weights moved and with dropout.
    pub loss: f64,
    /// The mean loss of the validation windows after it; `None` without any.
    pub validation_loss: Option<f64>,
    /// The learning rate that it was run with.
    pub learning_rate: f64,
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// All epochs were run.
    Finished,
    /// The loss had not improved for as many epochs as the patience allows.
    NoImprovement,
    /// The caller asked for it.
    Cancelled,
}

/// How training went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The passes, first to last.
    pub epochs: Vec<Epoch>,
    /// The number, from 0, of the epoch whose weights were kept; `None` when none was finished.
    pub best: Option<usize>,
    /// Why it ended.
    pub stop: Stop,
}

/// Where training is, for a progress bar; reported after each batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The number of this epoch, from 0.
    pub epoch: usize,
    /// How many there are at most.
    pub epochs: usize,
    /// Batches done in this epoch, from 1.
    pub batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// The mean loss of this epoch's batches so far.
    pub loss: f64,
    /// What the epoch gave, after its last batch.
    pub finished: Option<Epoch>,
}
