//! Level and scale of the first points, which one of them does not move.

use super::stream::{bounded, deviation};
use crate::robust::{MAD_TO_STD, median};

/// The most points that are kept before the first level and scale are taken from them.
pub(super) const MOST: u32 = 32;

/// How many points the first scale counts for among those it was taken from.
pub(super) const WEIGHT: u64 = 4;

/// The first level is the median of this many points: two of them may be outliers.
const LEVEL_POINTS: usize = 5;

/// The fewest differences of which the median is taken.
const ENOUGH: usize = 8;

/// The median of the first few of `values`.
pub(super) fn level(values: &[f64]) -> f64 {
    median(values.get(..LEVEL_POINTS).unwrap_or(values))
}

/// The standard deviation of `values` about a level that follows them: 1.4826 times the median of
/// the absolute differences of neighbours, over the square root of 2.
///
/// When more than half of the neighbours are equal it is the root mean square of the differences
/// instead, without the two largest ones, which may come from one outlier: a metric that changes
/// now and then is not taken for a constant one. So it is when there are too few to tell an outlier.
pub(super) fn scale(values: &[f64]) -> f64 {
    let pairs = values.iter().zip(values.iter().skip(1));
    let mut differences: Vec<f64> = pairs.map(|(&a, &b)| deviation(b, a).abs()).collect();
    if differences.is_empty() {
        return 0.0;
    }
    let middle = median(&differences);
    let spread = if middle > 0.0 && differences.len() >= ENOUGH {
        MAD_TO_STD * middle
    } else {
        differences.sort_by(f64::total_cmp);
        let left_out = if differences.len() < ENOUGH { 0 } else { 2 };
        let kept = differences.len() - left_out;
        let root = (kept as f64).sqrt();
        let kept = differences.iter().take(kept);
        kept.fold(0.0, |sum: f64, d| sum.hypot(d / root))
    };
    bounded(spread * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_moves_neither_level_nor_scale() {
        for at in [0, 3, 20, 29] {
            let mut values: Vec<f64> = (0..30).map(|i| f64::from(i * 7 % 5)).collect();
            let clean = (level(&values), scale(&values));
            values[at] = 1e9;
            assert!((level(&values) - clean.0).abs() <= 1.0, "{at}");
            assert!(scale(&values) <= 1.5 * clean.1, "{at}");
            let mut constant = [7.0; 30];
            constant[at] = 1e9;
            assert_eq!((level(&constant), scale(&constant)), (7.0, 0.0), "{at}");
            if let Some(few) = constant.get(..9.max(at + 1)) {
                assert_eq!((level(few), scale(few)), (7.0, 0.0), "{at}");
            }
        }
    }

    #[test]
    fn rare_changes_are_a_scale() {
        let values: Vec<f64> = (0..30).map(|i| f64::from(u8::from(i % 10 == 4))).collect();
        assert!(scale(&values) > 0.2 && scale(&values) < 0.4);
        assert_eq!(scale(&[5.0]), 0.0);
        assert!(scale(&[f64::MAX, -f64::MAX]).is_finite());
    }
}
