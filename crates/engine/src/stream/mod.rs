//! Judging rows as they arrive: the library side of `bongsu stream`.

mod lines;
mod row;
mod state;

use std::collections::BTreeMap;
use std::path::Path;

use bongsu_core::{DeviationFilter, Error as CoreError, StreamDetector as _, Timestamp, snapshot};
use serde::{Deserialize, Serialize};

use crate::detect::{DetectedRow, Lane, Manner};
use crate::registry::{self, Input, Learns};
use crate::{Error, TimeUnit, older};

pub use lines::{Lines, MAX_LINE};
pub use row::PushedLine;

/// What to run on rows that arrive one by one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamRequest {
    /// The detector's name.
    pub detector: String,
    /// Its parameters, and those common to all detectors.
    pub parameters: BTreeMap<String, String>,
    /// Give raw scores instead of calibrated ones.
    pub raw: bool,
    /// Say which channels made a row anomalous.
    pub explain: bool,
}

impl StreamRequest {
    /// Checks the detector and its parameters, before a row has come.
    ///
    /// # Errors
    /// When one is unknown or outside its domain.
    pub fn validate(&self) -> Result<(), Error> {
        let mut parameters = self.parameters.clone();
        registry::take_filter(&mut parameters)?;
        registry::build(&self.detector, &parameters)?;
        Ok(())
    }

    /// Whether the detector is one for many rows, which is fitted again and again.
    ///
    /// # Errors
    /// When the detector is unknown.
    pub fn is_refitted(&self) -> Result<bool, Error> {
        Ok(registry::find(&self.detector)?.learns() == Learns::OnManyRows)
    }
}

/// Why a row was neither judged nor learned.
#[derive(Debug)]
#[non_exhaustive]
pub enum Skipped {
    /// Its time is not after that of the newest row that was learned.
    Late,
    /// It has no value that can be judged.
    Missing,
    /// It cannot be read, and why.
    Unreadable(String),
    /// The detector does not take its values, and why.
    Refused(CoreError),
}

/// How many rows there were of each kind since the first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StreamCounts {
    /// Judged and learned, those of the warm-up among them.
    pub judged: u64,
    /// Anomalous ones among them.
    pub anomalous: u64,
    /// Not after the newest row that was learned.
    pub late: u64,
    /// Without a value that could be judged.
    pub missing: u64,
    /// That could not be read.
    pub unreadable: u64,
    /// That the detector did not take.
    pub refused: u64,
    /// Infinite values, which were taken as missing.
    pub infinite_values: u64,
    /// Values that lie outside of the detector's limits and were taken as on the limit.
    pub outside_limits: u64,
}

impl StreamCounts {
    /// Rows that were neither judged nor learned.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.late
            .saturating_add(self.missing)
            .saturating_add(self.unreadable)
            .saturating_add(self.refused)
    }

    /// What was counted after `earlier` counts of the same session.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            judged: self.judged.saturating_sub(earlier.judged),
            anomalous: self.anomalous.saturating_sub(earlier.anomalous),
            late: self.late.saturating_sub(earlier.late),
            missing: self.missing.saturating_sub(earlier.missing),
            unreadable: self.unreadable.saturating_sub(earlier.unreadable),
            refused: self.refused.saturating_sub(earlier.refused),
            infinite_values: self.infinite_values.saturating_sub(earlier.infinite_values),
            outside_limits: self.outside_limits.saturating_sub(earlier.outside_limits),
        }
    }
}

/// Judges rows one by one and learns them, each timestamp once, and goes on after a restart as if it
/// had never stopped.
///
/// Detectors of a single metric judge the channels apart, and a row has the highest of their scores;
/// detectors of tables judge the channels of a row together. Detectors that must be fitted on many
/// rows are fitted again and again on the latest ones.
///
/// What happens to rows that are not as they should be, each of which is counted:
///
/// | row | |
/// |---|---|
/// | time not after the newest learned row: late, repeated, a clock that went back | skipped until time has passed that row |
/// | missing (NaN) or infinite value | the channel is left out; where it is the only one, or the detector judges channels together, the row is skipped |
/// | a value that the detector does not take, such as 1e300 | the channel is left out, or the row is skipped |
/// | a line that cannot be read: another number of fields, not a number, time in another unit | skipped |
///
/// A skipped row changes nothing but its counter: no detector, nor the newest time.
///
/// Cost: that of the detector a row. Memory: that of the detector, once a channel where channels are
/// judged apart.
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_engine::stream::{Skipped, StreamRequest, StreamSession};
/// let request = StreamRequest { detector: "ewma".into(), ..StreamRequest::default() };
/// let mut session = StreamSession::new(&request, vec!["load".into()])?;
/// for i in 0..100 {
///     let row = session.push(Timestamp::from_secs(60 * i), &[(i % 5) as f64]).unwrap();
///     assert!(!row.anomalous);
/// }
/// let row = session.push(Timestamp::from_secs(6_000), &[50.0]).unwrap();
/// assert!(row.anomalous);
/// let again = session.push(Timestamp::from_secs(6_000), &[50.0]);
/// assert!(matches!(again, Err(Skipped::Late)));
/// assert_eq!((session.counts().judged, session.counts().late), (101, 1));
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamSession {
    detector: String,
    /// As they were given.
    parameters: BTreeMap<String, String>,
    filter: DeviationFilter,
    channels: Vec<String>,
    /// One a channel, or one for all.
    lanes: Vec<Lane>,
    unit: Option<TimeUnit>,
    newest: Option<Timestamp>,
    counts: StreamCounts,
    /// Scratch for the values of a line.
    #[serde(skip)]
    values: Scratch,
    #[serde(skip)]
    raw: bool,
    #[serde(skip)]
    explain: bool,
}

/// Room for numbers that means nothing from one use to the next.
#[derive(Debug, Clone, Default)]
struct Scratch(Vec<f64>);

impl PartialEq for Scratch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl StreamSession {
    /// A session that has seen nothing.
    ///
    /// # Errors
    /// When the detector or a parameter is unknown or outside its domain, or not for this number of
    /// channels, or when there is no channel.
    pub fn new(request: &StreamRequest, channels: Vec<String>) -> Result<Self, Error> {
        if channels.is_empty() {
            return Err(Error::config("a stream needs at least one channel"));
        }
        let mut parameters = request.parameters.clone();
        let filter = registry::take_filter(&mut parameters)?;
        let (lanes, features) = match registry::find(&request.detector)?.input {
            Input::Table | Input::TableSeries => (1, channels.len()),
            Input::Column | Input::Series => (channels.len(), 1),
        };
        let lane = Lane::new(registry::build(&request.detector, &parameters)?, features)?;
        Ok(Self {
            detector: request.detector.clone(),
            parameters: request.parameters.clone(),
            filter,
            channels,
            lanes: vec![lane; lanes],
            unit: None,
            newest: None,
            counts: StreamCounts::default(),
            values: Scratch::default(),
            raw: request.raw,
            explain: request.explain,
        })
    }

    /// The session that was saved at `path`, as it goes on under `request`.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, and when it is of another detector or has other
    /// parameters.
    pub fn load(path: impl AsRef<Path>, request: &StreamRequest) -> Result<Self, Error> {
        let path = path.as_ref();
        request.validate()?;
        let failed = |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", path.display()));
        let bytes = std::fs::read(path).map_err(|e| failed(&e))?;
        let mut session: Self = older::read(&bytes).map_err(|e| failed(&e))?;
        if let Some(difference) = session.difference(request)? {
            return Err(Error::config(format!(
                "{}: this state is of {difference}; give another --state, or remove the file to start anew",
                path.display()
            )));
        }
        (session.raw, session.explain) = (request.raw, request.explain);
        Ok(session)
    }

    /// Saves the session at `path`, which holds either the old or the new state, whole, whatever
    /// happens.
    ///
    /// # Errors
    /// When the file cannot be written; the old one then stays.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        Ok(snapshot::save(self, path)?)
    }

    /// Judges a row and learns it; `values` are those of the channels, NaN where one is missing.
    ///
    /// # Errors
    /// When the row is skipped; nothing but a counter has then changed.
    pub fn push(&mut self, time: Timestamp, values: &[f64]) -> Result<DetectedRow, Skipped> {
        let outcome = self.judge(time, values);
        self.count(&outcome);
        outcome
    }

    fn judge(&mut self, time: Timestamp, values: &[f64]) -> Result<DetectedRow, Skipped> {
        if values.len() != self.channels.len() {
            return Err(Skipped::Unreadable(format!(
                "{} values for {} channels",
                values.len(),
                self.channels.len()
            )));
        }
        if self.newest.is_some_and(|newest| time <= newest) {
            return Err(Skipped::Late);
        }
        let infinite = values.iter().filter(|value| value.is_infinite()).count();
        self.counts.infinite_values = self.counts.infinite_values.saturating_add(infinite as u64);
        let together = self.judges_together();
        let manner = Manner {
            learn: true,
            raw: self.raw,
            explain: (self.explain && together).then_some(self.channels.as_slice()),
            filter: &self.filter,
        };
        let mut row = DetectedRow::default();
        let mut outcome = Err(Skipped::Missing);
        let features = if together { values.len() } else { 1 };
        for (lane, values) in self.lanes.iter_mut().zip(values.chunks(features)) {
            if !values.iter().all(|value| value.is_finite()) {
                continue;
            }
            match lane.judge(time, values, manner) {
                Ok(found) => {
                    let outside = &mut self.counts.outside_limits;
                    *outside = outside.saturating_add(found.outside_limits);
                    row.keep_highest(found, self.raw);
                    outcome = Ok(());
                }
                Err(e) if outcome.is_err() => outcome = Err(Skipped::Refused(e)),
                Err(_) => {}
            }
        }
        outcome?;
        self.newest = Some(time);
        if self.channels.len() > 1 {
            row.expectation = None;
        }
        Ok(row)
    }

    fn count(&mut self, outcome: &Result<DetectedRow, Skipped>) {
        let counts = &mut self.counts;
        let counter = match outcome {
            Ok(row) => {
                counts.anomalous = counts.anomalous.saturating_add(u64::from(row.anomalous));
                &mut counts.judged
            }
            Err(Skipped::Late) => &mut counts.late,
            Err(Skipped::Missing) => &mut counts.missing,
            Err(Skipped::Unreadable(_)) => &mut counts.unreadable,
            Err(Skipped::Refused(_)) => &mut counts.refused,
        };
        *counter = counter.saturating_add(1);
    }

    /// Whether the detector judges the channels of a row together.
    fn judges_together(&self) -> bool {
        self.lanes.len() == 1
    }

    /// Whether rows may come with a band: those of a single channel that is judged by itself. What a
    /// detector expects is not known before it has seen something, but columns are.
    #[must_use]
    pub fn has_band(&self) -> bool {
        self.channels.len() == 1
            && registry::find(&self.detector).is_ok_and(|spec| !spec.input.is_together())
    }

    /// The names of the channels.
    #[must_use]
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// The time of the newest row that was learned.
    #[must_use]
    pub const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// How lines write their time; known from the first one that was read.
    #[must_use]
    pub const fn unit(&self) -> Option<TimeUnit> {
        self.unit
    }

    /// What came since the first start.
    #[must_use]
    pub const fn counts(&self) -> StreamCounts {
        self.counts
    }

    /// The rows that the detector has learned; of channels that are judged apart, the most.
    #[must_use]
    pub fn learned(&self) -> u64 {
        let lanes = self.lanes.iter();
        lanes.map(|lane| lane.detector().seen()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
