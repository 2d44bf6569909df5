//! Decomposition of a series into trend, season and residual.
//!
//! | method | season | trend | for |
//! |---|---|---|---|
//! | [`Classical`] | one fixed cycle | moving average over a period | short, regular seasons; a baseline |
//! | [`Stl`] | a cycle that changes slowly | local regression | one season, outliers (robust) |
//! | [`Mstl`] | several cycles that change slowly | local regression | a day within a week |

mod classical;
mod loess;
mod mstl;
mod scaling;
mod stl;

use bongsu_core::{Error, Result};

pub(crate) use classical::extrapolate;
pub use classical::{Classical, Extrapolation, Model};
pub use mstl::{BoxCox, Mstl, MultiDecomposition};
pub use stl::Stl;

/// A series taken apart.
///
/// Additive parts sum to the series: `seasonal + trend + residual`; multiplicative ones (only of
/// [`Classical`]) give it as their product.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Decomposition {
    /// What repeats from cycle to cycle, one number a row.
    pub seasonal: Vec<f64>,
    /// The slow part, one number a row; NaN where a method without extrapolation has none.
    pub trend: Vec<f64>,
    /// What is left, one number a row; NaN where the trend is.
    pub residual: Vec<f64>,
    /// How much each row counted in the last pass of a robust fit, in [0, 1]; 1 otherwise.
    pub weights: Vec<f64>,
}

/// A period that fits twice into `n` rows.
fn check_cycles(what: &str, period: usize, n: usize) -> Result<()> {
    match period.checked_mul(2) {
        Some(needed) if needed <= n => Ok(()),
        _ => Err(Error::not_enough_data(
            format!("{what} with a period of {period} (two whole cycles)"),
            period.saturating_mul(2),
            n,
        )),
    }
}

/// A period in points, at least 2.
pub(crate) fn check_period(points: usize) -> Result<usize> {
    if points >= 2 {
        Ok(points)
    } else {
        Err(Error::parameter(
            "period",
            points,
            "a number of points of at least 2",
        ))
    }
}
