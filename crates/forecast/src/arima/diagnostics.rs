//! Tests of what a fitted model has left unexplained.

use bongsu_core::Result;
use bongsu_stats::hypothesis::{JarqueBera, LjungBox, jarque_bera, ljung_box};

use super::FittedArima;

/// Tests of the residuals of a fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics {
    /// Whether they are independent, for each number of lags from 1.
    pub ljung_box: Vec<LjungBox>,
    /// Whether they are normal.
    pub jarque_bera: JarqueBera,
}

impl FittedArima {
    /// Tests whether the residuals are independent, up to `lags`, and normal; those that are missing
    /// or that differencing takes are left out.
    ///
    /// The degrees of freedom are fewer by the number of coefficients of lags.
    ///
    /// # Errors
    /// When `lags` is not below the number of residuals, or they are all equal.
    ///
    /// Source: [`ljung_box`], [`jarque_bera`].
    pub fn diagnostics(&self, lags: usize) -> Result<Diagnostics> {
        let residuals = self.residuals().iter().copied();
        let present: Vec<f64> = residuals.filter(|r| !r.is_nan()).collect();
        Ok(Diagnostics {
            ljung_box: ljung_box(&present, lags, self.orders().coefficients())?,
            jarque_bera: jarque_bera(&present)?,
        })
    }
}
