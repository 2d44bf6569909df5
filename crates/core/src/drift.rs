use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::Result;

/// What a drift detector says after a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// The distribution is as it was.
    Stable,
    /// It may be changing: keep recent data aside.
    Warning,
    /// It has changed: retrain.
    Drift,
}

/// Watches a stream of numbers (errors, scores, residuals) for a change of their distribution.
pub trait DriftDetector: Debug + Send {
    /// Takes in `x` and says whether the distribution has changed.
    ///
    /// # Errors
    /// When `x` is NaN or infinite, or outside the detector's documented domain; the state is left
    /// unchanged.
    fn update(&mut self, x: f64) -> Result<Drift>;

    /// Forgets everything seen.
    fn reset(&mut self);
}
