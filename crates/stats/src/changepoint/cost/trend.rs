use super::Sums;

/// The least-squares line, relative to the first value, and its residual sum of squares.
///
/// With the `n`-th point the residual `e` from the line through the points before it gives
/// `rss += e^2 (n-1)(n-2) / (n(n+1))` and `slope += 6 e / (n(n+1))`: no difference of large sums, as
/// the textbook formula has.
#[derive(Debug, Clone, Copy)]
pub(in crate::changepoint) struct TrendSums {
    first: f64,
    mean: f64,
    slope: f64,
    residual: f64,
}

impl Sums for TrendSums {
    fn new(first: f64) -> Self {
        Self {
            first,
            mean: 0.0,
            slope: 0.0,
            residual: 0.0,
        }
    }

    #[inline]
    fn push(&mut self, x: f64, n: f64) {
        let d = x - self.first - self.mean;
        let e = d - self.slope * 0.5 * n;
        let share = 1.0 / (n * (n + 1.0));
        self.residual += e * e * (n - 1.0) * (n - 2.0) * share;
        self.slope += 6.0 * e * share;
        self.mean += d / n;
    }

    #[inline]
    fn cost(&self, _n: f64) -> f64 {
        self.residual
    }
}
