//! `cargo xtask arrow`, `cargo xtask kubernetes` and `cargo xtask datafusion`: lints and tests of a
//! crate that is outside the workspace, since it waits for heavy dependencies, and of the command
//! with it. `cargo xtask actix`:
//! an example that is outside for the same reason.

use std::path::PathBuf;

use crate::cargo::{self, CLIPPY, Result};

/// Of `crates/NAME`, which is the feature `feature` of the command.
pub(crate) fn run(name: &'static str, feature: &'static str) -> Result {
    let folder = || cargo::root().join("crates").join(name);
    cargo::steps(
        name,
        &[
            ("format", &|| outside(name, folder(), &["fmt", "--check"])),
            ("clippy", &|| outside(name, folder(), &CLIPPY)),
            ("tests", &|| {
                outside(name, folder(), &["test", "--locked", "--quiet"])
            }),
            ("command", &|| command(feature)),
        ],
    )
}

/// Of `examples/NAME`, which shows what it does when it is run without arguments.
pub(crate) fn example(name: &'static str) -> Result {
    let folder = || cargo::root().join("examples").join(name);
    cargo::steps(
        name,
        &[
            ("format", &|| outside(name, folder(), &["fmt", "--check"])),
            ("clippy", &|| outside(name, folder(), &CLIPPY)),
            ("run", &|| {
                outside(name, folder(), &["run", "--locked", "--quiet"])
            }),
        ],
    )
}

/// Runs cargo in `folder`, with a folder of builds of its own: the crates below are built once.
fn outside(name: &str, folder: PathBuf, args: &[&str]) -> Result {
    let target = cargo::root().join("target").join(name);
    let mut command = cargo::cargo();
    command
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .args(args);
    cargo::run(&mut command)
}

/// The command with the feature: lints, and the tests that only such a build has.
fn command(feature: &str) -> Result {
    let of_command = ["--quiet", "--package", "bongsu-cli", "--features", feature];
    let mut clippy = cargo::cargo();
    clippy.arg("clippy").args(of_command);
    cargo::run(clippy.args(["--all-targets", "--", "-D", "warnings"]))?;
    let test = cargo::root()
        .join("crates/cli/tests")
        .join(format!("{feature}.rs"));
    if test.exists() {
        let mut tests = cargo::cargo();
        tests.arg("test").args(of_command).args(["--test", feature]);
        cargo::run(&mut tests)?;
    }
    Ok(())
}
