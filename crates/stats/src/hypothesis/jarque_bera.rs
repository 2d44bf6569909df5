use bongsu_core::Result;

use super::{centered, series};
use crate::special::chi_squared_sf;

/// The result of [`jarque_bera`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JarqueBera {
    /// `n/6 (S^2 + (K - 3)^2 / 4)`.
    pub statistic: f64,
    /// The probability of such a statistic where the values are normal.
    pub p_value: f64,
    /// The skewness `S`, 0 for normal values.
    pub skewness: f64,
    /// The kurtosis `K`, 3 for normal values.
    pub kurtosis: f64,
}

/// The test of Jarque and Bera: whether values are normal, by their skewness and kurtosis.
///
/// `JB = n/6 (S^2 + (K - 3)^2 / 4)` with `S = m3 / m2^(3/2)`, `K = m4 / m2^2` and the central moments
/// `m` with divisor n; against a chi-squared of 2 degrees of freedom.
///
/// - `values`: at least 2, finite and not all equal.
///
/// # Errors
/// When there are fewer than 2 values, one is not finite, or all are equal.
///
/// Cost: O(n) time, a copy of the values.
///
/// Source: Jarque & Bera 1987, <https://doi.org/10.2307/1403192>; statsmodels 0.15 `jarque_bera`.
///
/// ```
/// let test = bongsu_stats::hypothesis::jarque_bera(&[1.0, 2.0, 3.0, 4.0, 20.0])?;
/// assert!((test.skewness - 1.425_527).abs() < 1e-6 && test.p_value > 0.05);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn jarque_bera(values: &[f64]) -> Result<JarqueBera> {
    series("the test of Jarque and Bera", values, 2)?;
    let deviations = centered(values);
    let n = deviations.len() as f64;
    let mut sums = [0.0; 3];
    for d in deviations {
        let square = d * d;
        sums[0] += square;
        sums[1] += square * d;
        sums[2] += square * square;
    }
    let [m2, m3, m4] = sums.map(|sum| sum / n);
    let (skewness, kurtosis) = (m3 / (m2 * m2.sqrt()), m4 / (m2 * m2));
    let excess = kurtosis - 3.0;
    let statistic = n / 6.0 * (skewness * skewness + 0.25 * excess * excess);
    Ok(JarqueBera {
        statistic,
        p_value: chi_squared_sf(statistic, 2.0),
        skewness,
        kurtosis,
    })
}
