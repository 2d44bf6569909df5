//! Coefficients to start the search from.

use super::dense;
use super::filter::dot;
use super::orders::Orders;
use super::polynomial::to_partial;

/// Where a search starts: at estimates, and at nothing.
pub(crate) fn usual_starts(orders: &Orders, w: &[f64]) -> Vec<Vec<f64>> {
    let mut starts = vec![hannan_rissanen(orders, w)];
    if orders.ma_lag() == 0 {
        return starts;
    }
    starts.push(short_estimate(orders, w));
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

/// Families of places to compare before a search. The likelihood of mixed models often has several
/// maxima, many of them where roots of the two polynomials nearly cancel: on the real line, or at a
/// frequency, beside a root near 1 where the series wanders.
pub(crate) fn scattered_starts(orders: &Orders, w: &[f64]) -> Vec<Vec<Vec<f64>>> {
    if orders.seasonal_ar + orders.seasonal_ma > 0 {
        return vec![seasonal_places(orders, w)];
    }
    if orders.ar == 0 || orders.ma == 0 {
        return Vec::new();
    }
    vec![real_places(orders), oscillating_places(orders)]
}

/// Coefficients of a model without a season; `None` where it has fewer lags.
fn place(orders: &Orders, ar: &[f64], ma: &[f64]) -> Option<Vec<f64>> {
    (ar.len() <= orders.ar && ma.len() <= orders.ma).then(|| {
        let mut start = ar.to_vec();
        start.resize(orders.ar, 0.0);
        start.extend_from_slice(ma);
        start.resize(orders.ar + orders.ma, 0.0);
        start
    })
}

/// Roots on the real line.
fn real_places(orders: &Orders) -> Vec<Vec<f64>> {
    let mut out = Vec::new();
    for root in [0.97, 0.7, -0.7, -0.97] {
        for ratio in [0.6, 0.9, 1.02] {
            out.extend(place(orders, &[root], &[-ratio * root]));
        }
    }
    for other in [0.95, 0.5, -0.5] {
        for ma in [&[-0.9][..], &[-0.4], &[0.4], &[-1.9, 0.91]] {
            out.extend(place(orders, &beside(&[other]), ma));
        }
    }
    out
}

/// Roots in pairs at a frequency.
fn oscillating_places(orders: &Orders) -> Vec<Vec<f64>> {
    let mut out = Vec::new();
    let steps = (1..12).map(|step| f64::from(step) * std::f64::consts::PI / 12.0);
    for frequency in std::iter::once(0.12).chain(steps) {
        let cosine = frequency.cos();
        // The coefficients of a pair of roots at this frequency.
        let pair = |size: f64| [2.0 * size * cosine, -size * size];
        let negative = |size: f64| pair(size).map(|c| -c);
        for (ar, ma) in [(0.97, 0.85), (0.85, 0.97), (0.7, 0.4)] {
            out.extend(place(orders, &pair(ar), &negative(ma)));
            out.extend(place(orders, &beside(&pair(ar)), &negative(ma)));
        }
        out.extend(place(orders, &pair(0.9), &[0.0]));
        out.extend(place(orders, &[0.0], &negative(0.9)));
        if orders.ar == 1 {
            out.extend(place(orders, &[0.98], &negative(0.9)));
        }
    }
    out
}

/// The autoregression with these coefficients and another root near 1.
fn beside(coefficients: &[f64]) -> Vec<f64> {
    const NEAR: f64 = 0.98;
    let mut out = coefficients.to_vec();
    out.push(0.0);
    for (slot, a) in out.iter_mut().skip(1).zip(coefficients) {
        *slot -= NEAR * a;
    }
    if let Some(first) = out.first_mut() {
        *first += NEAR;
    }
    out
}

/// A few seasons beside a few models without.
fn seasonal_places(orders: &Orders, w: &[f64]) -> Vec<Vec<f64>> {
    let own_orders = Orders::new(orders.ar, 0, orders.ma);
    let mut own = vec![
        hannan_rissanen(&own_orders, w),
        vec![0.0; orders.ar + orders.ma],
    ];
    own.extend(place(orders, &[0.95], &[]));
    own.extend(place(orders, &[0.95], &[-0.5]));
    own.extend(place(orders, &[], &[-0.6]));
    own.extend(place(orders, &beside(&[0.95]), &[-0.9]));
    let pairs: &[(f64, f64)] = match (orders.seasonal_ar, orders.seasonal_ma) {
        (0, _) => &[(0.0, -0.7), (0.0, -0.3), (0.0, 0.5)],
        (_, 0) => &[(0.8, 0.0), (0.3, 0.0), (-0.5, 0.0)],
        _ => &[
            (0.95, -0.6),
            (0.8, -0.95),
            (0.3, -0.95),
            (0.0, -0.7),
            (-0.5, 0.3),
            (-0.8, 0.95),
        ],
    };
    let mut out = Vec::new();
    for base in &own {
        for (ar, ma) in pairs {
            let mut start = base.clone();
            start.resize(orders.coefficients(), 0.0);
            let seasonal = orders.ar + orders.ma;
            for (index, count, value) in [
                (seasonal, orders.seasonal_ar, ar),
                (seasonal + orders.seasonal_ar, orders.seasonal_ma, ma),
            ] {
                if count > 0
                    && let Some(slot) = start.get_mut(index)
                {
                    *slot = *value;
                }
            }
            out.push(start);
        }
    }
    out
}

/// Estimates as statsmodels starts from: with an autoregression of just twice the moving-average lags,
/// first without the season, then of what that leaves at the seasonal lags; a polynomial that is not
/// stationary or invertible starts at 0.
fn short_estimate(orders: &Orders, w: &[f64]) -> Vec<f64> {
    let own = Orders::new(orders.ar, 0, orders.ma);
    let plain = regress_on_both(&own, w, 2 * orders.ma);
    let mut season = *orders;
    (season.ar, season.ma) = (0, 0);
    let seasonal = regress_on_both(&season, w, 2 * orders.seasonal_ma * orders.period);
    let (own, season) = (own.split(&plain), season.split(&seasonal));
    let mut out = Vec::with_capacity(orders.coefficients());
    for (part, sign) in [
        (own.ar, 1.0),
        (own.ma, -1.0),
        (season.seasonal_ar, 1.0),
        (season.seasonal_ma, -1.0),
    ] {
        let signed: Vec<f64> = part.iter().map(|a| sign * a).collect();
        let inside = to_partial(&signed).is_some();
        out.extend(part.iter().map(|a| if inside { *a } else { 0.0 }));
    }
    out
}

/// Estimates by the method of Hannan and Rissanen: the innovations of a long autoregression stand
/// for the unknown ones in a regression on both.
///
/// Source: Hannan & Rissanen 1982, <https://doi.org/10.1093/biomet/69.1.81>.
pub(crate) fn hannan_rissanen(orders: &Orders, w: &[f64]) -> Vec<f64> {
    let reach = orders.ar_lag().max(orders.ma_lag());
    regress_on_both(orders, w, (reach + 4).max(12).min(w.len() / 4))
}

/// The regression of `w` on its lags and those of the residuals of an autoregression of this order.
fn regress_on_both(orders: &Orders, w: &[f64], order: usize) -> Vec<f64> {
    let zeros = || vec![0.0; orders.coefficients()];
    if orders.coefficients() == 0 {
        return zeros();
    }
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
