//! Missing values of a series that is differenced, as unknown numbers in their place.
//!
//! The density of what is present is that of the whole series, integrated over what is missing. The
//! differenced series is linear in the missing values, so that they are the effects of regressors, the
//! differenced impulses `D`, and integrate out in closed form: with `G = D' O^(-1) D` for the covariance
//! `O` of the differenced series, the sum of squares is the least over the effects, and `ln|G|` adds to
//! the log-determinant.
//!
//! What is missing among the first values, which differencing takes, is apart: the differenced series
//! sees no whole impulse there.
//!
//! Source: Gómez, Maravall & Peña 1999, *Missing observations in ARIMA models: skipping approach versus
//! additive outlier approach*, <https://doi.org/10.1016/S0304-4076(98)00042-7>.

use super::filter::{Sparse, dot};
use super::orders::Orders;

/// A column of `D` of which less than this share is left by the others depends on them: what is
/// missing there cannot be told from how the series starts.
const DEPENDENT: f64 = 1e-9;

/// Where values are missing, and how the differenced series depends on them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Missing {
    /// Where in the differenced series the impulses of the later ones start.
    later: Vec<usize>,
    /// Where the early ones are in the series before differencing.
    early: Vec<usize>,
    /// Lags and coefficients of the differencing polynomial.
    terms: Vec<(usize, f64)>,
    burn: usize,
}

impl Missing {
    /// Of `values`, NaN where missing.
    pub(crate) fn of(orders: &Orders, values: &[f64]) -> Self {
        let burn = orders.burn();
        let mut impulse = vec![0.0; 2 * burn + 1];
        if let Some(slot) = impulse.get_mut(burn) {
            *slot = 1.0;
        }
        let response = orders.difference(&impulse).into_iter().enumerate();
        let at = values.iter().enumerate().filter(|(_, x)| x.is_nan());
        let (early, later): (Vec<usize>, Vec<usize>) = at.map(|(i, _)| i).partition(|&i| i < burn);
        Self {
            later: later.into_iter().map(|i| i - burn).collect(),
            early,
            terms: response.filter(|(_, c)| *c != 0.0).collect(),
            burn,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.later.len() + self.early.len()
    }

    /// Where in the differenced series the impulses of the later ones start.
    pub(crate) fn later(&self) -> &[usize] {
        &self.later
    }

    /// The differencing polynomial.
    pub(crate) fn polynomial(&self) -> Sparse {
        let lags = self
            .terms
            .iter()
            .map(|(lag, _)| *lag)
            .filter(|&lag| lag > 0);
        let mut polynomial = Sparse::new(lags.collect());
        let mut all = vec![0.0; self.burn];
        for &(lag, c) in &self.terms {
            if let Some(slot) = lag.checked_sub(1).and_then(|i| all.get_mut(i)) {
                *slot = -c;
            }
        }
        polynomial.set(&all);
        polynomial
    }

    /// Adds `weight` in place of missing value `index`, the later ones first, to the differenced series.
    fn add(&self, index: usize, weight: f64, out: &mut [f64]) {
        let early = || self.early.get(index - self.later.len()).copied();
        let Some(at) = self.later.get(index).map(|i| i + self.burn).or_else(early) else {
            return;
        };
        for &(lag, c) in &self.terms {
            let slot = (at + lag).checked_sub(self.burn);
            if let Some(slot) = slot.and_then(|i| out.get_mut(i)) {
                *slot += weight * c;
            }
        }
    }

    /// Adds `weights` in place of the first missing values to the differenced series.
    pub(crate) fn add_all(&self, weights: impl IntoIterator<Item = f64>, out: &mut [f64]) {
        for (index, weight) in weights.into_iter().enumerate().take(self.len()) {
            self.add(index, weight, out);
        }
    }

    fn column(&self, index: usize, len: usize) -> Vec<f64> {
        let mut out = vec![0.0; len];
        self.add(index, 1.0, &mut out);
        out
    }

    /// The columns of `D` of the early ones, of this length.
    pub(crate) fn early_columns(&self, len: usize) -> Vec<Vec<f64>> {
        let indices = self.later.len()..self.len();
        indices.map(|index| self.column(index, len)).collect()
    }

    /// Whether what is present tells every missing value, so that `D` has full rank.
    pub(crate) fn is_determined(&self, len: usize) -> bool {
        let columns: Vec<Vec<f64>> = (0..self.len()).map(|i| self.column(i, len)).collect();
        let size = columns.len();
        let mut gram = Vec::with_capacity(size * size);
        for a in &columns {
            gram.extend(columns.iter().map(|b| dot(a, b)));
        }
        let own: Vec<f64> = gram.iter().step_by(size + 1).copied().collect();
        super::dense::cholesky(&mut gram, size)
            && gram
                .iter()
                .step_by(size + 1)
                .zip(&own)
                .all(|(left, own)| left * left > DEPENDENT * own)
    }
}
