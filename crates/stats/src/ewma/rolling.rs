use bongsu_core::{Error, Result};

use crate::check;

/// Points whose roots are taken at a time.
const BLOCK: usize = 256;

/// Plain exponentially weighted z-scores of a whole column: the distance of each value from the
/// exponentially weighted mean of the values before it, in exponentially weighted standard
/// deviations.
///
/// `score_i = |x_i - mean| / sqrt(var)`; then, with `d = x_i - mean`, `mean += alpha d` and
/// `var = (1 - alpha)(var + alpha d^2)`. The mean starts at the first value, the variance at 0.
///
/// - `values`: any unit; NaN marks a missing value, which is passed over.
/// - `alpha`: the weight of the newest value, domain (0, 1).
///
/// Returns as many scores as values; NaN for the first value and for missing ones. With variance 0
/// a value equal to the mean scores 0 and any other infinity.
///
/// # Errors
/// When `alpha` is outside its domain or a value is infinite or above 1e150 in magnitude.
///
/// Cost: O(n) time, constant memory beside the result.
///
/// Source: Finch 2009, *Incremental calculation of weighted mean and variance*; equal to pandas'
/// `ewm(alpha, adjust=False, ignore_na=True)` with `.mean()` and `.var(bias=True)`.
///
/// ```
/// let scores = bongsu_stats::ewma::ewm_zscore(&[0.0, 2.0, 4.0], 0.5)?;
/// assert_eq!(scores[2], 3.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn ewm_zscore(values: &[f64], alpha: f64) -> Result<Vec<f64>> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Error::parameter("alpha", alpha, "in (0, 1)"));
    }
    check::no_infinity(values)?;
    if let Some(row) = values.iter().position(|x| x.abs() > 1e150) {
        return Err(Error::input(format!(
            "the value in row {row} is above 1e150 in magnitude, so that its square could overflow"
        )));
    }
    let mut scores = vec![f64::NAN; values.len()];
    let Some(start) = values.iter().position(|x| !x.is_nan()) else {
        return Ok(scores);
    };
    let first = values.get(start).copied().unwrap_or_default();
    // Relative to the first value: a large offset costs no digits.
    let (mut mean, mut var) = (0.0, 0.0);
    let (old, rest) = (1.0 - alpha, start + 1);
    let mut variances = [0.0; BLOCK];
    let inputs = values.get(rest..).unwrap_or_default().chunks(BLOCK);
    let outputs = scores.get_mut(rest..).unwrap_or_default().chunks_mut(BLOCK);
    for (points, scores) in inputs.zip(outputs) {
        // The recursion first, which waits for itself; then the roots and quotients, which do not.
        for ((x, deviation), variance) in points.iter().zip(scores.iter_mut()).zip(&mut variances) {
            let x = x - first;
            let d = x - mean;
            (*deviation, *variance) = (d, var);
            if !d.is_nan() {
                mean = old * mean + alpha * x;
                var = old * (var + alpha * d * d);
            }
        }
        for (score, variance) in scores.iter_mut().zip(&variances) {
            let z = score.abs() / variance.sqrt();
            *score = if *score == 0.0 { 0.0 } else { z };
        }
    }
    Ok(scores)
}
