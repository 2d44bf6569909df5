//! The likelihood of exponential smoothing with its derivatives, by going back through the path.

use super::model::{ErrorType, EtsModel, SeasonType};
use super::recursion::{Smoothing, State};

/// Below this a divisor leaves the likelihood without a value.
const NEAR_ZERO: f64 = 1e-10;

/// One step of the path: what went in, and what came out.
#[derive(Debug, Clone, Copy)]
struct Step {
    level: f64,
    slope: f64,
    /// The slope after damping: what is added to the level, or multiplies it.
    trend: f64,
    /// The forecast without a season.
    base: f64,
    season: f64,
    forecast: f64,
    /// The error, relative where it is multiplicative.
    error: f64,
    /// What the value without its season is above the base.
    surprise: f64,
}

/// A likelihood, and how it moves with every parameter and first state.
#[derive(Debug, Clone)]
pub(super) struct Slopes {
    pub(super) smoothing: Smoothing,
    pub(super) state: State,
    pub(super) season: Vec<f64>,
    path: Vec<Step>,
}

impl Slopes {
    pub(super) const fn new() -> Self {
        Self {
            smoothing: Smoothing {
                level: 0.0,
                slope: 0.0,
                season: 0.0,
                damping: 0.0,
            },
            state: State {
                level: 0.0,
                slope: 0.0,
            },
            season: Vec::new(),
            path: Vec::new(),
        }
    }

    /// `-2 l` without constants of `model` over `values`; leaves its derivatives here. None where it
    /// has no finite value.
    ///
    /// Cost: O(n) time, about four passes; 64 bytes a value.
    pub(super) fn deviance(
        &mut self,
        model: EtsModel,
        values: &[f64],
        smoothing: Smoothing,
        state: State,
        season: &[f64],
    ) -> Option<f64> {
        let (squares, logs) = self.forth(model, values, smoothing, state, season);
        let n = values.len() as f64;
        let deviance = n * squares.ln() + 2.0 * logs;
        if !deviance.is_finite() || squares <= 0.0 {
            return None;
        }
        self.back(model, values, smoothing, 2.0 * n / squares);
        Some(deviance)
    }

    /// Fills the path; gives the sum of squared errors and that of the forecasts' logarithms.
    fn forth(
        &mut self,
        model: EtsModel,
        values: &[f64],
        p: Smoothing,
        state: State,
        season: &[f64],
    ) -> (f64, f64) {
        let State {
            mut level,
            mut slope,
        } = state;
        self.season.clear();
        self.season.extend_from_slice(season);
        self.path.clear();
        let (mut squares, mut logs) = (0.0, 0.0);
        let period = season.len().max(1);
        for (t, &y) in values.iter().enumerate() {
            let s = self.season.get(t % period).copied().unwrap_or(0.0);
            let trend = model.damp(slope, p.damping);
            let base = model.join(level, trend);
            let (forecast, surprise) = match model.season {
                SeasonType::None => (base, y - base),
                SeasonType::Additive => (base + s, y - s - base),
                SeasonType::Multiplicative => (base * s, y / s - base),
            };
            let divides = model.error == ErrorType::Multiplicative
                || model.season == SeasonType::Multiplicative;
            if divides && (forecast.abs() < NEAR_ZERO || base.abs() < NEAR_ZERO) {
                return (f64::NAN, f64::NAN);
            }
            let error = match model.error {
                ErrorType::Additive => y - forecast,
                ErrorType::Multiplicative => {
                    logs += forecast.abs().ln();
                    (y - forecast) / forecast
                }
            };
            squares += error * error;
            self.path.push(Step {
                level,
                slope,
                trend,
                base,
                season: s,
                forecast,
                error,
                surprise,
            });
            level = base + p.level * surprise;
            slope = if model.trend_multiplies() {
                trend + p.slope * surprise / self.path.last().map_or(1.0, |step| step.level)
            } else {
                trend + p.slope * surprise
            };
            if let Some(slot) = self.season.get_mut(t % period) {
                *slot = match model.season {
                    SeasonType::Multiplicative => s + p.season * (y / base - s),
                    _ => s + p.season * surprise,
                };
            }
        }
        (squares, logs)
    }

    /// Goes back through the path; an error moves the deviance by `weight` times itself.
    fn back(&mut self, model: EtsModel, values: &[f64], p: Smoothing, weight: f64) {
        let mut by = Smoothing {
            level: 0.0,
            slope: 0.0,
            season: 0.0,
            damping: 0.0,
        };
        let (mut of_level, mut of_slope) = (0.0, 0.0);
        self.season.fill(0.0);
        let period = self.season.len().max(1);
        for (t, (&y, step)) in values.iter().zip(&self.path).enumerate().rev() {
            // From the next states to the surprise, the base and the trend.
            by.level += of_level * step.surprise;
            let mut of_surprise = p.level * of_level;
            let mut of_base = of_level;
            let mut of_trend = of_slope;
            let mut to_level = 0.0;
            if model.trend_multiplies() {
                by.slope += of_slope * step.surprise / step.level;
                of_surprise += p.slope * of_slope / step.level;
                to_level = -p.slope * of_slope * step.surprise / (step.level * step.level);
            } else {
                by.slope += of_slope * step.surprise;
                of_surprise += p.slope * of_slope;
            }
            let mut of_season = 0.0;
            let next_season = self.season.get(t % period).copied().unwrap_or(0.0);
            match model.season {
                SeasonType::None => {}
                SeasonType::Additive => {
                    by.season += next_season * step.surprise;
                    of_surprise += p.season * next_season;
                    of_season += next_season - of_surprise;
                }
                SeasonType::Multiplicative => {
                    by.season += next_season * (y / step.base - step.season);
                    of_base -= next_season * p.season * y / (step.base * step.base);
                    of_season += next_season * (1.0 - p.season);
                    of_season -= of_surprise * y / (step.season * step.season);
                }
            }
            of_base -= of_surprise;
            // From the error and the logarithm to the forecast.
            let of_forecast = match model.error {
                ErrorType::Additive => -weight * step.error,
                ErrorType::Multiplicative => {
                    (2.0 - weight * step.error * (1.0 + step.error)) / step.forecast
                }
            };
            if model.season == SeasonType::Multiplicative {
                of_base += of_forecast * step.season;
                of_season += of_forecast * step.base;
            } else {
                of_base += of_forecast;
                of_season += of_forecast;
            }
            if let Some(slot) = self.season.get_mut(t % period) {
                *slot = of_season;
            }
            // From the base to the level and the slope before.
            if model.trend_multiplies() {
                of_level = to_level + of_base * step.trend;
                of_trend += of_base * step.level;
                of_slope = of_trend * p.damping * step.trend / step.slope;
                by.damping += of_trend * step.trend * step.slope.ln();
            } else {
                of_level = of_base;
                if model.has_slope() {
                    of_trend += of_base;
                }
                of_slope = of_trend * p.damping;
                by.damping += of_trend * step.slope;
            }
        }
        self.smoothing = by;
        self.state = State {
            level: of_level,
            slope: of_slope,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::TrendType;
    use super::super::recursion::run;
    use super::*;

    /// `-2 l` by the recursion that fits and forecasts.
    fn plain(model: EtsModel, values: &[f64], x: &[f64]) -> f64 {
        let (smoothing, mut state) = unpack(x);
        let mut season = x[6..].to_vec();
        let ignore = |_: f64, _: f64| {};
        let pass = run(model, values, smoothing, &mut state, &mut season, ignore);
        values.len() as f64 * pass.squares.ln() + 2.0 * pass.log_forecasts
    }

    fn unpack(x: &[f64]) -> (Smoothing, State) {
        let smoothing = Smoothing {
            level: x[0],
            slope: x[1],
            season: x[2],
            damping: x[3],
        };
        let state = State {
            level: x[4],
            slope: x[5],
        };
        (smoothing, state)
    }

    #[test]
    fn derivatives_are_those_of_differences() {
        let values: Vec<f64> = (0..37)
            .map(|i| {
                20.0 + f64::from(i) + f64::from(i * i * 7 % 11) + [3.0, -2.0, 0.0][i as usize % 3]
            })
            .collect();
        for error in [ErrorType::Additive, ErrorType::Multiplicative] {
            for trend in TrendType::ALL {
                for season in SeasonType::ALL {
                    let model = EtsModel {
                        error,
                        trend,
                        season,
                    };
                    let mut x = vec![0.3, 0.0, 0.0, 1.0, 25.0, 0.0];
                    if model.has_slope() {
                        x[1] = 0.1;
                        x[5] = if model.trend_multiplies() { 1.04 } else { 0.9 };
                    }
                    if model.is_damped() {
                        x[3] = 0.9;
                    }
                    match season {
                        SeasonType::None => {}
                        SeasonType::Additive => x.extend([2.5, -2.0, 0.1]),
                        SeasonType::Multiplicative => x.extend([1.1, 0.9, 1.0]),
                    }
                    if model.has_season() {
                        x[2] = 0.2;
                    }
                    let (smoothing, state) = unpack(&x);
                    let mut slopes = Slopes::new();
                    let deviance = slopes
                        .deviance(model, &values, smoothing, state, &x[6..])
                        .unwrap();
                    let expected = plain(model, &values, &x);
                    assert!(
                        (deviance - expected).abs() < 1e-9 * expected.abs(),
                        "{model}"
                    );
                    let by = slopes.smoothing;
                    let mut all = vec![by.level, by.slope, by.season, by.damping];
                    all.extend([slopes.state.level, slopes.state.slope]);
                    all.extend(&slopes.season);
                    for (k, slope) in all.iter().enumerate() {
                        let has = match k {
                            1 | 5 => model.has_slope(),
                            2 => model.has_season(),
                            3 => model.is_damped(),
                            _ => true,
                        };
                        if !has {
                            continue;
                        }
                        let at = |by: f64| {
                            let mut x = x.clone();
                            x[k] += by;
                            plain(model, &values, &x)
                        };
                        let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
                        assert!(
                            (slope - difference).abs() < 1e-5 * (1.0 + difference.abs()),
                            "{model} {k}: {slope} instead of {difference}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_forecast_of_nothing_has_no_likelihood() {
        let model = EtsModel {
            error: ErrorType::Multiplicative,
            trend: TrendType::None,
            season: SeasonType::None,
        };
        let (smoothing, state) = unpack(&[0.3, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let found = Slopes::new().deviance(model, &[1.0, 2.0], smoothing, state, &[]);
        assert_eq!(found, None);
    }
}
