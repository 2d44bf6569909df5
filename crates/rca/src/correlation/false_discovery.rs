use bongsu_core::{Error, Result};

/// The p-values adjusted by Benjamini and Hochberg: those below a bound have at most that share of
/// false discoveries among them on average.
///
/// The adjusted value of the `i`-th smallest of `m` is the least `p_j m / j` over `j >= i`.
///
/// # Errors
/// When a p-value is not in [0, 1].
///
/// Cost: O(m log m) time, O(m) memory.
///
/// Source: `scipy.stats.false_discovery_control` 1.17; Benjamini & Hochberg 1995,
/// <https://doi.org/10.1111/j.2517-6161.1995.tb02031.x>.
///
/// ```
/// use bongsu_rca::correlation::benjamini_hochberg;
/// assert_eq!(benjamini_hochberg(&[0.01, 0.04, 0.5])?, [0.03, 0.06, 0.5]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>> {
    if let Some(wrong) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::parameter("p_values", wrong, "in [0, 1]"));
    }
    let mut order: Vec<(f64, usize)> = p_values.iter().copied().zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = order.len() as f64;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least = 1.0_f64;
    for (i, &(p, place)) in order.iter().enumerate().rev() {
        least = least.min(p * (count / (i + 1) as f64));
        if let Some(slot) = adjusted.get_mut(place) {
            *slot = least;
        }
    }
    Ok(adjusted)
}
