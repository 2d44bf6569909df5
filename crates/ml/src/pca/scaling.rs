//! Centre and scale of each column.

use bongsu_core::ndarray::{ArrayView1, ArrayView2, ArrayViewMut2};
use bongsu_core::{Error, Result};
use bongsu_stats::robust::{MAD_TO_STD, mad};
use serde::{Deserialize, Serialize};

use super::PcaScaling;
use crate::float::power_of_two;

/// The largest magnitude of a scaled value: sums of a few squares of it stay finite.
pub(super) const LARGEST: f64 = 1e140;

/// `(x - center) / scale`, column by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Scaler {
    pub(super) center: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

impl Scaler {
    /// Of the columns of `x`, all finite.
    pub(super) fn of(x: &ArrayView2<'_, f64>, scaling: PcaScaling) -> Result<Self> {
        let (mut center, mut scale) = (Vec::new(), Vec::new());
        for (index, column) in x.columns().into_iter().enumerate() {
            let (middle, spread) = match scaling {
                PcaScaling::Center => (mean_and_std(&column).0, 1.0),
                PcaScaling::Standard => mean_and_std(&column),
                PcaScaling::Robust => mean_and_mad(&column),
            };
            let widest = column
                .iter()
                .map(|x| scaled(*x, middle, spread).abs())
                .fold(0.0, f64::max);
            if widest >= LARGEST {
                return Err(Error::input(format!(
                    "column {index} reaches {widest:.0e} scales from its centre; \
                     scale the values down or use standard scaling"
                )));
            }
            center.push(middle);
            scale.push(spread);
        }
        Ok(Self { center, scale })
    }

    /// Writes the scaled values of `row` to `out`.
    #[inline]
    pub(super) fn write(&self, row: &ArrayView1<'_, f64>, out: &mut [f64]) {
        let parameters = self.center.iter().zip(&self.scale);
        for ((slot, x), (&center, &scale)) in out.iter_mut().zip(*row).zip(parameters) {
            *slot = scaled(*x, center, scale);
        }
    }

    /// Writes the scaled values of `rows` to as many rows of `out`.
    pub(super) fn write_rows(&self, rows: &ArrayView2<'_, f64>, out: &mut ArrayViewMut2<'_, f64>) {
        for (row, mut slot) in rows.rows().into_iter().zip(out.rows_mut()) {
            if let Some(slot) = slot.as_slice_mut() {
                self.write(&row, slot);
            }
        }
    }

    pub(super) fn is_valid(&self, features: usize) -> bool {
        self.center.len() == features
            && self.scale.len() == features
            && self.center.iter().all(|c| c.is_finite())
            && self.scale.iter().all(|s| s.is_finite() && *s > 0.0)
    }
}

/// At most [`LARGEST`] in magnitude, so that no later sum is infinite.
#[inline]
fn scaled(x: f64, center: f64, scale: f64) -> f64 {
    let deviation = x - center;
    let z = if deviation.is_infinite() {
        x / scale - center / scale
    } else {
        deviation / scale
    };
    z.clamp(-LARGEST, LARGEST)
}

/// Mean and standard deviation over n; the latter 1 where it is rounding error.
fn mean_and_std(column: &ArrayView1<'_, f64>) -> (f64, f64) {
    let n = column.len() as f64;
    let largest = column.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    if largest == 0.0 {
        return (0.0, 1.0);
    }
    // In units of the largest value neither the sum nor the squares overflow or vanish.
    let unit = power_of_two(largest);
    let mean = column.iter().map(|x| x / unit).sum::<f64>() / n;
    let deviations = || column.iter().map(|x| x / unit - mean);
    // The mean of the deviations is what rounding left in the mean.
    let left = deviations().sum::<f64>() / n;
    let variance = deviations().map(|d| (d - left) * (d - left)).sum::<f64>() / n;
    ((mean + left) * unit, spread_or_one(variance, mean, n, unit))
}

/// The standard deviation in the unit of the data, or 1 where `variance` is rounding error.
pub(super) fn spread_or_one(variance: f64, mean: f64, n: f64, unit: f64) -> f64 {
    let rounding = n * f64::EPSILON * variance + (n * mean * f64::EPSILON).powi(2);
    let spread = variance.sqrt() * unit;
    if variance <= rounding || spread == 0.0 {
        1.0
    } else {
        spread
    }
}

/// Mean, and MAD in units of a standard deviation or, where that is 0, the standard deviation.
fn mean_and_mad(column: &ArrayView1<'_, f64>) -> (f64, f64) {
    let (mean, std) = mean_and_std(column);
    let spread = MAD_TO_STD * mad(&column.to_vec());
    let fits = spread > 0.0 && spread.is_finite();
    (mean, if fits { spread } else { std })
}
