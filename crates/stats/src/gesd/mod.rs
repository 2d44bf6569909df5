//! Grubbs' test and the generalised extreme Studentised deviate (GESD): how many of the most extreme
//! values of a column are outliers.

mod ends;
mod estimates;
mod fitted;
mod test;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Direction, Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;

pub use fitted::FittedGesd;
pub use test::{GesdStep, GesdTest, GrubbsTest, grubbs};

/// Configuration of the generalised extreme Studentised deviate test.
///
/// Step `i = 1, 2, ..., k` finds the value that is furthest from the centre of those that are left,
/// `R_i = max |x - centre| / scale`, and takes it away. `R_i` is held against
/// `lambda_i = (n - i) t / sqrt((n - i - 1 + t^2)(n - i + 1))`, where `t` is exceeded by a Student t of
/// `n - i - 1` degrees of freedom with probability `alpha / (2 (n - i + 1))` (without the 2 when one
/// side counts). The outliers are the first `r` values taken, with `r` the largest `i` for which
/// `R_i > lambda_i`: an outlier that hides behind a larger one is found. Centre and scale are mean
/// and standard deviation, or with [`Gesd::hybrid`] median and median absolute deviation, which many
/// outliers do not inflate.
///
/// [`FitDetector::fit`] runs the test on a column. The fitted detector scores `|x - centre| / scale`
/// of the `m` values that are not outliers. Its threshold is the score at which Grubbs' test of these
/// values and a new one finds the new one: `t sqrt(1 + 1/m)`, hybrid `lambda` for `m + 1` values.
///
/// Cost: O(n + k log k) time, hybrid O(n log n); 16 bytes a value while the test runs.
///
/// Sources: Rosner 1983, <https://doi.org/10.1080/00401706.1983.10487848>; hybrid: Hochenbaum et al.
/// 2017, <https://arxiv.org/abs/1704.07706>.
///
/// ```
/// use bongsu_stats::Gesd;
/// let test = Gesd::new().max_count(3)?.test(&[2.1, 2.3, 1.9, 2.0, 40.0, 2.2, 1.8, 9.0, 2.1])?;
/// assert_eq!(test.outliers(), [4, 7]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gesd {
    alpha: f64,
    max_share: f64,
    max_count: Option<usize>,
    direction: Direction,
    hybrid: bool,
}

impl Default for Gesd {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            max_share: 0.1,
            max_count: None,
            direction: Direction::Both,
            hybrid: false,
        }
    }
}

impl Gesd {
    /// The defaults: level 0.05, at most a tenth of the values, both sides, mean and standard
    /// deviation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The probability that outliers are found where there are none. Domain: (0, 0.5]. Default:
    /// 0.05.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn alpha(mut self, alpha: f64) -> Result<Self> {
        self.alpha = level(alpha)?;
        Ok(self)
    }

    /// The largest share of the values that may be outliers. Domain: (0, 0.5]; in any case at least
    /// one value and fewer than half. Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_share(mut self, share: f64) -> Result<Self> {
        self.max_share = check_share(share)?;
        Ok(self)
    }

    /// The largest number of outliers, in place of the share. Domain: at least 1, and fewer than
    /// half of the values that are tested. Default: the share decides.
    ///
    /// # Errors
    /// When it is 0.
    pub fn max_count(mut self, count: usize) -> Result<Self> {
        self.max_count = Some(check_count(count)?);
        Ok(self)
    }

    /// The side on which values can be outliers. Default: both.
    #[must_use]
    pub const fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// Whether centre and scale are the median and the median absolute deviation (times 1.4826)
    /// instead of mean and standard deviation. Where more than half of the values are equal, the
    /// mean absolute deviation from the median (times 1.2533) is the scale. Default: false.
    #[must_use]
    pub const fn hybrid(mut self, hybrid: bool) -> Self {
        self.hybrid = hybrid;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        level(self.alpha)?;
        check_share(self.max_share)?;
        self.max_count.map(check_count).transpose()?;
        Ok(())
    }

    /// Runs the test on a whole column of at least 3 finite values.
    ///
    /// # Errors
    /// When a parameter is outside its domain, a value is not finite, or there are not more than
    /// twice as many values as outliers are allowed.
    pub fn test(&self, values: &[f64]) -> Result<GesdTest> {
        self.validate()?;
        GesdTest::run(self, values)
    }

    /// Runs the test on a whole column and learns what its other values are like.
    ///
    /// # Errors
    /// As [`Gesd::test`].
    pub fn fit_column(&self, values: &[f64]) -> Result<FittedGesd> {
        FittedGesd::learn(self.clone(), values, &self.test(values)?)
    }

    /// How many of `n` values may be outliers.
    fn most(&self, n: usize) -> Result<usize> {
        let Some(count) = self.max_count else {
            if n < 3 {
                return Err(Error::not_enough_data("a test for outliers", 3, n));
            }
            return Ok(((self.max_share * n as f64) as usize).clamp(1, (n - 1) / 2));
        };
        let needed = count.saturating_mul(2).saturating_add(1);
        if n < needed {
            let what = format!("a test for at most {count} outliers");
            return Err(Error::not_enough_data(what, needed, n));
        }
        Ok(count)
    }
}

impl FitDetector for Gesd {
    type Fitted = FittedGesd;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedGesd> {
        self.validate()?;
        self.fit_column(&check::column(&x)?)
    }

    /// Outliers of the test score above the threshold and other rows do not, even where the test
    /// and the threshold disagree: an outlier found on the way to larger ones may lie close to the
    /// other values, and values beyond the largest allowed number of outliers may lie far away.
    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedGesd, Vec<f64>)> {
        self.validate()?;
        let values = check::column(&rows.values())?;
        let test = self.test(&values)?;
        let fitted = FittedGesd::learn(self.clone(), &values, &test)?;
        let mut scores = fitted.score_rows(rows)?;
        let bound = fitted.limit();
        let mut outlying: Vec<(usize, f64)> = Vec::new();
        for row in test.outliers() {
            let score = scores.get(row).copied().unwrap_or(bound);
            outlying.push((row, score.max(bound.next_up())));
        }
        for score in &mut scores {
            *score = score.min(bound);
        }
        for (row, score) in outlying {
            if let Some(slot) = scores.get_mut(row) {
                *slot = score;
            }
        }
        Ok((fitted, scores))
    }
}

fn level(alpha: f64) -> Result<f64> {
    share("alpha", alpha)
}

fn check_share(max_share: f64) -> Result<f64> {
    share("max_share", max_share)
}

fn share(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value <= 0.5 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "in (0, 0.5]"))
    }
}

fn check_count(count: usize) -> Result<usize> {
    if count > 0 {
        Ok(count)
    } else {
        Err(Error::parameter("max_count", count, "at least 1"))
    }
}
