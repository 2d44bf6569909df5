use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{MIN_POINTS, aligned, centered};

/// The lag at which two series agree most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// By how many points the second follows the first; negative when it moves before it.
    pub points: i64,
    /// The correlation at that lag, in [-1, 1].
    pub r: f64,
}

/// The cross-correlation of two series at each lag from `-max_lag` to `max_lag`: at lag `k` that of
/// `x[t]` with `y[t + k]`, so that a positive lag means that `y` follows.
///
/// `r_k = sum_t (x[t] - mean x)(y[t + k] - mean y) / (n sd(x) sd(y))` over the pairs that there are,
/// with means and standard deviations of whole series. Points at which one of the two is missing are
/// left out before. A series that does not move gives zeros.
///
/// # Errors
/// When the lengths differ, fewer than [`MIN_POINTS`] points are aligned, or `max_lag` is not below
/// their number.
///
/// Cost: O(n l) time for l lags.
///
/// Source: `statsmodels.tsa.stattools.ccf` 0.15 with `adjusted=False`, whose lag `k` is ours of the
/// series exchanged.
///
/// ```
/// use bongsu_rca::correlation::cross_correlation;
/// let x: Vec<f64> = (0..40).map(|i| f64::from(i * i % 17)).collect();
/// let y: Vec<f64> = (0..40).map(|i| f64::from((i - 2) * (i - 2) % 17)).collect();
/// let r = cross_correlation(&x, &y, 3)?;
/// let best = (0..7).max_by(|&a, &b| r[a].total_cmp(&r[b])).map(|i| i as i64 - 3);
/// assert_eq!(best, Some(2));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn cross_correlation(x: &[f64], y: &[f64], max_lag: usize) -> Result<Vec<f64>> {
    let (x, y) = aligned(x, y)?;
    check_lag(max_lag, x.len())?;
    let (Some(a), Some(b)) = (centered(&x), centered(&y)) else {
        return Ok(vec![0.0; 2 * max_lag + 1]);
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norm = dot(&a, &a).sqrt() * dot(&b, &b).sqrt();
    let tail = |values: &'_ [f64], from: usize| values.get(from..).unwrap_or_default().to_vec();
    let before = (1..=max_lag).rev().map(|k| dot(&tail(&a, k), &b));
    let after = (0..=max_lag).map(|k| dot(&a, &tail(&b, k)));
    Ok(before.chain(after).map(|sum| sum / norm).collect())
}

pub(super) fn check_lag(max_lag: usize, points: usize) -> Result<()> {
    if points < MIN_POINTS {
        return Err(Error::not_enough_data("a correlation", MIN_POINTS, points));
    }
    if max_lag >= points {
        return Err(Error::parameter(
            "max_lag",
            max_lag,
            format!("below the number of points, {points}"),
        ));
    }
    Ok(())
}

/// The lag of [`cross_correlation`] with the correlation farthest from 0; of equals the shortest, and
/// of those the one at which the second follows. Zero where nothing moves.
///
/// # Errors
/// As [`cross_correlation`].
pub fn strongest_lag(x: &[f64], y: &[f64], max_lag: usize) -> Result<Lag> {
    Ok(strongest(&cross_correlation(x, y, max_lag)?))
}

/// The strongest of the correlations at lags from `-(len / 2)` to `len / 2`.
pub(super) fn strongest(correlations: &[f64]) -> Lag {
    let middle = (correlations.len() / 2) as i64;
    let lags = correlations.iter().zip(-middle..);
    let best = lags.map(|(&r, points)| Lag { points, r }).max_by(|a, b| {
        let near = |lag: &Lag| (-lag.points.abs(), lag.points);
        a.r.abs().total_cmp(&b.r.abs()).then(near(a).cmp(&near(b)))
    });
    best.unwrap_or(Lag { points: 0, r: 0.0 })
}
