use bongsu_core::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::accuracy::{Accuracy, Bounds};

/// One forecast of one moment, and what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BacktestRow {
    /// The last moment that was known.
    pub origin: Timestamp,
    /// The moment that was forecast.
    pub timestamp: Timestamp,
    /// How many steps after the origin that is; at least 1.
    pub step: usize,
    /// The forecast.
    pub mean: f64,
    /// Lower and upper bound at each level.
    pub bounds: Vec<[f64; 2]>,
    /// What came; `None` where it is missing.
    pub actual: Option<f64>,
}

/// An origin at which the model could not be fitted, or could not forecast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginFailure {
    /// The last moment that was known.
    pub origin: Timestamp,
    /// The model's error.
    pub message: String,
}

/// What a backtest gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtested {
    /// The levels of the bounds of each row.
    pub levels: Vec<f64>,
    /// How many origins there were, failed ones included.
    pub origins: usize,
    /// The forecasts, origin by origin, step by step.
    pub rows: Vec<BacktestRow>,
    /// The origins without forecasts.
    pub failures: Vec<OriginFailure>,
    /// What was known at the first origin, for scaled errors; NaN where it is missing.
    pub(super) history: Vec<f64>,
    pub(super) period: usize,
}

impl Backtested {
    /// The accuracy of all rows together.
    ///
    /// # Errors
    /// When no row has a value to compare with (the first failure tells why, where all origins
    /// failed), or a measure is beyond the range of floats.
    pub fn accuracy(&self) -> Result<Accuracy> {
        if let (true, Some(failure)) = (self.rows.is_empty(), self.failures.first()) {
            return Err(Error::input(format!(
                "no origin of the backtest has a forecast; the first, at {}: {}",
                failure.origin, failure.message
            )));
        }
        self.accuracy_of(|_| true)
    }

    /// The accuracy of each number of steps ahead for which there is a value to compare with.
    ///
    /// # Errors
    /// When a measure is beyond the range of floats.
    pub fn accuracy_by_step(&self) -> Result<Vec<(usize, Accuracy)>> {
        let last = self.rows.iter().map(|row| row.step).max().unwrap_or(0);
        let compared = |step: &usize| {
            let mut rows = self.rows.iter();
            rows.any(|row| row.step == *step && row.actual.is_some())
        };
        (1..=last)
            .filter(compared)
            .map(|step| Ok((step, self.accuracy_of(|row| row.step == step)?)))
            .collect()
    }

    fn accuracy_of(&self, wanted: impl Fn(&BacktestRow) -> bool) -> Result<Accuracy> {
        let (mut actual, mut mean) = (Vec::new(), Vec::new());
        let empty = |&level: &f64| Bounds {
            level,
            ..Bounds::default()
        };
        let mut bounds: Vec<Bounds> = self.levels.iter().map(empty).collect();
        for row in self.rows.iter().filter(|row| wanted(row)) {
            actual.push(row.actual.unwrap_or(f64::NAN));
            mean.push(row.mean);
            for (at, &[lower, upper]) in bounds.iter_mut().zip(&row.bounds) {
                at.lower.push(lower);
                at.upper.push(upper);
            }
        }
        Accuracy::of(&actual, &mean, &bounds, &self.history, self.period)
    }
}
