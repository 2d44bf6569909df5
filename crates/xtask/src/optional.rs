//! `cargo xtask parquet` and `cargo xtask otel`: features that the default build is without.

use crate::cargo::{self, Result};

/// The feature of tables and archives as Parquet; `features` leaves it out.
pub(crate) const PARQUET: &str = "parquet";
/// The feature of traces, which only the command has.
const OTEL: &str = "otel";

/// Lints and tests Parquet.
pub(crate) fn parquet() -> Result {
    cargo::steps(
        PARQUET,
        &[
            ("clippy", &|| {
                clippy(PARQUET, &["bongsu-engine", "bongsu-cli"])
            }),
            ("engine", &|| tests(PARQUET, "bongsu-engine", &["--lib"])),
            ("command", &|| {
                tests(PARQUET, "bongsu-cli", &["--test", "parquet"])
            }),
        ],
    )
}

/// Lints and tests traces.
pub(crate) fn otel() -> Result {
    cargo::steps(
        OTEL,
        &[
            ("clippy", &|| clippy(OTEL, &["bongsu-cli"])),
            ("command", &|| {
                tests(OTEL, "bongsu-cli", &["--test", "traces"])
            }),
        ],
    )
}

fn clippy(feature: &str, packages: &[&str]) -> Result {
    let mut command = cargo::cargo();
    command.args(["clippy", "--quiet", "--all-targets"]);
    for package in packages {
        command.args(["--package", package]);
    }
    cargo::run(command.args(["--features", feature, "--", "-D", "warnings"]))
}

fn tests(feature: &str, package: &str, which: &[&str]) -> Result {
    let mut command = cargo::cargo();
    command.args(["test", "--quiet", "--package", package]);
    cargo::run(command.args(["--features", feature]).args(which))
}
