//! From the past of a resource to what is to come.

use bongsu_core::{Error, Result, SeriesView, Timestamp};
use bongsu_stats::calendar::Clock;
use bongsu_stats::robust::quantile;
use serde::{Deserialize, Serialize};

use crate::Resource;
use crate::candidate::{Candidate, Known, Shared, without_shifts};
use crate::crossing::{Outlook, Status};
use crate::error_model::ErrorModel;
use crate::features::Calendar;
use crate::growth::Growth;
use crate::history::{DAY, History};
use crate::paths::{Fast, Paths, simulate};
use crate::report::{ResourcePlan, Trend, Validation};
use crate::scene::Scene;
use crate::shifts::Shifts;
use crate::validate::{Origins, Trial, alike, combined, simplest, validate};
use crate::what_if::{ChangedOutlook, WhatIf};

/// The least and most values of a history, and paths of a simulation.
const MIN_POINTS: usize = 8;
const PATHS: (usize, usize) = (200, 100_000);

/// The share of the variance from which on a trend is visible.
const VISIBLE: f64 = 0.3;

/// Days ahead that the trend looks at.
const TREND_DAYS: f64 = 90.0;

/// How resources are planned; see the crate's documentation for the method.
///
/// Cost: a fit of each candidate at up to 12 origins, on all threads of the rayon pool, and some 8
/// bytes a path and step of the horizon. A history of any length is first gathered to at most 1500
/// steps. Random numbers come from PCG64; results do not depend on the number of threads.
///
/// ```
/// use bongsu_core::{Labels, SeriesView, Timestamp};
/// use bongsu_capacity::{Planner, Resource, Status};
/// // A disk that fills by 1 % a day, at 70 % after thirty days.
/// let times: Vec<_> = (1..=720).map(|hour| Timestamp::from_secs(3_600 * hour)).collect();
/// let used: Vec<f64> = (1..=720).map(|hour| 40.0 + f64::from(hour) / 24.0).collect();
/// let labels = Labels::empty();
/// let series = SeriesView::new(&labels, &times, &used)?;
/// let disk = Resource::named("disk")?;
/// let plan = Planner::new().plan(&series, &disk, &[])?.report;
/// assert_eq!(plan.outlook.status, Status::Exhausts);
/// assert!((plan.outlook.days_left.unwrap() - 20.0).abs() < 0.5, "{plan:?}");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Planner {
    horizon: i64,
    level: f64,
    timezone: String,
    candidates: Vec<Candidate>,
    min_points: usize,
    paths: usize,
    seed: u64,
}

impl Default for Planner {
    fn default() -> Self {
        Self {
            horizon: 30 * DAY,
            level: 0.8,
            timezone: "UTC".to_owned(),
            candidates: Candidate::ALL.to_vec(),
            min_points: 20,
            paths: 2_000,
            seed: 0,
        }
    }
}

/// What a plan found, with what it can be drawn from.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The report.
    pub report: ResourcePlan,
    /// The past and the future as curves.
    pub projection: Projection,
}

/// The past and the simulated future of a resource, in its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The ends of the steps of the past.
    pub past_times: Vec<Timestamp>,
    /// The mean of each of them, NaN where there is none.
    pub past: Vec<f64>,
    /// The ends of the steps to come.
    pub times: Vec<Timestamp>,
    /// The expected means.
    pub mean: Vec<f64>,
    /// The lower bounds at the plan's level.
    pub lower: Vec<f64>,
    /// The upper bounds at the plan's level.
    pub upper: Vec<f64>,
}

impl Planner {
    /// The defaults: 30 days ahead, intervals of 80 %, UTC, every candidate, at least 20 points,
    /// 2000 paths, seed 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far to look ahead in milliseconds. Domain: [60000, 3650 days]. Default: 30 days.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn horizon(mut self, millis: i64) -> Result<Self> {
        self.horizon = millis;
        self.validate()?;
        Ok(self)
    }

    /// The probability that an interval holds what comes. Domain: [0.5, 0.99]. Default: 0.8.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn level(mut self, level: f64) -> Result<Self> {
        self.level = level;
        self.validate()?;
        Ok(self)
    }

    /// The zone of the clock and the calendar, by its name in the IANA database. Default: UTC.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn timezone(mut self, name: &str) -> Result<Self> {
        name.clone_into(&mut self.timezone);
        self.validate()?;
        Ok(self)
    }

    /// The models to choose among, at least one. Default: all.
    ///
    /// # Errors
    /// When there is none.
    pub fn candidates(mut self, candidates: &[Candidate]) -> Result<Self> {
        self.candidates = candidates.to_vec();
        self.candidates.sort_unstable();
        self.candidates.dedup();
        self.validate()?;
        Ok(self)
    }

    /// The least number of values of a history. Domain: at least 8. Default: 20.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_points(mut self, points: usize) -> Result<Self> {
        self.min_points = points;
        self.validate()?;
        Ok(self)
    }

    /// The number of simulated futures. Domain: [200, 100000]. Default: 2000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn paths(mut self, paths: usize) -> Result<Self> {
        self.paths = paths;
        self.validate()?;
        Ok(self)
    }

    /// The seed of the random numbers. Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How far it looks ahead, in days.
    #[must_use]
    pub fn horizon_days(&self) -> f64 {
        self.horizon as f64 / DAY as f64
    }

    /// The probability that an interval holds what comes.
    #[must_use]
    pub const fn interval_level(&self) -> f64 {
        self.level
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        if !(60_000..=3_650 * DAY).contains(&self.horizon) {
            let found = format!("{} ms", self.horizon);
            return Err(Error::parameter(
                "horizon",
                found,
                "from 1 minute to 3650 days",
            ));
        }
        if !(0.5..=0.99).contains(&self.level) {
            return Err(Error::parameter("level", self.level, "in [0.5, 0.99]"));
        }
        if self.candidates.is_empty() {
            return Err(Error::parameter("candidates", "[]", "at least one model"));
        }
        if self.min_points < MIN_POINTS {
            let domain = format!("at least {MIN_POINTS}");
            return Err(Error::parameter("min_points", self.min_points, domain));
        }
        if !(PATHS.0..=PATHS.1).contains(&self.paths) {
            let domain = format!("in [{}, {}]", PATHS.0, PATHS.1);
            return Err(Error::parameter("paths", self.paths, domain));
        }
        Clock::new(&self.timezone).map(drop)
    }

    /// Plans `resource` from its past, NaN or infinite where a value is missing, and asks for the effect of
    /// `changes`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, there are fewer values than wanted, or no
    /// candidate can be fitted.
    pub fn plan(
        &self,
        series: &SeriesView<'_>,
        resource: &Resource,
        changes: &[WhatIf],
    ) -> Result<Planned> {
        self.validate()?;
        let history = History::of(series, self.horizon, self.min_points)?;
        let clock = Clock::new(&self.timezone)?;
        let ahead = history.ahead(self.horizon);
        let times: Vec<Timestamp> = (0..history.len()).map(|i| history.time_of(i)).collect();
        let coming: Vec<Timestamp> = (1..=ahead as i64).map(|i| history.time(i)).collect();
        let calendar: Vec<Calendar> = times
            .iter()
            .chain(&coming)
            .map(|&at| Calendar::of(&clock, at))
            .collect::<Result<_>>()?;
        let all = Shared {
            times: &times,
            values: &history.means,
            calendar: &calendar,
            clock: &clock,
            step: history.step,
            block: history.block(),
            timezone: &self.timezone,
            seed: self.seed,
        };
        let origins = Origins::plan(history.len(), all.block, ahead);
        let known = Known::until(&all, history.len())?;
        // Errors of models that know of the shifts: those to come are drawn apart.
        let mut lifted = history.means.clone();
        without_shifts(&mut lifted, &known.shifts);
        let calm = Shared {
            values: &lifted,
            ..all
        };
        let (mut trials, mut notes) = validate(&calm, &origins, &self.candidates, self.level)?;
        let (chosen, mean, errors) = forecast(&trials, &origins, &known, ahead, &mut notes)?;
        let errors: Vec<&[f64]> = errors.iter().map(Vec::as_slice).collect();
        let model = ErrorModel::fit(&errors, all.block, origins.span(), self.level);
        let fast = Fast::of(
            &known.uncut,
            &known.adjusted,
            &history.means,
            &history.peaks,
            all.block,
        );
        let shifts = Shifts::of(&known.shifts, history.len());
        let paths = simulate(&mean, &model, &fast, &shifts, self.paths, self.seed);
        let scene = Scene {
            history: &history,
            known: &known,
            paths: &paths,
            level: self.level,
        };
        let outlooks = scene.outlooks(resource.threshold() / history.scale);
        let growth = scene.growth(&mean, resource)?;
        notes.extend(scene.notes(&origins, ahead, &fast));
        let unit = |value: f64| value * history.scale;
        for score in trials.iter_mut().map(|trial| &mut trial.score) {
            score.mae = unit(score.mae);
            score.pinball = score.pinball.map(unit);
        }
        let mut candidates: Vec<_> = trials.into_iter().map(|trial| trial.score).collect();
        candidates.sort_by(|a, b| a.mae.total_cmp(&b.mae));
        let level = unit(scene.level_now());
        let current = series.values().iter().rev().find(|value| !value.is_nan());
        let (lower, upper) = band(&paths, self.level);
        let scaled = |values: Vec<f64>| values.into_iter().map(unit).collect();
        let report = ResourcePlan {
            resource: resource.name().to_owned(),
            outlook: outlooks.step,
            threshold: resource.threshold(),
            current: current.copied().unwrap_or(level),
            level,
            headroom: resource.threshold() - level,
            model: chosen,
            trend: trend(&outlooks.step, &growth),
            growth,
            peak: outlooks.peak,
            sustained: outlooks.sustained,
            what_if: changes
                .iter()
                .map(|change| ChangedOutlook {
                    change: change.text().to_owned(),
                    factor: change.factor(),
                    outlook: scene
                        .outlooks(resource.threshold() / history.scale / change.factor())
                        .step,
                })
                .collect(),
            validation: Validation {
                horizon_days: origins.ahead as f64 * history.step as f64 / DAY as f64,
                origins: origins.known.len(),
                candidates,
                error_growth: model.growth,
            },
            at: history.now,
            step_seconds: history.step as f64 / 1e3,
            points: history.present,
            notes,
        };
        let past = scaled(history.means.clone());
        let projection = Projection {
            past_times: times,
            past,
            times: coming,
            mean: scaled(mean),
            lower: scaled(lower),
            upper: scaled(upper),
        };
        Ok(Planned { report, projection })
    }
}

/// The forecast of the candidates that cannot be told apart, after a clear bend of the simplest about as
/// good as the best, with the best of them and the errors that it would have made; where none of them can be fitted, of the next best.
fn forecast(
    trials: &[Trial],
    origins: &Origins,
    known: &Known<'_>,
    ahead: usize,
    notes: &mut Vec<String>,
) -> Result<(Candidate, Vec<f64>, Vec<Vec<f64>>)> {
    let mut kept = alike(trials, origins);
    if known.bends() {
        // Moments before a bend do not tell which models know of it.
        kept = simplest(&kept).into_iter().collect();
    }
    let mut rest: Vec<&Trial> = trials.iter().collect();
    rest.sort_by(|a, b| a.score.mae.total_cmp(&b.score.mae));
    rest.retain(|trial| kept.iter().all(|kept| kept.candidate != trial.candidate));
    let mut parts = Vec::new();
    for (i, trial) in kept.iter().chain(&rest).copied().enumerate() {
        if i >= kept.len() && !parts.is_empty() {
            break;
        }
        match trial.candidate.forecast(known, ahead) {
            Ok(mean) => parts.push((trial, mean)),
            Err(error) => notes.push(format!("{} was left out: {error}", trial.candidate.name())),
        }
    }
    let best = parts.first().map(|(trial, _)| trial.candidate);
    if parts.len() > 1 {
        let names = parts.iter().map(|(trial, _)| trial.candidate.name());
        let names: Vec<&str> = names.collect();
        notes.push(format!(
            "the forecast is the mean of {}: their errors cannot be told apart",
            names.join(", ")
        ));
    }
    match best.zip(combined(&parts)) {
        Some((best, (mean, errors))) => Ok((best, mean, errors)),
        None => Err(Error::input(format!(
            "no model could be fitted: {}",
            notes.join("; ")
        ))),
    }
}

fn trend(outlook: &Outlook, growth: &Growth) -> Trend {
    let soon = |days: Option<f64>| days.is_some_and(|days| days < TREND_DAYS);
    // What is passed already tends to where it visibly goes.
    let visible = growth.trend_share > VISIBLE;
    match outlook.status {
        Status::Shrinking => Trend::Decreasing,
        Status::Exceeded if visible && growth.per_day < 0.0 => Trend::Decreasing,
        Status::Exceeded if visible && growth.per_day > 0.0 => Trend::Increasing,
        Status::Exceeded => Trend::Stable,
        _ if soon(outlook.days_left) || soon(growth.days_at_this_rate) => Trend::Increasing,
        _ => Trend::Stable,
    }
}

/// The quantiles of the paths at each step.
fn band(paths: &Paths, level: f64) -> (Vec<f64>, Vec<f64>) {
    let steps = paths.values.first().map_or(0, Vec::len);
    let tail = (1.0 - level) / 2.0;
    (0..steps)
        .map(|step| {
            let column = paths.values.iter().filter_map(|path| path.get(step));
            let column: Vec<f64> = column.copied().collect();
            (quantile(&column, tail), quantile(&column, 1.0 - tail))
        })
        .unzip()
}
