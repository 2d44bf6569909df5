use serde::{Deserialize, Serialize};

use crate::calibrate::{quantile, sorted_finite};
use crate::pareto::{Tail, fit_tail};
use crate::{Error, Result};

/// The fewest scores above the initial level for a tail to be fitted to.
const LEAST_PEAKS: f64 = 10.0;

/// The excesses that are kept: the latest ones, 8 kB.
const MOST_PEAKS: usize = 1_000;

/// How many times more often than the risk says a score above the bound is counted at most.
const MOST_BEYOND: f64 = 3.0;

/// The longest moving average.
const MOST_DEPTH: usize = 100_000;

/// The bound that extreme value theory gives for a risk, updated score by score (SPOT, DSPOT).
///
/// Of the scores above an initial level `t`, the excesses `y` follow a generalised Pareto
/// distribution with shape `g` and scale `s`; with `N` of `n` scores above `t`, the score that is
/// exceeded with probability `q` is `t + s/g ((q n / N)^-g - 1)`, or `t - s ln(q n / N)` at `g = 0`.
///
/// The published method drops a score above the bound altogether, normal ones too. The excesses are
/// then a truncated sample, each fit gives a lower bound than the one before, and over a million
/// exponential scores a stated risk of 0.1 % grows to 1.7 %. Here such a score still is not learned,
/// but that it happened is: as an excess known only to lie beyond the bound (a censored
/// observation), and at most three times as often as the risk says. So normal scores keep the
/// bound in place, and anomalies, however large or many, cannot lift it far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Peaks {
    risk: f64,
    /// The initial level `t`.
    level: f64,
    /// What is as expected: the median of the fitted scores.
    center: f64,
    bound: f64,
    tail: Tail,
    seen: u64,
    above: u64,
    /// The latest excesses; a ring once there are [`MOST_PEAKS`].
    excesses: Vec<f64>,
    oldest: usize,
    /// How many of the excesses came after the first fit, and how many scores went beyond the bound
    /// meanwhile, as far as they count.
    streamed: usize,
    beyond: f64,
    /// Excesses since the tail was last fitted.
    pending: usize,
    average: MovingAverage,
}

impl Peaks {
    /// The bytes on the heap.
    pub(crate) const fn heap_bytes(&self) -> usize {
        (self.excesses.capacity() + self.average.values.capacity()) * size_of::<f64>()
    }

    /// Fits to `scores`, in the order of time when `depth` is above 0.
    pub(crate) fn fit(scores: &[f64], level: f64, risk: f64, depth: usize) -> Result<Self> {
        if !(0.5..1.0).contains(&level) {
            return Err(Error::parameter("level", level, "in [0.5, 1)"));
        }
        if !(risk > 0.0 && risk < 1.0 - level) {
            return Err(Error::parameter("risk", risk, "in (0, 1 - level)"));
        }
        if depth > MOST_DEPTH {
            return Err(Error::parameter("depth", depth, "at most 100000"));
        }
        sorted_finite(scores)?;
        // 1 - 0.98 is a little below 0.02: without the rounding 10 peaks would need 501 scores.
        let needed = depth + (LEAST_PEAKS / (1.0 - level) - 1e-6).ceil() as usize;
        if scores.len() < needed {
            return Err(Error::not_enough_data(
                format!("peaks over a level of {level}"),
                needed,
                scores.len(),
            ));
        }
        let mut average = MovingAverage::new(depth);
        let mut deviations = Vec::with_capacity(scores.len() - depth);
        for (i, &score) in scores.iter().enumerate() {
            if i >= depth {
                deviations.push(score - average.mean);
            }
            average.push(score);
        }
        let sorted = sorted_finite(&deviations)?;
        let threshold = quantile(&sorted, level);
        let excesses: Vec<f64> = deviations
            .iter()
            .filter(|&&d| d > threshold)
            .map(|d| (d - threshold).min(f64::MAX))
            .collect();
        let mut peaks = Self {
            risk,
            level: threshold,
            center: quantile(&sorted, 0.5),
            bound: threshold,
            tail: Tail {
                shape: 0.0,
                scale: 0.0,
            },
            seen: deviations.len() as u64,
            above: excesses.len() as u64,
            // The latest ones.
            excesses: excesses
                .iter()
                .copied()
                .skip(excesses.len().saturating_sub(MOST_PEAKS))
                .collect(),
            oldest: 0,
            streamed: 0,
            beyond: 0.0,
            pending: 0,
            average,
        };
        peaks.refit();
        Ok(peaks)
    }

    pub(crate) fn center(&self) -> f64 {
        self.center + self.average.mean
    }

    pub(crate) fn bound(&self) -> f64 {
        self.bound + self.average.mean
    }

    /// Learns a score unless it is above the bound or not finite.
    pub(crate) fn observe(&mut self, raw: f64) {
        let deviation = raw - self.average.mean;
        if !deviation.is_finite() {
            return;
        }
        if deviation > self.bound {
            // As many points as it took for the excesses of the stream, times the risk.
            let points = self.streamed as f64 * self.seen as f64 / self.above.max(1) as f64;
            if self.beyond + 1.0 <= MOST_BEYOND * self.risk * points {
                self.beyond += 1.0;
                self.seen += 1;
                self.above += 1;
            }
            return;
        }
        self.seen += 1;
        self.average.push(raw);
        if deviation <= self.level {
            return;
        }
        self.above += 1;
        let excess = (deviation - self.level).min(f64::MAX);
        if self.excesses.len() < MOST_PEAKS {
            self.excesses.push(excess);
            self.streamed += 1;
        } else if let Some(slot) = self.excesses.get_mut(self.oldest) {
            *slot = excess;
            self.oldest = (self.oldest + 1) % MOST_PEAKS;
            if self.streamed < MOST_PEAKS {
                self.streamed += 1;
            } else {
                // Forgotten as fast as the excesses that came with them.
                self.beyond *= 1.0 - 1.0 / MOST_PEAKS as f64;
            }
        }
        self.pending += 1;
        // Once 2 % of the excesses are new: the tail cannot have moved much with fewer.
        if self.pending * 50 >= self.excesses.len() {
            self.refit();
        }
    }

    fn refit(&mut self) {
        self.pending = 0;
        if self.excesses.is_empty() {
            return;
        }
        self.tail = fit_tail(&self.excesses, self.beyond, self.bound - self.level);
        let Tail { shape, scale } = self.tail;
        let ratio = (self.risk * self.seen as f64 / self.above as f64).ln();
        let beyond = if shape.abs() < 1e-9 {
            -scale * ratio
        } else {
            scale * (-shape * ratio).exp_m1() / shape
        };
        self.bound = (self.level + beyond.max(0.0)).min(f64::MAX);
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let numbers = [self.level, self.center, self.bound, self.tail.shape];
        let holds = self.risk > 0.0
            && self.risk < 1.0
            && numbers.iter().all(|x| x.is_finite())
            && self.center <= self.level
            && self.level <= self.bound
            && self.tail.scale >= 0.0
            && self.tail.scale.is_finite()
            && self.above <= self.seen
            && self.excesses.len() <= MOST_PEAKS
            && self.excesses.len() as u64 <= self.above
            && self.oldest < self.excesses.len().max(1)
            && self.streamed <= self.excesses.len()
            && (0.0..=MOST_BEYOND * MOST_PEAKS as f64).contains(&self.beyond)
            && self.excesses.iter().all(|y| y.is_finite() && *y > 0.0)
            && self.average.is_valid();
        if holds {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the peaks over the threshold contradict themselves",
            ))
        }
    }
}

/// The mean of the latest scores, 0 when none are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct MovingAverage {
    depth: usize,
    values: Vec<f64>,
    oldest: usize,
    mean: f64,
}

impl MovingAverage {
    fn new(depth: usize) -> Self {
        Self {
            depth,
            values: Vec::new(),
            oldest: 0,
            mean: 0.0,
        }
    }

    fn push(&mut self, value: f64) {
        if self.depth == 0 {
            return;
        }
        if self.values.len() < self.depth {
            self.values.push(value);
        } else if let Some(slot) = self.values.get_mut(self.oldest) {
            *slot = value;
            self.oldest = (self.oldest + 1) % self.depth;
        }
        // Summed anew each time: a running sum would keep the rounding errors of all it ever held.
        let n = self.values.len() as f64;
        self.mean = self.values.iter().map(|x| x / n).sum();
    }

    fn is_valid(&self) -> bool {
        self.depth <= MOST_DEPTH
            && self.values.len() == self.depth
            && self.oldest < self.depth.max(1)
            && self.mean.is_finite()
            && self.values.iter().all(|x| x.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let scores: Vec<f64> = (0..1_000).map(|i| f64::from(i * 7_919 % 1_000)).collect();
        let mut peaks = Peaks::fit(&scores, 0.5, 1e-3, 10).unwrap();
        for i in 0..20_000 {
            peaks.observe(f64::from(i * 7_919 % 1_000));
        }
        assert_eq!(peaks.excesses.len(), MOST_PEAKS);
        assert_eq!(peaks.average.values.len(), 10);
        peaks.validate().unwrap();
        assert!(
            peaks.bound() > 900.0 && peaks.bound() < 1_500.0,
            "{}",
            peaks.bound()
        );
    }
}
