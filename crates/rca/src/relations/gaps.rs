//! How two metrics go together where values of one are missing: by the moments that both have.

use crate::correlation::{Lag, Pair, pearson};

/// `pair` as the matrix of all has it, or, where `a` or `b`, its columns, have gaps, which the matrix
/// fills with their means, as the moments have it that both know. `None` where those are too few.
pub(super) fn without_gaps(pair: &Pair, a: &[f64], b: &[f64], max_lag: usize) -> Option<Pair> {
    if !a.iter().chain(b).any(|x| x.is_nan()) {
        return Some(*pair);
    }
    let correlation = pearson(a, b).ok()?;
    let at_once = common(a, b);
    let mut lag = Lag {
        points: 0,
        r: correlation.r,
    };
    let steps = i64::try_from(max_lag).ok()?;
    for points in (1..=steps).flat_map(|k| [k, -k]) {
        let shift = usize::try_from(points.unsigned_abs()).ok()?;
        let (earlier, later) = if points > 0 { (a, b) } else { (b, a) };
        let earlier = earlier.get(..earlier.len().saturating_sub(shift))?;
        let later = later.get(shift..)?;
        let Ok(shifted) = pearson(earlier, later) else {
            continue;
        };
        // As where nothing is missing, fewer moments count for less.
        let share = common(earlier, later) as f64 / at_once as f64;
        let r = shifted.r * share.min(1.0);
        if r.abs() > lag.r.abs() {
            lag = Lag { points, r };
        }
    }
    Some(Pair {
        correlation,
        lag,
        ..*pair
    })
}

fn common(a: &[f64], b: &[f64]) -> usize {
    let both = a.iter().zip(b).filter(|(a, b)| !a.is_nan() && !b.is_nan());
    both.count()
}
