use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastRequest, Result, SeriesView, Snapshot,
};
use serde::{Deserialize, Serialize};

use super::recursion::{CesSeason, Complex, Pair, Smoothing, States, run};
use super::{Estimate, backwards, smooth};
use crate::history::History;
use crate::{Information, Timeline, check, interval};

/// The smoothing parameters of a fitted model, real and imaginary parts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CesParameters {
    /// Of the level, or of the level of each phase.
    pub alpha: [f64; 2],
    /// Of the season: none without one or with a simple one; the imaginary part is 0 for a partial
    /// one.
    pub beta: Option<[f64; 2]>,
}

/// A fitted model of complex exponential smoothing; see [`Ces`](super::Ces).
///
/// Takes 8 bytes a fitted step, 16 a point of the season and some 200 more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedCes {
    timeline: Timeline,
    season: CesSeason,
    parameters: CesParameters,
    /// In `unit`.
    last: States,
    /// In `unit`.
    deviation: f64,
    unit: f64,
    log_likelihood: f64,
    information: Information,
    converged: bool,
    residuals: Vec<f64>,
}

impl FittedCes {
    pub(super) fn new(history: &History, estimate: Estimate) -> Self {
        let (unit, n) = (history.unit, history.values.len());
        let season = estimate.season;
        let mut last = estimate.first;
        let mut fitted = Vec::with_capacity(n);
        let keep = |forecast, _| fitted.push(forecast);
        let reversed = backwards(&history.values);
        let both = [history.values.as_slice(), &reversed];
        let squares = smooth(season, both, estimate.smoothing, &mut last, keep);
        let parameters = season.parameters();
        let freedom = n.saturating_sub(parameters + 1).max(1);
        let log_likelihood = estimate.log_likelihood - n as f64 * unit.ln();
        let Smoothing {
            level: alpha,
            season: beta,
        } = estimate.smoothing;
        let own_season = matches!(season, CesSeason::Partial | CesSeason::Full);
        let full = season == CesSeason::Full;
        Self {
            timeline: history.timeline,
            season,
            parameters: CesParameters {
                alpha: [alpha.re, alpha.im],
                beta: own_season.then_some([beta.re, if full { beta.im } else { 0.0 }]),
            },
            last,
            deviation: f64::sqrt(squares / freedom as f64),
            unit,
            log_likelihood,
            information: Information::new(log_likelihood, parameters, n),
            converged: estimate.converged,
            residuals: history.residuals(fitted),
        }
    }

    /// The season: the one asked for, or the best.
    #[must_use]
    pub const fn season(&self) -> CesSeason {
        self.season
    }

    /// Its smoothing parameters.
    #[must_use]
    pub const fn parameters(&self) -> CesParameters {
        self.parameters
    }

    /// The standard deviation of the errors.
    #[must_use]
    pub const fn deviation(&self) -> f64 {
        self.deviation * self.unit
    }

    /// `-n/2 ln(sum of e²)`: the logarithm of the likelihood without its constants.
    #[must_use]
    pub const fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Its information criteria; only those of models of the same series, fitted by
    /// [`Ces`](super::Ces), compare.
    #[must_use]
    pub const fn information(&self) -> Information {
        self.information
    }

    /// Whether the search ended because the likelihood no longer changed, not because of its limit.
    #[must_use]
    pub const fn converged(&self) -> bool {
        self.converged
    }

    /// The grid of the fitted series.
    #[must_use]
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn smoothing(&self) -> Smoothing {
        let complex = |[re, im]: [f64; 2]| Complex { re, im };
        Smoothing {
            level: complex(self.parameters.alpha),
            season: complex(self.parameters.beta.unwrap_or([0.0; 2])),
        }
    }

    fn means(&self, steps: usize) -> Vec<f64> {
        let Smoothing {
            level: alpha,
            season: beta,
        } = self.smoothing();
        let States {
            mut level,
            mut season,
        } = self.last.clone();
        let mut means = Vec::with_capacity(steps);
        while means.len() < steps {
            if self.season == CesSeason::None {
                means.push(level.value);
                level = level.after(alpha, 0.0);
                continue;
            }
            for pair in season.iter_mut().take(steps - means.len()) {
                match self.season {
                    CesSeason::Simple => {
                        means.push(pair.value);
                        *pair = pair.after(alpha, 0.0);
                        continue;
                    }
                    CesSeason::Full => {
                        means.push(level.value + pair.value);
                        *pair = pair.after(beta, 0.0);
                    }
                    CesSeason::None | CesSeason::Partial => means.push(level.value + pair.value),
                }
                level = level.after(alpha, 0.0);
            }
        }
        means
    }

    /// The standard deviations of the next values: an error goes on as the level, and the phase of
    /// the season, that it moves.
    fn deviations(&self, steps: usize) -> Vec<f64> {
        let Smoothing {
            level: alpha,
            season: beta,
        } = self.smoothing();
        let period = self.last.season.len();
        let moved = |by: Complex| Pair::default().after(by, 1.0);
        let (mut level, mut season) = match self.season {
            CesSeason::Simple => (Pair::default(), moved(alpha)),
            CesSeason::Partial => (
                moved(alpha),
                Pair {
                    value: beta.re,
                    potential: 0.0,
                },
            ),
            CesSeason::None | CesSeason::Full => (moved(alpha), moved(beta)),
        };
        let mut sum = 1.0;
        let mut phase = 0;
        let step = |_| {
            let deviation = self.deviation * f64::sqrt(sum);
            let mut response = level.value;
            phase += 1;
            if phase == period {
                phase = 0;
                response += season.value;
                match self.season {
                    CesSeason::Simple => season = season.after(alpha, 0.0),
                    CesSeason::Full => season = season.after(beta, 0.0),
                    CesSeason::None | CesSeason::Partial => {}
                }
            }
            level = level.after(alpha, 0.0);
            sum += response * response;
            deviation
        };
        (0..steps).map(step).collect()
    }
}

impl FittedForecaster for FittedCes {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        check::levels(request.levels)?;
        check::no_regressors(request)?;
        let targets = self.timeline.targets(request.horizon)?;
        let steps = targets.last();
        let mut means = self.means(steps);
        let mut deviations = self.deviations(steps);
        for x in means.iter_mut().chain(&mut deviations) {
            *x *= self.unit;
        }
        interval::normal(targets, &means, &deviations, request.levels)
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        let (timeline, values) = self.timeline.continued(y)?;
        for part in values.chunk_by(|a, b| a.is_nan() == b.is_nan()) {
            let missing = part.first().is_some_and(|value| value.is_nan());
            let seen = if missing {
                self.means(part.len())
            } else {
                part.iter()
                    .map(|value| value / self.unit)
                    .collect::<Vec<f64>>()
            };
            let smoothing = self.smoothing();
            let (unit, residuals) = (self.unit, &mut self.residuals);
            let keep =
                |_, error: f64| residuals.push(if missing { f64::NAN } else { error * unit });
            run(self.season, &seen, smoothing, &mut self.last, keep);
        }
        self.timeline = timeline;
        Ok(())
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

impl Snapshot for FittedCes {
    const KIND: &'static str = "forecast.ces.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.timeline.validate()?;
        let own_season = matches!(self.season, CesSeason::Partial | CesSeason::Full);
        let pairs = self.last.season.iter().chain([&self.last.level]);
        let finite = pairs
            .flat_map(|pair| [pair.value, pair.potential])
            .chain(self.parameters.alpha)
            .chain(self.parameters.beta.into_iter().flatten())
            .all(f64::is_finite);
        let shapes = self.last.season.is_empty() == (self.season == CesSeason::None)
            && self.parameters.beta.is_some() == own_season
            && self.residuals.len() == self.timeline.len();
        if finite && shapes && self.deviation >= 0.0 && self.unit > 0.0 {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the parameters, the states or the residuals do not fit the season",
            ))
        }
    }
}
