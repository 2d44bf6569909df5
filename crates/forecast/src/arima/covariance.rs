//! The covariance of the state from which a stationary ARMA process starts.

use super::number::Number;

/// Room for [`state_covariance`], used again and again.
#[derive(Debug)]
pub(crate) struct CovarianceScratch<N> {
    predictors: Vec<N>,
    ar_covariance: Vec<N>,
    covariance: Vec<N>,
    weights: Vec<N>,
    with_value: Vec<N>,
}

impl<N> Default for CovarianceScratch<N> {
    fn default() -> Self {
        Self {
            predictors: Vec::new(),
            ar_covariance: Vec::new(),
            covariance: Vec::new(),
            weights: Vec::new(),
            with_value: Vec::new(),
        }
    }
}

/// Writes to `out` the covariance, in units of the innovations' variance, of what the past adds to
/// the first values of `w`, where `phi(B) w = theta(B) e`:
///
/// `x_i = sum_(k>=i) (phi_k w_(i-k) + theta_k e_(i-k))`, `i = 1, 2, ..., max(p, q)`,
///
/// a square of that size, row by row. Returns the variance of `w`, or `None` where the process is
/// not stationary.
///
/// Cost: O(max(p, q)^2). The covariance obeys `P = T (P + R R') T'` with the companion matrix `T` of
/// `phi`, which gives it from its last row backwards once the covariance of the state with `w` is
/// known; the autocovariances of the autoregression come from the recursion of Durbin and Levinson
/// run down and up again.
#[allow(
    clippy::indexing_slicing,
    reason = "every buffer is resized above to the size that its loop runs over"
)]
pub(crate) fn state_covariance<N: Number>(
    phi: &[N],
    theta: &[N],
    scratch: &mut CovarianceScratch<N>,
    out: &mut Vec<N>,
) -> Option<N> {
    let (p, q) = (phi.len(), theta.len());
    let size = p.max(q);
    let zero = N::constant(0.0);
    let one = N::constant(1.0);
    out.clear();
    out.resize(size * size, zero);

    // Predictors of every order, in a triangle: order k starts at k (k - 1) / 2.
    let start = |order: usize| order * (order.max(1) - 1) / 2;
    let triangle = &mut scratch.predictors;
    triangle.clear();
    triangle.resize(start(p + 1), zero);
    triangle[start(p)..].copy_from_slice(phi);
    let mut variance = one;
    for order in (1..=p).rev() {
        let (lower, upper) = triangle.split_at_mut(start(order));
        let current = &upper[..order];
        let r = current[order - 1];
        if r.value().abs() >= 1.0 || r.value().is_nan() {
            return None;
        }
        let left = one - r * r;
        variance = variance / left;
        if order > 1 {
            let lower = &mut lower[start(order - 1)..];
            let inverse = one / left;
            for (j, slot) in lower.iter_mut().enumerate() {
                *slot = (current[j] + r * current[order - 2 - j]) * inverse;
            }
        }
    }
    let ar = &mut scratch.ar_covariance;
    ar.clear();
    ar.push(variance);
    for lag in 1..=p + q {
        let order = lag.min(p);
        let coefficients = &triangle[start(order)..start(order) + order];
        let mut sum = zero;
        for (&a, &g) in coefficients.iter().zip(ar.iter().rev()) {
            sum = sum + a * g;
        }
        ar.push(sum);
    }

    // Autocovariances of the ARMA process, and its weights of past innovations.
    let theta_at = |k: usize| if k == 0 { one } else { theta[k - 1] };
    let covariance = &mut scratch.covariance;
    covariance.clear();
    covariance.extend_from_slice(&ar[..=p]);
    for k in 0..=q {
        let mut product = zero;
        for i in 0..=q - k {
            product = product + theta_at(i) * theta_at(i + k);
        }
        for (lag, slot) in covariance.iter_mut().enumerate() {
            if k == 0 {
                *slot = product * ar[lag];
            } else {
                *slot = *slot + product * (ar[lag + k] + ar[lag.abs_diff(k)]);
            }
        }
    }
    let weights = &mut scratch.weights;
    weights.clear();
    for k in 0..=q {
        let mut sum = theta_at(k);
        for (&a, &earlier) in phi.iter().zip(weights.iter().rev()) {
            sum = sum + a * earlier;
        }
        weights.push(sum);
    }
    // The covariance of w with the state that carries index j to the next value.
    let with_value = &mut scratch.with_value;
    with_value.clear();
    with_value.resize(size + 1, zero);
    for (j, slot) in with_value.iter_mut().enumerate() {
        let mut sum = zero;
        for k in j + 1..=p {
            sum = sum + phi[k - 1] * covariance[k - j];
        }
        for k in j..=q {
            sum = sum + theta_at(k) * weights[k - j];
        }
        *slot = sum;
    }
    let variance = with_value[0];
    let ar_at = |i: usize| if i < p { phi[i] } else { zero };
    let ma_at = |i: usize| if i < q { theta[i] } else { zero };
    for i in (0..size).rev() {
        let (scaled, own) = (ar_at(i) * variance + with_value[i + 1], ma_at(i));
        for j in (0..=i).rev() {
            let mut sum = scaled * ar_at(j) + ar_at(i) * with_value[j + 1] + own * ma_at(j);
            if i + 1 < size {
                sum = sum + out[(i + 1) * size + j + 1];
            }
            out[i * size + j] = sum;
            out[j * size + i] = sum;
        }
    }
    Some(variance)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]
mod tests {
    use super::super::number::Dual;
    use super::*;

    /// Solves `F = T F T' + R R'` by doubling, and takes `R R'` off.
    fn by_doubling(phi: &[f64], theta: &[f64]) -> Vec<f64> {
        let size = phi.len().max(theta.len() + 1);
        let at = |v: &[f64], i: usize| v.get(i).copied().unwrap_or(0.0);
        let mut t = nalgebra::DMatrix::<f64>::zeros(size, size);
        let mut r = nalgebra::DVector::<f64>::zeros(size);
        for i in 0..size {
            t[(i, 0)] = at(phi, i);
            if i + 1 < size {
                t[(i, i + 1)] = 1.0;
            }
            r[i] = if i == 0 { 1.0 } else { at(theta, i - 1) };
        }
        let first = &t * (&r * r.transpose()) * t.transpose();
        let mut sum = first;
        for _ in 0..40 {
            sum = &sum + &t * &sum * t.transpose();
            t = &t * &t;
        }
        let used = phi.len().max(theta.len());
        let sum = sum.view((0, 0), (used, used));
        sum.transpose().iter().copied().collect()
    }

    #[test]
    fn agrees_with_the_sum_over_the_past() {
        for (phi, theta) in [
            (&[0.5][..], &[][..]),
            (&[], &[0.4, -0.2]),
            (&[0.9, -0.5], &[0.3]),
            (&[0.2], &[0.3, 0.1, -0.6]),
            (&[0.6, 0.0, 0.0, 0.3, -0.18], &[0.4, 0.0, 0.0, -0.5, -0.2]),
        ] {
            let mut out = Vec::new();
            state_covariance(phi, theta, &mut CovarianceScratch::default(), &mut out).unwrap();
            for (a, b) in out.iter().zip(by_doubling(phi, theta)) {
                assert!((a - b).abs() < 1e-12, "{phi:?} {theta:?}: {a} {b}");
            }
        }
        let mut out = Vec::new();
        assert!(
            state_covariance(&[1.0], &[], &mut CovarianceScratch::default(), &mut out).is_none()
        );
    }

    #[test]
    fn derivatives_agree_with_differences() {
        let (phi, theta) = ([0.6, -0.2, 0.1], [0.4, 0.3]);
        let step = 1e-6;
        let value = |h: f64| {
            let mut out = Vec::new();
            let moved = [0.6, -0.2 + h, 0.1];
            state_covariance(&moved, &theta, &mut CovarianceScratch::default(), &mut out).unwrap();
            out
        };
        let mut duals: Vec<Dual> = phi.iter().map(|&x| Dual::constant(x)).collect();
        duals[1].slope = 1.0;
        let theta: Vec<Dual> = theta.iter().map(|&x| Dual::constant(x)).collect();
        let mut out = Vec::new();
        state_covariance(&duals, &theta, &mut CovarianceScratch::default(), &mut out).unwrap();
        for ((dual, up), down) in out.iter().zip(value(step)).zip(value(-step)) {
            assert!((dual.slope - (up - down) / (2.0 * step)).abs() < 1e-8);
        }
    }
}
