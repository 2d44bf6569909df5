//! `cargo xtask onnx`: what is left out elsewhere because its dependency takes minutes to build.

use crate::cargo::{self, Result};

/// The features that pull it in; `features` leaves them out.
pub(crate) const FEATURE: &str = "onnx";

const PACKAGE: &str = "bongsu-neural";

/// Lints and tests the feature of the networks, and builds that of the library.
pub(crate) fn run() -> Result {
    cargo::steps(
        "onnx",
        &[
            ("clippy", &clippy),
            ("tests", &tests),
            ("library", &library),
        ],
    )
}

fn clippy() -> Result {
    let mut command = cargo::cargo();
    command.args(["clippy", "--quiet", "--all-targets", "--package", PACKAGE]);
    command.args(["--features", FEATURE, "--", "-D", "warnings"]);
    cargo::run(&mut command)
}

fn tests() -> Result {
    let mut command = cargo::cargo();
    command.args(["test", "--quiet", "--package", PACKAGE]);
    cargo::run(command.args(["--features", FEATURE]))
}

fn library() -> Result {
    let mut command = cargo::cargo();
    command.args(["check", "--quiet", "--package", "bongsu"]);
    cargo::run(command.args(["--no-default-features", "--features", FEATURE]))
}
