//! A forecast as CSV, JSON and a plot.

use std::fmt::Write as _;

use bongsu_report::TimeSeriesPlot;
use serde_json::{Map, Number, Value, json};

use super::TableForecast;
use crate::Error;

/// The version of the JSON document.
const SCHEMA: u32 = 1;

/// The least points of the history that a plot shows, where there are as many.
const SHOWN: usize = 60;

impl TableForecast {
    /// CSV `timestamp,mean,lower_80,upper_80,...`, the times written as those of the table.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut out = String::from("timestamp,mean");
        for level in &self.levels {
            let _ = write!(out, ",lower_{level},upper_{level}");
        }
        out.push('\n');
        for (i, (&time, mean)) in self.moments().enumerate() {
            let _ = write!(out, "{},{mean}", self.format.write(time));
            for interval in &self.forecast.intervals {
                for bound in [&interval.lower, &interval.upper] {
                    let _ = write!(out, ",{}", bound.get(i).copied().unwrap_or(f64::NAN));
                }
            }
            out.push('\n');
        }
        out
    }

    fn moments(&self) -> impl Iterator<Item = (&bongsu_core::Timestamp, &f64)> {
        self.forecast.timestamps.iter().zip(&self.forecast.mean)
    }

    /// The forecast and its model as a JSON document; numbers that are not finite are null.
    ///
    /// `schema` (1), `model`, `description`, `channel`, `period`, `order` and `seasonal_order` (null
    /// but for an ARIMA), `parameters`, `standard_errors`, `log_likelihood`, `aic`, `aicc` and `bic`
    /// (null where there is no likelihood), `converged`, `members` and `failures` for an ensemble,
    /// `notes` where there is something to say of calibrated intervals,
    /// and `forecast`: objects of `timestamp`, `mean`, `lower_80`, `upper_80` and so on, each time
    /// a number where the table's are, else a text.
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
        let horizon = self.forecast.mean.len();
        let shown = (3 * horizon)
            .max(3 * self.period)
            .max(SHOWN)
            .min(self.values.len());
        let from = self.values.len() - shown;
        let tail = |values: &[f64]| values.iter().skip(from).copied().collect::<Vec<_>>();
        let timestamps = self.timestamps.iter().skip(from).copied().collect();
        let subtitle = format!("{}, {horizon} steps ahead", self.summary.description);
        let mut plot = TimeSeriesPlot::new(&self.channel, timestamps, tail(&self.values))
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
}
