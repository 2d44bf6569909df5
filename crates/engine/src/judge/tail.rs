//! How surprising a score is for its series.

use bongsu_core::{Error as CoreError, Result as CoreResult};
use serde::{Deserialize, Serialize};

/// The share of scores above the level.
const ABOVE: f64 = 0.1;
/// Beyond so many excesses older ones fade.
const MEMORY: f64 = 500.0;
/// The exponents of the tails between which the excesses decide.
const EXPONENTS: [f64; 4] = [0.0, 0.5, 1.0, 2.0];
/// Before there are any, so many excesses count as seen, with this mean logarithm.
const PRIOR: f64 = 5.0;
const PRIOR_MEAN: f64 = 0.3;
/// An excess counts as at most so many times the mean one.
const MOST: f64 = 6.0;
/// The least and the largest level; scores below the least are of no interest.
const LEVELS: (f64, f64) = (0.05, 1e6);
/// The largest surprise.
const SURPRISE: f64 = 700.0;

/// The upper tail of a series' calibrated scores.
///
/// Of the scores above a level `t`, the `1 - ABOVE` quantile, the excess `y = ln(score / t)` is
/// taken to have the survival function `exp(-(e^(k y) - 1) / (k s))`: a power of the score for the
/// exponent `k = 0`, and a Weibull tail for `k > 0`, which is that of a Gaussian for `k = 2`. Of each
/// `k` the scale `s` is the most likely one, and the survival functions are averaged by their
/// likelihoods. The level follows the scores by stochastic approximation.
///
/// Cost: O(1). Memory: 80 bytes.
///
/// Source: the excesses over a high quantile as in Siffer et al. 2017,
/// <https://doi.org/10.1145/3097983.3098144>; the level as in Robbins, Monro 1951,
/// <https://doi.org/10.1214/aoms/1177729586>.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tail {
    level: f64,
    /// The share of scores above it.
    share: f64,
    seen: u32,
    /// The excesses, faded: how many, and of each exponent the sum of `(e^(k y) - 1) / k`.
    count: f64,
    sums: [f64; 4],
    pub(super) episode: Episode,
}

/// What is decided of the anomalous points that follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) enum Episode {
    /// The latest point was normal.
    #[default]
    None,
    /// They alarm.
    Open,
    /// They are held back; the largest surprise among them.
    Held(f64),
}

impl Default for Tail {
    fn default() -> Self {
        // The mean of (e^(k y) - 1) / k over exponential y.
        let mean = |k: f64| PRIOR * PRIOR_MEAN / (1.0 - k * PRIOR_MEAN);
        Self {
            level: 0.3,
            share: ABOVE,
            seen: 0,
            count: PRIOR,
            sums: EXPONENTS.map(mean),
            episode: Episode::None,
        }
    }
}

/// `(e^(k y) - 1) / k`.
fn stretched(k: f64, y: f64) -> f64 {
    if k > 0.0 { (k * y).exp_m1() / k } else { y }
}

impl Tail {
    /// Minus the logarithm of the chance that a normal score is as large as `score`.
    pub(super) fn surprise(&self, score: f64) -> f64 {
        let y = (score / self.level).ln();
        if y.is_nan() || y <= 0.0 {
            return -self.share.ln();
        }
        let [logarithms, ..] = self.sums;
        let terms = EXPONENTS.iter().zip(self.sums).map(|(&k, sum)| {
            let likelihood = -self.count * (sum / self.count).ln() + k * logarithms;
            (likelihood, likelihood - stretched(k, y) * self.count / sum)
        });
        let (weights, parts): (Vec<f64>, Vec<f64>) = terms.unzip();
        let surprise = log_sum(&weights) - log_sum(&parts) - self.share.ln();
        surprise.clamp(0.0, SURPRISE)
    }

    /// Learns a score.
    pub(super) fn learn(&mut self, score: f64) {
        let above = score > self.level;
        if above {
            let [logarithms, ..] = self.sums;
            let y = (score / self.level)
                .ln()
                .min(MOST * logarithms / self.count);
            if self.count > MEMORY {
                let kept = 1.0 - 1.0 / MEMORY;
                self.count *= kept;
                self.sums = self.sums.map(|sum| sum * kept);
            }
            self.count += 1.0;
            for (sum, k) in self.sums.iter_mut().zip(EXPONENTS) {
                *sum += stretched(k, y);
            }
        }
        let hit = f64::from(u8::from(above));
        let seen = f64::from(self.seen);
        self.share += (hit - self.share) / (seen + 20.0).min(2_000.0);
        let gain = (2.0 / (1.0 + seen / 20.0)).max(0.02);
        let (least, largest) = LEVELS;
        self.level = (self.level * (gain * (hit - ABOVE)).exp()).clamp(least, largest);
        self.seen = self.seen.saturating_add(1);
    }

    pub(crate) fn validate(&self) -> CoreResult<()> {
        let (least, largest) = LEVELS;
        let [logarithms, ..] = self.sums;
        let sums = self.sums.iter().all(|sum| sum.is_finite() && *sum > 0.0);
        let fits = (least..=largest).contains(&self.level)
            && self.share > 0.0
            && self.share < 1.0
            && self.count > 0.0
            && self.count <= 2.0 * MEMORY
            && sums
            && logarithms.is_finite();
        if fits {
            Ok(())
        } else {
            Err(CoreError::snapshot(
                "the tail of a series' scores is outside its domain",
            ))
        }
    }
}

/// `ln(sum(exp(x)))`.
fn log_sum(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    let sum: f64 = terms.iter().map(|term| (term - largest).exp()).sum();
    largest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform numbers in (0, 1).
    fn uniform(i: u64) -> f64 {
        let mut x = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((x ^ (x >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// The surprise of a score that has the chance `e^-surprise`, after 20,000 scores.
    fn after(quantile: impl Fn(f64) -> f64, surprise: f64) -> f64 {
        let mut tail = Tail::default();
        for i in 0..20_000 {
            tail.learn(quantile(1.0 - uniform(i)));
        }
        tail.surprise(quantile((-surprise).exp()))
    }

    #[test]
    fn surprises_are_about_the_logarithms_of_the_true_chances() {
        // The score with so large a chance of a larger one.
        let laws: [(&str, &dyn Fn(f64) -> f64); 4] = [
            ("power 2", &|p: f64| 0.2 * p.powf(-0.5)),
            ("power 4", &|p: f64| 0.3 * p.powf(-0.25)),
            ("exponential", &|p: f64| -0.2 * p.ln()),
            ("like a Gaussian", &|p: f64| 0.4 * (-2.0 * p.ln()).sqrt()),
        ];
        for (name, quantile) in laws {
            for surprise in [5.0, 8.0, 12.0] {
                let found = after(quantile, surprise);
                assert!(
                    found > 0.75 * surprise && found < 1.25 * surprise,
                    "{name}: {found} for {surprise}"
                );
            }
        }
    }

    #[test]
    fn no_score_is_refused_and_larger_ones_are_more_surprising() {
        assert_eq!(size_of::<Tail>(), 80);
        let mut tail = Tail::default();
        for score in [0.0, 1e-300, 1.0, 1e300, f64::INFINITY, 0.5] {
            tail.learn(score);
            tail.validate().unwrap();
        }
        for i in 0..2_000 {
            tail.learn(if i % 50 == 0 { 1e12 } else { 0.0 });
            tail.validate().unwrap();
        }
        let surprises = [0.0, 0.1, 1.0, 10.0, 1e6, 1e300, f64::INFINITY].map(|s| tail.surprise(s));
        assert!(surprises.is_sorted(), "{surprises:?}");
        assert!(surprises.iter().all(|s| (0.0..=SURPRISE).contains(s)));
    }
}
