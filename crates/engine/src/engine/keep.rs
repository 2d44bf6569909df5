//! What is kept: verdicts, the state, and the report at the end.

use std::time::{Duration, Instant};

use super::Engine;
use crate::journal::Journal;
use crate::{Error, report};

/// How long to wait for the disk before it is tried again.
pub(super) const DISK_PAUSE: Duration = Duration::from_secs(1);

impl Engine {
    /// Whether so many verdicts wait for the disk that nothing more may be judged, though they have
    /// just been tried again.
    pub(super) fn waits_for_disk(&mut self) -> bool {
        if !self.is_over_full() {
            return false;
        }
        self.write_journal();
        if !self.is_over_full() {
            return false;
        }
        // It is as if the state could not be saved, for as long as this lasts.
        self.metrics.service.saved(None);
        true
    }

    pub(super) fn is_over_full(&self) -> bool {
        self.unwritten.len() > self.settings.max_unwritten
    }

    pub(super) fn write_report(&self) -> Result<(), Error> {
        let (Some(path), Some(collector)) = (&self.settings.report, &self.observer.collector)
        else {
            return Ok(());
        };
        let html = report::run_report("Bongsu run", collector)?
            .to_html()
            .map_err(Error::report)?;
        std::fs::write(path, html).map_err(|e| Error::report(format!("{}: {e}", path.display())))
    }

    pub(super) fn write_journal(&mut self) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        if self.unwritten.is_empty() {
            return;
        }
        if let Err(error) = journal.write(&mut self.unwritten) {
            tracing::error!(%error, "verdicts cannot be written; they are kept and tried again");
        } else if self.store.is_none() {
            journal.tidy();
        }
    }

    pub(super) fn save(&mut self) -> Result<(), Error> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        if !self.unwritten.is_empty() {
            self.metrics.service.saved(None);
            return Err(Error::state(
                "verdicts are not written yet, so the state must not move on",
            ));
        }
        self.state.journal = self.journal.as_ref().and_then(Journal::mark);
        let undelivered = self.courier.undelivered();
        (self.state.pending, self.state.pages) = (undelivered.alerts, undelivered.pages);
        self.state.suppressor = self.suppressor.as_ref().map(|s| s.state().clone());
        let incidents = self.incidents.save();
        let saved = incidents.and_then(|()| store.save(&self.state));
        self.metrics.service.saved(saved.as_ref().ok().copied());
        saved?;
        self.unsaved_messages = false;
        self.last_save = Some(Instant::now());
        if let Some(journal) = &mut self.journal {
            journal.tidy();
        }
        Ok(())
    }
}
