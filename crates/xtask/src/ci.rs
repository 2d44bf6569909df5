//! `cargo xtask ci`: every check that needs nothing but the workspace.

use crate::cargo::{self, Result};
use crate::{docs, features, lint, msrv, test};

/// Stops at the first check that fails.
pub(crate) fn run() -> Result {
    cargo::steps(
        "ci",
        &[
            ("minimum Rust version", &msrv::run),
            ("lint", &lint::run),
            ("test", &test::run),
            ("features", &features::run),
            ("docs", &docs::check),
        ],
    )
}
