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

/// The longest run of which the constant is kept in memory.
const MOST_CONSTANTS: usize = 1 << 14;

/// Memory to work in, which holds nothing that a result depends on.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// The logarithm of the density that each run predicted for the latest value.
    pub(super) densities: Vec<f64>,
    /// [`Prior::constant`] of short runs, by length.
    constants: Vec<f64>,
}

impl Scratch {
    /// The bytes on the heap.
    pub(super) const fn heap_bytes(&self) -> usize {
        (self.densities.capacity() + self.constants.capacity()) * size_of::<f64>()
    }

    fn constant(&mut self, prior: Prior, length: u64) -> f64 {
        let kept = usize::try_from(length).ok().filter(|&n| n < MOST_CONSTANTS);
        let Some(place) = kept else {
            return prior.constant(length as f64);
        };
        while self.constants.len() <= place {
            self.constants
                .push(prior.constant(self.constants.len() as f64));
        }
        self.constants.get(place).copied().unwrap_or(0.0)
    }
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
    /// The bytes on the heap.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.lengths.capacity() * size_of::<u64>()
            + self.weights.capacity() * size_of::<f64>()
            + self.known.capacity() * size_of::<Known>()
    }

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
    /// Every run then has grown by one, and a run of length 0 has come last; [`Self::let_go`] drops
    /// the improbable ones. `scratch` is always of the same runs; its densities are as many as there
    /// were runs.
    pub(super) fn take_in(&mut self, x: f64, hazard: f64, scratch: &mut Scratch) -> f64 {
        let prior = self.prior;
        scratch.densities.clear();
        for (length, known) in self.lengths.iter_mut().zip(&mut self.known) {
            let constant = scratch.constant(prior, *length);
            let density = prior.take_in(known, *length as f64, constant, x);
            scratch.densities.push(density);
            *length = length.saturating_add(1);
        }
        let densities = &scratch.densities;
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

    /// Drops the runs that are too improbable or too many, and calls `dropped` with the place of
    /// each, the last ones first.
    pub(super) fn let_go(&mut self, limits: Limits, mut dropped: impl FnMut(usize)) {
        let newest = self.len() - 1;
        let old = self.weights.get(..newest).unwrap_or_default();
        if old.iter().any(|&weight| weight < limits.least) {
            for place in (0..newest).rev() {
                if self.weights.get(place).is_some_and(|&w| w < limits.least) {
                    self.remove(place);
                    dropped(place);
                }
            }
        }
        while self.len() > limits.most {
            let newest = self.len() - 1;
            let old = self.weights.iter().take(newest).enumerate();
            let Some((place, _)) = old.min_by(|a, b| a.1.total_cmp(b.1)) else {
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

    /// The most probable length, the longest of equal ones.
    pub(super) fn most_probable(&self) -> u64 {
        let more = |a: (u64, f64), b: (u64, f64)| if b.1 > a.1 { b } else { a };
        let runs = self
            .lengths
            .iter()
            .copied()
            .zip(self.weights.iter().copied());
        runs.reduce(more).map_or(0, |(length, _)| length)
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
            // Far beyond what 2^64 values can add up to, and far below what would overflow.
            scale && sum && numbers.iter().all(|x| x.abs() < 1e300)
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
