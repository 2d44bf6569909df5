//! The end of a search that the simplex did not finish: many first states are too many for it.

use super::gradient::Slopes;
use super::model::{EtsModel, SeasonType};
use super::recursion::{Smoothing, State};
use crate::arima::bfgs::{Limits, minimise};

/// The gain in `-2 l` that is not worth another step.
const GAIN: f64 = 1e-5;
/// How much better than the end of the search its start may be, in `-2 l`.
const AT_FACE: f64 = 0.01;
/// How near to a face of the box a smoothing parameter starts, as a part of its width.
const EDGE: f64 = 1e-3;

/// A point of the search.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) smoothing: Smoothing,
    pub(super) state: State,
    /// One a phase.
    pub(super) season: Vec<f64>,
    /// `-2 l`.
    pub(super) deviance: f64,
}

/// The box of the smoothing parameters: level, slope, season and damping, those that the model has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faces<'a> {
    pub(super) lower: &'a [f64],
    pub(super) upper: &'a [f64],
}

/// Goes on from `start` along the gradient, as long as `allowed` says that the parameters are; gives
/// none where that did not come to an end.
///
/// Parameters of smoothing are searched as logits within their box, first states in units of the
/// errors.
pub(super) fn polish(
    model: EtsModel,
    values: &[f64],
    start: &Point,
    within: Faces<'_>,
    iterations: usize,
    mut allowed: impl FnMut(&Smoothing) -> bool,
) -> Option<Point> {
    let frame = Frame::new(model, values, start, within);
    let mut slopes = Slopes::new();
    let mut season = Vec::with_capacity(start.season.len());
    let function = |z: &[f64], gradient: &mut [f64]| {
        let (smoothing, state) = frame.unpack(z, &mut season);
        let factors = model.season == SeasonType::Multiplicative;
        if !allowed(&smoothing) || factors && season.iter().any(|&s| s <= 0.0) {
            return None;
        }
        let deviance = slopes.deviance(model, values, smoothing, state, &season)?;
        frame.gradient(z, &slopes, gradient);
        Some(deviance)
    };
    let limits = Limits {
        iterations,
        gain: GAIN,
    };
    let found = minimise(function, &frame.start(), None, limits)?;
    if !found.converged {
        return None;
    }
    let (mut smoothing, state) = frame.unpack(&found.x, &mut season);
    let mut deviance = slopes.deviance(model, values, smoothing, state, &season)?;
    // Logits only near the faces of the box, where the likelihood is often highest.
    for candidate in frame.faces_next_to(&smoothing) {
        let there = slopes.deviance(model, values, candidate, state, &season);
        if let Some(there) = there
            && there < deviance
            && allowed(&candidate)
        {
            (smoothing, deviance) = (candidate, there);
        }
    }
    if deviance <= start.deviance {
        return Some(Point {
            smoothing,
            state,
            season,
            deviance,
        });
    }
    // At several faces together the simplex may have been a little better.
    (deviance <= start.deviance + AT_FACE).then(|| start.clone())
}

/// Between the variables of the search and the parameters and states.
struct Frame<'a> {
    model: EtsModel,
    start: &'a Point,
    within: Faces<'a>,
    /// The unit of the level, the slope and the season.
    units: [f64; 3],
}

impl<'a> Frame<'a> {
    fn new(model: EtsModel, values: &[f64], start: &'a Point, within: Faces<'a>) -> Self {
        let n = values.len().max(1) as f64;
        let size = values.iter().map(|y| y.abs()).sum::<f64>() / n;
        // What one value moves: errors are about as large as the values' own steps.
        let steps = values.iter().zip(values.iter().skip(1));
        let step = (steps.map(|(a, b)| (b - a).powi(2)).sum::<f64>() / n).sqrt();
        let step = if step > 0.0 { step } else { 1.0 };
        let relative = if size > 0.0 { step / size } else { 1.0 };
        let slope = if model.trend_multiplies() {
            relative
        } else {
            step
        };
        let factors = model.season == SeasonType::Multiplicative;
        Self {
            model,
            start,
            within,
            units: [step, 0.1 * slope, if factors { relative } else { step }],
        }
    }

    /// How many parameters of smoothing there are.
    fn smoothing_count(&self) -> usize {
        self.within.lower.len()
    }

    fn start(&self) -> Vec<f64> {
        let p = self.start.smoothing;
        let has = [
            (true, p.level),
            (self.model.has_slope(), p.slope),
            (self.model.has_season(), p.season),
            (self.model.is_damped(), p.damping),
        ];
        let given = has.into_iter().filter_map(|(has, x)| has.then_some(x));
        let faces = self.within.lower.iter().zip(self.within.upper);
        let logit = |(x, (low, high)): (f64, (&f64, &f64))| {
            let share = ((x - low) / (high - low)).clamp(EDGE, 1.0 - EDGE);
            if share.is_finite() {
                (share / (1.0 - share)).ln()
            } else {
                0.0
            }
        };
        let mut z: Vec<f64> = given.zip(faces).map(logit).collect();
        let states = 1 + usize::from(self.model.has_slope());
        let seasons = self.start.season.len().saturating_sub(1);
        z.resize(z.len() + states + seasons, 0.0);
        z
    }

    /// The parameters and states at `z`; the first season follows from the others, whose sum stays.
    fn unpack(&self, z: &[f64], season: &mut Vec<f64>) -> (Smoothing, State) {
        let (smoothing, states) = z.split_at(self.smoothing_count().min(z.len()));
        let faces = self.within.lower.iter().zip(self.within.upper);
        let inside =
            |(z, (low, high)): (&f64, (&f64, &f64))| low + (high - low) / (1.0 + (-z).exp());
        let mut smoothing = smoothing.iter().zip(faces).map(inside);
        let mut next = |has: bool, otherwise: f64| {
            let x = has.then(|| smoothing.next()).flatten();
            x.unwrap_or(otherwise)
        };
        let p = Smoothing {
            level: next(true, 0.0),
            slope: next(self.model.has_slope(), 0.0),
            season: next(self.model.has_season(), 0.0),
            damping: next(self.model.is_damped(), 1.0),
        };
        let [of_level, of_slope, of_season] = self.units;
        let mut states = states.iter();
        let mut next = |has: bool| has.then(|| states.next()).flatten().copied().unwrap_or(0.0);
        let state = State {
            level: self.start.state.level + of_level * next(true),
            slope: self.start.state.slope + of_slope * next(self.model.has_slope()),
        };
        season.clone_from(&self.start.season);
        let mut moved = 0.0;
        for (s, z) in season.iter_mut().skip(1).zip(states) {
            *s += of_season * z;
            moved += of_season * z;
        }
        if let Some(first) = season.first_mut() {
            *first -= moved;
        }
        (p, state)
    }

    /// The parameters with one after the other, and then all, on the face that they are next to.
    fn faces_next_to(&self, smoothing: &Smoothing) -> Vec<Smoothing> {
        let mut all = *smoothing;
        let mut candidates = Vec::with_capacity(4);
        let faces = self.within.lower.iter().zip(self.within.upper);
        let has = [
            true,
            self.model.has_slope(),
            self.model.has_season(),
            self.model.is_damped(),
        ];
        let kept = (0..has.len())
            .zip(has)
            .filter_map(|(i, has)| has.then_some(i));
        for (which, (&low, &high)) in kept.zip(faces) {
            let part = |p: &mut Smoothing, to: Option<f64>| {
                let slot = match which {
                    0 => &mut p.level,
                    1 => &mut p.slope,
                    2 => &mut p.season,
                    _ => &mut p.damping,
                };
                *slot = to.unwrap_or(*slot);
                *slot
            };
            let share = (part(&mut all, None) - low) / (high - low);
            let face = if share < 0.5 { low } else { high };
            if share.min(1.0 - share) < 2.0 * EDGE {
                let mut one = *smoothing;
                part(&mut one, Some(face));
                part(&mut all, Some(face));
                candidates.push(one);
            }
        }
        candidates.push(all);
        candidates
    }

    /// The gradient in the variables of the search.
    fn gradient(&self, z: &[f64], slopes: &Slopes, out: &mut [f64]) {
        let by = slopes.smoothing;
        let has = [
            (true, by.level),
            (self.model.has_slope(), by.slope),
            (self.model.has_season(), by.season),
            (self.model.is_damped(), by.damping),
        ];
        let given = has.into_iter().filter_map(|(has, x)| has.then_some(x));
        let faces = self.within.lower.iter().zip(self.within.upper);
        let smoothing = given.zip(z).zip(faces).map(|((slope, z), (low, high))| {
            let share = 1.0 / (1.0 + (-z).exp());
            slope * (high - low) * share * (1.0 - share)
        });
        let [of_level, of_slope, of_season] = self.units;
        let level = std::iter::once(slopes.state.level * of_level);
        let slope = self
            .model
            .has_slope()
            .then_some(slopes.state.slope * of_slope);
        let first = slopes.season.first().copied().unwrap_or(0.0);
        let season = slopes.season.iter().skip(1);
        let season = season.map(|slope| (slope - first) * of_season);
        let all = smoothing.chain(level).chain(slope).chain(season);
        for (out, slope) in out.iter_mut().zip(all) {
            *out = slope;
        }
    }
}
