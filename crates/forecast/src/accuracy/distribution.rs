//! Measures of quantiles, distributions and intervals.

use bongsu_core::{Error, Result};
use bongsu_stats::special::normal_sf;

use super::{check_actual, check_forecast, mean, present};
use crate::check;

/// The pinball loss of the forecast of a quantile, `mean max(q (y - f), (q - 1) (y - f))`, in the
/// unit of the series.
///
/// - `actual`: what happened; NaN where it is missing.
/// - `forecast`: of the quantile `q`, as many finite values.
/// - `q`: domain (0, 1).
///
/// # Errors
/// As [`super::mae`], and when `q` is outside its domain.
///
/// ```
/// use bongsu_forecast::accuracy::pinball;
/// assert_eq!(pinball(&[4.0, 0.0], &[2.0, 2.0], 0.75)?, 1.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn pinball(actual: &[f64], forecast: &[f64], q: f64) -> Result<f64> {
    if !(q > 0.0 && q < 1.0) {
        return Err(Error::parameter("q", q, "in (0, 1)"));
    }
    let loss = |(y, f): (f64, f64)| {
        let error = y - f;
        (q * error).max((q - 1.0) * error)
    };
    mean("the pinball loss", present(actual, forecast)?.map(loss))
}

/// The continuous ranked probability score from quantiles: twice the mean of their pinball losses, in
/// the unit of the series. With evenly spaced quantiles it tends to the score of the distribution as
/// they grow in number; of the median alone it is the mean absolute error.
///
/// - `quantiles`: at least one, each in (0, 1), strictly increasing.
/// - `forecasts`: one of each quantile, as in [`pinball`].
///
/// # Errors
/// As [`pinball`], and when the quantiles do not increase or there is not one forecast for each.
///
/// Source: Gneiting & Raftery 2007, <https://doi.org/10.1198/016214506000001437>.
///
/// ```
/// use bongsu_forecast::accuracy::crps_quantiles;
/// let forecasts: [&[f64]; 3] = [&[1.0], &[2.0], &[3.0]];
/// assert_eq!(crps_quantiles(&[2.0], &[0.25, 0.5, 0.75], &forecasts)?, 1.0 / 3.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn crps_quantiles(actual: &[f64], quantiles: &[f64], forecasts: &[&[f64]]) -> Result<f64> {
    if quantiles.is_empty() {
        return Err(Error::parameter("quantiles", "empty", "at least one"));
    }
    if forecasts.len() != quantiles.len() {
        let what = "number of forecasts of quantiles";
        return Err(Error::shape(what, forecasts.len(), quantiles.len()));
    }
    if let Some(pair) = quantiles
        .windows(2)
        .find(|pair| pair.first() >= pair.last())
    {
        return Err(Error::parameter(
            "quantiles",
            format!("{pair:?}"),
            "strictly increasing",
        ));
    }
    let mut sum = 0.0;
    for (&q, forecast) in quantiles.iter().zip(forecasts) {
        sum += pinball(actual, forecast, q)?;
    }
    Ok(2.0 * sum / quantiles.len() as f64)
}

/// The continuous ranked probability score of normal forecasts, `mean s (z (2 P(z) - 1) + 2 p(z) -
/// 1/sqrt(pi))` with `z = (y - m) / s`, in the unit of the series; `|y - m|` where `s` is 0.
///
/// - `means`, `deviations`: of the normals, one a value of `actual`, finite, deviations at least 0.
///
/// # Errors
/// As [`super::mae`], and when a deviation is below 0.
///
/// Source: Gneiting & Raftery 2007, <https://doi.org/10.1198/016214506000001437>, equation 21.
///
/// ```
/// use bongsu_forecast::accuracy::crps_normal;
/// assert!((crps_normal(&[0.0], &[0.0], &[1.0])? - 0.233_695).abs() < 1e-6);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn crps_normal(actual: &[f64], means: &[f64], deviations: &[f64]) -> Result<f64> {
    check_forecast("deviation", actual, deviations)?;
    if let Some(&deviation) = deviations.iter().find(|&&deviation| deviation < 0.0) {
        return Err(Error::parameter("deviations", deviation, "at least 0"));
    }
    check_forecast("mean", actual, means)?;
    check_actual(actual)?;
    let rows = actual.iter().zip(means).zip(deviations);
    let rows = rows.filter(|((y, _), _)| !y.is_nan());
    let score = |((&y, &m), &s): ((&f64, &f64), &f64)| {
        let error = (y - m).abs();
        let z = error / s;
        // Far out (or without a spread) the score is the error less the constant part; the tail is 0.
        if s == 0.0 || z > 1e8 {
            return error - s / std::f64::consts::PI.sqrt();
        }
        let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
        let central = 1.0 - 2.0 * normal_sf(z);
        s * (z * central + 2.0 * density - 1.0 / std::f64::consts::PI.sqrt())
    };
    mean("the ranked probability score", rows.map(score))
}

/// The present values, each with its bounds.
fn bounded<'a>(
    actual: &'a [f64],
    lower: &'a [f64],
    upper: &'a [f64],
) -> Result<impl Iterator<Item = (f64, f64, f64)> + 'a> {
    check_actual(actual)?;
    check_forecast("lower bound", actual, lower)?;
    check_forecast("upper bound", actual, upper)?;
    if let Some(row) = lower.iter().zip(upper).position(|(low, high)| low > high) {
        return Err(Error::input(format!(
            "the lower bound in row {row} is above the upper one"
        )));
    }
    let rows = actual.iter().zip(lower).zip(upper);
    let rows = rows.map(|((&y, &low), &high)| (y, low, high));
    Ok(rows.filter(|(y, _, _)| !y.is_nan()))
}

/// The share of values inside their interval, bounds included, in [0, 1].
///
/// - `actual`: what happened; NaN where it is missing.
/// - `lower`, `upper`: the bounds, as many finite values.
///
/// # Errors
/// As [`super::mae`], and when a lower bound is above its upper one.
///
/// ```
/// use bongsu_forecast::accuracy::coverage;
/// assert_eq!(coverage(&[1.0, 5.0], &[0.0, 0.0], &[1.0, 4.0])?, 0.5);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn coverage(actual: &[f64], lower: &[f64], upper: &[f64]) -> Result<f64> {
    let inside = |(y, low, high)| f64::from((low..=high).contains(&y));
    mean("the coverage", bounded(actual, lower, upper)?.map(inside))
}

/// The interval score of Winkler: the mean width, and `2 / (1 - level)` times how far outside a value
/// lies, in the unit of the series; lower is better.
///
/// - `actual`, `lower`, `upper`: as in [`coverage`].
/// - `level`: the coverage of the interval, domain (0, 1).
///
/// # Errors
/// As [`coverage`], and when the level is outside its domain.
///
/// Source: Winkler 1972, <https://doi.org/10.1080/01621459.1972.10481224>.
///
/// ```
/// use bongsu_forecast::accuracy::winkler;
/// assert!((winkler(&[5.0], &[0.0], &[4.0], 0.9)? - 24.0).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn winkler(actual: &[f64], lower: &[f64], upper: &[f64], level: f64) -> Result<f64> {
    let price = 2.0 / (1.0 - check::level(level)?);
    let score = |(y, low, high): (f64, f64, f64)| {
        let outside = (low - y).max(y - high).max(0.0);
        (high - low) + price * outside
    };
    let scores = bounded(actual, lower, upper)?.map(score);
    mean("the interval score", scores)
}
