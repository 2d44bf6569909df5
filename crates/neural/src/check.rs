//! Checks that every detector shares; messages name the parameter, its value and its domain.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result};

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

/// A row has the `features` that were fitted, all finite.
pub(crate) fn row(x: &[f64], features: usize) -> Result<()> {
    if x.len() != features {
        return Err(Error::shape("number of features", x.len(), features));
    }
    match x.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((column, &value)) => Err(Error::non_finite(
            format!("the value in column {column}"),
            value,
        )),
        None => Ok(()),
    }
}

/// A whole number in [`least`, `most`].
pub(crate) fn count(name: &str, value: usize, least: usize, most: usize) -> Result<usize> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        let domain = format!("in [{least}, {most}]");
        Err(Error::parameter(name, value, domain))
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

/// A share in [0, 1).
pub(crate) fn share(name: &str, value: f64) -> Result<f64> {
    if (0.0..1.0).contains(&value) {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "in [0, 1)"))
    }
}
