//! `cargo xtask lab`: lints, tests and a short run of `examples/lab`, which is outside the
//! workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{self, Result};

/// Checks the lab; the run needs Prometheus.
pub(crate) fn run() -> Result {
    cargo::steps(
        "lab",
        &[
            ("format", &|| in_lab(&["fmt", "--check"])),
            ("clippy", &|| {
                in_lab(&[
                    "clippy",
                    "--locked",
                    "--quiet",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ])
            }),
            ("tests", &|| in_lab(&["test", "--locked", "--quiet"])),
            ("smoke run", &smoke),
        ],
    )
}

fn in_lab(args: &[&str]) -> Result {
    cargo::run(cargo::cargo().current_dir(folder()).args(args))
}

fn folder() -> PathBuf {
    cargo::root().join("examples/lab")
}

/// Records two short incidents and looks at what came of it.
fn smoke() -> Result {
    let out = std::env::temp_dir().join(format!("bongsu-lab-smoke-{}", std::process::id()));
    let outcome = record(&out).and_then(|()| check(&out));
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    outcome
}

fn record(out: &Path) -> Result {
    let lab = |task: &str| -> Command {
        let mut command = cargo::cargo();
        command.current_dir(folder());
        command.args(["run", "--locked", "--quiet", "--release", "--", task]);
        command
    };
    cargo::run(
        lab("record")
            .args(["--plan", "smoke.json", "--out"])
            .arg(out),
    )?;
    let cases = out.join("cases");
    cargo::run(
        lab("cases")
            .arg("--recording")
            .arg(out)
            .arg("--out")
            .arg(cases),
    )
}

fn check(out: &Path) -> Result {
    let graph = std::fs::read_to_string(out.join("services.yaml"))?;
    if !graph.contains("{name: stock, dependencies: [cache, database]}") {
        return Err(format!("the call graph is not what it was:\n{graph}").into());
    }
    let case = std::fs::read_to_string(out.join("cases/1-down-cache.csv"))?;
    let mut lines = case.lines().map(|line| line.split(','));
    let mut header = lines.next().ok_or("an empty case")?;
    let place = header
        .position(|name| name == "cache:up")
        .ok_or("no column cache:up")?;
    let last = lines.next_back().and_then(|mut cells| cells.nth(place));
    if last == Some("0") {
        Ok(())
    } else {
        Err(format!("the cache was killed, but `up` of it is {last:?}").into())
    }
}
