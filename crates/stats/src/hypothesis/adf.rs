use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::regression::{Regression, Step};
use super::{scaled, series};
use crate::special::normal_sf;

/// What a series is allowed to follow beside its own past, in [`Adf`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Nothing: the mean is 0.
    None,
    /// A constant (the default).
    #[default]
    Constant,
    /// A straight line.
    Linear,
    /// A parabola.
    Quadratic,
}

impl Trend {
    /// The number of columns of the regression.
    pub(super) const fn columns(self) -> usize {
        match self {
            Self::None => 0,
            Self::Constant => 1,
            Self::Linear => 2,
            Self::Quadratic => 3,
        }
    }

    /// Those columns, for a regression of `count` observations.
    pub(super) fn polynomials(self, count: usize) -> impl Iterator<Item = Vec<f64>> {
        let middle = 0.5 * (count as f64 - 1.0);
        let place = move |i: usize| (i as f64 - middle) / middle.max(1.0);
        let power = move |power: i32| (0..count).map(|i| place(i).powi(power)).collect();
        (0..self.columns() as i32).map(power)
    }

    /// The p-value of a t-value of the lagged level.
    pub(super) fn p_value(self, t: f64) -> f64 {
        self.table().p_value(t)
    }

    /// What a t-value of so many observations is below with probability 0.01, 0.05 and 0.1.
    pub(super) fn critical_values(self, observations: usize) -> [f64; 3] {
        self.table().critical_values(observations)
    }

    const fn table(self) -> &'static Table {
        match self {
            Self::None => &NONE,
            Self::Constant => &CONSTANT,
            Self::Linear => &LINEAR,
            Self::Quadratic => &QUADRATIC,
        }
    }
}

/// How many lagged differences the regression of [`Adf`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LagChoice {
    /// As many as give the smallest information criterion of Akaike (the default).
    #[default]
    Aic,
    /// As many as give the smallest information criterion of Schwarz.
    Bic,
    /// The largest number whose last coefficient is significant at 5 %.
    TStat,
    /// The largest number that is allowed.
    Fixed,
}

/// The result of [`Adf::test`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdfTest {
    /// The t-value of the lagged level.
    pub statistic: f64,
    /// The p-value, from the response surface of 1994.
    pub p_value: f64,
    /// The number of lagged differences.
    pub lags: usize,
    /// The number of observations of the regression.
    pub observations: usize,
    /// What the statistic is below with probability 0.01, 0.05 and 0.1 where there is a unit root,
    /// from the response surfaces of 2010.
    pub critical_values: [f64; 3],
    /// The criterion that chose the lags: the smallest AIC or BIC, or the last t-value's magnitude.
    /// None for [`LagChoice::Fixed`].
    pub criterion: Option<f64>,
}

/// Configuration of the augmented Dickey-Fuller test: whether a series has a unit root, like a random
/// walk. A small p-value says that it is stationary.
///
/// The statistic is the t-value of `g` in
/// `dy_t = trend + g y_(t-1) + sum_(i=1..p) d_i dy_(t-i) + e_t`.
///
/// Cost: O(n m^2) time and O(n m) memory for `m` lags at most: one orthogonalisation serves every
/// number of lags that is tried.
///
/// Sources: Said & Dickey 1984, <https://doi.org/10.1093/biomet/71.3.599>; the response
/// surfaces: 1994, <https://doi.org/10.1080/07350015.1994.10510005>, and 2010,
/// <https://ideas.repec.org/p/qed/wpaper/1227.html>; statsmodels 0.15 `adfuller`.
///
/// ```
/// use bongsu_stats::hypothesis::Adf;
/// let noise: Vec<f64> = (0..100).map(|i| f64::from(i * i).sin()).collect();
/// assert!(Adf::new().test(&noise)?.p_value < 1e-9);
/// let mut sum = 0.0;
/// let walk: Vec<f64> = noise.iter().map(|x| { sum += x; sum }).collect();
/// assert!(Adf::new().test(&walk)?.p_value > 0.1);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adf {
    trend: Trend,
    choice: LagChoice,
    max_lags: Option<usize>,
}

/// What is above the 0.95 quantile of a normal distribution.
const SIGNIFICANT: f64 = 1.644_853_626_951_472_6;

impl Adf {
    /// The defaults: a constant, lags chosen by AIC, at most `12 (n / 100)^(1/4)`.
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

    /// How the number of lags is chosen. Default: by AIC.
    #[must_use]
    pub const fn choice(mut self, choice: LagChoice) -> Self {
        self.choice = choice;
        self
    }

    /// The largest number of lags. Domain: at most `n/2 - 1` less the number of columns of the trend
    /// (0 to 3), and fewer than leave the regression no observation to spare. Default: `12 (n / 100)^(1/4)` rounded up, or what the domain allows.
    #[must_use]
    pub const fn max_lags(mut self, lags: usize) -> Self {
        self.max_lags = Some(lags);
        self
    }

    /// Tests consecutive finite values that are not all equal.
    ///
    /// # Errors
    /// When there are too few values for the trend, one is not finite, all are equal, `max_lags` is
    /// outside its domain, or the regression leaves no noise.
    pub fn test(&self, values: &[f64]) -> Result<AdfTest> {
        let columns = self.trend.columns();
        series(
            "the augmented Dickey-Fuller test",
            values,
            2 * (columns + 1),
        )?;
        let n = values.len();
        // The second bound leaves the regression an observation more than it has columns.
        let room = (n / 2 - (columns + 1)).min((n.saturating_sub(columns + 3)) / 2);
        let most = match self.max_lags {
            Some(lags) if lags > room => {
                let domain = format!("at most {room} for {n} values and this trend");
                return Err(Error::parameter("max_lags", lags, domain));
            }
            Some(lags) => lags,
            None => room.min((12.0 * (n as f64 / 100.0).powf(0.25)).ceil() as usize),
        };
        let data = Data::new(values, self.trend);
        let (lags, criterion) = match self.choice {
            LagChoice::Fixed => (most, None),
            choice => {
                let (lags, criterion) = data.choose(&data.nested(most), choice);
                (lags, Some(criterion))
            }
        };
        let observations = data.observations(lags);
        let step = data.level_last(lags);
        if step.exhausted || observations <= step.rank {
            return Err(Error::input(
                "the augmented Dickey-Fuller test needs values that the regression leaves noise of",
            ));
        }
        Ok(AdfTest {
            statistic: step.t,
            p_value: self.trend.p_value(step.t),
            lags,
            observations,
            critical_values: self.trend.critical_values(observations),
            criterion,
        })
    }
}

/// Levels and differences of a series, and the columns of its regressions.
struct Data {
    levels: Vec<f64>,
    differences: Vec<f64>,
    /// The logarithm of what the differences were multiplied by.
    unit: f64,
    trend: Trend,
}

impl Data {
    fn new(values: &[f64], trend: Trend) -> Self {
        let (mut levels, unit) = scaled(values);
        let pairs = levels.iter().zip(levels.iter().skip(1));
        let differences: Vec<f64> = pairs.map(|(before, after)| after - before).collect();
        if trend != Trend::None {
            // A constant takes up any offset; without it the level keeps its digits.
            let first = levels.first().copied().unwrap_or(0.0);
            for x in &mut levels {
                *x -= first;
            }
        }
        let (differences, more) = scaled(&differences);
        Self {
            levels: scaled(&levels).0,
            differences,
            unit: unit.ln() + more.ln(),
            trend,
        }
    }

    fn observations(&self, lags: usize) -> usize {
        self.differences.len() - lags
    }

    /// The regression on the trend alone, of the observations that have `lags` differences before.
    fn regression(&self, lags: usize) -> Regression {
        let n = self.observations(lags);
        let mut regression = Regression::new(self.lagged(0, n));
        for column in self.trend.polynomials(n) {
            regression.add(column);
        }
        regression
    }

    /// The last `n` differences `lag` points before.
    fn lagged(&self, lag: usize, n: usize) -> Vec<f64> {
        let end = self.differences.len() - lag;
        self.differences
            .get(end - n..end)
            .unwrap_or_default()
            .to_vec()
    }

    /// The levels before the last `n` differences.
    fn level(&self, n: usize) -> Vec<f64> {
        let end = self.levels.len() - 1;
        self.levels.get(end - n..end).unwrap_or_default().to_vec()
    }

    /// The regressions on trend, level and 0, 1, ..., `most` lagged differences, of one and the same
    /// observations.
    fn nested(&self, most: usize) -> Vec<Step> {
        let n = self.observations(most);
        let mut regression = self.regression(most);
        let mut steps = vec![regression.add(self.level(n))];
        steps.extend((1..=most).map(|lag| regression.add(self.lagged(lag, n))));
        steps
    }

    /// The lags with the best criterion, and that, of the nested regressions on 0, 1, ... lags.
    fn choose(&self, steps: &[Step], choice: LagChoice) -> (usize, f64) {
        let n = self.observations(steps.len().saturating_sub(1)) as f64;
        if choice == LagChoice::TStat {
            let last = steps.iter().rposition(|step| step.t.abs() >= SIGNIFICANT);
            let lags = last.unwrap_or(0);
            return (lags, steps.get(lags).map_or(0.0, |step| step.t.abs()));
        }
        let penalty = if choice == LagChoice::Bic {
            n.ln()
        } else {
            2.0
        };
        let criterion = |step: &Step| {
            let variance = (std::f64::consts::TAU * step.rest / n).ln() - 2.0 * self.unit;
            penalty * step.rank as f64 + n * (variance + 1.0)
        };
        let criteria = steps.iter().map(criterion).enumerate();
        let best = criteria.min_by(|a, b| a.1.total_cmp(&b.1));
        best.unwrap_or((0, f64::NAN))
    }

    /// The regression on trend, `lags` differences and the level, whose t-value comes last.
    fn level_last(&self, lags: usize) -> Step {
        let n = self.observations(lags);
        let mut regression = self.regression(lags);
        for lag in 1..=lags {
            regression.add(self.lagged(lag, n));
        }
        regression.add(self.level(n))
    }
}

/// The response surfaces for one series.
struct Table {
    /// Below the first the p-value is 0, above the last 1; the middle one parts the polynomials.
    bounds: [f64; 3],
    small: [f64; 3],
    large: [f64; 4],
    /// Polynomials in `1/n` of the critical values at 0.01, 0.05 and 0.1.
    critical: [[f64; 4]; 3],
}

impl Table {
    fn p_value(&self, t: f64) -> f64 {
        let [least, parting, most] = self.bounds;
        if t > most {
            1.0
        } else if t < least {
            0.0
        } else if t <= parting {
            normal_sf(-polynomial(&self.small, t))
        } else {
            normal_sf(-polynomial(&self.large, t))
        }
    }

    fn critical_values(&self, observations: usize) -> [f64; 3] {
        self.critical
            .map(|row| polynomial(&row, 1.0 / observations as f64))
    }
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

const NONE: Table = Table {
    bounds: [-19.04, -1.04, f64::INFINITY],
    small: [0.6344, 1.2378, 0.032_496],
    large: [0.4797, 0.935_57, -0.069_99, 0.033_066],
    critical: [
        [-2.565_74, -2.2358, -3.627, 0.0],
        [-1.941_00, -0.2686, -3.365, 31.223],
        [-1.616_82, 0.2656, -2.714, 25.364],
    ],
};

const CONSTANT: Table = Table {
    bounds: [-18.83, -1.61, 2.74],
    small: [2.1659, 1.4412, 0.038_269],
    large: [1.7339, 0.932_02, -0.127_45, -0.010_368],
    critical: [
        [-3.430_35, -6.5393, -16.786, -79.433],
        [-2.861_54, -2.8903, -4.234, -40.040],
        [-2.566_77, -1.5384, -2.809, 0.0],
    ],
};

const LINEAR: Table = Table {
    bounds: [-16.18, -2.89, 0.7],
    small: [3.2512, 1.6047, 0.049_588],
    large: [2.5261, 0.616_54, -0.379_56, -0.060_285],
    critical: [
        [-3.958_77, -9.0531, -28.428, -134.155],
        [-3.410_49, -4.3904, -9.036, -45.374],
        [-3.127_05, -2.5856, -3.925, -22.380],
    ],
};

const QUADRATIC: Table = Table {
    bounds: [-17.17, -3.21, 0.54],
    small: [4.0003, 1.658, 0.048_288],
    large: [3.0778, 0.495_29, -0.414_77, -0.059_359],
    critical: [
        [-4.371_13, -11.5882, -35.819, -334.047],
        [-3.832_39, -5.9057, -12.490, -118.284],
        [-3.553_26, -3.6596, -5.293, -63.559],
    ],
};
