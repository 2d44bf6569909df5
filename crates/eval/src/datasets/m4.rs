//! The files of the M4 competition.

use std::collections::BTreeMap;
use std::path::Path;

use bongsu_core::{Error, Result};

use super::{Opener, text_of};

/// A series of the M4 competition.
#[derive(Debug, Clone, PartialEq)]
pub struct M4Series {
    /// Its name, such as `W12`.
    pub name: String,
    /// What was known.
    pub train: Vec<f64>,
    /// What came.
    pub test: Vec<f64>,
}

/// Reads a training file and its test file (`Weekly-train.csv`, `Weekly-test.csv`): a series a row,
/// the name first.
///
/// # Errors
/// When a file cannot be read, a value is no number, or a series has no test part.
pub fn m4(train: &Path, test: &Path, open: Opener<'_>) -> Result<Vec<M4Series>> {
    let mut tests: BTreeMap<String, Vec<f64>> = rows(&text_of(test, open)?)?.into_iter().collect();
    let train = rows(&text_of(train, open)?)?.into_iter();
    let series = train.map(|(name, train)| {
        let test = tests.remove(&name);
        let test = test.ok_or_else(|| Error::input(format!("series {name} has no test part")))?;
        Ok(M4Series { name, train, test })
    });
    series.collect()
}

fn rows(text: &str) -> Result<Vec<(String, Vec<f64>)>> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| Error::input(e.to_string()))?;
        let mut cells = record.iter();
        let name = cells.next().unwrap_or_default().to_owned();
        let values = cells
            .filter(|cell| !cell.is_empty() && *cell != "NA")
            .map(str::parse);
        let values: std::result::Result<Vec<f64>, _> = values.collect();
        rows.push((name, values.map_err(|e| Error::input(e.to_string()))?));
    }
    Ok(rows)
}
