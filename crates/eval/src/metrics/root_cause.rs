//! Accuracy of root-cause rankings.

use bongsu_core::{Error, Result};

use super::check;

/// The share of cases whose true cause is among the first `k` of the ranking, `AC@k`.
///
/// With several true causes a case counts the share found of those that fit into `k`:
/// `hits / min(k, causes)`.
///
/// - `cases`: for each case, whether each ranked candidate is a true cause, best first, and the number
///   of true causes (which may be absent from the ranking).
/// - `k`: at least 1.
///
/// # Errors
/// When there is no case, a case has no cause, or `k` is 0.
///
/// Cost: O(cases * k).
///
/// Source: Li et al. 2022 (CIRCA), <https://doi.org/10.1145/3534678.3539041>.
///
/// ```
/// let cases = [(vec![true, false], 1), (vec![false, true], 1)];
/// let cases: Vec<(&[bool], usize)> = cases.iter().map(|(r, n)| (r.as_slice(), *n)).collect();
/// assert_eq!(bongsu_eval::accuracy_at(&cases, 1)?, 0.5);
/// assert_eq!(bongsu_eval::average_at(&cases, 2)?, 0.75);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn accuracy_at(cases: &[(&[bool], usize)], k: usize) -> Result<f64> {
    if k == 0 {
        return Err(Error::parameter("k", k, "at least 1"));
    }
    if cases.is_empty() {
        return Err(Error::not_enough_data("AC@k (in cases)", 1, 0));
    }
    let mut sum = 0.0;
    for (case, (ranking, causes)) in cases.iter().enumerate() {
        if *causes == 0 {
            return Err(Error::input(format!("case {case} has no true cause")));
        }
        let hits = ranking.iter().take(k).filter(|&&hit| hit).count();
        sum += check::float(hits.min(*causes)) / check::float(k.min(*causes));
    }
    Ok(sum / check::float(cases.len()))
}

/// The mean of [`accuracy_at`] over 1 to `k`, `Avg@k`.
///
/// # Errors
/// As [`accuracy_at`].
///
/// Cost: O(cases * k^2).
pub fn average_at(cases: &[(&[bool], usize)], k: usize) -> Result<f64> {
    if k == 0 {
        return Err(Error::parameter("k", k, "at least 1"));
    }
    let mut sum = 0.0;
    for first in 1..=k {
        sum += accuracy_at(cases, first)?;
    }
    Ok(sum / check::float(k))
}
