//! Several seasons, taken out before any plain model forecasts the rest.

use bongsu_core::{
    Error, FittedForecaster, Forecast, ForecastPart, ForecastRequest, Forecaster, Result, Series,
    SeriesView, Snapshot,
};
use bongsu_stats::decompose::Mstl as Decomposition;
use serde::{Deserialize, Serialize};

use crate::ets::Family;
use crate::history::History;
use crate::{Ets, FittedMember, Member, Timeline, check, parts};

/// The longest season.
const MAX_PERIOD: usize = 1 << 16;

/// Configuration of a model of several seasons.
///
/// The series is taken apart into one season a period, a trend and a remainder (MSTL, seasonal
/// smoothers of degree 0). A plain model without a season forecasts trend and remainder together; each
/// season repeats its last cycle. Intervals are those of the plain model about that sum: the seasons
/// count as known, so that they are somewhat too narrow where a season changes. Missing values are
/// filled on straight lines (with the value a longest season before, after the first one).
///
/// Cost: that of the decomposition, O(n) a season and round, and that of the plain model.
///
/// Source: Bandara, Hyndman & Bergmeir 2021, <https://arxiv.org/abs/2107.13462>; forecasts as `MSTL`
/// of statsforecast 2.1 with the same plain model.
///
/// ```
/// use bongsu_core::{FittedForecaster as _, ForecastRequest, Labels, SeriesView, Timestamp};
/// use bongsu_forecast::{Mstl, Naive};
/// let times: Vec<_> = (0..48).map(|i| Timestamp::from_secs(60 * i)).collect();
/// let values: Vec<f64> = (0..48).map(|i| [5.0, 1.0, 0.0][i % 3] + [4.0, 0.0, 2.0, 6.0][i % 4]).collect();
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &values)?;
/// let fitted = Mstl::new(&[3, 4])?.trend(Naive::last()).fit(&series)?;
/// let forecast = fitted.forecast(&ForecastRequest::steps(2))?;
/// assert!((forecast.mean[0] - 9.0).abs() < 0.1 && (forecast.mean[1] - 1.0).abs() < 0.1);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mstl {
    periods: Vec<usize>,
    #[serde(default = "smooth_trend")]
    trend: Member,
}

/// Automatic exponential smoothing without a season.
fn smooth_trend() -> Member {
    let family = Family {
        season: Some(crate::ets::SeasonType::None),
        ..Family::default()
    };
    Ets::automatic().model(family).into()
}

impl Mstl {
    /// Seasons of these periods in points, and automatic exponential smoothing for the rest. Domain:
    /// 1 to 16 different periods in [2, 65536].
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(periods: &[usize]) -> Result<Self> {
        let mut periods = periods.to_vec();
        periods.sort_unstable();
        let this = Self {
            periods,
            trend: smooth_trend(),
        };
        this.validate()?;
        Ok(this)
    }

    /// The plain model of trend and remainder. Default: automatic exponential smoothing without a
    /// season.
    #[must_use]
    pub fn trend(mut self, model: impl Into<Member>) -> Self {
        self.trend = model.into();
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        for &period in &self.periods {
            check::count("period", period, 2, MAX_PERIOD)?;
        }
        self.decomposition()?;
        self.trend.validate()
    }

    fn decomposition(&self) -> Result<Decomposition> {
        Decomposition::new(&self.periods)?.degrees(0, 1, 1)
    }

    /// The values of `series`, missing ones filled.
    fn history(&self, series: &SeriesView<'_>) -> Result<History> {
        let longest = self.periods.last().copied().unwrap_or(1);
        let mut history = History::of("a model of several seasons", series, 2 * longest)?;
        history.fill_by_season(longest);
        Ok(history)
    }

    /// Fits the model to `series`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, the series is not on a regular grid or has an infinite
    /// value, there are fewer than two cycles of the longest season, or the plain model cannot be
    /// fitted.
    pub fn fit(&self, series: &SeriesView<'_>) -> Result<FittedMstl> {
        self.validate()?;
        let history = self.history(series)?;
        let parts = self.decomposition()?.decompose(&history.values)?;
        let rest = parts.trend.iter().zip(&parts.residual);
        let rest: Vec<f64> = rest.map(|(trend, residual)| trend + residual).collect();
        let timeline = history.timeline;
        let times = (0..timeline.len()).map(|index| timeline.at(index));
        let rest = Series::new(series.labels().clone(), times.collect::<Result<_>>()?, rest)?;
        let model = self.trend.fit(&rest.view())?;
        // A value is the sum of its parts: what the plain model leaves of the rest is left of it.
        let fitted = history.values.iter().zip(model.residuals());
        let residuals = history.residuals(fitted.map(|(value, left)| value - left));
        let last_cycle = |(season, &period): (&Vec<f64>, &usize)| {
            let start = season.len().saturating_sub(period);
            season.iter().skip(start).copied().collect()
        };
        Ok(FittedMstl {
            timeline,
            seasons: parts
                .seasonals
                .iter()
                .zip(&self.periods)
                .map(last_cycle)
                .collect(),
            model,
            residuals,
        })
    }
}

impl Forecaster for Mstl {
    fn fit(&self, y: &SeriesView<'_>) -> Result<Box<dyn FittedForecaster>> {
        Ok(Box::new(Self::fit(self, y)?))
    }
}

/// A fitted model of several seasons; see [`Mstl`].
///
/// Takes what the plain model takes, 8 bytes a fitted step and 8 a point of each season.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedMstl {
    timeline: Timeline,
    /// One cycle a period, the first value for the next step.
    seasons: Vec<Vec<f64>>,
    model: FittedMember,
    residuals: Vec<f64>,
}

impl FittedMstl {
    /// The next cycle of each season, shortest period first.
    #[must_use]
    pub fn seasons(&self) -> &[Vec<f64>] {
        &self.seasons
    }

    /// The model of trend and remainder.
    #[must_use]
    pub const fn model(&self) -> &FittedMember {
        &self.model
    }

    /// The grid of the fitted series.
    #[must_use]
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The sum of all seasons that many steps ahead.
    fn season_at(&self, step: usize) -> f64 {
        let at = |season: &Vec<f64>| {
            let phase = step.wrapping_sub(1).checked_rem(season.len());
            phase.and_then(|phase| season.get(phase)).copied()
        };
        self.seasons.iter().filter_map(at).sum()
    }
}

impl FittedForecaster for FittedMstl {
    fn forecast(&self, request: &ForecastRequest<'_>) -> Result<Forecast> {
        let mut forecast = self.model.forecast(request)?;
        let targets = self.timeline.targets(request.horizon)?;
        for (row, &step) in targets.steps.iter().enumerate() {
            let season = self.season_at(step);
            let bounds = forecast.intervals.iter_mut();
            let bounds = bounds.flat_map(|interval| [&mut interval.lower, &mut interval.upper]);
            for path in std::iter::once(&mut forecast.mean).chain(bounds) {
                if let Some(value) = path.get_mut(row) {
                    *value += season;
                }
            }
        }
        Ok(forecast)
    }

    fn update(&mut self, y: &SeriesView<'_>) -> Result<()> {
        let (timeline, values) = self.timeline.continued(y)?;
        let known = self.timeline.len();
        let adjusted = (1..)
            .zip(&values)
            .map(|(step, value)| value - self.season_at(step));
        let times = (known..timeline.len()).map(|index| timeline.at(index));
        let times = times.collect::<Result<_>>()?;
        let rest = Series::new(y.labels().clone(), times, adjusted.collect())?;
        self.model.update(&rest.view())?;
        let new = self.model.residuals().get(known..).unwrap_or_default();
        self.residuals.extend(new);
        for season in &mut self.seasons {
            let phase = values.len() % season.len().max(1);
            season.rotate_left(phase);
        }
        self.timeline = timeline;
        Ok(())
    }

    fn parts(&self, request: &ForecastRequest<'_>) -> Result<Vec<ForecastPart>> {
        let rest = self.model.forecast(request)?;
        let targets = self.timeline.targets(request.horizon)?;
        let mut all = vec![ForecastPart {
            intervals: rest.intervals,
            ..parts::trend(rest.mean)
        }];
        for season in &self.seasons {
            let name = format!("season of {} points", season.len());
            let part = parts::season(name, season, false, &targets, &self.timeline)?;
            all.push(part);
        }
        Ok(all)
    }

    /// The trend of the decomposition.
    fn past_trend(&self, y: &SeriesView<'_>) -> Result<Vec<f64>> {
        let periods: Vec<usize> = self.seasons.iter().map(Vec::len).collect();
        let config = Mstl::new(&periods)?;
        let history = config.history(y)?;
        parts::same_grid(&history.timeline, &self.timeline)?;
        Ok(config.decomposition()?.decompose(&history.values)?.trend)
    }

    fn residuals(&self) -> &[f64] {
        &self.residuals
    }
}

impl Snapshot for FittedMstl {
    const KIND: &'static str = "forecast.mstl.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.timeline.validate()?;
        self.model.validate()?;
        let lengths = [self.residuals.len(), self.model.residuals().len()];
        let finite = self.seasons.iter().flatten().all(|value| value.is_finite());
        let periods = self.seasons.iter().map(Vec::len);
        let mut periods = periods.map(|period| (2..=MAX_PERIOD).contains(&period));
        if lengths == [self.timeline.len(); 2] && finite && periods.all(|inside| inside) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the seasons or the residuals of the model of several seasons do not fit its grid",
            ))
        }
    }
}
