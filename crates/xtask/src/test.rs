//! `cargo xtask test`: everything that proves the workspace.

use serde_json::Value;

use crate::cargo::{self, Result, array, cargo_workspace, text};
use crate::{examples, setup};

/// Tests, documentation tests, examples and benches, each built once.
pub(crate) fn run() -> Result {
    cargo::steps(
        "test",
        &[
            ("programs", &setup::run),
            ("tests", &tests),
            ("documentation tests", &|| {
                cargo::run(cargo_workspace(&["test", "--quiet"]).arg("--doc"))
            }),
            ("examples", &examples::run),
            ("benches, one pass each", &benches),
        ],
    )
}

/// Library, binary and integration tests: in a process each where nextest is installed, because a
/// test that relies on what another one set up in the same process would pass by luck.
fn tests() -> Result {
    let targets = ["--lib", "--bins", "--tests"];
    if cargo::has_subcommand("nextest") {
        let quiet = ["--no-fail-fast", "--status-level", "slow"];
        cargo::run(
            cargo_workspace(&["nextest", "run"])
                .args(targets)
                .args(quiet),
        )
    } else {
        eprintln!("cargo-nextest is not installed: all tests of a binary share a process");
        cargo::run(cargo_workspace(&["test", "--quiet", "--no-fail-fast"]).args(targets))
    }
}

/// Named one by one: `--benches` would run the unit tests of every library again.
fn benches() -> Result {
    let metadata = cargo::metadata()?;
    let names: Vec<&str> = bench_names(&metadata).collect();
    if names.is_empty() {
        eprintln!("there are no benches");
        return Ok(());
    }
    let mut command = cargo_workspace(&["test", "--quiet"]);
    for name in names {
        command.args(["--bench", name]);
    }
    cargo::run(&mut command)
}

fn bench_names(metadata: &Value) -> impl Iterator<Item = &str> {
    cargo::members(metadata)
        .filter(|package| !cargo::HEAVY.contains(&text(package, "/name")))
        .flat_map(|package| array(package, "/targets"))
        .filter(|target| array(target, "/kind").iter().any(|kind| kind == "bench"))
        .map(|target| text(target, "/name"))
}
