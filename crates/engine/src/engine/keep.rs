//! What is kept: verdicts, the state, and the report at the end.

use std::time::{Duration, Instant};

use super::Engine;
use crate::incident::Saved;
use crate::journal::Journal;
use crate::state::{EngineState, StateFile, Store};
use crate::{Error, report};

/// How long to wait for the disk before it is tried again.
pub(super) const DISK_PAUSE: Duration = Duration::from_secs(1);

impl Engine {
    /// Whether so many verdicts wait for the disk that nothing more may be judged, though they have
    /// just been tried again.
    pub(super) async fn waits_for_disk(&mut self) -> bool {
        if !self.is_over_full() {
            return false;
        }
        self.write_journal().await;
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

    pub(super) async fn write_journal(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        let Some(mut journal) = self.journal.take() else {
            return;
        };
        let mut rows = std::mem::take(&mut self.unwritten);
        let tidies = self.store.is_none();
        let write = move || {
            let written = journal.write(&mut rows);
            if tidies && written.is_ok() {
                journal.tidy();
            }
            (journal, rows, written)
        };
        let begun = Instant::now();
        let (journal, rows, written) = self.aside(write).await;
        self.metrics.service.journal_took(begun.elapsed());
        (self.journal, self.unwritten) = (Some(journal), rows);
        if let Err(error) = written {
            tracing::error!(%error, "verdicts cannot be written; they are kept and tried again");
        }
    }

    /// Saves the state, where one is kept.
    pub(super) async fn save(&mut self) -> Result<(), Error> {
        let Some(store) = self.store.clone() else {
            return Ok(());
        };
        self.gather_state()?;
        let incidents = self.incidents.unsaved();
        let state = std::mem::take(&mut self.state);
        // Who asks for the silences meanwhile is told where they were made.
        self.state.silences.clone_from(&state.silences);
        let save = move || {
            let saved = save_all(&store, &state, incidents);
            (state, saved)
        };
        let begun = Instant::now();
        let (state, saved) = self.aside(save).await;
        self.metrics.service.save_took(begun.elapsed());
        self.state = state;
        self.note_save(saved)?;
        if let Some(mut journal) = self.journal.take() {
            let tidy = move || {
                journal.tidy();
                journal
            };
            self.journal = Some(self.aside(tidy).await);
        }
        Ok(())
    }

    /// Saves the state for the first time: nobody waits for the loop yet.
    pub(super) fn save_first(&mut self) -> Result<(), Error> {
        let Some(store) = self.store.clone() else {
            return Ok(());
        };
        self.gather_state()?;
        let saved = save_all(&store, &self.state, self.incidents.unsaved());
        self.note_save(saved)
    }

    /// Puts into the state what is known elsewhere while the service runs.
    fn gather_state(&mut self) -> Result<(), Error> {
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
        Ok(())
    }

    fn note_save(&mut self, saved: Result<u64, Error>) -> Result<(), Error> {
        self.metrics.service.saved(saved.as_ref().ok().copied());
        self.state_bytes = saved?;
        self.incidents.book.was_saved();
        self.unsaved_messages = false;
        self.last_save = Some(Instant::now());
        Ok(())
    }
}

/// Saves the incidents, where they have changed, and then the state, whose bytes it gives.
fn save_all(
    store: &Store,
    state: &EngineState,
    incidents: Option<(StateFile<Saved>, Saved)>,
) -> Result<u64, Error> {
    if let Some((file, incidents)) = incidents {
        file.save(&incidents)?;
    }
    store.save(state)
}
