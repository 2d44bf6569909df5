use super::{MeanSums, Sums};

/// The share of the noise's variance below which no variance counts: a constant segment would cost
/// minus infinity. That of ruptures for noise of unit variance.
const FLOOR: f64 = 1e-6;

/// Mean and variance; the values are in units of the noise.
#[derive(Debug, Clone, Copy)]
pub(in crate::changepoint) struct NormalSums(MeanSums);

impl Sums for NormalSums {
    fn new(first: f64) -> Self {
        Self(MeanSums::new(first))
    }

    #[inline]
    fn push(&mut self, x: f64, n: f64) {
        self.0.push(x, n);
    }

    #[inline]
    fn cost(&self, n: f64) -> f64 {
        n * (self.0.squares() / n + FLOOR).ln()
    }
}
