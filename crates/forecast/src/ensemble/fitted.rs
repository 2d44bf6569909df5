//! An ensemble whose members are fitted.

use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastRequest, PredictionInterval, Result, SeriesView,
    Snapshot,
};
use serde::{Deserialize, Serialize};

use super::MAX_MEMBERS;
use crate::FittedMember;

/// The fitted members of an ensemble; see [`Ensemble`](super::Ensemble).
///
/// Takes what the members take, and 8 bytes a fitted step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedEnsemble {
    pub(super) members: Vec<FittedMember>,
    /// One a member, with a sum of 1; none for the median.
    pub(super) weights: Vec<f64>,
    pub(super) failures: Vec<String>,
    pub(super) residuals: Vec<f64>,
}

impl FittedEnsemble {
    /// The members that were fitted.
    #[must_use]
    pub fn members(&self) -> &[FittedMember] {
        &self.members
    }

    /// The weight of each fitted member; none where the median combines them.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Which members could not be fitted, and why.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    fn combine<'a>(&self, columns: impl Iterator<Item = &'a [f64]>) -> Vec<f64> {
        combine(columns, &self.weights)
    }
}

impl FittedForecaster for FittedEnsemble {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        let forecasts: Vec<Forecast> = self
            .members
            .iter()
            .map(|member| member.forecast(request))
            .collect::<Result<_>>()?;
        let intervals = request.levels.iter().enumerate().map(|(i, &level)| {
            let at = |forecast: &'_ Forecast| forecast.intervals.get(i).cloned();
            let each: Vec<PredictionInterval> = forecasts.iter().filter_map(at).collect();
            PredictionInterval {
                level,
                lower: self.combine(each.iter().map(|interval| interval.lower.as_slice())),
                upper: self.combine(each.iter().map(|interval| interval.upper.as_slice())),
            }
        });
        Ok(Forecast {
            mean: self.combine(forecasts.iter().map(|forecast| forecast.mean.as_slice())),
            intervals: intervals.collect(),
            timestamps: forecasts
                .into_iter()
                .next()
                .map(|forecast| forecast.timestamps)
                .unwrap_or_default(),
        })
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        let known = self.residuals.len();
        let mut members = self.members.clone();
        members.iter_mut().try_for_each(|member| member.update(y))?;
        let new = members
            .iter()
            .map(|m| m.residuals().get(known..).unwrap_or_default());
        let new = combine(new, &self.weights);
        self.residuals.extend(new);
        self.members = members;
        Ok(())
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

/// The median of the columns, or their mean where there are weights, row by row, of what is not NaN;
/// NaN where all are.
pub(super) fn combine<'a>(columns: impl Iterator<Item = &'a [f64]>, weights: &[f64]) -> Vec<f64> {
    let columns: Vec<&[f64]> = columns.collect();
    let rows = columns.iter().map(|column| column.len()).max().unwrap_or(0);
    let mut values = Vec::with_capacity(columns.len());
    let at = |row: usize| {
        let at_row = |column: &&[f64]| column.get(row).copied().unwrap_or(f64::NAN);
        if !weights.is_empty() {
            return weighted_mean(columns.iter().map(at_row).zip(weights.iter().copied()));
        }
        values.clear();
        values.extend(columns.iter().map(at_row).filter(|value| !value.is_nan()));
        median(&mut values)
    };
    (0..rows).map(at).collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(a), Some(b)) if values.len().is_multiple_of(2) => 0.5 * a + 0.5 * b,
        (_, Some(b)) => *b,
        _ => f64::NAN,
    }
}

/// The weights of what is not NaN are scaled to a sum of 1 first: no sum is then larger than a value.
fn weighted_mean(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let known = pairs.filter(|(value, _)| !value.is_nan());
    let total: f64 = known.clone().map(|(_, weight)| weight).sum();
    if total > 0.0 {
        known.map(|(value, weight)| value * (weight / total)).sum()
    } else {
        f64::NAN
    }
}

impl Snapshot for FittedEnsemble {
    const KIND: &'static str = "forecast.ensemble.fitted";
    const VERSION: u16 = 2;

    fn validate(&self) -> Result<()> {
        self.members.iter().try_for_each(FittedMember::validate)?;
        let n = self.residuals.len();
        let alike = self.members.iter().all(|m| m.residuals().len() == n);
        if !alike || self.members.is_empty() || self.members.len() > MAX_MEMBERS {
            return Err(Error::snapshot(
                "an ensemble has no members, too many, or members of other series",
            ));
        }
        let total: f64 = self.weights.iter().sum();
        // Written so that a NaN is refused too.
        let shares = self.weights.iter().all(|&weight| weight >= 0.0) && (total - 1.0).abs() < 1e-9;
        if self.weights.is_empty() || shares && self.weights.len() == self.members.len() {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the weights of an ensemble are not one a member with a sum of 1",
            ))
        }
    }
}
