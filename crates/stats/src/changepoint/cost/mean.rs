use super::Sums;

/// Mean and sum of squares, relative to the first value: what they lose to rounding depends on the
/// spread of the segment alone, wherever it lies.
///
/// Source: Welford 1962, <https://doi.org/10.1080/00401706.1962.10490022>.
#[derive(Debug, Clone, Copy)]
pub(in crate::changepoint) struct MeanSums {
    first: f64,
    mean: f64,
    squares: f64,
}

impl MeanSums {
    /// The mean of the values.
    pub(in crate::changepoint) fn mean(&self) -> f64 {
        self.first + self.mean
    }

    pub(super) const fn squares(&self) -> f64 {
        self.squares
    }
}

impl Sums for MeanSums {
    fn new(first: f64) -> Self {
        Self {
            first,
            mean: 0.0,
            squares: 0.0,
        }
    }

    #[inline]
    fn push(&mut self, x: f64, n: f64) {
        let x = x - self.first;
        let d = x - self.mean;
        self.mean += d / n;
        self.squares += d * (x - self.mean);
    }

    #[inline]
    fn cost(&self, _n: f64) -> f64 {
        self.squares
    }
}
