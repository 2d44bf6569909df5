use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Where the level of a series changed most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The first point of the new level.
    pub at: usize,
    /// The mean before.
    pub before: f64,
    /// The mean from then on.
    pub after: f64,
    /// How much of the variance the two levels explain, in [0, 1].
    pub explained: f64,
}

/// The single change of level that leaves the least squared error, each side at least two points long.
/// `None` when the series does not move. Missing values are passed over.
///
/// `at = argmax_k (k (n - k) / n) (mean of x[..k] - mean of x[k..])^2`
///
/// # Errors
/// When fewer than [`MIN_POINTS`](super::MIN_POINTS) values are there.
///
/// Cost: O(n) time and memory.
///
/// ```
/// use bongsu_rca::correlation::change;
/// let values: Vec<f64> = (0..30).map(|i| f64::from(i % 2) + if i < 18 { 0.0 } else { 5.0 }).collect();
/// assert_eq!(change(&values)?.map(|c| c.at), Some(18));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn change(values: &[f64]) -> Result<Option<Change>> {
    let known = values.iter().enumerate().filter(|(_, x)| x.is_finite());
    let (places, known): (Vec<usize>, Vec<f64>) = known.map(|(i, x)| (i, *x)).unzip();
    if known.len() < super::MIN_POINTS {
        return Err(Error::not_enough_data(
            "a change of level",
            super::MIN_POINTS,
            known.len(),
        ));
    }
    let Some(moves) = super::centered(&known) else {
        return Ok(None);
    };
    let n = moves.len() as f64;
    let total: f64 = moves.iter().map(|x| x * x).sum();
    let mut sum = 0.0;
    let gains = moves.iter().enumerate().map(|(i, x)| {
        sum += x;
        let k = (i + 1) as f64;
        // The values sum to zero, so the other side has the same sum with the other sign.
        (i + 1, sum * sum * n / (k * (n - k).max(1.0)))
    });
    let best = gains.filter(|&(k, _)| k >= 2 && k + 2 <= moves.len()).fold(
        (0, f64::NEG_INFINITY),
        |best, one| {
            if one.1 > best.1 { one } else { best }
        },
    );
    let (left, right) = known.split_at(best.0);
    let mean = |part: &[f64]| part.iter().map(|x| x / part.len() as f64).sum();
    Ok(Some(Change {
        at: places.get(best.0).copied().unwrap_or_default(),
        before: mean(left),
        after: mean(right),
        explained: (best.1 / total).clamp(0.0, 1.0),
    }))
}
