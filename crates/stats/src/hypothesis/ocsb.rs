use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::regression::{Regression, dot};
use super::{scaled, series};
use crate::check;

/// How many lags of the differenced series the regression of [`ocsb`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OcsbLags {
    /// This number.
    Fixed(usize),
    /// As many as give the smallest information criterion of Akaike, from 0 to this number, compared
    /// on the same observations.
    Aic(usize),
}

/// The result of [`ocsb`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OcsbTest {
    /// The t-value of the seasonally lagged difference.
    pub statistic: f64,
    /// What the statistic is below with probability 0.05 where there is a seasonal unit root.
    pub critical_value: f64,
    /// The number of lags.
    pub lags: usize,
}

impl OcsbTest {
    /// Whether a seasonal unit root could not be excluded at 5 %: the series asks for a seasonal
    /// difference.
    #[must_use]
    pub fn has_unit_root(&self) -> bool {
        self.statistic > self.critical_value
    }
}

/// The test of Osborn, Chui, Smith and Birchenhall: whether a series has a seasonal unit root, so that
/// its season wanders like a random walk.
///
/// With `w_t = (1 - B)(1 - B^s) y_t` and the coefficients of its autoregression
/// `w_t = c + sum_(i=1..k) a_i w_(t-i)`, the statistic is the t-value of `b` in
///
/// `w_t = sum_i d_i w_(t-i) + a (L z)_(t-1) + b (L x)_(t-s)`, `z = (1 - B^s) y`, `x = (1 - B) y`
///
/// where `(L u)_t = u_t - c - sum_i a_i u_(t-i)`.
///
/// - `values`: consecutive, finite, not all equal, at least `2 s + 2 k + 5` of them.
/// - `period`: the season `s` in steps, at least 2.
/// - `lags`: how the number of lags `k` is chosen; 3 by AIC at most is usual.
///
/// # Errors
/// When a parameter is outside its domain, there are too few values, one is not finite, or the
/// regression leaves no noise.
///
/// Cost: O(n k^2) time for each number of lags tried, a few copies of the values.
///
/// Source: Osborn, Chui, Smith & Birchenhall 1988,
/// <https://doi.org/10.1111/j.1468-0084.1988.mp50004002.x>; the smoothed critical values of R's
/// package forecast 8, `ocsb.test`.
///
/// ```
/// use bongsu_stats::hypothesis::{OcsbLags, ocsb};
/// let mut state = 1_u32;
/// let mut noise = || {
///     state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
///     f64::from(state >> 8) / 16_777_216.0
/// };
/// let stable: Vec<f64> = (0..120).map(|_| noise()).collect();
/// let mut wandering = stable.clone();
/// for i in 4..120 {
///     wandering[i] += wandering[i - 4] - 0.5;
/// }
/// assert!(!ocsb(&stable, 4, OcsbLags::Aic(3))?.has_unit_root());
/// assert!(ocsb(&wandering, 4, OcsbLags::Aic(3))?.has_unit_root());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn ocsb(values: &[f64], period: usize, lags: OcsbLags) -> Result<OcsbTest> {
    check::window("period", period, 2)?;
    let (OcsbLags::Fixed(most) | OcsbLags::Aic(most)) = lags;
    let needed = period
        .saturating_add(most)
        .saturating_mul(2)
        .saturating_add(5);
    series("the test of seasonal unit roots", values, needed)?;
    let (values, _) = scaled(values);
    let lags = match lags {
        OcsbLags::Fixed(lags) => lags,
        OcsbLags::Aic(most) => {
            let mut best = (f64::INFINITY, 0);
            for lags in 0..=most {
                if let Some((_, criterion)) = regress(&values, period, lags, most)
                    && criterion < best.0
                {
                    best = (criterion, lags);
                }
            }
            best.1
        }
    };
    let (statistic, _) = regress(&values, period, lags, lags).ok_or_else(|| {
        Error::input(
            "the test of seasonal unit roots needs values that the regression leaves noise of",
        )
    })?;
    let log = (period as f64).ln() - 0.765_645_1;
    let decay = -0.285_085_3 * log - 0.059_836_44 * log * log;
    Ok(OcsbTest {
        statistic,
        critical_value: -0.293_741_1 * decay.exp() - 1.652_202,
        lags,
    })
}

/// The t-value of the seasonally lagged difference and the criterion of Akaike of the regression with
/// `lags` lags, on the observations that have `most` lags before.
fn regress(values: &[f64], period: usize, lags: usize, most: usize) -> Option<(f64, f64)> {
    let difference = |x: &[f64], lag: usize| -> Vec<f64> {
        x.iter().skip(lag).zip(x).map(|(b, a)| b - a).collect()
    };
    let seasonal = difference(values, period);
    let plain = difference(values, 1);
    let both = difference(&seasonal, 1);
    let count = both.len().checked_sub(most)?;
    // Of a series that ends with the values, the part `lag` before the observations.
    let part = |x: &[f64], lag: usize| -> Vec<f64> {
        let end = x.len() - lag;
        x.get(end - count..end).unwrap_or_default().to_vec()
    };
    let own: Vec<Vec<f64>> = (1..=lags).map(|lag| part(&both, lag)).collect();
    let (constant, coefficients) = autoregression(&part(&both, 0), &own)?;
    let filtered = |x: &[f64], at: usize| -> Vec<f64> {
        let mut out = part(x, at);
        for (lag, a) in coefficients.iter().enumerate() {
            for (slot, earlier) in out.iter_mut().zip(part(x, at + lag + 1)) {
                *slot -= a * earlier;
            }
        }
        out.iter_mut().for_each(|slot| *slot -= constant);
        out
    };
    let mut regression = Regression::new(part(&both, 0));
    for column in own {
        regression.add(column);
    }
    regression.add(filtered(&seasonal, 1));
    let step = regression.add(filtered(&plain, period));
    if step.exhausted || step.rank < lags + 2 || count <= step.rank {
        return None;
    }
    let size = count as f64;
    let criterion = size * (step.rest / size).ln() + 2.0 * step.rank as f64;
    (step.t.is_finite() && criterion.is_finite()).then_some((step.t, criterion))
}

/// The constant and the coefficients of the regression on `columns`.
fn autoregression(response: &[f64], columns: &[Vec<f64>]) -> Option<(f64, Vec<f64>)> {
    let n = response.len() as f64;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
    let centered = |x: &[f64]| -> Vec<f64> {
        let mean = mean(x);
        x.iter().map(|x| x - mean).collect()
    };
    let target = centered(response);
    let centers: Vec<Vec<f64>> = columns.iter().map(|column| centered(column)).collect();
    // Each coefficient is that of what the other columns leave of its own.
    let mut coefficients = Vec::with_capacity(columns.len());
    for (k, column) in centers.iter().enumerate() {
        let mut regression = Regression::new(column.clone());
        for (other, values) in centers.iter().enumerate() {
            if other != k {
                regression.add(values.clone());
            }
        }
        let left = regression.residuals();
        let coefficient = dot(left, &target) / dot(left, column);
        if !coefficient.is_finite() {
            return None;
        }
        coefficients.push(coefficient);
    }
    let explained = columns.iter().zip(&coefficients);
    let constant = mean(response) - explained.map(|(c, a)| a * mean(c)).sum::<f64>();
    Some((constant, coefficients))
}
