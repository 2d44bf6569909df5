//! A CSV file of a labelled series, whatever its columns are called.

use bongsu_core::{Error, Result, Timestamp};
use ndarray::Array2;

/// Columns that hold the time.
const TIME: [&str; 6] = ["timestamp", "time", "date", "datetime", "ds", "ts"];
/// Columns that hold the label.
const LABEL: [&str; 5] = [
    "label",
    "is_anomaly",
    "anomaly",
    "is_anomalous",
    "anomalous",
];
/// Columns that are neither values nor labels.
const OTHER: [&str; 2] = ["changepoint", "index"];

/// The columns of a file.
pub(super) struct CsvFile {
    pub(super) times: Option<Vec<Timestamp>>,
    pub(super) channels: Vec<String>,
    pub(super) values: Array2<f64>,
    pub(super) labels: Option<Vec<bool>>,
}

impl CsvFile {
    /// Reads `text`; the separator is that which the header has more of, `,` or `;`.
    pub(super) fn read(text: &str) -> Result<Self> {
        let header = text.lines().next().unwrap_or_default();
        let count = |mark: char| header.matches(mark).count();
        let separator = if count(';') > count(',') { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let wrong = |e: &dyn std::fmt::Display| Error::input(e.to_string());
        let names: Vec<String> = reader
            .headers()
            .map_err(|e| wrong(&e))?
            .iter()
            .map(str::to_owned)
            .collect();
        let one_of =
            |list: &[&str], name: &str| list.iter().any(|known| name.eq_ignore_ascii_case(known));
        let time = names.iter().position(|name| one_of(&TIME, name));
        let label = names.iter().position(|name| one_of(&LABEL, name));
        let is_value = |column: usize, name: &str| {
            Some(column) != time
                && Some(column) != label
                && !one_of(&OTHER, name)
                && !name.is_empty()
        };
        let columns: Vec<usize> = (0..names.len())
            .filter(|&column| names.get(column).is_some_and(|name| is_value(column, name)))
            .collect();
        let (mut times, mut labels, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        let mut rows = 0;
        for record in reader.records() {
            let record = record.map_err(|e| wrong(&e))?;
            rows += 1;
            let cell = |column: usize| record.get(column).unwrap_or_default();
            if let Some(column) = time {
                times.push(parse_time(cell(column)).ok_or_else(|| {
                    Error::input(format!("row {rows}: `{}` is no time", short(cell(column))))
                })?);
            }
            if let Some(column) = label {
                labels.push(parse_label(cell(column)).ok_or_else(|| {
                    Error::input(format!(
                        "row {rows}: the label is `{}`, not 0 or 1",
                        short(cell(column))
                    ))
                })?);
            }
            for &column in &columns {
                cells.push(parse_value(cell(column)).ok_or_else(|| {
                    Error::input(format!(
                        "row {rows}: `{}` is no number",
                        short(cell(column))
                    ))
                })?);
            }
        }
        Ok(Self {
            times: time.map(|_| times),
            values: Array2::from_shape_vec((rows, columns.len()), cells).map_err(|e| wrong(&e))?,
            channels: columns
                .iter()
                .filter_map(|&column| names.get(column).cloned())
                .collect(),
            labels: label.map(|_| labels),
        })
    }

    /// Whether the header names a label, without reading further.
    pub(super) fn is_labelled(text: &str) -> bool {
        let header = text.lines().next().unwrap_or_default();
        let mut names = header.split([',', ';']);
        names.any(|name| {
            let name = name.trim().trim_matches('"');
            LABEL.iter().any(|known| name.eq_ignore_ascii_case(known))
        })
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Seconds, milliseconds (from 1e11 on), RFC 3339, or a date and time taken as UTC.
pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<f64>() {
        let seconds = if number.abs() >= 1e11 {
            number / 1e3
        } else {
            number
        };
        return Timestamp::from_secs_f64(seconds);
    }
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let local = text.parse::<jiff::civil::DateTime>().ok()?;
        Some(local.in_tz("UTC").ok()?.timestamp())
    })?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

fn parse_value(text: &str) -> Option<f64> {
    if text.is_empty() {
        return Some(f64::NAN);
    }
    text.parse().ok()
}

pub(super) fn parse_label(text: &str) -> Option<bool> {
    match text {
        "true" | "True" => return Some(true),
        "false" | "False" => return Some(false),
        _ => {}
    }
    let number: f64 = text.parse().ok()?;
    #[allow(clippy::float_cmp, reason = "a label is one of two numbers")]
    let known = number == 0.0 || number == 1.0;
    known.then_some(number > 0.5)
}
