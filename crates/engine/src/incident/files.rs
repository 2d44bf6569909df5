//! The reports of analyses: files beside the state, or in memory where there is no state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

/// A report in two forms.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) json: Arc<str>,
    pub(crate) html: Arc<str>,
}

impl Report {
    pub(crate) fn new(json: impl Into<Arc<str>>, html: impl Into<Arc<str>>) -> Self {
        Self {
            json: json.into(),
            html: html.into(),
        }
    }
}

/// The newest report of each incident. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reports {
    directory: Option<Arc<Path>>,
    memory: Arc<RwLock<BTreeMap<String, Report>>>,
}

impl Reports {
    /// In the directory `incidents` of the state, or in memory. What is there of incidents that are
    /// not `known` is removed; without knowledge nothing is.
    pub(crate) fn open(state: Option<&Path>, known: Option<&BTreeSet<String>>) -> io::Result<Self> {
        let Some(state) = state else {
            return Ok(Self::default());
        };
        let directory = state.join("incidents");
        fs::create_dir_all(&directory)?;
        for entry in fs::read_dir(&directory)?.flatten() {
            let path = entry.path();
            let of = path.file_stem().and_then(|stem| stem.to_str());
            let is_known = of.is_some_and(|of| known.is_none_or(|known| known.contains(of)));
            let is_ours = path
                .extension()
                .is_some_and(|end| end == "json" || end == "html" || end == "tmp");
            if is_ours && (!is_known || path.extension().is_some_and(|end| end == "tmp")) {
                // It is only untidy when this fails.
                let _ = fs::remove_file(path);
            }
        }
        Ok(Self {
            directory: Some(directory.into()),
            memory: Arc::default(),
        })
    }

    fn paths(directory: &Path, id: &str) -> [PathBuf; 2] {
        ["json", "html"].map(|end| directory.join(format!("{id}.{end}")))
    }

    /// Puts a report in the place of the one before; each form is there whole.
    pub(crate) fn put(&self, id: &str, report: &Report) -> io::Result<()> {
        let Some(directory) = &self.directory else {
            let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
            memory.insert(id.to_owned(), report.clone());
            return Ok(());
        };
        let forms = [&report.json, &report.html];
        for (path, text) in Self::paths(directory, id).iter().zip(forms) {
            let begun = path.with_extension("tmp");
            fs::write(&begun, text.as_bytes())?;
            fs::rename(&begun, path)?;
        }
        Ok(())
    }

    /// The newest report of an incident, if there is one.
    pub(crate) fn get(&self, id: &str) -> io::Result<Option<Report>> {
        let Some(directory) = &self.directory else {
            let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            return Ok(memory.get(id).cloned());
        };
        let [json, html] = Self::paths(directory, id).map(fs::read_to_string);
        match (json, html) {
            (Ok(json), Ok(html)) => Ok(Some(Report::new(json, html))),
            (Err(e), _) | (_, Err(e)) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            (Err(e), _) | (_, Err(e)) => Err(e),
        }
    }

    /// Forgets the report of an incident.
    pub(crate) fn remove(&self, id: &str) {
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        memory.remove(id);
        if let Some(directory) = &self.directory {
            for path in Self::paths(directory, id) {
                // At the next start it is tried again.
                let _ = fs::remove_file(path);
            }
        }
    }
}
