//! Where the search for parameters and initial states begins.

use bongsu_core::Result;
use bongsu_stats::decompose::{Classical, Model};

use super::model::{EtsModel, SeasonType};
use crate::line::{line, line_beside_wave};

/// The least and the largest smoothing parameter.
pub(super) const SMOOTHING: [f64; 2] = [0.0001, 0.9999];
/// The least and the largest damping.
const DAMPING: [f64; 2] = [0.8, 0.98];
/// The largest first factor of a slope.
const FAR: f64 = 1e10;
/// The least seasonal factor.
const LEAST_FACTOR: f64 = 0.01;

/// A point of the search, and its box: the smoothing parameters of level, slope, season and damping
/// that the model has, the first level, the first slope, and the seasons of phases `period - 1` down
/// to 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Start {
    pub(super) x: Vec<f64>,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
}

impl Start {
    /// For `model`, whose slope's parameter may be `slope_most` at most; lowers that to the first
    /// parameter of the level where the model has a slope.
    pub(super) fn of(
        model: EtsModel,
        values: &[f64],
        period: usize,
        slope_most: &mut f64,
    ) -> Result<Self> {
        let mut start = Self::default();
        start.push_smoothing(model, period, slope_most);
        for state in states(model, values, period)? {
            start.push(state, f64::NEG_INFINITY, f64::INFINITY);
        }
        Ok(start)
    }

    fn push(&mut self, x: f64, lower: f64, upper: f64) {
        self.x.push(x);
        self.lower.push(lower);
        self.upper.push(upper);
    }

    fn push_smoothing(&mut self, model: EtsModel, period: usize, slope_most: &mut f64) {
        let [least, most] = SMOOTHING;
        let between = |low: f64, high: f64, share: f64| low + share * (high - low);
        let cycle = if model.has_season() {
            period as f64
        } else {
            1.0
        };
        let level = between(least, most, 0.2 / cycle);
        self.push(level, least, most);
        if model.has_slope() {
            *slope_most = slope_most.min(level);
            self.push(between(least, *slope_most, 0.1), least, *slope_most);
        }
        if model.has_season() {
            let most = most.min(1.0 - level);
            self.push(between(least, most, 0.05), least, most);
        }
        if model.is_damped() {
            let [least, most] = DAMPING;
            self.push(between(least, most, 0.99), least, most);
        }
    }
}

/// The first states: level, slope where there is one, seasons of phases `period - 1` down to 1.
fn states(model: EtsModel, values: &[f64], period: usize) -> Result<Vec<f64>> {
    let (adjusted, mut seasons) = match model.season {
        SeasonType::None => (values.to_vec(), Vec::new()),
        SeasonType::Additive => {
            let seasonal = seasonal(values, period, Model::Additive)?;
            let pairs = values.iter().zip(&seasonal);
            (pairs.map(|(y, s)| y - s).collect(), seasonal)
        }
        SeasonType::Multiplicative => {
            let mut seasonal = seasonal(values, period, Model::Multiplicative)?;
            for factor in &mut seasonal {
                *factor = factor.max(LEAST_FACTOR);
            }
            let pairs = values.iter().zip(&seasonal);
            (pairs.map(|(y, s)| y / s).collect(), seasonal)
        }
    };
    seasons.truncate(period);
    let mut seasons: Vec<f64> = seasons.into_iter().skip(1).rev().collect();
    if model.season == SeasonType::Multiplicative && seasons.iter().sum::<f64>() > period as f64 {
        let total: f64 = seasons.iter().map(|s| s + LEAST_FACTOR).sum();
        for season in &mut seasons {
            *season /= total;
        }
    }
    let cycle = if model.has_season() { period } else { 1 };
    let first = cycle.saturating_mul(2).max(10).min(adjusted.len());
    let head = adjusted.get(..first).unwrap_or(&adjusted);
    let mut states = Vec::with_capacity(seasons.len() + 2);
    if model.has_slope() {
        let [mut level, mut slope] = line(head);
        if model.trend_multiplies() {
            [level, slope] = growth(head, level, slope);
        }
        // A first forecast of 0 would divide by 0 where the error is multiplicative.
        if !model.trend_multiplies() && (level + slope).abs() < 1e-8 {
            level *= 1.001;
            slope *= 0.999;
        }
        states.extend([level, slope]);
    } else {
        states.push(head.iter().sum::<f64>() / head.len().max(1) as f64);
    }
    states.extend(seasons);
    Ok(states)
}

/// The first level and its factor a step, from the line through the first values, as R's `ets` has it.
fn growth(head: &[f64], level: f64, slope: f64) -> [f64; 2] {
    let first = level + slope;
    let first = if first.abs() < 1e-8 { 1e-7 } else { first };
    let factor = ((level + 2.0 * slope) / first).clamp(-FAR, FAR);
    if first / factor >= 1e-8 && factor >= 1e-8 {
        return [first / factor, factor];
    }
    let at = |i: usize| head.get(i).copied().unwrap_or(1.0);
    [at(0).max(1e-3), (at(1) / at(0)).max(1e-3)]
}

/// The season of every value: from a classical decomposition where there are three cycles, else what
/// a line leaves when it is fitted beside the wave of one period.
fn seasonal(values: &[f64], period: usize, model: Model) -> Result<Vec<f64>> {
    if values.len() >= period.saturating_mul(3) {
        return Ok(Classical::new(period)?
            .model(model)
            .decompose(values)?
            .seasonal);
    }
    let [level, slope] = line_beside_wave(values, period);
    let line = (1..).map(|t| level + slope * f64::from(t));
    let pairs = values.iter().zip(line);
    Ok(match model {
        Model::Additive => pairs.map(|(y, line)| y - line).collect(),
        Model::Multiplicative => pairs.map(|(y, line)| y / line).collect(),
    })
}
