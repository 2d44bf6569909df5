//! A tree and the sample of the stream that is in it.

use serde::{Deserialize, Serialize};

use super::tree::{Id, NONE, Tree};
use crate::random::Random;

/// A point of the sample: the larger its key, the sooner it goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Kept {
    key: f64,
    leaf: Id,
}

/// A weighted sample without replacement (Efraimidis, Spirakis 2006, doi 10.1016/j.ipl.2005.11.003):
/// a point that comes at time `t` has the weight `exp(decay t)` and so the key
/// `ln(-ln(uniform)) - decay t`, and those with the smallest keys are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reservoir {
    pub(super) tree: Tree,
    random: Random,
    sample: Vec<Kept>,
    /// The place of the largest key.
    largest: usize,
}

impl Reservoir {
    /// The bytes on the heap.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.tree.heap_bytes() + self.sample.capacity() * size_of::<Kept>()
    }

    pub(super) fn new(capacity: usize, dimensions: usize, seed: u64, index: usize) -> Self {
        Self {
            tree: Tree::new(capacity, dimensions),
            random: Random::new(seed, index),
            sample: Vec::with_capacity(capacity),
            largest: 0,
        }
    }

    /// Offers the point that comes at a time when the weight is `exp(weight)`.
    pub(super) fn offer(&mut self, point: &[f64], weight: f64) {
        // Above 0, so that the key is finite.
        let uniform = self.random.unit() + f64::EPSILON / 4.0;
        let key = (-uniform.min(1.0 - f64::EPSILON).ln()).ln() - weight;
        if self.sample.len() < self.tree.capacity {
            let leaf = self.tree.insert(point, &mut self.random);
            self.sample.push(Kept { key, leaf });
        } else if let Some(&last) = self.sample.get(self.largest)
            && key < last.key
        {
            self.tree.remove(last.leaf);
            let leaf = self.tree.insert(point, &mut self.random);
            if let Some(slot) = self.sample.get_mut(self.largest) {
                *slot = Kept { key, leaf };
            }
        } else {
            return;
        }
        let keys = self.sample.iter().map(|kept| kept.key).enumerate();
        self.largest = keys
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(0, |(place, _)| place);
    }

    /// Whether tree and sample hold the same points.
    pub(super) fn is_consistent(&self, capacity: usize, dimensions: usize, seen: u64) -> bool {
        if !self.tree.is_consistent(capacity, dimensions) {
            return false;
        }
        let mut copies = vec![0_u32; capacity];
        for kept in &self.sample {
            match copies.get_mut(kept.leaf as usize) {
                Some(copies) => *copies += 1,
                None => return false,
            }
        }
        let masses = (0..capacity).map(|leaf| self.tree.link(leaf as Id).mass);
        let keys = || self.sample.iter().map(|kept| kept.key);
        let largest = self.sample.get(self.largest).map(|kept| kept.key);
        copies.iter().copied().eq(masses)
            && self.sample.len() as u64 == seen.min(capacity as u64)
            && keys().all(f64::is_finite)
            && keys().all(|key| largest.is_some_and(|largest| key <= largest))
            && (self.tree.root == NONE) == self.sample.is_empty()
    }
}
