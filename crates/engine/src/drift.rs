//! Drift in a table: the library side of `bongsu drift`.

use std::collections::BTreeMap;

use bongsu_core::{Drift, DriftDetector as _};
use bongsu_stream::DriftMonitor;

use crate::registry::drift::{self, Values};
use crate::stream::{Skipped, StreamRequest, StreamSession};
use crate::{Error, Table};

/// What watches a channel of a table, or the scores of a detector, for drift.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DriftRequest {
    /// The drift detector's name.
    pub detector: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// The channel that is watched; without it the first. With [`DriftRequest::watch`] the only one
    /// that is judged; without it all of them.
    pub channel: Option<String>,
    /// A detector whose scores are watched in place of the values, and its parameters.
    pub watch: Option<(String, BTreeMap<String, String>)>,
    /// Votes that it takes, and within how many values; see [`DriftMonitor::confirm`].
    pub confirm: Option<(usize, u64)>,
    /// The least number of values from one drift to the next.
    pub cool_down: u64,
}

/// Scores above this count as this much, so that one outlier is no change of the mean.
const MOST: f64 = 10.0;

impl DriftRequest {
    /// Checks everything that can be checked before a table is read.
    ///
    /// # Errors
    /// When a detector or a parameter is unknown or outside its domain.
    pub fn validate(&self) -> Result<(), Error> {
        self.monitor()?;
        self.watched().map_or(Ok(()), |watch| watch.validate())
    }

    fn monitor(&self) -> Result<DriftMonitor, Error> {
        let state = drift::method(&self.detector, &self.parameters)?.build()?;
        let monitor = DriftMonitor::new(state).min_points(self.cool_down);
        Ok(match self.confirm {
            Some((votes, within)) => monitor.confirm(votes, within)?,
            None => monitor,
        })
    }

    fn watched(&self) -> Option<StreamRequest> {
        let (detector, parameters) = self.watch.clone()?;
        Some(StreamRequest {
            detector,
            parameters,
            ..StreamRequest::default()
        })
    }

    /// The places of the channels that are looked at.
    fn columns(&self, table: &Table) -> Result<Vec<usize>, Error> {
        let all = table.channels.len();
        match &self.channel {
            Some(name) => {
                let found = table.channels.iter().position(|channel| channel == name);
                found.map(|column| vec![column]).ok_or_else(|| {
                    Error::config(format!(
                        "the input has no channel `{name}`; it has: {}",
                        table.channels.join(", ")
                    ))
                })
            }
            None if self.watch.is_some() => Ok((0..all).collect()),
            None => Ok((0..all.min(1)).collect()),
        }
    }
}

/// The state after each row of `table`; `None` for rows that were not looked at: late ones, those
/// with a missing value, and those that a watched detector gave no score.
///
/// What is watched are the values of a channel or, with [`DriftRequest::watch`], the calibrated
/// scores of a detector that learns as it goes: 0 as expected, 1 at the bound, and 10 at most. Drift
/// detectors that take errors are then told 1 for an anomalous row and 0 for any other.
///
/// # Errors
/// When a detector or a parameter is unknown or outside its domain, there is no channel of the
/// name, or a value is outside the domain of the drift detector.
///
/// ```
/// use bongsu_core::Drift;
/// use bongsu_engine::{DriftRequest, Table, find_drift};
/// let mut csv = String::from("timestamp,load\n");
/// for i in 0..400 {
///     csv += &format!("{},{}\n", 60 * i, if i < 200 { 0.2 } else { 0.8 });
/// }
/// let table = Table::read(csv.as_bytes())?;
/// let request = DriftRequest { detector: "adwin".into(), ..DriftRequest::default() };
/// let states = find_drift(&table, &request)?;
/// let found = states.iter().position(|state| *state == Some(Drift::Drift));
/// assert_eq!(found, Some(223));
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
pub fn find_drift(table: &Table, request: &DriftRequest) -> Result<Vec<Option<Drift>>, Error> {
    let mut monitor = request.monitor()?;
    let columns = request.columns(table)?;
    let takes = drift::find(&request.detector)?.values;
    let mut watched = match request.watched() {
        None => None,
        Some(watch) => {
            let names = columns.iter().filter_map(|&c| table.channels.get(c));
            Some(StreamSession::new(&watch, names.cloned().collect())?)
        }
    };
    let mut late = table.late_rows.iter().copied().peekable();
    let mut states = Vec::with_capacity(table.timestamps.len());
    let mut values: Vec<f64> = Vec::with_capacity(columns.len());
    for (i, (row, &time)) in table
        .values
        .rows()
        .into_iter()
        .zip(&table.timestamps)
        .enumerate()
    {
        values.clear();
        values.extend(columns.iter().filter_map(|&column| row.get(column)));
        let is_late = late.next_if_eq(&i).is_some();
        let x = match &mut watched {
            _ if is_late => None,
            None => values.first().copied().filter(|x| x.is_finite()),
            Some(session) => match session.push(time, &values) {
                Ok(row) => row.score.map(|score| match takes {
                    Values::Any => score.min(MOST),
                    Values::Fraction | Values::ZeroOrOne => f64::from(u8::from(row.anomalous)),
                }),
                Err(Skipped::Refused(e)) => return Err(at_row(i, table, &e)),
                Err(_) => None,
            },
        };
        let state = x.map(|x| monitor.update(x).map_err(|e| at_row(i, table, &e)));
        states.push(state.transpose()?);
    }
    Ok(states)
}

fn at_row(row: usize, table: &Table, error: &bongsu_core::Error) -> Error {
    let time = table.timestamp_texts.get(row).map_or("", String::as_str);
    Error::input(format!("row {} ({time}): {error}", row + 1))
}
