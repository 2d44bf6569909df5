//! Backtests of forecast models on a table: the library side of `bongsu backtest`.

mod length;
mod output;

use std::collections::{BTreeMap, BTreeSet};

use bongsu_core::{
    Error as CoreError, Labels, METRIC_NAME, Result as CoreResult, Series, SeriesView, Timestamp,
};
use bongsu_forecast::accuracy::{Accuracy, crps_quantiles, pinball};
use bongsu_forecast::backtest::{BacktestRow, Backtested, OriginFailure};
use bongsu_forecast::{Backtest, Refit, Step, Timeline};
use bongsu_stats::period::PeriodSearch;

pub use self::length::Length;
use crate::forecast::{check_order, check_values, column};
use crate::registry::forecast::{ForecastPlan, find, season};
use crate::table::TimeFormat;
use crate::{Error, Table};

/// Parameters by name.
type Given = BTreeMap<String, String>;

/// The levels, in percent, whose bounds are the quantiles of the CRPS, beside those asked for.
const QUANTILES: [f64; 9] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0];

/// Which models are compared on a table, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct BacktestTask {
    /// The models' names, each once.
    pub models: Vec<String>,
    /// Parameters: `NAME` of every model that has it, `MODEL.NAME` of one.
    pub parameters: BTreeMap<String, String>,
    /// The channel that is forecast; without it the first.
    pub channel: Option<String>,
    /// How far ahead.
    pub horizon: Length,
    /// What is known at the first cutoff at least; without it three horizons.
    pub initial: Option<Length>,
    /// From cutoff to cutoff; without it half a horizon.
    pub step: Option<Length>,
    /// The latest part that a fit takes; without it all that is known.
    pub window: Option<Length>,
    /// Models are fitted anew at every so many cutoffs, and updated between them. Domain: at least 1.
    pub refit: usize,
    /// The levels of the intervals that are judged in percent, each in (0, 100) and another; not
    /// those of models without intervals.
    pub levels: Vec<f64>,
    /// The points of the season by whose naive forecast errors are scaled, 1 for none; without it the
    /// strongest that is found in what is known at the first cutoff.
    pub season: Option<usize>,
}

/// How models would have forecast a channel of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableBacktest {
    /// The channel.
    pub channel: String,
    /// Steps ahead.
    pub horizon: usize,
    /// Steps known at the first cutoff.
    pub initial: usize,
    /// Steps from cutoff to cutoff.
    pub step: usize,
    /// The points of the season by whose naive forecast errors are scaled.
    pub season: usize,
    /// The cutoffs.
    pub cutoffs: usize,
    /// Those of them at which every model that has forecasts at all has one: errors are those there,
    /// of all models alike.
    pub compared: usize,
    /// The levels in percent.
    pub levels: Vec<f64>,
    /// The models, in the order of the task.
    pub models: Vec<ModelBacktest>,
    format: TimeFormat,
}

/// How one model would have forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelBacktest {
    /// The model's name.
    pub name: String,
    /// Over all steps ahead; `None` where it has no forecast.
    pub scores: Option<Scores>,
    /// Of each number of steps ahead, from 1.
    pub by_step: Vec<(usize, Scores)>,
    /// The cutoffs without a forecast, and why.
    pub failures: Vec<OriginFailure>,
}

/// Measures of error.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Errors of the means, and coverage and Winkler's score of the intervals.
    pub accuracy: Accuracy,
    /// The mean pinball loss of both bounds, for each level.
    pub pinball: Vec<f64>,
    /// The continuous ranked probability score, from the forecast and the bounds of intervals of 10,
    /// 20, ..., 90 % and the levels; `None` without intervals.
    pub crps: Option<f64>,
}

impl BacktestTask {
    /// What is usual where nothing else is asked for: refitted at every cutoff, and a level of 95 %.
    #[must_use]
    pub fn new(models: &[&str], horizon: Length) -> Self {
        Self {
            models: models.iter().map(|&name| name.to_owned()).collect(),
            parameters: BTreeMap::new(),
            channel: None,
            horizon,
            initial: None,
            step: None,
            window: None,
            refit: 1,
            levels: vec![95.0],
            season: None,
        }
    }

    /// Checks everything that can be checked before a table is read.
    ///
    /// # Errors
    /// When a model or a parameter is unknown, or a value is outside its domain.
    pub fn validate(&self) -> Result<(), Error> {
        if self.models.is_empty() {
            return Err(CoreError::parameter("models", "none", "at least one").into());
        }
        for (i, name) in self.models.iter().enumerate() {
            if self.models.iter().take(i).any(|other| other == name) {
                return Err(
                    CoreError::parameter("model", format!("`{name}`"), "given once").into(),
                );
            }
        }
        for (i, &level) in self.levels.iter().enumerate() {
            if !(level > 0.0 && level < 100.0) {
                return Err(CoreError::parameter("level", level, "in (0, 100)").into());
            }
            if self.levels.iter().take(i).any(|&other| other == level) {
                return Err(CoreError::parameter("level", level, "given once").into());
            }
        }
        if self.refit == 0 {
            return Err(CoreError::parameter("refit", 0, "at least 1").into());
        }
        if self.season == Some(0) {
            return Err(CoreError::parameter("season", 0, "at least 1").into());
        }
        for (name, given) in self.split_parameters()? {
            ForecastPlan::new(name, &given)?.check_alone()?;
        }
        Ok(())
    }

    /// The parameters of each model.
    fn split_parameters(&self) -> Result<Vec<(&str, Given)>, Error> {
        let mut taken = BTreeSet::new();
        let mut split = Vec::with_capacity(self.models.len());
        for name in &self.models {
            let spec = find(name)?;
            let mut own = Given::new();
            for (key, value) in &self.parameters {
                let inner = key
                    .strip_prefix(name.as_str())
                    .and_then(|rest| rest.strip_prefix('.'));
                let has = spec.all_parameters().any(|p| p.name == key);
                // The only model says itself what it does not know.
                if let Some(key) = inner {
                    own.insert(key.to_owned(), value.clone());
                } else if has || (self.models.len() == 1 && !key.contains('.')) {
                    own.entry(key.clone()).or_insert_with(|| value.clone());
                } else {
                    continue;
                }
                taken.insert(key);
            }
            split.push((name.as_str(), own));
        }
        match self.parameters.keys().find(|&key| !taken.contains(key)) {
            Some(key) => Err(Error::config(format!(
                "none of the models {} has the parameter `{key}`; one is set as NAME=VALUE, or as \
                 MODEL.NAME=VALUE of one model",
                self.models.join(", ")
            ))),
            None => Ok(split),
        }
    }
}

/// Forecasts a channel of `table` from moments of its past, and measures the errors.
///
/// The rows lie on a grid, whose step is found. The last cutoff lies a horizon before the end, the
/// others steps before it, as long as the initial part is known. Seasons are looked for in what is known
/// at the first cutoff, those of the calendar for the step first.
///
/// # Errors
/// When the task is not valid, there is no channel of the name, rows do not move on in time or are
/// not on a grid, a value is infinite, or the series is too short. What a model cannot do is part of the
/// result.
///
/// ```
/// use bongsu_engine::{BacktestTask, Length, Table, backtest};
/// let mut csv = String::from("timestamp,load\n");
/// for i in 0..48 {
///     csv += &format!("{},{}\n", 3600 * i, [2.0, 5.0, 9.0, 4.0][i % 4]);
/// }
/// let table = Table::read(csv.as_bytes())?;
/// let task = BacktestTask::new(&["naive", "seasonal-naive"], Length::Steps(4));
/// let found = backtest(&table, &task)?;
/// let errors: Vec<f64> = found.models.iter().map(|m| m.scores.as_ref().unwrap().accuracy.mae).collect();
/// assert!(errors[0] > 1.9 && errors[1] == 0.0);
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
pub fn backtest(table: &Table, task: &BacktestTask) -> Result<TableBacktest, Error> {
    task.validate()?;
    let column = column(task.channel.as_deref(), table)?;
    check_order(table)?;
    let channel = table.channels.get(column).cloned().unwrap_or_default();
    let labels = Labels::from_pairs([(METRIC_NAME, channel.as_str())])?;
    let observed = table.values.column(column).to_vec();
    check_values(&channel, table, &observed)?;
    let series = SeriesView::new(&labels, &table.timestamps, &observed)?;
    let (timeline, values) = Timeline::of(&series)?;
    let times = (0..values.len()).map(|i| timeline.at(i));
    let series = Series::new(labels.clone(), times.collect::<CoreResult<_>>()?, values)?;
    let series = series.view();

    let steps = |name: &str, length: Length| length.steps(name, timeline.step());
    let horizon = steps("horizon", task.horizon)?;
    let step = task
        .step
        .map_or(Ok((horizon / 2).max(1)), |l| steps("step", l))?;
    let least = horizon.saturating_mul(3).max(2);
    let least = task.initial.map_or(Ok(least), |l| steps("initial", l))?;
    let window = task.window.map(|l| steps("window", l)).transpose()?;
    let needed = least.saturating_add(horizon);
    let n = series.values().len();
    if n < needed {
        return Err(CoreError::not_enough_data("a backtest", needed, n).into());
    }
    // The last cutoff is a horizon before the end.
    let initial = least + (n - needed) % step;
    let known = series.values().get(..initial).unwrap_or_default();
    let season = if let Some(season) = task.season {
        season
    } else {
        let found = season::find(&PeriodSearch::new(), known, Some(timeline.step()))?;
        found.first().copied().unwrap_or(1)
    };
    let plain = Backtest::new(initial, horizon)?
        .step(step)?
        .window(window)?
        .refit(Refit::Every(task.refit))?
        .period(season)?;
    let mut runs = Vec::new();
    for (name, given) in task.split_parameters()? {
        let plan = ForecastPlan::new(name, &given)?;
        let run = run(
            &plan,
            &plain,
            &task.levels,
            (known, timeline.step()),
            &series,
        );
        runs.push((name, run));
    }
    let cutoffs = (n - horizon - initial) / step + 1;
    let common = common(&runs);
    let model = |(name, run): (&str, Result<Backtested, Error>)| -> Result<ModelBacktest, Error> {
        Ok(match run {
            Ok(run) => judged(name, run, &common, &task.levels)?,
            Err(e) => ModelBacktest {
                name: name.to_owned(),
                scores: None,
                by_step: Vec::new(),
                failures: vec![OriginFailure {
                    origin: series
                        .timestamps()
                        .get(initial - 1)
                        .copied()
                        .unwrap_or(Timestamp::MIN),
                    message: e.to_string(),
                }],
            },
        })
    };
    let compared = common.len();
    let models = runs.into_iter().map(model).collect::<Result<_, _>>()?;
    let text = table.timestamp_texts.last().map_or("", String::as_str);
    Ok(TableBacktest {
        channel,
        horizon,
        initial,
        step,
        season,
        cutoffs,
        compared,
        levels: task.levels.clone(),
        models,
        format: TimeFormat::of(text),
    })
}

/// The forecasts of one model at every cutoff.
fn run(
    plan: &ForecastPlan<'_>,
    plain: &Backtest,
    levels: &[f64],
    (known, step): (&[f64], Step),
    series: &SeriesView<'_>,
) -> Result<Backtested, Error> {
    let model = plan.model(&plan.seasons(known, Some(step))?)?;
    let model = model.into_model();
    let mut all = Vec::new();
    if plan.spec().intervals && plan.usual_level()? != Some(0.0) {
        all.extend(levels.iter().map(|level| level / 100.0));
        let more = QUANTILES.iter().filter(|q| !levels.contains(q));
        all.extend(more.map(|q| q / 100.0));
    }
    Ok(plain.clone().levels(&all)?.run(&model, series)?)
}

/// The cutoffs at which every model that forecasts at all does.
fn common(runs: &[(&str, Result<Backtested, Error>)]) -> BTreeSet<Timestamp> {
    let mut common: Option<BTreeSet<Timestamp>> = None;
    for (_, run) in runs {
        let Ok(run) = run else { continue };
        let own: BTreeSet<Timestamp> = run.rows.iter().map(|row| row.origin).collect();
        if !own.is_empty() {
            common = Some(match common {
                Some(others) => others.intersection(&own).copied().collect(),
                None => own,
            });
        }
    }
    common.unwrap_or_default()
}

fn judged(
    name: &str,
    mut run: Backtested,
    common: &BTreeSet<Timestamp>,
    levels: &[f64],
) -> Result<ModelBacktest, Error> {
    run.rows.retain(|row| common.contains(&row.origin));
    let failures = std::mem::take(&mut run.failures);
    let compared = |rows: &[BacktestRow]| rows.iter().any(|row| row.actual.is_some());
    let mut by_step = Vec::new();
    for (step, accuracy) in run.accuracy_by_step()? {
        let rows: Vec<&BacktestRow> = run.rows.iter().filter(|row| row.step == step).collect();
        by_step.push((step, scores(accuracy, &rows, &run.levels, levels.len())?));
    }
    let scores = if compared(&run.rows) {
        let rows: Vec<&BacktestRow> = run.rows.iter().collect();
        Some(scores(run.accuracy()?, &rows, &run.levels, levels.len())?)
    } else {
        None
    };
    Ok(ModelBacktest {
        name: name.to_owned(),
        scores,
        by_step,
        failures,
    })
}

/// The scores of some rows, whose first `asked` levels are those that were asked for.
fn scores(
    mut accuracy: Accuracy,
    rows: &[&BacktestRow],
    levels: &[f64],
    asked: usize,
) -> CoreResult<Scores> {
    accuracy.intervals.truncate(asked);
    let actual: Vec<f64> = rows.iter().map(|r| r.actual.unwrap_or(f64::NAN)).collect();
    let bound = |level: usize, side: usize| -> Vec<f64> {
        let of = |row: &&BacktestRow| row.bounds.get(level).and_then(|b| b.get(side)).copied();
        rows.iter().map(|row| of(row).unwrap_or(f64::NAN)).collect()
    };
    let mut quantiles: Vec<(f64, Vec<f64>)> = Vec::new();
    let mut losses = Vec::new();
    for (i, level) in levels.iter().enumerate() {
        let [below, above] = [0.5 * (1.0 - level), 0.5 * (1.0 + level)];
        let [lower, upper] = [bound(i, 0), bound(i, 1)];
        if i < asked {
            let both = pinball(&actual, &lower, below)? + pinball(&actual, &upper, above)?;
            losses.push(0.5 * both);
        }
        // Always the same quantiles, so that the levels asked for do not change the figure.
        if QUANTILES.iter().any(|q| q / 100.0 == *level) {
            quantiles.push((below, lower));
            quantiles.push((above, upper));
        }
    }
    let crps = if quantiles.is_empty() {
        None
    } else {
        quantiles.push((0.5, rows.iter().map(|row| row.mean).collect()));
        quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
        let probabilities: Vec<f64> = quantiles.iter().map(|(q, _)| *q).collect();
        let forecasts: Vec<&[f64]> = quantiles.iter().map(|(_, f)| f.as_slice()).collect();
        Some(crps_quantiles(&actual, &probabilities, &forecasts)?)
    };
    Ok(Scores {
        accuracy,
        pinball: losses,
        crps,
    })
}
