use bongsu_core::{Direction, Error, Result};

use super::Gesd;
use super::ends::{Ends, Place};
use super::estimates::{Classic, Estimates, Robust};
use crate::check;
use crate::special::{student_isf, student_sf};

/// One step of the test: the value that was furthest out, and what it was held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GesdStep {
    /// The row of the value.
    pub row: usize,
    /// How far from the centre it is, in units of the scale: `R_i`.
    pub statistic: f64,
    /// What `R_i` exceeds by chance with probability `alpha`: `lambda_i`.
    pub critical: f64,
}

/// The result of a test for outliers; see [`Gesd`].
#[derive(Debug, Clone, PartialEq)]
pub struct GesdTest {
    steps: Vec<GesdStep>,
    outliers: usize,
}

impl GesdTest {
    pub(super) fn run(config: &Gesd, values: &[f64]) -> Result<Self> {
        let most = config.most(values.len())?;
        check::finite_rows(values)?;
        let ends = Ends::split(values, most, config.hybrid);
        let steps = if config.hybrid {
            peel(config, &ends, Robust::new(ends.all()), most)
        } else {
            peel(config, &ends, Classic::new(&ends), most)
        };
        let outliers = steps.iter().rposition(|s| s.statistic > s.critical);
        Ok(Self {
            steps,
            outliers: outliers.map_or(0, |last| last + 1),
        })
    }

    /// Every step, in order; as many as outliers are allowed, or fewer when all values that are left
    /// are equal.
    #[must_use]
    pub fn steps(&self) -> &[GesdStep] {
        &self.steps
    }

    /// The rows of the outliers, those found first (the furthest out) first. Of equal values the
    /// earlier row is found first.
    #[must_use]
    pub fn outliers(&self) -> Vec<usize> {
        let found = self.steps.get(..self.outliers).unwrap_or_default();
        found.iter().map(|step| step.row).collect()
    }
}

/// Takes the furthest of what is left, `most` times.
fn peel(config: &Gesd, ends: &Ends, mut estimates: impl Estimates, most: usize) -> Vec<GesdStep> {
    let n = ends.core.len() + 2 * most;
    let (mut low, mut high) = (0, 0);
    let mut steps = Vec::with_capacity(most);
    while low + high < most {
        let left = estimates.left(low, high);
        let (lowest, highest) = (next(&ends.low, low), next(&ends.high, high));
        let ((below, low_row), (above, high_row)) = (lowest, highest);
        let (below, above) = (left.center - below, above - left.center);
        let up = match config.direction {
            Direction::Up => true,
            Direction::Down => false,
            Direction::Both => above >= below,
        };
        let (deviation, row) = if up {
            (above, high_row)
        } else {
            (below, low_row)
        };
        if left.scale == 0.0 {
            break;
        }
        steps.push(GesdStep {
            row,
            statistic: deviation / left.scale,
            critical: critical(n - low - high, config.alpha, config.direction),
        });
        if up {
            high += 1;
        } else {
            low += 1;
        }
    }
    steps
}

fn next(end: &[Place], taken: usize) -> Place {
    end.get(taken).copied().unwrap_or((0.0, 0))
}

/// The probability that a single value of `n` is allowed to exceed its bound with.
fn tail(n: f64, alpha: f64, direction: Direction) -> f64 {
    match direction {
        Direction::Both => alpha / (2.0 * n),
        Direction::Up | Direction::Down => alpha / n,
    }
}

/// The critical value of the largest deviation among `n` values, of which there must be 3.
pub(super) fn critical(n: usize, alpha: f64, direction: Direction) -> f64 {
    let n = n as f64;
    let t = student_isf(tail(n, alpha, direction), n - 2.0);
    // Divided by t, whose square may overflow.
    (n - 1.0) / (n * (1.0 + (n - 2.0) / t / t)).sqrt()
}

/// The deviation in standard deviations of `n` values at which another value is an outlier.
pub(super) fn prediction_limit(n: usize, alpha: f64, direction: Direction) -> f64 {
    let n = n as f64;
    student_isf(tail(n + 1.0, alpha, direction), n - 1.0) * (1.0 + 1.0 / n).sqrt()
}

/// The result of [`grubbs`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrubbsTest {
    /// The row of the value that is furthest from the mean.
    pub row: usize,
    /// Its distance from the mean in standard deviations.
    pub statistic: f64,
    /// What the statistic exceeds by chance with probability `alpha`.
    pub critical: f64,
    /// An upper bound of the probability of such a statistic without an outlier (Bonferroni), exact
    /// for small ones.
    pub p_value: f64,
}

impl GrubbsTest {
    /// Whether the value is an outlier at the level that was asked for.
    #[must_use]
    pub fn is_outlier(&self) -> bool {
        self.statistic > self.critical
    }
}

/// Grubbs' test: whether the most extreme of normal values is an outlier.
///
/// `G = max |x - mean| / s` with the sample standard deviation `s`, against
/// `(n - 1) / sqrt(n) sqrt(t^2 / (n - 2 + t^2))`, where `t` is exceeded by a Student t of `n - 2`
/// degrees of freedom with probability `alpha / (2 n)`; `alpha / n` when one side counts.
///
/// - `values`: at least 3, finite.
/// - `alpha`: the probability to find an outlier where there is none, domain (0, 0.5].
/// - `direction`: the side on which values can be outliers.
///
/// Values that are all equal have statistic 0 and p-value 1.
///
/// # Errors
/// When `alpha` is outside its domain, a value is not finite, or there are fewer than 3.
///
/// Cost: O(n) time, 24 bytes a value.
///
/// Source: Grubbs 1969, <https://doi.org/10.1080/00401706.1969.10490657>.
///
/// ```
/// use bongsu_core::Direction;
/// let test = bongsu_stats::gesd::grubbs(&[1.0, 2.0, 1.5, 1.0, 9.0], 0.05, Direction::Both)?;
/// assert!(test.is_outlier() && test.row == 4 && test.p_value < 0.01);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn grubbs(values: &[f64], alpha: f64, direction: Direction) -> Result<GrubbsTest> {
    let n = values.len();
    if n < 3 {
        return Err(Error::not_enough_data("Grubbs' test", 3, n));
    }
    let config = Gesd::new().alpha(alpha)?.max_count(1)?.direction(direction);
    let test = config.test(values)?;
    let Some(&GesdStep {
        row,
        statistic,
        critical,
    }) = test.steps.first()
    else {
        return Ok(GrubbsTest {
            row: 0,
            statistic: 0.0,
            critical: critical(n, alpha, direction),
            p_value: 1.0,
        });
    };
    let count = n as f64;
    let rest = (count - 1.0) * (count - 1.0) / count - statistic * statistic;
    // Nothing is left beside the outlier when the statistic is the largest possible.
    let t = statistic.max(0.0) * ((count - 2.0) / rest.max(0.0)).sqrt();
    let p_value = student_sf(t, count - 2.0) / tail(count, 1.0, direction);
    Ok(GrubbsTest {
        row,
        statistic,
        critical,
        p_value: p_value.min(1.0),
    })
}
