//! What is kept between runs: detectors, cursors, alerts, and the length of the journal.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use bongsu_alert::{Lifecycle, Pending};
use bongsu_core::{Result as CoreResult, Snapshot, Timestamp, snapshot};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::judge::SeriesState;

/// Everything that must survive a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct EngineState {
    pub(crate) queries: Vec<QueryState>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) pending: Pending,
    /// Bytes of the journal that this state accounts for.
    pub(crate) journal_len: Option<u64>,
}

/// What is known of one query.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct QueryState {
    pub(crate) name: String,
    /// What it was judged by: another detector or expression starts afresh.
    pub(crate) signature: String,
    /// The newest judged moment.
    pub(crate) cursor: Option<Timestamp>,
    /// How many partial answers in a row were put off.
    pub(crate) put_off: u32,
    /// In order of their labels.
    pub(crate) series: Vec<SeriesState>,
}

impl Snapshot for EngineState {
    const KIND: &'static str = "engine.state";
    const VERSION: u16 = 1;

    fn validate(&self) -> CoreResult<()> {
        for series in self.queries.iter().flat_map(|query| &query.series) {
            series.detector.validate()?;
        }
        self.lifecycle.validate()
    }
}

/// The directory that holds the state, locked against other processes.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    // Held for as long as the store lives.
    _lock: File,
}

impl Store {
    pub(crate) fn open(directory: &Path) -> Result<Self, Error> {
        let failed =
            |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", directory.display()));
        fs::create_dir_all(directory).map_err(|e| failed(&e))?;
        let lock = File::create(directory.join("lock")).map_err(|e| failed(&e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failed(&"another process is using this state directory"));
            }
            Err(TryLockError::Error(e)) => return Err(failed(&e)),
        }
        Ok(Self {
            path: directory.join("state.bngs"),
            _lock: lock,
        })
    }

    /// The saved state. A file that cannot be read is set aside, never overwritten.
    pub(crate) fn load(&self) -> Result<Option<EngineState>, Error> {
        if !self.path.exists() {
            return Ok(None);
        }
        match snapshot::load(&self.path) {
            Ok(state) => Ok(Some(state)),
            Err(e) => {
                let aside = self.path.with_extension("bngs.damaged");
                fs::rename(&self.path, &aside)
                    .map_err(|e| Error::state(format!("{}: {e}", aside.display())))?;
                tracing::error!(
                    error = %e,
                    aside = %aside.display(),
                    "the saved state cannot be read; it was set aside and detectors start afresh"
                );
                Ok(None)
            }
        }
    }

    pub(crate) fn save(&self, state: &EngineState) -> Result<(), Error> {
        Ok(snapshot::save(state, &self.path)?)
    }
}
