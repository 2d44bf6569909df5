//! `cargo xtask msrv`: one minimum Rust version, inherited by every crate.

use std::fs;

use serde_json::Value;

use crate::cargo::{self, Result, array, text};

/// What every manifest takes from the workspace: dotted, or as `{ workspace = true }`.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license"];

/// Fails when the toolchain is older than the workspace says, or when a crate says otherwise.
pub(crate) fn run() -> Result {
    let metadata = cargo::metadata()?;
    let manifest = fs::read_to_string(cargo::root().join("Cargo.toml"))?;
    let wanted =
        workspace_version(&manifest).ok_or("no `rust-version = \"...\"` in the root Cargo.toml")?;
    let toolchain = cargo::capture(cargo::cargo().arg("--version"))?;
    let used = toolchain.split_whitespace().nth(1).unwrap_or_default();
    if numbers(used) < numbers(wanted) {
        return Err(format!("the toolchain is {used}, but the workspace needs {wanted}").into());
    }
    let faults: Vec<String> = cargo::members(&metadata)
        .map(|package| faults(package, wanted))
        .collect::<Result<Vec<_>>>()?
        .concat();
    if !faults.is_empty() {
        return Err(faults.join("\n").into());
    }
    let newer: Vec<String> = array(&metadata, "/packages")
        .iter()
        .filter(|p| numbers(text(p, "/rust_version")) > numbers(wanted))
        .map(|p| {
            format!(
                "{} needs Rust {}",
                text(p, "/name"),
                text(p, "/rust_version")
            )
        })
        .collect();
    if !newer.is_empty() {
        return Err(newer.join("\n").into());
    }
    eprintln!("Rust {used}; the workspace and its dependencies need at most {wanted}");
    Ok(())
}

fn faults(package: &Value, wanted: &str) -> Result<Vec<String>> {
    let name = text(package, "/name");
    let manifest = fs::read_to_string(text(package, "/manifest_path"))?;
    let mut faults: Vec<String> = INHERITED
        .iter()
        .filter(|key| !inherits(&manifest, key))
        .map(|key| format!("{name} does not inherit `{key}` from the workspace"))
        .collect();
    if !manifest.contains("[lints]\nworkspace = true") {
        faults.push(format!(
            "{name} does not inherit the lints of the workspace"
        ));
    }
    if text(package, "/rust_version") != wanted {
        faults.push(format!("{name} says another `rust-version` than {wanted}"));
    }
    Ok(faults)
}

fn inherits(manifest: &str, key: &str) -> bool {
    manifest.lines().any(|line| {
        line.trim().strip_prefix(key).is_some_and(|rest| {
            matches!(
                rest.replace(' ', "").as_str(),
                ".workspace=true" | "={workspace=true}"
            )
        })
    })
}

fn workspace_version(manifest: &str) -> Option<&str> {
    let line = manifest
        .lines()
        .find(|line| line.starts_with("rust-version"))?;
    line.split('"').nth(1)
}

/// The numbers of a version: `1.95.0-nightly` gives 1, 95, 0.
fn numbers(version: &str) -> Vec<u32> {
    version
        .split(['.', '-'])
        .map_while(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(numbers("1.100.0") > numbers("1.95"));
        assert!(numbers("1.95.0-nightly") >= numbers("1.95"));
        assert!(numbers("1.94.1") < numbers("1.95"));
    }

    #[test]
    fn inheritance_is_read_in_both_spellings() {
        assert!(inherits("license.workspace = true", "license"));
        assert!(inherits("edition = { workspace = true }", "edition"));
        assert!(!inherits("license = \"MIT\"", "license"));
        assert!(!inherits("license-file.workspace = true", "license"));
    }
}
