//! The distributions that rank tests need.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The probability that a chi-squared variable with `degrees` degrees of freedom exceeds `x`.
pub(super) fn chi_squared_tail(x: f64, degrees: usize) -> f64 {
    // The recurrence of the incomplete gamma function, from one half (odd) or one (even) up.
    let half = x.max(0.0) / 2.0;
    let (mut tail, mut term, mut order) = if degrees % 2 == 1 {
        let root = half.sqrt();
        (
            2.0 * normal_tail((2.0 * half).sqrt()),
            2.0 * root * (-half).exp() / PI.sqrt(),
            1,
        )
    } else {
        ((-half).exp(), half * (-half).exp(), 2)
    };
    while order < degrees {
        tail += term;
        order += 2;
        term *= half / (order as f64 / 2.0);
    }
    tail.min(1.0)
}

/// The probability that a standard normal variable exceeds `z`.
pub(super) fn normal_tail(z: f64) -> f64 {
    let x = z.abs() * FRAC_1_SQRT_2;
    let upper = if x < 2.0 {
        // erf by its series around 0.
        let (mut sum, mut term) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            let next = term / f64::from(2 * n + 1);
            sum += next;
            if next.abs() < 1e-18 * sum.abs() {
                break;
            }
        }
        0.5 - sum / PI.sqrt()
    } else {
        // erfc by its continued fraction, from the far end.
        let mut fraction = x;
        for k in (1..120).rev() {
            fraction = x + f64::from(k) / 2.0 / fraction;
        }
        (-x * x).exp() / PI.sqrt() / fraction / 2.0
    };
    if z < 0.0 { 1.0 - upper } else { upper }
}

/// The `share` quantile of the range of `groups` standard normal variables.
pub(super) fn normal_range_quantile(share: f64, groups: usize) -> f64 {
    let (mut low, mut high) = (0.0, 60.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if normal_range(middle, groups) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The probability that the range of `groups` standard normal variables is below `width`:
/// `k * integral of phi(z) (Phi(z + width) - Phi(z))^(k - 1)`, by the trapezoidal rule, which is
/// exponentially exact for such integrands.
fn normal_range(width: f64, groups: usize) -> f64 {
    const STEP: f64 = 1.0 / 32.0;
    let power = i32::try_from(groups.saturating_sub(1)).unwrap_or(i32::MAX);
    let density = |z: f64| (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
    let sum: f64 = (-320..=320)
        .map(|index| {
            let z = f64::from(index) * STEP;
            density(z)
                * (normal_tail(z) - normal_tail(z + width))
                    .max(0.0)
                    .powi(power)
        })
        .sum();
    (groups as f64 * STEP * sum).min(1.0)
}
