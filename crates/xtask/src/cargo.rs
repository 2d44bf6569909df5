//! Where the workspace is, how commands are run in it, and what cargo knows about it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The lints of a package outside the workspace.
pub(crate) const CLIPPY: [&str; 7] = [
    "clippy",
    "--locked",
    "--quiet",
    "--all-targets",
    "--",
    "-D",
    "warnings",
];

/// What every task returns.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Crates that take long to build and are built and tested on their own.
pub(crate) const HEAVY: &[&str] = &[];

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .ancestors()
        .nth(2)
        .unwrap_or(manifest)
        .to_path_buf()
}

/// The cargo that started this task, with what it told us about ourselves taken back: some build
/// scripts (ring's) run again when these variables change, and so would rebuild what a plain
/// `cargo build` has built.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let own = name.to_string_lossy();
        if own.starts_with("CARGO_PKG_") || own.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command.current_dir(root());
    command
}

/// A cargo subcommand over all members but the heavy ones. Every build of a task goes through
/// here, but for those of `features`: one selection of packages means one set of features, so that
/// nothing is built twice.
pub(crate) fn cargo_workspace(subcommand: &[&str]) -> Command {
    let mut command = cargo();
    command.args(subcommand).arg("--workspace");
    for package in HEAVY {
        command.args(["--exclude", package]);
    }
    command
}

/// Runs `command` with its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Result {
    let line = display(command);
    eprintln!("$ {line}");
    let status = command
        .status()
        .map_err(|e| format!("`{line}` could not be started: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` failed ({status})").into())
    }
}

/// Runs `command` and gives its standard output; its standard error stays on the terminal.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let line = display(command);
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|e| format!("`{line}` could not be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed ({})", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether `cargo NAME` is installed.
pub(crate) fn has_subcommand(name: &str) -> bool {
    on_path(&format!("cargo-{name}"))
}

/// Whether `program` is on the PATH.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// What `cargo metadata` says, dependencies included.
pub(crate) fn metadata() -> Result<Value> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1"]);
    Ok(serde_json::from_str(&capture(&mut command)?)?)
}

/// The packages of the workspace among all that the metadata list.
pub(crate) fn members(metadata: &Value) -> impl Iterator<Item = &Value> {
    let ids = array(metadata, "/workspace_members");
    array(metadata, "/packages")
        .iter()
        .filter(move |package| ids.contains(&package["id"]))
}

/// The elements of the array at `pointer` (such as `/resolve/nodes`), none when there is none.
pub(crate) fn array<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let array = value.pointer(pointer).and_then(Value::as_array);
    array.map_or(&[], Vec::as_slice)
}

/// The text at `pointer`, empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// Does `steps` in order, stops at the first that fails, and says how long each took.
pub(crate) fn steps(title: &str, steps: &[(&str, &dyn Fn() -> Result)]) -> Result {
    let start = Instant::now();
    for (name, step) in steps {
        eprintln!("\n== {title}: {name}");
        let begun = Instant::now();
        let outcome = step();
        let took = seconds(begun.elapsed());
        match outcome {
            Ok(()) => eprintln!("== {title}: {name}: ok in {took}"),
            Err(error) => return Err(format!("{name} failed after {took}: {error}").into()),
        }
    }
    eprintln!(
        "\n== {title}: all {} steps ok in {}",
        steps.len(),
        seconds(start.elapsed())
    );
    Ok(())
}

/// A time span for people.
pub(crate) fn seconds(span: Duration) -> String {
    let secs = span.as_secs();
    if secs < 60 {
        format!("{:.1} s", span.as_secs_f64())
    } else {
        format!("{} min {} s", secs / 60, secs % 60)
    }
}

fn display(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
