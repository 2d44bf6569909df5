//! `cargo xtask lab`: lints, tests, a short run and an interrupted one of `examples/lab`, which is
//! outside the workspace.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo::{self, CLIPPY, Result};

/// Checks the lab; the run needs Prometheus.
pub(crate) fn run() -> Result {
    cargo::steps(
        "lab",
        &[
            ("format", &|| in_lab(&["fmt", "--check"])),
            ("clippy", &|| in_lab(&CLIPPY)),
            ("tests", &|| in_lab(&["test", "--locked", "--quiet"])),
            ("smoke run", &smoke),
            ("interruption", &interruption),
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

/// Interrupts a run: it must say so, end everything it started and write nothing.
fn interruption() -> Result {
    let out = std::env::temp_dir().join(format!("bongsu-lab-stop-{}", std::process::id()));
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let program = target.unwrap_or_else(|| folder().join("target"));
    let mut child = Command::new(program.join("release/lab"))
        .current_dir(folder())
        .args(["record", "--plan", "smoke.json", "--out"])
        .arg(&out)
        .stderr(Stdio::piped())
        .spawn()?;
    let id = child.id();
    let story = child.stderr.take().ok_or("no story")?;
    let mut lines = BufReader::new(story).lines();
    let mut told = String::new();
    // The first incident: everything runs.
    while !told.contains("Latency stock") {
        told += &lines.next().ok_or("the run ended early")??;
    }
    Command::new("kill")
        .args(["-INT", &id.to_string()])
        .status()?;
    for line in lines {
        told += &line?;
    }
    let ended = child.wait()?;
    let wrong = |what: String| Err(format!("{what}: {told}").into());
    let logs = std::env::temp_dir().join(format!("bongsu-lab-{id}"));
    let left = running_with(&logs.to_string_lossy())?;
    let written = std::fs::read_dir(&out)?.count();
    for folder in [&out, &logs] {
        std::fs::remove_dir_all(folder)?;
    }
    if ended.success() || !told.contains("interrupted") {
        return wrong(format!("an interrupted run ends with {ended}"));
    }
    if !left.is_empty() || written > 0 {
        return wrong(format!("left behind: {left:?} and {written} files"));
    }
    Ok(())
}

/// The processes whose arguments contain `text`.
fn running_with(text: &str) -> Result<Vec<String>> {
    let list = Command::new("ps").args(["-eo", "pid=,args="]).output()?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let found = list.lines().filter(|line| line.contains(text));
    Ok(found.map(str::to_owned).collect())
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
