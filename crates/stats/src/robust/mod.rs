//! Order statistics that outliers do not move: median, quantiles, median absolute deviation.
//!
//! Beside these: the scales of Rousseeuw and Croux, Huber's location and scale, and the line of Theil
//! and Sen.
//!
//! Order statistics and scales return NaN when there are no values or one of them is NaN, and do not overflow for
//! finite values as long as the result itself is finite.

mod huber;
mod pairwise;
mod theil_sen;

pub use huber::{HuberEstimate, huber};
pub use pairwise::{qn, sn};
pub use theil_sen::{TheilSen, theil_sen};

/// The standard deviation of a normal distribution over its median absolute deviation,
/// `1 / Phi^-1(3/4)`. Its inverse is the 0.6745 of the literature.
pub const MAD_TO_STD: f64 = 1.482_602_218_505_602;

/// The standard deviation of a normal distribution over its mean absolute deviation, `sqrt(pi/2)`.
pub const MEAN_AD_TO_STD: f64 = 1.253_314_137_315_500_3;

/// The median: the middle value, or the mean of the two middle ones.
///
/// Cost: O(n) time, a copy of the values.
///
/// ```
/// assert_eq!(bongsu_stats::robust::median(&[9.0, 1.0, 2.0, 100.0]), 5.5);
/// ```
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    select(values.to_vec(), 0.5)
}

/// The `q`-quantile with linear interpolation between order statistics, NumPy's default:
/// the value at position `q (n - 1)` of the sorted values.
///
/// `q`: a share, domain [0, 1]; outside it the result is NaN.
///
/// Cost: O(n) time, a copy of the values.
///
/// Source: type 7 of Hyndman & Fan 1996, <https://doi.org/10.1080/00031305.1996.10473566>.
///
/// ```
/// assert_eq!(bongsu_stats::robust::quantile(&[4.0, 1.0, 3.0, 2.0], 0.25), 1.75);
/// ```
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> f64 {
    select(values.to_vec(), q)
}

/// The median absolute deviation about the median, unscaled: `median(|x_i - median(x)|)`. Times
/// [`MAD_TO_STD`] it estimates the standard deviation of normal data.
///
/// Cost: O(n) time, a copy of the values.
///
/// Source: Hampel 1974, <https://doi.org/10.1080/01621459.1974.10482962>.
///
/// ```
/// assert_eq!(bongsu_stats::robust::mad(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), 1.0);
/// ```
#[must_use]
pub fn mad(values: &[f64]) -> f64 {
    let center = median(values);
    select(values.iter().map(|x| (x - center).abs()).collect(), 0.5)
}

/// The mean absolute deviation about the median: `mean(|x_i - median(x)|)`.
///
/// Cost: O(n) time, a copy of the values.
///
/// ```
/// assert_eq!(bongsu_stats::robust::mean_abs_dev(&[0.0, 0.0, 0.0, 4.0]), 1.0);
/// ```
#[must_use]
pub fn mean_abs_dev(values: &[f64]) -> f64 {
    mean_abs_dev_about(values, median(values))
}

/// [`quantile`] of values that are already sorted; O(1).
#[must_use]
pub fn quantile_sorted(sorted: &[f64], q: f64) -> f64 {
    Place::new(sorted.len(), q).map_or(f64::NAN, |place| place.of(sorted))
}

/// Where a quantile of a number of sorted values is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    low: usize,
    /// How far it is from that value to the next one.
    share: f64,
}

impl Place {
    /// Of the `q`-quantile of `n` values; none when there are none or `q` is not in [0, 1].
    pub(crate) fn new(n: usize, q: f64) -> Option<Self> {
        let last = n.checked_sub(1)?;
        let position = q * last as f64;
        let low = (position as usize).min(last);
        (0.0..=1.0).contains(&q).then_some(Self {
            low,
            share: position - low as f64,
        })
    }

    /// How many of the sorted values lie before it.
    pub(crate) const fn rank(self) -> usize {
        self.low
    }

    /// How far it is from the value of that rank to the next one.
    pub(crate) const fn share(self) -> f64 {
        self.share
    }

    pub(crate) fn of(self, sorted: &[f64]) -> f64 {
        let low = sorted.get(self.low).copied().unwrap_or(f64::NAN);
        let high = sorted.get(self.low + 1).copied().unwrap_or(low);
        interpolate(low, high, self.share)
    }
}

/// [`median`] of values that are already sorted; O(1).
pub(crate) fn median_sorted(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 {
        at(half)
    } else {
        f64::midpoint(at(half.wrapping_sub(1)), at(half))
    }
}

/// [`mad`] of values that are already sorted, about their median `center`; O(log n).
///
/// The deviations left and right of the median are two sorted runs; their middle order statistics
/// are found by bisection without merging them.
pub(crate) fn mad_sorted(sorted: &[f64], center: f64) -> f64 {
    let n = sorted.len();
    if n == 0 {
        return f64::NAN;
    }
    let split = n / 2;
    let (left, right) = sorted.split_at_checked(split).unwrap_or_default();
    let low = |i: usize| center - left.get(split - 1 - i).copied().unwrap_or(f64::NAN);
    let high = |i: usize| right.get(i).copied().unwrap_or(f64::NAN) - center;
    // How many of the `rank` smallest deviations come from the left run.
    let from_left = |rank: usize| {
        let (mut least, mut most) = (rank.saturating_sub(right.len()), rank.min(left.len()));
        while least < most {
            let i = least.midpoint(most);
            if low(i) < high(rank - i - 1) {
                least = i + 1;
            } else {
                most = i;
            }
        }
        least
    };
    let kth = |rank: usize| {
        let i = from_left(rank);
        let j = rank - i;
        match (i < left.len(), j < right.len()) {
            (true, true) => low(i).min(high(j)),
            (true, false) => low(i),
            _ => high(j),
        }
    };
    if n % 2 == 1 {
        kth(split)
    } else {
        f64::midpoint(kth(split - 1), kth(split))
    }
}

/// The mean absolute deviation about `center`; NaN when there are no values.
fn mean_abs_dev_about(values: &[f64], center: f64) -> f64 {
    mean_abs(|| values.iter().map(|x| x - center), values.len())
}

/// [`mean_abs_dev`] of values that are already sorted, about `center`; O(log n) and the number of
/// values that differ from it.
pub(crate) fn mean_abs_dev_sorted(sorted: &[f64], center: f64) -> f64 {
    let below = sorted.partition_point(|&x| x < center);
    let (below, rest) = sorted.split_at_checked(below).unwrap_or_default();
    let equal = rest.partition_point(|&x| x <= center);
    let above = rest.get(equal..).unwrap_or_default();
    let differing = || below.iter().chain(above).map(|x| x - center);
    mean_abs(differing, sorted.len())
}

/// The sum of the magnitudes of `deviations` over `n`.
fn mean_abs<I: Iterator<Item = f64>>(deviations: impl Fn() -> I, n: usize) -> f64 {
    let n = n as f64;
    let sum: f64 = deviations().map(f64::abs).sum();
    if sum.is_infinite() {
        // Divided first, so that the sum of huge deviations does not overflow.
        deviations().map(|d| d.abs() / n).sum()
    } else {
        sum / n
    }
}

/// Consumes `values` and selects its `q`-quantile.
fn select(mut values: Vec<f64>, q: f64) -> f64 {
    if values.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    select_quantile(&mut values, q)
}

/// [`quantile`] of values without NaN, which it reorders; O(n).
pub(crate) fn select_quantile(values: &mut [f64], q: f64) -> f64 {
    let Some(Place { low, share }) = Place::new(values.len(), q) else {
        return f64::NAN;
    };
    let (_, &mut low, above) = values.select_nth_unstable_by(low, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    interpolate(low, high, share)
}

/// From `low` to `high`, rounded as NumPy rounds it.
pub(crate) fn interpolate(low: f64, high: f64, share: f64) -> f64 {
    let span = high - low;
    if span.is_infinite() {
        low * (1.0 - share) + high * share
    } else if share < 0.5 {
        low + span * share
    } else {
        high - span * (1.0 - share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_nan_give_nan() {
        assert!(median(&[]).is_nan());
        assert!(median(&[1.0, f64::NAN]).is_nan());
        assert!(mad(&[]).is_nan());
        assert!(mean_abs_dev(&[]).is_nan());
        assert!(quantile(&[1.0], 1.5).is_nan());
    }

    #[test]
    fn huge_values_do_not_overflow() {
        assert_eq!(median(&[f64::MAX, f64::MAX]), f64::MAX);
        assert_eq!(quantile(&[-f64::MAX, f64::MAX], 0.5), 0.0);
    }

    #[test]
    fn sorted_forms_agree_with_the_plain_ones() {
        let mut values = Vec::new();
        let mut state = 1_u64;
        for n in 1..60 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            values.push(((state >> 33) % 17) as f64);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let center = median(&values);
            assert_eq!(median_sorted(&sorted), center);
            assert_eq!(mad_sorted(&sorted, center), mad(&values), "n = {n}");
            let mean = mean_abs_dev_sorted(&sorted, center);
            assert!((mean - mean_abs_dev(&values)).abs() < 1e-12, "n = {n}");
            assert_eq!(quantile_sorted(&sorted, 0.3), quantile(&values, 0.3));
        }
    }
}
