//! Looking into a saved state without the service.

mod versions;

use std::fs;
use std::path::Path;

use bongsu_alert::{Acknowledgement, Step};
use bongsu_core::{Alert, Labels, StreamDetector, Timestamp, snapshot};
use serde::Serialize;

use crate::Error;
use crate::judge::SeriesState;
use crate::older;
use crate::state::{EngineState, state_file};

pub use versions::{SavedVersion, SavedVersions, UnreadableVersion};

/// What a service has saved in its `state.directory`.
///
/// Reading needs no lock: the service exchanges the file as a whole.
#[derive(Debug)]
pub struct SavedState {
    state: EngineState,
    version: u16,
    bytes: u64,
}

/// What is known of one query.
#[derive(Debug, Clone, Serialize)]
pub struct SavedQuery {
    /// The query's name.
    pub name: String,
    /// The newest moment up to which all is judged, in milliseconds.
    pub judged_until: Option<Timestamp>,
    /// The series that it judges.
    pub series: usize,
    /// What their detectors hold on the heap, with what stands by for late points, in bytes.
    pub detector_bytes: usize,
    /// The version of its trained detectors; 0 where they only learn as they judge.
    pub model_version: u64,
    /// When they were trained; `None` before the first time.
    pub trained: Option<Timestamp>,
    /// What its detectors were made from; another configuration starts afresh.
    pub signature: String,
}

/// What is known of one series.
#[derive(Debug, Clone, Serialize)]
pub struct SavedSeries<'a> {
    /// The query.
    pub query: &'a str,
    /// The series' own labels.
    pub labels: &'a Labels,
    /// The newest moment with a sample, in milliseconds.
    pub last_seen: Timestamp,
    /// Points that its detector has learned.
    pub points: u64,
    /// What the detector expects of the next point.
    pub expected: Option<f64>,
    /// The lower end of its band.
    pub lower: Option<f64>,
    /// The upper end of its band.
    pub upper: Option<f64>,
    /// The channels of a group, in the order of the detector's features; none for a series.
    pub channels: Vec<&'a str>,
}

impl SavedState {
    /// Reads the state in `directory`.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let path = state_file(directory);
        let failed = |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", path.display()));
        let bytes = fs::read(&path).map_err(|e| failed(&e))?;
        let version = snapshot::inspect(&bytes).map_err(|e| failed(&e))?.version;
        let state = older::read(&bytes).map_err(|e| failed(&e))?;
        Ok(Self {
            state,
            version,
            bytes: bytes.len() as u64,
        })
    }

    /// The version of the file's fields. The service writes its own version when it saves next.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// The size of the file.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Every query.
    pub fn queries(&self) -> impl Iterator<Item = SavedQuery> {
        self.state.queries.iter().map(|query| SavedQuery {
            name: query.name.clone(),
            judged_until: query.cursor,
            series: query.series.len(),
            detector_bytes: query.series.iter().map(SeriesState::heap_bytes).sum(),
            model_version: query.training.version,
            trained: query.training.trained,
            signature: query.signature.clone(),
        })
    }

    /// Every series of every query.
    pub fn series(&self) -> impl Iterator<Item = SavedSeries<'_>> {
        self.state.queries.iter().flat_map(|query| {
            query.series.iter().map(|series| {
                let band = series.learned.detector.expectation();
                SavedSeries {
                    query: &query.name,
                    labels: &series.labels,
                    last_seen: series.last_seen,
                    points: series.learned.detector.seen(),
                    expected: band.map(|band| band.expected),
                    lower: band.map(|band| band.lower).filter(|x| x.is_finite()),
                    upper: band.map(|band| band.upper).filter(|x| x.is_finite()),
                    channels: series.learned.channel_names(),
                }
            })
        })
    }

    /// The alerts that fire, those that wait to, and those that ended lately.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        let lifecycle = &self.state.lifecycle;
        lifecycle
            .active()
            .chain(lifecycle.pending())
            .chain(lifecycle.recently_resolved())
    }

    /// Who has taken up the alert with this fingerprint, while it fires.
    #[must_use]
    pub fn acknowledgement(&self, fingerprint: u64) -> Option<&Acknowledgement> {
        self.state.suppressor.as_ref()?.acknowledgement(fingerprint)
    }

    /// Why the alert with this fingerprint did or did not lead to a message, oldest step first.
    pub fn explain(&self, fingerprint: u64) -> impl Iterator<Item = &Step> {
        let suppressor = self.state.suppressor.iter();
        suppressor.flat_map(move |suppressor| suppressor.explain(fingerprint))
    }
}
