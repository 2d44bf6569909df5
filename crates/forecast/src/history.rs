//! A series made ready for models that need every step.

use bongsu_core::{Result, SeriesView};

use crate::{Timeline, check, gaps};

/// Series of which no value reaches this are zeros.
const SMALLEST: f64 = 1e-300;

/// The values of a series on its grid, missing ones filled, divided by a unit.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) timeline: Timeline,
    /// One a step, in `unit`.
    pub(crate) values: Vec<f64>,
    /// The power of two that the values were divided by.
    pub(crate) unit: f64,
    /// The number of steps whose value was not missing.
    pub(crate) present: usize,
    missing: Vec<bool>,
}

impl History {
    /// Of a series that `model` needs `needed` present values of, in a unit of 1.
    pub(crate) fn of(model: &str, series: &SeriesView<'_>, needed: usize) -> Result<Self> {
        let (timeline, mut values) = Timeline::of(series)?;
        let present = check::enough(model, &values, needed)?;
        let missing = values.iter().map(|value| value.is_nan()).collect();
        gaps::fill(&mut values);
        Ok(Self {
            timeline,
            values,
            unit: 1.0,
            present,
            missing,
        })
    }

    /// Fills each missing value after the first season with that of the season before instead.
    pub(crate) fn fill_by_season(&mut self, period: usize) {
        for row in period..self.values.len() {
            if self.missing.get(row).copied().unwrap_or(false) {
                let before = self.values.get(row - period).copied();
                if let (Some(slot), Some(before)) = (self.values.get_mut(row), before) {
                    *slot = before;
                }
            }
        }
    }

    /// Fills each missing value with `value` instead.
    pub(crate) fn fill_with(&mut self, value: f64) {
        for (slot, &missing) in self.values.iter_mut().zip(&self.missing) {
            if missing {
                *slot = value;
            }
        }
    }

    /// The mean of the present values, in the unit.
    pub(crate) fn mean(&self) -> f64 {
        let pairs = self.values.iter().zip(&self.missing);
        let present = pairs.filter_map(|(value, missing)| (!missing).then_some(value));
        present.sum::<f64>() / self.present as f64
    }

    /// With the unit in which the largest magnitude is in [512, 1024): tolerances then mean the same
    /// at every scale, and no digit changes. Values of which none reaches 1e-300 have hardly a digit
    /// left, and count as 0.
    pub(crate) fn scaled(mut self) -> Self {
        if self.values.iter().all(|value| value.abs() < SMALLEST) {
            self.values.fill(0.0);
        }
        self.unit = unit_of(&self.values);
        for value in &mut self.values {
            *value /= self.unit;
        }
        self
    }

    /// The value of a constant series, in the unit.
    pub(crate) fn constant(&self) -> Option<f64> {
        let (&first, rest) = self.values.split_first()?;
        rest.iter().all(|&value| value == first).then_some(first)
    }

    /// What `fitted`, one a step in the unit, leaves of the present values, in the series' own unit;
    /// NaN where the value is missing.
    pub(crate) fn residuals(&self, fitted: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let pairs = self.values.iter().zip(fitted).zip(&self.missing);
        let left = |((value, fitted), &missing): ((&f64, f64), &bool)| {
            if missing {
                f64::NAN
            } else {
                (value - fitted) * self.unit
            }
        };
        pairs.map(left).collect()
    }
}

/// The power of two in units of which the largest magnitude is in [512, 1024); 1 for zeros.
pub(crate) fn unit_of(values: &[f64]) -> f64 {
    let largest = values
        .iter()
        .fold(0.0, |most: f64, value| most.max(value.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let exponent = largest.log2().floor().clamp(-1000.0, 1023.0) as i32;
    2f64.powi(exponent - 9)
}
