//! How good a model would have been: forecasts from moments of the past, against what came.

mod outcome;

use bongsu_core::{
    Error, ErrorKind, FittedForecaster, Forecast, ForecastRequest, Forecaster, Result, SeriesView,
    Timestamp,
};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use crate::{Timeline, check};

pub use outcome::{BacktestRow, Backtested, OriginFailure};

/// When a model is fitted anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refit {
    /// At the first origin and at every so many after it; at each for 1.
    Every(usize),
    /// At the first origin only.
    Never,
}

/// Configuration of a rolling-origin backtest.
///
/// The model is fitted to what was known at an origin and forecasts the next `horizon` steps; then the
/// origin moves on by `step`. Between two fits a model takes the new values into account by
/// [`FittedForecaster::update`] where it can; one that cannot goes on forecasting from its last fit,
/// so many steps further. Only origins whose whole horizon has passed count. A model that cannot be
/// fitted or cannot forecast at an origin is reported in [`Backtested::failures`], and its rows are
/// left out.
///
/// The series is put on its [`Timeline`]: lengths count steps, holes included.
///
/// Fits run on all threads of the current rayon pool; results do not depend on their number.
///
/// Cost: that of the fits and forecasts; 40 bytes a row and 16 a level.
///
/// Source: Tashman 2000, <https://doi.org/10.1016/S0169-2070(00)00065-0>.
///
/// ```
/// use bongsu_core::{Labels, SeriesView, Timestamp};
/// use bongsu_forecast::{Backtest, Naive};
/// let times: Vec<_> = (0..6).map(|i| Timestamp::from_secs(60 * i)).collect();
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &[1.0, 2.0, 4.0, 4.0, 7.0, 7.0])?;
/// let backtested = Backtest::new(3, 2)?.run(&Naive::last(), &series)?;
/// let errors: Vec<f64> = backtested.rows.iter().map(|r| r.actual.unwrap() - r.mean).collect();
/// assert_eq!(errors, [0.0, 3.0, 3.0, 3.0]);
/// assert_eq!(backtested.accuracy()?.mae, 2.25);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backtest {
    initial: usize,
    horizon: usize,
    step: usize,
    window: Option<usize>,
    refit: Refit,
    levels: Vec<f64>,
    period: usize,
}

impl Backtest {
    /// The defaults: a fit at each step from `initial` steps on (domain: at least 2), `horizon` steps
    /// ahead (domain: [1, 1048576]), everything known taken, no intervals, errors scaled by a period
    /// of 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(initial: usize, horizon: usize) -> Result<Self> {
        let this = Self {
            initial,
            horizon,
            step: 1,
            window: None,
            refit: Refit::Every(1),
            levels: Vec::new(),
            period: 1,
        };
        this.validate()?;
        Ok(this)
    }

    /// The steps from origin to origin. Domain: at least 1. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn step(mut self, steps: usize) -> Result<Self> {
        self.step = steps;
        self.validate()?;
        Ok(self)
    }

    /// How many of the last known steps a fit takes; `None` takes all. Domain: at least 2. Default:
    /// `None`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, steps: Option<usize>) -> Result<Self> {
        self.window = steps;
        self.validate()?;
        Ok(self)
    }

    /// When the model is fitted anew. Domain: at least every 1. Default: at every origin.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn refit(mut self, refit: Refit) -> Result<Self> {
        self.refit = refit;
        self.validate()?;
        Ok(self)
    }

    /// The coverages of the wanted intervals. Domain: each in (0, 1). Default: none.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn levels(mut self, levels: &[f64]) -> Result<Self> {
        self.levels = levels.to_vec();
        self.validate()?;
        Ok(self)
    }

    /// The points of the season by whose naive forecast errors are scaled; 1 for none. Domain: at
    /// least 1. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn period(mut self, points: usize) -> Result<Self> {
        self.period = points;
        self.validate()?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("initial", self.initial, 2, usize::MAX)?;
        check::count("horizon", self.horizon, 1, crate::timeline::MAX_STEPS)?;
        check::count("step", self.step, 1, usize::MAX)?;
        check::count("period", self.period, 1, usize::MAX)?;
        if let Some(window) = self.window {
            check::count("window", window, 2, usize::MAX)?;
        }
        if let Refit::Every(origins) = self.refit {
            check::count("refit", origins, 1, usize::MAX)?;
        }
        check::levels(&self.levels)
    }

    /// Runs `model` over `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is not on a regular grid or has an infinite
    /// value, or it is shorter than the first origin and a horizon. Failures of the model at an
    /// origin are part of the result.
    pub fn run(&self, model: &dyn Forecaster, series: &SeriesView<'_>) -> Result<Backtested> {
        self.validate()?;
        let (timeline, values) = Timeline::of(series)?;
        let needed = self.initial.saturating_add(self.horizon);
        if values.len() < needed {
            return Err(Error::not_enough_data("a backtest", needed, values.len()));
        }
        let times: Vec<Timestamp> = (0..values.len())
            .map(|index| timeline.at(index))
            .collect::<Result<_>>()?;
        let known = SeriesView::new(series.labels(), &times, &values)?;
        let origins: Vec<usize> = (self.initial..=values.len() - self.horizon)
            .step_by(self.step)
            .collect();
        let size = match self.refit {
            Refit::Every(count) => count,
            Refit::Never => origins.len(),
        };
        let blocks: Vec<&[usize]> = origins.chunks(size.max(1)).collect();
        let run = |block: &&[usize]| Block::new(self, &known).run(model, block);
        let parts: Vec<Block<'_>> = blocks.par_iter().map(run).collect();
        let (mut rows, mut failures) = (Vec::new(), Vec::new());
        for part in parts {
            rows.extend(part.rows);
            failures.extend(part.failures);
        }
        Ok(Backtested {
            levels: self.levels.clone(),
            origins: origins.len(),
            rows,
            failures,
            history: values.iter().take(self.initial).copied().collect(),
            period: self.period,
        })
    }
}

/// The origins that share a fit.
struct Block<'a> {
    config: &'a Backtest,
    known: &'a SeriesView<'a>,
    rows: Vec<BacktestRow>,
    failures: Vec<OriginFailure>,
}

/// The points of `series` with these indices.
fn part<'a>(series: &SeriesView<'a>, range: std::ops::Range<usize>) -> Result<SeriesView<'a>> {
    let times = series.timestamps().get(range.clone()).unwrap_or_default();
    let values = series.values().get(range).unwrap_or_default();
    SeriesView::new(series.labels(), times, values)
}

impl<'a> Block<'a> {
    const fn new(config: &'a Backtest, known: &'a SeriesView<'a>) -> Self {
        Self {
            config,
            known,
            rows: Vec::new(),
            failures: Vec::new(),
        }
    }

    fn run(mut self, model: &dyn Forecaster, origins: &[usize]) -> Self {
        let Some(&first) = origins.first() else {
            return self;
        };
        let start = self.config.window.map_or(0, |w| first.saturating_sub(w));
        let fitted = part(self.known, start..first).and_then(|known| model.fit(&known));
        let mut fitted = match fitted {
            Ok(fitted) => fitted,
            Err(error) => {
                for &origin in origins {
                    self.fail(origin, &error);
                }
                return self;
            }
        };
        // Up to which step the fitted model knows the values.
        let mut seen = first;
        for &origin in origins {
            let outcome = self.advance(fitted.as_mut(), &mut seen, origin);
            let outcome = outcome.and_then(|()| self.forecast(fitted.as_ref(), origin, seen));
            if let Err(error) = outcome {
                self.fail(origin, &error);
            }
        }
        self
    }

    fn advance(
        &self,
        fitted: &mut dyn FittedForecaster,
        seen: &mut usize,
        origin: usize,
    ) -> Result<()> {
        if origin == *seen {
            return Ok(());
        }
        match fitted.update(&part(self.known, *seen..origin)?) {
            Ok(()) => {
                *seen = origin;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn forecast(
        &mut self,
        fitted: &dyn FittedForecaster,
        origin: usize,
        seen: usize,
    ) -> Result<()> {
        let horizon = self.config.horizon;
        let targets = part(self.known, origin..origin + horizon)?;
        let skipped = origin - seen;
        let request = ForecastRequest::steps(skipped + horizon).levels(&self.config.levels);
        let forecast = fitted.forecast(&request)?;
        check_forecast(&forecast, skipped + horizon, self.config.levels.len())?;
        let made = *part(self.known, origin - 1..origin)?
            .timestamps()
            .first()
            .unwrap_or(&Timestamp::MIN);
        let moments = targets.timestamps().iter().zip(targets.values());
        let means = forecast.mean.iter().enumerate().skip(skipped);
        for ((&timestamp, &actual), (row, &mean)) in moments.zip(means) {
            let bound = |values: &[f64]| values.get(row).copied().unwrap_or(f64::NAN);
            let bounds = forecast.intervals.iter();
            self.rows.push(BacktestRow {
                origin: made,
                timestamp,
                step: row - skipped + 1,
                mean,
                bounds: bounds.map(|b| [bound(&b.lower), bound(&b.upper)]).collect(),
                actual: (!actual.is_nan()).then_some(actual),
            });
        }
        Ok(())
    }

    fn fail(&mut self, origin: usize, error: &Error) {
        let last = self.known.timestamps().get(origin.wrapping_sub(1));
        self.failures.push(OriginFailure {
            origin: last.copied().unwrap_or(Timestamp::MIN),
            message: error.to_string(),
        });
    }
}

/// Every asked value is there and finite.
fn check_forecast(forecast: &Forecast, steps: usize, levels: usize) -> Result<()> {
    if forecast.mean.len() != steps {
        return Err(Error::shape(
            "number of forecasts",
            forecast.mean.len(),
            steps,
        ));
    }
    if forecast.intervals.len() != levels {
        let found = forecast.intervals.len();
        return Err(Error::shape("number of intervals", found, levels));
    }
    let bounds = forecast.intervals.iter();
    let bounds = bounds.flat_map(|interval| [&interval.lower, &interval.upper]);
    for path in std::iter::once(&forecast.mean).chain(bounds) {
        if path.len() != steps {
            return Err(Error::shape("number of bounds", path.len(), steps));
        }
        if let Some(&value) = path.iter().find(|value| !value.is_finite()) {
            return Err(Error::non_finite("a value of the forecast", value));
        }
    }
    Ok(())
}
