use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use super::Cost;
use crate::check;

/// What a change has to gain to be one.
///
/// The criteria are in units of twice the log-likelihood, for `k` parameters of a segment and `n`
/// values: they assume the noise that is measured on the series itself, so they mean the same
/// whatever its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Penalty {
    /// Akaike: `2 (k + 1)`. Finds too many changes in long series.
    Aic,
    /// Bayes: `(k + 1) ln n`. Enough for independent normal noise.
    Bic,
    /// This many times that of Bayes. Domain: finite, above 0. The default is 3 times, which metrics
    /// need: their noise has heavier tails and wanders.
    TimesBic(f64),
    /// Modified Bayes: `(k + 2) ln n`, and the logarithm of each segment's length, which makes
    /// changes close to each other or to an end dearer.
    ///
    /// Source: Zhang & Siegmund 2007, <https://doi.org/10.1111/j.1541-0420.2006.00662.x>.
    Mbic,
    /// This much, in the unit of the cost as [`Cost`] states it, as `pen` in ruptures. Domain:
    /// finite, above 0.
    Manual(f64),
}

impl Default for Penalty {
    fn default() -> Self {
        Self::TimesBic(3.0)
    }
}

impl Penalty {
    pub(super) fn validate(self) -> Result<()> {
        match self {
            Self::Manual(penalty) | Self::TimesBic(penalty) => {
                check::positive("penalty", penalty).map(|_| ())
            }
            Self::Aic | Self::Bic | Self::Mbic => Ok(()),
        }
    }

    /// Of a change, and what the logarithm of a segment's length counts, where `unit` of the
    /// internal cost is twice the log-likelihood and `raw` of the stated cost is one of the internal
    /// one.
    pub(super) fn of(self, cost: Cost, n: usize, unit: f64, raw: f64) -> (f64, f64) {
        let (k, ln_n) = (f64::from(cost.parameters()), (n as f64).ln());
        match self {
            Self::Aic => (unit * 2.0 * (k + 1.0), 0.0),
            Self::Bic => (unit * (k + 1.0) * ln_n, 0.0),
            Self::TimesBic(times) => (times * unit * (k + 1.0) * ln_n, 0.0),
            Self::Mbic => (unit * (k + 2.0) * ln_n, unit),
            Self::Manual(penalty) => (penalty / raw, 0.0),
        }
    }
}
