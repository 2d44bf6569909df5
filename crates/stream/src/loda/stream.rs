use bongsu_core::{Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::projections::{Projections, parts, project};
use super::{Loda, MAX_FEATURES};
use crate::check;
use crate::decay::lost_a_point;
use crate::scales::{SETTLE, Scales};

/// The histograms reach this many scales to either side.
const REACH: f64 = 12.0;

/// What a bin counts before a point fell into it, in points.
const PRIOR: f64 = 0.5;

/// Counts grow instead of shrinking: what a new point counts grows up to this, then all are divided.
const MOST_UNIT: f64 = 1e6;

/// So many factors are multiplied before a logarithm is taken: of at most 1e13, so that their
/// product is finite.
const FACTORS: usize = 16;

/// LODA, point by point; see [`Loda`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LodaStream {
    config: Loda,
    features: usize,
    seen: u64,
    scales: Scales,
    projections: Projections,
    /// What the points in each bin count, histogram by histogram.
    counts: Vec<f32>,
    /// What all points count in each histogram.
    total: f64,
    /// What a point counts now.
    unit: f64,
}

impl LodaStream {
    pub(super) fn new(config: Loda, features: usize) -> Self {
        Self {
            scales: Scales::new(features),
            projections: Projections::draw(config.projections, features, config.seed),
            counts: vec![0.0; config.projections * config.bins],
            total: 0.0,
            unit: 1.0,
            seen: 0,
            features,
            config,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Loda {
        &self.config
    }

    /// The number of features.
    #[must_use]
    pub const fn n_features(&self) -> usize {
        self.features
    }

    /// How much each feature stands out in `x`: how many standard errors the mean surprise of the
    /// projections with the feature lies above that of those without it (Welch's t statistic), and
    /// 0 when below. Only their proportions count. `None` while there are no scores.
    ///
    /// # Errors
    /// As [`StreamDetector::score`].
    pub fn contributions(&self, x: &[f64]) -> Result<Option<Vec<f64>>> {
        self.check(x)?;
        if self.remaining() > 0 {
            return Ok(None);
        }
        let mut with = vec![Moments::default(); self.features];
        let mut all = Moments::default();
        let prior = PRIOR * self.unit;
        let points = self.total + prior * self.config.bins as f64;
        for (bins, direction) in self
            .counts
            .chunks_exact(self.config.bins)
            .zip(self.directions())
        {
            let count = bins.get(self.bin(direction, x)).copied().unwrap_or(0.0);
            let surprise = -((f64::from(count) + prior) / points).ln();
            all.add(surprise);
            for &feature in direction.0 {
                if let Some(with) = with.get_mut(usize::from(feature)) {
                    with.add(surprise);
                }
            }
        }
        Ok(Some(with.iter().map(|with| with.above(all)).collect()))
    }

    fn check(&self, x: &[f64]) -> Result<()> {
        check::point(x, self.features)?;
        x.iter().try_for_each(|&x| check::summable(x).map(drop))
    }

    /// Points to be learned before scores come.
    fn remaining(&self) -> u64 {
        (self.config.warmup as u64).saturating_sub(self.seen)
    }

    fn directions(&self) -> impl Iterator<Item = (&[u16], &[f64])> {
        self.projections.directions(parts(self.features))
    }

    /// The bin of `x` in the histogram of `direction`.
    #[inline]
    fn bin(&self, direction: (&[u16], &[f64]), x: &[f64]) -> usize {
        bin(project(direction, x, &self.scales), self.config.bins)
    }

    /// The score when the product of the counts is that of these logarithms.
    fn score_of(&self, logarithms: f64) -> Score {
        match self.remaining() {
            0 => {
                let points = self.total + PRIOR * self.unit * self.config.bins as f64;
                let mean = logarithms / self.config.projections as f64;
                // Rounding must not make it negative when all points are the same.
                Score::Ready((points.ln() - mean).max(0.0))
            }
            remaining => Score::Warmup { remaining },
        }
    }

    /// After a point was counted: the next one counts more.
    fn end_point(&mut self, rate: f64) {
        self.total += self.unit;
        self.unit /= 1.0 - rate;
        if self.unit > MOST_UNIT {
            let divisor = self.unit as f32;
            self.counts.iter_mut().for_each(|count| *count /= divisor);
            self.total /= f64::from(divisor);
            self.unit /= f64::from(divisor);
        }
    }

    /// One pass: scores when `score`, and counts when `learn`, which then also teaches the scales.
    fn pass(&mut self, x: &[f64]) -> Score {
        let learned = self.seen >= SETTLE;
        let (prior, unit, bins) = (PRIOR * self.unit, self.unit as f32, self.config.bins);
        let mut logarithms = LogProduct::default();
        if learned {
            let directions = self.projections.directions(parts(self.features));
            for (counts, direction) in self.counts.chunks_exact_mut(bins).zip(directions) {
                let bin = bin(project(direction, x, &self.scales), bins);
                if let Some(count) = counts.get_mut(bin) {
                    logarithms.multiply(f64::from(*count) + prior);
                    *count += unit;
                }
            }
        }
        let score = self.score_of(logarithms.ln());
        let rate = lost_a_point(self.config.half_life);
        if learned {
            self.end_point(rate);
        }
        self.seen = self.seen.saturating_add(1);
        self.scales.learn(x, self.seen, rate);
        score
    }
}

#[inline]
fn bin(projected: f64, bins: usize) -> usize {
    let place = (projected / REACH + 1.0) * (0.5 * bins as f64);
    place.clamp(0.0, bins as f64 - 1.0) as usize
}

/// The logarithm of a product, with few logarithms taken.
#[derive(Debug, Clone, Copy)]
struct LogProduct {
    ln: f64,
    product: f64,
    factors: usize,
}

impl Default for LogProduct {
    fn default() -> Self {
        Self {
            ln: 0.0,
            product: 1.0,
            factors: 0,
        }
    }
}

impl LogProduct {
    #[inline]
    fn multiply(&mut self, factor: f64) {
        self.product *= factor;
        self.factors += 1;
        if self.factors == FACTORS {
            self.ln += self.product.ln();
            self.product = 1.0;
            self.factors = 0;
        }
    }

    fn ln(self) -> f64 {
        self.ln + self.product.ln()
    }
}

/// Number, sum and sum of squares of surprises.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, x: f64) {
        self.n += 1.0;
        self.sum += x;
        self.squares += x * x;
    }

    fn mean(self) -> f64 {
        self.sum / self.n.max(1.0)
    }

    /// The squared standard error of the mean.
    fn error(self) -> f64 {
        let mean = self.mean();
        (self.squares / self.n.max(1.0) - mean * mean).max(0.0) / (self.n - 1.0).max(1.0)
    }

    /// How far the mean lies above that of the rest of `all`.
    fn above(self, all: Self) -> f64 {
        let rest = Self {
            n: all.n - self.n,
            sum: all.sum - self.sum,
            squares: all.squares - self.squares,
        };
        if self.n < 1.0 {
            return 0.0;
        }
        let above = (self.mean() - rest.mean()).max(0.0);
        // As many bits are left of a difference of squares; in a single feature there is no rest.
        let least = 1e-6 * all.mean().max(1e-6);
        above / (self.error() + rest.error()).sqrt().max(least)
    }
}

impl StreamDetector for LodaStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        self.check(x)?;
        let mut logarithms = LogProduct::default();
        if self.remaining() == 0 {
            let histograms = self.counts.chunks_exact(self.config.bins);
            for (counts, direction) in histograms.zip(self.directions()) {
                let count = counts.get(self.bin(direction, x)).copied().unwrap_or(0.0);
                logarithms.multiply(f64::from(count) + PRIOR * self.unit);
            }
        }
        Ok(self.score_of(logarithms.ln()))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.score_then_learn(x).map(drop)
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        self.check(x)?;
        Ok(self.pass(x))
    }

    fn heap_bytes(&self) -> usize {
        size_of::<f32>() * self.counts.capacity()
            + self.projections.heap_bytes()
            + self.scales.heap_bytes()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.scales = Scales::new(self.features);
        self.counts.fill(0.0);
        self.total = 0.0;
        self.unit = 1.0;
        self.seen = 0;
    }
}

impl Snapshot for LodaStream {
    const KIND: &'static str = "stream.loda";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        check::count("features", self.features, 1, MAX_FEATURES)?;
        let Loda {
            projections, bins, ..
        } = self.config;
        // Half-lives of up to 1e6 points hold at most 1.5e6 units of up to 1e6.
        let is_count = |count: &f32| (0.0..=1e13).contains(count);
        check::saved(
            self.scales.is_consistent(self.features)
                && self.projections.is_consistent(projections, self.features)
                && self.counts.len() == projections * bins
                && self.counts.iter().all(is_count)
                && (0.0..=1e13).contains(&self.total)
                && (1.0..=MOST_UNIT).contains(&self.unit),
            "the histograms do not fit the configuration",
        )
    }
}
