use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::MAX_FEATURES;
use crate::check;

/// Between which values the features are expected.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limits {
    /// 0 and 1 for every feature (the default).
    #[default]
    Unit,
    /// The lower and the upper limit of each feature; finite and in order.
    Features(Vec<(f64, f64)>),
    /// Learned: the least and the largest value of each feature among the first `points`, and half
    /// of their distance beyond each. These points are not counted in the trees, so that scores
    /// start a window later. Domain: at least 2.
    Auto {
        /// How many points they are learned from.
        points: u64,
    },
    /// The same lower and upper limit for every feature; finite and in order.
    Every(f64, f64),
}

impl Limits {
    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::Unit => Ok(()),
            Self::Auto { points } if *points >= 2 => Ok(()),
            Self::Auto { points } => Err(Error::parameter("limits.points", points, "at least 2")),
            Self::Features(limits) => limits
                .iter()
                .try_for_each(|&(low, high)| in_order(low, high)),
            &Self::Every(low, high) => in_order(low, high),
        }
    }

    /// Whether they are of this number of features.
    pub(super) fn fit(&self, features: usize) -> Result<()> {
        check::count("features", features, 1, MAX_FEATURES)?;
        match self {
            Self::Features(limits) if limits.len() != features => {
                Err(Error::shape("number of limits", limits.len(), features))
            }
            _ => Ok(()),
        }
    }

    /// How many points they are learned from.
    pub(super) const fn warmup(&self) -> u64 {
        match self {
            Self::Auto { points } => *points,
            _ => 0,
        }
    }

    /// The ranges to start with: wrong way round where they are to be learned.
    pub(super) fn ranges(&self, features: usize) -> Vec<Range> {
        let all = |low, high| vec![Range { low, high }; features];
        match self {
            Self::Unit => all(0.0, 1.0),
            Self::Auto { .. } => all(f64::MAX, f64::MIN),
            &Self::Every(low, high) => all(low, high),
            Self::Features(limits) => {
                let range = |&(low, high)| Range { low, high };
                limits.iter().map(range).collect()
            }
        }
    }
}

fn in_order(low: f64, high: f64) -> Result<()> {
    match (Range { low, high }).half() {
        Some(_) => Ok(()),
        None => Err(Error::parameter(
            "limits",
            format!("({low}, {high})"),
            "two finite numbers, the lower first",
        )),
    }
}

/// Where the values of a feature lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Range {
    pub(super) const fn learn(&mut self, x: f64) {
        self.low = self.low.min(x);
        self.high = self.high.max(x);
    }

    /// Half of its length, when it has one: half, so that no range is longer than a float can say.
    pub(super) fn half(self) -> Option<f64> {
        let half = 0.5 * self.high - 0.5 * self.low;
        (half.is_finite() && half >= f64::MIN_POSITIVE).then_some(half)
    }

    /// Half of its length longer at either end; about the magnitude of a constant around it.
    pub(super) fn widen(self) -> Self {
        let magnitude = self.low.abs().max(self.high.abs());
        let constant = if magnitude > 0.0 {
            0.5 * magnitude
        } else {
            1.0
        };
        let by = self.half().unwrap_or(constant.max(f64::MIN_POSITIVE * 4.0));
        Self {
            low: (self.low - by).max(f64::MIN),
            high: (self.high + by).min(f64::MAX),
        }
    }

    /// Whether `x` is beyond one of the limits.
    pub(super) fn leaves_out(self, x: f64) -> bool {
        x < self.low || x > self.high
    }

    /// Where `x` is between the limits, from 0 to 1.
    #[inline]
    pub(super) fn place(self, x: f64) -> f64 {
        let half = 0.5 * self.high - 0.5 * self.low;
        ((0.5 * x - 0.5 * self.low) / half).clamp(0.0, 1.0)
    }
}
