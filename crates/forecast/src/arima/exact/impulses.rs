//! Products of responses to impulses in place of missing values.
//!
//! The filtered series responds to a missing value behind the start as to any other, only later: the
//! columns `theta^(-1) phi D` are shifts of one response `pi = phi delta / theta` with the differencing
//! polynomial `delta`, cut at the end of the series. Their products with each other, with the responses
//! to the state `psi = 1 / theta`, and what the gradient needs, are correlations of such responses,
//! which a few filters give for all distances at once.

use super::super::filter::{Sparse, dot};

/// The products of shifts of two responses.
#[derive(Debug, Default)]
struct Correlation {
    /// By how much the second starts later.
    later: Vec<f64>,
    /// By how much the first starts later.
    earlier: Vec<f64>,
}

impl Correlation {
    /// `sum_t f_(t-a) g_(t-b)` over `t < n`.
    fn at(&self, f: &[f64], g: &[f64], a: usize, b: usize, n: usize) -> f64 {
        let (all, ahead, behind, shift) = if b >= a {
            (&self.later, f, g, b - a)
        } else {
            (&self.earlier, g, f, a - b)
        };
        let Some(&whole) = all.get(shift) else {
            return 0.0;
        };
        let inside = n.saturating_sub(a.max(b));
        let ahead = ahead.get(shift..).unwrap_or_default();
        if inside >= ahead.len() {
            return whole;
        }
        // Near the end the responses are cut.
        let cut = |x: &[f64]| x.len().min(inside);
        dot(
            ahead.get(..cut(ahead)).unwrap_or_default(),
            behind.get(..cut(ahead)).unwrap_or_default(),
        )
    }
}

/// The responses, and their products.
#[derive(Debug, Default)]
pub(super) struct Impulses {
    n: usize,
    /// `1 / theta`, `1 / theta^2`.
    psi: Vec<f64>,
    omega: Vec<f64>,
    /// `delta / theta`, `phi delta / theta`, `phi delta / theta^2`.
    eta: Vec<f64>,
    pi: Vec<f64>,
    chi: Vec<f64>,
    pi_pi: Correlation,
    psi_pi: Correlation,
    psi_eta: Correlation,
    pi_eta: Correlation,
    pi_chi: Correlation,
    pi_omega: Correlation,
    psi_chi: Correlation,
    buffer: Vec<f64>,
}

/// The polynomials of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polynomials<'a> {
    pub(super) phi: &'a Sparse,
    pub(super) theta: &'a Sparse,
    pub(super) delta: &'a Sparse,
}

impl Polynomials<'_> {
    /// `values / theta`.
    fn divide(&self, values: &[f64], buffer: &mut Vec<f64>) -> Vec<f64> {
        buffer.clear();
        buffer.resize(self.theta.reach(), 0.0);
        buffer.extend_from_slice(values);
        self.theta.divide(buffer);
        buffer.split_off(self.theta.reach())
    }

    /// `sum_t f_t psi_(t-h)` for each `h`.
    fn divide_back(&self, f: &[f64], buffer: &mut Vec<f64>) -> Vec<f64> {
        self.theta.divide_backward(f, buffer);
        let mut out = buffer.split_off(self.theta.reach());
        out.reverse();
        out
    }

    /// What `polynomial` makes of the products with a response, of those with its numerator.
    fn multiply_back(polynomial: &Sparse, products: &[f64]) -> Vec<f64> {
        let turned: Vec<f64> = products.iter().rev().copied().collect();
        let mut out = vec![0.0; turned.len()];
        polynomial.apply(&turned, &mut out);
        out.reverse();
        out
    }

    /// `sum_t v_t pi_(t-h)` for each `h`, of values as long as the series.
    pub(super) fn project(&self, values: &[f64], buffer: &mut Vec<f64>) -> Vec<f64> {
        let back = self.divide_back(values, buffer);
        Self::multiply_back(self.phi, &Self::multiply_back(self.delta, &back))
    }
}

impl Impulses {
    /// Of a series of length `n`, from the response `1 / theta`, cut where it has died out.
    pub(super) fn set(&mut self, model: &Polynomials<'_>, psi: &[f64], n: usize) {
        let Self { buffer, .. } = self;
        self.n = n;
        self.psi.clear();
        self.psi.extend_from_slice(psi);
        let reach = model.phi.reach() + model.delta.reach();
        self.psi.resize((psi.len() + reach).min(n), 0.0);
        self.eta.resize(self.psi.len(), 0.0);
        model.delta.apply(&self.psi, &mut self.eta);
        self.pi.resize(self.psi.len(), 0.0);
        model.phi.apply(&self.eta, &mut self.pi);
        let back = model.divide_back(&self.pi, buffer);
        let by_eta = Polynomials::multiply_back(model.delta, &back);
        self.pi_pi.later = Polynomials::multiply_back(model.phi, &by_eta);
        self.pi_eta.later = by_eta;
        self.psi_pi.earlier = back;
        let back = model.divide_back(&self.psi, buffer);
        let by_eta = Polynomials::multiply_back(model.delta, &back);
        self.psi_pi.later = Polynomials::multiply_back(model.phi, &by_eta);
        self.psi_eta.later = by_eta;
    }

    /// What only the gradient needs.
    pub(super) fn differentiate(&mut self, model: &Polynomials<'_>) {
        let Self { buffer, .. } = self;
        self.omega = model.divide(&self.psi, buffer);
        self.chi = model.divide(&self.pi, buffer);
        self.psi_eta.earlier = model.divide_back(&self.eta, buffer);
        let by_delta = Polynomials::multiply_back(model.delta, &self.psi_eta.earlier);
        self.pi_eta.earlier = Polynomials::multiply_back(model.phi, &by_delta);
        self.pi_chi.later = model.divide_back(&self.pi_pi.later, buffer);
        self.pi_chi.earlier = model.project(&self.chi, buffer);
        self.pi_omega.later = model.divide_back(&self.psi_pi.earlier, buffer);
        self.pi_omega.earlier = model.project(&self.omega, buffer);
        self.psi_chi.later = model.divide_back(&self.psi_pi.later, buffer);
        self.psi_chi.earlier = model.divide_back(&self.chi, buffer);
    }

    /// The product of the responses to impulses at `a` and `b`.
    pub(super) fn product(&self, a: usize, b: usize) -> f64 {
        self.pi_pi.at(&self.pi, &self.pi, a, b, self.n)
    }

    /// The product of the response to entry `k` of the state with that to an impulse at `b`.
    pub(super) fn with_state(&self, k: usize, b: usize) -> f64 {
        self.psi_pi.at(&self.psi, &self.pi, k, b, self.n)
    }

    /// The trace that the derivative by `phi` at `lag` has, before the sign: `weights` is `G^(-1)` of
    /// the impulses at `at`, `by_state` that times the state's share in each, `size` wide.
    pub(super) fn by_phi(
        &self,
        lag: usize,
        at: &[usize],
        weights: &[f64],
        by_state: &[f64],
        size: usize,
    ) -> f64 {
        let n = self.n;
        let mut sum = 0.0;
        for (j, &b) in at.iter().enumerate() {
            let row = weights.get(j * at.len()..).unwrap_or_default();
            for (h, &a) in row.iter().zip(at) {
                sum += h * self.pi_eta.at(&self.pi, &self.eta, a, b + lag, n);
            }
            let row = by_state.get(j * size..(j + 1) * size).unwrap_or_default();
            for (k, u) in row.iter().enumerate() {
                sum -= u * self.psi_eta.at(&self.psi, &self.eta, k, b + lag, n);
            }
        }
        sum
    }

    /// As [`Self::by_phi`], by `theta`, without what the state alone contributes.
    pub(super) fn by_theta(
        &self,
        lag: usize,
        at: &[usize],
        weights: &[f64],
        by_state: &[f64],
        size: usize,
    ) -> f64 {
        let n = self.n;
        let mut sum = 0.0;
        for (j, &b) in at.iter().enumerate() {
            let row = weights.get(j * at.len()..).unwrap_or_default();
            for (h, &a) in row.iter().zip(at) {
                sum += h * self.pi_chi.at(&self.pi, &self.chi, a, b + lag, n);
            }
            let row = by_state.get(j * size..(j + 1) * size).unwrap_or_default();
            for (k, u) in row.iter().enumerate() {
                sum -= u
                    * (self.pi_omega.at(&self.pi, &self.omega, b, k + lag, n)
                        + self.psi_chi.at(&self.psi, &self.chi, k, b + lag, n));
            }
        }
        sum
    }
}
