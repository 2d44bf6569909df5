//! The pipeline on bundled recordings of real metrics with injected faults.

mod bundled;
mod truth;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bongsu_alert::Transition;
use bongsu_core::{Alert, Verdict};
use bongsu_prometheus::replay::{Recording, ReplayClock};
use bongsu_report::{Span, SpanKind, Unit};

pub use bundled::Bundled;
pub use truth::{Found, Incident, Outcome, Place, Symptom, Truth};
pub(crate) use truth::{seconds, stopped};

use crate::config::{self, QueryConfig};
use crate::incident::{Incident as Grouped, IncidentChange};
use crate::source::Source;
use crate::{Collector, End, Engine, Error, Observer, Options, report};

/// A demo that is ready to run.
pub struct Demo {
    truth: Truth,
    engine: Engine,
    collected: Arc<Mutex<Collector>>,
    grouped: Arc<Mutex<BTreeMap<String, Grouped>>>,
}

/// What the demo found.
#[derive(Debug)]
pub struct DemoResult {
    /// Injected against found.
    pub outcome: Outcome,
    /// How many points were judged.
    pub verdicts: u64,
    /// What was shown up to the end or until the run was stopped.
    shown: Truth,
}

impl std::fmt::Debug for Demo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Demo")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl Demo {
    /// Starts the replay server after the clean history at the recording's beginning and the engine
    /// on it; `speed` seconds of the recording pass in one second. `watch` sees everything as it
    /// happens.
    ///
    /// # Errors
    /// When there is no such recording, `speed` is not finite and above 0, or no port is free.
    pub fn start(bundled: Bundled, speed: f64, watch: Box<dyn Observer>) -> Result<Self, Error> {
        if !(speed.is_finite() && speed > 0.0) {
            return Err(Error::config(format!(
                "speed is {speed}, but must be finite and above 0"
            )));
        }
        let truth = bundled.truth()?;
        let recording = Recording::from_bytes(bundled.recording()?).map_err(Error::input)?;
        let config = config::parse(bundled.config(), None)?;
        let begin = recording.start().add_millis(truth.history());
        let clock = ReplayClock::running(begin, recording.end(), speed).map_err(Error::config)?;
        let source = Source::replay(Arc::new(recording), clock, speed)?;
        let collected = Arc::new(Mutex::new(Collector::default()));
        let grouped = Arc::default();
        let observer = Box::new(Shared {
            collected: Arc::clone(&collected),
            grouped: Arc::clone(&grouped),
            watch,
        });
        let engine = Engine::with_source(config, source, Options::default(), observer)?;
        Ok(Self {
            truth,
            engine,
            collected,
            grouped,
        })
    }

    /// What was injected.
    #[must_use]
    pub const fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The address of the replay server; it speaks Prometheus' query API.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        self.engine.replay_url()
    }

    /// Runs to the end of the recording, or until `shutdown` completes. Incidents that had not come
    /// by then are left out of the result.
    ///
    /// # Errors
    /// When the engine fails at its end.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()>) -> Result<DemoResult, Error> {
        let end = self.engine.run(shutdown).await?;
        let collected = self.collected();
        let shown = match end {
            End::NoMoreData => self.truth.clone(),
            End::Shutdown => {
                let last = collected.span().map_or(self.truth.start, |(_, last)| last);
                self.truth.until(last)
            }
        };
        let alerts: Vec<_> = collected.alerts().cloned().collect();
        let mut outcome = shown.compare(&alerts);
        outcome.group(&held(&self.grouped).values().cloned().collect::<Vec<_>>());
        outcome.not_come =
            (end != End::NoMoreData).then(|| self.truth.incidents.len() - shown.incidents.len());
        Ok(DemoResult {
            outcome,
            verdicts: self.engine.totals().verdicts,
            shown,
        })
    }

    /// Writes the HTML report, the plots and the root-cause analyses, one an incident, into
    /// `directory`, which must be there; gives their paths, the report's first.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, result: &DemoResult, directory: &Path) -> Result<Vec<PathBuf>, Error> {
        let collected = self.collected();
        let spans = spans(&result.shown);
        let mut files = Vec::new();
        let mut write = |name: &str, content: &[u8]| {
            let path = directory.join(name);
            fs::write(&path, content)
                .map_err(|e| Error::report(format!("{}: {e}", path.display())))?;
            files.push(path);
            Ok::<(), Error>(())
        };
        let html = report::demo_report(&collected, &result.outcome, &spans)?;
        write("report.html", html.as_bytes())?;
        for (name, picture) in report::demo_plots(&collected, &result.outcome, &spans)? {
            write(&name, &picture)?;
        }
        for (i, found) in result.outcome.found.iter().enumerate() {
            let id = found.grouped.as_ref().map(|grouped| &grouped.id);
            if let Some(page) = id.and_then(|id| self.engine.incident_page(id)) {
                let kind = found.incident.kind.replace('_', "-");
                write(&format!("cause-{}-{kind}.html", i + 1), page.as_bytes())?;
            }
        }
        Ok(files)
    }

    fn collected(&self) -> MutexGuard<'_, Collector> {
        held(&self.collected)
    }

    /// Stops the replay server.
    pub async fn close(self) {
        self.engine.close().await;
    }
}

fn spans(truth: &Truth) -> Vec<Span> {
    let kind = |fault| {
        if fault {
            SpanKind::Fault
        } else {
            SpanKind::Benign
        }
    };
    truth
        .incidents
        .iter()
        .map(|incident| Span {
            from: incident.from,
            to: incident.to,
            label: incident.title(),
            kind: kind(incident.fault),
        })
        .collect()
}

/// Collects for the report and lets the caller watch.
struct Shared {
    collected: Arc<Mutex<Collector>>,
    grouped: Arc<Mutex<BTreeMap<String, Grouped>>>,
    watch: Box<dyn Observer>,
}

impl Shared {
    fn collect(&self, with: impl FnOnce(&mut Collector)) {
        with(&mut held(&self.collected));
    }
}

fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer for Shared {
    fn verdicts(&mut self, query: &QueryConfig, verdicts: &[Verdict]) {
        self.collect(|collector| collector.verdicts(query, verdicts));
        self.watch.verdicts(query, verdicts);
    }

    fn transition(&mut self, transition: &Transition) {
        self.collect(|collector| collector.transition(transition));
        self.watch.transition(transition);
    }

    fn incident(&mut self, change: IncidentChange, incident: &Grouped) {
        held(&self.grouped).insert(incident.id.clone(), incident.clone());
        self.watch.incident(change, incident);
    }

    fn problem(&mut self, query: &str, message: &str) {
        self.collect(|collector| collector.problem(query, message));
        self.watch.problem(query, message);
    }
}

/// What an alert is about, in a few words: query and service.
#[must_use]
pub fn subject(alert: &Alert) -> String {
    let query = alert.labels.get("query").unwrap_or_default();
    let service = alert.verdict.labels.get("service").unwrap_or_default();
    format!("{query} of {service}")
}

/// What was seen and what was expected, in a few words.
#[must_use]
pub fn finding(alert: &Alert, unit: &Unit) -> String {
    let verdict = &alert.verdict;
    let spell =
        |value: Option<f64>, none: &str| value.map_or_else(|| none.to_owned(), |v| unit.format(v));
    let (seen, expected) = (spell(verdict.value, "absent"), spell(verdict.expected, "?"));
    format!("{seen}, expected {expected}")
}
