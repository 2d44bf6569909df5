//! Developer tasks: `cargo xtask <task>`.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a developer tool talks to its terminal"
)]

mod airflow;
mod cargo;
mod ci;
mod deny;
mod deploy;
mod docs;
mod examples;
mod features;
mod fuzz;
mod lab;
mod layers;
mod links;
mod lint;
mod msrv;
mod onnx;
mod optional;
mod outside;
mod pictures;
mod quotes;
mod record;
mod setup;
mod sources;
mod spark;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask <task> [arguments]

  test      everything that proves the workspace: tests, documentation tests, examples, benches
  lint      format, layers, lengths and leftovers of sources, clippy
  docs      links, generated pages, rustdoc; `docs --write` writes the generated pages
  features  every feature of the library builds alone
  ci        msrv, lint, test, features, docs; stops at the first that fails
  setup     install the programs that the tests talk to (apt-get, as root)
  msrv      the toolchain is new enough and every crate inherits the minimum Rust version
  onnx      lints and tests of the feature `onnx`, whose dependency takes minutes to build
  parquet   lints and tests of the feature `parquet`, which is not in the default build
  otel      lints and tests of the feature `otel`, which is not in the default build
  arrow     lints and tests of crates/arrow, which is outside the workspace
  datafusion  the same of crates/datafusion, which takes a quarter of an hour to build
  kubernetes  the same of crates/kubernetes
  actix     lints and a run of examples/actix, which is outside the workspace
  deny      licences, banned crates and sources of all dependencies (needs cargo-deny)
  deploy    the files of examples/deploy against helm, Kubernetes' schemas, Grafana's types and other programs (fetches them)
  pictures  make the pictures of docs/images again (needs chromium and node)
  airflow   a real Airflow runs the DAG of examples/deploy (fetches it: a gigabyte, some minutes)
  spark     a real Spark runs the job of examples/deploy/spark and loses executors (fetches it; needs Java 17)
  fuzz      every fuzz target for a while: `fuzz [SECONDS] [TARGET...]` (needs nightly and cargo-fuzz)
  lab       lints, tests and a short run of examples/lab (needs prometheus)
  record    record real metrics with injected faults for `bongsu demo` (--help for options)";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match task.as_str() {
        "test" => test::run(),
        "lint" => lint::run(),
        "docs" => docs::run(&rest),
        "features" => features::run(),
        "ci" => ci::run(),
        "setup" => setup::run(),
        "msrv" => msrv::run(),
        "onnx" => onnx::run(),
        "parquet" => optional::parquet(),
        "otel" => optional::otel(),
        "arrow" => outside::run("arrow", "arrow"),
        "datafusion" => outside::run("datafusion", "sql"),
        "kubernetes" => outside::run("kubernetes", "kubernetes"),
        "actix" => outside::example("actix"),
        "airflow" => airflow::run(),
        "spark" => spark::run(),
        "deny" => deny::run(),
        "fuzz" => fuzz::run(&rest),
        "deploy" => deploy::run(),
        "pictures" => pictures::run(),
        "lab" => lab::run(),
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
