//! Incidents of a running engine: alerts come in, analyses go on aside, causes go out.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_alert::{Lifecycle, Suppressor, Transition};
use bongsu_core::Timestamp;
use tokio::task::{JoinError, JoinSet};

use super::Engine;
use crate::Error;
use crate::config::Config;
use crate::incident::{
    Analyst, Book, Finding, Incident, IncidentChange, Reports, Saved, Subject, incidents_file,
};
use crate::observe::Observer as _;
use crate::source::Source;
use crate::state::StateFile;

/// The incidents and what is needed to analyse them.
#[derive(Debug)]
pub(super) struct Incidents {
    pub(super) book: Book,
    analyst: Arc<Analyst>,
    pub(super) reports: Reports,
    file: Option<StateFile<Saved>>,
    /// Those under analysis.
    running: BTreeSet<String>,
    analyses: JoinSet<Analysed>,
    /// When there is something to do next, as of a version of the book.
    next: Option<(u64, Option<Timestamp>)>,
    /// The version of the book that the outside was shown.
    pub(super) shown: Option<u64>,
}

/// Whether the directory of the state has incidents that could not be read and were set aside.
fn holds_set_aside(directory: &Path) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let name = entry.file_name();
        let ending = name
            .to_str()
            .and_then(|name| name.strip_prefix("incidents.bngs."));
        ending.is_some_and(|e| e.starts_with("damaged") || e.starts_with("version-"))
    })
}

/// An analysis that ended.
pub(super) struct Analysed {
    id: String,
    begun: Timestamp,
    /// Whether the incident was over when it began.
    of_closed: bool,
    took: Duration,
    outcome: Result<Finding, String>,
}

impl Incidents {
    /// With what an earlier run left in the directory of the state.
    pub(super) fn open(config: &Config, directory: Option<&Path>) -> Result<Self, Error> {
        let analyst = Analyst::new(config)?;
        let path = directory.map(incidents_file);
        let file = path.map(|path| StateFile::new(path, "incidents", "none are known"));
        let found: Option<Saved> = file.as_ref().map(StateFile::load).transpose()?.flatten();
        let ids = |saved: &Saved| saved.incidents.iter().map(|i| i.id.clone()).collect();
        // Of incidents that cannot be read the reports are kept.
        let known = found.as_ref().map(ids).unwrap_or_default();
        let known = (!directory.is_some_and(holds_set_aside)).then_some(known);
        let saved = found.unwrap_or_default();
        let reports = Reports::open(directory, known.as_ref())
            .map_err(|e| Error::state(format!("the reports of incidents: {e}")))?;
        Ok(Self {
            book: Book::new(config, analyst.graph.clone(), saved),
            analyst: Arc::new(analyst),
            reports,
            file,
            running: BTreeSet::new(),
            analyses: JoinSet::new(),
            next: None,
            shown: None,
        })
    }

    /// Goes on by another configuration; what is under way is begun again.
    pub(super) fn exchange(&mut self, config: &Config, analyst: Analyst) {
        self.book.exchange(config, analyst.graph.clone());
        self.analyst = Arc::new(analyst);
        self.analyses = JoinSet::new();
        self.running.clear();
        self.next = None;
    }

    /// What is to be written down, and where; `None` when nothing has changed.
    pub(super) fn unsaved(&self) -> Option<(StateFile<Saved>, Saved)> {
        Some((self.file.clone()?, self.book.unsaved()?.clone()))
    }

    /// The next analysis that has ended; never while there is none.
    pub(super) async fn ended(&mut self) -> Option<Result<Analysed, JoinError>> {
        self.analyses.join_next().await
    }

    /// One that has ended already.
    pub(super) fn ended_already(&mut self) -> Option<Result<Analysed, JoinError>> {
        self.analyses.try_join_next()
    }

    /// Breaks off what is under way.
    pub(super) async fn shut_down(&mut self) {
        self.analyses.shutdown().await;
        self.running.clear();
        self.next = None;
    }

    /// When there is something to do next.
    pub(super) fn next_due(&mut self) -> Option<Timestamp> {
        let version = self.book.version;
        if let Some((of, due)) = self.next
            && of == version
        {
            return due;
        }
        let full = self.running.len() >= self.analyst.at_once;
        let due = self.book.next_due(|id| full || self.running.contains(id));
        self.next = Some((version, due));
        due
    }

    /// When there is something to do next, as it was known at the last look.
    pub(super) fn known_due(&self) -> Option<Timestamp> {
        self.next.and_then(|(_, due)| due)
    }

    fn start(&mut self, incident: Incident, now: Timestamp, source: &Arc<Source>) {
        let id = incident.id.clone();
        if self.running.len() >= self.analyst.at_once || !self.running.insert(id.clone()) {
            return;
        }
        self.next = None;
        let of_closed = !incident.is_open();
        let subject = Subject {
            past: self.book.others(&incident, self.analyst.margin),
            incident,
            now,
            graph: self.book.graph(),
        };
        let (analyst, source) = (Arc::clone(&self.analyst), Arc::clone(source));
        let reports = self.reports.clone();
        self.analyses.spawn(async move {
            let begun = Instant::now();
            let outcome = analyst.analyse(source, subject, reports).await;
            Analysed {
                id,
                begun: now,
                of_closed,
                took: begun.elapsed(),
                outcome,
            }
        });
    }
}

impl Engine {
    /// Takes note of a step in an alert's life; an alert that joins an incident of which the cause is
    /// known carries it from then on.
    pub(super) fn note_incident(&mut self, transition: &mut Transition) {
        if let Some(opened) = self.incidents.book.note(transition) {
            self.observer.incident(IncidentChange::Opened, opened);
            self.metrics.incidents.opened();
        }
        if let Transition::Fired(alert) = transition {
            let fingerprint = alert.labels.fingerprint();
            let incident = self.incidents.book.of_alert(fingerprint);
            if let Some(cause) = incident.and_then(Incident::cause).map(ToString::to_string) {
                let (lifecycle, suppressor) = (&mut self.state.lifecycle, &mut self.suppressor);
                tell_cause(lifecycle, suppressor.as_mut(), fingerprint, &cause);
                alert.cause = lifecycle.get(fingerprint).and_then(|a| a.cause.clone());
            }
        }
    }

    /// The page of the latest analysis of an incident, where there is one.
    pub(crate) fn incident_page(&self, id: &str) -> Option<Arc<str>> {
        let report = self.incidents.reports.get(id).ok().flatten();
        report.map(|report| report.html)
    }

    /// Closes what is over at `now`, and begins the analyses that are due.
    pub(super) fn tend_incidents(&mut self, now: Timestamp) {
        if self.incidents.next_due().is_none_or(|due| due > now) {
            return;
        }
        let (closed, forgotten) = self.incidents.book.tick(now);
        for id in closed {
            if let Some(incident) = self.incidents.book.get(&id) {
                self.observer.incident(IncidentChange::Closed, incident);
                self.metrics.incidents.closed();
            }
        }
        for id in forgotten {
            self.incidents.reports.remove(&id);
        }
        let due: Vec<Incident> = self.incidents.book.due(now).into_iter().cloned().collect();
        for incident in due {
            self.incidents.start(incident, now, &self.source);
        }
        self.incidents.next_due();
    }

    /// A file's incidents are analysed at their time, up to `until`, before its story goes on.
    pub(super) async fn catch_up_incidents(&mut self, until: Timestamp) {
        while let Some(due) = self.incidents.next_due().filter(|due| *due < until) {
            self.tend_incidents(due);
            while let Some(ended) = self.incidents.ended().await {
                self.finish_analysis(ended);
            }
        }
    }

    /// Before the end of a run: what was never analysed or is due is, so that messages that leave now
    /// tell the cause.
    pub(super) async fn settle_incidents(&mut self, now: Timestamp) {
        self.tend_incidents(now);
        loop {
            let waiting: Vec<Incident> = {
                let waiting = self.incidents.book.unanalysed().into_iter();
                let waiting = waiting.filter(|i| i.problem.is_none() && i.onset <= now);
                waiting.cloned().collect()
            };
            for incident in waiting {
                self.incidents.start(incident, now, &self.source);
            }
            let Some(ended) = self.incidents.ended().await else {
                break;
            };
            self.finish_analysis(ended);
            self.tend_incidents(now);
        }
    }

    /// Takes in what an analysis came to: the cause goes to the alerts.
    pub(super) fn finish_analysis(&mut self, ended: Result<Analysed, JoinError>) {
        let Ok(analysed) = ended else {
            // Which one it was is not known; the others remove themselves.
            if self.incidents.analyses.is_empty() {
                self.incidents.running.clear();
            }
            return;
        };
        let id = analysed.id;
        self.incidents.running.remove(&id);
        self.incidents.next = None;
        let outcome = analysed.outcome.map(|finding| {
            if let Some(traffic) = finding.traffic {
                self.incidents.book.learn_traffic(traffic);
            }
            if let Some(declared) = finding.declared {
                self.incidents.book.learn_declared(declared);
            }
            finding.analysis
        });
        self.metrics.incidents.analysed(&outcome, analysed.took);
        if let Err(problem) = &outcome {
            tracing::warn!(incident = %id, %problem, "an incident could not be analysed");
        }
        let worked = outcome.is_ok();
        let book = &mut self.incidents.book;
        let Some(incident) = book.analysed(&id, analysed.begun, analysed.of_closed, outcome) else {
            // It was forgotten meanwhile.
            self.incidents.reports.remove(&id);
            return;
        };
        self.observer.incident(IncidentChange::Analysed, incident);
        if !worked {
            return;
        }
        // What is not proven is not told, and takes back what was told too early.
        let cause = incident
            .cause()
            .map(ToString::to_string)
            .unwrap_or_default();
        let members: Vec<u64> = incident.members.keys().copied().collect();
        for fingerprint in members {
            let belongs = self.incidents.book.of_alert(fingerprint);
            if belongs.is_some_and(|incident| incident.id == id) {
                let (lifecycle, suppressor) = (&mut self.state.lifecycle, &mut self.suppressor);
                tell_cause(lifecycle, suppressor.as_mut(), fingerprint, &cause);
            }
        }
    }

    /// Makes incidents say what the alerts say, at a start or after another configuration.
    pub(super) fn reconcile_incidents(&mut self) {
        let now = self.source.now();
        let firing = self.state.lifecycle.active();
        self.incidents.book.reconcile(firing, now);
    }

    /// Shows the outside the incidents, when something has changed.
    pub(super) fn show_incidents(&mut self) {
        let version = self.incidents.book.version;
        if self.incidents.shown == Some(version) {
            return;
        }
        self.incidents.shown = Some(version);
        self.metrics.incidents.set_open(self.incidents.book.open());
        if self.server.is_some() {
            let incidents = self.incidents.book.all().into();
            self.view.renew(|view| view.incidents = incidents);
        }
    }
}

fn tell_cause(
    lifecycle: &mut Lifecycle,
    suppressor: Option<&mut Suppressor>,
    fingerprint: u64,
    cause: &str,
) {
    lifecycle.set_cause(fingerprint, cause);
    if let Some(suppressor) = suppressor {
        suppressor.set_cause(fingerprint, cause);
    }
}
