use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use bongsu::alert::Transition;
use bongsu::core::{Alert, Timestamp, Verdict, format_duration};
use bongsu::engine::config::QueryConfig;
use bongsu::engine::demo::{Demo, Incident, Truth, finding, subject};
use bongsu::engine::{Incident as Grouped, IncidentChange, Observer};
use bongsu::report::Unit;
use indicatif::ProgressBar;

use crate::args::DemoArgs;
use crate::signals::Signals;
use crate::terminal::say;
use crate::{Failure, terminal};

pub(crate) fn demo(args: &DemoArgs, quiet: bool) -> Result<(), Failure> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut signals = Signals::install()?;
        // A place that cannot be written to is told now, not after the run.
        std::fs::create_dir_all(&args.output).map_err(|e| {
            std::io::Error::new(e.kind(), format!("{}: {e}", args.output.display()))
        })?;
        let truth = args.recording.truth()?;
        let bar = terminal::bar(length(&truth).unsigned_abs(), quiet);
        let units = Units::default();
        let teller = Teller {
            bar: bar.clone(),
            start: truth.start,
            now: truth.start,
            to_come: truth.incidents.clone().into(),
            units: units.clone(),
            told: BTreeMap::new(),
            quiet,
        };
        let mut demo = Demo::start(args.recording, args.speed, Box::new(teller))?;
        if !quiet {
            introduce(&demo, args.speed);
        }
        let result = demo.run(signals.wait()).await?;
        bar.finish_and_clear();
        let mut out = anstream::stdout().lock();
        let table = result
            .outcome
            .to_text(&|alert| format!("{}: {}", subject(alert), units.finding(alert)));
        writeln!(out, "\n{table}{} points judged\n", result.verdicts)?;
        out.flush()?;
        for file in demo.write(&result, &args.output)? {
            writeln!(out, "{}", file.display())?;
        }
        drop(out);
        let was_stopped = result.outcome.not_come.is_some();
        if args.serve && !was_stopped {
            if let Some(url) = demo.url() {
                say(&format!(
                    "\nthe recording stays at {url} (Prometheus' query API); stop with Ctrl-C"
                ));
            }
            signals.wait().await;
        }
        Box::pin(demo.close()).await;
        Ok(())
    })
}

fn length(truth: &Truth) -> i64 {
    truth.end.millis_since(truth.start) / 1_000
}

fn introduce(demo: &Demo, speed: f64) {
    let truth = demo.truth();
    let minutes = length(truth) / 60;
    say(&truth.description);
    say(&format!(
        "{minutes} minutes at {speed} times the speed, served by {}; the first {} are history",
        demo.url().unwrap_or_default(),
        format_duration(Duration::from_millis(truth.history().unsigned_abs()))
    ));
    say("");
}

/// The unit of each query's values, as it becomes known.
#[derive(Debug, Clone, Default)]
struct Units(Arc<Mutex<BTreeMap<String, Unit>>>);

impl Units {
    fn learn(&self, query: &QueryConfig) {
        let mut units = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !units.contains_key(&query.name) {
            let unit = query.unit.as_deref().map(Unit::from).unwrap_or_default();
            units.insert(query.name.clone(), unit);
        }
    }

    fn finding(&self, alert: &Alert) -> String {
        let units = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let query = alert.labels.get("query").unwrap_or_default();
        finding(alert, units.get(query).unwrap_or(&Unit::Plain))
    }
}

/// Tells the story on standard error.
struct Teller {
    bar: ProgressBar,
    start: Timestamp,
    now: Timestamp,
    to_come: VecDeque<Incident>,
    units: Units,
    /// The cause that was told of each incident.
    told: BTreeMap<String, Option<String>>,
    quiet: bool,
}

impl Teller {
    fn line(&self, at: Timestamp, sign: &str, color: AnsiColor, text: &str) {
        if self.quiet {
            return;
        }
        let style = Style::new().fg_color(Some(color.into())).bold();
        let seconds = at.millis_since(self.start) / 1_000;
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let line = format!("{minutes:>3}:{seconds:02}  {style}{sign:<9}{style:#} {text}");
        self.bar.suspend(|| say(&line));
    }
}

impl Observer for Teller {
    fn verdicts(&mut self, query: &QueryConfig, verdicts: &[Verdict]) {
        self.units.learn(query);
        let Some(now) = verdicts.last().map(|verdict| verdict.timestamp) else {
            return;
        };
        self.now = now;
        while let Some(incident) = self.to_come.pop_front_if(|incident| incident.from <= now) {
            let nature = if incident.fault { "" } else { " (no fault)" };
            let text = format!("{} at {}{nature}", incident.title(), incident.place.service);
            self.line(incident.from, "injected", AnsiColor::Magenta, &text);
        }
        let seconds = now.millis_since(self.start).max(0) / 1_000;
        self.bar.set_position(seconds.unsigned_abs());
    }

    fn transition(&mut self, transition: &Transition) {
        match transition {
            Transition::Fired(alert) => {
                let at = alert.fired_at.unwrap_or(alert.starts_at);
                let text = format!("{}: {}", subject(alert), self.units.finding(alert));
                self.line(at, "FIRING", AnsiColor::Red, &text);
            }
            Transition::Resolved(alert) => {
                let at = alert.resolved_at.unwrap_or(alert.starts_at);
                let lasted = at.millis_since(alert.starts_at) / 1_000;
                let finding = self.units.finding(alert);
                let text = format!("{} after {lasted} s; worst {finding}", subject(alert));
                self.line(at, "resolved", AnsiColor::Green, &text);
            }
            _ => {}
        }
    }

    fn incident(&mut self, change: IncidentChange, incident: &Grouped) {
        let text = match change {
            IncidentChange::Analysed => {
                let cause = incident.cause().map(|cause| cause.service.clone());
                let told = self.told.get(&incident.id);
                if told.is_some_and(|told| *told == cause) {
                    return;
                }
                self.told.insert(incident.id.clone(), cause);
                let analysis = incident.analysis.as_ref();
                analysis
                    .map(|a| a.summary.clone())
                    .or(incident.problem.clone())
            }
            _ => return,
        };
        self.line(
            self.now,
            "cause",
            AnsiColor::Cyan,
            &text.unwrap_or_default(),
        );
    }

    fn problem(&mut self, query: &str, message: &str) {
        self.line(
            self.now,
            "problem",
            AnsiColor::Yellow,
            &format!("{query}: {message}"),
        );
    }
}
