use serde::{Deserialize, Serialize};

/// The 0.99 quantile of `|z|` for standard normal `z`.
const NORMAL: f64 = 2.575_829_303_548_901;

/// Step of the quantile's logarithm.
const STEP: f64 = 0.03;

/// How far the tail on one side of what is expected reaches, against a normal one.
///
/// The 0.99 quantile of the deviations on this side, in scales, is tracked by stochastic
/// approximation of its logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Reach(f64);

impl Reach {
    pub(super) const NORMAL: Self = Self(NORMAL);

    /// Takes in a deviation on this side, in scales; a doubtful one has less `weight`.
    pub(super) fn learn(&mut self, u: f64, weight: f64) {
        let step = if u > self.0 { 0.99 * weight } else { -0.01 };
        self.0 = (self.0 * (STEP * step).exp()).clamp(0.5 * NORMAL, 8.0 * NORMAL);
    }

    /// The factor by which the tail stretches the scale, in [1, 8].
    pub(super) fn factor(self) -> f64 {
        (self.0 / NORMAL).max(1.0)
    }

    pub(super) fn is_valid(self) -> bool {
        (0.5 * NORMAL..=8.0 * NORMAL).contains(&self.0)
    }
}
