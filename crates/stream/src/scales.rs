//! Location and spread of each feature, forgetting, for methods that need a common scale.

use serde::{Deserialize, Serialize};

/// Points that teach the scales alone, before they are of use.
pub(crate) const SETTLE: u64 = 20;

/// A deviation is learned as if it were at most this many scales, so that one huge value does not
/// hide all that come after it.
const CLIP: f64 = 10.0;

/// A value counts as at most this many scales away.
pub(crate) const FAR: f64 = 20.0;

/// The standard deviation of a normal distribution in mean absolute deviations: `sqrt(pi / 2)`.
const NORMAL: f64 = 1.253_314_137_315_500_3;

/// The least scale as a share of the magnitude: some 50 times the spacing of floats.
const RESOLUTION: f64 = 1e-14;

/// The exponentially weighted mean of each feature and its mean absolute deviation, which spikes
/// and huge values move less than a standard deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scales {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// One over the scale: it is needed far more often than it changes.
    inverse: Vec<f64>,
}

impl Scales {
    pub(crate) fn new(features: usize) -> Self {
        Self {
            mean: vec![0.0; features],
            deviation: vec![0.0; features],
            inverse: vec![inverse(0.0, 0.0); features],
        }
    }

    /// Learns the `n`-th point, counted from 1, with the weight `rate` once there were enough for
    /// that to be less than that of a plain mean.
    pub(crate) fn learn(&mut self, x: &[f64], n: u64, rate: f64) {
        let rate = rate.max(1.0 / n.max(1) as f64);
        let settled = n > SETTLE;
        let features = self.mean.iter_mut().zip(&mut self.deviation);
        for (((mean, deviation), inv), &x) in features.zip(&mut self.inverse).zip(x) {
            if n <= 1 {
                (*mean, *deviation) = (x, 0.0);
            } else {
                let scale = NORMAL * *deviation;
                let most = if settled && scale > 0.0 {
                    CLIP * scale
                } else {
                    f64::MAX
                };
                let d = (x - *mean).clamp(-most, most);
                *mean += rate * d;
                *deviation += rate * (d.abs() - *deviation);
            }
            *inv = inverse(*mean, *deviation);
        }
    }

    /// How many scales the `feature` lies from its mean when it is `x`.
    #[inline]
    pub(crate) fn standard(&self, feature: usize, x: f64) -> f64 {
        let mean = self.mean.get(feature).copied().unwrap_or(0.0);
        let inverse = self.inverse.get(feature).copied().unwrap_or(0.0);
        ((x - mean) * inverse).clamp(-FAR, FAR)
    }

    /// One over the scale of each feature.
    pub(crate) fn inverse(&self) -> &[f64] {
        &self.inverse
    }

    pub(crate) const fn heap_bytes(&self) -> usize {
        size_of::<f64>()
            * (self.mean.capacity() + self.deviation.capacity() + self.inverse.capacity())
    }

    pub(crate) fn is_consistent(&self, features: usize) -> bool {
        let parts = self.mean.iter().zip(&self.deviation).zip(&self.inverse);
        self.mean.len() == features
            && self.deviation.len() == features
            && self.inverse.len() == features
            && parts.into_iter().all(|((&mean, &deviation), &inv)| {
                mean.abs() <= 2e100
                    && (0.0..=4e100).contains(&deviation)
                    && inv == inverse(mean, deviation)
            })
    }
}

/// Finite and above 0, whatever the scale.
fn inverse(mean: f64, deviation: f64) -> f64 {
    let scale = NORMAL * deviation;
    1.0 / scale.max(RESOLUTION * mean.abs()).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_those_of_the_data_whatever_its_magnitude() {
        for scale in [1e-90, 1e-12, 1.0, 1e12, 1e90] {
            let mut scales = Scales::new(2);
            for n in 1..=4000_u64 {
                let x = scale * (n * 7919 % 101) as f64;
                scales.learn(&[x, 5.0 * scale], n, 1e-3);
            }
            // A uniform distribution of width 101 has a mean absolute deviation of a quarter of it.
            let z = scales.standard(0, scale * 100.0);
            assert!((z - 50.0 / (NORMAL * 25.25)).abs() < 0.1, "{z}");
            assert_eq!(scales.standard(1, 5.0 * scale), 0.0);
            assert_eq!(scales.standard(1, 5.1 * scale), FAR);
            assert!(scales.is_consistent(2));
        }
    }

    #[test]
    fn a_huge_value_does_not_hide_the_next_deviation() {
        let mut scales = Scales::new(1);
        for n in 1..=1000_u64 {
            scales.learn(&[(n % 10) as f64], n, 1e-3);
        }
        let before = scales.standard(0, 30.0);
        scales.learn(&[1e100], 1001, 1e-3);
        assert!(scales.standard(0, 30.0) > 0.95 * before);
    }
}
