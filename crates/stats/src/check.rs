//! Checks that every detector shares; messages name the parameter, its value and its domain.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result};

/// The longest window: 2^20 points, 8 MiB of values.
const MAX_WINDOW: usize = 1 << 20;

/// A window length in [`least`, 1048576].
pub(crate) fn window(name: &str, points: usize, least: usize) -> Result<usize> {
    if (least..=MAX_WINDOW).contains(&points) {
        Ok(points)
    } else {
        Err(Error::parameter(
            name,
            points,
            format!("a number of points in [{least}, {MAX_WINDOW}]"),
        ))
    }
}

/// A finite number above 0.
pub(crate) fn positive(name: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "finite and above 0"))
    }
}

/// A finite number of at least 0.
pub(crate) fn non_negative(name: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "finite and at least 0"))
    }
}

/// The single finite feature of a point.
pub(crate) fn single(x: &[f64]) -> Result<f64> {
    match *x {
        [value] if value.is_finite() => Ok(value),
        [value] => Err(Error::non_finite("the value", value)),
        _ => Err(Error::shape("number of features", x.len(), 1)),
    }
}

/// The finite values of a table with one column.
pub(crate) fn column(x: &ArrayView2<'_, f64>) -> Result<Vec<f64>> {
    if x.ncols() != 1 {
        return Err(Error::shape("number of columns", x.ncols(), 1));
    }
    let values: Vec<f64> = x.iter().copied().collect();
    finite_rows(&values)?;
    Ok(values)
}

/// Every value is finite, or the error names the row.
pub(crate) fn finite_rows(values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(Error::non_finite(
            format!("the value in row {row}"),
            values.get(row).copied().unwrap_or(f64::NAN),
        )),
        None => Ok(()),
    }
}

/// No value is infinite (NaN marks a missing one), or the error names the row.
pub(crate) fn no_infinity(values: &[f64]) -> Result<()> {
    match values.iter().position(|value| value.is_infinite()) {
        Some(row) => Err(Error::non_finite(
            format!("the value in row {row}"),
            values.get(row).copied().unwrap_or(f64::INFINITY),
        )),
        None => Ok(()),
    }
}

/// Scores each row of a one-column table with `score`.
pub(crate) fn score_rows(
    x: &ArrayView2<'_, f64>,
    out: &mut [f64],
    score: impl Fn(f64) -> f64,
) -> Result<()> {
    if x.ncols() != 1 {
        return Err(Error::shape("number of columns", x.ncols(), 1));
    }
    if out.len() != x.nrows() {
        return Err(Error::shape("length of the output", out.len(), x.nrows()));
    }
    for (row, (slot, &value)) in out.iter_mut().zip(x.iter()).enumerate() {
        if !value.is_finite() {
            return Err(Error::non_finite(format!("the value in row {row}"), value));
        }
        *slot = score(value);
    }
    Ok(())
}

/// `deviation / scale` where nothing over nothing is as expected, and anything over nothing is
/// beyond every bound. Both are at least 0.
pub(crate) fn ratio(deviation: f64, scale: f64) -> f64 {
    if deviation == 0.0 {
        0.0
    } else {
        deviation / scale
    }
}

/// A scale that is no smaller than the rounding of values up to `largest`: residuals of a metric
/// that is met exactly are rounding alone, and must not be judged.
pub(crate) fn floored(scale: f64, largest: f64) -> f64 {
    scale.max(1e-10 * largest)
}
