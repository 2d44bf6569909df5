//! `cargo xtask airflow`: a real Airflow imports the DAG of `examples/deploy` and runs it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::cargo::{self, Result};
use crate::examples;

const PACKAGES: &[&str] = &[
    "apache-airflow==3.3.2",
    "apache-airflow-providers-cncf-kubernetes",
];
/// Shards of the run.
const SHARDS: usize = 3;
/// Series, so many that no shard is left without.
const SERIES: usize = 24;

pub(crate) fn run() -> Result {
    let artefacts = examples::build()?;
    let bongsu = examples::executable(&artefacts, "bin", "bongsu")
        .ok_or("cargo did not say where it put the binary `bongsu`")?;
    let scratch = cargo::root().join("target/airflow");
    let airflow = scratch.join("venv/bin/airflow");
    if !airflow.exists() {
        fs::create_dir_all(&scratch)?;
        let mut venv = Command::new("python3");
        cargo::run(venv.args(["-m", "venv"]).arg(scratch.join("venv")))?;
        let mut pip = Command::new(scratch.join("venv/bin/python"));
        cargo::run(pip.args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    }
    let config = configure(&scratch)?;
    let run = |arguments: &[&str], runner: &str| {
        let mut command = Command::new(&airflow);
        command
            .args(arguments)
            .env("AIRFLOW_HOME", scratch.join("home"))
            .env("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
            .env(
                "AIRFLOW__CORE__DAGS_FOLDER",
                cargo::root().join("examples/deploy/airflow/dags"),
            )
            .env("BONGSU_SHARDS", SHARDS.to_string())
            .env("BONGSU_CONFIG", &config)
            .env("BONGSU_BIN", bongsu)
            .env("BONGSU_RUNNER", runner);
        command
    };
    cargo::run(&mut run(&["db", "migrate"], "local"))?;
    // With pods there is nothing to run them on here, but the DAG has to be understood.
    for runner in ["kubernetes", "local"] {
        let errors = cargo::capture(&mut run(
            &["dags", "list-import-errors", "--local", "--output", "plain"],
            runner,
        ))?;
        if errors.contains("bongsu_daily.py") {
            return Err(format!("with {runner} the DAG is not imported:\n{errors}").into());
        }
    }
    cargo::run(&mut run(&["dags", "test", "bongsu_daily"], "local"))?;
    for shard in 0..SHARDS {
        let state = scratch.join(format!("state/bongsu-{shard}/state.bngs"));
        if !state.exists() {
            return Err(format!("{} was not written", state.display()).into());
        }
    }
    Ok(())
}

/// A day of data, and a configuration of shards that watch it.
fn configure(scratch: &Path) -> Result<std::path::PathBuf> {
    let state = scratch.join("state");
    if state.exists() {
        fs::remove_dir_all(&state)?;
    }
    fs::create_dir_all(&state)?;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs()
        / 60
        * 60;
    let mut csv = "timestamp".to_owned();
    for series in 0..SERIES {
        write!(csv, ",s{series}")?;
    }
    for minute in 0..1_440_u64 {
        write!(csv, "\n{}", now - 86_400 + 60 * minute)?;
        for series in 0..SERIES {
            let phase = minute as f64 / 60.0 + series as f64;
            write!(csv, ",{:.3}", 10.0 + phase.sin())?;
        }
    }
    let data = scratch.join("data.csv");
    fs::write(&data, csv)?;
    let config = scratch.join("bongsu.yaml");
    fs::write(
        &config,
        format!(
            "source: {{type: csv, path: '{}'}}\n\
             queries: [{{name: all, expr: '*', step: 1m, window: 1d}}]\n\
             sinks: [{{type: log}}]\n\
             shard: {{count: {SHARDS}, index: '${{HOSTNAME}}'}}\n\
             state: {{directory: '{}/${{HOSTNAME}}'}}\n",
            data.display(),
            state.display()
        ),
    )?;
    Ok(config)
}
