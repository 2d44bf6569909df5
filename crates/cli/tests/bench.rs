//! `bongsu bench`, from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[path = "../../prometheus/tests/support/prometheus.rs"]
mod prometheus;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use prometheus::Prometheus;
use serde_json::Value;

const ARGUMENTS: [&str; 9] = [
    "bench",
    "--synthetic",
    "--synthetic-rows",
    "500",
    "--detectors",
    "zscore,ewma,sub-pca",
    "--threads",
    "1",
    "--report",
];

fn command(report: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.args(ARGUMENTS).arg(report);
    command
}

fn bench(report: &Path) -> Output {
    command(report).output().unwrap()
}

fn kept(report: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(report) else {
        return 0;
    };
    let entries = entries.map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let whole = path.extension().is_some_and(|name| name == "json");
            if path.is_dir() {
                kept(&path)
            } else {
                usize::from(whole)
            }
        })
        .sum()
}

fn accuracies(report: &Path) -> Value {
    let text = std::fs::read(report.join("leaderboard.json")).unwrap();
    let mut board: Value = serde_json::from_slice(&text).unwrap();
    // What a run costs is another figure each time.
    strip(&mut board);
    board
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| {
                !["seconds", "micro", "notes", "recommend"]
                    .iter()
                    .any(|part| name.contains(part))
            });
            fields.values_mut().for_each(strip);
        }
        Value::Array(entries) => entries.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Stops the process when a test ends early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_bench_that_was_interrupted_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, part) = (folder.path().join("whole"), folder.path().join("part"));
    let output = bench(&whole);
    assert!(output.status.success());
    let markdown = String::from_utf8(output.stdout).unwrap();
    assert!(markdown.contains("`sub-pca`") && markdown.contains("What to take"));
    assert_eq!(
        std::fs::read_to_string(whole.join("leaderboard.md")).unwrap(),
        markdown
    );
    let page = std::fs::read_to_string(whole.join("leaderboard.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("sub-pca"));
    let runs = kept(&whole.join("runs"));
    assert_eq!(runs, 3 * 42);

    let child = command(&part)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let start = Instant::now();
    while kept(&part.join("runs")) < 5 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    let before = kept(&part.join("runs"));
    assert!((5..runs).contains(&before), "{before}");
    assert!(!part.join("leaderboard.json").exists());
    let output = bench(&part);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains(&format!("kept_from_before={before}")),
        "{said}"
    );
    assert_eq!(accuracies(&part), accuracies(&whole));
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (more, status, message) in [
        (&["--detectors", "zscor"][..], 2, "zscore"),
        (&["--sets", "nab"], 2, "there is no set `nab`"),
        (&["--limit=-1"], 2, "--limit"),
        (&["--synthetic-rows", "0"], 2, "rows"),
        (&["--data", "nowhere"], 1, "nowhere"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .current_dir(folder.path())
            .args(["bench", "--synthetic"])
            .args(more)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(message), "{more:?}: {said}");
        assert_eq!(output.status.code(), Some(status), "{more:?}: {said}");
    }
}

/// Runs `bench` on a query of `server` with more arguments.
fn on_prometheus(server: &Prometheus, report: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["bench", "--prometheus", server.url(), "--step", "1s"])
        .args(["--detectors", "zscore,ewma", "--report"])
        .arg(report)
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn series_of_a_prometheus_are_measured_with_and_without_labels() {
    let server = Prometheus::start(1_000, "", "");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // The clock as a function of the query: the history need not be waited for.
    let query = "label_replace(sin(vector(time())) + 9 * (time() > bool 1790001500) * (time() < bool 1790001520), \"job\", \"wave\", \"job\", \"\")";
    let asked = [
        "--query",
        query,
        "--start",
        "1790000000",
        "--end",
        "1790001999",
    ];
    let output = on_prometheus(&server, &at("plain"), &asked);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let markdown = String::from_utf8(output.stdout).unwrap();
    assert!(markdown.contains("alarms / week") && markdown.contains("1 series without labels"));
    let board = accuracies(&at("plain"));
    assert_eq!(board["sets"]["prometheus"]["measure"], "stability");
    for detector in board["detectors"].as_array().unwrap() {
        let measures = &detector["sets"]["prometheus"]["measures"];
        for name in ["stability", "band_coverage"] {
            let value = measures[name].as_f64().unwrap();
            assert!(value > 0.3 && value <= 1.0, "{name}: {value}");
        }
        assert!(measures["alarms_per_week"].as_f64().unwrap() > 0.0);
    }

    let incidents = at("incidents.csv");
    let labels = "start,end,series\n1790001501,1790001519,\"{job=\"\"wave\"\"}\"\n";
    std::fs::write(&incidents, labels).unwrap();
    let mut with = asked.to_vec();
    with.extend(["--labels", incidents.to_str().unwrap()]);
    // The same folder: what was measured without labels is not taken for this.
    let output = on_prometheus(&server, &at("plain"), &with);
    assert!(output.status.success());
    let board = accuracies(&at("plain"));
    assert_eq!(board["sets"]["prometheus"]["measure"], "vus_pr");
    let recall = &board["detectors"][0]["sets"]["prometheus"]["measures"]["event_recall"];
    assert_eq!(recall.as_f64(), Some(1.0));

    std::fs::write(&incidents, labels.replace("wave", "other")).unwrap();
    let output = on_prometheus(&server, &at("other"), &with);
    assert!(String::from_utf8_lossy(&output.stderr).contains("fits no series"));
    assert_eq!(output.status.code(), Some(1));
    for (query, message) in [
        ("sum(", "parse error"),
        ("nothing_at_all", "gave no series"),
    ] {
        let output = on_prometheus(&server, &at("other"), &["--query", query]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(message), "{said}");
    }
    let output = on_prometheus(&server, &at("other"), &[]);
    assert_eq!(output.status.code(), Some(2), "a query is needed");
}
