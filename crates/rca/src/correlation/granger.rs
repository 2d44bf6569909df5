use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};
use statrs::function::beta::beta_reg;

use super::centered;
use super::linear::residual_sum;
use super::partial::whole_rows;

/// The result of [`granger`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GrangerTest {
    /// The F statistic.
    pub statistic: f64,
    /// How probable one at least as large is when the past of the cause does not help, in [0, 1].
    pub p_value: f64,
    /// The number of lags.
    pub lags: usize,
}

/// Whether the past of `cause` helps to foretell `effect` beyond the past of `effect` itself.
///
/// `effect[t]` is regressed on a constant and its own last `lags` values, once without and once with
/// those of `cause`: `F = ((rss without - rss with) / lags) / (rss with / (n - 3 lags - 1))` for `n`
/// points. Points at which one of the two is missing are left out before. Where one of the two does not
/// move, `F = 0` and `p = 1`.
///
/// `lags`: at least 1, and `3 lags + 1` below the number of points.
///
/// # Errors
/// When the lengths differ, a value is outside its domain, or too few points are aligned.
///
/// Cost: O(n lags^2) time.
///
/// Source: `ssr_ftest` of `statsmodels.tsa.stattools.grangercausalitytests` 0.15; Granger 1969,
/// <https://doi.org/10.2307/1912791>.
///
/// ```
/// use bongsu_rca::correlation::granger;
/// let cause: Vec<f64> = (0..60).map(|i: i64| (i * i * 7 % 31) as f64).collect();
/// let effect: Vec<f64> = (0..60)
///     .map(|i: i64| ((i - 1) * (i - 1) * 7 % 31) as f64 + (i * 11 % 5) as f64)
///     .collect();
/// assert!(granger(&cause, &effect, 1)?.p_value < 1e-6);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn granger(cause: &[f64], effect: &[f64], lags: usize) -> Result<GrangerTest> {
    if lags == 0 {
        return Err(Error::parameter("lags", lags, "at least 1"));
    }
    let rows = whole_rows(&[cause, effect])?;
    let n = rows.first().map_or(0, Vec::len);
    let Some(freedom) = n.checked_sub(lags.saturating_mul(3).saturating_add(1)) else {
        return Err(too_short(lags, n));
    };
    if freedom == 0 {
        return Err(too_short(lags, n));
    }
    let moves: Vec<Option<Vec<f64>>> = rows.iter().map(|column| centered(column)).collect();
    let [Some(cause), Some(effect)] = moves.as_slice() else {
        return Ok(GrangerTest {
            statistic: 0.0,
            p_value: 1.0,
            lags,
        });
    };
    let past = |values: &[f64], lag: usize| -> Vec<f64> {
        values.get(lags - lag..n - lag).unwrap_or_default().to_vec()
    };
    let mut columns = vec![vec![1.0; n - lags]];
    columns.extend((1..=lags).map(|lag| past(effect, lag)));
    let target = effect.get(lags..).unwrap_or_default();
    let (without, _) = residual_sum(&columns, target);
    columns.extend((1..=lags).map(|lag| past(cause, lag)));
    let (with, _) = residual_sum(&columns, target);

    let (k, freedom) = (lags as f64, freedom as f64);
    let gained = (without - with).max(0.0);
    let scale: f64 = target.iter().map(|x| x * x).sum();
    if with <= 1e-24 * scale {
        // The past of the effect alone may foretell it without error too.
        let exact = without <= 1e-24 * scale;
        return Ok(GrangerTest {
            statistic: if exact { 0.0 } else { f64::MAX },
            p_value: if exact { 1.0 } else { 0.0 },
            lags,
        });
    }
    let statistic = (gained / k) / (with / freedom);
    Ok(GrangerTest {
        statistic,
        p_value: beta_reg(
            0.5 * freedom,
            0.5 * k,
            (freedom / (freedom + k * statistic)).clamp(0.0, 1.0),
        ),
        lags,
    })
}

fn too_short(lags: usize, points: usize) -> Error {
    let needed = lags.saturating_mul(3).saturating_add(2);
    Error::not_enough_data(format!("a Granger test with {lags} lags"), needed, points)
}
