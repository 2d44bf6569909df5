//! Looking into what a service has saved.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

fn bongsu(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs a service on a metric that leaves its level at the end, and gives its state's directory.
fn ran(folder: &Path) -> String {
    let mut csv = String::from("timestamp,load\n");
    for i in 0..200 {
        let value = if i >= 190 {
            99.0
        } else {
            10.0 + f64::from(i % 5)
        };
        writeln!(csv, "{},{value}", 60 * i).unwrap();
    }
    std::fs::write(folder.join("load.csv"), csv).unwrap();
    let state = folder.join("state").display().to_string();
    let config = format!(
        "source: {{type: csv, path: '{}/load.csv'}}
queries: [{{name: load, expr: load, step: 1m, detector: robust-z, parameters: {{window: 60}}}}]
state: {{directory: '{state}'}}
alerting: {{routing: {{route: {{receiver: log}}, receivers: [{{name: log, sinks: [{{type: log}}]}}]}}}}",
        folder.display()
    );
    let path = folder.join("bongsu.yaml");
    std::fs::write(&path, config).unwrap();
    let done = bongsu(&["run", "--once", "--config", path.to_str().unwrap()]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    state
}

#[test]
fn a_saved_state_can_be_inspected_and_exported_and_its_alerts_explained() {
    let folder = tempfile::tempdir().unwrap();
    let state = ran(folder.path());
    let inspected = text(&bongsu(&["state", "inspect", &state]).stdout);
    assert!(
        inspected.starts_with("version 11, ") && inspected.contains("1 alerts"),
        "{inspected}"
    );
    assert!(
        inspected.contains("load: 1 series, judged until 1970-01-01T03:19:00"),
        "{inspected}"
    );
    let json = bongsu(&["state", "inspect", &state, "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        (
            &json["queries"][0]["name"],
            &json["schema"],
            &json["version"]
        ),
        (&"load".into(), &1.into(), &11.into())
    );
    let exported = text(&bongsu(&["state", "export", &state]).stdout);
    let series: serde_json::Value = serde_json::from_str(exported.trim()).unwrap();
    assert_eq!(series["points"], 200);
    assert!(series["expected"].as_f64().unwrap() > 9.0);

    let listed = text(&bongsu(&["alerts", "list", "--state", &state]).stdout);
    let (fingerprint, rest) = listed.split_once(' ').unwrap();
    assert!(
        rest.starts_with("firing warning since 1970-01-01T03:10:00"),
        "{listed}"
    );
    let explained = text(&bongsu(&["alerts", "explain", fingerprint, "--state", &state]).stdout);
    assert!(
        explained.contains("it fires") && explained.lines().count() >= 2,
        "{explained}"
    );

    let unknown = bongsu(&["alerts", "explain", "0000000000000001", "--state", &state]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("nothing is known of an alert 0000000000000001"));
    assert_eq!(
        bongsu(&["alerts", "explain", "xyz", "--state", &state])
            .status
            .code(),
        Some(2)
    );
    let none = bongsu(&["state", "inspect", "/nonexistent"]);
    assert!(!none.status.success());
    assert!(text(&none.stderr).contains("/nonexistent/state.bngs"));
}

#[test]
fn a_damaged_state_is_set_aside_and_the_one_before_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let state = ran(folder.path());
    ran(folder.path());
    let file = Path::new(&state).join("state.bngs");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&file, bytes).unwrap();
    let config = folder.path().join("bongsu.yaml");
    let done = bongsu(&["run", "--once", "--config", config.to_str().unwrap()]);
    assert!(
        text(&done.stderr).contains("the one before is taken up"),
        "{}",
        text(&done.stderr)
    );
    assert!(Path::new(&state).join("state.bngs.damaged").exists());
    let inspected = text(&bongsu(&["state", "inspect", &state]).stdout);
    assert!(
        inspected.contains("judged until 1970-01-01T03:19:00"),
        "{inspected}"
    );

    // A start after damage that ended before it could save.
    std::fs::remove_file(&file).unwrap();
    let done = bongsu(&["run", "--once", "--config", config.to_str().unwrap()]);
    let said = text(&done.stderr);
    assert!(said.contains("no state but the one before"), "{said}");
    assert!(
        said.contains("verdicts=0"),
        "nothing is judged again: {said}"
    );
}

#[test]
fn a_state_of_another_version_is_set_aside_and_the_service_starts_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let state = ran(folder.path());
    let _ = std::fs::remove_file(Path::new(&state).join("state.bngs.before"));
    let file = Path::new(&state).join("state.bngs");
    let mut bytes = std::fs::read(&file).unwrap();
    // The version follows the magic, the length of the kind, and the kind.
    let place = 5 + usize::from(bytes[4]);
    bytes[place] = 99;
    std::fs::write(&file, bytes).unwrap();
    let config = folder.path().join("bongsu.yaml");
    let done = bongsu(&["run", "--once", "--config", config.to_str().unwrap()]);
    let said = text(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(
        said.contains("it is of version 99, but this build reads versions 6 to 11"),
        "{said}"
    );
    assert!(said.contains("state.bngs.version-99"), "{said}");
    assert!(said.contains("verdicts=200"), "it starts afresh: {said}");
    let inspected = text(&bongsu(&["state", "inspect", &state]).stdout);
    assert!(inspected.starts_with("version 11, "), "{inspected}");
}

/// Runs a service that trains twice, and gives its state's directory.
fn trained(folder: &Path) -> String {
    let mut csv = String::from("timestamp,load\n");
    for i in 0..1_500 {
        let value = 10.0 + f64::from(i % 7) + 0.1 * f64::from(i % 11);
        writeln!(csv, "{},{value}", 60 * i).unwrap();
    }
    std::fs::write(folder.join("load.csv"), csv).unwrap();
    let state = folder.join("state").display().to_string();
    let config = format!(
        "source: {{type: csv, path: '{}/load.csv'}}
queries: [{{name: load, expr: load, step: 1m, detector: hbos,
           training: {{window: 10h, max_alarm_rate: 0.2, after_points: 300}}}}]
state: {{directory: '{state}'}}",
        folder.display()
    );
    let path = folder.join("bongsu.yaml");
    std::fs::write(&path, config).unwrap();
    let done = bongsu(&["run", "--config", path.to_str().unwrap()]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    state
}

#[test]
fn versions_of_trained_detectors_are_listed_with_the_one_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let none = bongsu(&["models", "versions", "--state", &state]);
    assert_eq!(none.status.code(), Some(1), "{}", text(&none.stderr));
    assert!(text(&none.stderr).contains("state/models"));
    let state = trained(folder.path());
    let listed = text(&bongsu(&["models", "versions", "--state", &state]).stdout);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines.len() > 1, "{listed}");
    assert!(lines[0].starts_with("load 1: hbos, first, "), "{listed}");
    let (last, before) = lines.split_last().unwrap();
    assert!(
        last.contains(": hbos, points, ")
            && last.contains(" to 1970-01-02T00:59:00Z, 1 series, 541 points, ")
            && last.ends_with(" anomalous where it was tried, at work"),
        "{listed}"
    );
    assert!(before.iter().all(|line| !line.contains("work")), "{listed}");
    let json = bongsu(&[
        "models", "versions", "--state", &state, "--format", "json", "load",
    ]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let versions = json["versions"].as_array().unwrap();
    assert_eq!(versions[0]["version"], 1);
    assert_eq!(versions[0]["reason"], "first");
    assert_eq!(versions[0]["at_work"], false);
    assert_eq!(versions[versions.len() - 1]["at_work"], true);
    assert!(json["unreadable"].as_array().unwrap().is_empty());
    let other = text(&bongsu(&["models", "versions", "--state", &state, "other"]).stdout);
    assert_eq!(other, "");
}

#[test]
fn versions_that_cannot_be_read_hide_none_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let state = trained(folder.path());
    let file = |number: u64| Path::new(&state).join(format!("models/load/{number:06}.bngs"));
    let mut damaged = std::fs::read(file(1)).unwrap();
    let last = damaged.len() - 1;
    damaged[last] ^= 0x55;
    std::fs::write(file(1), damaged).unwrap();
    std::fs::write(file(9), b"not a state").unwrap();
    let listed = bongsu(&["models", "versions", "--state", &state]);
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    let listed = text(&listed.stdout);
    assert!(listed.starts_with("load 2: hbos, points, "), "{listed}");
    assert!(
        listed.contains("\nload 1: cannot be read: ")
            && listed.contains("000001.bngs")
            && listed.contains("\nload 9: cannot be read: "),
        "{listed}"
    );
    // What is at work is known by the state alone.
    std::fs::remove_file(Path::new(&state).join("state.bngs")).unwrap();
    let json = bongsu(&["models", "versions", "--state", &state, "--format", "json"]);
    assert!(text(&json.stderr).contains("it is not known which versions are at work"));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(json["versions"][0]["at_work"].is_null());
    assert_eq!(json["unreadable"][0]["query"], "load");
    assert_eq!(json["unreadable"][1]["version"], 9);
    assert!(
        json["state_problem"]
            .as_str()
            .unwrap()
            .contains("state.bngs")
    );
    let listed = text(&bongsu(&["models", "versions", "--state", &state]).stdout);
    assert!(listed.contains(", not known whether at work\n"), "{listed}");
    let other = bongsu(&["models", "versions", "--state", &state, "other"]);
    assert_eq!(text(&other.stdout), "");
}
