use std::fmt;
use std::str::FromStr;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How alike two rows `a` and `b` are.
///
/// | kernel | formula |
/// |---|---|
/// | `rbf` | `exp(-gamma |a - b|^2)` |
/// | `linear` | `a . b` |
/// | `poly` | `(gamma a . b + coef0)^degree` |
/// | `sigmoid` | `tanh(gamma a . b + coef0)` |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// Gaussian: local, the only one here that encloses the data from every side.
    #[default]
    Rbf,
    /// A plane that separates the data from the origin.
    Linear,
    /// A polynomial surface.
    Poly,
    /// Not positive definite: the solution may be one of several.
    Sigmoid,
}

impl Kernel {
    const ALL: [Self; 4] = [Self::Rbf, Self::Linear, Self::Poly, Self::Sigmoid];

    /// The word used in configuration: `rbf`, `linear`, `poly` or `sigmoid`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rbf => "rbf",
            Self::Linear => "linear",
            Self::Poly => "poly",
            Self::Sigmoid => "sigmoid",
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kernel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kernel| kernel.as_str() == text);
        let domain = "rbf, linear, poly or sigmoid";
        found.ok_or_else(|| Error::parameter("kernel", format!("`{text}`"), domain))
    }
}

/// The factor `gamma` of a [`Kernel`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gamma {
    /// `1 / (d v)` with `d` columns and `v` the variance of all values of the table; 1 when that
    /// is 0.
    #[default]
    Scale,
    /// `1 / d`.
    Auto,
    /// A number; finite and above 0.
    Value(f64),
}

impl Gamma {
    pub(super) fn validate(self) -> Result<Self> {
        if let Self::Value(gamma) = self {
            crate::check::positive("gamma", gamma)?;
        }
        Ok(self)
    }

    /// The number for the table `x`, finite and above 0.
    pub(super) fn resolve(self, x: &ArrayView2<'_, f64>) -> Result<f64> {
        let features = x.ncols() as f64;
        match self {
            Self::Value(gamma) => Ok(gamma),
            Self::Auto => Ok(1.0 / features),
            Self::Scale => {
                let variance = variance(x);
                if !variance.is_finite() {
                    return Err(Error::input(
                        "the columns vary too much for their squares to be floats; scale them first",
                    ));
                }
                let gamma = if variance == 0.0 {
                    1.0
                } else {
                    1.0 / (features * variance)
                };
                Ok(gamma.clamp(f64::MIN_POSITIVE, f64::MAX))
            }
        }
    }
}

impl fmt::Display for Gamma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale => f.write_str("scale"),
            Self::Auto => f.write_str("auto"),
            Self::Value(gamma) => gamma.fmt(f),
        }
    }
}

impl FromStr for Gamma {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "scale" => Ok(Self::Scale),
            "auto" => Ok(Self::Auto),
            _ => text
                .parse()
                .ok()
                .and_then(|gamma| Self::Value(gamma).validate().ok())
                .ok_or_else(|| {
                    let domain = "scale, auto or a number above 0";
                    Error::parameter("gamma", format!("`{text}`"), domain)
                }),
        }
    }
}

/// The variance of all values, from deviations from the first one: an offset costs no digits.
fn variance(x: &ArrayView2<'_, f64>) -> f64 {
    let n = x.len() as f64;
    let shift = x.iter().next().copied().unwrap_or(0.0);
    let mean = x.iter().map(|v| v - shift).sum::<f64>() / n;
    let (mut rest, mut squares) = (0.0, 0.0);
    for v in x {
        let deviation = (v - shift) - mean;
        rest += deviation;
        squares += deviation * deviation;
    }
    (squares - rest * rest / n) / n
}
