//! Checks that every method shares; messages name the parameter, its value and its domain.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result};

/// A table to fit `what` on: at least `least` rows, at least one column, every value finite.
pub(crate) fn table(what: &str, x: &ArrayView2<'_, f64>, least: usize) -> Result<()> {
    if x.ncols() == 0 {
        return Err(Error::input(format!("{what} needs at least one column")));
    }
    if x.nrows() < least {
        return Err(Error::not_enough_data(what, least, x.nrows()));
    }
    finite(x)
}

/// Every value is finite, or the error names row and column.
pub(crate) fn finite(x: &ArrayView2<'_, f64>) -> Result<()> {
    match x.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), &value)) => Err(Error::non_finite(
            format!("the value in row {row}, column {column}"),
            value,
        )),
        None => Ok(()),
    }
}

/// The table and the output of a scoring fit the `features` that were fitted.
pub(crate) fn scoring(x: &ArrayView2<'_, f64>, out: &[f64], features: usize) -> Result<()> {
    if x.ncols() != features {
        return Err(Error::shape("number of features", x.ncols(), features));
    }
    if out.len() != x.nrows() {
        return Err(Error::shape("length of the output", out.len(), x.nrows()));
    }
    finite(x)
}

/// A row to explain has the `features` that were fitted, all finite.
pub(crate) fn row(x: &[f64], features: usize) -> Result<()> {
    if x.len() != features {
        return Err(Error::shape("number of features", x.len(), features));
    }
    match x.iter().position(|value| !value.is_finite()) {
        Some(column) => Err(Error::non_finite(
            format!("the value in column {column}"),
            x.get(column).copied().unwrap_or(f64::NAN),
        )),
        None => Ok(()),
    }
}

/// The share of rows taken as anomalous, in (0, 0.5].
pub(crate) fn contamination(share: f64) -> Result<f64> {
    if share > 0.0 && share <= 0.5 {
        Ok(share)
    } else {
        Err(Error::parameter("contamination", share, "in (0, 0.5]"))
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

/// A finite number above 0.
pub(crate) fn positive(name: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "finite and above 0"))
    }
}
