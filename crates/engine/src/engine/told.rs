//! From alerts to messages: the suppression between the alerts' lives and their receivers.

use std::time::Duration;

use bongsu_alert::{Delivery, Page, Step, Suppressor, Transition};
use bongsu_core::{Alert, Labels, Timestamp, Verdict};

use super::Engine;
use crate::Error;
use crate::config::Config;
use crate::observe::Observer as _;
use crate::sinks;
use crate::state::EngineState;

/// After the end of a file messages that would be due within so long are sent.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The suppression that `config` asks for, with what `state` knows of an earlier run.
pub(super) fn suppressor(
    config: &Config,
    state: &mut EngineState,
) -> Result<Option<Suppressor>, Error> {
    let Some(alerting) = config.told() else {
        return Ok(None);
    };
    let sent = sinks::sent_labels(config)?;
    let fresh = alerting.suppressor()?.alertmanager_labels(sent.clone());
    let Some(saved) = state.suppressor.take() else {
        let mut fresh = fresh;
        // They fire already, and nobody has been told.
        for alert in state.lifecycle.active() {
            let at = alert.verdict.timestamp;
            fresh.transition(at, &Transition::Fired(alert.clone()));
        }
        let wrong = |e| Error::state(format!("the silences of the state: {e}"));
        fresh.set_silences(state.silences.clone()).map_err(wrong)?;
        return Ok(Some(fresh));
    };
    let wrong = |e| Error::state(format!("the state of suppression: {e}"));
    let mut suppressor = Suppressor::restore(&alerting.suppress, fresh.tree().clone(), saved)
        .map_err(wrong)?
        .alertmanager_labels(sent);
    if alerting.silences.is_none() {
        // Nothing would tell of the end of any other.
        suppressor
            .set_silences(state.silences.clone())
            .map_err(wrong)?;
    }
    Ok(Some(suppressor))
}

/// Takes note of changes that no verdict caused, at the moment `at`.
pub(super) fn note(suppressor: &mut Option<Suppressor>, at: Timestamp, changes: &[Transition]) {
    if let Some(suppressor) = suppressor {
        for transition in changes {
            suppressor.transition(at, transition);
        }
    }
}

/// Takes note of alerts that ended because nothing judges their series any more.
pub(super) fn end(suppressor: &mut Option<Suppressor>, ended: Vec<Alert>) {
    if let Some(suppressor) = suppressor {
        for alert in ended {
            let at = alert.resolved_at.unwrap_or(alert.verdict.timestamp);
            suppressor.transition(at, &Transition::Resolved(alert));
        }
    }
}

impl Engine {
    /// Takes note of a verdict and of what it changed; gives the messages that were due before it.
    pub(super) fn suppress(
        suppressor: &mut Option<Suppressor>,
        identity: &Labels,
        verdict: &Verdict,
        transition: Option<&Transition>,
    ) -> Vec<Page> {
        let Some(suppressor) = suppressor else {
            return Vec::new();
        };
        let mut pages = Vec::new();
        // A stretch of data is judged at once, but told as time passed in it.
        while let Some(due) = suppressor.next_due().filter(|due| *due < verdict.timestamp) {
            pages.append(&mut suppressor.tick(due));
        }
        suppressor.observe(identity, verdict, transition);
        pages
    }

    /// Counts messages and sends them on their way.
    pub(super) fn send(&mut self, pages: Vec<Page>) {
        let Some(suppressor) = &self.suppressor else {
            return;
        };
        self.totals.pages += pages.len() as u64;
        self.metrics.alerts.paged(pages.len(), suppressor.status());
        self.unsaved_messages |= !pages.is_empty();
        self.observer.messages(&pages);
        self.courier.enqueue_pages(pages);
    }

    /// Sends the messages that are due.
    pub(super) fn page(&mut self) {
        let now = self.message_time();
        let (Some(suppressor), Some(now)) = (&mut self.suppressor, now) else {
            return;
        };
        let pages = suppressor.tick(now);
        self.send(pages);
    }

    /// Saves messages before they leave. When they are due depends on the clock, so that after a
    /// crash others might be made of the same data: the end of an alert that was told must not be
    /// forgotten because it seems never to have been told.
    pub(super) async fn remember_messages(&mut self) {
        if self.unsaved_messages
            && let Err(error) = self.save().await
        {
            tracing::error!(%error, "the state cannot be saved; messages leave all the same");
        }
    }

    /// The moment up to which incidents are closed and analysed.
    pub(super) fn incident_time(&self) -> Timestamp {
        self.message_time().unwrap_or(Timestamp::MIN)
    }

    /// The moment up to which messages are due. A file's time is that of its judged part.
    fn message_time(&self) -> Option<Timestamp> {
        if self.source.is_fixed() {
            self.state.queries.iter().filter_map(|q| q.cursor).max()
        } else {
            Some(self.source.now())
        }
    }

    /// Sends, at the end of a file, what waits for company that cannot come any more.
    pub(super) fn page_the_rest(&mut self) {
        let (true, Some(end)) = (self.source.is_fixed(), self.message_time()) else {
            return;
        };
        let until = end + LONGEST_WAIT;
        while let Some(suppressor) = &mut self.suppressor
            && let Some(due) = suppressor.next_due().filter(|due| *due <= until)
        {
            let pages = suppressor.tick(due);
            self.send(pages);
        }
    }

    /// Counts deliveries, and says what went wrong with them.
    pub(super) fn report_deliveries(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            self.metrics.alerts.delivered(delivery);
            for warning in &delivery.warnings {
                tracing::warn!(sink = %delivery.sink, %warning, "delivered with a warning");
            }
            if delivery.lost > 0 {
                tracing::error!(sink = %delivery.sink, alerts = delivery.lost, "alerts were given up");
            }
            if let Err(error) = &delivery.result {
                self.totals.undelivered += 1;
                tracing::warn!(sink = %delivery.sink, %error, waiting = delivery.queued, "alerts were not delivered; they are tried again");
            }
        }
    }

    /// Why an alert did or did not lead to a message.
    pub(super) fn explain(&self, fingerprint: u64) -> Vec<Step> {
        let suppressor = self.suppressor.iter();
        let steps = suppressor.flat_map(|suppressor| suppressor.explain(fingerprint));
        steps.cloned().collect()
    }
}
