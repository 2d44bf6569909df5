use bongsu_core::{Error, Result};

use crate::special::f_sf;

/// The result of [`break_variance`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakVariance {
    /// The sum of squares of the last third over that of the first.
    pub statistic: f64,
    /// The probability of a statistic at least as far from 1, in either direction, where the variance
    /// is the same.
    pub p_value: f64,
    /// The present values of the first third.
    pub early: usize,
    /// The present values of the last third.
    pub late: usize,
}

/// Whether the variance of a series about 0 is another at its end than at its start
/// (heteroskedasticity).
///
/// `H = sum of y_t^2 over the last h / sum of y_t^2 over the first h` with `h = n / 3`, rounded; `H m1 /
/// m2`, for m1 values present in the first third and m2 in the last, against an F distribution of m2 and
/// m1 degrees of freedom; two-sided.
///
/// - `values`: consecutive, NaN where one is missing; residuals of a model, which have mean 0.
///
/// # Errors
/// When a value is infinite, fewer than 2 are present in the first or the last third, or all of the
/// first are 0.
///
/// Cost: O(n) time, no memory.
///
/// Source: Harvey 1990, *Forecasting, Structural Time Series Models and the Kalman Filter*, 5.4.2;
/// statsmodels 0.15 `breakvar_heteroskedasticity_test`.
///
/// ```
/// let calm_then_wild = [1.0, -1.0, 1.0, -1.0, 2.0, -2.0, 9.0, -8.0, 7.0];
/// let test = bongsu_stats::hypothesis::break_variance(&calm_then_wild)?;
/// assert!(test.statistic == 194.0 / 3.0 && test.p_value < 0.01);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn break_variance(values: &[f64]) -> Result<BreakVariance> {
    const NAME: &str = "the test for a break in variance";
    if let Some(row) = values.iter().position(|value| value.is_infinite()) {
        let value = values.get(row).copied().unwrap_or(f64::INFINITY);
        return Err(Error::non_finite(format!("{NAME}: value {row}"), value));
    }
    let third = (values.len() as f64 / 3.0).round() as usize;
    let first = values.get(..third).unwrap_or_default();
    let last = values.get(values.len() - third..).unwrap_or_default();
    let count = |part: &[f64]| part.iter().filter(|value| !value.is_nan()).count();
    let (early, late) = (count(first), count(last));
    if early.min(late) < 2 {
        let least = format!("{NAME}, in its first and its last third");
        return Err(Error::not_enough_data(least, 2, early.min(late)));
    }
    let present = first.iter().chain(last).filter(|value| !value.is_nan());
    let largest = present.fold(0.0_f64, |most, value| most.max(value.abs()));
    let unit = crate::moments::inverse_power(largest);
    let squares = |part: &[f64]| {
        let present = part.iter().filter(|value| !value.is_nan());
        present.map(|value| (value * unit).powi(2)).sum::<f64>()
    };
    let (before, after) = (squares(first), squares(last));
    if before == 0.0 {
        return Err(Error::input(format!(
            "{NAME} needs values other than 0 in its first third"
        )));
    }
    let statistic = after / before;
    let (m1, m2) = (early as f64, late as f64);
    let above = f_sf(statistic * m1 / m2, m2, m1);
    let below = f_sf(before / after * m2 / m1, m1, m2);
    Ok(BreakVariance {
        statistic,
        p_value: (2.0 * above.min(below)).min(1.0),
        early,
        late,
    })
}
