//! From rows to the parts of a seasonal model.

use bongsu_core::{Error, Result, Timestamp};

use super::cycles::{Cycles, Grid};
use super::{Method, Seasonal};
use crate::decompose::{Classical, Model, Mstl, Stl, extrapolate};
use crate::period::{PeriodSearch, interpolated};
use crate::robust::{MAD_TO_STD, MEAN_AD_TO_STD, mad, mean_abs_dev, median};

/// Steps for every row beyond which rows are no regular series.
const MOST_STEPS_A_ROW: usize = 8;

/// The values at the steps of the grid, holes interpolated.
pub(crate) fn on_grid(
    values: &[f64],
    times: Option<&[Timestamp]>,
) -> Result<(Vec<f64>, Option<Grid>)> {
    let Some((times, grid)) = times.and_then(|times| Some((times, Grid::of(times)?))) else {
        return Ok((values.to_vec(), None));
    };
    let last = times.last().map_or(0, |&at| grid.place(at));
    let steps = usize::try_from(last)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    if steps > values.len().saturating_mul(MOST_STEPS_A_ROW) {
        return Err(Error::input(format!(
            "the {} rows are spread over {steps} steps of {} ms: too many are missing",
            values.len(),
            grid.step
        )));
    }
    let mut filled = vec![f64::NAN; steps];
    for (&at, &value) in times.iter().zip(values) {
        let place = usize::try_from(grid.place(at)).unwrap_or(0);
        if let Some(slot) = filled.get_mut(place) {
            *slot = value;
        }
    }
    Ok((interpolated(&filled), Some(grid)))
}

impl Seasonal {
    /// Takes the values of consecutive steps apart.
    pub(super) fn decompose(&self, values: &[f64], grid: Option<Grid>) -> Result<Cycles> {
        let periods = self.periods_of(values)?;
        let strongest = periods.first().copied().unwrap_or(0);
        let (mut trend, seasonals) = match self.method {
            Method::Classical => {
                let parts = Classical::new(strongest)?
                    .model(self.model)
                    .decompose(values)?;
                let mut trend = parts.trend;
                extend(&mut trend, strongest, self.model);
                (trend, vec![(strongest, parts.seasonal)])
            }
            Method::Mstl => {
                let windows = vec![self.smoothness; periods.len()];
                let parts = Mstl::new(&periods)?
                    .windows(&windows)?
                    .degrees(0, 1, 1)?
                    .robust(self.robust)
                    .outer_iter(self.outer())?
                    .decompose(values)?;
                let seasonals = parts.periods.into_iter().zip(parts.seasonals).collect();
                (parts.trend, seasonals)
            }
            Method::Stl | Method::Profile => {
                let parts = Stl::new(strongest)?
                    .seasonal(self.smoothness)?
                    .degrees(0, 1, 1)?
                    .robust(self.robust)
                    .outer_iter(self.outer())?
                    .decompose(values)?;
                (parts.trend, vec![(strongest, parts.seasonal)])
            }
        };
        let ends = |trend: &[f64]| Some([*trend.first()?, *trend.last()?]);
        let levels = ends(&trend).unwrap_or_default();
        let mut seasons = Vec::new();
        for (period, seasonal) in &seasonals {
            for (expected, season) in trend.iter_mut().zip(seasonal) {
                match self.model {
                    Model::Additive => *expected += season,
                    Model::Multiplicative => *expected *= season,
                }
            }
            seasons.push(last_cycle(seasonal, *period));
        }
        let cycles = Cycles {
            model: self.model,
            grid,
            known: trend,
            levels,
            seasons,
        };
        cycles.validate().map_err(|_| {
            Error::input("season and trend are not finite; scale the values down first")
        })?;
        Ok(cycles)
    }

    /// Passes that weigh the rows: after the third, weights hardly change.
    fn outer(&self) -> usize {
        if self.robust { 3 } else { 0 }
    }

    /// The periods that were given, or those that are found.
    fn periods_of(&self, values: &[f64]) -> Result<Vec<usize>> {
        if !self.periods.is_empty() {
            return Ok(self.periods.clone());
        }
        let found = PeriodSearch::new().find(values)?;
        if found.is_empty() {
            return Err(Error::input(
                "no period was found in these rows; state one, or use a detector without season",
            ));
        }
        Ok(found.into_iter().map(|period| period.points).collect())
    }
}

/// Continues a trend to the ends, where a multiplicative one must stay above 0.
fn extend(trend: &mut [f64], period: usize, model: Model) {
    let least = trend.iter().copied().fold(f64::INFINITY, f64::min);
    extrapolate(trend, period);
    if model == Model::Multiplicative {
        for level in trend {
            *level = level.max(least);
        }
    }
}

/// The last cycle, by the place modulo the period.
fn last_cycle(seasonal: &[f64], period: usize) -> Vec<f64> {
    let mut cycle = vec![0.0; period];
    let start = seasonal.len().saturating_sub(period);
    for (place, season) in seasonal.iter().enumerate().skip(start) {
        if let Some(slot) = cycle.get_mut(place % period) {
            *slot = *season;
        }
    }
    cycle
}

/// The centre and the scale of residuals.
pub(super) fn spread(residuals: &[f64], robust: bool) -> Result<(f64, f64)> {
    let largest = residuals.iter().fold(0.0_f64, |m, r| m.max(r.abs()));
    let (center, scale) = if robust {
        let deviation = mad(residuals);
        let scale = if deviation > 0.0 {
            MAD_TO_STD * deviation
        } else {
            MEAN_AD_TO_STD * mean_abs_dev(residuals)
        };
        (median(residuals), scale)
    } else if largest == 0.0 {
        (0.0, 0.0)
    } else {
        // Over the largest, so that squares neither overflow nor vanish.
        let n = residuals.len() as f64;
        let mean = residuals.iter().map(|r| r / largest).sum::<f64>() / n;
        let squares: f64 = residuals.iter().map(|r| (r / largest - mean).powi(2)).sum();
        let variance = squares / (n - 1.0).max(1.0);
        (mean * largest, variance.sqrt() * largest)
    };
    if center.is_finite() && scale.is_finite() {
        Ok((center, scale))
    } else {
        Err(Error::input(
            "the residuals span more than the largest float; scale the values down first",
        ))
    }
}
