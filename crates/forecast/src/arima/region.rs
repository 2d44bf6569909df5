//! Where a search for coefficients may go.

use super::orders::Orders;
use super::transform;

/// The coefficients whose polynomials have every root at least a factor farther from 0 than the unit
/// circle: those in `factor B` are stationary and invertible.
#[derive(Debug)]
pub(super) struct Region {
    orders: Orders,
    /// What a coefficient of the polynomials in `factor B` is multiplied by.
    shrink: Vec<f64>,
}

impl Region {
    /// With a factor of 1 the whole stationary and invertible region. A polynomial of one lag alone
    /// always has that: nothing can cancel in it, and a coefficient near 1 is a slow return or a
    /// difference too many, both of which are harmless.
    pub(super) fn new(orders: &Orders, factor: f64) -> Self {
        Self {
            orders: *orders,
            shrink: powers(orders, |_, lags| if lags > 1 { 1.0 / factor } else { 1.0 }),
        }
    }

    /// The coefficients at `free`.
    pub(super) fn constrain(&self, free: &[f64], out: &mut Vec<f64>) {
        transform::constrain(&self.orders, free, out);
        for (coefficient, shrink) in out.iter_mut().zip(&self.shrink) {
            *coefficient *= shrink;
        }
    }

    /// The derivative by `free` of what has these derivatives by the coefficients, which it changes.
    pub(super) fn chain(&self, free: &[f64], by_coefficients: &mut [f64], out: &mut [f64]) {
        for (slope, shrink) in by_coefficients.iter_mut().zip(&self.shrink) {
            *slope *= shrink;
        }
        transform::chain(&self.orders, free, by_coefficients, out);
    }

    /// Where a search starts for these coefficients; see [`transform::release`].
    pub(super) fn release(&self, coefficients: &[f64]) -> Vec<f64> {
        let pairs = coefficients.iter().zip(&self.shrink);
        let grown: Vec<f64> = pairs.map(|(c, shrink)| c / shrink).collect();
        transform::release(&self.orders, &grown)
    }
}

/// Whether every root of a polynomial of more than one coefficient is more than a factor farther from 0
/// than the unit circle. One coefficient alone, of a season too, cannot cancel another.
pub(super) fn is_farther(orders: &Orders, coefficients: &[f64], factor: f64) -> bool {
    let of_several = |count: usize| if count > 1 { factor } else { 1.0 };
    let powers = powers(orders, |count, _| of_several(count));
    let pairs = coefficients.iter().zip(powers);
    let grown: Vec<f64> = pairs.map(|(c, power)| c * power).collect();
    transform::is_inside(orders, &grown)
}

/// What `factor` gives for each of the four polynomials, by its number of coefficients and the lags of
/// the product that it is part of, to the power of the lag of each coefficient.
fn powers(orders: &Orders, factor: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let parts = [
        (orders.ar, 1, orders.ar + orders.seasonal_ar),
        (orders.ma, 1, orders.ma + orders.seasonal_ma),
        (orders.seasonal_ar, orders.period, usize::MAX),
        (orders.seasonal_ma, orders.period, usize::MAX),
    ];
    let mut out = Vec::with_capacity(orders.coefficients());
    for (count, step, lags) in parts {
        let factor = factor(count, lags);
        out.extend((1..=count).map(|k| factor.powf((k * step) as f64)));
    }
    out
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failure in a test is a panic")]
mod tests {
    use super::*;

    /// Whether the polynomials in `factor B` are stationary and invertible.
    fn is_inside_of(orders: &Orders, coefficients: &[f64], factor: f64) -> bool {
        let grown = powers(orders, |_, _| factor);
        let pairs = coefficients.iter().zip(grown);
        let grown: Vec<f64> = pairs.map(|(c, power)| c * power).collect();
        transform::is_inside(orders, &grown)
    }

    #[test]
    fn only_several_coefficients_are_refused_at_the_limit() {
        let orders = Orders::new(2, 0, 1).seasonal(1, 0, 2, 4);
        let region = Region::new(&orders, 1.01);
        let mut coefficients = Vec::new();
        for (free, farther) in [
            // At the limit: the two of `p`, the one of `q` and of `P`, the two of `Q`.
            ([0.3, 9.0, 0.1, 0.1, 0.1, 0.1], false),
            ([0.3, 0.1, 9.0, 0.1, 0.1, 0.1], true),
            ([0.3, 0.1, 0.1, 9.0, 0.1, 0.1], true),
            ([0.3, 0.1, 0.1, 0.1, 0.3, -9.0], false),
        ] {
            region.constrain(&free, &mut coefficients);
            assert_eq!(is_farther(&orders, &coefficients, 1.0101), farther);
        }
    }

    #[test]
    fn roots_stay_away_from_the_circle_unless_of_a_single_lag() {
        let orders = Orders::new(2, 0, 1).seasonal(1, 0, 2, 4);
        let region = Region::new(&orders, 1.01);
        let mut coefficients = Vec::new();
        for free in [
            [9.0, -9.0, 9.0, -9.0, 9.0, 9.0],
            [0.3, 0.1, 9.0, 9.0, -9.0, 0.2],
        ] {
            region.constrain(&free, &mut coefficients);
            assert!(is_inside_of(&orders, &coefficients, 1.0099));
            assert!(!is_inside_of(&orders, &coefficients, 1.0101));
        }
        // 0.97 in B^4 is a root of 0.97^(-1/4) = 1.0076.
        let own = Orders::new(1, 0, 1);
        for factor in [1.0, 1.01] {
            Region::new(&own, factor).constrain(&[9.0, -9.0], &mut coefficients);
            assert!(coefficients[0] > 0.999_999 && coefficients[1] > 0.999_999);
        }
        let season = Orders::new(1, 0, 0).seasonal(1, 0, 0, 4);
        Region::new(&season, 1.01).constrain(&[9.0, 9.0], &mut coefficients);
        assert!((coefficients[0] - 1.0 / 1.01).abs() < 1e-6);
        assert!((coefficients[1] - 1.01_f64.powi(-4)).abs() < 1e-6);
    }

    #[test]
    fn the_way_back_and_the_slopes_fit() {
        let orders = Orders::new(2, 0, 2).seasonal(1, 0, 1, 3);
        let region = Region::new(&orders, 1.05);
        let free = [0.5, -0.7, 0.3, 0.2, -0.4, 0.6];
        let mut coefficients = Vec::new();
        region.constrain(&free, &mut coefficients);
        for (a, b) in region.release(&coefficients).iter().zip(&free) {
            assert!((a - b).abs() < 1e-12);
        }
        let weights = [1.0, 0.5, -0.3, 2.0, 0.1, 0.7];
        let mut slopes = [0.0; 6];
        let mut changed = weights;
        region.chain(&free, &mut changed, &mut slopes);
        for k in 0..6 {
            let mut value = |h: f64| {
                let mut moved = free;
                moved[k] += h;
                region.constrain(&moved, &mut coefficients);
                let pairs = coefficients.iter().zip(&weights);
                pairs.map(|(a, b)| a * b).sum::<f64>()
            };
            let numeric = (value(1e-6) - value(-1e-6)) / 2e-6;
            assert!((numeric - slopes[k]).abs() < 1e-8);
        }
    }
}
