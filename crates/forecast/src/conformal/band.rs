use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastRequest, Horizon, PredictionInterval, Result,
    Snapshot,
};
use serde::{Deserialize, Serialize};

use super::{Adaptive, ConformalMethod, needed, rank};
use crate::backtest::Backtested;
use crate::check;

/// The coverage within one standard deviation of a normal: the band whose half is the unit.
pub(super) const ONE_DEVIATION: f64 = 0.682_689_492_137_085_9;

/// What a calibrated bound is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The errors of that many steps ahead.
    Step,
    /// The errors of all steps together, as those of one are too few for the level.
    AllSteps,
    /// The model's own interval, as there are too few errors of any kind.
    Model,
}

/// Bands of any model, calibrated by how far its past forecasts were off.
///
/// The score of a past forecast is `|y - f|` over the half-width of the model's own band of one
/// deviation on that side, where the backtest has that level, else `|y - f|` itself. A band of a level
/// reaches as far as the score of rank `ceil((n + 1) level)` of the `n` scores of that many steps ahead;
/// where a step has too few scores for the level, those of all steps count together, at the level
/// `level (1 + 1/m)` for `m` origins, as those of one origin overlap. With
/// [`ConformalMethod::Adaptive`] the rank is what [`Adaptive`] has come to after going through the
/// scores in order.
///
/// Split calibration has the stated coverage when errors are exchangeable; adaptive calibration in the
/// long run, whatever they are.
///
/// Takes 8 bytes a score.
///
/// Source: Vovk, Gammerman & Shafer 2005, <https://doi.org/10.1007/b106715>; Lei et al. 2018,
/// <https://doi.org/10.1080/01621459.2017.1307116>; Gibbs & Candes 2021,
/// <https://doi.org/10.48550/arXiv.2106.00543>.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConformalBand {
    method: ConformalMethod,
    /// Whether scores are in units of the model's own band.
    relative: bool,
    /// What a half-width is at least, in the unit of the series.
    floor: f64,
    /// Of each step ahead, by origin.
    scores: Vec<Vec<f64>>,
}

impl ConformalBand {
    /// From the forecasts of a backtest, in units of the model's band where its first level is that
    /// of one deviation (0.6827), which [`super::backtest_level`] gives.
    ///
    /// # Errors
    /// When a parameter of the method is outside its domain, or no row has a value to compare with.
    pub fn calibrate(method: ConformalMethod, backtested: &Backtested) -> Result<Self> {
        method.validate()?;
        let mut rows = backtested.rows.iter();
        let relative = backtested.levels.first() == Some(&ONE_DEVIATION);
        let largest = rows.by_ref().filter_map(|row| row.actual);
        let largest = largest.fold(0.0, |most: f64, value| most.max(value.abs()));
        let steps = backtested.rows.iter().map(|row| row.step).max();
        let mut band = Self {
            method,
            relative,
            floor: (1e-10 * largest).max(f64::MIN_POSITIVE),
            scores: vec![Vec::new(); steps.unwrap_or(0)],
        };
        for row in &backtested.rows {
            let Some(actual) = row.actual else { continue };
            let half = band.half(row.mean, row.bounds.first(), actual >= row.mean);
            let score = ((actual - row.mean).abs() / half).min(f64::MAX);
            if let Some(scores) = band.scores.get_mut(row.step.wrapping_sub(1)) {
                scores.push(score);
            }
        }
        if band.count() == 0 {
            // Says why, when every origin failed.
            backtested.accuracy()?;
            return Err(Error::not_enough_data("a conformal band", 1, 0));
        }
        Ok(band)
    }

    /// The unit of the scores on one side of a forecast.
    fn half(&self, mean: f64, bounds: Option<&[f64; 2]>, above: bool) -> f64 {
        match bounds {
            Some(&[lower, upper]) if self.relative => {
                let half = if above { upper - mean } else { mean - lower };
                half.max(self.floor)
            }
            _ => 1.0,
        }
    }

    /// The number of scores.
    #[must_use]
    pub fn count(&self) -> usize {
        self.scores.iter().map(Vec::len).sum()
    }

    /// The most steps ahead that a band can be given for.
    #[must_use]
    pub const fn horizon(&self) -> usize {
        self.scores.len()
    }

    /// How far the band of `level` reaches `step` steps ahead (from 1), in the unit of the scores.
    ///
    /// # Errors
    /// When the level or the step is outside its domain, or there are too few scores for the level.
    pub fn reach(&self, step: usize, level: f64) -> Result<f64> {
        check::level(level)?;
        check::count("step", step, 1, self.horizon())?;
        let own = self.scores.get(step - 1).map_or(&[][..], Vec::as_slice);
        if own.len() >= needed(level) {
            return self.of(own, level);
        }
        // By origin, so that an adaptive band goes through them as they came to be known.
        let longest = self.scores.iter().map(Vec::len).max().unwrap_or(0);
        let at = |i: usize| self.scores.iter().filter_map(move |s| s.get(i)).copied();
        let all: Vec<f64> = (0..longest).flat_map(at).collect();
        if all.len() < needed(level) {
            let what = format!("a conformal band of level {level}");
            return Err(Error::not_enough_data(what, needed(level), all.len()));
        }
        // The errors from one origin overlap and count about as one: the rank is that which as many
        // scores as origins would need, where all scores have one.
        let stricter = level * (1.0 + 1.0 / longest as f64);
        let most = all.len() as f64 / (all.len() as f64 + 1.0);
        self.of(&all, stricter.min(most))
    }

    fn of(&self, scores: &[f64], level: f64) -> Result<f64> {
        match self.method {
            ConformalMethod::Split => {
                let mut sorted = scores.to_vec();
                sorted.sort_unstable_by(f64::total_cmp);
                let at = rank(sorted.len(), level).clamp(1, sorted.len().max(1));
                Ok(sorted.get(at - 1).copied().unwrap_or(0.0))
            }
            ConformalMethod::Adaptive { gamma } => {
                let mut adaptive = Adaptive::new(level, gamma, scores.len().max(needed(level)))?;
                for &score in scores {
                    adaptive.observe(score)?;
                }
                Ok(adaptive.reach().unwrap_or(0.0))
            }
        }
    }

    /// What the reach of the band of `level` is based on `step` steps ahead (from 1).
    #[must_use]
    pub fn basis(&self, step: usize, level: f64) -> Basis {
        let own = step.checked_sub(1).and_then(|i| self.scores.get(i));
        if own.map_or(0, Vec::len) >= needed(level) {
            Basis::Step
        } else if self.count() >= needed(level) {
            Basis::AllSteps
        } else {
            Basis::Model
        }
    }

    /// The forecast of `model`, with calibrated intervals in the place of its own.
    ///
    /// No rank of few errors has a high coverage: of `m` origins the largest has `m / (m + 1)`. So,
    /// where a step has too few scores for the level and those of all steps count together
    /// ([`Basis::AllSteps`]), a bound is that of the model where it lies further out, and where even
    /// those are too few ([`Basis::Model`]) the model's alone. A model without intervals has none to
    /// fall back to.
    ///
    /// # Errors
    /// When the model cannot forecast, the request goes further than [`ConformalBand::horizon`] or
    /// asks for moments instead of steps, a level is outside (0, 1), or there are too few scores for
    /// one and the model has no intervals.
    pub fn forecast(
        &self,
        model: &dyn FittedForecaster,
        request: &ForecastRequest<'_>,
    ) -> Result<Forecast> {
        let Horizon::Steps(steps) = request.horizon else {
            return Err(Error::unsupported(
                "a conformal band forecasts a number of steps, not given moments",
            ));
        };
        check::count("horizon", steps, 1, self.horizon())?;
        check::levels(request.levels)?;
        let mut own = Vec::new();
        if self.relative {
            own.push(ONE_DEVIATION);
            own.extend(request.levels);
        }
        let mut forecast = model.forecast(&ForecastRequest {
            levels: &own,
            ..*request
        })?;
        let mut intervals = std::mem::take(&mut forecast.intervals).into_iter();
        let units = intervals.next();
        let mut models = intervals.map(Some).chain(std::iter::repeat(None));
        let half = |row: usize, mean: f64, above: bool| {
            let bounds = units.as_ref().and_then(|units| {
                let (lower, upper) = (units.lower.get(row)?, units.upper.get(row)?);
                Some([*lower, *upper])
            });
            self.half(mean, bounds.as_ref(), above)
        };
        let interval = |&level: &f64| {
            let model = models.next().flatten();
            let (mut lower, mut upper) = (Vec::new(), Vec::new());
            for (row, &mean) in forecast.mean.iter().enumerate() {
                let own = model.as_ref().and_then(|own: &PredictionInterval| {
                    Some([*own.lower.get(row)?, *own.upper.get(row)?])
                });
                let [below, above] = match (self.basis(row + 1, level), own) {
                    (Basis::Model, Some(own)) => own,
                    (basis, own) => {
                        let reach = self.reach(row + 1, level)?;
                        let below = (mean - reach * half(row, mean, false)).max(f64::MIN);
                        let above = (mean + reach * half(row, mean, true)).min(f64::MAX);
                        match own {
                            Some([lower, upper]) if basis == Basis::AllSteps => {
                                [below.min(lower), above.max(upper)]
                            }
                            _ => [below, above],
                        }
                    }
                };
                lower.push(below);
                upper.push(above);
            }
            Ok(PredictionInterval {
                level,
                lower,
                upper,
            })
        };
        let intervals = request.levels.iter().map(interval).collect::<Result<_>>()?;
        forecast.intervals = intervals;
        Ok(forecast)
    }
}

impl Snapshot for ConformalBand {
    const KIND: &'static str = "forecast.conformal.band";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.method.validate()?;
        let mut scores = self.scores.iter().flatten();
        let inside = scores.all(|score| (0.0..=f64::MAX).contains(score));
        if inside && self.count() > 0 && self.floor > 0.0 && self.floor.is_finite() {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the scores of a conformal band are missing, not finite or below 0",
            ))
        }
    }
}
