//! A forecaster as a detector: every value is judged by a forecast that has not seen it.

mod clock;
mod fitted;
mod online;
mod stream;
mod walk;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Labels, Result, Rows, Series, Timestamp};
use serde::{Deserialize, Serialize};

use crate::conformal::Adaptive;
use crate::model::Model;
use crate::{Timeline, check};

pub use fitted::FittedForecastDetector;
pub use online::OnlineForecaster;
pub use stream::ForecastStream;

use walk::Walk;

/// How far a value lies from what was predicted, in percent of it: `100 (value - predicted) /
/// |predicted|`, 0 where the prediction is 0.
///
/// ```
/// use bongsu_forecast::detector::deviation_percent;
/// assert_eq!(deviation_percent(12.0, 10.0), 20.0);
/// assert_eq!(deviation_percent(3.0, 0.0), 0.0);
/// ```
#[must_use]
pub fn deviation_percent(value: f64, predicted: f64) -> f64 {
    if predicted == 0.0 {
        0.0
    } else {
        100.0 * ((value - predicted) / predicted.abs())
    }
}

/// Configuration of a forecaster as a detector of a single column.
///
/// `score = |y - f| / h`, where `f` is the one-step forecast of the value and `h` the half of its band
/// on the side where the value lies: 1 is the bound. A missing value (NaN) scores 0, and counts in the
/// model as it was expected.
///
/// **Causality.** The first `initial` steps are those of the first fit: they are judged by its
/// one-step forecasts among them, whose parameters have seen them; the first few, which have no such
/// forecast, have a band without bounds and score 0. Every later value is judged by a forecast from the
/// values before it alone. After each value the model takes it into account
/// ([`update`](bongsu_core::FittedForecaster::update); a model that cannot forecasts further ahead),
/// and every `refit` steps it is fitted anew to the last `window` steps; where that fails it goes on
/// as it was, which [`FittedForecastDetector::failed_refits`] counts.
///
/// A later value beyond 1e150 in magnitude is judged as it is, and counts in the model as 1e150.
///
/// **Rows.** Where rows have timestamps both when fitting and when scoring, their place follows from
/// their time, on the grid of the rows that it was fitted to; a step without a row is a missing value.
/// Else the first row of every call is the first row it learned from: score the rows that it learned
/// from together with those that follow. Rows that it learned from are judged as above; later ones go
/// on from its state, without changing it.
///
/// **Calibration.** With [`ForecastDetector::adaptive`] the model's half-bands are multiplied by what
/// keeps the stated share of values inside in the long run, see [`Adaptive`].
///
/// Cost: a fit every `refit` steps, and a forecast and an update a step. A fitted detector holds its
/// model and 32 bytes a step it learned from. Scoring later rows copies the model once a
/// call; for points that come one by one see [`OnlineForecaster`], which does not.
///
/// Source: as the model; the band and the share follow Hyndman & Athanasopoulos 2021, *Forecasting:
/// Principles and Practice*, 5.5.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_forecast::{ForecastDetector, Naive};
/// let value = |i: usize| [0.0, 4.0, 9.0, 4.0][i % 4] + (i * i % 5) as f64 / 10.0;
/// let train = Array2::from_shape_fn((60, 1), |(i, _)| value(i));
/// let fitted = ForecastDetector::new(Naive::seasonal(4)?).fit(train.view())?;
/// // The same rows and three more, the last of which breaks the pattern.
/// let rows = Array2::from_shape_fn((63, 1), |(i, _)| if i == 62 { 0.0 } else { value(i) });
/// let scores = fitted.score(rows.view())?;
/// assert!(scores[61] < 1.0 && scores[62] > 5.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastDetector {
    pub(super) model: Model,
    pub(super) level: f64,
    pub(super) initial: usize,
    pub(super) refit: usize,
    pub(super) window: usize,
    pub(super) adaptive: Option<f64>,
}

/// The scores that an adaptive band keeps, at least.
const SCORES: usize = 500;

impl ForecastDetector {
    /// The defaults: a band of 95 %, first fitted to 100 steps (half of the rows where there are
    /// fewer than 200), then anew every 100 to the last 1000, without calibration.
    #[must_use]
    pub fn new(model: impl Into<Model>) -> Self {
        Self {
            model: model.into(),
            level: 0.95,
            initial: 100,
            refit: 100,
            window: 1000,
            adaptive: None,
        }
    }

    /// The coverage of the band. Domain: (0, 1). Default: 0.95.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn level(mut self, level: f64) -> Result<Self> {
        self.level = check::level(level)?;
        Ok(self)
    }

    /// The steps of the first fit: for a seasonal model at least two seasons. Domain: [2, 16777216].
    /// Default: 100; half of the rows where they are fewer than twice as many.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn initial(mut self, steps: usize) -> Result<Self> {
        self.initial = check::count("initial", steps, 2, MAX_STEPS)?;
        Ok(self)
    }

    /// After how many steps the model is fitted anew; a season is a good choice. Domain: [1,
    /// 16777216]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn refit(mut self, steps: usize) -> Result<Self> {
        self.refit = check::count("refit", steps, 1, MAX_STEPS)?;
        Ok(self)
    }

    /// How many of the last steps a fit takes: for a seasonal model at least two seasons. Domain:
    /// [2, 16777216]. Default: 1000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, steps: usize) -> Result<Self> {
        self.window = check::count("window", steps, 2, MAX_STEPS)?;
        Ok(self)
    }

    /// How fast the band adapts to the share of values that it misses; `None` leaves it to the model.
    /// Domain: [0, 1]. Default: `None`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn adaptive(mut self, gamma: Option<f64>) -> Result<Self> {
        self.adaptive = gamma;
        self.calibration()?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::level(self.level)?;
        check::count("initial", self.initial, 2, MAX_STEPS)?;
        check::count("refit", self.refit, 1, MAX_STEPS)?;
        check::count("window", self.window, 2, MAX_STEPS)?;
        self.calibration()?;
        self.model.validate()
    }

    /// A new adaptive band, where one is wanted.
    fn calibration(&self) -> Result<Option<Adaptive>> {
        let Some(gamma) = self.adaptive else {
            return Ok(None);
        };
        let capacity = SCORES.max(crate::conformal::needed(self.level).saturating_mul(2));
        Adaptive::new(self.level, gamma, capacity).map(Some)
    }

    /// Fits the model to one column of `rows`, and judges them.
    ///
    /// # Errors
    /// When a parameter is outside its domain, there is not one column, the rows are not on a regular
    /// grid, a value is beyond 1e150 in magnitude, the model cannot be fitted to the first steps, or it has no
    /// intervals.
    pub fn fit_rows(&self, rows: &Rows<'_>) -> Result<FittedForecastDetector> {
        self.validate()?;
        let values = column(&rows.values())?;
        let times = rows.timestamps().map(<[_]>::to_vec);
        let timed = times.is_some();
        let times = times.unwrap_or_else(|| counted(values.len()));
        let series = Series::new(Labels::empty(), times, values)?;
        let (timeline, values) = Timeline::of(&series.view())?;
        let initial = self.initial.min(values.len().div_ceil(2)).max(2);
        let (mut walk, mut judged) = Walk::start(self, &timeline, &values, initial)?;
        for &value in values.get(initial..).unwrap_or_default() {
            judged.push(walk.step(self, value)?);
        }
        Ok(FittedForecastDetector::new(
            self.clone(),
            timed,
            judged,
            walk,
        ))
    }
}

/// The most steps of any kind.
const MAX_STEPS: usize = 1 << 24;

/// Moments for rows without any: their numbers, as seconds.
fn counted(rows: usize) -> Vec<Timestamp> {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    (0..rows).map(Timestamp::from_secs).collect()
}

/// The values of a table of one column.
fn column(x: &ArrayView2<'_, f64>) -> Result<Vec<f64>> {
    if x.ncols() != 1 {
        return Err(Error::shape("number of features", x.ncols(), 1));
    }
    let values: Vec<f64> = x.iter().copied().collect();
    check::no_infinity(&values)?;
    Ok(values)
}

impl FitDetector for ForecastDetector {
    type Fitted = FittedForecastDetector;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<Self::Fitted> {
        self.fit_rows(&Rows::untimed(x))
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(Self::Fitted, Vec<f64>)> {
        use bongsu_core::Detector as _;
        let fitted = self.fit_rows(rows)?;
        let scores = fitted.score_rows(rows)?;
        Ok((fitted, scores))
    }
}
