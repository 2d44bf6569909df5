use bongsu_core::Result;
use serde::{Deserialize, Serialize};
use statrs::function::beta::beta_reg;

use super::{aligned, centered};

/// How closely two series move together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// The coefficient, in [-1, 1].
    pub r: f64,
    /// How probable a coefficient at least as far from 0 is for independent normal series, in [0, 1].
    pub p_value: f64,
    /// The number of aligned points.
    pub points: usize,
}

impl Correlation {
    /// What is said of a series that does not move: nothing.
    pub(super) const fn none(points: usize) -> Self {
        Self {
            r: 0.0,
            p_value: 1.0,
            points,
        }
    }

    pub(super) fn new(r: f64, points: usize) -> Self {
        let r = r.clamp(-1.0, 1.0);
        Self {
            r,
            p_value: p_value(r, points as f64 - 2.0),
            points,
        }
    }
}

/// The two-sided p-value of a correlation with so many degrees of freedom.
pub(crate) fn p_value(r: f64, freedom: f64) -> f64 {
    let rest = (1.0 - r) * (1.0 + r);
    if freedom <= 0.0 {
        1.0
    } else if rest <= 0.0 {
        0.0
    } else {
        beta_reg(0.5 * freedom, 0.5, rest.min(1.0))
    }
}

/// Pearson's correlation of two series over the points at which both have a value.
///
/// `r = sum (x - mean x)(y - mean y) / sqrt(sum (x - mean x)^2 sum (y - mean y)^2)`, with the p-value
/// of the t-distribution with `n - 2` degrees of freedom. A series that does not move gives `r = 0`
/// and `p = 1`.
///
/// # Errors
/// When the lengths differ or fewer than [`MIN_POINTS`](super::MIN_POINTS) points are aligned.
///
/// Cost: O(n) time and memory.
///
/// Source: `scipy.stats.pearsonr` 1.17.
///
/// ```
/// use bongsu_rca::correlation::pearson;
/// let x: Vec<f64> = (0..12).map(f64::from).collect();
/// let y: Vec<f64> = x.iter().map(|x| 1.0 - 2.0 * x).collect();
/// assert!((pearson(&x, &y)?.r + 1.0).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn pearson(x: &[f64], y: &[f64]) -> Result<Correlation> {
    let (x, y) = aligned(x, y)?;
    Ok(of_complete(&x, &y))
}

/// Of two series without missing values.
pub(super) fn of_complete(x: &[f64], y: &[f64]) -> Correlation {
    let (Some(a), Some(b)) = (centered(x), centered(y)) else {
        return Correlation::none(x.len());
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    Correlation::new(
        dot(&a, &b) / (dot(&a, &a).sqrt() * dot(&b, &b).sqrt()),
        x.len(),
    )
}
