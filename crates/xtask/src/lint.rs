//! `cargo xtask lint`: what the compiler does not say.

use crate::cargo::{self, Result, cargo_workspace};
use crate::{layers, sources};

/// Formatting, layers, sources, clippy: the quick ones first.
pub(crate) fn run() -> Result {
    cargo::steps(
        "lint",
        &[
            ("format", &format),
            ("layers", &layers::run),
            ("sources", &sources::run),
            ("clippy", &clippy),
        ],
    )
}

pub(crate) fn format() -> Result {
    cargo::run(cargo::cargo().args(["fmt", "--all", "--", "--check"]))
}

pub(crate) fn clippy() -> Result {
    let mut command = cargo_workspace(&["clippy", "--quiet", "--all-targets"]);
    cargo::run(command.args(["--", "-D", "warnings"]))
}
