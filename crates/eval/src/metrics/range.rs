//! Precision and recall of ranges.

use std::ops::Range;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::check;
use super::events::events;

/// Which part of a range counts most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionalBias {
    /// All rows alike: weight 1.
    #[default]
    Flat,
    /// The first rows: weight `length - i + 1` for row `i` from 1.
    Front,
    /// The middle rows: weight `i` up to the middle, then `length - i + 1`.
    Middle,
    /// The last rows: weight `i`.
    Back,
}

/// How several pieces that overlap one range count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cardinality {
    /// As much as one piece of the same rows.
    One,
    /// The overlap is divided by their number.
    #[default]
    Reciprocal,
}

/// How ranges are compared.
///
/// The defaults are those of TSB-AD's `R-based-F1`: a fifth of recall for finding a range at all,
/// flat bias, and reciprocal cardinality.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeConfig {
    existence: f64,
    precision_bias: PositionalBias,
    recall_bias: PositionalBias,
    cardinality: Cardinality,
}

impl Default for RangeConfig {
    fn default() -> Self {
        Self {
            existence: 0.2,
            precision_bias: PositionalBias::Flat,
            recall_bias: PositionalBias::Flat,
            cardinality: Cardinality::Reciprocal,
        }
    }
}

/// Precision, recall and F1 of ranges.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RangeMeasures {
    /// The mean overlap of alerts with labelled ranges.
    pub precision: f64,
    /// The mean reward of labelled ranges.
    pub recall: f64,
    /// Their harmonic mean; 0 when both are 0.
    pub f1: f64,
}

impl RangeConfig {
    /// The share of a labelled range's recall that is for finding it at all (`alpha`). Domain: [0, 1].
    /// Default: 0.2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn existence(mut self, share: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::parameter("existence", share, "in [0, 1]"));
        }
        self.existence = share;
        Ok(self)
    }

    /// Which part of an alert counts most. Default: flat.
    #[must_use]
    pub const fn precision_bias(mut self, bias: PositionalBias) -> Self {
        self.precision_bias = bias;
        self
    }

    /// Which part of a labelled range counts most. Default: flat.
    #[must_use]
    pub const fn recall_bias(mut self, bias: PositionalBias) -> Self {
        self.recall_bias = bias;
        self
    }

    /// How several pieces that overlap one range count. Default: reciprocal.
    #[must_use]
    pub const fn cardinality(mut self, cardinality: Cardinality) -> Self {
        self.cardinality = cardinality;
        self
    }

    /// Compares `alarms` with `labels`, one of each a row.
    ///
    /// The reward of a range is `alpha * [it is touched] + (1 - alpha) * overlap * gamma`: `overlap`
    /// the share of the range's positional weights that the other side covers, `gamma` the
    /// cardinality's factor. Recall is the mean over labelled ranges, precision that over alerts with
    /// `alpha = 0`.
    ///
    /// # Errors
    /// When the lengths differ, or there is no labelled range or no alarm.
    ///
    /// Cost: O(n).
    ///
    /// Source: Tatbul et al. 2018, <https://arxiv.org/abs/1803.03639>; equal to `prts` 1.0.0.3 and,
    /// with the defaults, to `TSB-AD` 1.5.
    ///
    /// ```
    /// use bongsu_eval::RangeConfig;
    /// let labels = [false, true, true, true, true, false];
    /// let alarms = [false, false, true, true, false, false];
    /// let measures = RangeConfig::default().measure(&alarms, &labels)?;
    /// assert_eq!((measures.precision, measures.recall), (1.0, 0.2 + 0.8 * 0.5));
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn measure(&self, alarms: &[bool], labels: &[bool]) -> Result<RangeMeasures> {
        check::lengths("number of alarms", alarms.len(), labels.len())?;
        let (alerts, labelled) = (events(alarms), events(labels));
        check::some_anomaly("range recall", labelled.len())?;
        check::some_alarm("range precision", alerts.len())?;
        let precision = self.mean_reward(&alerts, &labelled, 0.0, self.precision_bias);
        let recall = self.mean_reward(&labelled, &alerts, self.existence, self.recall_bias);
        let sum = precision + recall;
        Ok(RangeMeasures {
            precision,
            recall,
            f1: if sum > 0.0 {
                2.0 * precision * recall / sum
            } else {
                0.0
            },
        })
    }

    fn mean_reward(
        &self,
        ranges: &[Range<usize>],
        others: &[Range<usize>],
        existence: f64,
        bias: PositionalBias,
    ) -> f64 {
        let reward = |range: &Range<usize>| {
            let first = others.partition_point(|other| other.end <= range.start);
            let touching = others.iter().skip(first);
            let touching = touching.take_while(|other| other.start < range.end);
            let (mut pieces, mut covered) = (0_usize, 0.0);
            for other in touching {
                pieces += 1;
                let from = other.start.max(range.start) - range.start;
                let to = other.end.min(range.end) - range.start;
                covered += bias.sum(to, range.len()) - bias.sum(from, range.len());
            }
            if pieces == 0 {
                return 0.0;
            }
            let factor = match self.cardinality {
                Cardinality::One => 1.0,
                Cardinality::Reciprocal => 1.0 / check::float(pieces),
            };
            let overlap = covered / bias.sum(range.len(), range.len());
            existence + (1.0 - existence) * factor * overlap
        };
        ranges.iter().map(reward).sum::<f64>() / check::float(ranges.len())
    }
}

impl PositionalBias {
    /// The weights of the first `count` of `length` rows, summed.
    fn sum(self, count: usize, length: usize) -> f64 {
        let triangle = |n: usize| check::float(n) * check::float(n + 1) / 2.0;
        match self {
            Self::Flat => check::float(count),
            Self::Back => triangle(count),
            Self::Front => triangle(length) - triangle(length - count),
            Self::Middle => {
                let half = length / 2;
                let up = triangle(count.min(half));
                let falling = length - half;
                up + triangle(falling) - triangle(falling - count.saturating_sub(half))
            }
        }
    }
}
