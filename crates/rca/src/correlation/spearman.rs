use bongsu_core::Result;

use super::aligned;
use super::pearson::{Correlation, of_complete};

/// Spearman's rank correlation of two series over the points at which both have a value: Pearson's of
/// their ranks, equal values sharing the mean of theirs.
///
/// # Errors
/// When the lengths differ or fewer than [`MIN_POINTS`](super::MIN_POINTS) points are aligned.
///
/// Cost: O(n log n) time, O(n) memory.
///
/// Source: `scipy.stats.spearmanr` 1.17.
///
/// ```
/// use bongsu_rca::correlation::spearman;
/// let x: Vec<f64> = (0..12).map(f64::from).collect();
/// let y: Vec<f64> = x.iter().map(|x| x.exp()).collect();
/// assert!((spearman(&x, &y)?.r - 1.0).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn spearman(x: &[f64], y: &[f64]) -> Result<Correlation> {
    let (x, y) = aligned(x, y)?;
    Ok(of_complete(&ranks(&x), &ranks(&y)))
}

/// The rank of each value from 1 on; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    // Zeros of either sign are equal.
    for ties in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = below as f64 + 0.5 * (ties.len() as f64 + 1.0);
        for &(_, place) in ties {
            if let Some(slot) = ranks.get_mut(place) {
                *slot = rank;
            }
        }
        below += ties.len();
    }
    ranks
}
