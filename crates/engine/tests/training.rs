//! Detectors that are trained on history while the service runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use bongsu_core::Verdict;
use bongsu_engine::{Engine, Options, config};
use support::Memory;

const STEP: i64 = 300;
const DAY: i64 = 86_400;

/// Days of a metric with a daily rhythm and a little noise, which rises by 60 after `shift` days.
fn metric(days: i64, shift: i64) -> String {
    let mut csv = String::from("timestamp,load\n");
    let mut noise = 12_345_u64;
    for i in 0..days * DAY / STEP {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let wiggle = (noise >> 40) as f64 / (1_u64 << 24) as f64 - 0.5;
        let day = (i * STEP % DAY) as f64 / DAY as f64;
        let level = if i * STEP >= shift * DAY {
            160.0
        } else {
            100.0
        };
        let value = level + 20.0 * (std::f64::consts::TAU * day).sin() + 4.0 * wiggle;
        writeln!(csv, "{},{value:.3}", i * STEP).unwrap();
    }
    csv
}

async fn start(folder: &Path, csv: &str, detector: &str, training: &str) -> (Engine, Memory) {
    let input = folder.join("load.csv");
    std::fs::write(&input, csv).unwrap();
    let yaml = format!(
        "source: {{type: csv, path: '{}'}}
queries: [{{name: load, expr: load, step: 5m, {detector}, training: {{{training}}}}}]
state: {{directory: '{}'}}
server: {{listen: '127.0.0.1:0', token: open}}",
        input.display(),
        folder.join("state").display()
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let engine = Engine::start(config, Options::default(), Box::new(memory.clone()));
    (engine.await.unwrap(), memory)
}

fn alarm_rate(verdicts: &[(String, Verdict)], from: i64, to: i64) -> f64 {
    let within: Vec<bool> = verdicts
        .iter()
        .filter(|(_, v)| (from * DAY..to * DAY).contains(&(v.timestamp.as_millis() / 1000)))
        .map(|(_, v)| v.anomalous)
        .collect();
    assert!(within.len() > 100);
    within.iter().filter(|anomalous| **anomalous).count() as f64 / within.len() as f64
}

/// The lines of the service's own metrics that begin with `name`.
fn metrics(engine: &Engine, name: &str) -> Vec<String> {
    use std::io::{Read as _, Write as _};
    let url = engine.server_url().unwrap();
    let mut stream = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let lines = answer.lines().filter(|line| line.starts_with(name));
    lines.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_leads_to_one_retraining_after_which_the_alarms_end() {
    let folder = tempfile::tempdir().unwrap();
    let csv = metric(16, 8);
    let detector = "detector: hbos, parameters: {max_alarm_share: 0.01}";
    let (mut engine, memory) = start(
        folder.path(),
        &csv,
        detector,
        "window: 3d, on_drift: {wait: 1d}",
    )
    .await;
    engine.once().await.unwrap();
    let trainings = metrics(&engine, "bongsu_trainings_total");
    let told = |reason: &str| {
        let with = format!("reason=\"{reason}\",outcome=\"exchanged\"}} 1");
        trainings.iter().any(|line| line.ends_with(&with))
    };
    assert!(told("first") && told("drift"), "{trainings:?}");
    assert_eq!(
        metrics(&engine, "bongsu_model_version"),
        ["bongsu_model_version{query=\"load\"} 2"]
    );
    let seen = memory.0.lock().unwrap();
    let rates = [(4, 8), (8, 9), (12, 16)].map(|(from, to)| alarm_rate(&seen.verdicts, from, to));
    assert!(
        rates[0] < 0.03 && rates[1] > 0.3 && rates[2] < 0.03,
        "{rates:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_that_is_over_does_not_replace_what_a_window_taught() {
    let lines = |days: i64, until: i64| -> String {
        let csv = metric(days, 99);
        let rows = csv.lines().skip(1).map(|row| {
            let (time, value) = row.split_once(',').unwrap();
            let (at, value): (i64, f64) = (time.parse().unwrap(), value.parse().unwrap());
            let in_incident = (8 * DAY..8 * DAY + 6 * 3_600).contains(&at);
            (at, if in_incident { value + 60.0 } else { value })
        });
        let rows = rows.filter(|(at, _)| *at < until);
        let mut text = String::from("timestamp,load\n");
        for (at, value) in rows {
            writeln!(text, "{at},{value:.3}").unwrap();
        }
        text
    };
    let detector = "detector: hbos, parameters: {max_alarm_share: 0.01}";
    let training = "window: 3d, on_drift: {wait: 1d}";
    for (until, drifted) in [(8 * DAY + 6 * 3_600, 1), (16 * DAY, 0)] {
        let folder = tempfile::tempdir().unwrap();
        let csv = lines(16, until);
        let (mut engine, _) = start(folder.path(), &csv, detector, training).await;
        engine.once().await.unwrap();
        assert_eq!(
            metrics(&engine, "bongsu_drifted_series"),
            [format!("bongsu_drifted_series{{query=\"load\"}} {drifted}")]
        );
        assert_eq!(
            metrics(&engine, "bongsu_model_version"),
            ["bongsu_model_version{query=\"load\"} 1"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_has_just_changed_keeps_its_detector_and_the_others_get_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let one = metric(2, 99);
    let rows: Vec<&str> = one.lines().skip(1).collect();
    let mut csv = String::from("timestamp,a,b,c\n");
    for (i, row) in rows.iter().enumerate() {
        let (time, value) = row.split_once(',').unwrap();
        let changed = if i + 45 >= rows.len() { "500" } else { value };
        writeln!(csv, "{time},{value},{changed},{value}").unwrap();
    }
    let input = folder.path().join("load.csv");
    std::fs::write(&input, csv).unwrap();
    let state = folder.path().join("state");
    let yaml = format!(
        "source: {{type: csv, path: '{}'}}
queries: [{{name: load, expr: '*', step: 5m, detector: hbos, training: {{window: 2d, max_alarm_rate: 0.2}}}}]
state: {{directory: '{}'}}",
        input.display(),
        state.display()
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let engine = Engine::start(config, Options::default(), Box::new(memory.clone()));
    engine.await.unwrap().once().await.unwrap();
    let versions = bongsu_engine::SavedVersions::read(&state).unwrap().versions;
    let problems = memory.0.lock().unwrap().problems.clone();
    assert_eq!(versions.len(), 1, "{problems:?}");
    let version = &versions[0];
    assert_eq!((version.query.as_str(), version.series), ("load", 2));
    assert_eq!(
        (version.detector.as_str(), version.reason.as_str()),
        ("hbos", "first")
    );
    assert!(version.alarm_rate < 0.2, "{}", version.alarm_rate);
    assert!(version.from < version.to && version.points > 900);
}

/// What `ask` is told by the engine.
async fn told<T: Send + 'static>(
    engine: &mut Engine,
    ask: impl Future<Output = T> + Send + 'static,
) -> T {
    let answer = tokio::spawn(ask);
    // A command that waits is done before the run of a file ends.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    engine.once().await.unwrap();
    answer.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_kept_and_put_to_work_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut engine, _) = start(
        folder.path(),
        &metric(5, 99),
        "detector: hbos",
        "window: 2d, keep: 2",
    )
    .await;
    let control = engine.control();
    for _ in 0..3 {
        let control = control.clone();
        let asked = told(&mut engine, async move { control.train(None).await }).await;
        assert_eq!(asked.unwrap(), ["load"]);
    }
    let versions = |folder: &Path| {
        let folder = std::fs::read_dir(folder.join("state/models/load")).unwrap();
        let mut names: Vec<String> = folder
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let kept = versions(folder.path());
    assert_eq!(kept.len(), 2, "{kept:?}");
    let newest: u64 = kept[1].trim_end_matches(".bngs").parse().unwrap();
    let ask = |query: &'static str, version| {
        let control = control.clone();
        async move { control.roll_back(query.to_owned(), version).await }
    };
    let unknown = told(&mut engine, ask("load", 99))
        .await
        .unwrap_err()
        .to_string();
    let missing = told(&mut engine, ask("none", 1))
        .await
        .unwrap_err()
        .to_string();
    let done = told(&mut engine, ask("load", newest - 1)).await;
    assert!(unknown.contains("no version 99; there are"), "{unknown}");
    assert!(missing.contains("no query `none`"), "{missing}");
    assert_eq!(done.unwrap(), 1);
    let version = format!("bongsu_model_version{{query=\"load\"}} {}", newest - 1);
    assert_eq!(metrics(&engine, "bongsu_model_version"), [version]);
    engine.close().await;

    // After a restart the version at work is still known.
    let (mut engine, _) = start(
        folder.path(),
        &metric(5, 99),
        "detector: hbos",
        "window: 2d, keep: 2",
    )
    .await;
    engine.once().await.unwrap();
    let version = format!("bongsu_model_version{{query=\"load\"}} {}", newest - 1);
    assert_eq!(metrics(&engine, "bongsu_model_version"), [version]);
}

#[tokio::test(flavor = "multi_thread")]
async fn detectors_that_would_alarm_all_the_time_are_refused_and_the_old_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    // The level rises just before the end of the first window: the holdout is all above it.
    let training = "window: 2d, min_points: 400, max_alarm_rate: 0.02";
    let detector = "detector: hbos, parameters: {history: 64, min_points: 64}";
    let mut csv = metric(2, 99);
    csv.push_str("172800,500\n");
    for i in 1..60 {
        writeln!(csv, "{},{}", 172_800 + i * STEP, 500 + i).unwrap();
    }
    let (mut engine, memory) = start(folder.path(), &csv, detector, training).await;
    engine.once().await.unwrap();
    let trainings = metrics(&engine, "bongsu_trainings_total");
    assert!(
        trainings
            .iter()
            .all(|line| line.contains("outcome=\"refused\"")),
        "{trainings:?}"
    );
    assert!(!trainings.is_empty());
    let seen = memory.0.lock().unwrap();
    assert!(
        seen.problems[0].contains("of the holdout would be anomalous"),
        "{:?}",
        seen.problems
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_data_is_a_report_and_no_training() {
    let folder = tempfile::tempdir().unwrap();
    let (mut engine, memory) = start(
        folder.path(),
        &metric(1, 99),
        "detector: hbos",
        "min_points: 500",
    )
    .await;
    engine.once().await.unwrap();
    let seen = memory.0.lock().unwrap();
    let problem = &seen.problems[0];
    assert!(
        problem.contains("fewer than the 500 of training.min_points"),
        "{problem}"
    );
    drop(seen);
    assert_eq!(metrics(&engine, "bongsu_trainings_total").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_neither_alarms_nor_teaches() {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = metric(2, 99);
    for i in 0..100 {
        writeln!(csv, "{},1000", 2 * DAY + i * STEP).unwrap();
    }
    for i in 100..150 {
        writeln!(csv, "{},100", 2 * DAY + i * STEP).unwrap();
    }
    let input = folder.path().join("load.csv");
    std::fs::write(&input, csv).unwrap();
    let yaml = format!(
        "source: {{type: csv, path: '{}'}}
queries: [{{name: load, expr: load, step: 5m, detector: robust-z, parameters: {{window: 288}}}}]
maintenance: [{{name: move, queries: [load], from: '1970-01-03T00:00:00Z', to: '1970-01-03T08:20:00Z'}}]",
        input.display()
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let engine = Engine::start(config, Options::default(), Box::new(memory.clone()));
    engine.await.unwrap().once().await.unwrap();
    let seen = memory.0.lock().unwrap();
    let after = |(_, v): &&(String, Verdict)| v.timestamp.as_millis() >= 2 * DAY * 1000;
    let late: Vec<&(String, Verdict)> = seen.verdicts.iter().filter(after).collect();
    assert_eq!(late.len(), 150);
    let explained = late.iter().filter(|(_, v)| {
        v.explanation
            .as_ref()
            .is_some_and(|e| e.summary == "maintenance: move")
    });
    assert_eq!(explained.count(), 100);
    assert!(late[50].1.score.unwrap() > 5.0, "its score is told");
    assert!(
        late.iter().all(|(_, v)| !v.anomalous),
        "and it did not become the new normal"
    );
}
