//! The `bongsu` command: the same engine that the library offers, for operators and analysts.
//!
//! Exit status: 0 done, 1 ran but failed, 2 bad usage or configuration, 3 an anomaly was found and
//! `--fail-on-anomaly` was given.

mod args;
#[cfg(feature = "arrow")]
mod arrow;
mod backtest;
mod bench;
mod capacity;
mod config;
mod dashboard;
mod demo;
mod detect;
mod drift;
mod evaluate;
#[cfg(feature = "parquet")]
mod export;
mod forecast;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod limiter;
mod models;
mod output;
mod parameters;
mod picture;
mod rca;
mod reload;
mod report;
mod run;
mod signals;
#[cfg(feature = "sql")]
mod sql;
mod state;
mod stream;
mod terminal;
#[cfg(feature = "otel")]
mod traces;
mod train;
mod tune;

use std::io::Write as _;
use std::process::ExitCode;

use args::{Arguments, Command};
use bongsu::core::Timestamp;
use bongsu::engine::{Error, ErrorKind};
use clap::{CommandFactory as _, Parser as _};

/// Why a command ended without success.
#[derive(Debug)]
enum Failure {
    /// The library says what is wrong.
    Engine(Error),
    /// Reading or writing failed.
    Io(std::io::Error),
    /// It ran, but not everything succeeded.
    Incomplete(String),
    /// What was asked for cannot be done.
    Usage(String),
    /// An anomaly was found, and the caller asked to be told by the exit status.
    Anomaly,
}

/// The time of this machine.
fn now() -> Timestamp {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let _log = match terminal::start_log(&arguments) {
        Ok(log) => log,
        Err(message) => {
            terminal::say(&format!("bongsu: {message}"));
            return ExitCode::from(2);
        }
    };
    let outcome = match arguments.command {
        Command::Demo(args) => demo::demo(&args, arguments.quiet),
        Command::Run(args) => run::run(&args),
        Command::Detect(args) => detect::detect(&args, arguments.quiet),
        Command::Train(args) => train::train(&args, arguments.quiet),
        Command::Models { command } => models::models(&command),
        Command::State { command } => state::state(&command),
        Command::Alerts { command } => state::alerts(&command),
        Command::Stream(args) => stream::stream(&args),
        Command::Drift(args) => drift::drift(&args, arguments.quiet),
        Command::Forecast(args) => forecast::forecast(&args, arguments.quiet),
        Command::Capacity(args) => capacity::capacity(&args, arguments.quiet),
        Command::Rca(args) => rca::rca(&args, arguments.quiet),
        Command::Backtest(args) => backtest::backtest(&args, arguments.quiet),
        Command::Report(args) => report::report(&args, arguments.quiet),
        Command::Dashboard { command } => dashboard::dashboard(&command, arguments.quiet),
        Command::Bench(args) => bench::bench(&args, arguments.quiet),
        Command::Evaluate(args) => evaluate::evaluate(&args, arguments.quiet),
        #[cfg(feature = "kubernetes")]
        Command::Kubernetes { command } => kubernetes::kubernetes(&command, arguments.quiet),
        #[cfg(feature = "arrow")]
        Command::Arrow(args) => arrow::arrow(&args),
        #[cfg(feature = "sql")]
        Command::Sql(args) => sql::sql(&args),
        #[cfg(feature = "parquet")]
        Command::Export(args) => export::export(&args, arguments.quiet),
        Command::Tune(args) => tune::tune(&args, arguments.quiet),
        Command::Config { command } => config::config(&command, arguments.quiet),
        Command::Completions { shell } => completions(shell),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(Failure::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Failure::Anomaly) => ExitCode::from(3),
        Err(failure) => {
            let (message, status) = match failure {
                Failure::Engine(error) => {
                    let status = if error.kind() == ErrorKind::Config {
                        2
                    } else {
                        1
                    };
                    (error.to_string(), status)
                }
                Failure::Io(error) => (error.to_string(), 1),
                Failure::Incomplete(message) => (message, 1),
                Failure::Usage(message) => (message, 2),
                Failure::Anomaly => (String::new(), 3),
            };
            terminal::say(&format!("bongsu: {message}"));
            ExitCode::from(status)
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    // Into memory first: the generator panics when its output cannot be written.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "bongsu", &mut script);
    let mut out = std::io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(())
}
