//! How innovations respond to the state before the first value, which the likelihood sums up.

use super::filter::{Sparse, dot};

/// The response of the innovations to a unit of the state, and what follows from it.
#[derive(Debug, Default)]
pub(crate) struct Response {
    /// The response `psi`, behind as many zeros as the largest lag; cut where it has died out.
    once: Vec<f64>,
    /// `psi` filtered once more.
    twice: Vec<f64>,
    /// `psi` filtered backwards, and that again; `twice` filtered backwards.
    back: Vec<f64>,
    back_back: Vec<f64>,
    twice_back: Vec<f64>,
    cross: Vec<f64>,
}

/// A response below this share of its start is rounding.
const DIED_OUT: f64 = 1e-18;

impl Response {
    /// The response to a unit, as long as `n` or until it has died out.
    pub(crate) fn respond(&mut self, theta: &Sparse, n: usize) {
        let pad = theta.reach();
        self.once.clear();
        self.once.resize(pad, 0.0);
        // In blocks, so that a short memory costs little however long the series is.
        let block = pad.max(32);
        let mut made = 0;
        while made < n {
            let from = self.once.len() - pad;
            let next = block.min(n - made);
            self.once.resize(pad + made + next, 0.0);
            if made == 0
                && let Some(first) = self.once.get_mut(pad)
            {
                *first = 1.0;
            }
            if let Some(tail) = self.once.get_mut(from..) {
                theta.divide_on(tail, pad);
            }
            made += next;
            let alive = self
                .once
                .iter()
                .rev()
                .take(pad.max(next))
                .any(|x| x.abs() > DIED_OUT);
            if !alive {
                break;
            }
        }
        self.twice.clone_from(&self.once);
        theta.divide(&mut self.twice);
    }

    /// The response to a unit, cut where it has died out.
    pub(crate) fn once(&self, theta: &Sparse) -> &[f64] {
        self.once.get(theta.reach()..).unwrap_or_default()
    }

    /// `M = Z'Z`, by its first row and what each step down the diagonals takes away.
    #[allow(
        clippy::indexing_slicing,
        reason = "the matrix is resized above to the size that the loops run over"
    )]
    pub(crate) fn gram(&mut self, theta: &Sparse, size: usize, n: usize, out: &mut Vec<f64>) {
        let pad = theta.reach();
        let psi = self.once.get(pad..).unwrap_or_default();
        theta.divide_backward(psi, &mut self.back);
        self.back.reverse();
        self.back.truncate(psi.len());
        let at = |values: &[f64], i: Option<usize>| {
            i.and_then(|i| values.get(i)).copied().unwrap_or(0.0)
        };
        out.clear();
        out.resize(size * size, 0.0);
        for k in 0..size {
            let mut value = at(&self.back, Some(k));
            for i in 0..size - k {
                out[i * size + i + k] = value;
                out[(i + k) * size + i] = value;
                value -= at(psi, (n - 1).checked_sub(i)) * at(psi, (n - 1).checked_sub(i + k));
            }
        }
    }

    /// `G_(i,m) = sum_t psi_(t-i) omega_(t-m)`, `i < size`, `m < size + pad`.
    #[allow(
        clippy::indexing_slicing,
        reason = "the matrix is resized above to the size that the loops run over"
    )]
    pub(crate) fn cross(&mut self, theta: &Sparse, size: usize, n: usize) {
        let pad = theta.reach();
        theta.divide_backward(&self.back, &mut self.back_back);
        self.back_back.reverse();
        let omega = self.twice.get(pad..).unwrap_or_default();
        let psi = self.once.get(pad..).unwrap_or_default();
        theta.divide_backward(omega, &mut self.twice_back);
        self.twice_back.reverse();
        let width = size + pad;
        let at = |values: &[f64], i: Option<usize>| {
            i.and_then(|i| values.get(i)).copied().unwrap_or(0.0)
        };
        let inside = |values: &[f64], i: usize| {
            if i < psi.len() {
                at(values, Some(i))
            } else {
                0.0
            }
        };
        self.cross.clear();
        self.cross.resize(size * width, 0.0);
        for m in 0..width {
            self.cross[m] = inside(&self.back_back, m);
        }
        for i in 1..size {
            self.cross[i * width] = inside(&self.twice_back, i);
            let tail = at(psi, n.checked_sub(i));
            for m in 1..width {
                let lost = tail * at(omega, n.checked_sub(m));
                self.cross[i * width + m] = self.cross[(i - 1) * width + m - 1] - lost;
            }
        }
    }

    /// `tr(V Z' theta^(-1) B^lag Z)`.
    pub(crate) fn trace(&self, posterior: &[f64], size: usize, pad: usize, lag: usize) -> f64 {
        let rows = self.cross.chunks_exact(size + pad);
        rows.zip(posterior.chunks_exact(size))
            .map(|(g, v)| dot(g.get(lag..).unwrap_or_default(), v))
            .sum()
    }
}
