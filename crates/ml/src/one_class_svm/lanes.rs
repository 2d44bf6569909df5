//! The kernel between one row and many, sixteen at a time.
//!
//! Rows are stored in panels of [`LANES`]: the first feature of all of them, then the second, and
//! so on. Every loop then runs over neighbours in memory with nothing to wait for, and is turned
//! into vector instructions, the widest that the processor has. All operations are plain sums and
//! products in a fixed order, so every processor gives the same numbers.

use bongsu_core::ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::vector::widest;

/// Rows of a panel.
pub(super) const LANES: usize = 16;

/// One number for each row of a panel.
pub(super) type Lane = [f64; LANES];

/// A kernel with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Function {
    Rbf { gamma: f64 },
    Linear,
    Poly { gamma: f64, coef0: f64, degree: u32 },
    Sigmoid { gamma: f64, coef0: f64 },
}

impl Function {
    /// The kernel between `point` and each row of a panel.
    #[inline(always)]
    fn panel(self, point: &[f64], panel: &[Lane]) -> Lane {
        match self {
            Self::Rbf { gamma } => squared_distances(point, panel).map(|d| exp(-gamma * d)),
            Self::Linear => products(point, panel),
            Self::Poly {
                gamma,
                coef0,
                degree,
            } => products(point, panel).map(|p| power(gamma * p + coef0, degree)),
            Self::Sigmoid { gamma, coef0 } => {
                products(point, panel).map(|p| (gamma * p + coef0).tanh())
            }
        }
    }

    /// The kernel of a row with itself.
    pub(super) fn of_itself(self, point: &[f64]) -> f64 {
        let product = || point.iter().map(|x| x * x).sum::<f64>();
        match self {
            Self::Rbf { .. } => 1.0,
            Self::Linear => product(),
            Self::Poly {
                gamma,
                coef0,
                degree,
            } => power(gamma * product() + coef0, degree),
            Self::Sigmoid { gamma, coef0 } => (gamma * product() + coef0).tanh(),
        }
    }

    /// Writes the kernel between `point` and each of `panels` to `out`.
    pub(super) fn row(self, point: &[f64], panels: &Panels, out: &mut [Lane]) {
        widest(
            #[inline(always)]
            || {
                for (slot, panel) in out.iter_mut().zip(panels.iter()) {
                    *slot = self.panel(point, panel);
                }
            },
        );
    }

    /// The sum over `panels` of `weights` times the kernel with `point`.
    pub(super) fn weighted_sum(self, point: &[f64], panels: &Panels, weights: &[Lane]) -> f64 {
        widest(
            #[inline(always)]
            || {
                let mut sums = [0.0; LANES];
                for (panel, weights) in panels.iter().zip(weights) {
                    let kernel = self.panel(point, panel);
                    for ((sum, k), w) in sums.iter_mut().zip(kernel).zip(weights) {
                        *sum += w * k;
                    }
                }
                sums.iter().sum()
            },
        )
    }
}

/// Rows in panels; what is missing in the last one is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Panels {
    features: usize,
    len: usize,
    values: Vec<Lane>,
}

impl Panels {
    pub(super) fn new(features: usize) -> Self {
        Self {
            features,
            len: 0,
            values: Vec::new(),
        }
    }

    pub(super) fn of_table(x: &ArrayView2<'_, f64>) -> Self {
        let mut panels = Self::new(x.ncols());
        for row in x.rows() {
            panels.push(row);
        }
        panels
    }

    /// Adds a row of as many values as there are features.
    pub(super) fn push<'a>(&mut self, row: impl IntoIterator<Item = &'a f64>) {
        let lane = self.len % LANES;
        if lane == 0 {
            let more = self.values.len() + self.features;
            self.values.resize(more, [0.0; LANES]);
        }
        let start = self.values.len() - self.features;
        let panel = self.values.get_mut(start..).unwrap_or_default();
        for (lanes, &value) in panel.iter_mut().zip(row) {
            if let Some(slot) = lanes.get_mut(lane) {
                *slot = value;
            }
        }
        self.len += 1;
    }

    /// Writes row `index` to `out`.
    pub(super) fn copy_row(&self, index: usize, out: &mut [f64]) {
        let panel = self.iter().nth(index / LANES).unwrap_or_default();
        for (slot, lanes) in out.iter_mut().zip(panel) {
            *slot = lanes.get(index % LANES).copied().unwrap_or(0.0);
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn features(&self) -> usize {
        self.features
    }

    pub(super) fn panels(&self) -> usize {
        self.len.div_ceil(LANES)
    }

    pub(super) fn iter(&self) -> std::slice::ChunksExact<'_, Lane> {
        self.values.chunks_exact(self.features.max(1))
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.features > 0
            && self.len > 0
            && self.panels().checked_mul(self.features) == Some(self.values.len())
            && self.values.as_flattened().iter().all(|x| x.is_finite())
    }
}

/// Exact where rows are close, however far they are from the origin.
#[inline(always)]
fn squared_distances(point: &[f64], panel: &[Lane]) -> Lane {
    let mut sums = [0.0; LANES];
    for (&x, values) in point.iter().zip(panel) {
        for (sum, &value) in sums.iter_mut().zip(values) {
            let difference = x - value;
            *sum += difference * difference;
        }
    }
    sums
}

#[inline(always)]
fn products(point: &[f64], panel: &[Lane]) -> Lane {
    let mut sums = [0.0; LANES];
    for (&x, values) in point.iter().zip(panel) {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += x * value;
        }
    }
    sums
}

#[inline(always)]
fn power(base: f64, degree: u32) -> f64 {
    let mut product = 1.0;
    for _ in 0..degree {
        product *= base;
    }
    product
}

/// `e^x` for `x` of at most 0, with a relative error below 1e-14; below -708 it is that of -708.
///
/// `e^x = 2^k e^r` with `k` the integer nearest to `x / ln 2`, and a Taylor polynomial of degree 11
/// for `|r| <= ln(2) / 2`. No branch and no call, so that it runs in vectors.
#[inline(always)]
fn exp(x: f64) -> f64 {
    /// 1.5 * 2^52: added to a small number it leaves the nearest integer in the last bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts, of which the first has so few digits that `k` times it is exact.
    const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    let x = if x < -708.0 { -708.0 } else { x };
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let [high, low] = LN_2;
    let r = (x - k * high) - k * low;
    let square = r * r;
    let fourth = square * square;
    // Estrin's scheme: the parts do not wait for each other.
    let a = (1.0 + r) + square * (0.5 + r * (1.0 / 6.0));
    let b = (1.0 / 24.0 + r * (1.0 / 120.0)) + square * (1.0 / 720.0 + r * (1.0 / 5_040.0));
    let c = (1.0 / 40_320.0 + r * (1.0 / 362_880.0))
        + square * (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0));
    let polynomial = a + fourth * (b + fourth * c);
    polynomial * f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_accurate() {
        for i in 0..200_000 {
            let x = -f64::from(i) * 0.003_5;
            let error = (exp(x) / x.exp() - 1.0).abs();
            assert!(error < 1e-14, "{x}: {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e-300), 1.0);
        assert!(exp(f64::NEG_INFINITY) < 1e-300);
    }

    #[test]
    fn rows_come_back_from_panels() {
        let mut panels = Panels::new(3);
        for i in 0..37 {
            panels.push(&[f64::from(i), 0.5, -f64::from(i)]);
        }
        let mut row = [0.0; 3];
        panels.copy_row(33, &mut row);
        assert_eq!(
            (row, panels.len(), panels.panels()),
            ([33.0, 0.5, -33.0], 37, 3)
        );
        assert!(panels.is_consistent());
        let mut out = [[0.0; LANES]; 3];
        Function::Linear.row(&[1.0, 2.0, 0.0], &panels, &mut out);
        assert_eq!(out.as_flattened()[33], 34.0);
        let weights = [[1.0; LANES]; 3];
        let sum = Function::Linear.weighted_sum(&[1.0, 0.0, 0.0], &panels, &weights);
        assert_eq!(sum, f64::from(36 * 37 / 2));
    }
}
