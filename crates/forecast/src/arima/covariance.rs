//! The covariance of the state from which a stationary ARMA process starts.

/// What [`state_covariance`] computes on its way, from which [`covariance_slopes`] goes back.
#[derive(Debug, Default)]
pub(crate) struct CovarianceScratch {
    predictors: Vec<f64>,
    ar_covariance: Vec<f64>,
    covariance: Vec<f64>,
    weights: Vec<f64>,
    with_value: Vec<f64>,
    slopes: SlopeScratch,
}

/// The derivatives by each of these, and by the elements of the covariance.
#[derive(Debug, Default)]
struct SlopeScratch {
    predictors: Vec<f64>,
    ar_covariance: Vec<f64>,
    covariance: Vec<f64>,
    weights: Vec<f64>,
    with_value: Vec<f64>,
    row: Vec<f64>,
}

/// Where the predictor of an order starts in a triangle of those of every order.
const fn start(order: usize) -> usize {
    order * order.saturating_sub(1) / 2
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
pub(crate) fn state_covariance(
    phi: &[f64],
    theta: &[f64],
    scratch: &mut CovarianceScratch,
    out: &mut Vec<f64>,
) -> Option<f64> {
    let (p, q) = (phi.len(), theta.len());
    let size = p.max(q);
    out.clear();
    out.resize(size * size, 0.0);

    // Predictors of every order.
    let triangle = &mut scratch.predictors;
    triangle.clear();
    triangle.resize(start(p + 1), 0.0);
    triangle[start(p)..].copy_from_slice(phi);
    let mut variance = 1.0;
    for order in (1..=p).rev() {
        let (lower, upper) = triangle.split_at_mut(start(order));
        let current = &upper[..order];
        let r = current[order - 1];
        if r.abs() >= 1.0 || r.is_nan() {
            return None;
        }
        let left = 1.0 - r * r;
        variance /= left;
        if order > 1 {
            let lower = &mut lower[start(order - 1)..];
            let inverse = 1.0 / left;
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
        let mut sum = 0.0;
        for (&a, &g) in coefficients.iter().zip(ar.iter().rev()) {
            sum += a * g;
        }
        ar.push(sum);
    }

    // Autocovariances of the ARMA process, and its weights of past innovations.
    let theta_at = |k: usize| if k == 0 { 1.0 } else { theta[k - 1] };
    let covariance = &mut scratch.covariance;
    covariance.clear();
    covariance.extend_from_slice(&ar[..=p]);
    for k in 0..=q {
        let mut product = 0.0;
        for i in 0..=q - k {
            product += theta_at(i) * theta_at(i + k);
        }
        for (lag, slot) in covariance.iter_mut().enumerate() {
            if k == 0 {
                *slot = product * ar[lag];
            } else {
                *slot += product * (ar[lag + k] + ar[lag.abs_diff(k)]);
            }
        }
    }
    let weights = &mut scratch.weights;
    weights.clear();
    for k in 0..=q {
        let mut sum = theta_at(k);
        for (&a, &earlier) in phi.iter().zip(weights.iter().rev()) {
            sum += a * earlier;
        }
        weights.push(sum);
    }
    // The covariance of w with the state that carries index j to the next value.
    let with_value = &mut scratch.with_value;
    with_value.clear();
    with_value.resize(size + 1, 0.0);
    for (j, slot) in with_value.iter_mut().enumerate() {
        let mut sum = 0.0;
        for k in j + 1..=p {
            sum += phi[k - 1] * covariance[k - j];
        }
        for k in j..=q {
            sum += theta_at(k) * weights[k - j];
        }
        *slot = sum;
    }
    let variance = with_value[0];
    let ar_at = |i: usize| if i < p { phi[i] } else { 0.0 };
    let ma_at = |i: usize| if i < q { theta[i] } else { 0.0 };
    for i in (0..size).rev() {
        let (scaled, own) = (ar_at(i) * variance + with_value[i + 1], ma_at(i));
        for j in (0..=i).rev() {
            let mut sum = scaled * ar_at(j) + ar_at(i) * with_value[j + 1] + own * ma_at(j);
            if i + 1 < size {
                sum += out[(i + 1) * size + j + 1];
            }
            out[i * size + j] = sum;
            out[j * size + i] = sum;
        }
    }
    Some(variance)
}

/// The derivatives by `phi` and `theta` of `sum W_ij P_ij`, where `P` is what the last call of
/// [`state_covariance`] wrote for them and `W`, of as many rows, symmetric: the same steps backwards.
///
/// Cost: O(max(p, q)^2), whatever the number of coefficients.
#[allow(
    clippy::indexing_slicing,
    reason = "every buffer is resized above to the size that its loop runs over"
)]
pub(crate) fn covariance_slopes(
    phi: &[f64],
    theta: &[f64],
    scratch: &mut CovarianceScratch,
    weights: &[f64],
    by_phi: &mut Vec<f64>,
    by_theta: &mut Vec<f64>,
) {
    let (p, q) = (phi.len(), theta.len());
    let size = p.max(q);
    let zeros = |out: &mut Vec<f64>, len: usize| {
        out.clear();
        out.resize(len, 0.0);
    };
    let (now, by) = (&scratch.with_value, &mut scratch.slopes);
    zeros(by_phi, size);
    // That of lag 0, which is 1, first.
    zeros(by_theta, size + 1);
    zeros(&mut by.with_value, size + 1);
    zeros(&mut by.row, size + 1);
    let ar_at = |i: usize| if i < p { phi[i] } else { 0.0 };
    let theta_at = |k: usize| match k {
        0 => 1.0,
        k if k <= q => theta[k - 1],
        _ => 0.0,
    };

    // Each element goes into the one before it on its diagonal.
    for i in 0..size {
        let (a, m) = (ar_at(i), theta_at(i + 1));
        let scaled = a * now[0] + now[i + 1];
        let (mut by_scaled, mut by_own, mut by_a) = (0.0, 0.0, 0.0);
        for j in (0..=i).rev() {
            let twice = if i == j { 1.0 } else { 2.0 };
            let slope = twice * weights[i * size + j] + if j > 0 { by.row[j - 1] } else { 0.0 };
            by.row[j] = slope;
            by_scaled += slope * ar_at(j);
            by_phi[j] += slope * scaled;
            by_a += slope * now[j + 1];
            by.with_value[j + 1] += slope * a;
            by_own += slope * theta_at(j + 1);
            by_theta[j + 1] += slope * m;
        }
        by_phi[i] += by_a + by_scaled * now[0];
        by.with_value[0] += by_scaled * a;
        by.with_value[i + 1] += by_scaled;
        by_theta[i + 1] += by_own;
    }
    by_phi.truncate(p);
    by_theta.truncate(q + 1);

    zeros(&mut by.covariance, p + 1);
    zeros(&mut by.weights, q + 1);
    for (j, &slope) in by.with_value.iter().enumerate() {
        for k in j + 1..=p {
            by_phi[k - 1] += slope * scratch.covariance[k - j];
            by.covariance[k - j] += slope * phi[k - 1];
        }
        for (k, slot) in by_theta.iter_mut().enumerate().skip(j) {
            *slot += slope * scratch.weights[k - j];
            by.weights[k - j] += slope * theta_at(k);
        }
    }
    for k in (0..=q).rev() {
        let slope = by.weights[k];
        by_theta[k] += slope;
        for i in 0..p.min(k) {
            by_phi[i] += slope * scratch.weights[k - 1 - i];
            by.weights[k - 1 - i] += slope * phi[i];
        }
    }

    let ar = &scratch.ar_covariance;
    zeros(&mut by.ar_covariance, p + q + 1);
    for k in 0..=q {
        let pairs = (0..=q - k).map(|i| theta_at(i) * theta_at(i + k));
        let product: f64 = pairs.sum();
        let mut by_product = 0.0;
        for (lag, &slope) in by.covariance.iter().enumerate() {
            by_product += slope * ar[lag + k];
            by.ar_covariance[lag + k] += slope * product;
            if k > 0 {
                by_product += slope * ar[lag.abs_diff(k)];
                by.ar_covariance[lag.abs_diff(k)] += slope * product;
            }
        }
        for i in 0..=q - k {
            by_theta[i] += by_product * theta_at(i + k);
            by_theta[i + k] += by_product * theta_at(i);
        }
    }
    by_theta.remove(0);

    let triangle = &scratch.predictors;
    zeros(&mut by.predictors, triangle.len());
    for lag in (1..=p + q).rev() {
        let order = lag.min(p);
        let slope = by.ar_covariance[lag];
        for i in 0..order {
            by.predictors[start(order) + i] += slope * ar[lag - 1 - i];
            by.ar_covariance[lag - 1 - i] += slope * triangle[start(order) + i];
        }
    }
    let by_variance = by.ar_covariance[0] * ar[0];
    for order in 1..=p {
        let (lower, upper) = by.predictors.split_at_mut(start(order));
        let by_lower = &lower[start(order - 1)..];
        let lower = &triangle[start(order - 1)..start(order)];
        let current = &triangle[start(order)..start(order + 1)];
        let by_current = &mut upper[..order];
        let r = current[order - 1];
        let left = 1.0 - r * r;
        let (mut by_r, mut by_left) = (0.0, -by_variance / left);
        for (j, (&slope, &value)) in by_lower.iter().zip(lower).enumerate() {
            let mirrored = order - 2 - j;
            by_left -= slope * value / left;
            by_r += slope * current[mirrored] / left;
            by_current[j] += slope / left;
            by_current[mirrored] += slope * r / left;
        }
        by_current[order - 1] += by_r - 2.0 * r * by_left;
    }
    for (slot, slope) in by_phi.iter_mut().zip(&by.predictors[start(p)..]) {
        *slot += slope;
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]
mod tests {
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
        for (phi, theta) in [
            (&[0.6, -0.2, 0.1][..], &[0.4, 0.3][..]),
            (&[0.3], &[0.4, 0.3, -0.2]),
            (&[0.5, 0.2, -0.3, 0.2], &[]),
            (&[], &[0.4, 0.3]),
            (&[0.6, 0.0, 0.0, 0.3, -0.18], &[0.4, 0.0, 0.0, -0.5, -0.2]),
        ] {
            let size = phi.len().max(theta.len());
            let weights: Vec<f64> = (0..size * size)
                .map(|k| ((k / size + 1) * (k % size + 1)) as f64)
                .map(|x| (x * 0.7).sin())
                .collect();
            let value = |phi: &[f64], theta: &[f64]| {
                let mut out = Vec::new();
                state_covariance(phi, theta, &mut CovarianceScratch::default(), &mut out).unwrap();
                super::super::filter::dot(&out, &weights)
            };
            let mut scratch = CovarianceScratch::default();
            let (mut by_phi, mut by_theta) = (vec![9.0; 9], vec![9.0; 9]);
            // Twice, since the buffers are used again.
            for _ in 0..2 {
                state_covariance(phi, theta, &mut scratch, &mut Vec::new()).unwrap();
                covariance_slopes(
                    phi,
                    theta,
                    &mut scratch,
                    &weights,
                    &mut by_phi,
                    &mut by_theta,
                );
            }
            assert_eq!((by_phi.len(), by_theta.len()), (phi.len(), theta.len()));
            for (k, slope) in by_phi.iter().chain(&by_theta).enumerate() {
                let at = |step: f64| {
                    let (mut phi, mut theta) = (phi.to_vec(), theta.to_vec());
                    let slot = phi.iter_mut().chain(&mut theta).nth(k).unwrap();
                    *slot += step;
                    value(&phi, &theta)
                };
                let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
                let close = (slope - numeric).abs() < 1e-7 * (1.0 + numeric.abs());
                assert!(close, "{phi:?} {theta:?} {k}: {slope} {numeric}");
            }
        }
    }
}
