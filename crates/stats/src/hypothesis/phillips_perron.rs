use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::adf::Trend;
use super::ljung_box::lagged_product;
use super::regression::Regression;
use super::{scaled, series};

/// The result of [`PhillipsPerron::test`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhillipsPerronTest {
    /// The corrected t-value of the lagged level.
    pub statistic: f64,
    /// The p-value, from the response surface of 1994.
    pub p_value: f64,
    /// The number of autocovariances taken into account.
    pub lags: usize,
    /// What the statistic is below with probability 0.01, 0.05 and 0.1 where there is a unit root,
    /// from the response surfaces of 2010.
    pub critical_values: [f64; 3],
}

/// Configuration of the test of Phillips and Perron: whether a series has a unit root, like a random
/// walk. A small p-value says that it is stationary.
///
/// The t-value of `g` in `dy_t = trend + g y_(t-1) + u_t` is corrected for what the `u_t` have to do
/// with each other: with their variance `v`, their long-run variance `w` by Bartlett's weights, and
/// what the trend leaves `x_t` of the lagged levels,
///
/// `sqrt(v / w) t - n (w - v) / (2 sqrt(w sum x_t^2))`
///
/// Beside the test of Dickey and Fuller ([`Adf`](super::Adf)) it needs no lagged differences and
/// stands noise whose variance changes, but is less exact with moving averages near -1.
///
/// Cost: O(n lags) time, a few copies of the values.
///
/// Source: Phillips & Perron 1988, <https://doi.org/10.1093/biomet/75.2.335>; the response surfaces
/// as of [`Adf`](super::Adf); arch 8.0 `PhillipsPerron`.
///
/// ```
/// use bongsu_stats::hypothesis::PhillipsPerron;
/// let noise: Vec<f64> = (0..100).map(|i| f64::from(i * i).sin()).collect();
/// assert!(PhillipsPerron::new().test(&noise)?.p_value < 1e-9);
/// let mut sum = 0.0;
/// let walk: Vec<f64> = noise.iter().map(|x| { sum += x; sum }).collect();
/// assert!(PhillipsPerron::new().test(&walk)?.p_value > 0.1);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhillipsPerron {
    trend: Trend,
    lags: Option<usize>,
}

impl PhillipsPerron {
    /// The defaults: a constant, `12 (n / 100)^(1/4)` lags.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the series may follow. Default: a constant.
    #[must_use]
    pub const fn trend(mut self, trend: Trend) -> Self {
        self.trend = trend;
        self
    }

    /// How many autocovariances are taken into account. Domain: at most `n - 2`. Default:
    /// `12 (n / 100)^(1/4)` rounded up, or what the domain allows.
    #[must_use]
    pub const fn lags(mut self, lags: usize) -> Self {
        self.lags = Some(lags);
        self
    }

    /// Tests consecutive finite values that are not all equal.
    ///
    /// # Errors
    /// When there are too few values for the trend, one is not finite, all are equal, `lags` is
    /// outside its domain, or the regression leaves no noise.
    pub fn test(&self, values: &[f64]) -> Result<PhillipsPerronTest> {
        let columns = self.trend.columns();
        series("the test of Phillips and Perron", values, columns + 4)?;
        let n = values.len();
        let most = n - 2;
        let lags = match self.lags {
            Some(lags) if lags > most => {
                let domain = format!("at most {most} for {n} values");
                return Err(Error::parameter("lags", lags, domain));
            }
            Some(lags) => lags,
            None => most.min((12.0 * (n as f64 / 100.0).powf(0.25)).ceil() as usize),
        };
        let (mut levels, _) = scaled(values);
        let pairs = levels.iter().zip(levels.iter().skip(1));
        let differences: Vec<f64> = pairs.map(|(before, after)| after - before).collect();
        levels.pop();
        if self.trend != Trend::None {
            // A constant takes up any offset; without it the level keeps its digits.
            let first = levels.first().copied().unwrap_or(0.0);
            levels.iter_mut().for_each(|x| *x -= first);
        }
        let count = differences.len();
        let mut level = Regression::new(levels.clone());
        let mut regression = Regression::new(differences);
        for column in self.trend.polynomials(count) {
            level.add(column.clone());
            regression.add(column);
        }
        let spread = level.rest();
        let step = regression.add(levels);
        if step.exhausted || step.rank <= columns || count <= step.rank {
            return Err(Error::input(
                "the test of Phillips and Perron needs values that the regression leaves noise of",
            ));
        }
        let residuals = regression.residuals();
        let size = count as f64;
        let variance = lagged_product(residuals, 0) / size;
        let mut long_run = variance;
        for lag in 1..=lags {
            let weight = 1.0 - lag as f64 / (lags as f64 + 1.0);
            long_run += 2.0 * weight * lagged_product(residuals, lag) / size;
        }
        let correction = 0.5 * size * (long_run - variance) / (long_run.sqrt() * spread.sqrt());
        let statistic = (variance / long_run).sqrt() * step.t - correction;
        if !statistic.is_finite() {
            return Err(Error::input(
                "the test of Phillips and Perron needs noise with a long-run variance",
            ));
        }
        Ok(PhillipsPerronTest {
            statistic,
            p_value: self.trend.p_value(statistic),
            lags,
            critical_values: self.trend.critical_values(count),
        })
    }
}
