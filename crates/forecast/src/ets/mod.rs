//! Exponential smoothing in state space form (error, trend, season).

mod estimate;
mod fitted;
mod gradient;
mod growth;
mod model;
mod polish;
mod recursion;
mod region;
mod simulate;
mod start;
mod variance;

use bongsu_core::{Error, FittedForecaster, Forecaster, Result, SeriesView};
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::{Criterion, check};

pub use fitted::{EtsParameters, EtsStates, FittedEts};
pub use model::{ErrorType, EtsModel, Family, SeasonType, SlopeType, TrendType};
pub use region::Region;

use estimate::{Estimate, Search, estimate, needed};

/// The longest season.
const MAX_PERIOD: usize = 1 << 16;

/// Configuration of exponential smoothing.
///
/// A level `l`, a slope `b` and seasons `s` go through the series; with the forecast
/// `f_t = l_(t-1) + phi b_(t-1) + s_(t-m)` and the error `e_t = y_t - f_t`,
/// `l_t = l_(t-1) + phi b_(t-1) + alpha e_t`, `b_t = phi b_(t-1) + beta e_t`,
/// `s_t = s_(t-m) + gamma e_t`. A multiplicative season multiplies the forecast instead, and a
/// multiplicative error is a fraction of it. Parameters and first states maximise the likelihood;
/// among several models the criterion chooses. Damped models forecast
/// `l_n + (phi + ... + phi^h) b_n`.
///
/// A multiplicative trend is a factor `b` a step: `f_t = l_(t-1) b_(t-1)^phi` before the season,
/// `b_t = b_(t-1)^phi + beta e_t / l_(t-1)`.
///
/// Models that multiply (error, trend or season) are for values above 0; models that add an error and
/// multiply anything are unstable, as are those that multiply error and trend and add a season: they
/// are fitted only when all letters are given. A constant series
/// is its level. Missing values are filled on straight lines before the fit and have no residual.
///
/// Intervals are normal with the exact variance, or quantiles of simulated paths for the unstable
/// models and for multiplicative trends.
///
/// Where a season has many first states the simplex of the search would stop at its limit: after 100
/// iterations it goes on along the exact gradient (BFGS), for every model, before the choice.
///
/// Cost: an evaluation of the likelihood takes 2 to 8 ns a value, and a gradient some four times that;
/// a series of 720 points with a season of 24 takes some 20 ms for all 15 models. O(n + m²) memory.
///
/// Source: Hyndman, Koehler, Snyder & Grose 2002, <https://doi.org/10.1016/S0169-2070(01)00110-8>;
/// likelihood, starts, first search and choice as in `AutoETS` of statsforecast 2.1, except that a damped
/// trend is summed as in the paper. As there, the box of the slope's parameter never grows again from
/// one model of a choice to the next: after a seasonal model slopes stay slow.
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::Ets;
/// let times: Vec<_> = (0..40).map(|i| Timestamp::from_secs(60 * i)).collect();
/// let values: Vec<f64> = (0..40).map(|i| 10.0 + [3.0, 0.0, -1.0, -2.0][i % 4]).collect();
/// let labels = Labels::empty();
/// let fitted = Ets::automatic().period(4)?.fit(&SeriesView::new(&labels, &times, &values)?)?;
/// let forecast = fitted.forecast(&ForecastRequest::steps(2).levels(&[0.8]))?;
/// assert!((forecast.mean[0] - 13.0).abs() < 1e-3 && (forecast.mean[1] - 10.0).abs() < 1e-3);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ets {
    model: Family,
    damped: Option<bool>,
    period: usize,
    criterion: Criterion,
    region: Region,
    allow_multiplicative_trend: bool,
    polish: bool,
    iterations: usize,
    paths: usize,
    seed: u64,
}

impl Default for Ets {
    fn default() -> Self {
        Self {
            model: Family::default(),
            damped: None,
            period: 1,
            criterion: Criterion::Aicc,
            region: Region::Box,
            allow_multiplicative_trend: false,
            polish: true,
            iterations: 1000,
            paths: 5000,
            seed: 0,
        }
    }
}

impl Ets {
    /// The models of `family`, a damped trend only if [`Ets::damped`] asks for one.
    #[must_use]
    pub fn new(family: Family) -> Self {
        Self {
            model: family,
            damped: Some(false),
            ..Self::default()
        }
    }

    /// Every stable model, damped ones too: the one with the least criterion is kept.
    #[must_use]
    pub fn automatic() -> Self {
        Self::default()
    }

    /// The models that are tried. Default: any.
    #[must_use]
    pub const fn model(mut self, family: Family) -> Self {
        self.model = family;
        self
    }

    /// Whether a trend is damped; `None` tries both. Default: `None`, and `Some(false)` after
    /// [`Ets::new`].
    #[must_use]
    pub const fn damped(mut self, damped: Option<bool>) -> Self {
        self.damped = damped;
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

    /// Where the smoothing parameters may lie. Default: [`Region::Box`].
    #[must_use]
    pub const fn region(mut self, region: Region) -> Self {
        self.region = region;
        self
    }

    /// Whether trends that multiply the level (`M` and `Md`) are among those that are tried where the
    /// family leaves the trend open; one that names `M` has them anyway. Default: false, since their
    /// forecasts can explode.
    #[must_use]
    pub const fn allow_multiplicative_trend(mut self, allow: bool) -> Self {
        self.allow_multiplicative_trend = allow;
        self
    }

    /// Whether the search goes on along the gradient where 100 iterations of the simplex have not come
    /// to an end, as with long seasons. Default: true; statsforecast and R stay with the simplex.
    #[must_use]
    pub const fn polish(mut self, polish: bool) -> Self {
        self.polish = polish;
        self
    }

    /// The most iterations of the search for each model. Domain: [1, 1048576]. Default: 1000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn iterations(mut self, iterations: usize) -> Result<Self> {
        self.iterations = check::count("iterations", iterations, 1, 1 << 20)?;
        Ok(self)
    }

    /// The paths that are simulated where an interval has no closed form. Domain: [2, 1048576].
    /// Default: 5000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn paths(mut self, paths: usize) -> Result<Self> {
        self.paths = check::count("paths", paths, 2, 1 << 20)?;
        Ok(self)
    }

    /// The seed of simulated paths (PCG64). Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain, or two contradict each other.
    pub fn validate(&self) -> Result<()> {
        check::count("period", self.period, 1, MAX_PERIOD)?;
        check::count("iterations", self.iterations, 1, 1 << 20)?;
        check::count("paths", self.paths, 2, 1 << 20)?;
        if self.damped == Some(true) && self.model.slope == Some(SlopeType::None) {
            return Err(Error::parameter(
                "damped",
                true,
                format!("false for model {}, which has no trend", self.model),
            ));
        }
        let seasonal = self.model.season.is_some_and(|s| s != SeasonType::None);
        if seasonal && self.period == 1 {
            return Err(Error::parameter(
                "period",
                self.period,
                format!("at least 2 for model {}, which has a season", self.model),
            ));
        }
        Ok(())
    }

    /// Fits the model to `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is not on a regular grid or has an
    /// infinite value, there are too few values for the models asked for, or they are not above 0
    /// where a given model multiplies.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedEts> {
        self.validate()?;
        let history = History::of("exponential smoothing", series, 2)?.scaled();
        let estimate = match history.constant() {
            Some(value) => Estimate::constant(value, history.values.len()),
            None => self.choose(&history.values, history.present)?,
        };
        Ok(FittedEts::new(self, &history, estimate))
    }

    /// The best of the models for values in a middle range of floats, `present` of which were seen.
    fn choose(&self, values: &[f64], present: usize) -> Result<Estimate> {
        let positive = values.iter().all(|&value| value > 0.0);
        let models = (self.model).models(self.damped, self.allow_multiplicative_trend);
        let mut least_needed = usize::MAX;
        let mut best: Option<Estimate> = None;
        let search = Search {
            region: self.region,
            iterations: self.iterations,
            polish: self.polish,
        };
        let mut refused = None;
        let [_, mut slope_most] = start::SMOOTHING;
        for model in models {
            if model.has_season() && self.period == 1 {
                continue;
            }
            if model.needs_positive() && !positive {
                refused = Some(model);
                continue;
            }
            let needed = needed(model, self.period);
            if present < needed {
                least_needed = least_needed.min(needed);
                continue;
            }
            let Some(estimate) = estimate(model, values, self.period, search, &mut slope_most)?
            else {
                continue;
            };
            let by = |estimate: &Estimate| estimate.information.by(self.criterion);
            if best.as_ref().is_none_or(|best| by(&estimate) < by(best)) {
                best = Some(estimate);
            }
        }
        best.ok_or_else(|| match refused {
            _ if least_needed < usize::MAX => Error::not_enough_data(
                format!("exponential smoothing of model {}", self.model),
                least_needed,
                present,
            ),
            Some(model) => Error::input(format!(
                "{model} multiplies and needs values above 0, but the series has others"
            )),
            None => Error::input(format!(
                "no model of the family {} has a likelihood for this series",
                self.model
            )),
        })
    }
}

impl Forecaster for Ets {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}
