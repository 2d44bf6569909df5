//! The pipeline on a bundled recording of real metrics with injected faults.

mod truth;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bongsu_alert::Transition;
use bongsu_core::{Alert, Verdict};
use bongsu_prometheus::replay::{Recording, ReplayClock};
use bongsu_report::{Span, SpanKind, Unit};

pub(crate) use truth::seconds;
pub use truth::{Found, Incident, Outcome, Place, Truth};

use crate::config::{self, QueryConfig};
use crate::source::Source;
use crate::{Collector, Engine, Error, Observer, Options, report};

/// The recording, in VictoriaMetrics' JSON line format.
const RECORDING: &[u8] = include_bytes!("../../recordings/demo.jsonl.gz");
/// What was injected into it.
const LABELS: &str = include_str!("../../recordings/demo.labels.json");
/// How it is judged: an ordinary configuration.
const CONFIG: &str = include_str!("demo.yaml");

/// A demo that is ready to run.
pub struct Demo {
    truth: Truth,
    engine: Engine,
    collected: Arc<Mutex<Collector>>,
}

/// What the demo found and where it wrote it.
#[derive(Debug)]
pub struct DemoResult {
    /// Injected against found.
    pub outcome: Outcome,
    /// The HTML report.
    pub report: PathBuf,
    /// The plots, one an incident.
    pub plots: Vec<PathBuf>,
    /// How many points were judged.
    pub verdicts: u64,
}

impl std::fmt::Debug for Demo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Demo")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl Demo {
    /// Starts the replay server after the recording's first day and the engine on it; `speed`
    /// seconds of the recording pass in one second. `watch` sees everything as it happens.
    ///
    /// # Errors
    /// When `speed` is not finite and above 0, or no port is free.
    pub fn start(speed: f64, watch: Box<dyn Observer>) -> Result<Self, Error> {
        if !(speed.is_finite() && speed > 0.0) {
            return Err(Error::config(format!(
                "speed is {speed}, but must be finite and above 0"
            )));
        }
        let truth = truth()?;
        let recording = Recording::from_bytes(RECORDING).map_err(Error::input)?;
        let config = config::parse(CONFIG, None)?;
        let day = i64::try_from(truth.day_seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000);
        let clock = ReplayClock::running(recording.start().add_millis(day), recording.end(), speed)
            .map_err(Error::config)?;
        let source = Source::replay(Arc::new(recording), clock, speed)?;
        let collected = Arc::new(Mutex::new(Collector::default()));
        let observer = Box::new(Shared {
            collected: Arc::clone(&collected),
            watch,
        });
        let engine = Engine::with_source(config, source, Options::default(), observer)?;
        Ok(Self {
            truth,
            engine,
            collected,
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

    /// Runs to the end of the recording, or until `shutdown` completes, and writes report and plots
    /// into `directory`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub async fn run(
        &mut self,
        directory: &Path,
        shutdown: impl Future<Output = ()>,
    ) -> Result<DemoResult, Error> {
        let _end = self.engine.run(shutdown).await?;
        let collected = self
            .collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let alerts: Vec<_> = collected.alerts().cloned().collect();
        let outcome = self.truth.compare(&alerts);
        let spans = spans(&self.truth);
        let failed =
            |path: &Path, e: std::io::Error| Error::report(format!("{}: {e}", path.display()));
        fs::create_dir_all(directory).map_err(|e| failed(directory, e))?;
        let path = directory.join("report.html");
        let html = report::demo_report(&collected, &outcome, &spans)?;
        fs::write(&path, html).map_err(|e| failed(&path, e))?;
        let mut plots = Vec::new();
        for (name, picture) in report::demo_plots(&collected, &outcome, &spans)? {
            let path = directory.join(name);
            fs::write(&path, picture).map_err(|e| failed(&path, e))?;
            plots.push(path);
        }
        Ok(DemoResult {
            outcome,
            report: path,
            plots,
            verdicts: self.engine.totals().verdicts,
        })
    }

    /// Stops the replay server.
    pub async fn close(self) {
        self.engine.close().await;
    }
}

/// What was injected into the recording, and when.
///
/// # Errors
/// When the bundled label file cannot be read, which would be a defect.
pub fn truth() -> Result<Truth, Error> {
    Truth::parse(LABELS)
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
    watch: Box<dyn Observer>,
}

impl Shared {
    fn collect(&self, with: impl FnOnce(&mut Collector)) {
        with(
            &mut self
                .collected
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
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
