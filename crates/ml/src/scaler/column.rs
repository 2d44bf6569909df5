use bongsu_stats::robust::quantile_sorted;
use serde::{Deserialize, Serialize};

use super::Scaler;

/// Outside these magnitudes squares and differences may leave the range of floats.
const PLAIN: std::ops::Range<f64> = 1e-150..1e150;

/// What is subtracted from a column and by what it is divided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    /// A power of two that brings extreme columns near 1.
    unit: f64,
    /// A value of the column, times the unit: subtracting it is exact for values nearby.
    shift: f64,
    /// From the shift to the center.
    offset: f64,
    /// Finite and above 0.
    scale: f64,
}

impl Column {
    /// Learns from `values`, at least one, all finite; reorders them.
    pub(super) fn learn(scaler: Scaler, values: &mut [f64]) -> Self {
        let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        let unit = if scaler == Scaler::None || largest == 0.0 || PLAIN.contains(&largest) {
            1.0
        } else {
            inverse_power(largest)
        };
        values.iter_mut().for_each(|x| *x *= unit);
        let (shift, offset, scale) = match scaler {
            Scaler::None => (0.0, 0.0, 1.0),
            Scaler::Standard => standard(values),
            Scaler::MinMax => {
                let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                (least, 0.0, most - least)
            }
            Scaler::Robust => robust(values),
        };
        Self {
            unit,
            shift,
            offset,
            scale: if scale > 0.0 { scale } else { 1.0 },
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        let power_of_two = self.unit.is_normal() && self.unit.to_bits() << 12 == 0;
        power_of_two
            && self.unit > 0.0
            && self.shift.is_finite()
            && self.offset.is_finite()
            && self.scale.is_finite()
            && self.scale > 0.0
    }

    /// The scaled value; at the end of the range of floats where it would leave it.
    #[inline]
    pub(super) fn transform(&self, x: f64) -> f64 {
        let z = ((x * self.unit - self.shift) - self.offset) / self.scale;
        z.clamp(-f64::MAX, f64::MAX)
    }

    /// The value whose scaled form is `z`; infinities stay.
    #[inline]
    pub(super) fn inverse(&self, z: f64) -> f64 {
        ((z * self.scale + self.offset) + self.shift) / self.unit
    }

    /// The center and the scale in the unit of the column.
    pub(super) fn center_and_scale(&self) -> (f64, f64) {
        (
            (self.shift + self.offset) / self.unit,
            self.scale / self.unit,
        )
    }
}

/// Two passes over deviations from the first value; the second corrects the mean of the first.
fn standard(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len() as f64;
    let shift = values.first().copied().unwrap_or(0.0);
    let mean = values.iter().map(|x| x - shift).sum::<f64>() / n;
    let (mut rest, mut squares) = (0.0, 0.0);
    for x in values {
        let deviation = (x - shift) - mean;
        rest += deviation;
        squares += deviation * deviation;
    }
    let variance = ((squares - rest * rest / n) / n).max(0.0);
    (shift, mean + rest / n, variance.sqrt())
}

/// Quartiles of the deviations from a middle value.
fn robust(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let shift = values.get(values.len() / 2).copied().unwrap_or(0.0);
    values.iter_mut().for_each(|x| *x -= shift);
    let quartile = |q| quantile_sorted(values, q);
    (shift, quartile(0.5), quartile(0.75) - quartile(0.25))
}

/// A power of two that brings `magnitude` near 1, as far as one normal factor reaches.
fn inverse_power(magnitude: f64) -> f64 {
    let exponent = (magnitude.to_bits() >> 52) & 0x7ff;
    f64::from_bits((2046 - exponent.clamp(1, 2045)) << 52)
}
