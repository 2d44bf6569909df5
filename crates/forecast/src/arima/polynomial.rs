//! Lag polynomials: products, and partial autocorrelations that keep them stationary.

use super::number::Number;

/// The coefficients of lags 1 and up of `(1 - sum a_i B^i)(1 - sum b_j B^(sj))`, again written as
/// `1 - sum c_k B^k`; `sign` -1 for `(1 + ...)(1 + ...) = 1 + ...`.
pub(crate) fn product<N: Number>(own: &[N], seasonal: &[N], period: usize, sign: f64) -> Vec<N> {
    let mut out = Vec::new();
    product_into(own, seasonal, period, sign, &mut out);
    out
}

/// As [`product`], into a buffer that is used again.
pub(crate) fn product_into<N: Number>(
    own: &[N],
    seasonal: &[N],
    period: usize,
    sign: f64,
    out: &mut Vec<N>,
) {
    out.clear();
    out.extend_from_slice(own);
    out.resize(own.len() + period * seasonal.len(), N::constant(0.0));
    let sign = N::constant(sign);
    for (j, &b) in seasonal.iter().enumerate() {
        let lag = (j + 1) * period;
        let mut slots = out.iter_mut().skip(lag.saturating_sub(1));
        if let Some(slot) = slots.next() {
            *slot = *slot + b;
        }
        for (slot, &a) in slots.zip(own) {
            *slot = *slot - sign * a * b;
        }
    }
}

/// The coefficients of the stationary polynomial `1 - sum a_i B^i` with these partial
/// autocorrelations, each in (-1, 1), by the recursion of Durbin and Levinson.
pub(crate) fn from_partial<N: Number>(partial: &[N]) -> Vec<N> {
    let mut out: Vec<N> = Vec::with_capacity(partial.len());
    for &r in partial {
        let before = out.clone();
        for (slot, &mirrored) in out.iter_mut().zip(before.iter().rev()) {
            *slot = *slot - r * mirrored;
        }
        out.push(r);
    }
    out
}

/// The partial autocorrelations of `1 - sum a_i B^i`, `None` where it is not stationary.
pub(crate) fn to_partial(coefficients: &[f64]) -> Option<Vec<f64>> {
    let mut current = coefficients.to_vec();
    let mut partial = Vec::with_capacity(current.len());
    while let Some(r) = current.pop() {
        if r.abs() >= 1.0 || r.is_nan() {
            return None;
        }
        partial.push(r);
        let left = 1.0 - r * r;
        let before = current.clone();
        for (slot, mirrored) in current.iter_mut().zip(before.iter().rev()) {
            *slot = (*slot + r * mirrored) / left;
        }
    }
    partial.reverse();
    Some(partial)
}

/// The lags of a polynomial whose coefficient can differ from 0, least first.
pub(crate) fn lags(own: usize, seasonal: usize, period: usize) -> Vec<usize> {
    let mut lags = Vec::with_capacity((own + 1) * (seasonal + 1));
    for j in 0..=seasonal {
        lags.extend((0..=own).map(|i| j * period + i).filter(|&lag| lag > 0));
    }
    lags
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]
mod tests {
    use super::*;

    #[test]
    fn partial_autocorrelations_go_there_and_back() {
        let partial = [0.5, -0.3, 0.8];
        let coefficients = from_partial(&partial);
        let back = to_partial(&coefficients).unwrap();
        for (a, b) in partial.iter().zip(&back) {
            assert!((a - b).abs() < 1e-14);
        }
        assert!(to_partial(&[1.0]).is_none() && to_partial(&[f64::NAN]).is_none());
    }

    #[test]
    fn products_have_the_signs_of_their_kind() {
        assert_eq!(product(&[0.5], &[0.2], 3, 1.0), [0.5, 0.0, 0.2, -0.1]);
        assert_eq!(product(&[0.5], &[0.2], 3, -1.0), [0.5, 0.0, 0.2, 0.1]);
        assert_eq!(product::<f64>(&[], &[0.2], 2, 1.0), [0.0, 0.2]);
        assert_eq!(lags(1, 1, 3), [1, 3, 4]);
        assert_eq!(lags(0, 2, 4), [4, 8]);
    }
}
