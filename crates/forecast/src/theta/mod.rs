//! The Theta method and its optimised and dynamic kin.

mod fitted;
mod recursion;
mod season;

use bongsu_core::{Error, FittedForecaster, Forecaster, Result, SeriesView};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::history::History;
use crate::nelder_mead::{Bounds, NelderMead};

pub use fitted::{FittedTheta, ThetaParameters};
pub use season::Decomposition;

use recursion::{Form, run};
use season::Season;

/// The longest season.
const MAX_PERIOD: usize = 1 << 16;
/// The fewest values: the first three have no weight in the search.
const NEEDED: usize = 4;
/// The spread of the objective over the simplex at which the search has converged.
const TOLERANCE: f64 = 1e-4;
/// The least and the largest weight of the newest value.
const ALPHA: [f64; 2] = [0.1, 0.99];
/// How far the first level may go, and the largest weight of the trend.
const FAR: f64 = 1e10;

/// Which Theta model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThetaModel {
    /// Two lines, one straight, the other bent twice as much (theta 2).
    Standard,
    /// The bend is fitted.
    Optimised,
    /// Theta 2, and the straight line moves with every value.
    Dynamic,
    /// The bend is fitted and the straight line moves with every value.
    DynamicOptimised,
}

impl ThetaModel {
    const ALL: [Self; 4] = [
        Self::Standard,
        Self::Optimised,
        Self::Dynamic,
        Self::DynamicOptimised,
    ];

    const fn is_dynamic(self) -> bool {
        matches!(self, Self::Dynamic | Self::DynamicOptimised)
    }

    const fn fits_theta(self) -> bool {
        matches!(self, Self::Optimised | Self::DynamicOptimised)
    }
}

/// Configuration of a Theta forecast.
///
/// A season that a test finds is taken out first. Then, with the level `l` of simple exponential
/// smoothing and the straight line `A + B t` through the values (through those up to now in the
/// dynamic models), the forecast of `y_(t+1)` is
/// `l_t + (1 - 1/theta) (A (1 - alpha)^t + B (1 - (1 - alpha)^(t+1)) / alpha)` and
/// `l_(t+1) = alpha y_(t+1) + (1 - alpha) l_t`. The first level, `alpha` in [0.1, 0.99] and, where it
/// is fitted, `theta` of at least 1 make the squared errors from the fourth value on least.
///
/// A season is there when the autocorrelation at the period is above 1.645 standard errors, for
/// periods of at least 4 and series of two of them; it is multiplied where all values are above 0
/// and no factor is below 0.01, else added. A constant series goes on as it is. Missing values are
/// filled on straight lines and have no residual.
///
/// Intervals are normal with the exact variance of the model, by the deviation of the residuals from
/// the fourth on; multiplied seasons multiply it.
///
/// Cost: the search evaluates some 100 to 300 passes at 10 ns a value; O(n) memory.
///
/// Source: Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler 2016,
/// <https://doi.org/10.1016/j.ijforecast.2016.02.005>; estimates as in statsforecast 2.1, which
/// simulates its intervals.
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::Theta;
/// let times: Vec<_> = (0..30).map(|i| Timestamp::from_secs(60 * i)).collect();
/// let values: Vec<f64> = (0..30).map(|i| 5.0 + 0.5 * i as f64).collect();
/// let labels = Labels::empty();
/// let fitted = Theta::new().fit(&SeriesView::new(&labels, &times, &values)?)?;
/// let next = fitted.forecast(&ForecastRequest::steps(1))?.mean[0];
/// assert!((next - 20.0).abs() < 0.5, "{next}");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Theta {
    model: Option<ThetaModel>,
    period: usize,
    decomposition: Decomposition,
}

impl Default for Theta {
    fn default() -> Self {
        Self {
            model: Some(ThetaModel::Standard),
            period: 1,
            decomposition: Decomposition::Multiplicative,
        }
    }
}

impl Theta {
    /// The standard Theta method, without a season.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The dynamic optimised Theta method, without a season.
    #[must_use]
    pub fn dynamic_optimised() -> Self {
        Self::new().model(Some(ThetaModel::DynamicOptimised))
    }

    /// Which model; `None` for the one of the four with the least squared errors. Default:
    /// [`ThetaModel::Standard`].
    #[must_use]
    pub const fn model(mut self, model: Option<ThetaModel>) -> Self {
        self.model = model;
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

    /// How a season is taken out where it can be. Default: [`Decomposition::Multiplicative`].
    #[must_use]
    pub const fn decomposition(mut self, decomposition: Decomposition) -> Self {
        self.decomposition = decomposition;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("period", self.period, 1, MAX_PERIOD).map(drop)
    }

    /// Fits the model to `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is not on a regular grid or has an
    /// infinite value, or there are fewer than 4 values.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedTheta> {
        self.validate()?;
        let history = History::of("the Theta method", series, NEEDED)?.scaled();
        let season = Season::find(&history.values, self.period, self.decomposition)?;
        let adjusted = season.remove_from(&history.values);
        let models = match &self.model {
            Some(model) => std::slice::from_ref(model),
            None => &ThetaModel::ALL,
        };
        let mut best: Option<Estimate> = None;
        for &model in models {
            let estimate = match history.constant() {
                Some(value) => Estimate::constant(model, value),
                None => estimate(model, &adjusted, history.unit),
            };
            if best.as_ref().is_none_or(|best| estimate.value < best.value) {
                best = Some(estimate);
            }
        }
        match best {
            Some(best) if best.value.is_finite() => {
                Ok(FittedTheta::new(&history, &season, &adjusted, &best))
            }
            _ => Err(Error::input(
                "the values are too far apart for the Theta method",
            )),
        }
    }
}

impl Forecaster for Theta {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

/// A model with its estimates.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    model: ThetaModel,
    level: f64,
    alpha: f64,
    theta: f64,
    value: f64,
    converged: bool,
}

impl Estimate {
    /// Of equal values: the level is there, and no trend.
    const fn constant(model: ThetaModel, value: f64) -> Self {
        Self {
            model,
            level: value,
            alpha: 0.5,
            theta: 1.0,
            value: 0.0,
            converged: true,
        }
    }
}

/// The parameters of `model` that make the squared errors of `values`, in the given unit, least.
fn estimate(model: ThetaModel, values: &[f64], unit: f64) -> Estimate {
    let first = values.first().copied().unwrap_or(0.0);
    let size = values.iter().map(|value| value.abs()).sum::<f64>() / values.len() as f64;
    // The tolerance is one of the series' own unit, but never wider than in ours.
    let method = NelderMead {
        iterations: 1000,
        tolerance: TOLERANCE * (1.0 / unit).clamp(1e-6, 1.0),
    };
    let [least, most] = ALPHA;
    let mut start = vec![first / 2.0, 0.5];
    let mut lower = vec![-FAR, least];
    let mut upper = vec![FAR, most];
    if model.fits_theta() {
        start.push(2.0);
        lower.push(1.0);
        upper.push(FAR);
    }
    let unpack = |x: &[f64]| {
        let at = |i: usize, otherwise: f64| x.get(i).copied().unwrap_or(otherwise);
        (at(0, 0.0), at(1, 0.5), at(2, 2.0))
    };
    let fixed = Form::of(values, model.is_dynamic());
    let bounds = Bounds {
        lower: &lower,
        upper: &upper,
    };
    let found = method.minimise(&start, bounds, |x| {
        let (level, alpha, theta) = unpack(x);
        let squares = run(values, fixed.with(level, alpha, theta), |_, _| {}).squares;
        squares / size.max(1e-10)
    });
    let (level, alpha, theta) = unpack(&found.x);
    Estimate {
        model,
        level,
        alpha,
        theta,
        value: found.value,
        converged: found.converged,
    }
}
