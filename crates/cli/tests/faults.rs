//! `bongsu run` when the disk is full.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod service;
#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::fs;
use std::process::Command;

use service::{assert_each_once, end_of, judged, metric, run, source, terminate};
use support::{free_port, wait_for};

#[test]
fn a_disk_that_has_room_again_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let port = free_port();
    fs::write(
        at("bongsu.yaml"),
        format!(
            "source: {{type: prometheus, url: '{}'}}
queries: [{{name: load, expr: load, step: 1s, window: 30s, offset: 1s}}]
engine: {{max_unwritten: 20000}}
state: {{directory: '{}'}}
output: {{verdicts: '{}'}}
server: {{listen: '127.0.0.1:{port}'}}",
            source(40, |_| false),
            at("state").display(),
            at("verdicts.csv").display()
        ),
    )
    .unwrap();
    let mut child = run(&at("bongsu.yaml"), &at("log"), Some(8));
    let failed = || metric(port, "bongsu_state_saves_total{outcome=\"failed\"}");
    // Too much waits already, so nothing more is fetched, and the disk is tried every second.
    wait_for("saves that fail", || (failed()? >= 4.0).then_some(()));
    let unwritten = || metric(port, "bongsu_journal_unwritten_bytes");
    assert!(unwritten().unwrap() > 20_000.0);
    let id = child.id().to_string();
    let limits = ["--fsize=unlimited", "--pid", &id];
    assert!(
        Command::new("prlimit")
            .args(limits)
            .status()
            .unwrap()
            .success()
    );
    wait_for("a written journal", || (unwritten()? == 0.0).then_some(()));
    let before = judged(&at("verdicts.csv")).len();
    wait_for("new verdicts", || {
        (judged(&at("verdicts.csv")).len() > before + 2).then_some(())
    });
    terminate(&mut child);
    assert_eq!(end_of(&mut child), Some(0));
    assert_each_once(&judged(&at("verdicts.csv")));
}

#[test]
fn a_full_disk_costs_no_moment() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let port = free_port();
    fs::write(
        at("bongsu.yaml"),
        format!(
            "source: {{type: prometheus, url: '{}'}}
queries: [{{name: load, expr: load, step: 1s, window: 30s, offset: 1s}}]
state: {{directory: '{}'}}
output: {{verdicts: '{}'}}
server: {{listen: '127.0.0.1:{port}'}}",
            source(40, |_| false),
            at("state").display(),
            at("verdicts.csv").display()
        ),
    )
    .unwrap();
    // The state of 40 series and their verdicts are larger.
    let mut child = run(&at("bongsu.yaml"), &at("full.log"), Some(8));
    wait_for("a save that failed", || {
        let failed = metric(port, "bongsu_state_saves_total{outcome=\"failed\"}")?;
        let waiting = metric(port, "bongsu_journal_unwritten_bytes")?;
        (failed >= 3.0 && waiting > 10_000.0).then_some(())
    });
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    let told = fs::read_to_string(at("full.log")).unwrap();
    assert!(told.contains("verdicts cannot be written"), "{told}");
    terminate(&mut child);
    assert_eq!(
        end_of(&mut child),
        Some(1),
        "what it could not save is an error"
    );

    // With room again, everything from the start on is there, each moment once.
    let mut child = run(&at("bongsu.yaml"), &at("room.log"), None);
    wait_for("verdicts", || {
        (judged(&at("verdicts.csv")).len() > 33).then_some(())
    });
    terminate(&mut child);
    assert_eq!(end_of(&mut child), Some(0));
    assert_each_once(&judged(&at("verdicts.csv")));
}
