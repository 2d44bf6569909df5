//! The splits of all trees, and the way of a point down through them.

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use super::MAX_FEATURES;
use crate::check;
use crate::random::Random;

/// A split: points whose `feature` is below `threshold` go left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HalfSpace {
    /// The feature, counted from 0.
    pub feature: usize,
    /// The first value that goes right.
    pub threshold: f64,
}

/// The share at either end of a feature that is not split.
const PADDING: f64 = 0.15;

/// How many trees a point descends side by side, so that their memory accesses overlap.
pub(super) const ABREAST: usize = 32;

/// The splits, depth by depth; within a depth tree by tree, from left to right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Trees {
    count: usize,
    height: u32,
    features: Vec<u8>,
    thresholds: Thresholds,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Thresholds {
    /// Of features brought to [0, 1].
    Unit(Vec<f32>),
    /// In the unit of the features.
    Given(Vec<f64>),
}

impl Trees {
    /// The bytes on the heap.
    pub(super) const fn heap_bytes(&self) -> usize {
        let thresholds = match &self.thresholds {
            Thresholds::Unit(thresholds) => thresholds.capacity() * size_of::<f32>(),
            Thresholds::Given(thresholds) => thresholds.capacity() * size_of::<f64>(),
        };
        self.features.capacity() + thresholds
    }

    /// Grows trees over the unit cube.
    pub(super) fn grow(count: usize, height: u32, features: usize, seed: u64) -> Self {
        let grown = |tree| {
            let mut random = Random::new(seed, tree);
            let mut splits = vec![
                HalfSpace {
                    feature: 0,
                    threshold: 0.0
                };
                (1 << height) - 1
            ];
            let mut cube = vec![(0.0, 1.0); features];
            split(&mut random, &mut cube, &mut splits, 0);
            splits
        };
        let all: Vec<Vec<HalfSpace>> = (0..count).map(grown).collect();
        let (features, thresholds) = by_depth(&all, height);
        let thresholds = thresholds.into_iter().map(|t| t as f32).collect();
        Self {
            count,
            height,
            features,
            thresholds: Thresholds::Unit(thresholds),
        }
    }

    /// Trees whose splits name existing features.
    pub(super) fn given(trees: &[Vec<HalfSpace>], height: u32) -> Self {
        let (features, thresholds) = by_depth(trees, height);
        Self {
            count: trees.len(),
            height,
            features,
            thresholds: Thresholds::Given(thresholds),
        }
    }

    /// Whether features are to be brought to [0, 1] first.
    pub(super) const fn are_unit(&self) -> bool {
        matches!(self.thresholds, Thresholds::Unit(_))
    }

    /// Calls `visit` with the leaf that holds `x` in each tree, counted through all trees.
    #[inline]
    pub(super) fn leaves(&self, x: impl Iterator<Item = f64>, visit: impl FnMut(usize)) {
        match &self.thresholds {
            Thresholds::Unit(thresholds) => {
                let mut point = [0.0_f32; MAX_FEATURES];
                for (slot, x) in point.iter_mut().zip(x) {
                    *slot = x as f32;
                }
                self.descend(thresholds, &point, visit);
            }
            Thresholds::Given(thresholds) => {
                let mut point = [0.0_f64; MAX_FEATURES];
                for (slot, x) in point.iter_mut().zip(x) {
                    *slot = x;
                }
                self.descend(thresholds, &point, visit);
            }
        }
    }

    #[inline]
    fn descend<T: Copy + PartialOrd>(
        &self,
        thresholds: &[T],
        x: &[T; MAX_FEATURES],
        mut visit: impl FnMut(usize),
    ) {
        for first in (0..self.count).step_by(ABREAST) {
            let mut places = [0_u16; ABREAST];
            let abreast = ABREAST.min(self.count - first);
            let places = places.split_at_mut(abreast).0;
            let mut start = 0;
            for depth in 0..self.height {
                let nodes = 1_usize << depth;
                let from = start + first * nodes;
                let part = from..from + abreast * nodes;
                step(
                    self.features.get(part.clone()).unwrap_or_default(),
                    thresholds.get(part).unwrap_or_default(),
                    nodes,
                    x,
                    places,
                );
                start += self.count * nodes;
            }
            for (tree, &place) in (first..).zip(places.iter()) {
                visit((tree << self.height) + usize::from(place));
            }
        }
    }

    /// Whether this can be `count` trees of `height` over this many features.
    pub(super) fn validate(&self, count: usize, height: u32, features: usize) -> Result<()> {
        let splits = count * ((1_usize << height) - 1);
        let thresholds = match &self.thresholds {
            Thresholds::Unit(t) => t.len() == splits && t.iter().all(|t| t.is_finite()),
            Thresholds::Given(t) => t.len() == splits && t.iter().all(|t| t.is_finite()),
        };
        check::saved(
            self.count == count
                && self.height == height
                && thresholds
                && self.features.len() == splits
                && self.features.iter().all(|&f| usize::from(f) < features),
            "the splits of the half-space trees do not fit their number, height or features",
        )
    }
}

/// Moves each tree's place one depth down. `features` and `thresholds` are those of this depth, with
/// `nodes` a tree.
#[inline]
fn step<T: Copy + PartialOrd>(
    features: &[u8],
    thresholds: &[T],
    nodes: usize,
    x: &[T; MAX_FEATURES],
    places: &mut [u16],
) {
    let trees = features
        .chunks_exact(nodes)
        .zip(thresholds.chunks_exact(nodes));
    for ((features, thresholds), place) in trees.zip(places) {
        let at = usize::from(*place);
        let (Some(&feature), Some(&threshold)) = (features.get(at), thresholds.get(at)) else {
            return;
        };
        // A byte cannot be outside of 256 values.
        let right = x
            .get(usize::from(feature))
            .is_none_or(|&value| value >= threshold);
        *place = 2 * *place + u16::from(right);
    }
}

/// Splits `cube` at `node` and everything below it.
fn split(random: &mut Random, cube: &mut [(f64, f64)], splits: &mut [HalfSpace], node: usize) {
    let Some(slot) = splits.get_mut(node) else {
        return;
    };
    let total: f64 = cube.iter().map(|(low, high)| high - low).sum();
    let mut left = random.unit() * total;
    let wide = |(low, high): &(f64, f64)| {
        left -= high - low;
        left < 0.0
    };
    // Rounding may leave nothing for the last one.
    let feature = cube.iter().position(wide).unwrap_or(cube.len() - 1);
    let (low, high) = cube.get(feature).copied().unwrap_or((0.0, 1.0));
    let share = PADDING + (1.0 - 2.0 * PADDING) * random.unit();
    let threshold = low + share * (high - low);
    *slot = HalfSpace { feature, threshold };
    for (child, part) in [(low, threshold), (threshold, high)]
        .into_iter()
        .enumerate()
    {
        if let Some(side) = cube.get_mut(feature) {
            *side = part;
        }
        split(random, cube, splits, 2 * node + 1 + child);
    }
    if let Some(side) = cube.get_mut(feature) {
        *side = (low, high);
    }
}

/// Features and thresholds in the order in which a point meets them.
fn by_depth(trees: &[Vec<HalfSpace>], height: u32) -> (Vec<u8>, Vec<f64>) {
    let depth = |depth: u32| {
        let nodes = (1_usize << depth) - 1..(2_usize << depth) - 1;
        let of_tree =
            move |tree: &Vec<HalfSpace>| tree.get(nodes.clone()).unwrap_or_default().to_vec();
        trees.iter().flat_map(of_tree)
    };
    let splits = (0..height).flat_map(depth);
    let (mut features, thresholds): (Vec<u8>, Vec<f64>) =
        splits.map(|s| (s.feature as u8, s.threshold)).unzip();
    features.shrink_to_fit();
    (features, thresholds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_stay_away_from_the_ends() {
        let mut random = Random::new(3, 0);
        let mut splits = vec![
            HalfSpace {
                feature: 9,
                threshold: -1.0
            };
            63
        ];
        split(&mut random, &mut [(0.0, 1.0); 1], &mut splits, 0);
        let mut ranges = vec![(0.0, 1.0); 127];
        for (node, s) in splits.iter().enumerate() {
            let (low, high) = ranges[node];
            let share = (s.threshold - low) / (high - low);
            assert!((0.15 - 1e-9..=0.85 + 1e-9).contains(&share), "{share}");
            ranges[2 * node + 1] = (low, s.threshold);
            ranges[2 * node + 2] = (s.threshold, high);
        }
    }
}
