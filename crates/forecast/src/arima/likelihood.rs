//! What the search for coefficients maximises.

use super::exact::ExactLikelihood;
use super::kalman::{Counted, Kalman, Pass, pass};
use super::orders::Orders;

/// The variance of what is unknown before the first value, in units of the innovations', where it
/// stands for infinity.
pub(crate) const INFINITE: f64 = 1e8;

/// An innovation of more variance tells where the series starts, not how it goes on.
pub(crate) const UNKNOWN: f64 = 1e5;

/// A likelihood, largest over the effects of regressors and the variance.
#[derive(Debug)]
pub(crate) enum Likelihood {
    /// Of complete data.
    Exact(Box<ExactLikelihood>),
    /// Of any data.
    Filtered(FilterLikelihood),
}

/// The likelihood by the Kalman filter.
#[derive(Debug, Clone)]
pub(crate) struct FilterLikelihood {
    pub(crate) orders: Orders,
    pub(crate) values: Vec<f64>,
    pub(crate) columns: Vec<Vec<f64>>,
    /// The variance of what is unknown before the first value, in units of the innovations'.
    pub(crate) diffuse: f64,
    pub(crate) counted: Counted,
    pub(crate) effects: Vec<f64>,
    pub(crate) variance: f64,
    pub(crate) count: usize,
}

impl FilterLikelihood {
    /// The value, and the pass of the filter that gave it.
    pub(crate) fn value(&self, coefficients: &[f64]) -> Option<(f64, Pass)> {
        let mut kalman = Kalman::new(&self.orders, coefficients);
        let width = self.columns.len() + 1;
        let state = kalman.start(&self.orders, coefficients, self.diffuse, width)?;
        let pass = pass(
            &mut kalman,
            state,
            &self.values,
            &self.columns,
            self.counted,
        )?;
        let n = pass.count as f64;
        let variance = pass.sum_squares / n;
        // Written so that a NaN is refused too.
        if !(variance > 0.0 && variance < f64::INFINITY) {
            return None;
        }
        let constant = (2.0 * std::f64::consts::PI).ln() + 1.0;
        let value = -0.5 * (n * (constant + variance.ln()) + pass.log_determinant);
        value.is_finite().then_some((value, pass))
    }

    fn evaluate(&mut self, coefficients: &[f64], gradient: Option<&mut [f64]>) -> Option<f64> {
        const STEP: f64 = 1e-5;
        let (value, pass) = self.value(coefficients)?;
        if let Some(gradient) = gradient {
            let mut moved = coefficients.to_vec();
            for (k, slot) in gradient.iter_mut().enumerate() {
                let center = coefficients.get(k).copied().unwrap_or(0.0);
                let mut at = |x: f64| {
                    moved.get_mut(k).map(|c| *c = x)?;
                    self.value(&moved).map(|(value, _)| value)
                };
                // Next to the edge of the stationary region one side has no value.
                *slot = match (at(center + STEP), at(center - STEP)) {
                    (Some(up), Some(down)) => (up - down) / (2.0 * STEP),
                    (Some(up), None) => (up - value) / STEP,
                    (None, Some(down)) => (value - down) / STEP,
                    (None, None) => return None,
                };
                moved.get_mut(k).map(|c| *c = center)?;
            }
        }
        self.variance = pass.sum_squares / pass.count as f64;
        self.count = pass.count;
        self.effects = pass.effects;
        Some(value)
    }
}

impl Likelihood {
    /// See [`ExactLikelihood::evaluate`].
    pub(crate) fn evaluate(
        &mut self,
        coefficients: &[f64],
        gradient: Option<&mut [f64]>,
    ) -> Option<f64> {
        match self {
            Self::Exact(exact) => exact.evaluate(coefficients, gradient),
            Self::Filtered(filtered) => filtered.evaluate(coefficients, gradient),
        }
    }

    /// The effects at the last evaluation.
    pub(crate) fn effects(&self) -> &[f64] {
        match self {
            Self::Exact(exact) => exact.effects(),
            Self::Filtered(filtered) => &filtered.effects,
        }
    }

    /// The variance at the last evaluation.
    pub(crate) fn variance(&self) -> f64 {
        match self {
            Self::Exact(exact) => exact.variance(),
            Self::Filtered(filtered) => filtered.variance,
        }
    }

    /// The number of innovations that count.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Exact(exact) => exact.len(),
            Self::Filtered(filtered) => filtered.count,
        }
    }
}

/// The log-likelihood at given parameters of values without their regression, where what is unknown
/// before the first value has the variance `diffuse`, in units of the innovations', and the first
/// values, which only tell where the series starts, do not count.
pub(crate) fn approximate(
    orders: &Orders,
    coefficients: &[f64],
    variance: f64,
    values: &[f64],
    diffuse: f64,
) -> Option<f64> {
    let mut kalman = Kalman::new(orders, coefficients);
    let state = kalman.start(orders, coefficients, diffuse, 1)?;
    let counted = Counted::From(orders.burn());
    let pass = pass(&mut kalman, state, values, &[], counted)?;
    let n = pass.count as f64;
    let scale = (2.0 * std::f64::consts::PI * variance).ln();
    let value = -0.5 * (n * scale + pass.log_determinant + pass.sum_squares / variance);
    value.is_finite().then_some(value)
}
