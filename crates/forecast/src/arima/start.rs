//! Coefficients to start the search from.

use super::dense;
use super::filter::dot;
use super::orders::Orders;

/// Where a search starts: at estimates, and at nothing.
pub(crate) fn usual_starts(orders: &Orders, w: &[f64]) -> Vec<Vec<f64>> {
    let mut starts = vec![hannan_rissanen(orders, w)];
    if orders.ma_lag() == 0 {
        return starts;
    }
    starts.push(vec![0.0; orders.coefficients()]);
    if orders.ar_lag() == 0 {
        return starts;
    }
    let mut own = *orders;
    (own.ma, own.seasonal_ma) = (0, 0);
    let estimate = hannan_rissanen(&own, w);
    let factors = own.split(&estimate);
    let mut start = factors.ar.to_vec();
    start.resize(orders.ar + orders.ma, 0.0);
    start.extend_from_slice(factors.seasonal_ar);
    start.resize(orders.coefficients(), 0.0);
    starts.push(start);
    starts
}

/// Places to compare before a search. The likelihood of mixed models often has several maxima, many
/// of them where roots of the two polynomials nearly cancel: on the real line, or at a frequency.
pub(crate) fn scattered_starts(orders: &Orders) -> Vec<Vec<f64>> {
    if orders.ar == 0 || orders.ma == 0 || orders.seasonal_ar + orders.seasonal_ma > 0 {
        return Vec::new();
    }
    let mut starts = Vec::new();
    let mut add = |ar: &[f64], ma: &[f64]| {
        if ar.len() <= orders.ar && ma.len() <= orders.ma {
            let mut start = ar.to_vec();
            start.resize(orders.ar, 0.0);
            start.extend_from_slice(ma);
            start.resize(orders.coefficients(), 0.0);
            starts.push(start);
        }
    };
    for root in [0.97, 0.7, -0.7, -0.97] {
        for ratio in [0.6, 0.9, 1.02] {
            add(&[root], &[-ratio * root]);
        }
    }
    for step in 1..12 {
        let cosine = (f64::from(step) * std::f64::consts::PI / 12.0).cos();
        // The coefficients of a pair of roots at this frequency.
        let pair = |size: f64| [2.0 * size * cosine, -size * size];
        let negative = |size: f64| pair(size).map(|c| -c);
        for (ar, ma) in [(0.97, 0.85), (0.85, 0.97), (0.7, 0.4)] {
            add(&pair(ar), &negative(ma));
        }
        add(&pair(0.9), &[0.0]);
        add(&[0.0], &negative(0.9));
    }
    starts
}

/// Estimates by the method of Hannan and Rissanen: the innovations of a long autoregression stand
/// for the unknown ones in a regression on both.
///
/// Source: Hannan & Rissanen 1982, <https://doi.org/10.1093/biomet/69.1.81>.
pub(crate) fn hannan_rissanen(orders: &Orders, w: &[f64]) -> Vec<f64> {
    let zeros = || vec![0.0; orders.coefficients()];
    if orders.coefficients() == 0 {
        return zeros();
    }
    let reach = orders.ar_lag().max(orders.ma_lag());
    let order = (reach + 4).max(12).min(w.len() / 4);
    let innovations = if orders.ma_lag() > 0 {
        long_autoregression(w, order)
    } else {
        w.to_vec()
    };
    let ar = (1..=orders.ar).map(|lag| (w, lag));
    let ma = (1..=orders.ma).map(|lag| (innovations.as_slice(), lag));
    let seasonal_ar = (1..=orders.seasonal_ar).map(|k| (w, k * orders.period));
    let seasonal_ma = (1..=orders.seasonal_ma).map(|k| (innovations.as_slice(), k * orders.period));
    let terms: Vec<_> = ar.chain(ma).chain(seasonal_ar).chain(seasonal_ma).collect();
    let from = if orders.ma_lag() > 0 {
        order + orders.ma_lag()
    } else {
        0
    }
    .max(orders.ar_lag());
    let rows = w.len().saturating_sub(from);
    if rows < 2 * terms.len() {
        return zeros();
    }
    let column = |&(values, lag): &(&[f64], usize)| -> Vec<f64> {
        values.iter().skip(from - lag).take(rows).copied().collect()
    };
    let columns: Vec<Vec<f64>> = terms.iter().map(column).collect();
    let target: Vec<f64> = w.iter().skip(from).copied().collect();
    let mut normal: Vec<f64> = columns
        .iter()
        .flat_map(|a| columns.iter().map(|b| dot(a, b)))
        .collect();
    for diagonal in normal.iter_mut().step_by(terms.len() + 1) {
        *diagonal *= 1.0 + 1e-9;
    }
    let mut coefficients: Vec<f64> = columns.iter().map(|a| dot(a, &target)).collect();
    let solved = dense::solve(&mut normal, &mut coefficients);
    if solved && coefficients.iter().all(|c| c.is_finite()) {
        coefficients
    } else {
        zeros()
    }
}

/// The residuals of an autoregression of this order, fitted to the autocovariances by the recursion
/// of Durbin and Levinson; zeros before it can be applied.
fn long_autoregression(w: &[f64], order: usize) -> Vec<f64> {
    let covariance = |lag: usize| dot(w.get(lag..).unwrap_or_default(), w);
    let covariances: Vec<f64> = (0..=order).map(covariance).collect();
    let mut coefficients: Vec<f64> = Vec::with_capacity(order);
    let mut left = covariances.first().copied().unwrap_or(0.0);
    for (k, &covariance) in covariances.iter().enumerate().skip(1) {
        let known = covariances.get(1..k).unwrap_or_default().iter().rev();
        let explained: f64 = coefficients.iter().zip(known).map(|(a, c)| a * c).sum();
        let r = (covariance - explained) / left;
        if r.abs() >= 1.0 || r.is_nan() {
            break;
        }
        let before = coefficients.clone();
        for (slot, mirrored) in coefficients.iter_mut().zip(before.iter().rev()) {
            *slot -= r * mirrored;
        }
        coefficients.push(r);
        left *= 1.0 - r * r;
    }
    let reach = coefficients.len();
    let mut out = vec![0.0; w.len()];
    for (k, c) in coefficients.iter().enumerate() {
        let lagged = w.iter().skip(reach - 1 - k);
        for (slot, x) in out.iter_mut().skip(reach).zip(lagged) {
            *slot -= c * x;
        }
    }
    for (slot, x) in out.iter_mut().zip(w).skip(reach) {
        *slot += x;
    }
    out
}
