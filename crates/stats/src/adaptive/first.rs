//! Level and scale of the first points, which one of them does not move.

use bongsu_core::ScalePrior;
use serde::{Deserialize, Serialize};

use super::few::Few;
use super::{bounded, deviation};
use crate::robust::{MAD_TO_STD, median};

/// The most points that are kept before the first level and scale are taken from them.
const MOST: u32 = Few::MOST as u32;

/// How many points the first scale counts for among those it was taken from.
const WEIGHT: u64 = 4;

/// How many points a scale from a prior counts for.
const PRIOR_WEIGHT: u64 = 15;

/// How many numbers a prior is.
const PRIOR_NUMBERS: usize = 3;

/// The first level is the median of this many points: two of them may be outliers.
const LEVEL_POINTS: usize = 5;

/// The fewest differences of which the median is taken.
const ENOUGH: usize = 8;

/// The first points of a metric, until a level and a scale are taken from them: at most 32, or 5
/// when a [`ScalePrior`] tells the scale.
///
/// Memory: 264 bytes and nothing on the heap, so that a million metrics that warm up at once leave
/// no million holes in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct First(
    /// The points so far, after the numbers of the prior when there is one: there are then more
    /// of them than points were seen.
    Few,
);

/// What the first points, or a prior and fewer of them, tell.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Start {
    /// The level, a median of the first few points.
    pub level: f64,
    /// The scale about a level that follows the points.
    pub scale: f64,
    /// How many points the scale counts for before the kept ones are learned.
    pub weight: u64,
    /// How many it counts for afterwards, at most.
    pub most_weight: u64,
    /// The points that were kept, to be learned as any later one: an outlier among them is then
    /// judged as one.
    pub points: Vec<f64>,
}

impl Start {
    /// From `points` alone, oldest first and finite.
    #[must_use]
    pub fn of(points: Vec<f64>) -> Self {
        Self {
            level: level(&points),
            scale: scale(&points),
            weight: WEIGHT,
            most_weight: points.len() as u64,
            points,
        }
    }
}

impl First {
    /// No points yet.
    pub const NONE: Self = Self(Few::NONE);

    /// How many points are kept of a warm-up without a prior: at most 32.
    #[must_use]
    pub const fn wanted(warmup: u32) -> u32 {
        if warmup < MOST { warmup } else { MOST }
    }

    /// How many points a scale from a prior counts for.
    #[must_use]
    pub const fn prior_weight() -> u64 {
        PRIOR_WEIGHT
    }

    /// Takes the scale from `prior` when the first points, of which there are none yet, are in.
    pub fn start_from(&mut self, prior: &ScalePrior) {
        self.0 = Few::NONE;
        for number in [prior.factor(), prior.power(), prior.floor()] {
            self.0.push(number);
        }
    }

    /// Whether there is a prior, after `seen` points.
    #[must_use]
    pub const fn has_prior(&self, seen: u64) -> bool {
        self.0.len() as u64 > seen
    }

    /// Whether points are still kept, after `seen` of them and with a warm-up of `warmup`.
    #[must_use]
    pub const fn keeps(&self, seen: u64, warmup: u32) -> bool {
        seen < Self::wanted(warmup) as u64 && self.0.len() as u64 >= seen
    }

    /// How many points are still to be kept, after `seen` of them.
    #[must_use]
    pub fn remaining(&self, seen: u64, warmup: u32) -> u64 {
        let all = u64::from(Self::wanted(warmup));
        let needed = if self.has_prior(seen) {
            all.min(LEVEL_POINTS as u64)
        } else {
            all
        };
        needed.saturating_sub(seen)
    }

    /// Keeps point number `seen`; with the last one everything is taken out.
    pub fn keep(&mut self, x: f64, seen: u64, warmup: u32) -> Option<Start> {
        let remaining = self.remaining(seen, warmup);
        let primed = self.has_prior(seen);
        self.0.push(x);
        if remaining > 1 {
            return None;
        }
        let kept = std::mem::replace(&mut self.0, Few::NONE);
        let kept = kept.as_slice();
        if !primed {
            return Some(Start::of(kept.to_vec()));
        }
        let points = kept.get(PRIOR_NUMBERS..).unwrap_or_default();
        let level = level(points);
        Some(Start {
            level,
            scale: prior(kept).map_or_else(|| scale(points), |prior| prior.scale(level)),
            weight: PRIOR_WEIGHT,
            most_weight: u64::MAX,
            points: points.to_vec(),
        })
    }

    /// Whether a state that was loaded is one that can be, after `seen` points; `kept` says whether
    /// this detector keeps its first points at all.
    #[must_use]
    pub fn is_valid(&self, seen: u64, warmup: u32, kept: bool) -> bool {
        if !kept || !self.keeps(seen, warmup) {
            return self.0.len() == 0;
        }
        let finite = self.0.as_slice().iter().all(|x| x.is_finite());
        let all = u64::from(Self::wanted(warmup));
        let extra = self.0.len() as u64 - seen;
        finite
            && match extra {
                0 => true,
                3 => seen < all.min(LEVEL_POINTS as u64) && prior(self.0.as_slice()).is_some(),
                _ => false,
            }
    }
}

/// The prior that the first of `numbers` are.
fn prior(numbers: &[f64]) -> Option<ScalePrior> {
    match *numbers {
        [factor, power, floor, ..] => ScalePrior::new(factor, power, floor).ok(),
        _ => None,
    }
}

/// The median of the first few of `values`; 0 of none.
fn level(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    median(values.get(..LEVEL_POINTS).unwrap_or(values))
}

/// The standard deviation of `values` about a level that follows them: 1.4826 times the median of
/// the absolute differences of neighbours, over the square root of 2.
///
/// When more than half of the neighbours are equal it is the root mean square of the differences
/// instead, without the two largest ones, which may come from one outlier: a metric that changes
/// now and then is not taken for a constant one. So it is when there are too few to tell an outlier.
fn scale(values: &[f64]) -> f64 {
    let pairs = values.iter().zip(values.iter().skip(1));
    let mut differences: Vec<f64> = pairs.map(|(&a, &b)| deviation(b, a).abs()).collect();
    if differences.is_empty() {
        return 0.0;
    }
    let middle = median(&differences);
    let spread = if middle > 0.0 && differences.len() >= ENOUGH {
        MAD_TO_STD * middle
    } else {
        differences.sort_by(f64::total_cmp);
        let left_out = if differences.len() < ENOUGH { 0 } else { 2 };
        let kept = differences.len() - left_out;
        let root = (kept as f64).sqrt();
        let kept = differences.iter().take(kept);
        kept.fold(0.0, |sum: f64, d| sum.hypot(d / root))
    };
    bounded(spread * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_moves_neither_level_nor_scale() {
        for at in [0, 3, 20, 29] {
            let mut values: Vec<f64> = (0..30).map(|i| f64::from(i * 7 % 5)).collect();
            let clean = (level(&values), scale(&values));
            values[at] = 1e9;
            assert!((level(&values) - clean.0).abs() <= 1.0, "{at}");
            assert!(scale(&values) <= 1.5 * clean.1, "{at}");
            let mut constant = [7.0; 30];
            constant[at] = 1e9;
            assert_eq!((level(&constant), scale(&constant)), (7.0, 0.0), "{at}");
            if let Some(few) = constant.get(..9.max(at + 1)) {
                assert_eq!((level(few), scale(few)), (7.0, 0.0), "{at}");
            }
        }
    }

    #[test]
    fn rare_changes_are_a_scale() {
        let values: Vec<f64> = (0..30).map(|i| f64::from(u8::from(i % 10 == 4))).collect();
        assert!(scale(&values) > 0.2 && scale(&values) < 0.4);
        assert_eq!(scale(&[5.0]), 0.0);
        assert!(scale(&[f64::MAX, -f64::MAX]).is_finite());
    }
}
