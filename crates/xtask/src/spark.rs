//! `cargo xtask spark`: a real Spark runs the job of `examples/deploy/spark`, and loses executors.

use std::fs;
use std::process::Command;

use crate::cargo::{self, Result};

const PACKAGES: &[&str] = &["pyspark==4.3.0", "pandas<3", "pyarrow"];

/// Builds the command with the feature `arrow`, which is shipped to executors, so without what only a
/// debugger needs.
pub(crate) fn run() -> Result {
    let scratch = cargo::root().join("target/spark");
    let python = scratch.join("venv/bin/python");
    if !python.exists() {
        fs::create_dir_all(&scratch)?;
        let mut venv = Command::new("python3");
        cargo::run(venv.args(["-m", "venv"]).arg(scratch.join("venv")))?;
        let mut pip = Command::new(&python);
        cargo::run(pip.args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    }
    let mut build = cargo::cargo();
    build
        .args(["build", "--quiet", "--package", "bongsu-cli"])
        .args(["--features", "arrow"])
        .env("CARGO_PROFILE_DEV_STRIP", "true")
        .env("CARGO_TARGET_DIR", &scratch);
    cargo::run(&mut build)?;
    let folder = cargo::root().join("examples/deploy/spark");
    let mut test = Command::new(&python);
    test.arg(folder.join("test_job.py"))
        .env("BONGSU", scratch.join("debug/bongsu"));
    cargo::run(&mut test)
}
