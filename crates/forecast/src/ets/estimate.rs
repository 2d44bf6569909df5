//! Estimation of one model by maximum likelihood.

use bongsu_core::Result;

use super::model::{ErrorType, EtsModel, SeasonType, TrendType};
use super::polish::{Faces, Point, polish};
use super::recursion::{Smoothing, State, run};
use super::region::Region;
use super::start::Start;
use crate::Information;
use crate::nelder_mead::{Bounds, NelderMead};

/// The spread of `-2 l` over the simplex at which the search has converged.
const TOLERANCE: f64 = 1e-4;
/// The iterations of the simplex after which the gradient takes over.
const ROUGH: usize = 100;
/// The least `-2 l` that is told from others: a perfect fit has no end.
const LEAST: f64 = -1e10;

/// A model with its estimates.
#[derive(Debug, Clone)]
pub(super) struct Estimate {
    pub(super) model: EtsModel,
    pub(super) smoothing: Smoothing,
    /// Before the first value.
    pub(super) state: State,
    /// One a phase, the first for the first value.
    pub(super) season: Vec<f64>,
    pub(super) log_likelihood: f64,
    /// The number of estimated parameters, with the variance.
    pub(super) parameters: usize,
    pub(super) information: Information,
    pub(super) iterations: usize,
    pub(super) converged: bool,
    /// The lower and the upper bounds of the smoothing parameters that the model has.
    faces: [Vec<f64>; 2],
}

impl Estimate {
    /// Of a series of `n` equal values: a level that follows at once.
    pub(super) fn constant(value: f64, n: usize) -> Self {
        let model = EtsModel {
            error: ErrorType::Additive,
            trend: TrendType::None,
            season: SeasonType::None,
        };
        let log_likelihood = -0.5 * deviance(0.0, 0.0, n);
        let parameters = parameters(model, 1);
        Self {
            model,
            smoothing: Smoothing {
                level: 0.9999,
                slope: 0.0,
                season: 0.0,
                damping: 1.0,
            },
            state: State {
                level: value,
                slope: 0.0,
            },
            season: Vec::new(),
            log_likelihood,
            parameters,
            information: Information::new(log_likelihood, parameters, n),
            iterations: 0,
            converged: true,
            faces: [Vec::new(), Vec::new()],
        }
    }
}

/// How the search is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    pub(super) region: Region,
    pub(super) iterations: usize,
    /// Whether the gradient takes over from a simplex that has not come to an end.
    pub(super) polish: bool,
}

/// The number of values that `model` needs with seasons of `period` points: so many that the
/// correction for few values is finite.
pub(super) fn needed(model: EtsModel, period: usize) -> usize {
    parameters(model, period).saturating_add(2)
}

/// The number of parameters, with the variance.
fn parameters(model: EtsModel, period: usize) -> usize {
    model.smoothing_count() + model.start_count(period) + 1
}

/// Fits `model` to complete `values` in the middle range of floats.
///
/// `slope_most` is the largest parameter of a slope, which the model can lower for those after it.
/// Gives none where the values cannot be expressed by the model: no point of the search has a
/// likelihood.
pub(super) fn estimate(
    model: EtsModel,
    values: &[f64],
    period: usize,
    search: Search,
    slope_most: &mut f64,
) -> Result<Option<Estimate>> {
    let start = Start::of(model, values, period, slope_most)?;
    let mut likelihood = Likelihood::new(model, values, period, search.region);
    let rough = search.iterations.min(ROUGH);
    // Without a season there are so few variables that the simplex comes to its end, and where the
    // trend multiplies there are several maxima, of which a long search finds higher ones.
    let early = search.polish && model.has_season() && !model.trend_multiplies();
    if early && rough < search.iterations {
        let found = likelihood.search(&start, rough);
        let ended = found.map(|found| finish(found, values, period, search));
        if let Some(ended) = ended.filter(|ended| ended.converged) {
            return Ok(Some(ended));
        }
    }
    let found = likelihood.search(&start, search.iterations);
    Ok(match found {
        Some(found) if search.polish => Some(finish(found, values, period, search)),
        found => found,
    })
}

/// Goes on along the gradient where the simplex has not come to an end, and where the trend
/// multiplies: there the simplex stops early.
fn finish(mut estimate: Estimate, values: &[f64], period: usize, search: Search) -> Estimate {
    if estimate.converged && !estimate.model.trend_multiplies() {
        return estimate;
    }
    let start = Point {
        smoothing: estimate.smoothing,
        state: estimate.state,
        season: std::mem::take(&mut estimate.season),
        deviance: -2.0 * estimate.log_likelihood,
    };
    let [lower, upper] = &estimate.faces;
    let model = estimate.model;
    let mut scratch = Vec::new();
    let allowed = |p: &Smoothing| search.region.contains(model, period, p, &mut scratch);
    let faces = Faces { lower, upper };
    let found = polish(model, values, &start, faces, search.iterations, allowed);
    estimate.converged |= found.is_some();
    let Point {
        smoothing,
        state,
        season,
        deviance,
    } = found.unwrap_or(start);
    estimate.log_likelihood = -0.5 * deviance;
    (estimate.smoothing, estimate.state, estimate.season) = (smoothing, state, season);
    let n = values.len();
    estimate.information = Information::new(estimate.log_likelihood, estimate.parameters, n);
    estimate
}

/// The likelihood of a model, as a function of the point of the search.
struct Likelihood<'a> {
    model: EtsModel,
    values: &'a [f64],
    region: Region,
    period: usize,
    season: Vec<f64>,
    polynomial: Vec<f64>,
}

impl<'a> Likelihood<'a> {
    fn new(model: EtsModel, values: &'a [f64], period: usize, region: Region) -> Self {
        let phases = if model.has_season() { period } else { 0 };
        Self {
            model,
            values,
            region,
            period,
            season: vec![0.0; phases],
            polynomial: Vec::new(),
        }
    }

    /// What the simplex finds from `start`; none where no point of it has a likelihood.
    fn search(&mut self, start: &Start, iterations: usize) -> Option<Estimate> {
        let method = NelderMead {
            iterations,
            tolerance: TOLERANCE,
        };
        let bounds = Bounds {
            lower: &start.lower,
            upper: &start.upper,
        };
        let found = method.minimise(&start.x, bounds, |x| self.deviance(x));
        if !found.value.is_finite() {
            return None;
        }
        let (smoothing, state) = self.unpack(&found.x);
        let parameters = parameters(self.model, self.period);
        let log_likelihood = -0.5 * found.value;
        let of_smoothing = self.model.smoothing_count();
        let faces = |all: &[f64]| all.iter().take(of_smoothing).copied().collect();
        Some(Estimate {
            model: self.model,
            smoothing,
            state,
            season: self.season.clone(),
            log_likelihood,
            parameters,
            information: Information::new(log_likelihood, parameters, self.values.len()),
            iterations: found.iterations,
            converged: found.converged,
            faces: [faces(&start.lower), faces(&start.upper)],
        })
    }

    /// The parameters at `x`; leaves the seasons, the first of which follows from the others, in
    /// their place.
    fn unpack(&mut self, x: &[f64]) -> (Smoothing, State) {
        let mut rest = x.iter().copied();
        let mut next = |wanted: bool, otherwise: f64| {
            if wanted {
                rest.next().unwrap_or(otherwise)
            } else {
                otherwise
            }
        };
        let model = self.model;
        let smoothing = Smoothing {
            level: next(true, 0.0),
            slope: next(model.has_slope(), 0.0),
            season: next(model.has_season(), 0.0),
            damping: next(model.is_damped(), 1.0),
        };
        let state = State {
            level: next(true, 0.0),
            slope: next(model.has_slope(), 0.0),
        };
        if let Some((first, others)) = self.season.split_first_mut() {
            for (season, x) in others.iter_mut().rev().zip(rest) {
                *season = x;
            }
            let total = if model.season == SeasonType::Multiplicative {
                self.period as f64
            } else {
                0.0
            };
            *first = total - others.iter().rev().sum::<f64>();
        }
        (smoothing, state)
    }

    /// `-2 l` without constants: `n ln(sum of e²) + 2 sum of ln |f|`, the last where the error is
    /// multiplicative.
    fn deviance(&mut self, x: &[f64]) -> f64 {
        let (smoothing, mut state) = self.unpack(x);
        if self.model.season == SeasonType::Multiplicative && self.season.iter().any(|&s| s < 0.0) {
            return f64::INFINITY;
        }
        let allowed =
            (self.region).contains(self.model, self.period, &smoothing, &mut self.polynomial);
        if !allowed {
            return f64::INFINITY;
        }
        let ignore = |_: f64, _: f64| {};
        let pass = run(
            self.model,
            self.values,
            smoothing,
            &mut state,
            &mut self.season,
            ignore,
        );
        deviance(pass.squares, pass.log_forecasts, self.values.len())
    }
}

fn deviance(squares: f64, log_forecasts: f64, n: usize) -> f64 {
    let squares = if squares == 0.0 { 1e-8 } else { squares };
    let deviance = n as f64 * squares.ln() + 2.0 * log_forecasts;
    if deviance < LEAST { LEAST } else { deviance }
}
