//! Finds which service an incident began at, from a recording of all services' metrics.
//!
//! Run: `cargo run -p bongsu --example root_cause_of_a_recording --features engine -- [TABLE.csv]`
//!
//! The table has a column `service:metric` for each metric. The one that lies here was recorded from
//! eight small services (examples/lab), while a runaway task took most of one service's CPU.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::path::PathBuf;

use bongsu::engine::{RcaRequest, Table, root_cause};

/// Who calls whom; without it only the metrics speak.
const SERVICES: &str = "
services:
  - {name: gateway, dependencies: [orders, recommendations]}
  - {name: orders, dependencies: [payments, stock, worker]}
  - {name: payments, dependencies: [database]}
  - {name: recommendations, dependencies: [cache, database]}
  - {name: stock, dependencies: [cache, database]}
  - {name: worker, dependencies: [database]}
  - {name: cache, dependencies: []}
  - {name: database, dependencies: []}
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/incident.csv");
    let table = Table::open(given.as_deref().unwrap_or(here.as_ref()))?;
    let mut request = RcaRequest::new()?;
    // A table of your own has services of its own.
    request.graph = given.is_none().then(|| SERVICES.to_owned());
    // No onset is given, so that it is looked for.
    let report = root_cause(&table, None, &request)?.report;

    println!("{}", report.summary);
    println!(
        "began at Unix second {} ({:.0} % sure)\n",
        report.onset, report.onset_confidence
    );
    for cause in report.services.iter().take(3) {
        println!(
            "{:>5.1} %  {:<16} {}",
            cause.likelihood, cause.service, cause.evidence
        );
    }
    println!("\nwhat moved first:");
    for moved in report.timeline.iter().take(5) {
        println!(
            "{:>+5.0} s  {} {}",
            moved.lag_seconds, moved.service, moved.metric
        );
    }
    for advice in report.actions.iter().take(2) {
        println!(
            "\n{}: {} ({})",
            advice.service, advice.action, advice.because
        );
    }
    if given.is_none() {
        let first = report.services.first().ok_or("no service was ranked")?;
        assert_eq!(first.service, "database", "that is where the task ran");
    }
    Ok(())
}
