//! `cargo xtask features`: every feature of the library builds alone, but for those that
//! `cargo xtask onnx` and `cargo xtask parquet` look after.

use serde_json::Value;

use crate::cargo::{self, Result, text};
use crate::{onnx, optional};

/// The crate that users name, whose features choose the others.
const PACKAGE: &str = "bongsu";

/// Checks the library without features and with each of them alone. A build of the workspace has
/// them all, which hides an import or a dependency that only another feature brings.
pub(crate) fn run() -> Result {
    let metadata = cargo::metadata()?;
    check(None)?;
    let names = names(&metadata);
    for name in &names {
        check(Some(name))?;
    }
    eprintln!("{PACKAGE} builds without features and with each of {names:?} alone");
    Ok(())
}

fn check(feature: Option<&str>) -> Result {
    let mut command = cargo::cargo();
    command.args(["check", "--quiet", "--package", PACKAGE]);
    command.arg("--no-default-features");
    if let Some(feature) = feature {
        command.args(["--features", feature]);
    }
    cargo::run(&mut command)
}

/// The features of the library but for the default set and those that have tasks of their own.
fn names(metadata: &Value) -> Vec<&str> {
    cargo::members(metadata)
        .filter(|package| text(package, "/name") == PACKAGE)
        .filter_map(|package| package.pointer("/features")?.as_object())
        .flat_map(|features| features.keys())
        .map(String::as_str)
        .filter(|name| !["default", onnx::FEATURE, optional::PARQUET].contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::names;

    #[test]
    fn the_features_of_the_library_are_found() {
        let package =
            |name: &str, features| json!({"id": name, "name": name, "features": features});
        let metadata = json!({
            "workspace_members": ["bongsu", "bongsu-engine"],
            "packages": [
                package("bongsu", json!({"default": ["a"], "a": [], "b": ["a"], "onnx": []})),
                package("bongsu-engine", json!({"c": []})),
            ],
        });
        assert_eq!(names(&metadata), ["a", "b"]);
    }
}
