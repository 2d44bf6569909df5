//! Checks that every model shares; messages name the parameter, its value and its domain.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, ForecastRequest, Result};

/// The coverage of an interval, in (0, 1).
pub(crate) fn level(value: f64) -> Result<f64> {
    if value > 0.0 && value < 1.0 {
        Ok(value)
    } else {
        Err(Error::parameter("level", value, "in (0, 1)"))
    }
}

/// The coverages of all wanted intervals, each in (0, 1).
pub(crate) fn levels(values: &[f64]) -> Result<()> {
    values.iter().try_for_each(|&value| level(value).map(drop))
}

/// Every present value is finite (NaN marks a missing one), or the error names the row, counted from 1.
pub(crate) fn no_infinity(values: &[f64]) -> Result<()> {
    match values.iter().position(|value| value.is_infinite()) {
        Some(row) => Err(Error::non_finite(
            format!("the value in row {}", row + 1),
            values.get(row).copied().unwrap_or(f64::INFINITY),
        )),
        None => Ok(()),
    }
}

/// The largest magnitude of a value of a series that a model takes: squares of such values, and their
/// sums over the longest series, are finite.
pub const LARGEST: f64 = 1e150;

/// Every present value (NaN marks a missing one) is at most [`LARGEST`] in magnitude, or the error names
/// the first that is not, and its row.
pub(crate) fn series(values: &[f64]) -> Result<()> {
    no_infinity(values)?;
    let mut rows = values.iter().enumerate();
    match rows.find(|(_, value)| value.abs() > LARGEST) {
        Some((row, value)) => Err(Error::input(format!(
            "the value in row {} is {value:e}, but must be at most {LARGEST:e} in magnitude",
            row + 1
        ))),
        None => Ok(()),
    }
}

/// `value`, at most [`LARGEST`] in magnitude; NaN stays NaN.
pub(crate) const fn bounded(value: f64) -> f64 {
    value.clamp(-LARGEST, LARGEST)
}

/// The number of values that are not missing, of which `model` needs `needed`.
pub(crate) fn enough(model: &str, values: &[f64], needed: usize) -> Result<usize> {
    let present = values.iter().filter(|value| !value.is_nan()).count();
    if present < needed {
        Err(Error::not_enough_data(model, needed, present))
    } else {
        Ok(present)
    }
}

/// A whole number in [`least`, `most`].
pub(crate) fn count(name: &str, value: usize, least: usize, most: usize) -> Result<usize> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(Error::parameter(
            name,
            value,
            format!("in [{least}, {most}]"),
        ))
    }
}

/// Every regressor is finite, or the error names its column, by `names` where there is one, and row.
pub(crate) fn regressors(x: &ArrayView2<'_, f64>, names: &[String]) -> Result<()> {
    for ((row, column), &value) in x.indexed_iter() {
        if !value.is_finite() {
            let name = names.get(column).map_or_else(
                || format!("regressor {column}"),
                |name| format!("the regressor `{name}`"),
            );
            let place = format!("{name} in row {}", row + 1);
            return Err(Error::non_finite(place, value));
        }
    }
    Ok(())
}

/// No regressors are given, for models that have none.
pub(crate) fn no_regressors(request: &ForecastRequest<'_>) -> Result<()> {
    match &request.regressors {
        Some(x) => Err(Error::unsupported(format!(
            "this model has no regressors, but the request brings {}",
            x.ncols()
        ))),
        None => Ok(()),
    }
}
