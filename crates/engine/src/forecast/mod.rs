//! Forecasts of a table: the library side of `bongsu forecast`.

mod beside;
mod calibrated;
mod fitted;
mod output;

use std::collections::BTreeMap;

use bongsu_core::{
    Error as CoreError, Forecast, ForecastPart, ForecastRequest, Horizon, Labels, METRIC_NAME,
    SeriesView, Timestamp,
};
use bongsu_forecast::prophet::Holiday;
use bongsu_forecast::{LARGEST, Timeline};

use self::beside::Beside;
pub use self::beside::read_holidays;

use self::calibrated::{calibrated, forecast_calibrated};
pub use self::fitted::ModelSummary;
use self::fitted::fit;
use crate::registry::forecast::{ForecastModel, ForecastPlan};
use crate::table::{TimeFormat, shown};
use crate::{Error, Table};

/// The longest forecast: 2^20 steps.
const MAX_HORIZON: usize = 1 << 20;

/// The levels of the intervals where none are asked for, in percent.
const LEVELS: [f64; 2] = [80.0, 95.0];

/// What is forecast of a table, and by which model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForecastTask {
    /// The model's name.
    pub model: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// The channel that is forecast; without it the first.
    pub channel: Option<String>,
    /// The steps ahead. Domain: [1, 1048576]; 0 with [`ForecastTask::future`] is all of its rows.
    pub horizon: usize,
    /// The levels of the intervals in percent, each in (0, 100) and another; without them those
    /// that are usual for the model: 80 and 95, or the one that its parameters say.
    pub levels: Option<Vec<f64>>,
    /// Whether the intervals are calibrated on the model's own errors in the past (split conformal),
    /// so that they hold what they state; then models without intervals have some as well.
    pub calibrate: bool,
    /// The coming moments and the values of the regressors and conditions there, for a model that
    /// has some (`prophet`): those of its rows that are after the last one of the table.
    pub future: Option<Table>,
    /// Holidays and other events beside those of the parameters, for `prophet`.
    pub holidays: Vec<Holiday>,
    /// Whether CSV and JSON have the parts of the forecast.
    pub parts: bool,
}

impl ForecastTask {
    /// Checks everything that can be checked before a table is read.
    ///
    /// # Errors
    /// When the model or a parameter is unknown, a value is outside its domain, or levels are asked
    /// of a model that gives no intervals.
    pub fn validate(&self) -> Result<(), Error> {
        self.percents(&self.plan()?).map(drop)
    }

    fn plan(&self) -> Result<ForecastPlan<'_>, Error> {
        let plan = ForecastPlan::new(&self.model, &self.parameters)?;
        let least = usize::from(self.future.is_none());
        if !(least..=MAX_HORIZON).contains(&self.horizon) {
            let domain = format!("in [1, {MAX_HORIZON}]");
            return Err(CoreError::parameter("horizon", self.horizon, domain).into());
        }
        let knows_events = plan.spec().knows_events();
        for (given, what) in [
            (self.future.is_some(), "values of the future"),
            (!self.holidays.is_empty(), "holidays"),
        ] {
            if given && !knows_events {
                return Err(Error::config(format!(
                    "forecast model `{}` takes no {what}; `prophet` does",
                    self.model
                )));
            }
        }
        Ok(plan)
    }

    /// The levels in percent.
    fn percents(&self, plan: &ForecastPlan<'_>) -> Result<Vec<f64>, Error> {
        let usual = plan.usual_level()?;
        let gives = self.calibrate || plan.spec().intervals && usual != Some(0.0);
        let Some(levels) = &self.levels else {
            return Ok(match usual {
                _ if !gives => Vec::new(),
                Some(level) if level > 0.0 => vec![level],
                _ => LEVELS.to_vec(),
            });
        };
        if !gives && !levels.is_empty() {
            return Err(Error::config(format!(
                "forecast model `{}` gives no intervals: leave the levels out",
                self.model
            )));
        }
        for (i, &level) in levels.iter().enumerate() {
            if !(level > 0.0 && level < 100.0) {
                return Err(CoreError::parameter("level", level, "in (0, 100)").into());
            }
            if levels.iter().take(i).any(|&other| other == level) {
                return Err(CoreError::parameter("level", level, "given once").into());
            }
        }
        Ok(levels.clone())
    }
}

/// The place of the channel of this name; of the first without one.
pub(crate) fn column(channel: Option<&str>, table: &Table) -> Result<usize, Error> {
    let Some(name) = channel else {
        return Ok(0);
    };
    let found = table.channels.iter().position(|channel| channel == name);
    found.ok_or_else(|| {
        Error::config(format!(
            "the input has no channel `{name}`; it has: {}",
            table.channels.join(", ")
        ))
    })
}

/// An error where rows do not move on in time.
pub(crate) fn check_order(table: &Table) -> Result<(), Error> {
    let Some(&row) = table.late_rows.first() else {
        return Ok(());
    };
    let text = table.timestamp_texts.get(row).map_or("", String::as_str);
    Err(Error::input(format!(
        "{} of the rows are not after those before them, the first is row {} (`{}`): sort the \
         rows by time and keep one of each",
        table.late_rows.len(),
        row + 1,
        shown(text)
    )))
}

/// An error where a value is infinite or larger than models take, or every one is missing.
pub(crate) fn check_values(channel: &str, table: &Table, values: &[f64]) -> Result<(), Error> {
    if !values.is_empty() && values.iter().all(|value| value.is_nan()) {
        return Err(Error::input(format!(
            "`{channel}` has no values: all {} are missing",
            values.len()
        )));
    }
    let mut rows = values.iter().enumerate();
    let Some((row, value)) = rows.find(|(_, value)| value.abs() > LARGEST) else {
        return Ok(());
    };
    let text = table.timestamp_texts.get(row).map_or("", String::as_str);
    let place = format!("in row {} (`{}`)", row + 1, shown(text));
    Err(Error::input(if value.is_infinite() {
        format!("`{channel}` is infinite {place}: leave the value empty where it is missing")
    } else {
        format!("`{channel}` is {value:e} {place}, but must be at most {LARGEST:e} in magnitude")
    }))
}

/// An error where a number of the forecast is beyond the range of floats.
fn check_finite(forecast: &Forecast, percents: &[f64]) -> Result<(), Error> {
    let beyond = |what: &str, values: &[f64]| match values.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(Error::input(format!(
            "{what} {} steps ahead is beyond what floats can tell; ask for fewer steps or another \
             model",
            at + 1
        ))),
        None => Ok(()),
    };
    beyond("the forecast", &forecast.mean)?;
    for (interval, percent) in forecast.intervals.iter().zip(percents) {
        let what = format!("the interval of {percent} %");
        beyond(&what, &interval.lower)?;
        // A transform by a power below 0 has no upper bound where chance reaches far enough.
        let told = |&upper: &f64| if upper == f64::INFINITY { 0.0 } else { upper };
        let upper: Vec<f64> = interval.upper.iter().map(told).collect();
        beyond(&what, &upper)?;
    }
    Ok(())
}

/// Puts `past` before the values of a part, with no bounds there.
fn precede<'a>(part: &mut ForecastPart, past: impl ExactSizeIterator<Item = &'a f64>) {
    let unknown = vec![f64::NAN; past.len()];
    part.values.splice(..0, past.copied());
    for interval in &mut part.intervals {
        for bounds in [&mut interval.lower, &mut interval.upper] {
            bounds.splice(..0, unknown.iter().copied());
        }
    }
}

/// A forecast of a channel of a table, and the model that made it.
#[derive(Debug, Clone)]
pub struct TableForecast {
    /// The model's name.
    pub model: String,
    /// The channel.
    pub channel: String,
    /// The points of a season that the model was given, 1 for none.
    pub period: usize,
    /// What was fitted.
    pub summary: ModelSummary,
    /// The levels of the intervals in percent, as those of [`TableForecast::forecast`].
    pub levels: Vec<f64>,
    /// The forecast.
    pub forecast: Forecast,
    /// The moments of the history, one a step.
    pub timestamps: Vec<Timestamp>,
    /// Its values, NaN where one is missing.
    pub values: Vec<f64>,
    /// What the model would have forecast one step ahead; NaN where it says nothing.
    pub fitted: Vec<f64>,
    /// What is to be said of calibrated intervals.
    pub notes: Vec<String>,
    /// What the forecast is made of, the trend first, which has as much of the history before it as a
    /// plot shows; of `prophet` every part has it. Empty for models that do not take a series apart.
    pub parts: Vec<ForecastPart>,
    /// Whether CSV and JSON have the parts.
    list_parts: bool,
    format: TimeFormat,
}

/// Forecasts a channel of `table`.
///
/// The rows lie on a grid (but for `prophet`), whose step is found; rows that are not there and values that are missing
/// count as missing. The forecast starts one step after the last row.
///
/// # Errors
/// When the task is not valid, there is no channel of the name, rows do not move on in time or are
/// not on a grid, a value is beyond 1e150 in magnitude, or the model cannot be fitted: too few values, or values that
/// it does not take.
///
/// ```
/// use bongsu_engine::{ForecastTask, Table, forecast};
/// let mut csv = String::from("timestamp,load\n");
/// for i in 0..48 {
///     csv += &format!("{},{}\n", 3600 * i, [2.0, 5.0, 9.0, 4.0][i % 4]);
/// }
/// let table = Table::read(csv.as_bytes())?;
/// let task = ForecastTask {
///     model: "seasonal-naive".into(),
///     horizon: 2,
///     ..ForecastTask::default()
/// };
/// let forecast = forecast(&table, &task)?;
/// assert_eq!(forecast.period, 4);
/// assert_eq!(forecast.forecast.mean, [2.0, 5.0]);
/// assert!(forecast.to_csv().starts_with("timestamp,mean,lower_80,upper_80,"));
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
pub fn forecast(table: &Table, task: &ForecastTask) -> Result<TableForecast, Error> {
    let plan = task.plan()?;
    let percents = task.percents(&plan)?;
    let column = column(task.channel.as_deref(), table)?;
    check_order(table)?;
    let channel = table.channels.get(column).cloned().unwrap_or_default();
    let labels = Labels::from_pairs([(METRIC_NAME, channel.as_str())])?;
    let observed = table.values.column(column).to_vec();
    check_values(&channel, table, &observed)?;
    let series = SeriesView::new(&labels, &table.timestamps, &observed)?;
    let (timestamps, values, seasons, model) =
        if let Ok(ForecastModel::Prophet(mut model)) = plan.model(&[2]) {
            // Its seasons are of the calendar, and its times may be irregular.
            *model = model.add_holidays(task.holidays.iter().cloned())?;
            let model = ForecastModel::Prophet(model);
            (table.timestamps.clone(), observed.clone(), vec![1], model)
        } else {
            let (timeline, values) = Timeline::of(&series)?;
            let seasons = plan.seasons(&values, Some(timeline.step()))?;
            let model = plan.model(&seasons)?;
            let times = (0..values.len()).map(|i| timeline.at(i));
            (times.collect::<Result<_, _>>()?, values, seasons, model)
        };
    let beside = Beside::new(&model, table, task)?;
    let (fitted, summary) = fit(plan.spec().name, &model, &series, &beside.columns())?;
    let levels: Vec<f64> = percents.iter().map(|percent| percent / 100.0).collect();
    let coming = beside.coming();
    let request = ForecastRequest {
        horizon: beside
            .times()
            .map_or(Horizon::Steps(task.horizon), Horizon::At),
        regressors: coming.as_ref().map(|values| values.view()),
        levels: &levels,
    };
    let mut notes = Vec::new();
    let forecast = if task.calibrate && !levels.is_empty() {
        let relative = plan.spec().intervals && plan.usual_level()? != Some(0.0);
        let steps = beside.times().map_or(task.horizon, <[Timestamp]>::len);
        let band = calibrated(&model, steps, relative, &series);
        forecast_calibrated(band, fitted.as_ref(), &request, relative, &mut notes)?
    } else {
        fitted.forecast(&request)?
    };
    check_finite(&forecast, &percents)?;
    let period = seasons.first().copied().unwrap_or(1);
    let shown = output::shown(&forecast, period, &values);
    let parts = if let ForecastModel::Prophet(_) = &model {
        let past = timestamps.iter().skip(timestamps.len() - shown).copied();
        let times: Vec<Timestamp> = past.chain(forecast.timestamps.iter().copied()).collect();
        let all = beside.past_and_coming(shown);
        fitted.parts(&ForecastRequest {
            horizon: Horizon::At(&times),
            levels: &levels,
            regressors: all.as_ref().map(|values| values.view()),
        })?
    } else {
        let mut parts = fitted.parts(&request)?;
        if let Some(trend) = parts.first_mut() {
            let past = fitted.past_trend(&series)?;
            precede(trend, past.iter().skip(past.len().saturating_sub(shown)));
        }
        parts
    };
    let residuals = fitted.residuals().iter();
    let pairs = values.iter().zip(residuals);
    let text = table.timestamp_texts.last().map_or("", String::as_str);
    Ok(TableForecast {
        model: plan.spec().name.to_owned(),
        channel,
        period,
        parts,
        list_parts: task.parts,
        summary,
        levels: percents,
        forecast,
        timestamps,
        fitted: pairs.map(|(value, residual)| value - residual).collect(),
        values,
        notes,
        format: TimeFormat::of(text),
    })
}
