//! `cargo xtask deny`: licences, banned crates and sources of everything we depend on.

use crate::cargo::{self, Result};

/// Runs cargo-deny; advisories are left out because they need a database from the network.
pub(crate) fn run() -> Result {
    if !cargo::has_subcommand("deny") {
        return Err("cargo-deny is not installed: cargo install --locked cargo-deny".into());
    }
    cargo::run(cargo::cargo().args(["deny", "check", "licenses", "bans", "sources"]))
}
