//! Developer tasks: `cargo xtask <task>`.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a developer tool talks to its terminal"
)]

mod record;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask <task> [arguments]

  record    record real metrics with injected faults for `bongsu demo` (--help for options)";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match task.as_str() {
        "record" => record::run(&rest),
        // The recorder starts these itself.
        "record-service" => record::service(&rest),
        "record-guard" => record::guard(&rest),
        "" | "help" | "-h" | "--help" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(format!("no task named {other:?}\n{HELP}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {task}: {error}");
            ExitCode::FAILURE
        }
    }
}
