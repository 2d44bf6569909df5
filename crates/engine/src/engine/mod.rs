mod acknowledge;
mod aside;
mod capacity;
mod clock;
mod control;
mod exchange;
mod incidents;
mod intake;
mod jobs;
mod keep;
mod reload;
mod silences;
mod start;
mod told;
mod training;
mod walk;
mod withheld;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bongsu_alert::Suppressor;
use bongsu_core::Alert;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Error;
use crate::config::Config;
use crate::courier::Courier;
use crate::journal::{Journal, Rows};
use crate::metrics::Metrics;
use crate::observe::Watch;
use crate::periodic::{ReportJob, ReportWriter};
use crate::query::Query;
use crate::server::{Server, Shared};
use crate::source::Source;
use crate::state::{EngineState, Store};
use crate::write_back::WriteBack;
pub(crate) use aside::Pace;
use aside::noting;
use capacity::Plans;
use control::Command;
pub use control::Control;
use incidents::Incidents;
use jobs::Fetched;
use silences::Silences;
use training::{Trained, Trainer};
pub use walk::{WalkMode, Walked, walk_forward};

/// How long a stopping engine waits for its sinks; what they did not take is kept in the state.
const PARTING_PATIENCE: Duration = Duration::from_secs(5);
/// How long `once` waits for its sinks.
const ONCE_PATIENCE: Duration = Duration::from_secs(120);

/// How an engine is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Judge, but tell nobody and write nothing.
    pub dry_run: bool,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum End {
    /// It was asked to.
    Shutdown,
    /// A file or a recording is at its end.
    NoMoreData,
}

/// What an engine did since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Points judged.
    pub verdicts: u64,
    /// Anomalous ones.
    pub anomalies: u64,
    /// Alerts that fired.
    pub fired: u64,
    /// Alerts that were resolved.
    pub resolved: u64,
    /// Messages to receivers, where `alerting` is configured.
    pub pages: u64,
    /// Queries that failed.
    pub failures: u64,
    /// Deliveries that failed.
    pub undelivered: u64,
}

/// The pipeline: fetches what is due, judges each timestamp once, and tells the sinks.
pub struct Engine {
    queries: Vec<Query>,
    source: Arc<Source>,
    fetching: JoinSet<Fetched>,
    state: EngineState,
    store: Option<Arc<Store>>,
    journal: Option<Journal>,
    /// Rows that the journal could not take yet.
    unwritten: Rows,
    training: JoinSet<Trained>,
    trainer: Trainer,
    /// The query whose turn it is to be trained, where several are to be.
    turn: usize,
    suppressor: Option<Suppressor>,
    /// Whether messages were made that the saved state does not know of.
    unsaved_messages: bool,
    silences: Silences,
    incidents: Incidents,
    plans: Plans,
    courier: Courier,
    observer: Watch,
    /// As it was given, but for what is built from it.
    config: Box<Config>,
    options: Options,
    control: Control,
    commands: mpsc::Receiver<Command>,
    /// Those that came while something else was done.
    orders: VecDeque<Command>,
    /// Whether it was asked to end.
    stopping: Arc<AtomicBool>,
    /// Whether a run has begun and not ended: parts of the state may be elsewhere then.
    under_way: bool,
    settings: Settings,
    /// So many moments are judged at once at most, and no query before another has come as far.
    stride: Option<i64>,
    totals: Totals,
    /// Whether the source's clock is known to differ from this machine's.
    clocks_differ: bool,
    last_save: Option<Instant>,
    /// The size of the state that was saved last.
    state_bytes: u64,
    metrics: Metrics,
    view: Shared,
    server: Option<Server>,
    write_back: Option<WriteBack>,
    /// Writers of earlier configurations with something left to deliver.
    parting: JoinSet<()>,
    reports: Option<ReportJob>,
    report_writer: ReportWriter,
    /// Up to when all queries are judged, in milliseconds.
    judged: Arc<AtomicI64>,
}

#[derive(Debug)]
struct Settings {
    report: Option<PathBuf>,
    anomalous_only: bool,
    max_catch_up: i64,
    /// When more bytes of verdicts wait for the disk, nothing is fetched until they are written.
    max_unwritten: usize,
    save_every: Duration,
    max_state_bytes: u64,
}

impl Settings {
    fn new(config: &Config, options: Options) -> Self {
        let report = config.output.report.clone();
        Self {
            report: report.filter(|_| !options.dry_run),
            anomalous_only: config.output.anomalous_only,
            max_catch_up: config.engine.max_catch_up.millis(),
            max_unwritten: config.engine.max_unwritten,
            save_every: config.state.save_every.duration(),
            max_state_bytes: config.state.max_bytes,
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("queries", &self.queries.len())
            .field("source", &self.source)
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// What was done so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The address of the embedded replay server, when the source is a recording.
    #[must_use]
    pub fn replay_url(&self) -> Option<String> {
        self.source.url()
    }

    /// The address of the service's own HTTP server, when there is one.
    #[must_use]
    pub fn server_url(&self) -> Option<String> {
        let server = self.server.as_ref()?;
        Some(server.url())
    }

    /// The alerts that fire now.
    pub fn active(&self) -> impl Iterator<Item = &Alert> {
        self.state.lifecycle.active()
    }

    /// Judges everything that is due now, once, and waits until it is delivered. An engine whose
    /// future was dropped before it was ready is of no use any more: start another on its state.
    ///
    /// # Errors
    /// When the state cannot be saved or the report not written, when the source has no past
    /// (`scrape`), and after a run that was broken off. A query that fails is counted and told to the
    /// observer.
    pub async fn once(&mut self) -> Result<(), Error> {
        self.set_out()?;
        let outcome = self.judge_once().await;
        self.under_way = false;
        outcome
    }

    /// While it is under way the state is in other hands now and then. To go on after it was broken
    /// off would save what was left here over the good one.
    fn set_out(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.under_way, true) {
            return Err(Error::state(
                "a run of this engine was broken off: start another engine, which goes on from the saved state",
            ));
        }
        Ok(())
    }

    async fn judge_once(&mut self) -> Result<(), Error> {
        if self.source.is_scraped() {
            return Err(Error::config(
                "a source of type `scrape` has no past to be judged at once; run the service",
            ));
        }
        self.read_silences().await;
        let now = self.source.now();
        loop {
            self.start_fetching(now, true).await;
            let fetched = self.fetching.join_next().await;
            let ended = fetched.is_none();
            if let Some(fetched) = fetched {
                self.apply(vec![fetched]).await;
            }
            self.obey_all().await;
            while self.start_training() {
                if let Some(trained) = self.training.join_next().await {
                    self.finish_training(trained).await;
                }
            }
            if ended {
                break;
            }
        }
        self.start_plan();
        while let Some(planned) = self.plans.ended().await {
            self.finish_plan(planned).await;
        }
        self.settle_incidents(self.source.now()).await;
        self.finish(ONCE_PATIENCE).await
    }

    /// Runs until `shutdown` completes or the source has no more data, then saves the state. End it by
    /// `shutdown`: an engine whose future was dropped is of no use any more.
    ///
    /// # Errors
    /// When the state cannot be saved or the report not written at the end, and after a run that was
    /// broken off.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()>) -> Result<End, Error> {
        self.set_out()?;
        let outcome = self.run_until(shutdown).await;
        self.under_way = false;
        outcome
    }

    async fn run_until(&mut self, shutdown: impl Future<Output = ()>) -> Result<End, Error> {
        let mut shutdown = pin!(shutdown);
        let stopping = Arc::clone(&self.stopping);
        let (end, patience) = loop {
            // Seen before the fetch, so that the last fetch reaches the end of the data.
            let ended = self.source.ended();
            self.obey_all().await;
            let in_training = self.start_training() || !self.training.is_empty();
            // A file waits for its detectors as time would, so that its story is always the same.
            if !in_training || !self.source.is_fixed() {
                self.start_fetching(self.source.now(), false).await;
            }
            if ended && self.fetching.is_empty() && !in_training {
                break (End::NoMoreData, ONCE_PATIENCE);
            }
            self.silences.start();
            self.start_plan();
            self.sweep_plans();
            // A cause that is there is told by the message that leaves now.
            while let Some(analysed) = self.incidents.ended_already() {
                self.finish_analysis(analysed);
            }
            self.tend_incidents(self.incident_time());
            self.tell_unsilenced();
            self.page();
            self.remember_messages().await;
            self.courier
                .leave(self.source.present(), &self.state.lifecycle);
            self.show();
            let pause = self.until_next();
            tokio::select! {
                biased;
                () = &mut shutdown => break (End::Shutdown, PARTING_PATIENCE),
                deliveries = self.courier.back() => self.report_deliveries(&deliveries),
                Some(fetched) = self.fetching.join_next() => {
                    let mut all = vec![fetched];
                    while let Some(more) = self.fetching.try_join_next() {
                        all.push(more);
                    }
                    noting(self.apply(all), shutdown.as_mut(), &stopping).await;
                }
                Some(trained) = self.training.join_next() => {
                    noting(self.finish_training(trained), shutdown.as_mut(), &stopping).await;
                }
                Some(analysed) = self.incidents.ended() => self.finish_analysis(analysed),
                Some(planned) = self.plans.ended() => self.finish_plan(planned).await,
                Some(heard) = self.silences.heard() => self.heed(heard),
                Some(command) = self.commands.recv() => self.obey(command).await,
                () = tokio::time::sleep(pause) => {}
            }
            while self.parting.try_join_next().is_some() {}
            if stopping.load(Ordering::Relaxed) {
                break (End::Shutdown, PARTING_PATIENCE);
            }
        };
        // Fetching changes nothing, so it may be broken off.
        self.fetching.shutdown().await;
        self.training.shutdown().await;
        self.plans.break_off();
        match end {
            End::NoMoreData => self.settle_incidents(self.source.now()).await,
            End::Shutdown => self.incidents.shut_down().await,
        }
        self.finish(patience).await?;
        Ok(end)
    }

    /// Delivers, saves and reports, at the end of a run.
    async fn finish(&mut self, patience: Duration) -> Result<(), Error> {
        self.page();
        self.page_the_rest();
        self.write_journal().await;
        self.remember_messages().await;
        let now = self.source.present();
        let deliveries = self
            .courier
            .settle(now, &self.state.lifecycle, patience)
            .await;
        self.report_deliveries(&deliveries);
        if let Some(write_back) = &self.write_back {
            write_back.flush(patience).await;
        }
        let parted = async { while self.parting.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, parted).await.is_err() {
            tracing::warn!("scores for the receiver of an earlier configuration are not written");
        }
        self.show();
        self.write_journal().await;
        self.save().await?;
        self.write_report()
    }

    /// Shows the outside where things stand.
    fn show(&mut self) {
        self.show_incidents();
        self.show_plan();
        let firing: Vec<Alert> = self.active().cloned().collect();
        self.metrics.alerts.set_firing(firing.len());
        self.metrics.service.set_unwritten(self.unwritten.len());
        if let Some(write_back) = &self.write_back {
            self.metrics.service.set_written(&write_back.status());
        }
        for (query, state) in self.queries.iter().zip(&self.state.queries) {
            self.metrics
                .training
                .at_work(&query.config.name, &state.training);
        }
        if self.server.is_none() {
            return;
        }
        let acknowledged = self.suppressor.as_ref().map(Suppressor::acknowledgements);
        let acknowledged = acknowledged.cloned().unwrap_or_default();
        let states = self.queries.iter().zip(&self.state.queries);
        let queries = states.map(|(query, state)| query.view(state)).collect();
        self.view.renew(|view| {
            view.queries = queries;
            view.alerts = firing;
            view.acknowledged = acknowledged;
            view.totals = self.totals;
        });
    }

    /// Stops the servers, if there are any.
    pub async fn close(mut self) {
        self.fetching.shutdown().await;
        if let Some(server) = self.server {
            server.stop().await;
        }
        if let Some(source) = Arc::into_inner(self.source) {
            source.close().await;
        }
    }
}

#[cfg(test)]
mod capacity_tests;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod tests;
