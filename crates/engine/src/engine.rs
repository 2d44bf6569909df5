use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant};

use bongsu_alert::{Dispatcher, Transition};
use bongsu_core::{Alert, AlertState, Timestamp, format_duration};
use bongsu_prometheus::{Answer, Range};

use crate::config::Config;
use crate::journal::{Journal, verdict_row};
use crate::judge::{Grid, Judged};
use crate::observe::Watch;
use crate::query::{Query, adopt};
use crate::source::{Source, wall_clock};
use crate::state::{EngineState, QueryState, Store};
use crate::{Collector, Error, Observer, report, sinks};

/// The longest sleep between two ticks, so that alerts are sent again in time.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);
/// How often a partial answer is asked for again before what there is of it is judged.
const PATIENCE_WITH_PARTS: u32 = 3;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Points judged.
    pub verdicts: u64,
    /// Anomalous ones.
    pub anomalies: u64,
    /// Alerts that fired.
    pub fired: u64,
    /// Alerts that were resolved.
    pub resolved: u64,
    /// Queries that failed.
    pub failures: u64,
    /// Deliveries that failed.
    pub undelivered: u64,
}

/// The pipeline: fetches what is due, judges each timestamp once, and tells the sinks.
pub struct Engine {
    queries: Vec<Query>,
    source: Source,
    state: EngineState,
    store: Option<Store>,
    journal: Option<Journal>,
    /// Rows that the journal could not take yet.
    unwritten: String,
    dispatcher: Dispatcher,
    observer: Watch,
    settings: Settings,
    totals: Totals,
    last_save: Option<Instant>,
}

#[derive(Debug)]
struct Settings {
    report: Option<PathBuf>,
    dry_run: bool,
    anomalous_only: bool,
    max_catch_up: i64,
    save_every: Duration,
}

/// A stretch of a query that is due.
#[derive(Debug, Clone, Copy)]
struct Job {
    query: usize,
    grid: Grid,
    first: bool,
}

/// Data that were fetched and not yet judged.
#[derive(Debug)]
struct Fetched(Vec<(Job, Result<Answer, Error>)>);

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
    /// Opens source, state, journal and sinks.
    ///
    /// # Errors
    /// When the configuration is not valid, or one of these cannot be opened.
    pub async fn start(
        config: Config,
        options: Options,
        observer: Box<dyn Observer>,
    ) -> Result<Self, Error> {
        config.validate()?;
        let source = Source::open(&config.source).await?;
        Self::with_source(config, source, options, observer)
    }

    pub(crate) fn with_source(
        config: Config,
        source: Source,
        options: Options,
        observer: Box<dyn Observer>,
    ) -> Result<Self, Error> {
        let keeps = |_: &_| !options.dry_run;
        let store = config
            .state
            .directory
            .as_deref()
            .filter(keeps)
            .map(Store::open)
            .transpose()?;
        let saved = store.as_ref().map(Store::load).transpose()?.flatten();
        let resumed = saved.is_some();
        let mut state = saved.unwrap_or_default();
        let journal = config.output.verdicts.as_deref().filter(keeps);
        let journal = journal
            .map(|path| Journal::open(path, state.journal_len))
            .transpose()?;
        let mut dispatcher = if options.dry_run {
            Dispatcher::new()
        } else {
            sinks::build(&config.sinks)?
        };
        let orphans = dispatcher.restore(std::mem::take(&mut state.pending));
        for (sink, alerts) in orphans.queues() {
            tracing::warn!(
                sink,
                alerts = alerts.len(),
                "undelivered alerts of a sink that is not configured any more are dropped"
            );
        }
        let queries = config
            .queries
            .into_iter()
            .map(|query| Query::new(query, config.engine.max_series))
            .collect::<Result<Vec<_>, _>>()?;
        adopt(&mut state, &queries);
        let mut engine = Self {
            queries,
            source,
            state,
            store,
            journal,
            unwritten: String::new(),
            dispatcher,
            observer: Watch {
                caller: observer,
                collector: config.output.report.is_some().then(Collector::default),
            },
            settings: Settings {
                report: config.output.report.filter(|_| !options.dry_run),
                dry_run: options.dry_run,
                anomalous_only: config.output.anomalous_only,
                max_catch_up: config.engine.max_catch_up.millis(),
                save_every: config.state.save_every.duration(),
            },
            totals: Totals::default(),
            last_save: None,
        };
        if !resumed {
            // From here on a crash is followed by a restart that knows where the journal began.
            engine.save()?;
        }
        Ok(engine)
    }

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

    /// The alerts that fire now.
    pub fn active(&self) -> impl Iterator<Item = &Alert> {
        self.state.lifecycle.active()
    }

    /// Judges everything that is due now, once.
    ///
    /// # Errors
    /// When the state cannot be saved or the report not written. A query that fails is counted and told to the observer.
    pub async fn once(&mut self) -> Result<(), Error> {
        let fetched = self.fetch().await;
        self.apply(fetched).await;
        self.save()?;
        self.write_report()
    }

    /// Runs until `shutdown` completes or the source has no more data, then saves the state.
    ///
    /// # Errors
    /// When the state cannot be saved or the report not written at the end.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()>) -> Result<End, Error> {
        let mut shutdown = pin!(shutdown);
        let end = loop {
            // Seen before the fetch, so that the last fetch reaches the end of the data.
            let ended = self.source.ended();
            // Fetching changes nothing, so it may be broken off; judging is finished once begun.
            let fetched = tokio::select! {
                () = &mut shutdown => break End::Shutdown,
                fetched = self.fetch() => fetched,
            };
            self.apply(fetched).await;
            if ended {
                break End::NoMoreData;
            }
            tokio::select! {
                () = &mut shutdown => break End::Shutdown,
                () = tokio::time::sleep(self.until_next()) => {}
            }
        };
        self.save()?;
        self.write_report()?;
        Ok(end)
    }

    /// Stops the replay server, if there is one.
    pub async fn close(self) {
        self.source.close().await;
    }

    fn write_report(&self) -> Result<(), Error> {
        let (Some(path), Some(collector)) = (&self.settings.report, &self.observer.collector)
        else {
            return Ok(());
        };
        let html = report::run_report("Bongsu run", collector)?
            .to_html()
            .map_err(Error::report)?;
        std::fs::write(path, html).map_err(|e| Error::report(format!("{}: {e}", path.display())))
    }

    /// What is due now, fetched side by side.
    async fn fetch(&self) -> Fetched {
        let now = self.source.now();
        let states = self.queries.iter().zip(&self.state.queries).enumerate();
        let due = states.filter_map(|(i, (query, state))| self.job(i, query, state, now));
        let requests = due.map(|job| async move {
            let answer = match self.queries.get(job.query) {
                Some(query) => {
                    let range = Range {
                        start: job.grid.from,
                        end: job.grid.to,
                        step_ms: query.judge.step,
                    };
                    self.source.fetch(&query.config.expr, &range).await
                }
                None => Err(Error::source("the query is gone")),
            };
            (job, answer)
        });
        Fetched(futures_util::future::join_all(requests).await)
    }

    fn job(&self, index: usize, query: &Query, state: &QueryState, now: Timestamp) -> Option<Job> {
        if query.retry_at.is_some_and(|at| at > Instant::now()) {
            return None;
        }
        let step = query.judge.step;
        let to = now
            .add_millis(-query.config.offset.millis())
            .align_down(step);
        let from = match (state.cursor, self.source.start()) {
            (Some(cursor), _) => {
                let earliest = to.add_millis(-self.settings.max_catch_up).align_up(step);
                cursor.add_millis(step).max(earliest.min(to))
            }
            (None, Some(start)) => start.align_up(step),
            (None, None) => to.add_millis(-query.config.window.millis()).align_up(step),
        };
        (from <= to).then_some(Job {
            query: index,
            grid: Grid { from, to },
            first: state.cursor.is_none() && self.source.start().is_none(),
        })
    }

    /// Judges what was fetched, writes it down, saves, and tells the sinks.
    async fn apply(&mut self, fetched: Fetched) {
        let mut news = Vec::new();
        let judged_any = !fetched.0.is_empty();
        for (job, answer) in fetched.0 {
            match answer {
                Ok(answer) => news.extend(self.take_in(job, answer).await),
                Err(error) => self.query_failed(job.query, &error),
            }
        }
        self.write_journal();
        self.dispatcher.enqueue(&news);
        let due = self
            .last_save
            .is_none_or(|at| at.elapsed() >= self.settings.save_every);
        if judged_any
            && due
            && let Err(error) = self.save()
        {
            tracing::error!(%error, "the state cannot be saved; it is tried again after the next tick");
        }
        self.dispatch().await;
    }

    async fn take_in(&mut self, job: Job, answer: Answer) -> Vec<Alert> {
        let (Some(query), Some(state)) = (
            self.queries.get_mut(job.query),
            self.state.queries.get_mut(job.query),
        ) else {
            return Vec::new();
        };
        if answer.quality.partial && state.put_off < PATIENCE_WITH_PARTS {
            state.put_off += 1;
            let wait = self.source.real_time(query.next_wait());
            query.put_off(wait, &mut self.observer);
            return Vec::new();
        }
        state.put_off = 0;
        if let Some(cursor) = state.cursor {
            let skipped = job
                .grid
                .from
                .millis_since(cursor.add_millis(query.judge.step));
            if skipped > 0 {
                let span = format_duration(Duration::from_millis(skipped.unsigned_abs()));
                let message = format!(
                    "{span} of data were skipped: the downtime was longer than engine.max_catch_up"
                );
                tracing::warn!(query = %query.config.name, "{message}");
                self.observer.problem(&query.config.name, &message);
            }
        }
        let judge = query.judge.clone();
        let mut known = std::mem::take(&mut state.series);
        let complete = !answer.quality.partial;
        let quality = answer.quality;
        let judged = tokio::task::spawn_blocking(move || {
            let judged = judge.judge(&mut known, answer.series, job.grid, complete, job.first);
            (known, judged)
        });
        let (known, judged) = match judged.await {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        state.series = known;
        state.cursor = Some(job.grid.to);
        query.succeeded(&quality, &judged, &mut self.observer);
        self.observe(job, judged)
    }

    /// Passes verdicts to journal, observer and alert lifecycle; gives the alerts to be told.
    fn observe(&mut self, job: Job, judged: Judged) -> Vec<Alert> {
        let Some(query) = self.queries.get(job.query) else {
            return Vec::new();
        };
        let mut transitions = Vec::new();
        let mut verdicts = Vec::with_capacity(judged.verdicts.len());
        for (identity, verdict) in judged.verdicts {
            match self
                .state
                .lifecycle
                .observe(&identity, &query.policy, &verdict)
            {
                Ok(transition) => transitions.extend(transition),
                Err(error) => {
                    tracing::warn!(%error, series = %verdict.labels, "a verdict was not taken in");
                }
            }
            self.totals.verdicts += 1;
            self.totals.anomalies += u64::from(verdict.anomalous);
            if self.journal.is_some() && (verdict.anomalous || !self.settings.anomalous_only) {
                self.unwritten
                    .push_str(&verdict_row(&query.config.name, &verdict));
            }
            verdicts.push(verdict);
        }
        self.observer.verdicts(&query.config, &verdicts);
        if job.first {
            // What fired and was resolved before the start is history, not news.
            let lifecycle = &self.state.lifecycle;
            transitions.retain(|transition| match transition {
                Transition::Fired(alert) => {
                    lifecycle
                        .get(alert.labels.fingerprint())
                        .is_some_and(|now| {
                            now.state == AlertState::Firing && now.starts_at == alert.starts_at
                        })
                }
                _ => false,
            });
        }
        let mut news = Vec::new();
        for transition in transitions {
            self.observer.transition(&transition);
            match transition {
                Transition::Fired(alert) => {
                    self.totals.fired += 1;
                    news.push(alert);
                }
                Transition::Resolved(alert) => {
                    self.totals.resolved += 1;
                    news.push(alert);
                }
                _ => {}
            }
        }
        news
    }

    fn query_failed(&mut self, index: usize, error: &Error) {
        self.totals.failures += 1;
        if let Some(query) = self.queries.get_mut(index) {
            let wait = self.source.real_time(query.next_wait());
            query.failed(error, wait, &mut self.observer);
        }
    }

    fn write_journal(&mut self) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        if self.unwritten.is_empty() {
            return;
        }
        match journal.write(&self.unwritten) {
            Ok(()) => self.unwritten.clear(),
            Err(error) => {
                tracing::error!(%error, "verdicts cannot be written; they are kept and tried again");
            }
        }
    }

    fn save(&mut self) -> Result<(), Error> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        if !self.unwritten.is_empty() {
            return Err(Error::state(
                "verdicts are not written yet, so the state must not move on",
            ));
        }
        self.state.journal_len = self.journal.as_ref().map(Journal::len);
        self.state.pending = self.dispatcher.pending();
        store.save(&self.state)?;
        self.last_save = Some(Instant::now());
        Ok(())
    }

    async fn dispatch(&mut self) {
        if self.settings.dry_run {
            return;
        }
        // Receivers compare with their own clocks, so live alerts carry the time of day.
        let now = match self.source {
            Source::Live(_) => wall_clock(),
            Source::Replay { .. } | Source::Fixed(_) => self.source.now(),
        };
        for delivery in self
            .dispatcher
            .dispatch(now, &[], &self.state.lifecycle)
            .await
        {
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

    fn until_next(&self) -> Duration {
        let now = self.source.now();
        let waits = self
            .queries
            .iter()
            .zip(&self.state.queries)
            .map(|(query, state)| {
                let next = state.cursor.map_or(now, |cursor| {
                    cursor
                        .add_millis(query.judge.step)
                        .add_millis(query.config.offset.millis())
                });
                let data = Duration::from_millis(next.millis_since(now).max(0).unsigned_abs());
                let retry = query.retry_at.map_or(Duration::ZERO, |at| {
                    at.saturating_duration_since(Instant::now())
                });
                self.source.real_time(data).max(retry)
            });
        waits
            .min()
            .unwrap_or(LONGEST_SLEEP)
            .clamp(Duration::from_millis(1), LONGEST_SLEEP)
    }
}
