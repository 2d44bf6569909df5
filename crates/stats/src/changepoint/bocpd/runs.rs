use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::predictive::{Known, Prior, ln_sum_exp, surprise};

/// The runs that may be going on, longest first, each with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Runs {
    prior: Prior,
    /// The numbers of values.
    lengths: Vec<u64>,
    /// The logarithms of the probabilities.
    weights: Vec<f64>,
    known: Vec<Known>,
}

/// The limits of what is kept, and how often runs end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) hazard: f64,
    /// The least log probability.
    pub(super) least: f64,
    pub(super) most: usize,
}

impl Runs {
    /// Before the first value: a run of length 0.
    pub(super) fn new(prior: Prior) -> Self {
        Self {
            prior,
            lengths: vec![0],
            weights: vec![0.0],
            known: vec![prior.unseen()],
        }
    }

    pub(super) fn has_prior(&self, prior: Prior) -> bool {
        self.prior == prior
    }

    pub(super) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Runs with their lengths and probabilities, longest first; without those that were let go the
    /// sum is a little below 1.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, f64)> {
        let probabilities = self.weights.iter().map(|w| w.exp());
        self.lengths.iter().copied().zip(probabilities)
    }

    /// The sum of the probabilities.
    pub(super) fn total(&self) -> f64 {
        self.weights.iter().map(|w| w.exp()).sum()
    }

    /// Takes in a value; returns the logarithm of the density that was predicted for it.
    ///
    /// `densities`, as many as there were runs, are what each predicted. Every run then has grown by
    /// one, and a run of length 0 has come last; [`Self::let_go`] drops the improbable ones.
    pub(super) fn take_in(&mut self, x: f64, hazard: f64, densities: &mut Vec<f64>) -> f64 {
        densities.clear();
        let prior = self.prior;
        let runs = self.lengths.iter_mut().zip(&mut self.known);
        densities.extend(runs.map(|(length, known)| {
            let n = *length as f64;
            *length = length.saturating_add(1);
            prior.take_in(known, n, prior.constant(n), x)
        }));
        // Relative to the largest: a value far from every run would round the weights away.
        let largest = densities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (weight, density) in self.weights.iter_mut().zip(densities.iter()) {
            *weight += density - largest;
        }
        let evidence = ln_sum_exp(self.weights.iter().copied());
        let (grow, end) = ((-hazard).ln_1p(), hazard.ln());
        for weight in &mut self.weights {
            *weight += grow - evidence;
        }
        self.lengths.push(0);
        self.weights.push(end);
        self.known.push(prior.unseen());
        evidence + largest
    }

    /// Drops the runs that are too improbable or too many; calls `dropped` with the place of each,
    /// the last ones first.
    pub(super) fn let_go(&mut self, limits: Limits, mut dropped: impl FnMut(usize)) {
        let newest = self.len() - 1;
        for place in (0..newest).rev() {
            let improbable = self.weights.get(place).is_some_and(|&w| w < limits.least);
            if improbable {
                self.remove(place);
                dropped(place);
            }
        }
        while self.len() > limits.most {
            let newest = self.len() - 1;
            let least = self.weights.iter().take(newest).enumerate();
            let Some((place, _)) = least.min_by(|a, b| a.1.total_cmp(b.1)) else {
                return;
            };
            self.remove(place);
            dropped(place);
        }
    }

    fn remove(&mut self, place: usize) {
        self.lengths.remove(place);
        self.weights.remove(place);
        self.known.remove(place);
    }

    /// The mean that is predicted for the next value.
    pub(super) fn mean(&self) -> f64 {
        let parts = self.iter().zip(&self.known);
        let (sum, weight) = parts.fold((0.0, 0.0), |(sum, all), ((length, weight), known)| {
            let mean = self.prior.mean(known, length as f64);
            (sum + weight * mean, all + weight)
        });
        sum / weight
    }

    /// About how far values lie from [`Self::mean`].
    pub(super) fn spread(&self) -> f64 {
        let parts = self.iter().zip(&self.known);
        let spread = |((length, weight), known)| weight * self.prior.spread(known, length as f64);
        parts.map(spread).sum()
    }

    /// Minus the logarithm, to base 10, of the probability of a value at least as far out as `x`:
    /// twice that of its side.
    pub(super) fn surprise(&self, x: f64) -> f64 {
        let (lower, upper) = self.tails(x);
        surprise(2.0 * lower.min(upper))
    }

    /// The probabilities of a value at most and at least `x`.
    pub(super) fn tails(&self, x: f64) -> (f64, f64) {
        let (mut lower, mut upper, mut total) = (0.0, 0.0, 0.0);
        for ((length, weight), known) in self.iter().zip(&self.known) {
            let (l, u) = self.prior.tails(known, length as f64, x);
            lower += weight * l;
            upper += weight * u;
            total += weight;
        }
        (lower / total, upper / total)
    }

    pub(super) fn validate(&self, most: usize) -> Result<()> {
        let n = self.len();
        let known = |k: &Known| {
            let scale = match self.prior {
                Prior::Normal { .. } => k.scale > 0.0,
                Prior::KnownVariance { .. } | Prior::Poisson { .. } => k.scale == 0.0,
            };
            let sum = !matches!(self.prior, Prior::Poisson { .. }) || k.center >= 0.0;
            let numbers = [k.center, k.scale, k.ln_scale];
            scale && sum && numbers.iter().all(|x| x.is_finite())
        };
        let weights = self.weights.iter().all(|w| w.is_finite() && *w <= 1e-6);
        let total = self.total();
        let holds = (1..=most).contains(&n)
            && self.weights.len() == n
            && self.known.len() == n
            && self.lengths.is_sorted_by(|a, b| a > b)
            && self.lengths.last() == Some(&0)
            && self.prior.is_valid()
            && weights
            && total > 0.0
            && total < 1.5
            && self.known.iter().all(known);
        if holds {
            Ok(())
        } else {
            Err(Error::snapshot("the runs contradict themselves"))
        }
    }
}
