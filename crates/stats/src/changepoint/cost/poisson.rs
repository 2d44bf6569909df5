use super::Sums;

/// The sum of counts.
#[derive(Debug, Clone, Copy)]
pub(in crate::changepoint) struct PoissonSums(f64);

impl Sums for PoissonSums {
    fn new(first: f64) -> Self {
        Self(first)
    }

    #[inline]
    fn push(&mut self, x: f64, _n: f64) {
        self.0 += x;
    }

    #[inline]
    fn cost(&self, n: f64) -> f64 {
        if self.0 > 0.0 {
            -2.0 * self.0 * (self.0 / n).ln()
        } else {
            0.0
        }
    }
}
