use std::cmp::Ordering;

use crate::moments::inverse_power;

/// A value and its row.
pub(super) type Place = (f64, usize);

/// The most extreme values of a column on both sides, and all others.
///
/// A value `x` is kept as `x * scale - shift`: `scale` is a power of two that brings the core near
/// 1, so that no square overflows or vanishes, and `shift` is a value of the core, so that an
/// offset costs no digits.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) scale: f64,
    pub(super) shift: f64,
    /// The smallest values, furthest out first.
    pub(super) low: Vec<Place>,
    /// The largest values, furthest out first.
    pub(super) high: Vec<Place>,
    /// The values between them, in ascending order when that was asked for.
    pub(super) core: Vec<f64>,
}

/// Beyond this many times the core's magnitude it makes no difference to a statistic how much
/// further out a value lies; its square must not overflow.
const FURTHEST: f64 = 1e150;

impl Ends {
    /// Takes `most` values from each end; there must be more than `2 most` values. O(n + k log k), or
    /// O(n log n) when the core is to be sorted.
    pub(super) fn split(values: &[f64], most: usize, sorted: bool) -> Self {
        let mut places: Vec<Place> = values.iter().copied().zip(0..).collect();
        places.select_nth_unstable_by(most, ascending);
        let (low, rest) = places.split_at_mut(most);
        let last = rest.len() - most - 1;
        rest.select_nth_unstable_by(last, |a, b| descending(b, a));
        let (core, high) = rest.split_at_mut(last + 1);
        low.sort_unstable_by(ascending);
        high.sort_unstable_by(descending);

        let magnitude = |places: &[Place]| places.iter().fold(0.0_f64, |m, p| m.max(p.0.abs()));
        let mut largest = magnitude(core);
        if largest == 0.0 {
            largest = magnitude(low).max(magnitude(high));
        }
        let scale = inverse_power(largest);
        let shift = core.first().map_or(0.0, |&(x, _)| x * scale);
        let shifted = |x: f64| (x * scale).clamp(-FURTHEST, FURTHEST) - shift;
        let end = |places: &[Place]| places.iter().map(|&(x, row)| (shifted(x), row)).collect();
        let mut core: Vec<f64> = core.iter().map(|&(x, _)| shifted(x)).collect();
        if sorted {
            core.sort_unstable_by(f64::total_cmp);
        }
        Self {
            scale,
            shift,
            low: end(low),
            high: end(high),
            core,
        }
    }

    /// Every value in ascending order, when the core is sorted.
    pub(super) fn all(&self) -> Vec<f64> {
        let low = self.low.iter().map(|&(x, _)| x);
        let high = self.high.iter().rev().map(|&(x, _)| x);
        low.chain(self.core.iter().copied()).chain(high).collect()
    }
}

/// Of equal values the first row comes first, on either side.
fn ascending(a: &Place, b: &Place) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

fn descending(a: &Place, b: &Place) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}
