use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::real::Real;

/// What the difference `d` of an output and its target costs; of a row, the mean over its features.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The squared error `d^2` (the default).
    #[default]
    Mse,
    /// The absolute error `|d|`.
    Mae,
    /// `d^2 / 2` up to `delta`, from there on `delta (|d| - delta / 2)`.
    Huber {
        /// Where the square ends, in units of the scaled data. Domain: finite, above 0.
        delta: f64,
    },
}

/// The cost of a difference that is not finite, since the network overflowed: more than that of any
/// other, as two `f32` differ by less than 1e39.
const OVERFLOWED: f64 = 1e100;

/// Means of costs above this hold one of an overflow, and no others do.
const MOST: f64 = 1e80;

impl Loss {
    pub(crate) fn validate(self) -> Result<()> {
        match self {
            Self::Huber { delta } if !(delta > 0.0 && delta.is_finite()) => {
                Err(Error::parameter("delta", delta, "finite and above 0"))
            }
            _ => Ok(()),
        }
    }

    /// What the difference `d` costs.
    #[inline(always)]
    pub(crate) fn of<T: Real>(self, d: T) -> T {
        match self {
            Self::Mse => d * d,
            Self::Mae => d.abs(),
            Self::Huber { delta } => {
                let (size, delta, half) = (d.abs(), T::of(delta), T::of(0.5));
                if size <= delta {
                    half * d * d
                } else {
                    delta * (size - half * delta)
                }
            }
        }
    }

    /// How fast the cost grows with `d`.
    #[inline(always)]
    pub(crate) fn slope<T: Real>(self, d: T) -> T {
        let sign = if d > T::ZERO {
            T::ONE
        } else if d < T::ZERO {
            -T::ONE
        } else {
            T::ZERO
        };
        match self {
            Self::Mse => d + d,
            Self::Mae => sign,
            Self::Huber { delta } => {
                let delta = T::of(delta);
                if d.abs() <= delta { d } else { sign * delta }
            }
        }
    }

    /// The cost of a row: the mean over its features.
    pub(crate) fn of_row(self, output: &[f32], target: &[f32]) -> f64 {
        let sum: f64 = self.of_features(output, target).sum();
        sum / output.len().max(1) as f64
    }

    /// The cost of each feature of a row; large but finite where the output overflowed.
    pub(crate) fn of_features(self, output: &[f32], target: &[f32]) -> impl Iterator<Item = f64> {
        let pairs = output.iter().zip(target);
        // Of a number and one that is not, `min` gives the first.
        pairs.map(move |(&y, &x)| self.of(f64::from(y) - f64::from(x)).min(OVERFLOWED))
    }

    /// Whether an error, a mean of costs, is that of an output that overflowed.
    pub(crate) fn is_overflow(error: f64) -> bool {
        error > MOST
    }
}
