//! Every example is built and run, so that what the documentation shows works.
//!
//! An example may say how, in a line comment of its own: `xtask: args ARG...` (separated by
//! blanks), or `xtask: skip REASON`.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cargo::{self, Result, array, cargo_workspace, text};

/// The longest that an example may run.
const PATIENCE: Duration = Duration::from_secs(180);

/// Builds the examples and the `bongsu` binary in one go and gives what cargo says about each
/// artefact. Asking for both at once keeps the set of features that the tests were built with.
pub(crate) fn build() -> Result<Vec<Value>> {
    let mut command = cargo_workspace(&["build", "--quiet"]);
    command.args(["--examples", "--bin", "bongsu"]);
    command.arg("--message-format=json-render-diagnostics");
    cargo::capture(&mut command)?
        .lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

/// The file of the executable target `name`, among what [`build`] gave.
pub(crate) fn executable<'a>(artefacts: &'a [Value], kind: &str, name: &str) -> Option<&'a Path> {
    let artefact = artefacts.iter().find(|artefact| {
        let target = &artefact["target"];
        target["name"] == name && array(target, "/kind").iter().any(|k| k == kind)
    })?;
    artefact["executable"].as_str().map(Path::new)
}

/// Builds and runs all examples.
pub(crate) fn run() -> Result {
    let metadata = cargo::metadata()?;
    let examples = discover(&metadata)?;
    check_declared(&examples)?;
    let artefacts = build()?;
    let mut failed = Vec::new();
    for Example { name, source } in &examples {
        let directive = directive(&fs::read_to_string(source)?);
        let args = match &directive {
            Directive::Skip(reason) => {
                eprintln!("  skip {name}: {reason}");
                continue;
            }
            Directive::Run(args) => args,
        };
        let Some(program) = executable(&artefacts, "example", name) else {
            failed.push(format!(
                "{name} was not built: does it need a feature that is off by default?"
            ));
            continue;
        };
        let begun = Instant::now();
        match run_one(program, args) {
            Ok(()) => eprintln!("  ok   {name} ({})", cargo::seconds(begun.elapsed())),
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    if failed.is_empty() {
        eprintln!("{} examples", examples.len());
        Ok(())
    } else {
        Err(failed.join("\n").into())
    }
}

#[derive(Debug, PartialEq)]
struct Example {
    name: String,
    source: PathBuf,
}

fn discover(metadata: &Value) -> Result<Vec<Example>> {
    cargo::members(metadata)
        .filter(|package| !cargo::HEAVY.contains(&text(package, "/name")))
        .flat_map(|package| array(package, "/targets"))
        .filter(|target| array(target, "/kind").iter().any(|kind| kind == "example"))
        .map(|target| {
            Ok(Example {
                name: text(target, "/name").to_owned(),
                source: fs::canonicalize(text(target, "/src_path"))?,
            })
        })
        .collect()
}

/// A file in `examples/` at the top belongs to no crate unless one declares it: without this check
/// it would never be compiled.
fn check_declared(examples: &[Example]) -> Result {
    let Ok(entries) = fs::read_dir(cargo::root().join("examples")) else {
        return Ok(());
    };
    for entry in entries {
        let path = fs::canonicalize(entry?.path())?;
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if is_source && !examples.iter().any(|example| example.source == path) {
            return Err(format!(
                "{} is not compiled: declare it as an [[example]] of the crate that it shows",
                path.display()
            )
            .into());
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
enum Directive {
    Run(Vec<String>),
    Skip(String),
}

fn directive(source: &str) -> Directive {
    for line in source.lines() {
        let Some(words) = line.strip_prefix("// xtask:") else {
            continue;
        };
        let words = words.trim();
        if let Some(reason) = words.strip_prefix("skip") {
            return Directive::Skip(reason.trim().to_owned());
        }
        if let Some(args) = words.strip_prefix("args") {
            return Directive::Run(args.split_whitespace().map(str::to_owned).collect());
        }
    }
    Directive::Run(Vec::new())
}

/// Runs an example; what it prints is shown only when it fails.
fn run_one(program: &Path, args: &[String]) -> Result {
    let mut log = tempfile()?;
    let mut child = Command::new(program)
        .args(args)
        .current_dir(cargo::root())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .spawn()?;
    let deadline = Instant::now() + PATIENCE;
    let verdict = loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => break format!("failed ({status})"),
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            None => {
                child.kill()?;
                child.wait()?;
                break format!("did not end within {}", cargo::seconds(PATIENCE));
            }
        }
    };
    let mut output = Vec::new();
    log.seek(SeekFrom::Start(0))?;
    log.read_to_end(&mut output)?;
    Err(format!("{verdict}\n{}", String::from_utf8_lossy(&output)).into())
}

/// A file without a name: gone when it is closed.
fn tempfile() -> Result<File> {
    let path = std::env::temp_dir().join(format!("xtask-{}-{:p}", std::process::id(), &PATIENCE));
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_say_how_they_are_run() {
        assert_eq!(directive("fn main() {}"), Directive::Run(vec![]));
        assert_eq!(
            directive("//! About.\n// xtask: args --once a.csv\nfn main() {}"),
            Directive::Run(vec!["--once".into(), "a.csv".into()])
        );
        assert_eq!(
            directive("// xtask: skip needs a cluster\n"),
            Directive::Skip("needs a cluster".into())
        );
    }

    #[test]
    fn a_failing_example_shows_what_it_printed() {
        let script = ["-c".to_owned(), "echo said so; exit 3".to_owned()];
        let error = run_one(Path::new("/bin/sh"), &script)
            .unwrap_err()
            .to_string();
        assert!(error.contains("said so") && error.contains('3'), "{error}");
        assert!(run_one(Path::new("/bin/true"), &[]).is_ok());
    }
}
