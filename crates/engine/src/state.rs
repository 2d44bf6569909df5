//! What is kept between runs: detectors, cursors, alerts, and the length of the journal.

use std::fs;
use std::path::{Path, PathBuf};

use bongsu_alert::{Lifecycle, Pending, PendingPages, Silence, SuppressorState};
use bongsu_core::{Result as CoreResult, Snapshot, Timestamp, snapshot};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::journal::Mark;
use crate::judge::{Budget, SeriesState};
use crate::older::{self, Added, Aged};
use crate::training::TrainingState;

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
    const VERSION: u16 = 6;

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
    const ADDED: &'static [Added] = &[];
}

/// The file of the state in its directory.
pub(crate) fn state_file(directory: &Path) -> PathBuf {
    directory.join("state.bngs")
}

/// The directory that holds the state, locked against other processes.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
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
        Ok(Self {
            path: state_file(directory),
            _lock: lock,
        })
    }

    /// The saved state, of this version or an older one that can be read. A damaged file, or one of
    /// another version, is set aside under a name of its own, and the one before is read; one that
    /// cannot be read for another reason is an error, and nothing is lost.
    pub(crate) fn load(&self) -> Result<Option<EngineState>, Error> {
        let (damage, ending) = match read(&self.path)? {
            Read::State(state) => return Ok(Some(*state)),
            Read::Damaged(damage) => (damage, "damaged".to_owned()),
            Read::OtherVersion(version, why) => (why, format!("version-{version}")),
            Read::Nothing => {
                // A start after damage may have ended before it could save.
                let before = self.load_before()?;
                if before.is_some() {
                    tracing::warn!("there is no state but the one before, which is taken up");
                }
                return Ok(before);
            }
        };
        let aside = self.free_name(&ending);
        fs::rename(&self.path, &aside)
            .map_err(|e| Error::state(format!("{}: {e}", aside.display())))?;
        let before = self.load_before()?;
        let then = match &before {
            Some(_) => "the one before is taken up",
            None => "detectors start afresh",
        };
        tracing::error!(
            error = %damage,
            aside = %aside.display(),
            "the saved state cannot be used; it was set aside and {then}"
        );
        Ok(before)
    }

    fn load_before(&self) -> Result<Option<EngineState>, Error> {
        Ok(match read(&self.before())? {
            Read::State(state) => Some(*state),
            Read::Nothing | Read::Damaged(_) | Read::OtherVersion(..) => None,
        })
    }

    /// Where the state before the newest is.
    fn before(&self) -> PathBuf {
        self.path.with_extension("bngs.before")
    }

    fn free_name(&self, ending: &str) -> PathBuf {
        let name = |n: u32| match n {
            0 => self.path.with_extension(format!("bngs.{ending}")),
            n => self.path.with_extension(format!("bngs.{ending}.{n}")),
        };
        (0..)
            .map(name)
            .find(|path| !path.exists())
            .unwrap_or_else(|| name(0))
    }

    /// Saves the state, and keeps the one before; gives its bytes.
    pub(crate) fn save(&self, state: &EngineState) -> Result<u64, Error> {
        let before = self.before();
        // Without a predecessor there is nothing to fall back on, which harms nobody now.
        if self.path.exists() && (!before.exists() || fs::remove_file(&before).is_ok()) {
            let _ = fs::hard_link(&self.path, &before);
        }
        snapshot::save(state, &self.path)?;
        // Its size is only shown.
        Ok(fs::metadata(&self.path).map_or(0, |data| data.len()))
    }
}

/// What a file of the state holds.
enum Read {
    Nothing,
    State(Box<EngineState>),
    Damaged(bongsu_core::Error),
    /// A version that this build does not read, and that in words.
    OtherVersion(u16, bongsu_core::Error),
}

fn read(path: &Path) -> Result<Read, Error> {
    let failed = |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", path.display()));
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Read::Nothing),
        Err(e) => return Err(failed(&e)),
    };
    let version = snapshot::inspect(&bytes)
        .ok()
        .filter(|header| header.kind == EngineState::KIND)
        .map(|header| header.version);
    Ok(match older::read::<EngineState>(&bytes) {
        Ok(state) => {
            if let Some(version) = version.filter(|version| *version != EngineState::VERSION) {
                let now = EngineState::VERSION;
                tracing::info!(version, now, "the state of an older version is taken up");
            }
            Read::State(Box::new(state))
        }
        Err(error) => match version {
            Some(version) if !EngineState::reads(version) => Read::OtherVersion(version, error),
            _ => Read::Damaged(error),
        },
    })
}

/// Removes what a killed process left of a save that it had begun. The lock is held.
fn remove_leftovers(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name.starts_with("state.bngs.") || name.starts_with("incidents.bngs.");
        if ours && name.ends_with(".tmp") {
            // It is only untidy when this fails.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
