//! Exchanging the configuration of a running engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_alert::{Dispatcher, Suppressor};
use bongsu_core::{Alert, AlertState, Timestamp};

use super::capacity::Plans;
use super::jobs::check_span;
use super::silences::Silences;
use super::{Engine, told};
use tokio::task::JoinSet;

use crate::Error;
use crate::config::{Config, SourceConfig};
use crate::courier::Change;
use crate::incident::Analyst;
use crate::periodic::ReportJob;
use crate::query::{Query, adopt};
use crate::recent::Recent;
use crate::source::wall_clock;
use crate::training::remove_gone;
use crate::write_back::WriteBack;
use crate::{scrape, sinks};

impl Engine {
    /// Puts `config` to work: first everything that can fail is made, then all of it is exchanged.
    ///
    /// Where the source is not a server, it and what depends on it stay.
    pub(super) fn reload(&mut self, config: Config) -> Result<(), Error> {
        config.validate()?;
        self.refuse_fixed(&config)?;
        let source = self.source.connect(&config, &self.config)?;
        let mut queries = Query::all(&config)?;
        for query in &queries {
            check_span(source.as_ref().unwrap_or(&self.source), query)?;
        }
        let expressions = match &config.source {
            SourceConfig::Scrape { .. } => scrape::expressions(&config)?,
            _ => Vec::new(),
        };
        let trainer = self.trainer.resized(config.engine.training_threads)?;
        for query in &mut queries {
            trainer.look(query);
            let mut old = self.queries.iter();
            if let Some(old) = old.find(|old| old.config.name == query.config.name) {
                query.follow(old);
            }
        }
        let recent = (sinks::show_plots(&config) || config.server.is_some())
            .then(|| self.observer.recent.clone().unwrap_or_default());
        let dispatcher = if self.options.dry_run {
            Dispatcher::new()
        } else {
            sinks::build(&config, Recent::plotter(recent.as_ref()).as_ref())?
        };
        self.state.suppressor = self.suppressor.as_ref().map(|s| s.state().clone());
        let mut suppressor = told::suppressor(&config, &mut self.state)?;
        let silences = Silences::new(&config)?;
        let analyst = Analyst::new(&config)?;
        let leaving = if self.options.dry_run {
            BTreeMap::new()
        } else {
            sinks::leaving(&self.config, &config)?
        };
        let write = config.output.remote_write.as_ref();
        let write = write.filter(|_| !self.options.dry_run);
        // What waits in a writer that stays the same must not be lost.
        let old_write = self.config.output.remote_write.as_ref();
        let write_back = match write {
            Some(config) if old_write != Some(config) => Some(WriteBack::start(config)?),
            _ => None,
        };

        let planned = Plans::next_job(&config, source.as_ref().unwrap_or(&self.source))?;
        let reports = if self.options.dry_run {
            None
        } else {
            ReportJob::start(&config, Arc::clone(&self.judged), &self.report_writer)?
        };

        // From here on nothing fails.
        // What is under way belongs to the old queries, also what is done and not taken in yet.
        self.fetching = JoinSet::new();
        self.training = JoinSet::new();
        match source {
            Some(source) => self.source = source.into(),
            None => self.source.watch(expressions),
        }
        let alert_time = self.source.present();
        let before = self.suppressor.as_ref();
        let farewells = suppressor.as_mut().map(Suppressor::farewells);
        self.courier.enqueue_pages(farewells.unwrap_or_default());
        // They are saved before they leave.
        self.unsaved_messages = true;
        let known = suppressor.as_ref().or(before);
        // Of what is silenced no sink has heard, and none hears now.
        let active = self.state.lifecycle.active().cloned();
        let firing: Vec<Alert> = active
            .filter(|alert| {
                !self
                    .state
                    .withheld
                    .contains_key(&alert.labels.fingerprint())
            })
            .collect();
        let mut change = Change {
            leaving,
            welcome: &|receiver| known.map_or_else(Vec::new, |s| s.welcome(receiver)),
            parting: &|receiver| known.map_or_else(Vec::new, |s| s.parting(receiver)),
            ended: firing.iter().map(|a| ended(a, alert_time)).collect(),
            firing,
            over: self.state.lifecycle.recently_resolved().cloned().collect(),
        };
        self.courier.exchange(dispatcher, &mut change);
        self.observer.recent = recent;
        let same_receiver = old_write.map(|old| &old.url) == write.map(|new| &new.url);
        match (write_back, self.write_back.take()) {
            (Some(new), Some(old)) if same_receiver => {
                new.take_over(old);
                self.write_back = Some(new);
            }
            (None, old) if write.is_some() => self.write_back = old,
            (new, old) => {
                self.write_back = new;
                if let Some(old) = old {
                    self.parting.spawn(old.finish());
                }
            }
        }
        self.trainer = trainer;
        self.queries = queries;
        let names: Vec<&str> = self
            .queries
            .iter()
            .map(|q| q.config.name.as_str())
            .collect();
        // The directory of the state stays the same.
        if let (Some(directory), true) = (&self.config.state.directory, self.store.is_some()) {
            remove_gone(directory, names.iter().copied(), wall_clock());
        }
        for old in &self.config.queries {
            if !names.contains(&old.name.as_str()) {
                self.metrics.forget(&old.name);
            }
        }
        for (query, state) in self.queries.iter().zip(&self.state.queries) {
            self.metrics.queries.awaited(&query.config, state.cursor);
        }
        if let Some(recent) = &self.observer.recent {
            recent.keep_queries(&names);
        }
        self.view.renew(|view| {
            view.verdicts
                .retain(|name, _| names.contains(&name.as_str()));
        });
        self.plans.exchange(planned, self.source.now());
        let planned = |identity: &_| self.plans.decide_on(identity);
        let ended = adopt(&mut self.state, &self.queries, planned);
        let audible = self.audible(ended.clone());
        self.courier.enqueue(&audible);
        told::end(&mut suppressor, ended);
        self.suppressor = suppressor;
        self.silences = silences;
        self.incidents.exchange(&config, analyst);
        self.reconcile_incidents();
        self.reports = reports;
        if let (Some(server), Some(config)) = (&self.server, &config.server) {
            server.renew(config);
        }
        self.settings = super::Settings::new(&config, self.options);
        *self.config = config;
        Ok(())
    }

    /// What is opened once for the life of the process stays as it is.
    fn refuse_fixed(&self, config: &Config) -> Result<(), Error> {
        let old = &self.config;
        let same = [
            (
                "state.directory",
                old.state.directory == config.state.directory,
            ),
            (
                "output.verdicts",
                old.output.verdicts == config.output.verdicts,
            ),
            ("output.rotate", old.output.rotate == config.output.rotate),
            ("output.keep", old.output.keep == config.output.keep),
            (
                "output.archive",
                old.output.archive == config.output.archive,
            ),
            ("output.report", old.output.report == config.output.report),
            (
                "server",
                match (&old.server, &config.server) {
                    (Some(old), Some(new)) => old.is_same_place(new),
                    (old, new) => old.is_none() && new.is_none(),
                },
            ),
            ("source", old.source.may_become(&config.source)),
        ];
        match same.iter().find(|(_, same)| !same) {
            None => Ok(()),
            Some((key, _)) => Err(Error::config(format!(
                "{key} cannot change while the service runs; restart it"
            ))),
        }
    }
}

/// The alert as it is over for a sink that goes.
fn ended(alert: &Alert, now: Timestamp) -> Alert {
    let mut alert = alert.clone();
    alert.state = AlertState::Resolved;
    alert.resolved_at = Some(now.max(alert.starts_at));
    alert
}
