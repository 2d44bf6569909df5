use bongsu_core::{Error, Result};

use super::regression::dot;
use super::{centered, series};
use crate::special::chi_squared_sf;

/// The result of [`ljung_box`] for the lags from 1 to `lags`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LjungBox {
    /// The number of autocorrelations that count.
    pub lags: usize,
    /// The statistic of Ljung and Box.
    pub statistic: f64,
    /// The probability of such a statistic where the values are independent; NaN when not more lags
    /// count than parameters were fitted.
    pub p_value: f64,
    /// The statistic of Box and Pierce.
    pub box_pierce: f64,
    /// The probability of such a statistic of Box and Pierce; NaN as above.
    pub box_pierce_p_value: f64,
}

/// The tests of Ljung and Box and of Box and Pierce: whether a series has no autocorrelation up to a
/// lag.
///
/// `Q(h) = n (n + 2) sum_(k=1..h) r_k^2 / (n - k)` and `Q_BP(h) = n sum_(k=1..h) r_k^2` with the
/// autocorrelation `r_k`, against a chi-squared of `h - fitted` degrees of freedom.
///
/// - `values`: consecutive, finite, not all equal.
/// - `lags`: the largest lag `h`, domain [1, n - 1].
/// - `fitted`: how many parameters of a model were fitted whose residuals these are (`p + q` of an
///   ARMA); 0 for a plain series.
///
/// Returns the results for `h = 1, 2, ..., lags`.
///
/// # Errors
/// When `lags` is outside its domain, a value is not finite, or all are equal.
///
/// Cost: O(n lags) time, a copy of the values.
///
/// Sources: Ljung & Box 1978, <https://doi.org/10.1093/biomet/65.2.297>; Box & Pierce 1970,
/// <https://doi.org/10.1080/01621459.1970.10481180>; statsmodels 0.15 `acorr_ljungbox`.
///
/// ```
/// let wave: Vec<f64> = (0..50).map(|i| (f64::from(i) / 5.0).sin()).collect();
/// let tests = bongsu_stats::hypothesis::ljung_box(&wave, 3, 0)?;
/// assert!(tests.len() == 3 && tests[2].p_value < 1e-20);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn ljung_box(values: &[f64], lags: usize, fitted: usize) -> Result<Vec<LjungBox>> {
    series("the test of Ljung and Box", values, 2)?;
    if !(1..values.len()).contains(&lags) {
        let domain = format!("in [1, {}], below the number of values", values.len() - 1);
        return Err(Error::parameter("lags", lags, domain));
    }
    let deviations = centered(values);
    let n = deviations.len() as f64;
    let squares = lagged_product(&deviations, 0);
    let (mut weighted, mut plain) = (0.0, 0.0);
    let result = |lag: usize| {
        let r = lagged_product(&deviations, lag) / squares;
        weighted += r * r / (n - lag as f64);
        plain += r * r;
        let (statistic, box_pierce) = (n * (n + 2.0) * weighted, n * plain);
        let p_value = |statistic: f64| match lag.checked_sub(fitted) {
            Some(freedom) if freedom > 0 => chi_squared_sf(statistic, freedom as f64),
            _ => f64::NAN,
        };
        LjungBox {
            lags: lag,
            statistic,
            p_value: p_value(statistic),
            box_pierce,
            box_pierce_p_value: p_value(box_pierce),
        }
    };
    Ok((1..=lags).map(result).collect())
}

/// `sum x_i x_(i + lag)`.
pub(super) fn lagged_product(x: &[f64], lag: usize) -> f64 {
    let earlier = x.len().saturating_sub(lag);
    dot(
        x.get(lag..).unwrap_or_default(),
        x.get(..earlier).unwrap_or_default(),
    )
}
