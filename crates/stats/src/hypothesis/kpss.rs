use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::ljung_box::lagged_product;
use super::{centered, series};

/// Around what a series is stationary, by the null hypothesis of [`kpss`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KpssTrend {
    /// A constant (the default).
    #[default]
    Constant,
    /// A straight line.
    Linear,
}

/// How many autocovariances the variance in [`kpss`] takes into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KpssLags {
    /// As many as the data ask for, by Hobijn et al. 1998 (the default).
    #[default]
    Auto,
    /// `12 (n / 100)^(1/4)`, rounded up, by Schwert 1989.
    Legacy,
    /// This number, fewer than there are values.
    Count(usize),
}

/// The result of [`kpss`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KpssTest {
    /// The statistic.
    pub statistic: f64,
    /// The p-value, interpolated from a table: 0.1 stands for 0.1 and more, 0.01 for 0.01 and less.
    pub p_value: f64,
    /// The number of autocovariances taken into account.
    pub lags: usize,
    /// What the statistic exceeds with probability 0.1, 0.05, 0.025 and 0.01.
    pub critical_values: [f64; 4],
}

/// The levels of the critical values.
const LEVELS: [f64; 4] = [0.10, 0.05, 0.025, 0.01];

/// The test of Kwiatkowski, Phillips, Schmidt and Shin: whether a series is stationary, around a
/// constant or a line. A small p-value says that it is not.
///
/// `sum S_t^2 / (n^2 s^2)` with the partial sums `S_t` of the residuals, and their long-run variance
/// `s^2` with Bartlett's weights.
///
/// - `values`: consecutive, at least 3, finite, not all equal.
/// - `trend`: what the residuals are taken from.
/// - `lags`: how many autocovariances the variance takes into account.
///
/// # Errors
/// When there are fewer than 3 values, one is not finite, all are equal or exactly on the line, or
/// the number of lags is not below the number of values.
///
/// Cost: O(n lags) time, a copy of the values.
///
/// Source: Kwiatkowski et al. 1992, <https://doi.org/10.1016/0304-4076(92)90104-Y>; statsmodels
/// 0.15 `kpss`.
///
/// ```
/// use bongsu_stats::hypothesis::{KpssLags, KpssTrend, kpss};
/// let line: Vec<f64> = (0..100).map(|i| 0.1 * f64::from(i) + f64::from(i * i).sin()).collect();
/// assert_eq!(kpss(&line, KpssTrend::Constant, KpssLags::Auto)?.p_value, 0.01);
/// assert_eq!(kpss(&line, KpssTrend::Linear, KpssLags::Auto)?.p_value, 0.1);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn kpss(values: &[f64], trend: KpssTrend, lags: KpssLags) -> Result<KpssTest> {
    series("the test of stationarity", values, 3)?;
    let count = values.len();
    let mut residuals = centered(values);
    let critical_values = match trend {
        KpssTrend::Constant => [0.347, 0.463, 0.574, 0.739],
        KpssTrend::Linear => {
            detrend(&mut residuals);
            [0.119, 0.146, 0.176, 0.216]
        }
    };
    let n = count as f64;
    let lags = match lags {
        KpssLags::Count(lags) if lags >= count => {
            let domain = format!("below the number of values, {count}");
            return Err(Error::parameter("lags", lags, domain));
        }
        KpssLags::Count(lags) => lags,
        KpssLags::Legacy => ((12.0 * (n / 100.0).powf(0.25)).ceil() as usize).min(count - 1),
        KpssLags::Auto => automatic(&residuals).min(count - 1),
    };
    let mut variance = lagged_product(&residuals, 0);
    for lag in 1..=lags {
        let weight = 1.0 - lag as f64 / (lags as f64 + 1.0);
        variance += 2.0 * weight * lagged_product(&residuals, lag);
    }
    let (mut sum, mut squares) = (0.0, 0.0);
    for residual in &residuals {
        sum += residual;
        squares += sum * sum;
    }
    let statistic = squares / n / variance;
    if !statistic.is_finite() {
        return Err(Error::input(
            "the test of stationarity needs values that are not exactly on a line",
        ));
    }
    Ok(KpssTest {
        statistic,
        p_value: interpolate(statistic, critical_values),
        lags,
        critical_values,
    })
}

/// Takes the least-squares line from values whose mean is 0; exactly 0 where nothing but rounding
/// is left.
fn detrend(values: &mut [f64]) {
    let middle = (values.len() as f64 - 1.0) * 0.5;
    let (mut products, mut squares) = (0.0, 0.0);
    for (i, x) in values.iter().enumerate() {
        let t = i as f64 - middle;
        products += t * x;
        squares += t * t;
    }
    let slope = products / squares;
    let tiny = 1e-14 * (slope * middle).abs();
    let mut all_tiny = true;
    for (i, x) in values.iter_mut().enumerate() {
        *x -= slope * (i as f64 - middle);
        all_tiny &= x.abs() <= tiny;
    }
    if all_tiny {
        values.fill(0.0);
    }
}

/// The number of lags of Hobijn, Franses and Ooms 1998.
fn automatic(residuals: &[f64]) -> usize {
    let n = residuals.len() as f64;
    let mut level = lagged_product(residuals, 0) / n;
    let mut slope = 0.0;
    for lag in 1..=n.powf(2.0 / 9.0) as usize {
        let covariance = lagged_product(residuals, lag) / (0.5 * n);
        level += covariance;
        slope += lag as f64 * covariance;
    }
    let share = slope / level;
    let gamma = 1.1447 * (share * share).powf(1.0 / 3.0);
    (gamma * n.powf(1.0 / 3.0)) as usize
}

/// The level at which `statistic` would be critical, from the smallest to the largest of the table.
fn interpolate(statistic: f64, critical: [f64; 4]) -> f64 {
    let [largest_level, .., smallest_level] = LEVELS;
    let [least, .., most] = critical;
    if statistic <= least {
        return largest_level;
    }
    let rows = || critical.iter().zip(&LEVELS);
    for ((low, high_p), (high, low_p)) in rows().zip(rows().skip(1)) {
        if statistic <= *high && statistic < most {
            return (low_p - high_p) / (high - low) * (statistic - low) + high_p;
        }
    }
    smallest_level
}
