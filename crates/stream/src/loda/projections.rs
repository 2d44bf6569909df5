//! Random sparse directions.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::scales::Scales;

/// Directions of length 1 with normal weights on some features each, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Projections {
    features: Vec<u16>,
    weights: Vec<f64>,
}

/// The number of features in a direction: the root of their number.
pub(super) fn parts(features: usize) -> usize {
    ((features as f64).sqrt().round() as usize).clamp(1, features.max(1))
}

impl Projections {
    pub(super) fn draw(count: usize, features: usize, seed: u64) -> Self {
        let parts = parts(features);
        let mut drawn = Self {
            features: Vec::with_capacity(count * parts),
            weights: Vec::with_capacity(count * parts),
        };
        let mut deck: Vec<u16> = (0..features).map(|feature| feature as u16).collect();
        for index in 0..count {
            let mut random = Random::new(seed, index);
            for place in 0..parts {
                deck.swap(place, place + random.below(features - place));
            }
            drawn.features.extend(deck.iter().take(parts));
            let weights: Vec<f64> = (0..parts).map(|_| normal(&mut random)).collect();
            let length = weights.iter().map(|w| w * w).sum::<f64>().sqrt();
            drawn.weights.extend(weights.iter().map(|w| w / length));
        }
        drawn
    }

    /// The features of each direction and their weights.
    pub(super) fn directions(&self, parts: usize) -> impl Iterator<Item = (&[u16], &[f64])> {
        let features = self.features.chunks_exact(parts);
        features.zip(self.weights.chunks_exact(parts))
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        size_of::<u16>() * self.features.capacity() + size_of::<f64>() * self.weights.capacity()
    }

    pub(super) fn is_consistent(&self, count: usize, features: usize) -> bool {
        let entries = count.checked_mul(parts(features));
        entries == Some(self.features.len())
            && entries == Some(self.weights.len())
            && self.features.iter().all(|&f| usize::from(f) < features)
            && self.weights.iter().all(|w| w.abs() <= 1.0 + 1e-9)
    }
}

/// Where `x` lies along a direction, in scales.
#[inline]
pub(super) fn project((features, weights): (&[u16], &[f64]), x: &[f64], scales: &Scales) -> f64 {
    let parts = features.iter().zip(weights);
    let part = |(&feature, weight): (&u16, &f64)| {
        let feature = usize::from(feature);
        let x = x.get(feature).copied().unwrap_or(0.0);
        weight * scales.standard(feature, x)
    };
    parts.map(part).sum()
}

/// A standard normal number (Box, Muller 1958, doi 10.1214/aoms/1177706645), never 0, so that a
/// direction has a length.
fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    let z = radius * (TAU * random.unit()).cos();
    if z == 0.0 {
        f64::MIN_POSITIVE.sqrt()
    } else {
        z
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_have_length_one_and_reach_every_feature() {
        for features in [1, 2, 5, 19, 300] {
            let drawn = Projections::draw(400, features, 3);
            assert!(drawn.is_consistent(400, features));
            let mut used = vec![0_u32; features];
            for (names, weights) in drawn.directions(parts(features)) {
                let length: f64 = weights.iter().map(|w| w * w).sum();
                assert!((length - 1.0).abs() < 1e-12);
                let mut names = names.to_vec();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), parts(features), "a feature twice");
                names.iter().for_each(|&f| used[usize::from(f)] += 1);
            }
            let fair = 400.0 * parts(features) as f64 / features as f64;
            let near = |&n: &u32| (f64::from(n) - fair).abs() <= 5.0 * fair.sqrt();
            assert!(used.iter().all(near), "{used:?}");
        }
    }
}
