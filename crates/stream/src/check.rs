//! Checks that every method shares; messages name the parameter, its value and its domain.

use bongsu_core::{Error, Result};

/// The largest magnitude of a value whose squares are summed: sums of 2^53 of them stay finite.
const MAX_MAGNITUDE: f64 = 1e100;

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

/// A finite number of at least 0.
pub(crate) fn non_negative(name: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "finite and at least 0"))
    }
}

/// A finite number of at least 1.
pub(crate) fn at_least_one(name: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 1.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "finite and at least 1"))
    }
}

/// A number in (0, 1).
pub(crate) fn open_unit(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value < 1.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "in (0, 1)"))
    }
}

/// A number in (0, 1].
pub(crate) fn half_open_unit(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value <= 1.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "in (0, 1]"))
    }
}

/// A finite value.
pub(crate) fn finite(x: f64) -> Result<f64> {
    if x.is_finite() {
        Ok(x)
    } else {
        Err(Error::non_finite("the value", x))
    }
}

/// A value whose squares can be summed.
pub(crate) fn summable(x: f64) -> Result<f64> {
    if x.abs() <= MAX_MAGNITUDE {
        Ok(x)
    } else {
        finite(x)?;
        Err(Error::input(format!(
            "the value is {x:e}, but must be in [-{MAX_MAGNITUDE:e}, {MAX_MAGNITUDE:e}]"
        )))
    }
}

/// A value in [0, 1], such as an error or a loss that is bounded.
pub(crate) fn fraction(x: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&x) {
        Ok(x)
    } else {
        finite(x)?;
        Err(Error::input(format!(
            "the value is {x}, but must be in [0, 1]"
        )))
    }
}

/// Whether a value that is 0 or 1 is 1.
pub(crate) fn bit(x: f64) -> Result<bool> {
    if x == 0.0 || x == 1.0 {
        Ok(x > 0.5)
    } else {
        finite(x)?;
        Err(Error::input(format!(
            "the value is {x}, but must be 0 or 1"
        )))
    }
}

/// What a saved state promises; `message` says what is broken.
pub(crate) fn saved(holds: bool, message: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::snapshot(message))
    }
}

/// A point to judge has `features` finite values.
pub(crate) fn point(x: &[f64], features: usize) -> Result<()> {
    if x.len() != features {
        return Err(Error::shape("number of features", x.len(), features));
    }
    match x.iter().position(|value| !value.is_finite()) {
        Some(feature) => Err(Error::non_finite(
            format!("the value of feature {feature}"),
            x.get(feature).copied().unwrap_or(f64::NAN),
        )),
        None => Ok(()),
    }
}

/// The single finite feature of a point.
pub(crate) fn single(x: &[f64]) -> Result<f64> {
    point(x, 1)?;
    Ok(x.first().copied().unwrap_or_default())
}

/// A number of points in [`least`, `most`].
pub(crate) fn points(name: &str, value: u32, least: u32, most: u32) -> Result<u32> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        let domain = format!("a number of points in [{least}, {most}]");
        Err(Error::parameter(name, value, domain))
    }
}

/// A half-life in points in [1, 1000000].
pub(crate) fn half_life(name: &str, points: f64) -> Result<f64> {
    if (1.0..=1e6).contains(&points) {
        Ok(points)
    } else {
        Err(Error::parameter(name, points, "in [1, 1000000] points"))
    }
}
