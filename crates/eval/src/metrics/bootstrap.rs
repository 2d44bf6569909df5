//! Confidence intervals by resampling.

use bongsu_core::{Error, Result};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::check;

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The measure of the rows as they are.
    pub estimate: f64,
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// How samples are drawn.
///
/// Rows are drawn in blocks of consecutive ones that wrap around the end, so that what lasts several
/// rows stays together; with `block` 1 rows are drawn one by one. The interval is that between the
/// `(1 - level) / 2` and `(1 + level) / 2` quantiles of the measure over the samples. The generator is
/// PCG64, seeded with `seed`.
///
/// Source: Politis & Romano 1992 (circular blocks); Efron & Tibshirani 1993 (percentile interval).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    samples: usize,
    level: f64,
    block: usize,
    seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            samples: 1000,
            level: 0.95,
            block: 1,
            seed: 0,
        }
    }
}

impl Bootstrap {
    /// How many samples are drawn. Domain: [10, 1000000]. Default: 1000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn samples(mut self, samples: usize) -> Result<Self> {
        if !(10..=1_000_000).contains(&samples) {
            return Err(Error::parameter("samples", samples, "in [10, 1000000]"));
        }
        self.samples = samples;
        Ok(self)
    }

    /// The share of samples inside the interval. Domain: (0, 1). Default: 0.95.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn level(mut self, level: f64) -> Result<Self> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::parameter("level", level, "in (0, 1)"));
        }
        self.level = level;
        Ok(self)
    }

    /// Consecutive rows that are drawn together. Domain: at least 1. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn block(mut self, rows: usize) -> Result<Self> {
        if rows == 0 {
            return Err(Error::parameter("block", rows, "at least 1"));
        }
        self.block = rows;
        Ok(self)
    }

    /// The seed of the generator. Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The interval of `measure` over `rows` rows; it gets the drawn rows' numbers, and may refuse a
    /// sample (one without any anomaly, say), which is then left out.
    ///
    /// # Errors
    /// When there is no row, the measure of all rows fails, or more than half of the samples do.
    ///
    /// Cost: `samples` measures, and O(samples * rows) to draw.
    ///
    /// ```
    /// use bongsu_eval::Bootstrap;
    /// let values = [1.0, 2.0, 3.0, 4.0];
    /// let mean = |rows: &[usize]| Ok(rows.iter().map(|&row| values[row]).sum::<f64>() / 4.0);
    /// let interval = Bootstrap::default().interval(4, mean)?;
    /// assert_eq!(interval.estimate, 2.5);
    /// assert!(interval.lower < 2.0 && interval.upper > 3.0);
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn interval(
        &self,
        rows: usize,
        measure: impl Fn(&[usize]) -> Result<f64>,
    ) -> Result<Interval> {
        if rows == 0 {
            return Err(Error::not_enough_data("a bootstrap", 1, 0));
        }
        let mut drawn: Vec<usize> = (0..rows).collect();
        let estimate = measure(&drawn)?;
        let mut random = Pcg64::seed_from_u64(self.seed);
        let mut found = Vec::with_capacity(self.samples);
        for _ in 0..self.samples {
            for block in drawn.chunks_mut(self.block) {
                let start = random.random_range(0..rows);
                for (offset, row) in block.iter_mut().enumerate() {
                    *row = (start + offset) % rows;
                }
            }
            found.extend(measure(&drawn).ok().filter(|value| value.is_finite()));
        }
        if found.len() * 2 < self.samples {
            return Err(Error::unsupported(format!(
                "no interval: the measure exists in only {} of {} samples",
                found.len(),
                self.samples
            )));
        }
        found.sort_unstable_by(f64::total_cmp);
        Ok(Interval {
            estimate,
            lower: quantile(&found, f64::midpoint(0.0, 1.0 - self.level)),
            upper: quantile(&found, f64::midpoint(1.0, self.level)),
        })
    }

    /// The interval of the mean of `values`.
    ///
    /// # Errors
    /// As [`Bootstrap::interval`].
    pub fn mean(&self, values: &[f64]) -> Result<Interval> {
        self.interval(values.len(), |rows| {
            let drawn = rows.iter().filter_map(|&row| values.get(row));
            Ok(drawn.sum::<f64>() / check::float(rows.len()))
        })
    }
}

/// The quantile of sorted values by linear interpolation.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * check::float(sorted.len().saturating_sub(1));
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of values"
    )]
    let below = position.floor() as usize;
    let low = sorted.get(below).copied().unwrap_or(f64::NAN);
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    low + (high - low) * (position - position.floor())
}
