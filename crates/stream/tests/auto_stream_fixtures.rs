//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::{Snapshot, StreamDetector as _, Timestamp, snapshot};
use bongsu_stream::{AutoStream, AutoStreamState};

fn taught(zone: &str) -> AutoStreamState {
    let mut stream = AutoStream::new().timezone(zone).unwrap().build().unwrap();
    for i in 0..500_i64 {
        stream.set_time(Timestamp::from_secs(1_767_571_200 + 1_800 * i));
        let step = if i >= 490 { 200.0 } else { 0.0 };
        let x = (i % 48 / 16 * 40 + i * i % 7) as f64 + step;
        stream.learn(&[x]).unwrap();
    }
    stream
}

#[test]
fn every_snapshot_kind_loads() {
    let state = taught("Europe/Berlin");
    let name = format!(
        "{}-v{}.bngs",
        AutoStreamState::KIND,
        AutoStreamState::VERSION
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(&state, &path).unwrap();
    }
    let loaded: AutoStreamState = snapshot::load(&path).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        snapshot::to_bytes(&loaded).unwrap(),
        "the layout has changed: raise its version"
    );
}

/// Numbers of a state changed one by one: an error, or a state that still judges.
#[test]
fn hostile_states_are_refused_or_work() {
    for zone in ["UTC", "Europe/Berlin"] {
        let state = serde_json::to_value(taught(zone)).unwrap();
        let mut paths = Vec::new();
        leaves(&state, String::new(), &mut paths);
        paths.retain(|path| !path.contains("/bins/") || path.contains("/bins/1/3"));
        paths.retain(|path| !path.contains("/offsets/") && !path.contains("/points/"));
        let mut refused = 0;
        for path in &paths {
            for bad in [
                "-1",
                "1e308",
                "-1e308",
                "1e39",
                "18446744073709551615",
                "null",
                "0",
            ] {
                let mut state = state.clone();
                *state.pointer_mut(path).unwrap() = serde_json::from_str(bad).unwrap();
                let Ok(mut changed) = serde_json::from_value::<AutoStreamState>(state) else {
                    continue;
                };
                if changed.validate().is_err() {
                    refused += 1;
                    continue;
                }
                for i in 0..200 {
                    changed.set_time(Timestamp::from_secs(1_768_471_200 + 1_800 * i));
                    let score = changed.score_then_learn(&[f64::from(i as i32 % 9)]);
                    let score = score.unwrap().ready().unwrap_or(0.0);
                    assert!(score >= 0.0, "{path} {bad}: {score}");
                }
            }
        }
        assert!(refused >= 50, "{refused}");
    }
}

fn leaves(value: &serde_json::Value, path: String, paths: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                leaves(value, format!("{path}/{key}"), paths);
            }
        }
        serde_json::Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                leaves(value, format!("{path}/{i}"), paths);
            }
        }
        _ => paths.push(path),
    }
}
