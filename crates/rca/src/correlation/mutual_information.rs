use bongsu_core::{Error, Result};

use super::aligned;
use super::centered;

/// How much one series tells of the other, in nats: 0 for nothing, without any assumption on the form
/// of the dependence.
///
/// Both are centred and divided by their standard deviation. With `e_i` the distance of point `i` to its
/// `neighbours`-th nearest in the larger of both coordinates, shrunk to the next smaller number, and
/// `a_i`, `b_i` the numbers of points within that distance in one coordinate, itself included:
/// `psi(n) + psi(neighbours) - mean psi(a_i) - mean psi(b_i)`, and not below 0. A series that does not
/// move tells nothing. Where a point has as many others at the same place, the distance is 0, and what
/// counts is the points with the same coordinate.
///
/// The reference draws noise of 1e-10 standard deviations before this, which no seed is needed for here:
/// the result depends on the data alone. On data without ties the two agree. On integers with many ties
/// both are biased low, as the estimator is made for continuous values, and here they agree to 2 %
/// only: distances that are equal but for rounding count one way or the other.
///
/// `neighbours`: at least 1 and below the number of points (3 is usual).
///
/// # Errors
/// When the lengths differ, fewer than [`MIN_POINTS`](super::MIN_POINTS) points are aligned, or
/// `neighbours` is outside its domain.
///
/// Cost: O(n^1.5) time on usual data, O(n^2) at worst, O(n) memory.
///
/// Source: `sklearn.feature_selection.mutual_info_regression` 1.9 before its noise; the first estimator
/// of Kraskov et al. 2004, <https://doi.org/10.1103/PhysRevE.69.066138>.
///
/// ```
/// use bongsu_rca::correlation::mutual_information;
/// let x: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101)).collect();
/// let parabola: Vec<f64> = x.iter().map(|x| (x - 50.0).powi(2)).collect();
/// assert!(mutual_information(&x, &parabola, 3)? > 1.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn mutual_information(x: &[f64], y: &[f64], neighbours: usize) -> Result<f64> {
    let (x, y) = aligned(x, y)?;
    let n = x.len();
    if neighbours == 0 || neighbours >= n {
        return Err(Error::parameter(
            "neighbours",
            neighbours,
            format!("at least 1 and below the number of points, {n}"),
        ));
    }
    let (Some(x), Some(y)) = (standardized(&x), standardized(&y)) else {
        return Ok(0.0);
    };
    let mut points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let xs: Vec<f64> = points.iter().map(|p| p.0).collect();
    let mut ys = y;
    ys.sort_unstable_by(f64::total_cmp);

    let mut nearest = Vec::with_capacity(neighbours);
    let mut sum = 0.0;
    for place in 0..n {
        let reach = reach(&points, place, neighbours, &mut nearest);
        let reach = if reach > 0.0 {
            reach.next_down()
        } else {
            reach
        };
        let Some(&(px, py)) = points.get(place) else {
            continue;
        };
        for (sorted, at) in [(&xs, px), (&ys, py)] {
            sum += digamma(within(sorted, at, reach) as f64);
        }
    }
    let estimate = digamma(n as f64) + digamma(neighbours as f64) - sum / n as f64;
    Ok(estimate.max(0.0))
}

/// Divided by the standard deviation after centring.
fn standardized(values: &[f64]) -> Option<Vec<f64>> {
    let moves = centered(values)?;
    let n = moves.len() as f64;
    let deviation = (moves.iter().map(|x| x * x).sum::<f64>() / n).sqrt();
    Some(moves.into_iter().map(|x| x / deviation).collect())
}

/// The distance of the point at `place` to its `count`-th nearest, looking to both sides of it in the
/// order of the first coordinate until that alone is farther.
fn reach(points: &[(f64, f64)], place: usize, count: usize, nearest: &mut Vec<f64>) -> f64 {
    nearest.clear();
    let Some(&(x, y)) = points.get(place) else {
        return 0.0;
    };
    let (left, right) = points.split_at(place);
    let mut left = left.iter().rev().peekable();
    let mut right = right.iter().skip(1).peekable();
    loop {
        let from_left = left.peek().map_or(f64::INFINITY, |p| x - p.0);
        let from_right = right.peek().map_or(f64::INFINITY, |p| p.0 - x);
        let gap = from_left.min(from_right);
        let worst = nearest.last().copied().unwrap_or(f64::INFINITY);
        if !gap.is_finite() || (nearest.len() == count && gap >= worst) {
            return worst;
        }
        let next = if from_left <= from_right {
            left.next()
        } else {
            right.next()
        };
        let distance = next.map_or(f64::INFINITY, |p| gap.max((p.1 - y).abs()));
        if nearest.len() < count || distance < worst {
            nearest.truncate(count - 1);
            let at = nearest.partition_point(|d| *d <= distance);
            nearest.insert(at, distance);
        }
    }
}

/// How many of the sorted values are within `reach` of `at`, itself included; at least 1.
fn within(sorted: &[f64], at: f64, reach: f64) -> usize {
    let low = sorted.partition_point(|x| at - x > reach);
    let high = sorted.partition_point(|x| x - at <= reach);
    high.saturating_sub(low).max(1)
}

fn digamma(x: f64) -> f64 {
    statrs::function::gamma::digamma(x)
}
