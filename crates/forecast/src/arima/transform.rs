//! Coefficients from numbers without bounds, so that a search cannot leave the stationary and
//! invertible region: `tanh` of each is a partial autocorrelation of one of the polynomials.
//!
//! Source: Monahan 1984, <https://doi.org/10.1093/biomet/71.2.403>.

use super::number::{Dual, Number as _};
use super::orders::Orders;
use super::polynomial::{from_partial, to_partial};

/// The farthest that the search goes; `tanh` of it is 1 but for 2e-7, which the way from the
/// coefficients back to partial autocorrelations can still tell from 1.
const FARTHEST: f64 = 8.0;

/// The sizes of the four polynomials and the sign that makes them autoregressive.
fn parts(orders: &Orders) -> [(usize, f64); 4] {
    [
        (orders.ar, 1.0),
        (orders.ma, -1.0),
        (orders.seasonal_ar, 1.0),
        (orders.seasonal_ma, -1.0),
    ]
}

/// Calls `each` for the part of `values` of each polynomial.
fn for_parts(orders: &Orders, values: &[f64], mut each: impl FnMut(&[f64], f64)) {
    let mut rest = values;
    for (size, sign) in parts(orders) {
        let (part, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        each(part, sign);
        rest = after;
    }
}

/// The coefficients at `free`.
pub(crate) fn constrain(orders: &Orders, free: &[f64], out: &mut Vec<f64>) {
    out.clear();
    for_parts(orders, free, |part, sign| {
        let partial: Vec<f64> = part.iter().map(|x| bounded(*x).tanh()).collect();
        out.extend(from_partial(&partial).iter().map(|a| sign * a));
    });
}

/// The derivative by `free` of what has these derivatives by the coefficients.
pub(crate) fn chain(orders: &Orders, free: &[f64], by_coefficients: &[f64], out: &mut [f64]) {
    let mut done = 0;
    for_parts(orders, free, |part, sign| {
        let mut duals: Vec<Dual> = part
            .iter()
            .map(|x| Dual::constant(bounded(*x).tanh()))
            .collect();
        let slopes = by_coefficients.get(done..).unwrap_or_default();
        for k in 0..part.len() {
            for (i, dual) in duals.iter_mut().enumerate() {
                let slope = 1.0 - dual.value * dual.value;
                dual.slope = if i == k { sign * slope } else { 0.0 };
            }
            let products = from_partial(&duals);
            let sum = products.iter().zip(slopes).map(|(d, s)| d.slope * s).sum();
            if let Some(slot) = out.get_mut(done + k) {
                *slot = sum;
            }
        }
        done += part.len();
    });
}

/// Where the search starts for these coefficients: those of a polynomial that is not well inside the
/// region are drawn towards 0 until it is.
pub(crate) fn release(orders: &Orders, coefficients: &[f64]) -> Vec<f64> {
    let mut out = Vec::with_capacity(coefficients.len());
    for_parts(orders, coefficients, |part, sign| {
        let mut shrunk: Vec<f64> = part.iter().map(|a| sign * a).collect();
        let mut found = vec![0.0; part.len()];
        for _ in 0..200 {
            if let Some(partial) = to_partial(&shrunk)
                && partial.iter().all(|r| r.abs() < 0.99)
            {
                found = partial.iter().map(|r| r.atanh()).collect();
                break;
            }
            let mut factor = 1.0;
            for a in &mut shrunk {
                factor *= 0.95;
                *a *= factor;
            }
        }
        out.append(&mut found);
    });
    out
}

/// Whether all four polynomials have their roots outside the unit circle.
pub(crate) fn is_inside(orders: &Orders, coefficients: &[f64]) -> bool {
    let mut inside = true;
    for_parts(orders, coefficients, |part, sign| {
        let signed: Vec<f64> = part.iter().map(|a| sign * a).collect();
        inside &= to_partial(&signed).is_some();
    });
    inside
}

fn bounded(x: f64) -> f64 {
    x.clamp(-FARTHEST, FARTHEST)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failure in a test is a panic")]
mod tests {
    use super::*;

    #[test]
    fn free_numbers_give_coefficients_inside_and_back() {
        let orders = Orders::new(2, 0, 3).seasonal(1, 0, 1, 7);
        let free = [0.5, -2.0, 1.0, 0.3, -0.7, 3.0, -3.0];
        let free: Vec<f64> = free.iter().map(|x| x * 0.8).collect();
        let mut coefficients = Vec::new();
        constrain(&orders, &free, &mut coefficients);
        assert!(is_inside(&orders, &coefficients));
        for (a, b) in release(&orders, &coefficients).iter().zip(&free) {
            assert!((a - b).abs() < 1e-12);
        }
        let weights = [1.0, 0.5, -0.3, 2.0, 0.1, 0.7, -1.0];
        let mut slopes = vec![0.0; 7];
        chain(&orders, &free, &weights, &mut slopes);
        for k in 0..7 {
            let mut value = |h: f64| {
                let mut moved = free.clone();
                moved[k] += h;
                constrain(&orders, &moved, &mut coefficients);
                coefficients
                    .iter()
                    .zip(&weights)
                    .map(|(a, b)| a * b)
                    .sum::<f64>()
            };
            let numeric = (value(1e-6) - value(-1e-6)) / 2e-6;
            assert!((numeric - slopes[k]).abs() < 1e-8);
        }
        let wild = release(&orders, &[4.0, 2.0, 9.0, 9.0, 9.0, -1.0, f64::NAN]);
        assert!(wild.iter().all(|x| x.is_finite()));
    }
}
