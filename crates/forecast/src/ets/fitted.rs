use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastPart, ForecastRequest, Result, SeriesView, Snapshot,
};
use bongsu_stats::robust::quantile_sorted;
use serde::{Deserialize, Serialize};

use super::estimate::Estimate;
use super::model::{ErrorType, EtsModel, SeasonType};
use super::recursion::{Smoothing, State, run};
use super::variance::{Origin, deviations};
use super::{Ets, simulate};
use crate::history::History;
use crate::{Information, Timeline, check, interval, parts};

/// The most simulated values that are kept at once, 8 bytes each: longer requests use fewer paths.
const MAX_SIMULATED: usize = 1 << 24;

/// The smoothing parameters of a fitted model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EtsParameters {
    /// How fast the level follows.
    pub alpha: f64,
    /// How fast the slope follows, where there is one.
    pub beta: Option<f64>,
    /// How fast the season follows, where there is one.
    pub gamma: Option<f64>,
    /// What of the slope is left after a step, where it is damped.
    pub phi: Option<f64>,
}

/// The states of a model at one moment, in the unit of the series (seasonal factors have none).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EtsStates {
    /// The level.
    pub level: f64,
    /// The slope, 0 where there is none; where it multiplies the factor of a step, without a unit.
    pub slope: f64,
    /// The seasons of the coming steps, the first for the next one; empty where there is none.
    pub season: Vec<f64>,
}

/// A fitted exponential smoothing model; see [`Ets`].
///
/// Takes 8 bytes a fitted step, 16 a point of the season and some 300 more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedEts {
    timeline: Timeline,
    model: EtsModel,
    parameters: EtsParameters,
    first: EtsStates,
    last: EtsStates,
    /// The standard deviation of the errors, relative where they are multiplicative.
    deviation: f64,
    log_likelihood: f64,
    information: Information,
    iterations: u64,
    converged: bool,
    paths: u64,
    seed: u64,
    residuals: Vec<f64>,
}

impl FittedEts {
    /// From an estimate for `history`.
    pub(super) fn new(config: &Ets, history: &History, estimate: Estimate) -> Self {
        let (unit, values) = (history.unit, &history.values);
        let Estimate {
            model,
            smoothing,
            mut state,
            mut season,
            ..
        } = estimate;
        let factor = if model.season == SeasonType::Multiplicative {
            1.0
        } else {
            unit
        };
        let units = [
            unit,
            if model.trend_multiplies() { 1.0 } else { unit },
            factor,
        ];
        let first = states(state, &season, units);
        let mut fitted = Vec::with_capacity(values.len());
        let pass = run(
            model,
            values,
            smoothing,
            &mut state,
            &mut season,
            |forecast, _| fitted.push(forecast),
        );
        let phase = values.len() % season.len().max(1);
        season.rotate_left(phase);
        let freedom = values.len().saturating_sub(estimate.parameters + 1).max(1);
        let deviation = (pass.squares / freedom as f64).sqrt();
        let n = values.len();
        let log_likelihood = estimate.log_likelihood - n as f64 * unit.ln();
        Self {
            timeline: history.timeline,
            model,
            parameters: EtsParameters {
                alpha: smoothing.level,
                beta: model.has_slope().then_some(smoothing.slope),
                gamma: model.has_season().then_some(smoothing.season),
                phi: model.is_damped().then_some(smoothing.damping),
            },
            first,
            last: states(state, &season, units),
            deviation: match model.error {
                ErrorType::Additive => deviation * unit,
                ErrorType::Multiplicative => deviation,
            },
            log_likelihood,
            information: Information::new(log_likelihood, estimate.parameters, n),
            iterations: estimate.iterations as u64,
            converged: estimate.converged,
            paths: config.paths as u64,
            seed: config.seed,
            residuals: history.residuals(fitted),
        }
    }

    /// The chosen model.
    #[must_use]
    pub const fn model(&self) -> EtsModel {
        self.model
    }

    /// Its smoothing parameters.
    #[must_use]
    pub const fn parameters(&self) -> EtsParameters {
        self.parameters
    }

    /// The states before the first step.
    #[must_use]
    pub const fn first_states(&self) -> &EtsStates {
        &self.first
    }

    /// The states after the last step.
    #[must_use]
    pub const fn last_states(&self) -> &EtsStates {
        &self.last
    }

    /// The standard deviation of the errors: in the unit of the series, or relative to the forecast
    /// where errors are multiplicative.
    #[must_use]
    pub const fn deviation(&self) -> f64 {
        self.deviation
    }

    /// `-n/2 ln(sum of e²)`, less the sum of `ln |f|` where errors are multiplicative: the logarithm
    /// of the likelihood without its constants.
    #[must_use]
    pub const fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Its information criteria; only those of models of the same series, fitted by [`Ets`], compare.
    #[must_use]
    pub const fn information(&self) -> Information {
        self.information
    }

    /// Whether the search ended because the likelihood no longer changed, not because of its limit.
    #[must_use]
    pub const fn converged(&self) -> bool {
        self.converged
    }

    /// The iterations of the search.
    #[must_use]
    pub const fn iterations(&self) -> u64 {
        self.iterations
    }

    /// The grid of the fitted series.
    #[must_use]
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Paths of the model's future, one a row: `count` rows of `steps` values drawn with `seed`
    /// (PCG64).
    ///
    /// - `steps`: domain [1, 1048576].
    /// - `count`: paths, `steps * count` at most 2^24.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn simulate(&self, steps: usize, count: usize, seed: u64) -> Result<Vec<f64>> {
        check::count("steps", steps, 1, crate::timeline::MAX_STEPS)?;
        check::count("count", count, 1, MAX_SIMULATED / steps)?;
        Ok(simulate::paths(&self.origin(), steps, count, seed))
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            model: self.model,
            smoothing: Smoothing {
                level: self.parameters.alpha,
                slope: self.parameters.beta.unwrap_or(0.0),
                season: self.parameters.gamma.unwrap_or(0.0),
                damping: self.parameters.phi.unwrap_or(1.0),
            },
            level: self.last.level,
            slope: self.last.slope,
            season: &self.last.season,
            deviation: self.deviation,
        }
    }

    /// Level and slope that many steps ahead, without the season.
    fn trend(&self, steps: usize) -> impl Iterator<Item = f64> {
        let damping = self.parameters.phi.unwrap_or(1.0);
        let (mut power, mut sum) = (1.0, 0.0);
        (0..steps).map(move |_| {
            power *= damping;
            sum += power;
            if self.model.trend_multiplies() {
                self.last.level * self.last.slope.powf(sum)
            } else {
                self.last.level + sum * self.last.slope
            }
        })
    }

    fn means(&self, steps: usize) -> Vec<f64> {
        let mut seasons = self.last.season.iter().cycle();
        let mean = |base| match (self.model.season, seasons.next()) {
            (SeasonType::Additive, Some(season)) => base + season,
            (SeasonType::Multiplicative, Some(season)) => base * season,
            _ => base,
        };
        self.trend(steps).map(mean).collect()
    }
}

/// In the units of level, slope and season.
fn states(state: State, season: &[f64], [level, slope, factor]: [f64; 3]) -> EtsStates {
    EtsStates {
        level: state.level * level,
        slope: state.slope * slope,
        season: season.iter().map(|s| s * factor).collect(),
    }
}

impl FittedForecaster for FittedEts {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        check::levels(request.levels)?;
        check::no_regressors(request)?;
        let targets = self.timeline.targets(request.horizon)?;
        let steps = targets.last();
        let means = self.means(steps);
        let origin = self.origin();
        if request.levels.is_empty() || self.model.has_analytic_variance() {
            let deviations = if request.levels.is_empty() {
                Vec::new()
            } else {
                deviations(&origin, &means)
            };
            return interval::normal(targets, &means, &deviations, request.levels);
        }
        let count = usize::try_from(self.paths).unwrap_or(usize::MAX);
        let count = count.min(MAX_SIMULATED / steps.max(1)).max(2);
        let paths = simulate::paths(&origin, steps, count, self.seed);
        let columns = sorted_columns(&paths, steps);
        interval::bounded(targets, &means, request.levels, |level| {
            let bound = |q: f64| columns.iter().map(|c| quantile_sorted(c, q)).collect();
            Ok((bound(0.5 - 0.5 * level), bound(0.5 + 0.5 * level)))
        })
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        let (timeline, values) = self.timeline.continued(y)?;
        for part in values.chunk_by(|a, b| a.is_nan() == b.is_nan()) {
            let missing = part.first().is_some_and(|value| value.is_nan());
            let expected = if missing {
                self.means(part.len())
            } else {
                Vec::new()
            };
            let seen = if missing { &expected } else { part };
            let smoothing = self.origin().smoothing;
            let mut state = State {
                level: self.last.level,
                slope: self.last.slope,
            };
            let mut values = part.iter();
            let residuals = &mut self.residuals;
            let keep = |forecast, _| {
                residuals.push(values.next().map_or(f64::NAN, |value| value - forecast));
            };
            let season = &mut self.last.season;
            run(self.model, seen, smoothing, &mut state, season, keep);
            let phase = seen.len() % season.len().max(1);
            season.rotate_left(phase);
            (self.last.level, self.last.slope) = (state.level, state.slope);
        }
        self.timeline = timeline;
        Ok(())
    }

    fn parts(&self, request: &ForecastRequest<'_>) -> Result<Vec<ForecastPart>> {
        check::no_regressors(request)?;
        let targets = self.timeline.targets(request.horizon)?;
        let trend: Vec<f64> = self.trend(targets.last()).collect();
        let mut all = vec![parts::trend(targets.pick(&trend))];
        if self.model.has_season() {
            let multiplicative = self.model.season == SeasonType::Multiplicative;
            // A factor is the fraction of the trend that it adds.
            let one = if multiplicative { 1.0 } else { 0.0 };
            let season: Vec<f64> = self.last.season.iter().map(|s| s - one).collect();
            let name = "season".to_owned();
            let part = parts::season(name, &season, multiplicative, &targets, &self.timeline)?;
            all.push(part);
        }
        Ok(all)
    }

    /// The level after each step; missing values are filled as when fitting.
    fn past_trend(&self, y: &SeriesView<'_>) -> Result<Vec<f64>> {
        let history = History::of("exponential smoothing", y, 2)?;
        parts::same_grid(&history.timeline, &self.timeline)?;
        let (smoothing, mut season) = (self.origin().smoothing, self.first.season.clone());
        let mut state = State {
            level: self.first.level,
            slope: self.first.slope,
        };
        let period = season.len().max(1);
        let level = |(step, value): (usize, &f64)| {
            let phase = step % period;
            let own = season.get_mut(phase..=phase).unwrap_or_default();
            let value = std::slice::from_ref(value);
            run(self.model, value, smoothing, &mut state, own, |_, _| {});
            state.level
        };
        Ok(history.values.iter().enumerate().map(level).collect())
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

/// The values of all paths at each step, sorted.
fn sorted_columns(paths: &[f64], steps: usize) -> Vec<Vec<f64>> {
    let column = |step: usize| {
        let mut column: Vec<f64> = paths.iter().skip(step).step_by(steps).copied().collect();
        column.sort_unstable_by(f64::total_cmp);
        column
    };
    (0..steps).map(column).collect()
}

impl Snapshot for FittedEts {
    const KIND: &'static str = "forecast.ets.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.timeline.validate()?;
        let refuse = |what: &str| Err(Error::snapshot(what));
        let p = self.parameters;
        let damped = self.model.is_damped();
        let parts = p.beta.is_some() == self.model.has_slope()
            && p.gamma.is_some() == self.model.has_season()
            && p.phi.is_some() == damped;
        let unit = |x: Option<f64>| x.is_none_or(|x| (0.0..=1.0).contains(&x));
        if !(parts
            && [Some(p.alpha), p.beta, p.gamma, p.phi]
                .into_iter()
                .all(unit))
        {
            return refuse("the smoothing parameters do not fit the model");
        }
        for states in [&self.first, &self.last] {
            let scalars = [states.level, states.slope];
            let finite = scalars.iter().chain(&states.season).all(|x| x.is_finite());
            if !finite || states.season.is_empty() == self.model.has_season() {
                return refuse("the states are not finite or do not fit the model");
            }
        }
        if self.model.trend_multiplies() && [&self.first, &self.last].iter().any(|s| s.slope <= 0.0)
        {
            return refuse("the factor of a step is not above 0");
        }
        if self.first.season.len() != self.last.season.len() {
            return refuse("the season has two lengths");
        }
        if self.residuals.len() != self.timeline.len() {
            return refuse("there is not one residual a step");
        }
        if !(self.deviation >= 0.0 && self.deviation.is_finite()) || self.paths < 2 {
            return refuse("the deviation or the number of paths is outside its domain");
        }
        Ok(())
    }
}
