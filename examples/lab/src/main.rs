//! A small real system of eight services with injected faults, and its recorder.
//!
//! `lab record` starts the services, a load and a real Prometheus, injects the faults of a plan
//! and writes what was recorded with the truth. `lab cases` cuts a recording into one CSV file a
//! case, `lab demo` makes the files of `bongsu demo`. See README.md.

mod cases;
mod demo;
mod record;
mod service;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// What every step returns.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A small real system with injected faults, and its recorder.
#[derive(Debug, Parser)]
#[command(name = "lab")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start everything, run a plan, write the recording, stop everything.
    Record {
        /// What is injected where and when.
        #[arg(long, default_value = "plan.json")]
        plan: PathBuf,
        /// The folder that the recording goes to.
        #[arg(long, default_value = "recording")]
        out: PathBuf,
        /// Run the rounds of the plan one after the other instead of side by side.
        #[arg(long)]
        one_by_one: bool,
    },
    /// Write one CSV file a case, with columns `service:metric`, for `bongsu rca --input`.
    Cases {
        /// The folder of a recording.
        #[arg(long, default_value = "recording")]
        recording: PathBuf,
        /// The folder that the files go to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Write the rounds as `bongsu demo` has them, with fewer series.
    Demo {
        /// The folder of a recording.
        #[arg(long, default_value = "recording")]
        recording: PathBuf,
        /// The folder that the files go to.
        #[arg(long, default_value = "../../crates/engine/recordings")]
        out: PathBuf,
    },
    /// One process of the system; the recorder starts it.
    #[command(hide = true)]
    Serve {
        /// A `Config` as JSON.
        config: String,
    },
    /// Run a program until it ends or standard input closes; the recorder starts it.
    #[command(hide = true)]
    Guard {
        /// The program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(8)
        .build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| {
        let outcome = runtime.block_on(async {
            match Arguments::parse().task {
                Task::Record {
                    plan,
                    out,
                    one_by_one,
                } => record::run(&plan, &out, one_by_one).await,
                Task::Cases { recording, out } => cases::run(&recording, &out),
                Task::Demo { recording, out } => demo::run(&recording, &out),
                Task::Serve { config } => service::run(&config).await,
                Task::Guard { command } => record::guard(&command).await,
            }
        });
        // A thread that still reads standard input must not hold the process.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}
