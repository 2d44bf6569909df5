//! A forecast as CSV, JSON and a plot.

use std::fmt::Write as _;

use bongsu_core::{Forecast, ForecastPart, PartKind};
use bongsu_forecast::arima::Diagnostics;
use bongsu_report::{Panels, ResidualPlot, TimeSeriesPlot, Unit};
use serde_json::{Map, Number, Value, json};

use super::TableForecast;
use crate::Error;
use crate::table::format_number;

/// The version of the JSON document.
const SCHEMA: u32 = 1;

/// The least points of the history that a plot shows, where there are as many.
const SHOWN: usize = 60;

/// How many of the last points of the history a plot shows.
pub(super) fn shown(forecast: &Forecast, period: usize, values: &[f64]) -> usize {
    let horizon = forecast.mean.len();
    let wanted = horizon.max(period).saturating_mul(3).max(SHOWN);
    // All of it, where that is not much more.
    if values.len() <= wanted.saturating_mul(4) {
        values.len()
    } else {
        wanted
    }
}

impl TableForecast {
    /// CSV `timestamp,mean,lower_80,upper_80,...`, the times written as those of the table; with the
    /// parts where they were asked for, each under its name.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut out = String::from("timestamp,mean");
        for level in &self.levels {
            let _ = write!(out, ",lower_{level},upper_{level}");
        }
        for part in self.listed() {
            let _ = write!(out, ",{}", field(&part.name));
        }
        out.push('\n');
        for (i, (&time, mean)) in self.moments().enumerate() {
            let _ = write!(out, "{},{}", self.format.write(time), format_number(*mean));
            for interval in &self.forecast.intervals {
                for bound in [&interval.lower, &interval.upper] {
                    let bound = bound.get(i).copied().unwrap_or(f64::NAN);
                    let _ = write!(out, ",{}", format_number(bound));
                }
            }
            for part in self.listed() {
                let value = self.coming(part).nth(i).unwrap_or(f64::NAN);
                let _ = write!(out, ",{}", format_number(value));
            }
            out.push('\n');
        }
        out
    }

    /// The parts that are written.
    fn listed(&self) -> &[ForecastPart] {
        if self.list_parts { &self.parts } else { &[] }
    }

    /// The values of a part at the moments of the forecast.
    fn coming<'a>(&self, part: &'a ForecastPart) -> impl Iterator<Item = f64> + use<'a> {
        let past = part.values.len() - self.forecast.mean.len().min(part.values.len());
        part.values.iter().skip(past).copied()
    }

    fn moments(&self) -> impl Iterator<Item = (&bongsu_core::Timestamp, &f64)> {
        self.forecast.timestamps.iter().zip(&self.forecast.mean)
    }

    /// The forecast and its model as a JSON document; numbers that are not finite are null.
    ///
    /// `schema` (1), `model`, `description`, `channel`, `period`, `order` and `seasonal_order` (null
    /// but for an ARIMA), `parameters`, `standard_errors`, `log_likelihood`, `aic`, `aicc` and `bic`
    /// (null where there is no likelihood), `converged`, `members` and `failures` for an ensemble,
    /// `diagnostics` of the residuals of an ARIMA: `ljung_box` (whether they are independent),
    /// `jarque_bera` (normal) and `break_variance` (of one variance), each with `statistic` and `p_value`,
    /// `notes` where there is something to say of calibrated intervals,
    /// and `forecast`: objects of `timestamp`, `mean`, `lower_80`, `upper_80` and so on, each time
    /// a number where the table's are, else a text, and where they were asked for `parts`, an object
    /// of their values.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let summary = &self.summary;
        let information = summary.information;
        let object = |pairs: &[(String, f64)]| -> Map<String, Value> {
            let pairs = pairs.iter();
            pairs.map(|(k, v)| (k.clone(), json!(v))).collect()
        };
        let mut document = json!({
            "schema": SCHEMA,
            "model": self.model,
            "description": summary.description,
            "channel": self.channel,
            "period": (self.period > 1).then_some(self.period),
            "order": summary.order,
            "seasonal_order": summary.seasonal_order,
            "parameters": object(&summary.parameters),
            "standard_errors": object(&summary.standard_errors),
            "log_likelihood": summary.log_likelihood,
            "aic": information.map(|i| i.aic),
            "aicc": information.map(|i| i.aicc),
            "bic": information.map(|i| i.bic),
            "converged": summary.converged,
        });
        if let Some(fields) = document.as_object_mut() {
            if !summary.members.is_empty() {
                fields.insert("members".to_owned(), json!(summary.members));
                fields.insert("failures".to_owned(), json!(summary.failures));
            }
            if let Some(tests) = &summary.diagnostics {
                fields.insert("diagnostics".to_owned(), diagnostics(tests));
            }
            if !self.notes.is_empty() {
                fields.insert("notes".to_owned(), json!(self.notes));
            }
            fields.insert("forecast".to_owned(), self.rows());
        }
        document
    }

    fn rows(&self) -> Value {
        let names: Vec<[String; 2]> = self
            .levels
            .iter()
            .map(|level| [format!("lower_{level}"), format!("upper_{level}")])
            .collect();
        let row = |(i, (&time, mean)): (usize, (&bongsu_core::Timestamp, &f64))| {
            let text = self.format.write(time);
            let number = || text.parse::<Number>().ok();
            let mut row = Map::new();
            let time = if self.format.is_number() {
                number().map_or(Value::Null, Value::Number)
            } else {
                Value::String(text.clone())
            };
            row.insert("timestamp".to_owned(), time);
            row.insert("mean".to_owned(), json!(mean));
            for ([lower, upper], interval) in names.iter().zip(&self.forecast.intervals) {
                row.insert(lower.clone(), json!(interval.lower.get(i)));
                row.insert(upper.clone(), json!(interval.upper.get(i)));
            }
            if !self.listed().is_empty() {
                let value = |part: &ForecastPart| json!(self.coming(part).nth(i));
                let parts = self.listed().iter();
                let parts: Map<String, Value> =
                    parts.map(|part| (part.name.clone(), value(part))).collect();
                row.insert("parts".to_owned(), Value::Object(parts));
            }
            Value::Object(row)
        };
        Value::Array(self.moments().enumerate().map(row).collect())
    }

    /// The latest part of the history, what the model made of it, and the forecast with its
    /// intervals.
    ///
    /// # Errors
    /// When the parts do not fit together, which would be a defect of this crate.
    pub fn plot(&self) -> Result<TimeSeriesPlot, Error> {
        self.plot_called(&self.channel)
    }

    fn plot_called(&self, title: &str) -> Result<TimeSeriesPlot, Error> {
        let horizon = self.forecast.mean.len();
        let shown = shown(&self.forecast, self.period, &self.values);
        let from = self.values.len() - shown;
        let tail = |values: &[f64]| values.iter().skip(from).copied().collect::<Vec<_>>();
        let timestamps = self.timestamps.iter().skip(from).copied().collect();
        let subtitle = format!("{}, {horizon} steps ahead", self.summary.description);
        let mut plot = TimeSeriesPlot::new(title, timestamps, tail(&self.values))
            .and_then(|plot| plot.fitted(tail(&self.fitted)))
            .and_then(|plot| {
                let forecast = &self.forecast;
                plot.forecast(forecast.timestamps.clone(), forecast.mean.clone())
            })
            .map_err(Error::report)?;
        for (level, interval) in self.levels.iter().zip(&self.forecast.intervals) {
            let (lower, upper) = (interval.lower.clone(), interval.upper.clone());
            plot = plot
                .interval(format!("{level} %"), lower, upper)
                .map_err(Error::report)?;
        }
        Ok(plot.subtitle(subtitle).time_zone(self.format.time_zone()))
    }

    /// What the model left unexplained of the whole history: over time, by size, and how it goes
    /// together with itself some steps before.
    ///
    /// # Errors
    /// When the parts do not fit together, which would be a defect of this crate.
    pub fn residual_plot(&self) -> Result<ResidualPlot, Error> {
        let pairs = self.values.iter().zip(&self.fitted);
        let mut left: Vec<f64> = pairs.map(|(value, fitted)| value - fitted).collect();
        left.resize(self.timestamps.len(), f64::NAN);
        let title = format!("Residuals of {}", self.channel);
        let plot = ResidualPlot::new(title, self.timestamps.clone(), left);
        let plot = plot.map_err(Error::report)?;
        // Two seasons, where that is more than usual.
        let plot = if self.period > 1 {
            plot.lags((2 * self.period + self.period / 4).max(40))
        } else {
            plot
        };
        let zone = self.format.time_zone();
        Ok(plot.subtitle(&self.summary.description).time_zone(zone))
    }

    /// As [`TableForecast::plot`], with a panel below it for each part of the forecast: the trend, one
    /// turn of each season, holidays and regressors. `None` where it has no parts.
    ///
    /// # Errors
    /// As [`TableForecast::plot`].
    pub fn panels(&self) -> Result<Option<Panels>, Error> {
        if self.parts.len() < 2 {
            return Ok(None);
        }
        let main = self.plot_called("forecast")?;
        let subtitle = format!(
            "{}, {} steps ahead",
            self.summary.description,
            self.forecast.mean.len()
        );
        let mut plots = vec![main.subtitle("").share(1.8)];
        // First those over the time of the forecast, which share an axis.
        let turns = |part: &&ForecastPart| part.kind == PartKind::Season && part.cycle.is_some();
        for part in self.parts.iter().filter(|part| !turns(part)) {
            plots.push(self.over_time(part)?);
        }
        for part in self.parts.iter().filter(turns) {
            plots.extend(turn_of(part)?);
        }
        let panels = Panels::new(plots).title(&self.channel).subtitle(subtitle);
        let zone = self.format.time_zone();
        Ok(Some(panels.panel_height(250).time_zone(zone)))
    }

    /// A part over the shown history, where it is known, and the time of the forecast.
    fn over_time(&self, part: &ForecastPart) -> Result<TimeSeriesPlot, Error> {
        let horizon = self.forecast.mean.len();
        let past = part.values.len().saturating_sub(horizon);
        let skipped = self.timestamps.len() - past.min(self.timestamps.len());
        let times = self.timestamps.iter().skip(skipped).copied().collect();
        let known = part.values.iter().take(past).copied().collect();
        let coming = self.coming(part).collect();
        let mut plot = TimeSeriesPlot::new(&part.name, times, known)
            .and_then(|plot| plot.forecast(self.forecast.timestamps.clone(), coming))
            .map_err(Error::report)?;
        for (level, interval) in self.levels.iter().zip(&part.intervals) {
            let [lower, upper] = [&interval.lower, &interval.upper]
                .map(|bound| bound.iter().skip(past).copied().collect());
            plot = plot
                .interval(format!("{level} %"), lower, upper)
                .map_err(Error::report)?;
        }
        Ok(plot.unit(unit(part)))
    }
}

/// Tests of residuals.
fn diagnostics(tests: &Diagnostics) -> Value {
    let (normal, broken) = (tests.jarque_bera, tests.break_variance);
    json!({
        "ljung_box": tests.ljung_box.last().map(|test| json!({
            "lags": test.lags,
            "statistic": test.statistic,
            "p_value": test.p_value,
        })),
        "jarque_bera": {
            "statistic": normal.statistic,
            "p_value": normal.p_value,
            "skewness": normal.skewness,
            "kurtosis": normal.kurtosis,
        },
        "break_variance": {
            "statistic": broken.statistic,
            "p_value": broken.p_value,
        },
    })
}

/// One turn of a season.
fn turn_of(part: &ForecastPart) -> Result<Option<TimeSeriesPlot>, Error> {
    let Some(cycle) = &part.cycle else {
        return Ok(None);
    };
    let (times, values) = (cycle.timestamps.clone(), cycle.values.clone());
    let plot = TimeSeriesPlot::new(&part.name, times, values).map_err(Error::report)?;
    Ok(Some(plot.unit(unit(part)).turn()))
}

/// A fraction of the trend is written as a percentage.
fn unit(part: &ForecastPart) -> Unit {
    if part.multiplicative {
        Unit::Ratio
    } else {
        Unit::Plain
    }
}

/// A name as a field of CSV.
fn field(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}
