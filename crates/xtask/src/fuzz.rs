//! `cargo xtask fuzz [SECONDS] [TARGET...]`: every fuzz target for a while, from its kept inputs.

use std::fs;
use std::process::Command;

use crate::cargo::{self, Result};

/// How long each target runs when nobody says.
const SECONDS: u32 = 30;
/// More than any of them needs; a huge allocation is a fault.
const MEGABYTES: u32 = 2_048;
/// No input may take longer.
const TIMEOUT: u32 = 20;

pub(crate) fn run(args: &[String]) -> Result {
    if !cargo::has_subcommand("fuzz") {
        return Err("fuzzing needs cargo-fuzz and nightly Rust: cargo install cargo-fuzz".into());
    }
    let (seconds, wanted) = match args {
        [first, rest @ ..] if first.parse::<u32>().is_ok() => (first.parse()?, rest),
        all => (SECONDS, all),
    };
    let targets = targets()?;
    if let Some(unknown) = wanted.iter().find(|name| !targets.contains(name)) {
        return Err(format!(
            "no fuzz target {unknown:?}; there are {}",
            targets.join(", ")
        )
        .into());
    }
    let chosen = targets
        .iter()
        .filter(|name| wanted.is_empty() || wanted.contains(name));
    for target in chosen {
        run_one(target, seconds)?;
    }
    Ok(())
}

/// The names of the files in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(cargo::root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn run_one(target: &str, seconds: u32) -> Result {
    let fuzz = cargo::root().join("fuzz");
    let mut command = Command::new("cargo");
    // The toolchain that runs this task must not hide the other one.
    command.env_remove("RUSTUP_TOOLCHAIN").current_dir(&fuzz);
    command.args(["+nightly", "fuzz", "run", "--fuzz-dir", ".", target]);
    // What was found before is tried first: such inputs lie in `seeds`.
    let corpus = fuzz.join("corpus").join(target);
    fs::create_dir_all(&corpus)?;
    command.arg(corpus);
    let seeds = fuzz.join("seeds").join(target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-rss_limit_mb={MEGABYTES}"),
        format!("-timeout={TIMEOUT}"),
        "-print_final_stats=1".to_owned(),
    ]);
    cargo::run(&mut command)
}
