use std::collections::VecDeque;

use bongsu_core::{Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::RandomCutForest;
use super::reservoir::Reservoir;
use crate::check;

/// A random cut forest, point by point; see [`RandomCutForest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RandomCutForestStream {
    config: RandomCutForest,
    features: usize,
    seen: u64,
    /// The last points, without the one to come, the oldest first.
    last: VecDeque<f64>,
    trees: Vec<Reservoir>,
}

impl RandomCutForestStream {
    pub(super) fn new(config: RandomCutForest, features: usize) -> Self {
        let dimensions = features * config.shingle;
        let tree = |index| Reservoir::new(config.sample_size, dimensions, config.seed, index);
        Self {
            trees: (0..config.trees).map(tree).collect(),
            last: VecDeque::with_capacity(dimensions),
            seen: 0,
            features,
            config,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &RandomCutForest {
        &self.config
    }

    /// The number of features.
    #[must_use]
    pub const fn n_features(&self) -> usize {
        self.features
    }

    /// How much each feature adds to the score of `x`, over all points of the shingle: the sum is
    /// the score. `None` while there are no scores.
    ///
    /// # Errors
    /// As [`StreamDetector::score`].
    pub fn attribution(&self, x: &[f64]) -> Result<Option<Vec<f64>>> {
        self.check(x)?;
        if self.remaining() > 0 {
            return Ok(None);
        }
        let mut parts = vec![0.0; self.features];
        let n = self.trees.len() as f64;
        self.displacement(&self.shingle(x), |coordinate, part| {
            if let Some(slot) = parts.get_mut(coordinate % self.features) {
                *slot += part / n;
            }
        });
        Ok(Some(parts))
    }

    fn check(&self, x: &[f64]) -> Result<()> {
        check::point(x, self.features)?;
        x.iter().try_for_each(|&x| check::summable(x).map(drop))
    }

    /// Points to be learned before scores come.
    fn remaining(&self) -> u64 {
        let needed = self.config.shingle - 1 + self.config.output_after;
        (needed as u64).saturating_sub(self.seen)
    }

    /// The last points and `x`.
    fn shingle(&self, x: &[f64]) -> Vec<f64> {
        self.last.iter().chain(x).copied().collect()
    }

    fn displacement(&self, point: &[f64], mut blame: impl FnMut(usize, f64)) -> f64 {
        let trees = self.trees.iter();
        let sum: f64 = trees
            .map(|kept| kept.tree.expected_displacement(point, &mut blame))
            .sum();
        sum / self.trees.len() as f64
    }

    fn score_shingle(&self, point: &[f64]) -> Score {
        match self.remaining() {
            0 => Score::Ready(self.displacement(point, |_, _| {})),
            remaining => Score::Warmup { remaining },
        }
    }

    /// Learns `x`, which ends the shingle `point`.
    fn learn_shingle(&mut self, point: &[f64], x: &[f64]) {
        if point.len() == self.features * self.config.shingle {
            let weight = self.config.time_decay * self.seen as f64;
            for kept in &mut self.trees {
                kept.offer(point, weight);
            }
        }
        self.last.extend(x);
        let keep = self.features * (self.config.shingle - 1);
        let extra = self.last.len().saturating_sub(keep);
        self.last.drain(..extra);
        self.seen = self.seen.saturating_add(1);
    }
}

impl StreamDetector for RandomCutForestStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        self.check(x)?;
        Ok(self.score_shingle(&self.shingle(x)))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.check(x)?;
        self.learn_shingle(&self.shingle(x), x);
        Ok(())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        self.check(x)?;
        let point = self.shingle(x);
        let score = self.score_shingle(&point);
        self.learn_shingle(&point, x);
        Ok(score)
    }

    fn heap_bytes(&self) -> usize {
        let trees: usize = self.trees.iter().map(Reservoir::heap_bytes).sum();
        self.last.capacity() * size_of::<f64>()
            + self.trees.capacity() * size_of::<Reservoir>()
            + trees
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        *self = Self::new(self.config.clone(), self.features);
    }
}

impl Snapshot for RandomCutForestStream {
    const KIND: &'static str = "stream.random_cut_forest";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        self.config.fit(self.features)?;
        let RandomCutForest {
            shingle,
            sample_size,
            ..
        } = self.config;
        let before = shingle as u64 - 1;
        let last = self.seen.min(before) * self.features as u64;
        let kept = self.seen.saturating_sub(before);
        let dimensions = self.features * shingle;
        check::saved(
            self.trees.len() == self.config.trees
                && self.last.len() as u64 == last
                && self.last.iter().all(|x| x.abs() <= 1e100)
                && self
                    .trees
                    .iter()
                    .all(|tree| tree.is_consistent(sample_size, dimensions, kept)),
            "the trees of the random cut forest do not fit their sample",
        )
    }
}
