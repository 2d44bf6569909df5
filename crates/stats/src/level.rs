//! A centre and a scale that values of any magnitude and offset are measured by.

use serde::{Deserialize, Serialize};

use crate::check;
use crate::moments::inverse_power;

/// A value `x` lies `(x * unit - shift - center) / scale` scales from the centre. `unit` is a power
/// of two that brings the values near 1, so that no square overflows or vanishes; `shift` is one of
/// them, so that an offset costs no digits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) unit: f64,
    pub(crate) shift: f64,
    pub(crate) center: f64,
    pub(crate) scale: f64,
}

/// The largest deviation that is told from larger ones, in units of the values that were learned.
const FURTHEST: f64 = 1e300;

impl Level {
    /// Mean and sample standard deviation of finite values, of which there must be 2; two passes.
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let unit = inverse_power(values.iter().fold(0.0_f64, |m, x| m.max(x.abs())));
        let shift = values.first().map_or(0.0, |x| x * unit);
        let deviations = || values.iter().map(|x| x * unit - shift);
        let mean = deviations().sum::<f64>() / n;
        let rest = deviations().map(|d| d - mean).sum::<f64>();
        let squares = deviations().map(|d| (d - mean) * (d - mean)).sum::<f64>();
        Self {
            unit,
            shift,
            center: mean + rest / n,
            scale: ((squares - rest * rest / n).max(0.0) / (n - 1.0)).sqrt(),
        }
    }

    /// A known centre and scale.
    pub(crate) fn known(center: f64, scale: f64) -> Self {
        let unit = inverse_power(center.abs().max(scale));
        Self {
            unit,
            shift: center * unit,
            center: 0.0,
            scale: scale * unit,
        }
    }

    /// The same centre, digit for digit, with a known scale, which may be far larger than the values.
    pub(crate) fn with_scale(&self, scale: f64) -> Self {
        let unit = self.unit.min(inverse_power(scale));
        let change = unit / self.unit;
        Self {
            unit,
            shift: self.shift * change,
            center: self.center * change,
            scale: scale * unit,
        }
    }

    /// How far `x` is from the centre, in units of the values that were learned; finite.
    pub(crate) fn deviation(&self, x: f64) -> f64 {
        (x * self.unit - self.shift - self.center).clamp(-FURTHEST, FURTHEST)
    }

    /// How many scales `x` is from the centre; infinite when the scale is 0 and `x` is not the
    /// centre.
    pub(crate) fn standardize(&self, x: f64) -> f64 {
        let deviation = self.deviation(x);
        check::ratio(deviation.abs(), self.scale).copysign(deviation)
    }

    /// The value that lies `scales` from the centre; the centre itself is finite.
    pub(crate) fn at(&self, scales: f64) -> f64 {
        if scales == 0.0 {
            let center = (self.shift + self.center) / self.unit;
            center.clamp(-f64::MAX, f64::MAX)
        } else {
            (self.shift + (self.center + scales * self.scale)) / self.unit
        }
    }

    /// Whether every value can be judged by it.
    pub(crate) fn is_valid(&self) -> bool {
        let finite = [self.unit, self.shift, self.center, self.scale];
        finite.iter().all(|x| x.is_finite()) && self.unit > 0.0 && self.scale >= 0.0
    }
}
