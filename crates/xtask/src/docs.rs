//! `cargo xtask docs`: the API documentation builds without a warning, links lead somewhere, and
//! generated pages are what the binary says.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{self, Result, cargo_workspace};
use crate::{examples, links, quotes};

/// Pages that the binary writes: the file, and the arguments of `bongsu` that print it.
const GENERATED: &[(&str, &[&str])] = &[
    ("docs/configuration.md", &["config", "reference"]),
    (
        "docs/detectors.md",
        &["detect", "--list", "--format", "markdown"],
    ),
    (
        "docs/forecasts.md",
        &["forecast", "--list", "--format", "markdown"],
    ),
    ("docs/bongsu.schema.json", &["config", "schema"]),
    ("docs/openapi.json", &["config", "openapi"]),
];

/// `--write` writes the generated pages; without it everything is checked.
pub(crate) fn run(args: &[String]) -> Result {
    match args {
        [] => check(),
        [write] if write == "--write" => {
            quotes::write()?;
            each_page(&write_page)
        }
        other => Err(format!("docs takes `--write` or nothing, not {other:?}").into()),
    }
}

/// All checks of the documentation.
pub(crate) fn check() -> Result {
    cargo::steps(
        "docs",
        &[
            ("links", &links::run),
            ("quotations", &quotes::check),
            ("generated pages", &|| each_page(&check_page)),
            ("rustdoc", &rustdoc),
        ],
    )
}

/// Libraries only: the facade and the binary share a name, and binaries have no API.
fn rustdoc() -> Result {
    let mut command = cargo_workspace(&["doc", "--quiet", "--no-deps", "--lib"]);
    cargo::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn each_page(act: &dyn Fn(&Path, &str, &Option<String>) -> Result) -> Result {
    let artefacts = examples::build()?;
    let bongsu = examples::executable(&artefacts, "bin", "bongsu")
        .ok_or("cargo did not say where it put the binary `bongsu`")?;
    let mut faults = Vec::new();
    for (page, args) in GENERATED {
        let path = cargo::root().join(page);
        let old = fs::read_to_string(&path).ok();
        let command = format!("bongsu {}", args.join(" "));
        let output = Command::new(bongsu).args(*args).output()?;
        let new = String::from_utf8(output.stdout)?;
        let outcome = if output.status.success() && !new.trim().is_empty() {
            act(&path, &new, &old).map_err(|e| format!("{page}: {e}"))
        } else if old.is_some() {
            Err(format!("{page}: `{command}` failed or printed nothing"))
        } else {
            eprintln!("note: {page} waits for `{command}`, which prints nothing yet");
            Ok(())
        };
        faults.extend(outcome.err());
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("\n").into())
    }
}

fn write_page(path: &Path, new: &str, old: &Option<String>) -> Result {
    if old.as_deref() != Some(new) {
        fs::write(path, new)?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

fn check_page(_: &Path, new: &str, old: &Option<String>) -> Result {
    match difference(old.as_deref().unwrap_or_default(), new) {
        None => Ok(()),
        Some(what) => Err(format!("stale ({what}); run `cargo xtask docs --write`").into()),
    }
}

/// The first line that is not the same.
fn difference(old: &str, new: &str) -> Option<String> {
    if old == new {
        return None;
    }
    let (mut old, mut new) = (old.lines(), new.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => return Some("only the ends of lines differ".into()),
            (a, b) if a == b => {}
            (a, b) => {
                let side = |line: Option<&str>| line.map_or("nothing".into(), |l| format!("`{l}`"));
                return Some(format!(
                    "line {number} is {} instead of {}",
                    side(a),
                    side(b)
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_page_is_told_by_its_first_difference() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(
            difference("a\nb\n", "a\nc\n").unwrap(),
            "line 2 is `b` instead of `c`"
        );
        assert_eq!(
            difference("a\n", "a\nc\n").unwrap(),
            "line 2 is nothing instead of `c`"
        );
        assert!(difference("a", "a\n").is_some());
        assert!(check_page(Path::new("x"), "a", &None).is_err());
    }
}
