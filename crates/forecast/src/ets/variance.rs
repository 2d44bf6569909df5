//! Variances of forecasts that have a closed form.
//!
//! Source: Hyndman, Koehler, Ord & Snyder 2005, <https://doi.org/10.1002/for.938>, classes 1 to 3;
//! class 3 here by the exact second moments of level and slope instead of Kronecker products.

use super::model::{ErrorType, EtsModel, SeasonType};
use super::recursion::Smoothing;
use crate::history::unit_of;

/// What the variance of a forecast depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) model: EtsModel,
    pub(super) smoothing: Smoothing,
    pub(super) level: f64,
    pub(super) slope: f64,
    /// The coming seasons, the first for the next step; empty without a season.
    pub(super) season: &'a [f64],
    /// The standard deviation of the errors.
    pub(super) deviation: f64,
}

/// The standard deviations of the forecasts `means`, the first one step ahead.
///
/// Cost: O(h) where errors are additive, O(h²) time where they alone multiply, O(h m) where season
/// and error do.
pub(super) fn deviations(origin: &Origin<'_>, means: &[f64]) -> Vec<f64> {
    match (origin.model.error, origin.model.season) {
        (ErrorType::Additive, _) => additive(origin, means.len()),
        (ErrorType::Multiplicative, SeasonType::Multiplicative) => {
            let unit = unit_of(&[origin.level, origin.slope]);
            let relative = Origin {
                level: origin.level / unit,
                slope: origin.slope / unit,
                ..*origin
            };
            let deviations = doubly_multiplicative(&relative, means.len());
            deviations.into_iter().map(|d| d * unit).collect()
        }
        (ErrorType::Multiplicative, _) => {
            let unit = unit_of(means);
            let relative: Vec<f64> = means.iter().map(|mean| mean / unit).collect();
            let deviations = multiplicative(origin, &relative);
            deviations.into_iter().map(|d| d * unit).collect()
        }
    }
}

/// How much an error of 1 moves the forecast `j` steps later, from `j = 1` on.
fn responses(origin: &Origin<'_>) -> impl Iterator<Item = f64> {
    let p = origin.smoothing;
    let period = if origin.model.has_season() {
        origin.season.len()
    } else {
        0
    };
    let (mut damping, mut sum, mut phase) = (1.0, 0.0, 0);
    std::iter::from_fn(move || {
        damping *= p.damping;
        sum += damping;
        phase += 1;
        let season = if phase == period {
            phase = 0;
            p.season
        } else {
            0.0
        };
        Some(p.level + p.slope * sum + season)
    })
}

/// Class 1: `v_h = s² (1 + sum of c_j², j < h)`.
fn additive(origin: &Origin<'_>, steps: usize) -> Vec<f64> {
    let deviation = origin.deviation;
    let mut sum = 1.0;
    let mut deviations = Vec::with_capacity(steps);
    for response in responses(origin).take(steps) {
        deviations.push(deviation * f64::sqrt(sum));
        sum += response * response;
    }
    deviations
}

/// Class 2: `v_h = (1 + s²) t_h - m_h²` with `t_h = m_h² + s² sum of c_j² t_(h-j)`; kept as
/// `t_h - m_h²`, which does not cancel.
fn multiplicative(origin: &Origin<'_>, means: &[f64]) -> Vec<f64> {
    let variance = origin.deviation * origin.deviation;
    let squares: Vec<f64> = responses(origin).map(|c| c * c).take(means.len()).collect();
    let mut seconds: Vec<f64> = Vec::with_capacity(means.len());
    let mut deviations = Vec::with_capacity(means.len());
    for mean in means {
        let past = squares.iter().zip(seconds.iter().rev());
        let excess = variance * past.map(|(c, t)| c * t).sum::<f64>();
        let second = mean * mean + excess;
        seconds.push(second);
        deviations.push((excess + variance * second).sqrt());
    }
    deviations
}

/// Class 3: `v_h = E y² - (E y)²`.
///
/// Level and slope go on without the season, `x_t = (F + G e_t) x_(t-1)`, and a season is multiplied
/// by `1 + gamma e` once a cycle. So the moments of `y_(n+h)` follow from those of `x`, weighted by
/// `1 + gamma e` at the steps of the same phase.
fn doubly_multiplicative(origin: &Origin<'_>, steps: usize) -> Vec<f64> {
    let period = origin.season.len().max(1);
    let mut variances = vec![0.0; steps];
    for (phase, season) in origin.season.iter().enumerate().take(steps) {
        let mut moments = Moments::start(origin);
        for (step, variance) in variances.iter_mut().enumerate() {
            let same_phase = step % period == phase;
            if same_phase {
                *variance = season * season * moments.variance_of_value(origin);
            }
            moments.advance(
                origin,
                if same_phase {
                    origin.smoothing.season
                } else {
                    0.0
                },
            );
        }
    }
    variances.into_iter().map(|v| v.max(0.0).sqrt()).collect()
}

/// The mean of level and slope, and what their second moments exceed its square by.
#[derive(Debug, Clone, Copy)]
struct Moments {
    level: f64,
    slope: f64,
    level_level: f64,
    level_slope: f64,
    slope_slope: f64,
}

impl Moments {
    const fn start(origin: &Origin<'_>) -> Self {
        Self {
            level: origin.level,
            slope: origin.slope,
            level_level: 0.0,
            level_slope: 0.0,
            slope_slope: 0.0,
        }
    }

    /// The variance of the next value, seasons apart: of `(level + damping slope) (1 + e)`.
    fn variance_of_value(&self, origin: &Origin<'_>) -> f64 {
        let damping = origin.smoothing.damping;
        let mean = self.level + damping * self.slope;
        let excess = self.level_level
            + 2.0 * damping * self.level_slope
            + damping * damping * self.slope_slope;
        excess + origin.deviation * origin.deviation * (mean * mean + excess)
    }

    /// The next step, weighted by `1 + gamma e`.
    fn advance(&mut self, origin: &Origin<'_>, gamma: f64) {
        let (p, s2) = (origin.smoothing, origin.deviation * origin.deviation);
        // The level becomes base (1 + a e), the slope trend + b base e.
        let trend = p.damping * self.slope;
        let base = self.level + trend;
        let damped = p.damping * p.damping;
        // What the second moments of base and trend exceed the products of their means by.
        let trend_trend = damped * self.slope_slope;
        let base_trend = p.damping * self.level_slope + trend_trend;
        let base_base =
            self.level_level + 2.0 * p.damping * self.level_slope + damped * self.slope_slope;
        let (a, b, g) = (p.level, p.slope, gamma);
        // E (1 + g e)² times 1, e and e², with E e² = s², E e³ = 0, E e⁴ = 3 s⁴.
        let weight = 1.0 + g * g * s2;
        let first = 2.0 * g * s2;
        let second = s2 + 3.0 * g * g * s2 * s2;
        let fourth = 2.0 * g * g * s2;
        *self = Self {
            level: base * (1.0 + g * a * s2),
            slope: trend + g * b * base * s2,
            level_level: s2 * base * base * ((g + a) * (g + a) + a * a * fourth)
                + base_base * (weight + 2.0 * a * first + a * a * second),
            level_slope: s2 * base * (trend * g * (g + a) + base * b * (g + a + a * fourth))
                + base_trend * (weight + a * first)
                + base_base * b * (first + a * second),
            slope_slope: s2
                * (trend * trend * g * g
                    + 2.0 * base * trend * b * g
                    + base * base * b * b * (1.0 + fourth))
                + trend_trend * weight
                + 2.0 * base_trend * b * first
                + base_base * b * b * second,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::TrendType;
    use super::super::simulate::paths;
    use super::*;

    /// Fits hardly ever have errors and parameters this large.
    #[test]
    fn large_errors_spread_as_simulated_paths_do() {
        let additive = [-20.0, 5.0, 15.0];
        for (error, season, sizes) in [
            // A season of one step makes every error act on it.
            (
                ErrorType::Multiplicative,
                SeasonType::Multiplicative,
                &[1.1][..],
            ),
            (
                ErrorType::Multiplicative,
                SeasonType::Multiplicative,
                &[0.8, 1.1, 1.1],
            ),
            (ErrorType::Multiplicative, SeasonType::Additive, &additive),
            (ErrorType::Additive, SeasonType::Additive, &additive),
        ] {
            let origin = Origin {
                model: EtsModel {
                    error,
                    trend: TrendType::Damped,
                    season,
                },
                smoothing: Smoothing {
                    level: 0.9,
                    slope: 0.1,
                    season: 0.9,
                    damping: 0.9,
                },
                level: 100.0,
                slope: 2.0,
                season: sizes,
                deviation: 0.25,
            };
            let (steps, count) = (7, 400_000);
            let drawn = paths(&origin, steps, count, 11);
            let column = |step: usize| drawn.iter().skip(step).step_by(steps);
            let mean = |step: usize| column(step).sum::<f64>() / count as f64;
            let means: Vec<f64> = (0..steps).map(mean).collect();
            for (step, closed) in deviations(&origin, &means).into_iter().enumerate() {
                let squares: f64 = column(step).map(|x| (x - means[step]).powi(2)).sum();
                let simulated = (squares / count as f64).sqrt();
                assert!(
                    (closed / simulated - 1.0).abs() < 0.015,
                    "{error:?} {season:?} {step}: {closed} instead of {simulated}"
                );
            }
        }
    }

    /// With one phase and no slope the values are products of independent factors.
    #[test]
    fn a_product_of_factors_has_the_moments_of_its_factors() {
        let (a, g, s2) = (0.9, 0.8, 0.25);
        let origin = Origin {
            model: EtsModel {
                error: ErrorType::Multiplicative,
                trend: TrendType::None,
                season: SeasonType::Multiplicative,
            },
            smoothing: Smoothing {
                level: a,
                slope: 0.0,
                season: g,
                damping: 1.0,
            },
            level: 3.0,
            slope: 0.0,
            season: &[2.0],
            deviation: 0.5,
        };
        let factor = 1.0 + (g * g + 4.0 * g * a + a * a) * s2 + 3.0 * (g * a * s2).powi(2);
        let (mut mean, mut second) = (6.0, 36.0 * (1.0 + s2));
        for closed in deviations(&origin, &[6.0; 9]) {
            let expected = (second - mean * mean).sqrt();
            assert!(
                (closed / expected - 1.0).abs() < 1e-12,
                "{closed} instead of {expected}"
            );
            mean *= 1.0 + g * a * s2;
            second *= factor;
        }
    }
}
