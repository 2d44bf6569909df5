//! `cargo xtask arrow` and `cargo xtask kubernetes`: lints and tests of a crate that is outside the
//! workspace, since it waits for heavy dependencies, and of the command with it.

use crate::cargo::{self, Result};

/// Of `crates/NAME`, which is the feature `NAME` of the command.
pub(crate) fn run(name: &'static str) -> Result {
    let clippy = [
        "clippy",
        "--locked",
        "--quiet",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    cargo::steps(
        name,
        &[
            ("format", &|| in_crate(name, &["fmt", "--check"])),
            ("clippy", &|| in_crate(name, &clippy)),
            ("tests", &|| {
                in_crate(name, &["test", "--locked", "--quiet"])
            }),
            ("command", &|| command(name)),
        ],
    )
}

fn in_crate(name: &str, args: &[&str]) -> Result {
    let folder = cargo::root().join("crates").join(name);
    // One folder of builds: the crates below are built once.
    let target = cargo::root().join("target").join(name);
    let mut command = cargo::cargo();
    command
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .args(args);
    cargo::run(&mut command)
}

/// The command with the feature: lints, and the tests that only such a build has.
fn command(name: &str) -> Result {
    let of_command = ["--quiet", "--package", "bongsu-cli", "--features", name];
    let mut clippy = cargo::cargo();
    clippy.arg("clippy").args(of_command);
    cargo::run(clippy.args(["--all-targets", "--", "-D", "warnings"]))?;
    let test = cargo::root()
        .join("crates/cli/tests")
        .join(format!("{name}.rs"));
    if test.exists() {
        let mut tests = cargo::cargo();
        tests.arg("test").args(of_command).args(["--test", name]);
        cargo::run(&mut tests)?;
    }
    Ok(())
}
