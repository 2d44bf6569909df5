use serde::{Deserialize, Serialize};

use super::model::{EtsModel, SeasonType, TrendType};
use super::recursion::Smoothing;

/// Where the smoothing parameters may lie, within [0.0001, 0.9999] and the damping in [0.8, 0.98].
///
/// Source: Hyndman, Akram & Archibald 2008, <https://doi.org/10.1007/s10463-006-0109-x>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// In the box alone, where the slope's and the season's parameter stay below what the first
    /// level's parameter leaves them, as statsforecast has it (the default).
    #[default]
    Box,
    /// Where every state is a weighted average: the slope's parameter at most the level's, the
    /// season's at most one less the level's.
    Usual,
    /// Where old values are forgotten: every root of the characteristic equation within the unit
    /// circle.
    Admissible,
    /// Both usual and admissible, as R's `ets` has it.
    Both,
}

/// How far outside the unit circle a root may lie for rounding's sake.
const SLACK: f64 = 1e-8;

impl Region {
    /// Whether the parameters of `model`, with seasons of `period` points, lie in it; `scratch` is
    /// reused.
    pub(super) fn contains(
        self,
        model: EtsModel,
        period: usize,
        smoothing: &Smoothing,
        scratch: &mut Vec<f64>,
    ) -> bool {
        match self {
            Self::Box => true,
            Self::Usual => usual(smoothing),
            Self::Admissible => admissible(model, period, smoothing, scratch),
            Self::Both => usual(smoothing) && admissible(model, period, smoothing, scratch),
        }
    }
}

fn usual(p: &Smoothing) -> bool {
    p.slope <= p.level && p.season <= 1.0 - p.level
}

fn admissible(model: EtsModel, period: usize, p: &Smoothing, polynomial: &mut Vec<f64>) -> bool {
    let (a, b, g, phi) = (p.level, p.slope, p.season, p.damping);
    let within = |x: f64, low: f64, high: f64| x >= low && x <= high;
    if model.season == SeasonType::None {
        return within(a, 1.0 - 1.0 / phi, 1.0 + 1.0 / phi)
            && (model.trend == TrendType::None
                || within(b, a * (phi - 1.0), (1.0 + phi) * (2.0 - a)));
    }
    let m = period as f64;
    let possible = within(g, (1.0 - 1.0 / phi - a).max(0.0), 1.0 + 1.0 / phi - a)
        && a >= 1.0 - 1.0 / phi - g * (1.0 - m + phi + phi * m) / (2.0 * phi * m)
        && b >= -(1.0 - phi) * (g / m + a);
    if !possible {
        return false;
    }
    // From the constant to the power of period + 1.
    polynomial.clear();
    polynomial.push(phi * (1.0 - a - g));
    polynomial.push(a + b - a * phi + g - 1.0);
    polynomial.extend(std::iter::repeat_n(
        a + b - a * phi,
        period.saturating_sub(2),
    ));
    polynomial.push(a + b - phi);
    polynomial.push(1.0);
    roots_within(polynomial, 1.0 + SLACK)
}

/// Whether every root of the polynomial, its constant first, lies within the circle of `radius`: the
/// test of Schur and Cohn, which takes the degree down one by one; O(degree²).
fn roots_within(polynomial: &mut Vec<f64>, radius: f64) -> bool {
    let mut power = 1.0;
    for coefficient in polynomial.iter_mut() {
        *coefficient *= power;
        power *= radius;
    }
    while polynomial.len() > 1 {
        let (Some(&first), Some(&last)) = (polynomial.first(), polynomial.last()) else {
            return true;
        };
        let reflection = first / last;
        if reflection.is_nan() || reflection.abs() >= 1.0 {
            return false;
        }
        // p(z) - k z^d p(1/z), which has no constant, divided by z.
        let degree = polynomial.len() - 1;
        for low in 0..=degree / 2 {
            let high = degree - low;
            let at = |i: usize| polynomial.get(i).copied().unwrap_or(0.0);
            let (x, y) = (at(low), at(high));
            if let Some(slot) = polynomial.get_mut(low) {
                *slot = x - reflection * y;
            }
            if let Some(slot) = polynomial.get_mut(high) {
                *slot = y - reflection * x;
            }
        }
        polynomial.remove(0);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_told_inside_from_outside() {
        // (z - 0.5)(z + 0.9), (z - 0.5)(z - 1.1), z² + 0.81 and z² + 1.21.
        for (polynomial, inside) in [
            (vec![-0.45, 0.4, 1.0], true),
            (vec![0.55, -1.6, 1.0], false),
            (vec![0.81, 0.0, 1.0], true),
            (vec![1.21, 0.0, 1.0], false),
            (vec![0.0, 0.0, 0.0, -0.999, 1.0], true),
        ] {
            assert_eq!(
                roots_within(&mut polynomial.clone(), 1.0),
                inside,
                "{polynomial:?}"
            );
        }
    }

    #[test]
    fn a_season_that_is_never_forgotten_is_not_admissible() {
        let model: EtsModel = EtsModel {
            error: super::super::model::ErrorType::Additive,
            trend: TrendType::Additive,
            season: SeasonType::Additive,
        };
        let inside = |level, slope, season| {
            let p = Smoothing {
                level,
                slope,
                season,
                damping: 1.0,
            };
            Region::Admissible.contains(model, 12, &p, &mut Vec::new())
        };
        assert!(inside(0.3, 0.01, 0.2));
        assert!(!inside(0.3, 3.9, 0.2));
        assert!(!inside(0.3, 0.01, 1.9));
        let p = Smoothing {
            level: 0.3,
            slope: 0.4,
            season: 0.2,
            damping: 1.0,
        };
        assert!(!Region::Usual.contains(model, 12, &p, &mut Vec::new()));
    }
}
