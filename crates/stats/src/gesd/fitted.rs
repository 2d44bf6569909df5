use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Direction, Error, Expectation, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::ends::Ends;
use super::estimates::{Classic, Estimates as _, Robust};
use super::test::{critical, prediction_limit};
use super::{Gesd, GesdTest};
use crate::check;
use crate::level::Level;

/// What a column without its outliers is like; see [`Gesd`].
///
/// Cost: O(1) time a row, constant memory.
///
/// ```
/// use bongsu_core::Detector as _;
/// let values = [2.1, 2.3, 1.9, 2.0, 40.0, 2.2, 1.8, 9.0, 2.1];
/// let fitted = bongsu_stats::Gesd::new().max_count(3)?.fit_column(&values)?;
/// assert!(fitted.score_value(2.4) < fitted.threshold().unwrap());
/// assert!(fitted.score_value(9.0) > fitted.threshold().unwrap());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedGesd {
    config: Gesd,
    level: Level,
    limit: f64,
    /// The values that are not outliers.
    clean: u64,
}

impl FittedGesd {
    pub(super) fn learn(config: Gesd, values: &[f64], test: &GesdTest) -> Result<Self> {
        let mut clean = vec![true; values.len()];
        for row in test.outliers() {
            if let Some(slot) = clean.get_mut(row) {
                *slot = false;
            }
        }
        let kept = values.iter().zip(&clean).filter(|&(_, &clean)| clean);
        let kept: Vec<f64> = kept.map(|(&x, _)| x).collect();
        let ends = Ends::split(&kept, 0, config.hybrid);
        let estimate = if config.hybrid {
            Robust::new(ends.all()).left(0, 0)
        } else {
            Classic::new(&ends).left(0, 0)
        };
        let n = kept.len();
        let limit = if config.hybrid {
            critical(n + 1, config.alpha, config.direction)
        } else {
            prediction_limit(n, config.alpha, config.direction)
        };
        let fitted = Self {
            config,
            level: Level {
                unit: ends.scale,
                shift: ends.shift,
                center: estimate.center,
                scale: estimate.scale,
            },
            limit,
            clean: n as u64,
        };
        fitted.validate().map_err(|_| {
            Error::input("the values span too much to be judged; scale them down first")
        })?;
        Ok(fitted)
    }

    /// The centre of the values that are not outliers: their mean, hybrid their median.
    #[must_use]
    pub fn center(&self) -> f64 {
        self.level.at(0.0)
    }

    /// The scale of the values that are not outliers: their standard deviation, hybrid 1.4826 times
    /// their median absolute deviation.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.level.scale / self.level.unit
    }

    /// The raw score of one finite value.
    #[must_use]
    pub fn score_value(&self, x: f64) -> f64 {
        let z = self.level.standardize(x);
        match self.config.direction {
            Direction::Up => z.max(0.0),
            Direction::Down => (-z).max(0.0),
            Direction::Both => z.abs(),
        }
    }

    /// The threshold.
    pub(super) const fn limit(&self) -> f64 {
        self.limit
    }
}

impl Detector for FittedGesd {
    fn n_features(&self) -> usize {
        1
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::score_rows(&x, out, |x| self.score_value(x))
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.limit)
    }

    fn expectation(&self) -> Option<Expectation> {
        let (lower, upper) = (self.level.at(-self.limit), self.level.at(self.limit));
        Some(Expectation {
            expected: self.center(),
            lower: if self.config.direction == Direction::Up {
                f64::NEG_INFINITY
            } else {
                lower
            },
            upper: if self.config.direction == Direction::Down {
                f64::INFINITY
            } else {
                upper
            },
        })
    }
}

impl Snapshot for FittedGesd {
    const KIND: &'static str = "stats.gesd.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let limit = self.limit.is_finite() && self.limit > 0.0;
        if self.level.is_valid() && limit && self.clean >= 2 {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the fitted centre, scale or threshold is not a number to judge by",
            ))
        }
    }
}
