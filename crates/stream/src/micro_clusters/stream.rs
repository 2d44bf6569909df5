use bongsu_core::{Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::MicroClusters;
use crate::check;
use crate::decay::lost_a_point;
use crate::scales::{FAR, SETTLE, Scales};

/// A distance counts at most as this many mean ones in their mean, so that anomalies do not widen
/// the radius,
const CLIP: f64 = 5.0;

/// or as this many scales: a mean of 0, of points that all were the same, could not grow otherwise.
const LEAST_CLIP: f64 = 0.5;

/// Micro-clusters, point by point; see [`MicroClusters`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MicroClustersStream {
    config: MicroClusters,
    features: usize,
    seen: u64,
    scales: Scales,
    /// What each centre weighs.
    weights: Vec<f64>,
    /// The coordinates of each centre together, in the unit of the features.
    centres: Vec<f64>,
    /// The mean distance from the nearest centre.
    spread: f64,
}

/// A centre, and how far it is.
#[derive(Debug, Clone, Copy)]
struct Near {
    centre: usize,
    distance: f64,
}

/// The nearest of all centres, and of the core ones.
#[derive(Debug, Clone, Copy, Default)]
struct Nearest {
    any: Option<Near>,
    core: Option<Near>,
}

impl MicroClustersStream {
    pub(super) fn new(config: MicroClusters, features: usize) -> Self {
        Self {
            scales: Scales::new(features),
            weights: Vec::with_capacity(config.clusters),
            centres: Vec::with_capacity(config.clusters * features),
            spread: 0.0,
            seen: 0,
            features,
            config,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &MicroClusters {
        &self.config
    }

    /// The number of features.
    #[must_use]
    pub const fn n_features(&self) -> usize {
        self.features
    }

    /// How much each feature adds to the score of `x`: its distance from the nearest core centre in
    /// scales, divided by the number of features, so that the sum is the score. `None` while there
    /// are no scores.
    ///
    /// # Errors
    /// As [`StreamDetector::score`].
    pub fn contributions(&self, x: &[f64]) -> Result<Option<Vec<f64>>> {
        self.check(x)?;
        let nearest = self.nearest(x).core.filter(|_| self.remaining() == 0);
        let centre =
            nearest.and_then(|near| self.centres.chunks_exact(self.features).nth(near.centre));
        Ok(centre.map(|centre| {
            let apart = apart(x, centre, self.scales.inverse());
            apart.map(|d| d / self.features as f64).collect()
        }))
    }

    fn check(&self, x: &[f64]) -> Result<()> {
        check::point(x, self.features)?;
        x.iter().try_for_each(|&x| check::summable(x).map(drop))
    }

    /// Points to be learned before scores come.
    fn remaining(&self) -> u64 {
        (self.config.warmup as u64).saturating_sub(self.seen)
    }

    fn nearest(&self, x: &[f64]) -> Nearest {
        let total: f64 = self.weights.iter().sum();
        let core = self.config.core * total / self.config.clusters as f64;
        let inverse = self.scales.inverse();
        let centres = self.centres.chunks_exact(self.features);
        let mut nearest = Nearest::default();
        for (centre, (at, &weight)) in centres.zip(&self.weights).enumerate() {
            let distance = apart(x, at, inverse).sum::<f64>() / self.features as f64;
            let near = Near { centre, distance };
            let nearer = |than: Option<Near>| than.is_none_or(|than| near.distance < than.distance);
            if nearer(nearest.any) {
                nearest.any = Some(near);
            }
            if weight >= core && nearer(nearest.core) {
                nearest.core = Some(near);
            }
        }
        nearest
    }

    fn score_of(&self, nearest: Nearest) -> Score {
        match (self.remaining(), nearest.core) {
            // The heaviest centre is always a core one.
            (0, Some(near)) => Score::Ready(near.distance),
            (remaining, _) => Score::Warmup { remaining },
        }
    }

    fn learn_near(&mut self, x: &[f64], nearest: Nearest) {
        self.seen = self.seen.saturating_add(1);
        let rate = lost_a_point(self.config.half_life);
        self.scales.learn(x, self.seen, rate);
        let Some(learned) = self.seen.checked_sub(SETTLE).filter(|&n| n > 0) else {
            return;
        };
        for weight in &mut self.weights {
            *weight *= 1.0 - rate;
        }
        match nearest.any {
            Some(near) if near.distance <= self.config.radius * self.spread => {
                self.join(near.centre, x);
            }
            _ => self.found(x),
        }
        if let Some(near) = nearest.any {
            let rate = rate.max(1.0 / learned as f64);
            let most = if self.remaining() == 0 {
                (CLIP * self.spread).max(LEAST_CLIP)
            } else {
                FAR
            };
            self.spread += rate * (near.distance.min(most) - self.spread);
        }
    }

    fn join(&mut self, centre: usize, x: &[f64]) {
        let at = self.centres.chunks_exact_mut(self.features).nth(centre);
        if let (Some(weight), Some(at)) = (self.weights.get_mut(centre), at) {
            *weight += 1.0;
            for (at, x) in at.iter_mut().zip(x) {
                *at += (x - *at) / *weight;
            }
        }
    }

    fn found(&mut self, x: &[f64]) {
        if self.weights.len() < self.config.clusters {
            self.weights.push(1.0);
            self.centres.extend(x);
            return;
        }
        let weights = self.weights.iter_mut().enumerate();
        let Some((lightest, weight)) = weights.min_by(|a, b| a.1.total_cmp(b.1)) else {
            return;
        };
        *weight = 1.0;
        if let Some(at) = self.centres.chunks_exact_mut(self.features).nth(lightest) {
            at.copy_from_slice(x);
        }
    }
}

/// How many scales `x` is from `centre` in each feature.
#[inline]
fn apart(x: &[f64], centre: &[f64], inverse: &[f64]) -> impl Iterator<Item = f64> {
    let features = x.iter().zip(centre).zip(inverse);
    features.map(|((x, at), inverse)| ((x - at).abs() * inverse).min(FAR))
}

impl StreamDetector for MicroClustersStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        self.check(x)?;
        Ok(self.score_of(self.nearest(x)))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.check(x)?;
        let nearest = self.nearest(x);
        self.learn_near(x, nearest);
        Ok(())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        self.check(x)?;
        let nearest = self.nearest(x);
        let score = self.score_of(nearest);
        self.learn_near(x, nearest);
        Ok(score)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<f64>() * (self.weights.capacity() + self.centres.capacity())
            + self.scales.heap_bytes()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        *self = Self::new(self.config.clone(), self.features);
    }
}

impl Snapshot for MicroClustersStream {
    const KIND: &'static str = "stream.micro_clusters";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        self.config.fit(self.features)?;
        let founded = self.seen.saturating_sub(SETTLE);
        check::saved(
            self.scales.is_consistent(self.features)
                && self.weights.len() <= self.config.clusters
                && self.weights.len() as u64 <= founded
                && self.weights.is_empty() == (founded == 0)
                && self.weights.len().checked_mul(self.features) == Some(self.centres.len())
                && self.weights.iter().all(|w| (0.0..=1e7).contains(w))
                && self.centres.iter().all(|x| x.abs() <= 2e100)
                && (0.0..=FAR).contains(&self.spread),
            "the micro-clusters do not fit the number of points seen",
        )
    }
}
