//! What is wrong with source files: their length, leftovers, clocks where none may be read.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::{self, Result};
use crate::layers;

/// A source file longer than this is named; longer than [`TOO_LONG`], it is refused.
const LONG: usize = 500;
const TOO_LONG: usize = 600;

/// What is never committed. Written in two parts, so that this file does not hold them.
const LEFTOVERS: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X:"),
    concat!("<<<<", "<<< "),
    concat!(">>>>", ">>> "),
];

/// The endings of files that people write here: vendored assets and recordings are not ours.
const OURS: &[&str] = &["rs", "toml", "md", "yml", "yaml", "sh", "py"];

/// Names of files that tools leave behind.
const STRAY: &[&str] = &["orig", "rej", "snap.new", "bak", "swp"];

/// What an algorithm crate does not say: time comes in with the data.
const CLOCKS: &[&str] = &["SystemTime::now", "Instant::now", "Timestamp::now("];

/// Checks the sources of all crates and the texts beside them.
pub(crate) fn run() -> Result {
    let root = cargo::root();
    let mut files = Vec::new();
    walk(&root, &mut files)?;
    let mut faults = Vec::new();
    for path in &files {
        let shown = path.strip_prefix(&root).unwrap_or(path);
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        for fault in faults_of(shown, &text) {
            match fault {
                Fault::Warning(text) => eprintln!("warning: {text}"),
                Fault::Error(text) => faults.push(text),
            }
        }
    }
    if faults.is_empty() {
        eprintln!("{} files looked at", files.len());
        Ok(())
    } else {
        Err(faults.join("\n").into())
    }
}

#[derive(Debug, PartialEq)]
enum Fault {
    Warning(String),
    Error(String),
}

fn faults_of(path: &Path, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let shown = path.display();
    let name = path.to_string_lossy();
    if STRAY.iter().any(|end| name.ends_with(&format!(".{end}"))) {
        faults.push(Fault::Error(format!("{shown} is left over from a tool")));
    }
    let ours = path
        .extension()
        .is_none_or(|end| OURS.iter().any(|ours| end == *ours));
    for (i, line) in text.lines().enumerate().filter(|_| ours) {
        for leftover in LEFTOVERS.iter().filter(|leftover| line.contains(*leftover)) {
            faults.push(Fault::Error(format!(
                "{shown}:{}: `{leftover}` is left over",
                i + 1
            )));
        }
    }
    let Some((krate, true)) = source_of(path) else {
        return faults;
    };
    let lines = text.lines().count();
    if lines > TOO_LONG {
        faults.push(Fault::Error(format!(
            "{shown} has {lines} lines, more than {TOO_LONG}: split it"
        )));
    } else if lines > LONG {
        faults.push(Fault::Warning(format!(
            "{shown} has {lines} lines, more than {LONG}"
        )));
    }
    if layers::is_pure(&krate) {
        for clock in CLOCKS.iter().filter(|clock| text.contains(*clock)) {
            faults.push(Fault::Error(format!(
                "{shown} reads a clock (`{clock}`): in an algorithm crate time comes in with the data"
            )));
        }
    }
    faults
}

/// The crate that a file under `crates/` belongs to, and whether it is Rust source in its `src`.
fn source_of(path: &Path) -> Option<(String, bool)> {
    let mut parts = path.iter().map(|part| part.to_string_lossy());
    if parts.next()? != "crates" {
        return None;
    }
    let folder = parts.next()?;
    let rust = path.extension().is_some_and(|extension| extension == "rs");
    Some((format!("bongsu-{folder}"), rust && parts.next()? == "src"))
}

/// The files of the project: not what is built, not what git keeps, nothing hidden but CI's.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let hidden = name.starts_with('.') && !matches!(&*name, ".ci" | ".github" | ".cargo");
        if hidden || matches!(&*name, "target" | "bongsu-demo") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        faults_of(Path::new(path), text).len()
    }

    #[test]
    fn length_is_warned_of_then_refused() {
        let path = Path::new("crates/stats/src/a/b.rs");
        assert_eq!(faults_of(path, &"x\n".repeat(LONG)), []);
        assert!(matches!(
            faults_of(path, &"x\n".repeat(LONG + 1))[..],
            [Fault::Warning(_)]
        ));
        assert!(matches!(
            faults_of(path, &"x\n".repeat(TOO_LONG + 1))[..],
            [Fault::Error(_)]
        ));
        assert_eq!(faults("crates/stats/tests/b.rs", &"x\n".repeat(900)), 0);
    }

    #[test]
    fn leftovers_and_strays_are_found() {
        for leftover in LEFTOVERS {
            assert_eq!(faults("docs/a.md", &format!("a {leftover} b")), 1);
        }
        let vendored = "crates/report/assets/plot.js";
        assert_eq!(faults(vendored, LEFTOVERS[0]), 0);
        assert_eq!(faults(".ci/run", LEFTOVERS[0]), 1);
        assert_eq!(faults("crates/stats/src/lib.rs.orig", ""), 1);
    }

    #[test]
    fn only_algorithm_crates_must_not_read_a_clock() {
        let text = format!("let now = {}();", CLOCKS[0]);
        assert_eq!(faults("crates/core/src/a.rs", &text), 1);
        assert_eq!(faults("crates/core/tests/a.rs", &text), 0);
        assert_eq!(faults("crates/engine/src/a.rs", &text), 0);
    }
}
