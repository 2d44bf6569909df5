//! Runs the whole pipeline inside a program of your own: a CSV file in, your own code told of every
//! alert.
//!
//! Run: `cargo run --example embed_the_engine --features engine`
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::io::Write as _;

use bongsu::alert::Transition;
use bongsu::engine::{Engine, Observer, Options, config};

/// Prints what an on-call system would be told.
#[derive(Debug)]
struct OnCall;

impl Observer for OnCall {
    fn transition(&mut self, transition: &Transition) {
        match transition {
            Transition::Fired(alert) => println!("page:     {}", alert.summary),
            Transition::Resolved(alert) => println!("resolved: {}", alert.labels),
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut csv = tempfile::Builder::new().suffix(".csv").tempfile()?;
    writeln!(csv, "timestamp,requests,errors")?;
    for minute in 0..720 {
        let errors = if (500..520).contains(&minute) {
            60
        } else {
            minute * 5 % 7
        };
        writeln!(csv, "{},{},{errors}", 60 * minute, 200 + minute * 11 % 17)?;
    }
    csv.flush()?;

    let config = config::parse(
        &format!(
            "source: {{type: csv, path: '{}'}}
queries:
  - name: all
    expr: '*'
    step: 1m
    direction: up
    min_abs_dev: 10
    alert: {{for: 2m, severity: major}}",
            csv.path().display()
        ),
        None,
    )?;
    let mut engine = Engine::start(config, Options::default(), Box::new(OnCall)).await?;
    let _end = engine.run(std::future::pending()).await?;
    println!("{} points judged", engine.totals().verdicts);
    Ok(())
}
