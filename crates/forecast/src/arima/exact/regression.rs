//! The regression of the exact likelihood: effects of missing values and of regressors, together.

use std::ops::Range;

use super::super::dense;
use super::super::filter::dot;
use super::ExactLikelihood;
use super::impulses::Polynomials;

impl ExactLikelihood {
    /// The effects of missing values and regressors, and the values without them; returns `ln|G|` of
    /// the missing ones.
    pub(super) fn regress(&mut self) -> Option<f64> {
        let size = self.size;
        let b = &mut self.buffers;
        b.residual.clone_from(&self.w);
        if self.effects.is_empty() {
            return Some(0.0);
        }
        let model = Polynomials {
            phi: &self.phi,
            theta: &self.theta,
            delta: &self.delta,
        };
        let filter = |values: &[f64], out: &mut Vec<f64>, back: &mut Vec<f64>| {
            out.clear();
            out.resize(model.theta.reach() + values.len(), 0.0);
            let (_, inner) = out.split_at_mut(model.theta.reach());
            model.phi.apply(values, inner);
            model.theta.divide(out);
            let inner = out.get(model.theta.reach()..).unwrap_or_default();
            model.theta.divide_backward(inner, back);
            back.reverse();
            back.truncate(size);
        };
        for (k, column) in self.columns.iter().enumerate() {
            let (out, score) = (b.column.get_mut(k)?, b.column_score.get_mut(k)?);
            filter(column, out, score);
            if size > 0 {
                dense::apply(&b.posterior, score, size, b.column_state.get_mut(k)?);
            }
        }
        filter(&self.w, &mut b.innovations, &mut b.score);
        let (count, later) = (self.effects.len(), self.missing.later());
        b.normal.clear();
        b.normal.resize(count * count, 0.0);
        if !later.is_empty() {
            if model.theta.reach() == 0 {
                b.impulses.set(&model, &[1.0], self.w.len());
            } else {
                b.impulses
                    .set(&model, b.response.once(&self.theta), self.w.len());
            }
            b.impulse_score.clear();
            for &at in later {
                b.impulse_score
                    .extend((0..size).map(|k| b.impulses.with_state(k, at)));
            }
            b.impulse_state.clear();
            for score in b.impulse_score.chunks_exact(size.max(1)) {
                let rows = b.posterior.chunks_exact(size);
                b.impulse_state.extend(rows.map(|row| dot(row, score)));
            }
        }
        let state = |all: &'_ [f64], k: usize| -> Range<usize> {
            let start = (k * size).min(all.len());
            start..(start + size).min(all.len())
        };
        for (i, &at) in later.iter().enumerate() {
            let own = b.impulse_state.get(state(&b.impulse_state, i))?;
            let row = b.normal.get_mut(i * count..)?.iter_mut();
            for (j, (slot, &other)) in row.zip(later).take(i + 1).enumerate() {
                let score = b.impulse_score.get(state(&b.impulse_score, j))?;
                *slot = b.impulses.product(other, at) - dot(own, score);
            }
        }
        let pad = model.theta.reach();
        let mut project = |values: &[f64], score: &[f64], out: &mut [f64]| {
            if later.is_empty() {
                return;
            }
            let values = values.get(pad..).unwrap_or_default();
            let products = model.project(values, &mut b.backward);
            for (j, (slot, &at)) in out.iter_mut().zip(later).enumerate() {
                let range = j * size..(j + 1) * size;
                let own = b.impulse_state.get(range).unwrap_or_default();
                *slot = products.get(at).copied().unwrap_or(0.0) - dot(own, score);
            }
        };
        for (k, (v, c)) in b.column.iter().zip(&b.column_state).enumerate() {
            let row = b.normal.get_mut((later.len() + k) * count..)?;
            let (first, row) = row.split_at_mut_checked(later.len())?;
            project(v, b.column_score.get(k)?, first);
            let others = b.column.iter().zip(&b.column_score);
            for (slot, (u, d)) in row.iter_mut().zip(others.take(k + 1)) {
                *slot = dot(v, u) - dot(c, d);
            }
        }
        let (first, rest) = self.effects.split_at_mut_checked(later.len())?;
        project(&b.innovations, &b.score, first);
        for ((v, c), effect) in b.column.iter().zip(&b.column_state).zip(rest) {
            *effect = dot(v, &b.innovations) - dot(c, &b.score);
        }
        if !dense::solve(&mut b.normal, &mut self.effects) {
            return None;
        }
        let taken = self.effects.iter().map(|effect| -effect);
        self.missing.add_all(taken.clone(), &mut b.residual);
        let regressors = self.columns.iter().zip(taken.skip(later.len()));
        for (column, effect) in regressors.skip(self.missing.len() - later.len()) {
            for (slot, x) in b.residual.iter_mut().zip(column) {
                *slot += effect * x;
            }
        }
        let diagonal = b.normal.iter().step_by(count + 1).take(self.missing.len());
        Some(2.0 * diagonal.map(|x| x.ln()).sum::<f64>())
    }

    /// Adds the derivatives of `-1/2 ln|G|`: of the impulses behind the start by their products, of the
    /// early ones, made orthogonal to all before, each by its residuals.
    pub(super) fn differentiate_missing(&mut self) {
        let (missing, size) = (self.missing.len(), self.size);
        let at = self.missing.later();
        let b = &mut self.buffers;
        let rows = b.normal.chunks_exact(self.effects.len()).take(missing);
        b.root.clear();
        b.root.extend(rows.flat_map(|row| row.iter().take(missing)));
        let mut inverse = std::mem::take(&mut b.weights);
        dense::invert_lower(&b.root, missing, &mut inverse);
        for (k, row) in inverse.chunks_exact(missing).enumerate().skip(at.len()) {
            self.buffers.residual.fill(0.0);
            let weights = row.iter().take(k + 1).copied();
            self.missing.add_all(weights, &mut self.buffers.residual);
            self.smooth();
            self.differentiate(1.0);
        }
        let at = self.missing.later();
        let b = &mut self.buffers;
        if !at.is_empty() {
            b.root.clear();
            let rows = inverse.chunks_exact(missing).take(at.len());
            b.root
                .extend(rows.flat_map(|row| row.iter().take(at.len())));
            let mut weights = std::mem::take(&mut b.filtered);
            dense::transpose(&b.root, at.len(), &mut b.transposed);
            dense::symmetric_product(&b.transposed, &b.root, at.len(), &mut weights);
            b.by_state.clear();
            b.by_state.resize(at.len() * size, 0.0);
            dense::add_product(&weights, &b.impulse_state, at.len(), size, &mut b.by_state);
            let model = Polynomials {
                phi: &self.phi,
                theta: &self.theta,
                delta: &self.delta,
            };
            b.impulses.differentiate(&model);
            for (slot, &lag) in b.first.iter_mut().zip(self.phi.lags()) {
                *slot += b.impulses.by_phi(lag, at, &weights, &b.by_state, size);
            }
            for (slot, &lag) in b.second.iter_mut().zip(self.theta.lags()) {
                *slot += b.impulses.by_theta(lag, at, &weights, &b.by_state, size);
            }
            if size > 0 {
                // The state at the impulses adds to its uncertainty, and what it leaves of them to the
                // weights of the covariance.
                let mut left = b.impulse_score.clone();
                for (row, state) in left
                    .chunks_exact_mut(size)
                    .zip(b.impulse_state.chunks_exact(size))
                {
                    if self.theta.reach() == 0 {
                        row.iter_mut().zip(state).for_each(|(slot, u)| *slot -= u);
                    } else {
                        dense::take_squared(&b.gram, state, size, row, &mut b.state);
                    }
                }
                let mut weighted = vec![0.0; left.len()];
                dense::add_product(&weights, &left, at.len(), size, &mut weighted);
                weighted.iter_mut().for_each(|x| *x = -*x);
                dense::add_transposed_product(&left, &weighted, size, &mut b.precision);
                dense::add_transposed_product(
                    &b.impulse_state,
                    &b.by_state,
                    size,
                    &mut b.posterior,
                );
            }
            b.filtered = weights;
        }
        self.buffers.weights = inverse;
    }
}
