use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastRequest, Result, SeriesView, Snapshot,
};
use serde::{Deserialize, Serialize};

use super::recursion::{Form, State, run, weights};
use super::season::{Decomposition, Season};
use super::{Estimate, ThetaModel};
use crate::history::History;
use crate::{Timeline, check, interval};

/// The parameters of a fitted Theta model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThetaParameters {
    /// The level before the first value, in the unit of the series.
    pub level: f64,
    /// The weight of the newest value in the level.
    pub alpha: f64,
    /// The bend: 1 is no trend, larger ones take more of it.
    pub theta: f64,
}

/// A fitted Theta model; see [`Theta`](super::Theta).
///
/// Takes 8 bytes a fitted step, 8 a point of the season and some 200 more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedTheta {
    timeline: Timeline,
    model: ThetaModel,
    parameters: ThetaParameters,
    /// The level, the mean of the values, the intercept and the slope of the line after the last, in
    /// `unit`.
    last: [f64; 4],
    unit: f64,
    /// The season of the coming steps, the first for the next one, in `unit` where it is added; empty
    /// where there is none.
    season: Vec<f64>,
    decomposition: Decomposition,
    /// In `unit`.
    deviation: f64,
    converged: bool,
    residuals: Vec<f64>,
}

impl FittedTheta {
    pub(super) fn new(
        history: &History,
        season: &Season,
        adjusted: &[f64],
        estimate: &Estimate,
    ) -> Self {
        let unit = history.unit;
        let form = Form::of(adjusted, estimate.model.is_dynamic()).with(
            estimate.level,
            estimate.alpha,
            estimate.theta,
        );
        let mut fitted = Vec::with_capacity(adjusted.len());
        let mut errors = Vec::with_capacity(adjusted.len());
        let pass = run(adjusted, form, |forecast, error| {
            fitted.push(forecast);
            errors.push(error);
        });
        for (fitted, &s) in fitted.iter_mut().zip(&season.values) {
            match season.kind {
                Decomposition::Additive => *fitted += s,
                Decomposition::Multiplicative => *fitted *= s,
            }
        }
        let coming = season.values.len().saturating_sub(season.period);
        let last = pass.last;
        Self {
            timeline: history.timeline,
            model: estimate.model,
            parameters: ThetaParameters {
                level: estimate.level * unit,
                alpha: estimate.alpha,
                theta: estimate.theta,
            },
            last: [last.level, last.mean, last.intercept, last.slope],
            unit,
            season: season.values.iter().skip(coming).copied().collect(),
            decomposition: season.kind,
            deviation: deviation_of(&errors),
            converged: estimate.converged,
            residuals: history.residuals(fitted),
        }
    }

    /// The model: the one asked for, or the best of all.
    #[must_use]
    pub const fn model(&self) -> ThetaModel {
        self.model
    }

    /// Its parameters.
    #[must_use]
    pub const fn parameters(&self) -> ThetaParameters {
        self.parameters
    }

    /// The season of the coming steps, the first for the next one: added, or factors, as
    /// [`FittedTheta::decomposition`] says. Empty where the test found none.
    #[must_use]
    pub fn season(&self) -> Vec<f64> {
        let unit = match self.decomposition {
            Decomposition::Additive => self.unit,
            Decomposition::Multiplicative => 1.0,
        };
        self.season.iter().map(|s| s * unit).collect()
    }

    /// How a season was taken out.
    #[must_use]
    pub const fn decomposition(&self) -> Decomposition {
        self.decomposition
    }

    /// The standard deviation of the errors from the fourth on, the season taken out.
    #[must_use]
    pub const fn deviation(&self) -> f64 {
        self.deviation * self.unit
    }

    /// Whether the search ended because the errors no longer shrank, not because of its limit.
    #[must_use]
    pub const fn converged(&self) -> bool {
        self.converged
    }

    /// The grid of the fitted series.
    #[must_use]
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The state after the last value.
    fn state(&self) -> State {
        let [level, mean, intercept, slope] = self.last;
        let n = self.timeline.len() as f64;
        State {
            count: n,
            level,
            mean,
            intercept,
            slope,
            decay: (1.0 - self.parameters.alpha).powf(n),
        }
    }

    /// The means and standard deviations of the next `steps` values in `unit`, the season taken out.
    fn path(&self, steps: usize) -> (Vec<f64>, Vec<f64>) {
        let ThetaParameters { alpha, theta, .. } = self.parameters;
        let mut state = self.state();
        let mut spread = Spread::default();
        let (mut means, mut deviations) = (Vec::with_capacity(steps), Vec::with_capacity(steps));
        for _ in 0..steps {
            let (of_intercept, of_slope) = weights(state.decay, alpha, theta);
            let forecast = state.level + of_intercept * state.intercept + of_slope * state.slope;
            means.push(forecast);
            let dynamic = self.model.is_dynamic();
            // The intercept of a dynamic line is its mean less its slope times (count + 1) / 2.
            let reads = if dynamic {
                let middle = 0.5 * (state.count + 1.0);
                [1.0, of_intercept, of_slope - of_intercept * middle]
            } else {
                [1.0, 0.0, 0.0]
            };
            deviations.push(self.deviation * spread.of_value(&reads).sqrt());
            spread.advance(&reads, state.count, alpha, dynamic);
            state.level = alpha * forecast + (1.0 - alpha) * state.level;
            state.decay *= 1.0 - alpha;
            if dynamic {
                state.learn_line(forecast);
            }
            state.count += 1.0;
        }
        (means, deviations)
    }
}

/// The covariance of level, mean and slope, over the variance of an error.
#[derive(Debug, Default)]
struct Spread([[f64; 3]; 3]);

impl Spread {
    /// The variance of a value that reads the states so and has an error of its own.
    fn of_value(&self, reads: &[f64; 3]) -> f64 {
        let rows = self.0.iter().zip(reads);
        1.0 + rows.map(|(row, r)| r * dot(row, reads)).sum::<f64>()
    }

    /// The covariance after such a value was learned as number `count + 1`.
    fn advance(&mut self, reads: &[f64; 3], count: f64, alpha: f64, dynamic: bool) {
        let next = 1.0 / (count + 1.0);
        // How a state keeps the states, and what it takes of the value.
        let bend = 6.0 * next / (count + 2.0);
        let (keeps, takes) = if dynamic {
            (
                [
                    [1.0 - alpha, 0.0, 0.0],
                    [0.0, count * next, 0.0],
                    [0.0, -bend, (count - 1.0) / (count + 2.0)],
                ],
                [alpha, next, bend],
            )
        } else {
            (
                [[1.0 - alpha, 0.0, 0.0], [0.0; 3], [0.0; 3]],
                [alpha, 0.0, 0.0],
            )
        };
        let mut moves = keeps;
        for (row, take) in moves.iter_mut().zip(takes) {
            for (x, read) in row.iter_mut().zip(reads) {
                *x += take * read;
            }
        }
        // M P M' + g g'.
        let half = moves.map(|row| self.0.map(|column| dot(&row, &column)));
        self.0 = half.map(|row| moves.map(|column| dot(&row, &column)));
        for (row, a) in self.0.iter_mut().zip(takes) {
            for (x, b) in row.iter_mut().zip(takes) {
                *x += a * b;
            }
        }
    }
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The sample standard deviation of the errors from the fourth on, of all where that is one alone.
fn deviation_of(errors: &[f64]) -> f64 {
    let tail = match errors.get(3..) {
        Some(tail) if tail.len() > 1 => tail,
        _ => errors,
    };
    let n = tail.len() as f64;
    let mean = tail.iter().sum::<f64>() / n;
    let squares: f64 = tail.iter().map(|e| (e - mean) * (e - mean)).sum();
    (squares / (n - 1.0)).sqrt()
}

impl FittedForecaster for FittedTheta {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        check::levels(request.levels)?;
        check::no_regressors(request)?;
        let targets = self.timeline.targets(request.horizon)?;
        let (mut means, mut deviations) = self.path(targets.last());
        let pairs = means.iter_mut().zip(&mut deviations);
        for ((mean, deviation), s) in pairs.zip(self.season.iter().cycle()) {
            match self.decomposition {
                Decomposition::Additive => *mean += s,
                Decomposition::Multiplicative => {
                    *mean *= s;
                    *deviation *= s;
                }
            }
        }
        for x in means.iter_mut().chain(&mut deviations) {
            *x *= self.unit;
        }
        interval::normal(targets, &means, &deviations, request.levels)
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        let (timeline, values) = self.timeline.continued(y)?;
        let alpha = self.parameters.alpha;
        for value in values {
            let (means, _) = self.path(1);
            let expected = means.first().copied().unwrap_or(0.0);
            let value = value / self.unit;
            let season = self.season.first().copied();
            let (adjusted, forecast) = match (self.decomposition, season) {
                (_, None) => (value, expected),
                (Decomposition::Additive, Some(s)) => (value - s, expected + s),
                (Decomposition::Multiplicative, Some(s)) => (value / s, expected * s),
            };
            self.residuals.push((value - forecast) * self.unit);
            // A division by a season of 0 tells nothing of the level, as a missing value.
            let seen = if adjusted.is_finite() {
                adjusted
            } else {
                expected
            };
            let mut state = self.state();
            state.level = alpha * seen + (1.0 - alpha) * state.level;
            if self.model.is_dynamic() {
                state.learn_line(seen);
            }
            self.last = [state.level, state.mean, state.intercept, state.slope];
            if !self.season.is_empty() {
                self.season.rotate_left(1);
            }
            self.timeline = self.timeline.extended(1)?;
        }
        self.timeline = timeline;
        Ok(())
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

impl Snapshot for FittedTheta {
    const KIND: &'static str = "forecast.theta.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.timeline.validate()?;
        let p = self.parameters;
        let finite = self.last.iter().chain(&self.season).all(|x| x.is_finite());
        let inside = p.level.is_finite() && p.alpha > 0.0 && p.alpha < 1.0 && p.theta >= 1.0;
        let lengths = self.residuals.len() == self.timeline.len();
        if finite && inside && lengths && self.deviation >= 0.0 && self.unit > 0.0 {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the parameters, the states or the residuals of the Theta model are outside their domain",
            ))
        }
    }
}
