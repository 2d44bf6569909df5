use std::f64::consts::PI;

use serde::{Deserialize, Serialize};
use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

/// The prior of a run, in units of the standardised values (of counts as they are).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Prior {
    /// Unknown mean and variance: normal-inverse-gamma about 0 with these parameters.
    Normal {
        strength: f64,
        shape: f64,
        scale: f64,
    },
    /// Unknown mean, variance 1: normal about 0 with the variance `1 / strength`.
    KnownVariance { strength: f64 },
    /// Counts of an unknown rate: gamma with these parameters.
    Poisson { shape: f64, rate: f64 },
}

/// What is known of the values of one run: all that the prior becomes by them beside their number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    /// The mean of the level; of counts their sum.
    pub(super) center: f64,
    /// The scale of the inverse gamma and its logarithm; 0 where they play no role.
    pub(super) scale: f64,
    pub(super) ln_scale: f64,
}

impl Prior {
    /// Of a run without values.
    pub(super) fn unseen(self) -> Known {
        let scale = match self {
            Self::Normal { scale, .. } => scale,
            Self::KnownVariance { .. } | Self::Poisson { .. } => 0.0,
        };
        Known {
            center: 0.0,
            scale,
            ln_scale: if scale > 0.0 { scale.ln() } else { 0.0 },
        }
    }

    /// The part of the log density that depends on the number of values `n` alone.
    pub(super) fn constant(self, n: f64) -> f64 {
        match self {
            Self::Normal {
                strength, shape, ..
            } => {
                let k = strength + n;
                half_step(shape + 0.5 * n) - 0.5 * (2.0 * PI * (k + 1.0) / k).ln()
            }
            Self::KnownVariance { strength } => {
                let k = strength + n;
                -0.5 * (2.0 * PI * (k + 1.0) / k).ln()
            }
            Self::Poisson { .. } => 0.0,
        }
    }

    /// Takes `x` into a run of `n` values; returns the log of the density that was predicted for it,
    /// where `constant` is that of `n`.
    ///
    /// With `k = strength + n`, `a = shape + n/2` and `d = x - center`, the scale `b` becomes
    /// `b' = b + k d^2 / (2(k+1))`, and the Student t density is
    /// `constant + a ln b - (a + 1/2) ln b'`.
    #[inline]
    pub(super) fn take_in(self, known: &mut Known, n: f64, constant: f64, x: f64) -> f64 {
        match self {
            Self::Normal {
                strength, shape, ..
            } => {
                let (k, a) = (strength + n, shape + 0.5 * n);
                let share = 1.0 / (k + 1.0);
                let d = x - known.center;
                let before = known.ln_scale;
                known.scale += 0.5 * k * share * d * d;
                known.ln_scale = known.scale.ln();
                known.center += d * share;
                constant + a * before - (a + 0.5) * known.ln_scale
            }
            Self::KnownVariance { strength } => {
                let k = strength + n;
                let d = x - known.center;
                known.center += d / (k + 1.0);
                constant - 0.5 * d * d * k / (k + 1.0)
            }
            Self::Poisson { shape, rate } => {
                let (a, b) = (shape + known.center, rate + n);
                known.center += x;
                ln_gamma(a + x)
                    - ln_gamma(a)
                    - ln_gamma(x + 1.0)
                    - a * (1.0 / b).ln_1p()
                    - x * b.ln_1p()
            }
        }
    }

    /// The mean that a run of `n` values predicts.
    pub(super) fn mean(self, known: &Known, n: f64) -> f64 {
        match self {
            Self::Normal { .. } | Self::KnownVariance { .. } => known.center,
            Self::Poisson { shape, rate } => (shape + known.center) / (rate + n),
        }
    }

    /// A distance within which about two thirds of what a run of `n` values predicts lie.
    pub(super) fn spread(self, known: &Known, n: f64) -> f64 {
        match self {
            Self::Normal {
                strength, shape, ..
            } => {
                let (k, a) = (strength + n, shape + 0.5 * n);
                (known.scale * (k + 1.0) / (a * k)).sqrt()
            }
            Self::KnownVariance { strength } => (1.0 + 1.0 / (strength + n)).sqrt(),
            Self::Poisson { rate, .. } => (self.mean(known, n) * (1.0 + 1.0 / (rate + n))).sqrt(),
        }
    }

    /// The probabilities of a value at most and at least `x` after a run of `n` values.
    pub(super) fn tails(self, known: &Known, n: f64, x: f64) -> (f64, f64) {
        match self {
            Self::Normal { shape, .. } => {
                let t = (x - known.center) / self.spread(known, n);
                let freedom = 2.0 * shape + n;
                // t^2 overflows at most to infinity, where the tail is 0.
                let beyond = incomplete_beta(0.5 * freedom, 0.5, 1.0 / (1.0 + t * t / freedom));
                sides(0.5 * beyond, t)
            }
            Self::KnownVariance { .. } => {
                let z = (x - known.center) / self.spread(known, n);
                sides(0.5 * erfc(z.abs() / 2.0_f64.sqrt()), z)
            }
            Self::Poisson { shape, rate } => {
                let (a, b) = (shape + known.center, rate + n);
                let at_most = |x: f64| {
                    if x < 0.0 {
                        0.0
                    } else {
                        incomplete_beta(a, x.floor() + 1.0, b / (b + 1.0))
                    }
                };
                let at_least = |x: f64| {
                    if x <= 0.0 {
                        1.0
                    } else {
                        incomplete_beta(x.ceil(), a, 1.0 / (b + 1.0))
                    }
                };
                (at_most(x), at_least(x))
            }
        }
    }

    pub(super) fn is_valid(self) -> bool {
        let good = |x: f64| x.is_finite() && x > 0.0;
        match self {
            Self::Normal {
                strength,
                shape,
                scale,
            } => good(strength) && good(shape) && good(scale),
            Self::KnownVariance { strength } => good(strength),
            // Tails and densities divide by the rate.
            Self::Poisson { shape, rate } => good(shape) && good(rate) && good(1.0 / rate),
        }
    }
}

/// Lower and upper tail from the smaller one and the side on which it lies.
fn sides(beyond: f64, side: f64) -> (f64, f64) {
    if side > 0.0 {
        (1.0 - beyond, beyond)
    } else {
        (beyond, 1.0 - beyond)
    }
}

/// The regularised incomplete beta function, 0 and 1 at its ends.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x > 0.0 && x < 1.0 {
        checked_beta_reg(a, b, x).unwrap_or(0.0).clamp(0.0, 1.0)
    } else if x > 0.0 {
        1.0
    } else {
        0.0
    }
}

/// `ln gamma(a + 1/2) - ln gamma(a)`, without the cancellation of large ones.
///
/// Source: the asymptotic series of Tricomi & Erdelyi 1951,
/// <https://doi.org/10.2140/pjm.1951.1.133>, after the recurrence has lifted `a` above 16.
fn half_step(mut a: f64) -> f64 {
    let mut lift = 0.0;
    while a < 16.0 {
        lift -= (0.5 / a).ln_1p();
        a += 1.0;
    }
    let u = 1.0 / (a * a);
    let far = u * (17.0 / 14_336.0 - u * 31.0 / 18_432.0);
    let series = -0.125 + u * (1.0 / 192.0 - u * (1.0 / 640.0 - far));
    lift + 0.5 * a.ln() + series / a
}

/// The score of a tail probability, at most that of the least float.
pub(super) fn surprise(probability: f64) -> f64 {
    // Twice the smaller tail may be a little above 1.
    -(probability.clamp(f64::MIN_POSITIVE, 1.0)).log10()
}

/// `ln sum e^x`, without overflow.
pub(super) fn ln_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_finite() {
        largest + values.map(|x| (x - largest).exp()).sum::<f64>().ln()
    } else {
        largest
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::LN_2;

    use super::*;

    #[test]
    fn the_step_of_the_log_gamma_agrees_with_the_log_gamma() {
        for a in [0.05, 0.5, 1.0, 3.3, 15.9, 16.0, 40.0, 900.0] {
            let expected = ln_gamma(a + 0.5) - ln_gamma(a);
            let ours = half_step(a);
            assert!((ours - expected).abs() < 2e-12 * (1.0 + a), "{a}: {ours}");
        }
        // Wallis: gamma(1) / gamma(1/2) = 1 / sqrt(pi).
        assert!((half_step(0.5) + 0.5 * PI.ln()).abs() < 1e-14);
        assert!((half_step(1.0) - (0.5 * PI.ln() - LN_2)).abs() < 1e-14);
    }
}
