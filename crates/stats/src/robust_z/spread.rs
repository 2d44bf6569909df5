//! Median and robust scale of values that are already sorted.

use crate::check;
use crate::robust::{MAD_TO_STD, MEAN_AD_TO_STD, mad_sorted, mean_abs_dev_sorted, median_sorted};

/// A center and a scale in standard deviations of normal data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) center: f64,
    pub(super) scale: f64,
}

impl Spread {
    /// Of `sorted`, whose range must not overflow.
    pub(super) fn of(sorted: &[f64]) -> Self {
        let center = median_sorted(sorted);
        let mad = mad_sorted(sorted, center);
        let scale = if mad > 0.0 {
            MAD_TO_STD * mad
        } else if sorted.first() == sorted.last() {
            0.0
        } else {
            MEAN_AD_TO_STD * mean_abs_dev_sorted(sorted, center)
        };
        Self { center, scale }
    }
}

/// Whether differences of these sorted values overflow.
pub(super) fn overflows(sorted: &[f64]) -> bool {
    match (sorted.first(), sorted.last()) {
        (Some(first), Some(last)) => (last - first).is_infinite(),
        _ => false,
    }
}

/// A quarter of each value: their differences, times 1.4826, no longer overflow.
pub(super) fn quartered(sorted: &[f64]) -> Vec<f64> {
    sorted.iter().map(|x| x * 0.25).collect()
}

/// The score of `x` against `sorted`.
pub(super) fn score(sorted: &[f64], x: f64) -> f64 {
    let (spread, x) = if overflows(sorted) {
        (Spread::of(&quartered(sorted)), x * 0.25)
    } else {
        (Spread::of(sorted), x)
    };
    check::ratio((x - spread.center).abs(), spread.scale)
}

/// The values at which the score against `sorted` is `threshold`, and the center.
pub(super) fn band(sorted: &[f64], threshold: f64) -> (f64, f64, f64) {
    if overflows(sorted) {
        let (center, lower, upper) = band(&quartered(sorted), threshold);
        return (center * 4.0, lower * 4.0, upper * 4.0);
    }
    let Spread { center, scale } = Spread::of(sorted);
    let half_width = threshold * scale;
    (center, center - half_width, center + half_width)
}

/// As [`band`], for a point that itself belongs to the window: `others` are the rest of it.
///
/// A value whose score exceeds the threshold lies beyond the middle deviations, where it moves
/// neither the median nor the MAD any more; so both are taken as if it were infinite. Only the mean
/// absolute deviation grows with it, and that equation is solved for the value.
pub(super) fn inclusive_band(others: &[f64], threshold: f64) -> (f64, f64, f64) {
    if overflows(others) {
        let (center, lower, upper) = inclusive_band(&quartered(others), threshold);
        return (center * 4.0, lower * 4.0, upper * 4.0);
    }
    let n = (others.len() + 1) as f64;
    let bound = |window: &[f64]| {
        let center = median_sorted(window);
        let mad = mad_sorted(window, center);
        let half_width = if mad > 0.0 {
            threshold * MAD_TO_STD * mad
        } else {
            // d = t 1.2533 (S + d) / n, S being the sum of the others' deviations.
            let share = threshold * MEAN_AD_TO_STD / n;
            if share < 1.0 {
                let sum = mean_abs_dev_sorted(others, center) * (n - 1.0);
                share * sum / (1.0 - share)
            } else {
                f64::INFINITY
            }
        };
        (center, half_width)
    };
    let (above, up) = bound(&[others, &[f64::INFINITY]].concat());
    let (below, down) = bound(&[&[f64::NEG_INFINITY], others].concat());
    (median_sorted(others), below - down, above + up)
}
