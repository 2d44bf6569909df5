//! What a running engine can be told.

use bongsu_alert::{Acknowledgement, Step};
use tokio::sync::{mpsc, oneshot};

use super::Engine;
use crate::Error;
use crate::config::Config;
use crate::server::{AcknowledgeOrder, SilenceOrder, SilenceView};

/// So many commands wait at most.
const QUEUE: usize = 16;

/// A handle to tell a running [`Engine`] something. Clones speak to the same engine.
#[derive(Debug, Clone)]
pub struct Control {
    commands: mpsc::Sender<Command>,
}

/// What an engine is told, and where it answers.
#[derive(Debug)]
pub(super) enum Command {
    Reload(
        Box<Result<Config, Error>>,
        oneshot::Sender<Result<(), Error>>,
    ),
    Train(Option<String>, oneshot::Sender<Result<Vec<String>, Error>>),
    RollBack(String, u64, oneshot::Sender<Result<usize, Error>>),
    Explain(u64, oneshot::Sender<Result<Vec<Step>, Error>>),
    Acknowledge(
        u64,
        AcknowledgeOrder,
        oneshot::Sender<Result<Acknowledgement, Error>>,
    ),
    Unacknowledge(u64, oneshot::Sender<Result<(), Error>>),
    Silence(SilenceOrder, oneshot::Sender<Result<String, Error>>),
    EndSilence(String, oneshot::Sender<Result<String, Error>>),
    Silences(oneshot::Sender<Result<Vec<SilenceView>, Error>>),
}

impl Control {
    pub(super) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (commands, received) = mpsc::channel(QUEUE);
        (Self { commands }, received)
    }

    /// Exchanges the configuration; `config` is what reading it gave, so that a failure is visible
    /// in the log and in the metrics too. Queries that stay as they are keep what they have learned.
    ///
    /// # Errors
    /// When reading failed, the configuration is not valid, or the engine has ended; the old
    /// configuration then stays at work.
    pub async fn reload(&self, config: Result<Config, Error>) -> Result<(), Error> {
        self.ask(|answer| Command::Reload(Box::new(config), answer))
            .await
    }

    /// Asks for a training of `query`, or of all queries that are trained. Gives the names of the
    /// queries that will be.
    ///
    /// # Errors
    /// When there is no such query, it has no `training` section, or the engine has ended.
    pub async fn train(&self, query: Option<String>) -> Result<Vec<String>, Error> {
        self.ask(|answer| Command::Train(query, answer)).await
    }

    /// Puts the detectors of an earlier `version` of `query` to work again. Gives the number of
    /// series whose detectors were exchanged.
    ///
    /// # Errors
    /// When there is no such query or version, it was trained with another configuration, or the
    /// engine has ended.
    pub async fn roll_back(&self, query: String, version: u64) -> Result<usize, Error> {
        self.ask(|answer| Command::RollBack(query, version, answer))
            .await
    }

    /// Why the alert with this [fingerprint](bongsu_core::Labels::fingerprint) did or did not lead to
    /// a message, oldest step first; empty when nothing is known of it.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn explain(&self, fingerprint: u64) -> Result<Vec<Step>, Error> {
        self.ask(|answer| Command::Explain(fingerprint, answer))
            .await
    }

    /// Takes note that somebody has taken up the alert with this fingerprint: nobody is reminded of
    /// it, its severity does not rise, and receivers are told.
    ///
    /// # Errors
    /// When no such alert fires, the note is more than a line, or the engine has ended.
    pub async fn acknowledge(
        &self,
        fingerprint: u64,
        order: AcknowledgeOrder,
    ) -> Result<Acknowledgement, Error> {
        self.ask(|answer| Command::Acknowledge(fingerprint, order, answer))
            .await
    }

    /// Takes note that nobody looks after the alert with this fingerprint any more.
    ///
    /// # Errors
    /// When no such alert is acknowledged, or the engine has ended.
    pub async fn unacknowledge(&self, fingerprint: u64) -> Result<(), Error> {
        self.ask(|answer| Command::Unacknowledge(fingerprint, answer))
            .await
    }

    /// Makes a silence; gives its identity.
    ///
    /// # Errors
    /// When a matcher or the span is not valid, or the engine has ended.
    pub async fn silence(&self, order: SilenceOrder) -> Result<String, Error> {
        self.ask(|answer| Command::Silence(order, answer)).await
    }

    /// Ends a silence that was made here; gives its identity.
    ///
    /// # Errors
    /// When there is no such silence, or the engine has ended.
    pub async fn end_silence(&self, id: String) -> Result<String, Error> {
        self.ask(|answer| Command::EndSilence(id, answer)).await
    }

    /// The silences that are heeded: those made here, and those of Alertmanager.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn silences(&self) -> Result<Vec<SilenceView>, Error> {
        self.ask(Command::Silences).await
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let ended = || Error::state("the engine has ended");
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(command(answer))
            .await
            .map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl Engine {
    /// A handle to tell the engine something while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Does what it was told so far.
    pub(super) async fn obey_all(&mut self) {
        loop {
            let next = self.orders.pop_front();
            let Some(command) = next.or_else(|| self.commands.try_recv().ok()) else {
                return;
            };
            self.obey(command).await;
        }
    }

    /// Answers a question; gives back what is an order.
    pub(super) fn answer(&self, command: Command) -> Option<Command> {
        // Whoever asked may have gone.
        match command {
            Command::Explain(fingerprint, answer) => {
                let _ = answer.send(Ok(self.explain(fingerprint)));
            }
            Command::Silences(answer) => {
                let _ = answer.send(Ok(self.list_silences()));
            }
            order => return Some(order),
        }
        None
    }

    /// Does what it was told.
    pub(super) async fn obey(&mut self, command: Command) {
        let Some(order) = self.answer(command) else {
            return;
        };
        // Whoever asked may have gone; what was asked for is done.
        match order {
            Command::Reload(config, answer) => {
                let outcome = config.and_then(|config| self.reload(config));
                self.metrics.service.reloaded(outcome.is_ok());
                match &outcome {
                    Ok(()) => tracing::info!("the configuration was exchanged"),
                    Err(error) => {
                        tracing::error!(%error, "the new configuration is refused; the old one stays at work");
                    }
                }
                let _ = answer.send(outcome);
            }
            Command::Train(query, answer) => {
                let _ = answer.send(self.request_training(query.as_deref()));
            }
            Command::Acknowledge(fingerprint, order, answer) => {
                let _ = answer.send(self.acknowledge(fingerprint, order).await);
            }
            Command::Unacknowledge(fingerprint, answer) => {
                let _ = answer.send(self.unacknowledge(fingerprint).await);
            }
            Command::Silence(order, answer) => {
                let _ = answer.send(self.make_silence(order).await);
            }
            Command::EndSilence(id, answer) => {
                let _ = answer.send(self.end_silence(id).await);
            }
            Command::RollBack(query, version, answer) => {
                let _ = answer.send(self.roll_back(query, version).await);
            }
            Command::Explain(..) | Command::Silences(_) => {}
        }
    }
}
