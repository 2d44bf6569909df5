use std::collections::VecDeque;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{needed, rank};
use crate::check;

/// The most scores that are kept.
const MAX_CAPACITY: usize = 1 << 20;

/// Adaptive conformal inference: how far a band has to reach so that, in the long run, the stated
/// share of values lies inside, even when their distribution drifts.
///
/// A score says how far a value lay from its forecast (in whatever unit, such as half-bands). The
/// reach is the score of rank `ceil((n + 1) (1 - a))` of the last `n`, and after each score
/// `a <- a + gamma ((1 - level) - miss)`, where `miss` is 1 for a score beyond the reach, else 0: too
/// many misses widen the band, too few narrow it. Where the rank is beyond `n` the reach is the
/// largest score, not infinite as in the source, so that a band stays a band; the share of misses still
/// settles, as every further miss is itself a new largest score.
///
/// Cost: O(capacity) a score at worst (the kept scores are held sorted), 16 bytes a kept score.
///
/// Source: Gibbs & Candes 2021, <https://doi.org/10.48550/arXiv.2106.00543>.
///
/// ```
/// use bongsu_forecast::conformal::Adaptive;
/// let mut band = Adaptive::new(0.8, 0.02, 100)?;
/// assert_eq!(band.reach(), None);
/// for i in 0..200 {
///     band.observe(f64::from(i * 7 % 10))?;
/// }
/// assert!((7.0..=9.0).contains(&band.reach().unwrap()));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adaptive {
    level: f64,
    gamma: f64,
    capacity: usize,
    /// The share of misses that is aimed at now.
    alpha: f64,
    /// Oldest first.
    scores: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl Adaptive {
    /// Without scores.
    ///
    /// - `level`: the coverage, domain (0, 1).
    /// - `gamma`: how fast it adapts, domain [0, 1]; 0 never does. The source takes 0.005; larger ones
    ///   follow faster and make the band restless.
    /// - `capacity`: the scores that are kept, domain [enough for the level, 1048576].
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(level: f64, gamma: f64, capacity: usize) -> Result<Self> {
        let this = Self {
            level,
            gamma,
            capacity,
            alpha: 1.0 - level,
            scores: VecDeque::new(),
            sorted: Vec::new(),
        };
        this.validate()?;
        Ok(this)
    }

    /// Checks what the type promises about itself, after decoding.
    ///
    /// # Errors
    /// When a field is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::level(self.level)?;
        if !(0.0..=1.0).contains(&self.gamma) {
            return Err(Error::parameter("gamma", self.gamma, "in [0, 1]"));
        }
        let least = needed(self.level).min(MAX_CAPACITY);
        check::count("capacity", self.capacity, least, MAX_CAPACITY)?;
        let mut sorted = self.scores.iter().copied().collect::<Vec<f64>>();
        sorted.sort_unstable_by(f64::total_cmp);
        let positive = sorted.iter().all(|score| (0.0..=f64::MAX).contains(score));
        if sorted == self.sorted
            && positive
            && sorted.len() <= self.capacity
            && self.alpha.is_finite()
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the scores of an adaptive band are not finite, sorted and at least 0",
            ))
        }
    }

    /// How far the band has to reach; `None` while there are too few scores for the level.
    #[must_use]
    pub fn reach(&self) -> Option<f64> {
        let count = self.sorted.len();
        if count < needed(self.level) {
            return None;
        }
        match rank(count, 1.0 - self.alpha) {
            0 => Some(0.0),
            rank => self.sorted.get(rank.min(count) - 1).copied(),
        }
    }

    /// Learns how far a value lay from its forecast.
    ///
    /// - `score`: domain finite, at least 0.
    ///
    /// # Errors
    /// When outside the domain; nothing is learned then.
    pub fn observe(&mut self, score: f64) -> Result<()> {
        if !(0.0..=f64::MAX).contains(&score) {
            return Err(Error::parameter("score", score, "finite and at least 0"));
        }
        if let Some(reach) = self.reach() {
            let miss = if score > reach { 1.0 } else { 0.0 };
            self.alpha += self.gamma * ((1.0 - self.level) - miss);
        }
        if self.scores.len() >= self.capacity
            && let Some(oldest) = self.scores.pop_front()
        {
            let at = self.sorted.partition_point(|&kept| kept < oldest);
            if at < self.sorted.len() {
                self.sorted.remove(at);
            }
        }
        self.scores.push_back(score);
        let at = self.sorted.partition_point(|&kept| kept < score);
        self.sorted.insert(at, score);
        Ok(())
    }

    /// The coverage that is aimed at now, to have that of the level in the long run.
    #[must_use]
    pub fn aim(&self) -> f64 {
        1.0 - self.alpha
    }
}
