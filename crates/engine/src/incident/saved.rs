//! What is kept of incidents between runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bongsu_core::{Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::Incident;
use crate::older::{Added, Aged};

/// What is kept of incidents between runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// In order of their opening.
    pub(crate) incidents: Vec<Incident>,
    /// Who was seen to call whom.
    pub(crate) traffic: BTreeSet<(String, String)>,
    /// The question whose answer that was; empty where a version before did not keep it.
    pub(crate) asked: String,
}

/// The file of the incidents in the directory of the state.
pub(crate) fn incidents_file(directory: &Path) -> PathBuf {
    directory.join("incidents.bngs")
}

impl Snapshot for Saved {
    const KIND: &'static str = "engine.incidents";
    const VERSION: u16 = 2;

    fn validate(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        for incident in &self.incidents {
            let id = &incident.id;
            // It becomes the name of a file.
            let right = id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
            if !right || incident.members.is_empty() || !seen.insert(id) {
                return Err(Error::snapshot(format!(
                    "the incident `{}` contradicts itself",
                    id.escape_debug()
                )));
            }
        }
        Ok(())
    }
}

impl Aged for Saved {
    const OLDEST: u16 = 1;
    const ADDED: &'static [Added] = &[Added {
        since: 2,
        of: "Saved",
        field: "asked",
        value: &[0],
    }];
}
