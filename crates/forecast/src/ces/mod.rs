//! Complex exponential smoothing.

mod fitted;
mod recursion;
mod sensitivity;

use bongsu_core::{Error, FittedForecaster, Forecaster, Result, SeriesView};
use bongsu_stats::decompose::Classical;
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::least_squares::LevenbergMarquardt;
use crate::nelder_mead::{Bounds, NelderMead};
use crate::{Criterion, Information, check};

pub use fitted::{CesParameters, FittedCes};
pub use recursion::CesSeason;

use recursion::{Complex, Pair, Smoothing, States, run};
use sensitivity::MovingStates;

/// The longest season.
const MAX_PERIOD: usize = 1 << 16;
/// What a full step must promise to take from `-2 l` for the search to go on.
const TOLERANCE: f64 = 1e-6;
/// The most evaluations of a search.
const EVALUATIONS: usize = 200;
/// The least `-2 l` that is told from others.
const LEAST: f64 = -1e10;
/// The potential of a first state is the state over this.
const FIRST_POTENTIAL: f64 = 1.1;

/// Configuration of complex exponential smoothing.
///
/// A level `l` and its information potential `c` move with the error `e_t = y_t - l_(t-1)`:
/// `l_t = l_(t-1) - (1 - a1) c_(t-1) + (a0 - a1) e_t` and
/// `c_t = l_(t-1) + (1 - a0) c_(t-1) + (a0 + a1) e_t`, so that levels and trends of many kinds need no
/// other part. Seasons: none; simple (a level and a potential for each phase); partial (an additive
/// season, `s_t = s_(t-m) + b0 e_t`); full (a season with a potential of its own). Parameters
/// maximise the likelihood after the series was smoothed forth, back and forth; the criterion chooses
/// the season.
///
/// A period that does not fit twice into the series leaves only the model without a season. Missing
/// values are filled on straight lines before the fit and have no residual.
///
/// Intervals are normal with the exact variance of the model.
///
/// The squared errors are made least by damped steps along their exact derivatives, from where
/// statsforecast starts; a simplex helps out in narrow valleys. That finds the top of the likelihood
/// that is next to the start: where there are several it may be another one than that of
/// statsforecast, mostly a higher one. The highest of all is not sought, since it forecasts worse.
///
/// Cost: some 10 to 30 evaluations of three passes at 10 ns a value for each of four models;
/// O(n + m) memory.
///
/// Source: Svetunkov, Kourentzes & Ord 2022, <https://doi.org/10.1002/nav.22074>; likelihood and
/// choice as in `AutoCES` of statsforecast 2.1, which simulates its intervals by errors in the states.
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::Ces;
/// let times: Vec<_> = (0..40).map(|i| Timestamp::from_secs(60 * i)).collect();
/// let values: Vec<f64> = (0..40).map(|i| 10.0 + [3.0, 0.0, -1.0, -2.0][i % 4]).collect();
/// let labels = Labels::empty();
/// let fitted = Ces::automatic().period(4)?.fit(&SeriesView::new(&labels, &times, &values)?)?;
/// let next = fitted.forecast(&ForecastRequest::steps(1))?.mean[0];
/// assert!((next - 13.0).abs() < 0.1, "{next}");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ces {
    season: Option<CesSeason>,
    period: usize,
    criterion: Criterion,
}

impl Default for Ces {
    fn default() -> Self {
        Self {
            season: None,
            period: 1,
            criterion: Criterion::Aicc,
        }
    }
}

impl Ces {
    /// Any season: the one with the least criterion is kept.
    #[must_use]
    pub fn automatic() -> Self {
        Self::default()
    }

    /// The season; `None` tries all. Default: `None`.
    #[must_use]
    pub const fn season(mut self, season: Option<CesSeason>) -> Self {
        self.season = season;
        self
    }

    /// The points of a season; 1 for none. Domain: [1, 65536]. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn period(mut self, points: usize) -> Result<Self> {
        self.period = check::count("period", points, 1, MAX_PERIOD)?;
        Ok(self)
    }

    /// By what an automatic choice compares. Default: [`Criterion::Aicc`].
    #[must_use]
    pub const fn criterion(mut self, criterion: Criterion) -> Self {
        self.criterion = criterion;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or a season is asked for without its period.
    pub fn validate(&self) -> Result<()> {
        check::count("period", self.period, 1, MAX_PERIOD)?;
        if self.period == 1 && self.season.is_some_and(|season| season != CesSeason::None) {
            return Err(Error::parameter(
                "period",
                self.period,
                "at least 2 for complex exponential smoothing with a season",
            ));
        }
        Ok(())
    }

    /// Fits the model to `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is not on a regular grid or has an
    /// infinite value, there are fewer than 5 values (7 with a full season), or fewer than two
    /// periods for the season asked for.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedCes> {
        const NAME: &str = "complex exponential smoothing";
        self.validate()?;
        let history = History::of(NAME, series, 5)?.scaled();
        let n = history.values.len();
        let seasonal = self.period > 1 && n / 2 >= self.period;
        if let Some(season) = self.season
            && season != CesSeason::None
        {
            let needed = (2 * self.period).max(season.parameters() + 2);
            if n < needed || history.present < season.parameters() + 2 {
                return Err(Error::not_enough_data(NAME, needed, n));
            }
        }
        let mut best: Option<Estimate> = None;
        for season in CesSeason::ALL {
            let wanted = self.season.is_none_or(|wanted| wanted == season);
            let possible = seasonal || season == CesSeason::None;
            if !wanted || !possible || history.present < season.parameters() + 2 {
                continue;
            }
            let estimate = match history.constant() {
                Some(value) => Estimate::constant(season, self.period, value, n),
                None => estimate(season, &history.values, self.period)?,
            };
            let by = |estimate: &Estimate| estimate.information.by(self.criterion);
            if best.as_ref().is_none_or(|best| by(&estimate) < by(best)) {
                best = Some(estimate);
            }
        }
        match best {
            Some(best) if best.log_likelihood.is_finite() => Ok(FittedCes::new(&history, best)),
            _ => Err(Error::input(format!(
                "no model of {NAME} has a likelihood for this series"
            ))),
        }
    }
}

impl Forecaster for Ces {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

/// A model with its estimates.
#[derive(Debug, Clone)]
struct Estimate {
    season: CesSeason,
    smoothing: Smoothing,
    /// Before the first pass.
    first: States,
    log_likelihood: f64,
    information: Information,
    converged: bool,
}

impl Estimate {
    fn new(
        season: CesSeason,
        smoothing: Smoothing,
        first: States,
        deviance: f64,
        n: usize,
    ) -> Self {
        let log_likelihood = -0.5 * deviance;
        Self {
            season,
            smoothing,
            first,
            log_likelihood,
            information: Information::new(log_likelihood, season.parameters(), n),
            converged: true,
        }
    }

    /// Of equal values: states that no error moves.
    fn constant(season: CesSeason, period: usize, value: f64, n: usize) -> Self {
        let unmoved = Complex { re: 1.0, im: 1.0 };
        let smoothing = Smoothing {
            level: unmoved,
            season: unmoved,
        };
        let level = Pair {
            value,
            potential: value,
        };
        let first = match season {
            CesSeason::Simple => level,
            _ => Pair::default(),
        };
        let phases = if season == CesSeason::None { 0 } else { period };
        let states = States {
            level,
            season: vec![first; phases],
        };
        Self::new(season, smoothing, states, deviance(0.0, n), n)
    }
}

/// Fits one model.
fn estimate(season: CesSeason, values: &[f64], period: usize) -> Result<Estimate> {
    let first = first_states(season, values, period)?;
    Ok(match season {
        CesSeason::None => search::<{ sensitivity::NONE }, 2>(first, values),
        CesSeason::Simple => search::<{ sensitivity::SIMPLE }, 2>(first, values),
        CesSeason::Partial => search::<{ sensitivity::PARTIAL }, 3>(first, values),
        CesSeason::Full => search::<{ sensitivity::FULL }, 4>(first, values),
    })
}

/// The spread of `-2 l` over a simplex at which it has converged.
const SPREAD: f64 = 1e-4;
/// Where the search starts: real and imaginary part for the level and for the season.
const START: [f64; 4] = [1.3, 1.0, 1.3, 1.0];
/// The upper bound of each.
const UPPER: [f64; 4] = [1.8, 1.9, 1.5, 1.5];
/// The lower bound of each.
const LOWER: f64 = 0.01;
/// Where the search starts for a partial season.
const START_OF_PARTIAL: f64 = 0.1;

/// The parameters with the least squared errors.
fn search<const KIND: u8, const D: usize>(first: States, values: &[f64]) -> Estimate {
    let n = values.len();
    let mut start = std::array::from_fn(|i| START.get(i).copied().unwrap_or(LOWER));
    if let (sensitivity::PARTIAL, Some(season)) = (KIND, start.last_mut()) {
        *season = START_OF_PARTIAL;
    }
    let upper = std::array::from_fn(|i| UPPER.get(i).copied().unwrap_or(LOWER));
    let reversed = backwards(values);
    let mut states = MovingStates::<D>::new(&first);
    let method = LevenbergMarquardt {
        evaluations: EVALUATIONS,
        tolerance: TOLERANCE / n as f64,
        nothing: f64::EPSILON * f64::EPSILON * values.iter().map(|y| y * y).sum::<f64>(),
    };
    let mut evaluate = |x: &[f64; D]| {
        sensitivity::smooth::<KIND, D>([values, &reversed], unpack(x), &first, &mut states)
    };
    let bounds = [&[LOWER; D], &upper];
    let mut found = method.minimise(start, bounds, &mut evaluate);
    if !found.converged {
        // In a valley so narrow and bent that steps along its tangent leave it.
        let simplex = NelderMead {
            iterations: 1000,
            tolerance: SPREAD,
        };
        let bounds_of_simplex = Bounds {
            lower: &[LOWER; D],
            upper: &upper,
        };
        let squares = |x: &[f64]| {
            let x = std::array::from_fn(|i| x.get(i).copied().unwrap_or(LOWER));
            deviance(evaluate(&x).squares, n)
        };
        let lowest = simplex.minimise(&found.x, bounds_of_simplex, squares);
        let x = std::array::from_fn(|i| lowest.x.get(i).copied().unwrap_or(LOWER));
        found = method.minimise(x, bounds, &mut evaluate);
        found.converged |= lowest.converged;
    }
    let deviance = deviance(found.squares, n);
    let kind = sensitivity::kind(KIND);
    let mut estimate = Estimate::new(kind, unpack(&found.x), first, deviance, n);
    estimate.converged = found.converged;
    estimate
}

/// Smooths forth, back and forth; gives the sum of squared errors of the last pass.
fn smooth(
    season: CesSeason,
    [values, backwards]: [&[f64]; 2],
    smoothing: Smoothing,
    states: &mut States,
    seen: impl FnMut(f64, f64),
) -> f64 {
    run(season, values, smoothing, states, |_, _| {});
    states.reverse(season, smoothing);
    run(season, backwards, smoothing, states, |_, _| {});
    states.reverse(season, smoothing);
    run(season, values, smoothing, states, seen)
}

/// The values from the last to the first.
fn backwards(values: &[f64]) -> Vec<f64> {
    values.iter().rev().copied().collect()
}

fn unpack(x: &[f64]) -> Smoothing {
    let at = |i: usize| x.get(i).copied().unwrap_or(0.0);
    Smoothing {
        level: Complex {
            re: at(0),
            im: at(1),
        },
        season: Complex {
            re: at(2),
            im: at(3),
        },
    }
}

/// `-2 l` without constants.
fn deviance(squares: f64, n: usize) -> f64 {
    let deviance = n as f64 * squares.ln();
    if deviance < LEAST { LEAST } else { deviance }
}

fn first_states(season: CesSeason, values: &[f64], period: usize) -> Result<States> {
    let pair = |value: f64| Pair {
        value,
        potential: value / FIRST_POTENTIAL,
    };
    let mean_of_first = |count: usize| {
        let count = count.min(values.len());
        values.iter().take(count).sum::<f64>() / count as f64
    };
    let seasonal = || -> Result<_> {
        let parts = Classical::new(period)?.decompose(values)?;
        Ok(parts.seasonal.into_iter().take(period))
    };
    Ok(match season {
        CesSeason::None => States {
            level: pair(mean_of_first(10)),
            season: Vec::new(),
        },
        CesSeason::Simple => States {
            level: Pair::default(),
            season: values
                .iter()
                .take(period)
                .map(|&value| pair(value))
                .collect(),
        },
        CesSeason::Partial => States {
            level: pair(mean_of_first(period)),
            season: seasonal()?
                .map(|value| Pair {
                    value,
                    potential: 0.0,
                })
                .collect(),
        },
        CesSeason::Full => States {
            level: pair(mean_of_first(period)),
            season: seasonal()?.map(pair).collect(),
        },
    })
}
