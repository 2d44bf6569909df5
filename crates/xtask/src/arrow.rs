//! `cargo xtask arrow`: lints and tests of `crates/arrow`, which is outside the workspace, and of the
//! command with it.

use crate::cargo::{self, Result};

pub(crate) fn run() -> Result {
    cargo::steps(
        "arrow",
        &[
            ("format", &|| in_crate(&["fmt", "--check"])),
            ("clippy", &|| {
                in_crate(&[
                    "clippy",
                    "--locked",
                    "--quiet",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ])
            }),
            ("tests", &|| in_crate(&["test", "--locked", "--quiet"])),
            ("command", &command),
        ],
    )
}

fn in_crate(args: &[&str]) -> Result {
    let folder = cargo::root().join("crates/arrow");
    // One folder of builds: the crates below are built once.
    let target = cargo::root().join("target/arrow");
    let mut command = cargo::cargo();
    command
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .args(args);
    cargo::run(&mut command)
}

fn command() -> Result {
    let mut command = cargo::cargo();
    command.args(["clippy", "--quiet", "--package", "bongsu-cli"]);
    cargo::run(command.args(["--features", "arrow", "--", "-D", "warnings"]))
}
