//! What a model is told beside the series: regressors, conditions, capacities, holidays.

use std::collections::BTreeMap;
use std::path::Path;

use bongsu_core::Timestamp;
use bongsu_core::ndarray::Array2;
use bongsu_forecast::prophet::{Columns, Holiday};

use super::ForecastTask;
use crate::registry::forecast::ForecastModel;
use crate::table::shown;
use crate::{Error, Table};

/// Columns of the table and of the future, by the names that the model needs.
#[derive(Debug, Default)]
pub(super) struct Beside {
    names: Vec<String>,
    past: Vec<Vec<f64>>,
    coming: Vec<Vec<f64>>,
    /// The coming moments, where they are given.
    times: Option<Vec<Timestamp>>,
}

impl Beside {
    pub(super) fn new(
        model: &ForecastModel,
        table: &Table,
        task: &ForecastTask,
    ) -> Result<Self, Error> {
        let ForecastModel::Prophet(model) = model else {
            return Ok(Self::default());
        };
        // A floor may be 0, a capacity must be somewhere.
        let has = |name: &str| table.channels.iter().any(|channel| channel == name);
        let bounds = model
            .open_bounds()
            .filter(|&name| name == "cap" || has(name));
        let names = model.columns().into_iter().map(str::to_owned);
        let names: Vec<String> = names.chain(bounds.map(str::to_owned)).collect();
        let mut beside = Self {
            past: columns(table, &names, "input")?,
            names,
            ..Self::default()
        };
        let Some(future) = &task.future else {
            if beside.names.is_empty() {
                return Ok(beside);
            }
            return Err(Error::config(format!(
                "the model needs the coming values of {}: give them as --future FILE, a CSV file \
                 `timestamp,{}`",
                listed(&beside.names),
                beside.names.join(",")
            )));
        };
        if let Some(&row) = future.late_rows.first() {
            return Err(Error::input(format!(
                "row {} of the future is not after those before it: sort the rows by time",
                row + 1
            )));
        }
        let last = table.timestamps.last().copied().unwrap_or(Timestamp::MIN);
        let from = future.timestamps.partition_point(|&time| time <= last);
        let rows = future.timestamps.len() - from;
        let steps = if task.horizon == 0 {
            rows
        } else {
            task.horizon
        };
        if rows < steps || rows == 0 {
            return Err(Error::input(format!(
                "the future has {rows} rows after {last}, the last row of the input, but {} are \
                 to be forecast",
                steps.max(1)
            )));
        }
        let times = future.timestamps.iter().skip(from).take(steps);
        beside.times = Some(times.copied().collect());
        for (name, values) in beside
            .names
            .iter()
            .zip(columns(future, &beside.names, "future")?)
        {
            let values: Vec<f64> = values.into_iter().skip(from).take(steps).collect();
            if let Some(row) = values.iter().position(|value| value.is_nan()) {
                let time = future.timestamp_texts.get(from + row);
                return Err(Error::input(format!(
                    "the future has no value of `{name}` at `{}`",
                    shown(time.map_or("", String::as_str))
                )));
            }
            beside.coming.push(values);
        }
        Ok(beside)
    }

    /// Those of the history.
    pub(super) fn columns(&self) -> Columns<'_> {
        let pairs = self.names.iter().zip(&self.past);
        pairs.fold(Columns::new(), |all, (name, values)| all.with(name, values))
    }

    /// The coming moments, where they are given.
    pub(super) fn times(&self) -> Option<&[Timestamp]> {
        self.times.as_deref()
    }

    /// The coming values, one row a moment; `None` where none are needed.
    pub(super) fn coming(&self) -> Option<Array2<f64>> {
        self.past_and_coming(0)
    }

    /// The last `rows` values of the history and then the coming ones.
    pub(super) fn past_and_coming(&self, rows: usize) -> Option<Array2<f64>> {
        let coming = self.coming.first()?.len();
        let mut all = Array2::zeros((rows + coming, self.names.len()));
        let sources = self.past.iter().zip(&self.coming);
        for (mut out, (past, coming)) in all.columns_mut().into_iter().zip(sources) {
            let past = past.iter().skip(past.len().saturating_sub(rows));
            for (out, value) in out.iter_mut().zip(past.chain(coming)) {
                // A row without the series may lack its regressors too: their means say nothing.
                *out = if value.is_nan() { 0.0 } else { *value };
            }
        }
        Some(all)
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The channels `names` of a table.
fn columns(table: &Table, names: &[String], what: &str) -> Result<Vec<Vec<f64>>, Error> {
    let column = |name: &String| {
        let at = table.channels.iter().position(|channel| channel == name);
        at.map(|at| table.values.column(at).to_vec())
            .ok_or_else(|| {
                Error::config(format!(
                    "the {what} has no column `{name}`, which the model needs{}; it has: {}",
                    if name == "cap" {
                        ": give it one, or set `cap` to a number"
                    } else {
                        ""
                    },
                    table.channels.join(", ")
                ))
            })
    };
    names.iter().map(column).collect()
}

/// Reads holidays and other events from the CSV file at `path`, `-` for standard input: a header with
/// `ds` (a date such as `2026-12-25`) and `holiday` (its name), and where wanted `lower_window` (days
/// before, 0 or negative), `upper_window` (days after) and `prior_scale`; one row an occurrence.
/// Other columns are not looked at.
///
/// # Errors
/// With the line: when the file cannot be read, a column is missing, or a value is outside its
/// domain.
pub fn read_holidays(path: &Path) -> Result<Vec<Holiday>, Error> {
    let named = |e: &dyn std::fmt::Display| Error::input(format!("{}: {e}", path.display()));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(crate::table::open(path)?);
    let header = reader.headers().map_err(|e| named(&e))?.clone();
    let place = |name: &str| {
        let mut names = header
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}'));
        names.position(|other| other == name)
    };
    let needed = |name: &str| {
        place(name).ok_or_else(|| named(&format!("line 1: there is no column `{name}`")))
    };
    let (day, name) = (needed("ds")?, needed("holiday")?);
    let [before, after, scale] = ["lower_window", "upper_window", "prior_scale"].map(place);
    let mut all = Vec::new();
    let mut scales: BTreeMap<String, Option<String>> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| named(&e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let wrong = |e: &dyn std::fmt::Display| named(&format!("line {line}: {e}"));
        let text = |at: usize| record.get(at).unwrap_or_default();
        let optional = |at: Option<usize>| at.map(text).filter(|text| !text.is_empty());
        let number = |at: Option<usize>| match optional(at) {
            None => Ok(0.0),
            Some(text) => text
                .parse::<f64>()
                .map_err(|_| wrong(&format!("`{}` is not a number", shown(text)))),
        };
        let days = |value: f64, name: &str, sign: f64| {
            let days = value * sign;
            if (0.0..=366.0).contains(&days) && days.fract() == 0.0 {
                Ok(days as u32)
            } else {
                let domain = if sign < 0.0 { "[-366, 0]" } else { "[0, 366]" };
                Err(wrong(&format!(
                    "`{name}` is {value}, but must be whole and in {domain}"
                )))
            }
        };
        let before = days(number(before)?, "lower_window", -1.0)?;
        let after = days(number(after)?, "upper_window", 1.0)?;
        // A date may be followed by a time, as data frames are written.
        let date = text(day).split([' ', 'T']).next().unwrap_or_default();
        let holiday = Holiday::new(text(name), [date]).and_then(|h| h.window(before, after));
        let mut holiday = holiday.map_err(|e| wrong(&e))?;
        let own = optional(scale).map(str::to_owned);
        let known = scales
            .entry(text(name).to_owned())
            .or_insert_with(|| own.clone());
        if *known != own {
            let message = format!("the holiday `{}` has two prior scales", shown(text(name)));
            return Err(wrong(&message));
        }
        if own.is_some() {
            let value = number(scale)?;
            holiday = holiday.prior_scale(value).map_err(|e| wrong(&e))?;
        }
        all.push(holiday);
    }
    Ok(all)
}
