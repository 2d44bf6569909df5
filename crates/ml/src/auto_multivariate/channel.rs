//! One metric among several, in units of its own.

use bongsu_stats::robust::{MAD_TO_STD, median};
use serde::{Deserialize, Serialize};

/// Below this share of the standard deviation the MAD does not tell the scale.
const LEAST_MAD: f64 = 0.05;

/// Scales below this share of the centre are rounding.
const RESOLUTION: f64 = 1e-12;

/// The squashed value of a dead channel that moves.
const MOVED: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Channel {
    center: f64,
    /// 0 for a channel that was constant.
    scale: f64,
}

impl Channel {
    pub(super) fn of(values: &[f64]) -> Self {
        let center = median(values);
        // Halves, so that no distance overflows.
        let halves: Vec<f64> = values.iter().map(|x| x / 2.0 - center / 2.0).collect();
        let distances: Vec<f64> = halves.iter().map(|d| d.abs()).collect();
        let mad = MAD_TO_STD * median(&distances);
        let largest = distances.iter().fold(0.0_f64, |m, d| m.max(*d));
        let n = values.len().max(1) as f64;
        let deviation = if largest > 0.0 {
            let mean: f64 = halves.iter().map(|d| d / largest / n).sum();
            let square: f64 = (halves.iter())
                .map(|d| (d / largest - mean).powi(2) / n)
                .sum();
            largest * square.sqrt()
        } else {
            0.0
        };
        let half = if mad > LEAST_MAD * deviation {
            mad
        } else {
            deviation
        };
        let is_dead = half <= RESOLUTION * center.abs() || half < f64::MIN_POSITIVE;
        let scale = if is_dead { 0.0 } else { half };
        Self { center, scale }
    }

    /// The robust z-score on a logarithmic scale.
    pub(super) fn squash(&self, x: f64) -> f64 {
        let half = x / 2.0 - self.center / 2.0;
        if self.scale > 0.0 {
            let z = (half / self.scale).clamp(-f64::MAX, f64::MAX);
            return z.signum() * z.abs().ln_1p();
        }
        if half.abs() <= RESOLUTION * self.center.abs() {
            0.0
        } else {
            MOVED * half.signum()
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.center.is_finite() && self.scale.is_finite() && self.scale >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_do_not_matter_and_dead_channels_stay_silent() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i * 7 % 19)).collect();
        let scaled: Vec<f64> = values.iter().map(|x| 1e-9 * x + 1.0).collect();
        let (one, other) = (Channel::of(&values), Channel::of(&scaled));
        assert!((one.squash(40.0) - other.squash(1.0 + 40e-9)).abs() < 1e-6);
        let dead = Channel::of(&[7.0; 50]);
        assert_eq!(
            (dead.squash(7.0), dead.squash(8.0), dead.squash(-1e300)),
            (0.0, 1.0, -1.0)
        );
        let rare: Vec<f64> = (0..100).map(|i| if i == 3 { 5.0 } else { 0.0 }).collect();
        assert!(Channel::of(&rare).squash(5.0) > 1.0);
        let huge = Channel::of(&[1e308, -1e308, 1e308, -1e308]);
        assert!(huge.squash(f64::MAX).is_finite());
    }
}
