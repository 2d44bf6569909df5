use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use bongsu::alert::Transition;
use bongsu::core::{Alert, Timestamp, Verdict};
use bongsu::engine::Observer;
use bongsu::engine::config::QueryConfig;
use bongsu::engine::demo::Demo;
use indicatif::ProgressBar;

use crate::args::DemoArgs;
use crate::{Failure, run, terminal};

pub(crate) fn demo(args: &DemoArgs, quiet: bool) -> Result<(), Failure> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let teller = Teller {
            bar: terminal::bar(0, quiet),
            start: Timestamp::MIN,
            quiet,
        };
        let bar = teller.bar.clone();
        let mut demo = Demo::start(args.speed, Box::new(teller))?;
        let truth = demo.truth();
        bar.set_length(truth.end.millis_since(truth.start).unsigned_abs() / 1_000);
        if !quiet {
            introduce(&demo, args.speed);
        }
        let result = demo.run(&args.output, run::interrupted()).await?;
        bar.finish_and_clear();
        let mut out = anstream::stdout().lock();
        writeln!(out, "\n{}", result.outcome.to_text())?;
        writeln!(out, "{} points judged", result.verdicts)?;
        writeln!(out, "report  {}", result.report.display())?;
        for plot in &result.plots {
            writeln!(out, "plot    {}", plot.display())?;
        }
        drop(out);
        if args.serve {
            if let Some(url) = demo.url() {
                say(&format!(
                    "\nthe recording stays at {url} (Prometheus' query API); stop with Ctrl-C"
                ));
            }
            run::interrupted().await;
        }
        demo.close().await;
        Ok(())
    })
}

fn introduce(demo: &Demo, speed: f64) {
    let truth = demo.truth();
    let minutes = truth.end.millis_since(truth.start) / 60_000;
    say(&truth.description);
    say(&format!(
        "{minutes} minutes at {speed} times the speed, served by {}; the first day is history",
        demo.url().unwrap_or_default()
    ));
    say("");
}

fn say(text: &str) {
    // Nobody listens when standard error is closed, and that is no reason to stop.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Tells the story on standard error.
struct Teller {
    bar: ProgressBar,
    start: Timestamp,
    quiet: bool,
}

impl Teller {
    fn tell(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| say(text));
        }
    }

    fn line(&self, sign: &str, color: AnsiColor, at: Option<Timestamp>, alert: &Alert) {
        let style = Style::new().fg_color(Some(color.into())).bold();
        let minutes = at.map_or(0, |at| at.millis_since(self.start) / 1_000);
        self.tell(&format!(
            "{:>3}:{:02}  {style}{sign}{style:#}  {}",
            minutes / 60,
            minutes % 60,
            alert.summary
        ));
    }
}

impl Observer for Teller {
    fn verdicts(&mut self, _query: &QueryConfig, verdicts: &[Verdict]) {
        let (Some(first), Some(last)) = (verdicts.first(), verdicts.last()) else {
            return;
        };
        if self.start == Timestamp::MIN {
            self.start = first.timestamp;
        }
        let seconds = last
            .timestamp
            .millis_since(self.start)
            .max(0)
            .unsigned_abs()
            / 1_000;
        self.bar.set_position(seconds);
    }

    fn transition(&mut self, transition: &Transition) {
        match transition {
            Transition::Fired(alert) => {
                self.line("FIRING  ", AnsiColor::Red, alert.fired_at, alert);
            }
            Transition::Resolved(alert) => {
                self.line("resolved", AnsiColor::Green, alert.resolved_at, alert);
            }
            _ => {}
        }
    }

    fn problem(&mut self, query: &str, message: &str) {
        let style = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
        self.tell(&format!(
            "        {style}problem {style:#}  {query}: {message}"
        ));
    }
}
