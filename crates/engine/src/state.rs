//! What is kept between runs: detectors, cursors, alerts, and the length of the journal.

mod file;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bongsu_alert::{Lifecycle, Pending, PendingPages, Silence, SuppressorState};
use bongsu_core::{Alert, Result as CoreResult, Snapshot, Timestamp, snapshot};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::journal::Mark;
use crate::judge::{Budget, SeriesState};
use crate::older::{Added, Aged};
use crate::training::TrainingState;

pub(crate) use file::{StateFile, free_name};

/// Everything that must survive a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct EngineState {
    pub(crate) queries: Vec<QueryState>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) pending: Pending,
    /// What suppression remembers, where there is any.
    pub(crate) suppressor: Option<SuppressorState>,
    pub(crate) pages: PendingPages,
    /// The silences that were made here.
    pub(crate) silences: Vec<Silence>,
    /// How far this state accounts for the journal.
    pub(crate) journal: Option<Mark>,
    /// The alerts that fire and that no sink has heard of, since they are silenced; by fingerprint.
    pub(crate) withheld: BTreeMap<u64, Alert>,
}

/// What is known of one query.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct QueryState {
    pub(crate) name: String,
    /// What it was judged by: another detector or expression starts afresh.
    pub(crate) signature: String,
    /// The newest moment up to which everything is judged.
    pub(crate) cursor: Option<Timestamp>,
    /// While the history from before the first start is judged: where it ends.
    pub(crate) history_until: Option<Timestamp>,
    /// In order of their labels.
    pub(crate) series: Vec<SeriesState>,
    pub(crate) training: TrainingState,
    /// What the budget of alerts rests on.
    pub(crate) budget: Budget,
    /// What watches its series for drift.
    pub(crate) watch: String,
}

impl QueryState {
    /// The series that it judges, each channel of a group counted.
    pub(crate) fn width(&self) -> usize {
        self.series.iter().map(SeriesState::width).sum()
    }
}

impl Snapshot for EngineState {
    const KIND: &'static str = "engine.state";
    const VERSION: u16 = 11;

    fn validate(&self) -> CoreResult<()> {
        for query in &self.queries {
            query.budget.validate()?;
            for series in &query.series {
                series.validate()?;
            }
        }
        if let Some(suppressor) = &self.suppressor {
            suppressor.validate()?;
        }
        self.lifecycle.validate()
    }
}

/// To change the fields of the state, or of anything within it: raise [`Snapshot::VERSION`], list what
/// is new in [`Aged::ADDED`], and run its tests with `BLESS=1`, which writes a file of the new version
/// beside those of the older ones. Where a field goes or becomes something else, older versions cannot
/// be read, and [`Aged::OLDEST`] is raised too.
impl Aged for EngineState {
    const OLDEST: u16 = 6;
    const ADDED: &'static [Added] = &[
        Added {
            since: 11,
            of: "SeriesState",
            field: "outcomes",
            value: &[0],
        },
        Added {
            since: 10,
            of: "Refitted",
            field: "farthest",
            value: &[0],
        },
        Added {
            since: 9,
            of: "Learned",
            field: "shift",
            value: &[0],
        },
        Added {
            since: 7,
            of: "SuppressorState",
            field: "acknowledged",
            value: &[0],
        },
        Added {
            since: 7,
            of: "EngineState",
            field: "withheld",
            value: &[0],
        },
        HOLD,
        EVENTS,
    ];
}

/// `auto-stream` holds alarms since: for 30 points.
const HOLD: Added = Added {
    since: 8,
    of: "AutoStream",
    field: "hold",
    value: &[30],
};

/// What lasts of two alarms: a number of eight bytes and a count each.
const EVENTS: Added = Added {
    since: 8,
    of: "AutoStreamState",
    field: "events",
    value: &[0; 18],
};

/// The file of the state in its directory.
pub(crate) fn state_file(directory: &Path) -> PathBuf {
    directory.join("state.bngs")
}

/// The directory that holds the state, locked against other processes.
#[derive(Debug)]
pub(crate) struct Store {
    file: StateFile<EngineState>,
    // Held for as long as the store lives.
    _lock: snapshot::Lock,
}

impl Store {
    pub(crate) fn open(directory: &Path) -> Result<Self, Error> {
        let failed =
            |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", directory.display()));
        fs::create_dir_all(directory).map_err(|e| failed(&e))?;
        let lock = snapshot::Lock::take(directory.join("lock"))
            .map_err(|e| Error::state(e.to_string()))?;
        remove_leftovers(directory);
        let path = state_file(directory);
        Ok(Self {
            file: StateFile::new(path, "state", "detectors start afresh"),
            _lock: lock,
        })
    }

    /// The saved state; see [`StateFile::load`].
    pub(crate) fn load(&self) -> Result<Option<EngineState>, Error> {
        self.file.load()
    }

    /// The size of the saved state.
    pub(crate) fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// Saves the state, and keeps the one before; gives its bytes.
    pub(crate) fn save(&self, state: &EngineState) -> Result<u64, Error> {
        self.file.save(state)
    }
}

/// Removes what a killed process left of a save that it had begun. The lock is held.
fn remove_leftovers(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = ["state", "incidents", "capacity"].iter().any(|what| {
            name.strip_prefix(what)
                .is_some_and(|rest| rest.starts_with(".bngs."))
        });
        if ours && name.ends_with(".tmp") {
            // It is only untidy when this fails.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
