//! The exact likelihood of a stationary ARMA process without missing values, and its gradient.
//!
//! Given the state `x` that the past leaves before the first value, the innovations follow from
//! `phi(B) w - x = theta(B) e` alone, and their joint density is that of independent normals. The
//! state is normal with covariance `P`, so it integrates out in closed form: with
//! `v = theta^(-1) phi w`, the responses `Z` of the innovations to the state, `M = Z'Z`, `c = Z'v`,
//!
//! `S = v'v - c'V c`, `V = (P^(-1) + M)^(-1)`, `log-likelihood = -n/2 ln(2 pi e S/n) - 1/2 ln|I + P M|`
//!
//! which costs a few passes over the data by the lags of the polynomials, however long the season,
//! and a factorisation of the size of the state. Both are exact; there is no convergence to wait for.
//! The gradient takes the innovations at the state's posterior mean, filtered backwards: one pass for
//! all coefficients. Regression effects are concentrated out by generalised least squares, and missing
//! values integrated out as [`Missing`] says.

use super::covariance::{CovarianceScratch, covariance_slopes, state_covariance};
use super::dense;
use super::filter::{Sparse, dot};
use super::missing::Missing;
use super::number::{Dual, Number as _};
use super::orders::Orders;
use super::polynomial::{lags, product_into};
use super::response::Response;
use impulses::Impulses;

/// The data and every buffer of the likelihood: an evaluation does not allocate.
#[derive(Debug)]
pub(crate) struct ExactLikelihood {
    orders: Orders,
    w: Vec<f64>,
    missing: Missing,
    /// The differencing polynomial.
    delta: Sparse,
    /// The differenced impulses in place of early missing values, then the regressors.
    columns: Vec<Vec<f64>>,
    /// The size of the state that the data can tell.
    size: usize,
    phi: Sparse,
    theta: Sparse,
    /// The effects of the missing values and the regressors at the last evaluation.
    effects: Vec<f64>,
    /// The sum of squares `S` at the last evaluation.
    sum_squares: f64,
    buffers: Buffers,
}

#[derive(Debug, Default)]
struct Buffers {
    phi: Vec<f64>,
    theta: Vec<f64>,
    phi_dual: Vec<Dual>,
    theta_dual: Vec<Dual>,
    coefficients_dual: Vec<Dual>,
    scratch: CovarianceScratch,
    full: Vec<f64>,
    by_phi: Vec<f64>,
    by_theta: Vec<f64>,
    covariance: Vec<f64>,
    residual: Vec<f64>,
    filtered: Vec<f64>,
    innovations: Vec<f64>,
    backward: Vec<f64>,
    column: Vec<Vec<f64>>,
    column_score: Vec<Vec<f64>>,
    column_state: Vec<Vec<f64>>,
    response: Response,
    gram: Vec<f64>,
    factor: Vec<f64>,
    inverse: Vec<f64>,
    transposed: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    precision: Vec<f64>,
    posterior: Vec<f64>,
    score: Vec<f64>,
    state: Vec<f64>,
    normal: Vec<f64>,
    impulses: Impulses,
    /// The share of the state in each impulse, and the posterior covariance times it.
    impulse_score: Vec<f64>,
    impulse_state: Vec<f64>,
    root: Vec<f64>,
    weights: Vec<f64>,
    by_state: Vec<f64>,
}

impl ExactLikelihood {
    /// Of the differenced values `w`, with anything in place of values that are missing, and the
    /// differenced regressors.
    pub(crate) fn new(
        orders: Orders,
        w: Vec<f64>,
        regressors: Vec<Vec<f64>>,
        missing: Missing,
    ) -> Self {
        let mut columns = missing.early_columns(w.len());
        columns.extend(regressors);
        let phi = lags(orders.ar, orders.seasonal_ar, orders.period);
        let theta = lags(orders.ma, orders.seasonal_ma, orders.period);
        let size = orders.ar_lag().max(orders.ma_lag()).min(w.len());
        Self {
            orders,
            size,
            phi: Sparse::new(phi),
            theta: Sparse::new(theta),
            effects: vec![0.0; missing.later().len() + columns.len()],
            delta: missing.polynomial(),
            sum_squares: f64::NAN,
            buffers: Buffers {
                column: vec![Vec::new(); columns.len()],
                column_score: vec![Vec::new(); columns.len()],
                column_state: vec![Vec::new(); columns.len()],
                ..Buffers::default()
            },
            w,
            missing,
            columns,
        }
    }

    /// The number of values that count.
    pub(crate) fn len(&self) -> usize {
        self.w.len() - self.missing.len()
    }

    /// The effects of the regressors that maximise the likelihood at the last coefficients.
    pub(crate) fn effects(&self) -> &[f64] {
        self.effects.get(self.missing.len()..).unwrap_or_default()
    }

    /// The variance of the innovations that maximises the likelihood at the last coefficients.
    pub(crate) fn variance(&self) -> f64 {
        self.sum_squares / self.len() as f64
    }

    /// The log-likelihood at these coefficients (`p`, `q`, `P`, `Q` of them), the largest over the
    /// effects of the regressors and the variance; its gradient by the coefficients where a place
    /// for it is given. `None` where the process is not stationary, or beyond what floats can tell.
    pub(crate) fn evaluate(
        &mut self,
        coefficients: &[f64],
        gradient: Option<&mut [f64]>,
    ) -> Option<f64> {
        let log_determinant = self.prepare(coefficients)? + self.regress()?;
        self.sum_squares = self.smooth();
        let n = self.len() as f64;
        let variance = self.sum_squares / n;
        // Written so that a NaN is refused too.
        if !(variance > 0.0 && variance < f64::INFINITY && log_determinant.is_finite()) {
            return None;
        }
        if let Some(gradient) = gradient {
            self.gradient(coefficients, gradient);
        }
        let constant = (2.0 * std::f64::consts::PI).ln() + 1.0;
        Some(-0.5 * (n * (constant + variance.ln()) + log_determinant))
    }

    /// Everything that depends on the coefficients but not on the data; returns `ln|I + P M|`.
    fn prepare(&mut self, coefficients: &[f64]) -> Option<f64> {
        let (period, size) = (self.orders.period, self.size);
        let b = &mut self.buffers;
        let factors = self.orders.split(coefficients);
        product_into(factors.ar, factors.seasonal_ar, period, 1.0, &mut b.phi);
        product_into(factors.ma, factors.seasonal_ma, period, -1.0, &mut b.theta);
        self.phi.set(&b.phi);
        self.theta.set(&b.theta);
        state_covariance(&b.phi, &b.theta, &mut b.scratch, &mut b.full)?;
        if size == 0 {
            return Some(0.0);
        }
        let whole = b.phi.len().max(b.theta.len());
        b.covariance.clear();
        for row in b.full.chunks_exact(whole).take(size) {
            b.covariance.extend(row.iter().take(size));
        }
        if self.theta.reach() == 0 {
            // M is the identity: V = I - (I + P)^(-1).
            b.factor.clone_from(&b.covariance);
            add_identity(&mut b.factor, size);
            if !dense::cholesky(&mut b.factor, size) {
                return None;
            }
            let log_determinant = dense::log_determinant(&b.factor, size);
            dense::invert_lower(&b.factor, size, &mut b.inverse);
            dense::transpose(&b.inverse, size, &mut b.transposed);
            dense::symmetric_product(&b.transposed, &b.inverse, size, &mut b.precision);
            b.posterior.clear();
            b.posterior.extend(b.precision.iter().map(|x| -x));
            add_identity(&mut b.posterior, size);
            return Some(log_determinant);
        }
        b.response.respond(&self.theta, self.w.len());
        b.response
            .gram(&self.theta, size, self.w.len(), &mut b.gram);
        if !dense::cholesky(&mut b.gram, size) {
            return None;
        }
        // With M = C C': K = I + C'P C, Q = C K^(-1) C', V = C'^(-1) (I - K^(-1)) C^(-1).
        dense::multiply_by_lower(&b.covariance, &b.gram, size, &mut b.first);
        dense::transpose(&b.gram, size, &mut b.transposed);
        dense::symmetric_product(&b.transposed, &b.first, size, &mut b.factor);
        add_identity(&mut b.factor, size);
        if !dense::cholesky(&mut b.factor, size) {
            return None;
        }
        let log_determinant = dense::log_determinant(&b.factor, size);
        dense::invert_lower(&b.factor, size, &mut b.inverse);
        dense::transpose(&b.inverse, size, &mut b.transposed);
        dense::symmetric_product(&b.transposed, &b.inverse, size, &mut b.first);
        dense::multiply_lower(&b.gram, &b.first, size, &mut b.second);
        dense::symmetric_product_transposed(&b.second, &b.gram, size, &mut b.precision);
        for x in &mut b.first {
            *x = -*x;
        }
        add_identity(&mut b.first, size);
        dense::invert_lower(&b.gram, size, &mut b.inverse);
        dense::multiply_by_lower(&b.first, &b.inverse, size, &mut b.second);
        dense::transpose(&b.inverse, size, &mut b.transposed);
        dense::symmetric_product(&b.transposed, &b.second, size, &mut b.posterior);
        Some(log_determinant)
    }

    /// The innovations at the posterior mean of the state, filtered backwards too; returns their sum of
    /// squares with the state's.
    fn smooth(&mut self) -> f64 {
        let (theta, pad, size) = (&self.theta, self.theta.reach(), self.size);
        let b = &mut self.buffers;
        b.filtered.resize(b.residual.len(), 0.0);
        self.phi.apply(&b.residual, &mut b.filtered);
        let innovate = |filtered: &[f64], innovations: &mut Vec<f64>, backward: &mut Vec<f64>| {
            innovations.clear();
            innovations.resize(pad, 0.0);
            innovations.extend_from_slice(filtered);
            theta.divide(innovations);
            theta.divide_backward(innovations.get(pad..).unwrap_or_default(), backward);
        };
        innovate(&b.filtered, &mut b.innovations, &mut b.backward);
        let mut extra = 0.0;
        if size > 0 {
            b.score.clear();
            b.score.extend(b.backward.iter().rev().take(size));
            dense::apply(&b.posterior, &b.score, size, &mut b.state);
            for (slot, x) in b.filtered.iter_mut().zip(&b.state) {
                *slot -= x;
            }
            innovate(&b.filtered, &mut b.innovations, &mut b.backward);
            b.score.clear();
            b.score.extend(b.backward.iter().rev().take(size));
            extra = dot(&b.score, &b.state);
        }
        let innovations = b.innovations.get(pad..).unwrap_or_default();
        dot(innovations, innovations) + extra
    }

    /// Adds what the last residuals contribute to the derivatives by the coefficients of the expanded
    /// polynomials, the covariance held fixed, and to the weights of the covariance's derivatives.
    fn differentiate(&mut self, weight: f64) {
        let (n, size, pad) = (self.w.len(), self.size, self.theta.reach());
        let b = &mut self.buffers;
        b.backward.reverse();
        b.backward.truncate(n);
        let lagged = |values: &[f64], lag: usize| {
            dot(
                b.backward.get(lag..).unwrap_or_default(),
                values.get(..n.saturating_sub(lag)).unwrap_or_default(),
            )
        };
        for (slot, &lag) in b.first.iter_mut().zip(self.phi.lags()) {
            *slot += weight * lagged(&b.residual, lag);
        }
        let innovations = b.innovations.get(pad..).unwrap_or_default();
        for (slot, &lag) in b.second.iter_mut().zip(self.theta.lags()) {
            *slot += weight * lagged(innovations, lag);
        }
        // What the covariance contributes: -1/2 tr((Q - g g' n/S) dP).
        for (row, &g) in b.precision.chunks_exact_mut(size.max(1)).zip(&b.score) {
            for (slot, &h) in row.iter_mut().zip(&b.score) {
                *slot -= weight * g * h;
            }
        }
    }

    fn gradient(&mut self, coefficients: &[f64], gradient: &mut [f64]) {
        let (n, size, pad) = (self.w.len(), self.size, self.theta.reach());
        let b = &mut self.buffers;
        b.first.clear();
        b.first.resize(self.phi.lags().len(), 0.0);
        b.second.clear();
        b.second.resize(self.theta.lags().len(), 0.0);
        self.differentiate(self.len() as f64 / self.sum_squares);
        if self.missing.len() > 0 {
            self.differentiate_missing();
        }
        let b = &mut self.buffers;
        if size > 0 && pad > 0 {
            b.response.cross(&self.theta, size, n);
            for (slot, &lag) in b.second.iter_mut().zip(self.theta.lags()) {
                *slot += b.response.trace(&b.posterior, size, pad, lag);
            }
        }
        let whole = b.phi.len().max(b.theta.len());
        if size > 0 {
            // Of the state that the data cannot tell nothing depends.
            b.full.clear();
            b.full.resize(whole * whole, 0.0);
            let rows = b.full.chunks_exact_mut(whole);
            for (row, weights) in rows.zip(b.precision.chunks_exact(size)) {
                for (slot, weight) in row.iter_mut().zip(weights) {
                    *slot = -0.5 * weight;
                }
            }
            covariance_slopes(
                &b.phi,
                &b.theta,
                &mut b.scratch,
                &b.full,
                &mut b.by_phi,
                &mut b.by_theta,
            );
            let at = |all: &[f64], lag: usize| all.get(lag - 1).copied().unwrap_or(0.0);
            for (slot, &lag) in b.first.iter_mut().zip(self.phi.lags()) {
                *slot += at(&b.by_phi, lag);
            }
            for (slot, &lag) in b.second.iter_mut().zip(self.theta.lags()) {
                *slot += at(&b.by_theta, lag);
            }
        }
        b.coefficients_dual.clear();
        b.coefficients_dual
            .extend(coefficients.iter().map(|&c| Dual::constant(c)));
        for (k, out) in gradient.iter_mut().enumerate() {
            for (i, dual) in b.coefficients_dual.iter_mut().enumerate() {
                dual.slope = if i == k { 1.0 } else { 0.0 };
            }
            let factors = self.orders.split(&b.coefficients_dual);
            let period = self.orders.period;
            product_into(
                factors.ar,
                factors.seasonal_ar,
                period,
                1.0,
                &mut b.phi_dual,
            );
            product_into(
                factors.ma,
                factors.seasonal_ma,
                period,
                -1.0,
                &mut b.theta_dual,
            );
            let slope = |all: &[Dual], lag: usize| all.get(lag - 1).map_or(0.0, |d| d.slope);
            let mut sum = 0.0;
            for (&lag, g) in self.phi.lags().iter().zip(&b.first) {
                sum += slope(&b.phi_dual, lag) * g;
            }
            for (&lag, g) in self.theta.lags().iter().zip(&b.second) {
                sum += slope(&b.theta_dual, lag) * g;
            }
            *out = sum;
        }
    }
}

fn add_identity(a: &mut [f64], size: usize) {
    for x in a.iter_mut().step_by(size + 1) {
        *x += 1.0;
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]
mod gap_tests;
mod impulses;
mod regression;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]
mod tests;
