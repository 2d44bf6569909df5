//! How good forecasts are: measures of error of means, of quantiles and of intervals.
//!
//! Every function takes what happened and what was forecast, one value a moment. A NaN in what
//! happened is a missing value, and that moment is left out; a NaN or an infinity in a forecast is an
//! error, and so is a result beyond the range of floats: no measure is silently NaN. A measure whose
//! denominator is 0 does not exist and is `None`.
//!
//! | measure | unit | for |
//! |---|---|---|
//! | [`mae`], [`rmse`], [`mse`] | of the series (squared) | one series |
//! | [`mape`], [`smape`] | percent | series above 0, of several scales |
//! | [`mase`], [`rmsse`], [`owa`] | errors of a naive forecast | any series, of several scales |
//! | [`pinball`], [`crps_quantiles`], [`crps_normal`] | of the series | whole distributions |
//! | [`coverage`], [`winkler`] | share, of the series | intervals |
//!
//! Results equal those of utilsforecast 0.2.17 where it has the measure (percentages are fractions
//! there, and its sMAPE half of that of the M competitions, which is meant here).

mod distribution;
mod summary;

use bongsu_core::{Error, Result};

pub use distribution::{coverage, crps_normal, crps_quantiles, pinball, winkler};
pub(crate) use summary::Bounds;
pub use summary::{Accuracy, IntervalAccuracy};

/// The present values of what happened, each with its forecast.
fn present<'a>(
    actual: &'a [f64],
    forecast: &'a [f64],
) -> Result<impl Iterator<Item = (f64, f64)> + Clone + 'a> {
    check_forecast("forecast", actual, forecast)?;
    check_actual(actual)?;
    let pairs = actual.iter().copied().zip(forecast.iter().copied());
    Ok(pairs.filter(|(actual, _)| !actual.is_nan()))
}

/// What happened is finite where it is present, and somewhere it is.
fn check_actual(actual: &[f64]) -> Result<()> {
    crate::check::no_infinity(actual)?;
    crate::check::enough("a measure of accuracy", actual, 1).map(drop)
}

/// A forecast has a finite value for each that happened.
fn check_forecast(name: &str, actual: &[f64], forecast: &[f64]) -> Result<()> {
    if forecast.len() != actual.len() {
        let what = format!("number of values of the {name}");
        return Err(Error::shape(what, forecast.len(), actual.len()));
    }
    match forecast.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(Error::non_finite(
            format!("the {name} in row {row}"),
            forecast.get(row).copied().unwrap_or(f64::NAN),
        )),
        None => Ok(()),
    }
}

/// The mean, or an error when it is beyond the range of floats.
fn mean(what: &str, values: impl Iterator<Item = f64>) -> Result<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    let mean = sum / count;
    if mean.is_finite() {
        Ok(mean)
    } else {
        Err(Error::non_finite(what, mean))
    }
}

/// The mean absolute error, `mean |y - f|`, in the unit of the series.
///
/// - `actual`: what happened; NaN where it is missing.
/// - `forecast`: as many finite values.
///
/// # Errors
/// When lengths differ, no value is present, a forecast is not finite, a value is infinite, or the
/// result is beyond the range of floats. Every measure of this module has these errors.
///
/// ```
/// use bongsu_forecast::accuracy::mae;
/// assert_eq!(mae(&[1.0, f64::NAN, 3.0], &[2.0, 2.0, 5.0])?, 1.5);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn mae(actual: &[f64], forecast: &[f64]) -> Result<f64> {
    let pairs = present(actual, forecast)?;
    mean("the mean absolute error", pairs.map(|(y, f)| (y - f).abs()))
}

/// The mean squared error, `mean (y - f)²`, in the squared unit of the series.
///
/// # Errors
/// As [`mae`].
///
/// ```
/// use bongsu_forecast::accuracy::mse;
/// assert_eq!(mse(&[1.0, 3.0], &[2.0, 5.0])?, 2.5);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn mse(actual: &[f64], forecast: &[f64]) -> Result<f64> {
    let pairs = present(actual, forecast)?;
    mean(
        "the mean squared error",
        pairs.map(|(y, f)| (y - f) * (y - f)),
    )
}

/// The root of the mean squared error, in the unit of the series.
///
/// # Errors
/// As [`mae`].
///
/// ```
/// use bongsu_forecast::accuracy::rmse;
/// assert_eq!(rmse(&[1.0, 1.0], &[4.0, -2.0])?, 3.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn rmse(actual: &[f64], forecast: &[f64]) -> Result<f64> {
    let errors = present(actual, forecast)?.map(|(y, f)| (y - f).abs());
    root_mean_square("the root of the mean squared error", errors)
}

/// In units of the largest, so that no square overflows or vanishes.
fn root_mean_square(what: &str, values: impl Iterator<Item = f64> + Clone) -> Result<f64> {
    let largest = values.clone().fold(0.0, f64::max);
    if largest == 0.0 {
        return Ok(0.0);
    }
    if largest.is_infinite() {
        return Err(Error::non_finite(what, largest));
    }
    let square = |value: f64| (value / largest) * (value / largest);
    Ok(mean(what, values.map(square))?.sqrt() * largest)
}

/// The mean absolute error in percent of the values, `100 mean |y - f| / |y|`; `None` where a value
/// is 0.
///
/// # Errors
/// As [`mae`].
///
/// ```
/// use bongsu_forecast::accuracy::mape;
/// assert_eq!(mape(&[10.0, 20.0], &[15.0, 10.0])?, Some(50.0));
/// assert_eq!(mape(&[10.0, 0.0], &[11.0, 16.0])?, None);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn mape(actual: &[f64], forecast: &[f64]) -> Result<Option<f64>> {
    let mut pairs = present(actual, forecast)?;
    if pairs.clone().any(|(y, _)| y == 0.0) {
        return Ok(None);
    }
    let what = "the mean absolute percentage error";
    let relative = pairs.by_ref().map(|(y, f)| ((y - f) / y).abs());
    Ok(Some(100.0 * mean(what, relative)?))
}

/// The symmetric mean absolute percentage error of the M competitions, `200 mean |y - f| / (|y| +
/// |f|)`, in percent, in [0, 200]; a moment where both are 0 counts 0.
///
/// # Errors
/// As [`mae`].
///
/// Source: Makridakis 1993, <https://doi.org/10.1016/0169-2070(93)90079-3>.
///
/// ```
/// use bongsu_forecast::accuracy::smape;
/// assert_eq!(smape(&[10.0, 0.0], &[30.0, 0.0])?, 50.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn smape(actual: &[f64], forecast: &[f64]) -> Result<f64> {
    let term = |(y, f): (f64, f64)| {
        // Halves, so that the sum of two large magnitudes stays finite.
        let size = 0.5 * y.abs() + 0.5 * f.abs();
        if y == f {
            0.0
        } else {
            (0.5 * y - 0.5 * f).abs() / size
        }
    };
    let what = "the symmetric mean absolute percentage error";
    Ok(200.0 * mean(what, present(actual, forecast)?.map(term))?)
}

/// The steps of the seasonal naive forecast inside `history`.
fn naive_steps(history: &[f64], period: usize) -> Result<impl Iterator<Item = f64> + Clone + '_> {
    if period == 0 {
        return Err(Error::parameter("period", period, "at least 1"));
    }
    let pairs = history.iter().zip(history.iter().skip(period));
    let steps = pairs.map(|(before, now)| (now - before).abs());
    let steps = steps.filter(|step| !step.is_nan());
    if steps.clone().next().is_none() {
        let needed = period.saturating_add(1);
        let what = "the scale of a seasonal naive forecast";
        return Err(Error::not_enough_data(what, needed, history.len()));
    }
    Ok(steps)
}

/// The mean absolute scaled error, `mean |y - f|` over `mean |x_t - x_(t-m)|` of the history `x`;
/// `None` where the history repeats exactly.
///
/// - `actual`, `forecast`: as in [`mae`].
/// - `history`: what the model was fitted to, oldest first; NaN where it is missing.
/// - `period`: `m`, the points of a season; 1 for none.
///
/// # Errors
/// As [`mae`], and when `period` is 0 or the history has no two values that far apart.
///
/// Source: Hyndman & Koehler 2006, <https://doi.org/10.1016/j.ijforecast.2006.03.001>.
///
/// ```
/// use bongsu_forecast::accuracy::mase;
/// assert_eq!(mase(&[9.0], &[6.0], &[1.0, 3.0, 5.0], 1)?, Some(1.5));
/// assert_eq!(mase(&[9.0], &[6.0], &[1.0, 1.0, 1.0], 1)?, None);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn mase(
    actual: &[f64],
    forecast: &[f64],
    history: &[f64],
    period: usize,
) -> Result<Option<f64>> {
    let error = mae(actual, forecast)?;
    let steps = naive_steps(history, period)?;
    ratio(
        "the mean absolute scaled error",
        error,
        mean("the mean step of the history", steps)?,
    )
}

/// The root mean squared scaled error: [`rmse`] over the root of `mean (x_t - x_(t-m))²` of the
/// history; `None` where the history repeats exactly.
///
/// Parameters as in [`mase`].
///
/// # Errors
/// As [`mase`].
///
/// Source: Makridakis, Spiliotis & Assimakopoulos 2022,
/// <https://doi.org/10.1016/j.ijforecast.2021.11.013>.
///
/// ```
/// use bongsu_forecast::accuracy::rmsse;
/// assert_eq!(rmsse(&[9.0], &[6.0], &[1.0, 3.0, 5.0], 1)?, Some(1.5));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn rmsse(
    actual: &[f64],
    forecast: &[f64],
    history: &[f64],
    period: usize,
) -> Result<Option<f64>> {
    let error = rmse(actual, forecast)?;
    let steps = naive_steps(history, period)?;
    ratio(
        "the root mean squared scaled error",
        error,
        root_mean_square("the mean step of the history", steps)?,
    )
}

/// `None` over 0.
fn ratio(what: &str, over: f64, under: f64) -> Result<Option<f64>> {
    if under == 0.0 {
        return Ok(None);
    }
    let ratio = over / under;
    if ratio.is_finite() {
        Ok(Some(ratio))
    } else {
        Err(Error::non_finite(what, ratio))
    }
}

/// The overall weighted average of the M4 competition, `(sMAPE / sMAPE of Naive2 + MASE / MASE of
/// Naive2) / 2`; `None` where one of Naive2 is 0.
///
/// - `smape`, `mase`: of the model, means over all series.
/// - `naive_smape`, `naive_mase`: of the reference over the same series.
///
/// # Errors
/// When a number is not finite or below 0.
///
/// Source: Makridakis, Spiliotis & Assimakopoulos 2020,
/// <https://doi.org/10.1016/j.ijforecast.2019.04.014>.
///
/// ```
/// use bongsu_forecast::accuracy::owa;
/// assert_eq!(owa(9.0, 2.0, 10.0, 4.0)?, Some(0.7));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn owa(smape: f64, mase: f64, naive_smape: f64, naive_mase: f64) -> Result<Option<f64>> {
    for (name, value) in [
        ("smape", smape),
        ("mase", mase),
        ("naive_smape", naive_smape),
        ("naive_mase", naive_mase),
    ] {
        if !(value.is_finite() && value >= 0.0) {
            return Err(Error::parameter(name, value, "finite and at least 0"));
        }
    }
    let what = "the overall weighted average";
    let first = ratio(what, smape, naive_smape)?;
    let second = ratio(what, mase, naive_mase)?;
    Ok(first.zip(second).map(|(a, b)| 0.5 * (a + b)))
}
