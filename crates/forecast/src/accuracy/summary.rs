//! All measures of a set of forecasts together.

use bongsu_core::{ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::{coverage, mae, mape, mase, rmse, rmsse, smape, winkler};

/// All measures of the means and the intervals of forecasts; see the functions of this module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// How many values were present.
    pub count: usize,
    /// The mean absolute error.
    pub mae: f64,
    /// The root of the mean squared error.
    pub rmse: f64,
    /// The mean absolute percentage error; `None` where a value is 0.
    pub mape: Option<f64>,
    /// The symmetric mean absolute percentage error.
    pub smape: f64,
    /// The mean absolute scaled error; `None` where the history repeats exactly or is
    /// shorter than a season.
    pub mase: Option<f64>,
    /// The root mean squared scaled error; `None` where the history repeats exactly or is
    /// shorter than a season.
    pub rmsse: Option<f64>,
    /// Of each interval, in the order of the levels.
    pub intervals: Vec<IntervalAccuracy>,
}

/// The measures of the intervals at one level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IntervalAccuracy {
    /// The stated coverage, in (0, 1).
    pub level: f64,
    /// The share of values inside.
    pub coverage: f64,
    /// The interval score of Winkler.
    pub winkler: f64,
    /// The mean width.
    pub width: f64,
}

/// The bounds of intervals at one level.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    pub(crate) level: f64,
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
}

impl Accuracy {
    /// Of `forecast` and `bounds` for `actual`; scaled errors by the history and its period.
    pub(crate) fn of(
        actual: &[f64],
        forecast: &[f64],
        bounds: &[Bounds],
        history: &[f64],
        period: usize,
    ) -> Result<Self> {
        let interval = |bounds: &Bounds| {
            let Bounds {
                level,
                lower,
                upper,
            } = bounds;
            Ok(IntervalAccuracy {
                level: *level,
                coverage: coverage(actual, lower, upper)?,
                winkler: winkler(actual, lower, upper, *level)?,
                width: mae(lower, upper)?,
            })
        };
        Ok(Self {
            count: actual.iter().filter(|value| !value.is_nan()).count(),
            mae: mae(actual, forecast)?,
            rmse: rmse(actual, forecast)?,
            mape: mape(actual, forecast)?,
            smape: smape(actual, forecast)?,
            mase: where_scaled(mase(actual, forecast, history, period))?,
            rmsse: where_scaled(rmsse(actual, forecast, history, period))?,
            intervals: bounds.iter().map(interval).collect::<Result<_>>()?,
        })
    }
}

/// A history that is too short gives no scale, as one that repeats exactly.
fn where_scaled(measure: Result<Option<f64>>) -> Result<Option<f64>> {
    match measure {
        Err(error) if error.kind() == ErrorKind::NotEnoughData => Ok(None),
        other => other,
    }
}
