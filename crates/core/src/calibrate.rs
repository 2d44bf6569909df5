use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How raw scores become calibrated ones: 0 as expected, 1 at the bound, above 1 anomalous.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Calibration {
    /// The bound is this raw score, and a raw score of 0 is as expected. Domain: finite, above 0.
    Threshold(f64),
    /// The bound is the quantile of the fitted scores that leaves this share above it.
    /// Domain: (0, 0.5].
    Contamination(f64),
    /// Conformal: at most this share of exchangeable normal scores is called anomalous, whatever
    /// their distribution. Domain: (0, 0.5].
    FalseAlarmRate(f64),
}

impl Calibration {
    /// Fits the mapping to `scores`, raw scores of data taken as mostly normal, in any order.
    /// [`Calibration::Threshold`] needs none.
    ///
    /// # Errors
    /// When the parameter is outside its domain, a score is not finite, there are none, or, for a
    /// false-alarm rate `r`, there are fewer than `1/r` of them.
    ///
    /// Cost: O(n log n) time; the conformal mapping keeps the n scores.
    pub fn fit(&self, scores: &[f64]) -> Result<Calibrator> {
        match *self {
            Self::Threshold(bound) => Calibrator::threshold(bound),
            Self::Contamination(share) => {
                let share = share_parameter("contamination", share)?;
                let sorted = sorted_finite(scores)?;
                let (center, bound) = (quantile(&sorted, 0.5), quantile(&sorted, 1.0 - share));
                Ok(Calibrator(Mapping::linear(center, bound)))
            }
            Self::FalseAlarmRate(rate) => {
                let rate = share_parameter("false_alarm_rate", rate)?;
                let sorted = sorted_finite(scores)?;
                let needed = (1.0 / rate).ceil() as usize;
                if sorted.len() < needed {
                    return Err(Error::not_enough_data(
                        format!("a false-alarm rate of {rate}"),
                        needed,
                        sorted.len(),
                    ));
                }
                Ok(Calibrator(Mapping::Conformal { rate, sorted }))
            }
        }
    }
}

/// A fitted mapping from raw to calibrated scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibrator(Mapping);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Mapping {
    Linear { center: f64, bound: f64 },
    Conformal { rate: f64, sorted: Vec<f64> },
}

impl Mapping {
    fn linear(center: f64, bound: f64) -> Self {
        Self::Linear { center, bound }
    }
}

impl Calibrator {
    /// The bound is the raw score `bound`, and 0 is as expected.
    ///
    /// # Errors
    /// When `bound` is not finite or not above 0.
    pub fn threshold(bound: f64) -> Result<Self> {
        if bound.is_finite() && bound > 0.0 {
            Ok(Self(Mapping::linear(0.0, bound)))
        } else {
            Err(Error::parameter("threshold", bound, "finite and above 0"))
        }
    }

    /// The calibrated score of a raw one. Never below 0; an infinite raw score stays infinite.
    #[must_use]
    pub fn calibrate(&self, raw: f64) -> f64 {
        match &self.0 {
            &Mapping::Linear { center, bound } => {
                let (distance, scale) = (raw - center, bound - center);
                if distance <= 0.0 {
                    0.0
                } else if scale > 0.0 {
                    distance / scale
                } else {
                    // More than half of the fitted scores were equal: anything above is beyond.
                    f64::INFINITY
                }
            }
            Mapping::Conformal { rate, sorted } => {
                let at_least = sorted.len() - sorted.partition_point(|&score| score < raw);
                let p = (at_least + 1) as f64 / (sorted.len() + 1) as f64;
                p.ln() / rate.ln()
            }
        }
    }
}

/// The share-valued parameter `name`, checked to lie in (0, 0.5].
fn share_parameter(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value <= 0.5 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "in (0, 0.5]"))
    }
}

fn sorted_finite(scores: &[f64]) -> Result<Vec<f64>> {
    if let Some(&bad) = scores.iter().find(|score| !score.is_finite()) {
        return Err(Error::non_finite("a score to calibrate on", bad));
    }
    if scores.is_empty() {
        return Err(Error::not_enough_data("calibration", 1, 0));
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(sorted)
}

/// Linear interpolation between order statistics, as NumPy's default.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len().saturating_sub(1)) as f64;
    let low = sorted
        .get(position.floor() as usize)
        .copied()
        .unwrap_or(f64::NAN);
    let high = sorted.get(position.ceil() as usize).copied().unwrap_or(low);
    low + (high - low) * position.fract()
}
