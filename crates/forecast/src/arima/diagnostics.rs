//! Tests of what a fitted model has left unexplained.

use bongsu_core::Result;
use bongsu_stats::hypothesis::{
    BreakVariance, JarqueBera, LjungBox, break_variance, jarque_bera, ljung_box,
};

use super::FittedArima;

/// Tests of the residuals of a fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics {
    /// Whether they are independent, for each number of lags from 1.
    pub ljung_box: Vec<LjungBox>,
    /// Whether they are normal.
    pub jarque_bera: JarqueBera,
    /// Whether their variance is the same at the start and at the end (heteroskedasticity).
    pub break_variance: BreakVariance,
}

impl FittedArima {
    /// Tests whether the standardised residuals are independent, up to `lags`, normal, and of one
    /// variance; those that are missing or that differencing takes are left out.
    ///
    /// The degrees of freedom of [`ljung_box`] are fewer by the number of coefficients of lags.
    ///
    /// # Errors
    /// When `lags` is not below the number of residuals, they are all equal, or there are fewer than 2
    /// in the first or the last third.
    ///
    /// Cost: a pass of the filter.
    ///
    /// Source: [`ljung_box`], [`jarque_bera`], [`break_variance`]; statsmodels 0.15
    /// `test_serial_correlation`, `test_normality` and `test_heteroskedasticity` (two-sided).
    pub fn diagnostics(&self, lags: usize) -> Result<Diagnostics> {
        let residuals = self.standardized_residuals()?;
        let steps = residuals.get(self.orders().burn()..).unwrap_or_default();
        let present: Vec<f64> = steps.iter().copied().filter(|r| !r.is_nan()).collect();
        Ok(Diagnostics {
            ljung_box: ljung_box(&present, lags, self.orders().coefficients())?,
            jarque_bera: jarque_bera(&present)?,
            break_variance: break_variance(steps)?,
        })
    }
}
