//! How an engine comes to be.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use bongsu_alert::Dispatcher;
use bongsu_core::Alert;
use tokio::task::JoinSet;

use super::capacity::Plans;
use super::incidents::Incidents;
use super::jobs::check_span;
use super::silences::Silences;
use super::training::Trainer;
use super::{Control, Engine, Options, Settings, Totals, told};
use crate::config::{Config, ServerConfig, SourceConfig};
use crate::courier::{Courier, Undelivered};
use crate::journal::{Journal, Rows};
use crate::metrics::Metrics;
use crate::observe::Watch;
use crate::periodic::{ReportJob, ReportWriter};
use crate::query::{Query, adopt};
use crate::recent::Recent;
use crate::server::{Access, Served, Server, Shared};
use crate::source::{SeriesSource, Source, wall_clock};
use crate::state::Store;
use crate::training::remove_gone;
use crate::write_back::WriteBack;
use crate::{Collector, Error, Observer, sinks};

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
        let source = Source::open(&config).await?;
        Self::with_source(config, source, options, observer)
    }

    /// As [`Engine::start`], on the series of `source`, where the configuration says
    /// `source: {type: given}`. It stays when the configuration is exchanged.
    ///
    /// # Errors
    /// As [`Engine::start`], and when the configuration names another source.
    pub fn start_on(
        source: Arc<dyn SeriesSource>,
        config: Config,
        options: Options,
        observer: Box<dyn Observer>,
    ) -> Result<Self, Error> {
        config.validate()?;
        let SourceConfig::Given { timeout } = &config.source else {
            return Err(Error::config(
                "source.type must be `given` where the program gives the source",
            ));
        };
        let timeout = timeout.duration();
        Self::with_source(config, Source::Given { source, timeout }, options, observer)
    }

    pub(crate) fn with_source(
        config: Config,
        source: Source,
        options: Options,
        observer: Box<dyn Observer>,
    ) -> Result<Self, Error> {
        let keeps = |_: &&Path| !options.dry_run;
        let store = config
            .state
            .directory
            .as_deref()
            .filter(keeps)
            .map(Store::open)
            .transpose()?
            .map(Arc::new);
        let saved = store.as_ref().map(|s| s.load()).transpose()?.flatten();
        let resumed = saved.is_some();
        let mut state = saved.unwrap_or_default();
        let journal = config.output.verdicts.as_deref().filter(keeps);
        if journal.is_some() && store.is_none() {
            tracing::warn!(
                "without state.directory every start appends its history to output.verdicts again"
            );
        }
        let journal = journal
            .map(|path| Journal::open(path, &config.output, state.journal.as_ref()))
            .transpose()?;
        let recent =
            (sinks::show_plots(&config) || config.server.is_some()).then(Arc::<Recent>::default);
        let mut dispatcher = if options.dry_run {
            Dispatcher::new()
        } else {
            sinks::build(&config, Recent::plotter(recent.as_ref()).as_ref())?
        };
        let waiting = Undelivered {
            alerts: std::mem::take(&mut state.pending),
            pages: std::mem::take(&mut state.pages),
        };
        waiting.take_up(&mut dispatcher, &sinks::former_names(&config)?);
        let mut queries = Query::all(&config)?;
        let directory = config.state.directory.as_deref().filter(keeps);
        let trainer = Trainer::new(
            config.engine.training_threads,
            directory.map(Path::to_path_buf),
        )?;
        queries.iter_mut().for_each(|query| trainer.look(query));
        if let Some(directory) = directory {
            let names = queries.iter().map(|q| q.config.name.as_str());
            remove_gone(directory, names, wall_clock());
        }
        let (control, commands) = Control::new();
        for query in &queries {
            check_span(&source, query)?;
        }
        let write_back = config
            .output
            .remote_write
            .as_ref()
            .filter(|_| !options.dry_run);
        let write_back = write_back.map(WriteBack::start).transpose()?;
        let incidents = Incidents::open(&config, directory)?;
        let plans = Plans::open(&config, &source, directory)?;
        let (metrics, registry) = Metrics::new();
        let state_bytes = store.as_ref().map_or(0, |store| store.bytes());
        metrics.service.found(state_bytes);
        let view = Shared::new();
        let serve = |server: &ServerConfig| {
            let served = Served {
                view: view.clone(),
                metrics: metrics.clone(),
                registry: Arc::new(registry),
                control: control.clone(),
                reports: incidents.reports.clone(),
                access: Access::new(server),
                recent: recent.clone().unwrap_or_default(),
            };
            Server::start(server, served)
        };
        let server = config.server.as_ref().map(serve).transpose()?;
        let ended = adopt(&mut state, &queries, |identity| plans.decide_on(identity));
        for (query, state) in queries.iter().zip(&mut state.queries) {
            if let Some(training) = &query.training {
                training.resume(&mut state.training, source.now());
            }
            metrics.queries.awaited(&query.config, state.cursor);
        }
        let mut suppressor = told::suppressor(&config, &mut state)?;
        // Of what was silenced no sink has heard.
        let heard = |alert: &&Alert| !state.withheld.contains_key(&alert.labels.fingerprint());
        let heard: Vec<Alert> = ended.iter().filter(heard).cloned().collect();
        for alert in &ended {
            state.withheld.remove(&alert.labels.fingerprint());
        }
        let courier = Courier::new(dispatcher, &heard);
        told::end(&mut suppressor, ended);
        let judged = Arc::new(AtomicI64::new(i64::MIN));
        let report_writer = ReportWriter::default();
        let reports = if options.dry_run {
            None
        } else {
            ReportJob::start(&config, Arc::clone(&judged), &report_writer)?
        };
        let mut engine = Self {
            judged,
            queries,
            source: Arc::new(source),
            fetching: JoinSet::new(),
            state,
            store,
            journal,
            unwritten: Rows::default(),
            suppressor,
            unsaved_messages: false,
            silences: Silences::new(&config)?,
            incidents,
            plans,
            courier,
            observer: Watch {
                caller: observer,
                collector: config.output.report.is_some().then(Collector::default),
                recent,
            },
            settings: Settings::new(&config, options),
            stride: None,
            training: JoinSet::new(),
            trainer,
            turn: 0,
            config: Box::new(config),
            options,
            control,
            commands,
            orders: VecDeque::new(),
            stopping: Arc::default(),
            under_way: false,
            totals: Totals::default(),
            clocks_differ: false,
            last_save: None,
            state_bytes,
            metrics,
            view,
            server,
            write_back,
            parting: JoinSet::new(),
            reports,
            report_writer,
        };
        engine.reconcile_incidents();
        if !resumed {
            // From here on a crash is followed by a restart that knows where the journal began.
            engine.save_first()?;
        }
        Ok(engine)
    }
}
