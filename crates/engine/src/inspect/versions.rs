//! The versions of trained detectors that a service keeps, without the service.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use bongsu_core::Timestamp;
use serde::Serialize;

use super::{SavedQuery, SavedState};
use crate::Error;
use crate::training::{VersionHead, Versions};

/// The versions of trained detectors in the `state.directory` of a service.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct SavedVersions {
    /// By query and number.
    pub versions: Vec<SavedVersion>,
    /// Those that are damaged, or of a build that is newer or too old; by query and number.
    pub unreadable: Vec<UnreadableVersion>,
    /// Why it is not known which are at work; `None` where it is.
    pub state_problem: Option<String>,
}

/// A version of the trained detectors of a query, kept to go back to.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SavedVersion {
    /// The query.
    pub query: String,
    /// Counted from 1 for each query.
    pub version: u64,
    /// Whether it was at work when the state was saved last; `None` where no state that can be read
    /// knows the query.
    pub at_work: Option<bool>,
    /// The detector's name.
    pub detector: String,
    /// Why it was trained: `first`, `schedule`, `drift`, `channels`, `points` or `request`.
    pub reason: String,
    /// Where the window that was learned begins, in milliseconds.
    pub from: Timestamp,
    /// Where it ends, with the part on which it was tried.
    pub to: Timestamp,
    /// Series.
    pub series: u64,
    /// Points that were learned, of all series.
    pub points: u64,
    /// The share of the points it was tried on that were anomalous.
    pub alarm_rate: f64,
}

/// A version whose file cannot be read.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct UnreadableVersion {
    /// The query, or where nothing tells it the name of its folder.
    pub query: String,
    /// By the name of the file.
    pub version: u64,
    /// Whether it was at work when the state was saved last; see [`SavedVersion::at_work`].
    pub at_work: Option<bool>,
    /// The file, and what is wrong with it.
    pub problem: String,
}

impl SavedVersions {
    /// Those in the `state.directory` of a service. Of their files all bytes are checked, but no
    /// detectors are decoded.
    ///
    /// # Errors
    /// When the directory cannot be read. A file in it that cannot be is listed.
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let folder = directory.join("models");
        let failed = |e: std::io::Error| Error::state(format!("{}: {e}", folder.display()));
        let mut all = Self::default();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Nothing was trained yet.
            Err(e) if e.kind() == ErrorKind::NotFound && directory.is_dir() => return Ok(all),
            Err(e) => return Err(failed(e)),
        };
        let queries: Vec<SavedQuery> = match SavedState::read(directory) {
            Ok(state) => state.queries().collect(),
            Err(error) => {
                all.state_problem = Some(error.to_string());
                Vec::new()
            }
        };
        for entry in entries {
            all.add(&Versions::of(entry.map_err(failed)?.path()), &queries);
        }
        let order = |query: &String, version: u64| (query.clone(), version);
        all.versions
            .sort_by_key(|one| order(&one.query, one.version));
        all.unreadable
            .sort_by_key(|one| order(&one.query, one.version));
        Ok(all)
    }

    /// Adds those of one query.
    fn add(&mut self, versions: &Versions, queries: &[SavedQuery]) {
        let known = queries.iter().find(|query| versions.are_of(&query.name));
        let at_work = |number: u64| known.map(|query| query.model_version == number);
        let mut name = known.map(|query| query.name.clone());
        let mut damaged = Vec::new();
        for number in versions.numbers() {
            match versions.head(number) {
                Ok(None) => {}
                Ok(Some(head)) => {
                    name.get_or_insert_with(|| head.query.clone());
                    self.versions.push(SavedVersion::new(head, at_work(number)));
                }
                Err(error) => damaged.push((number, error.to_string())),
            }
        }
        let query = name.unwrap_or_else(|| versions.folder_name());
        let unreadable = damaged
            .into_iter()
            .map(|(version, problem)| UnreadableVersion {
                query: query.clone(),
                version,
                at_work: at_work(version),
                problem,
            });
        self.unreadable.extend(unreadable);
    }
}

impl SavedVersion {
    fn new(head: VersionHead, at_work: Option<bool>) -> Self {
        Self {
            query: head.query,
            version: head.version,
            at_work,
            detector: head.detector,
            reason: head.reason.to_string(),
            from: head.from,
            to: head.to,
            series: head.series,
            points: head.points,
            alarm_rate: head.alarm_rate,
        }
    }
}
