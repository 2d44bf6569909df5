use bongsu_core::Result;

use super::{Alternative, sample};
use crate::level::Level;
use crate::special::student_sf;

/// The result of [`welch`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WelchTest {
    /// The difference of the means over its standard error.
    pub statistic: f64,
    /// The probability of a statistic at least as extreme where the means are equal.
    pub p_value: f64,
    /// The degrees of freedom of Welch and Satterthwaite.
    pub freedom: f64,
}

/// Welch's t test: whether two samples have the same mean, whatever their variances.
///
/// `t = (mean_a - mean_b) / sqrt(v_a/n_a + v_b/n_b)` with the sample variances `v`, against a Student
/// t of `(v_a/n_a + v_b/n_b)^2 / ((v_a/n_a)^2/(n_a - 1) + (v_b/n_b)^2/(n_b - 1))` degrees of freedom.
/// When both samples are constant, the statistic is 0 or infinite and the p-value 1 or 0 (two-sided).
///
/// - `a`, `b`: at least 2 finite values each.
///
/// # Errors
/// When a sample has fewer than 2 values or one that is not finite.
///
/// Cost: O(n) time, a copy of the values.
///
/// Source: Welch 1947, <https://doi.org/10.1093/biomet/34.1-2.28>; SciPy 1.17
/// `ttest_ind(equal_var=False)`.
///
/// ```
/// use bongsu_stats::hypothesis::{Alternative, welch};
/// let test = welch(&[1.0, 2.0, 3.0], &[5.0, 6.0, 8.0, 9.0], Alternative::TwoSided)?;
/// assert!((test.statistic + 4.629_1).abs() < 1e-4 && test.p_value < 0.01);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn welch(a: &[f64], b: &[f64], alternative: Alternative) -> Result<WelchTest> {
    sample("the first sample", a, 2)?;
    sample("the second sample", b, 2)?;
    // Both relative to one level, so that neither an offset nor the unit costs digits.
    let both: Vec<f64> = a.iter().chain(b).copied().collect();
    let common = Level::of(&both);
    let part = |values: &[f64]| {
        let deviations: Vec<f64> = values.iter().map(|&x| common.deviation(x)).collect();
        let level = Level::of(&deviations);
        let std = level.scale / level.unit;
        (level.at(0.0), std * std, values.len() as f64)
    };
    Ok(from_moments(part(a), part(b), alternative))
}

/// The test of two samples of which mean, variance and number of values are known.
fn from_moments(
    (mean_a, var_a, n_a): (f64, f64, f64),
    (mean_b, var_b, n_b): (f64, f64, f64),
    alternative: Alternative,
) -> WelchTest {
    let (a, b) = (var_a / n_a, var_b / n_b);
    let (difference, error) = (mean_a - mean_b, (a + b).sqrt());
    let statistic = if difference == 0.0 {
        0.0
    } else {
        difference / error
    };
    let (share_a, share_b) = if a + b > 0.0 {
        (a / (a + b), b / (a + b))
    } else {
        (0.5, 0.5)
    };
    let freedom = 1.0 / (share_a * share_a / (n_a - 1.0) + share_b * share_b / (n_b - 1.0));
    let p_value = match alternative {
        Alternative::TwoSided => (2.0 * student_sf(statistic.abs(), freedom)).min(1.0),
        Alternative::Greater => student_sf(statistic, freedom),
        Alternative::Less => student_sf(-statistic, freedom),
    };
    WelchTest {
        statistic,
        p_value,
        freedom,
    }
}
