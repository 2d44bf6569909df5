//! Alerts that somebody has taken up.

use bongsu_alert::Acknowledgement;

use super::Engine;
use crate::Error;
use crate::server::AcknowledgeOrder;

/// The most characters of a name or a note.
const LONGEST: usize = 1_000;

impl Engine {
    /// Takes note of it, keeps it in the state, and has receivers told.
    pub(super) async fn acknowledge(
        &mut self,
        fingerprint: u64,
        order: AcknowledgeOrder,
    ) -> Result<Acknowledgement, Error> {
        let at = self.source.present();
        let acknowledgement = Acknowledgement {
            at,
            by: text("by", order.by)?,
            note: text("note", order.note)?,
        };
        let Some(suppressor) = &mut self.suppressor else {
            return Err(Error::state(
                "no messages for people are made here, so there is nothing to acknowledge: there is \
                 no section `alerting` and no sink for people",
            ));
        };
        if !suppressor.acknowledge(fingerprint, acknowledgement.clone()) {
            let message = format!("no alert `{fingerprint:016x}` fires");
            return Err(Error::config(message));
        }
        tracing::info!(alert = %format_args!("{fingerprint:016x}"), "an alert is acknowledged");
        // The message that tells of it leaves with the next tick, and is saved before.
        if let Err(error) = self.save().await {
            tracing::error!(%error, "the state cannot be saved; it is tried again after the next tick");
        }
        Ok(acknowledgement)
    }

    /// Takes note that nobody looks after it any more, and keeps that in the state.
    pub(super) async fn unacknowledge(&mut self, fingerprint: u64) -> Result<(), Error> {
        let at = self.source.present();
        let suppressor = self.suppressor.as_mut();
        if !suppressor.is_some_and(|suppressor| suppressor.unacknowledge(fingerprint, at)) {
            let message = format!("no alert `{fingerprint:016x}` is acknowledged");
            return Err(Error::config(message));
        }
        tracing::info!(alert = %format_args!("{fingerprint:016x}"), "an alert is not acknowledged any more");
        if let Err(error) = self.save().await {
            tracing::error!(%error, "the state cannot be saved; it is tried again after the next tick");
        }
        Ok(())
    }
}

/// A text without breaks; `None` where nothing is said.
fn text(name: &str, text: Option<String>) -> Result<Option<String>, Error> {
    let text = text.map(|text| text.trim().to_owned());
    let text = text.filter(|text| !text.is_empty());
    if let Some(text) = &text
        && (text.chars().count() > LONGEST || text.chars().any(char::is_control))
    {
        return Err(Error::input(format!(
            "{name} must be one line of at most {LONGEST} characters"
        )));
    }
    Ok(text)
}
