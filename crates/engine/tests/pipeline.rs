//! The engine from the outside: files and recordings in, verdicts, alerts and state out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bongsu_core::Verdict;
use bongsu_engine::{End, Engine, ErrorKind, Options, Totals, config};
use support::Memory;

/// Four hours at one minute: `calm` repeats itself, `burst` has ten high points from row 150.
fn write_csv(directory: &Path) -> PathBuf {
    let mut text = String::from("timestamp,calm,burst\n");
    for minute in 0..240_i64 {
        let burst = if (150..160).contains(&minute) {
            80
        } else {
            minute % 5
        };
        // Off the grid, as files are.
        writeln!(text, "{},{},{burst}", 60 * minute + 20, minute % 7).unwrap();
    }
    let path = directory.join("metrics.csv");
    fs::write(&path, text).unwrap();
    path
}

async fn run(yaml: &str, options: Options) -> (Totals, Memory) {
    let memory = Memory::default();
    let config = config::parse(yaml, None).unwrap();
    let mut engine = Engine::start(config, options, Box::new(memory.clone()))
        .await
        .unwrap();
    let end = engine.run(std::future::pending()).await.unwrap();
    assert_eq!(end, End::NoMoreData);
    let totals = engine.totals();
    engine.close().await;
    (totals, memory)
}

fn csv_config(directory: &Path, more: &str) -> String {
    format!(
        "source: {{type: csv, path: '{}'}}
queries:
  - {{name: all, expr: '*', direction: up, min_abs_dev: 20, alert: {{for: 2m}}}}
{more}",
        write_csv(directory).display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_judged_row_by_row_and_its_alert_fires_and_is_resolved() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report.html");
    let output = format!("output: {{report: '{}'}}", report.display());
    let (totals, memory) = run(&csv_config(dir.path(), &output), Options::default()).await;
    let seen = memory.0.lock().unwrap();
    assert_eq!(totals.verdicts, 480);
    assert_eq!((totals.fired, totals.resolved), (1, 1), "{:?}", seen.fired);
    assert!(seen.fired[0].contains("burst"), "{:?}", seen.fired);
    assert!(fs::read_to_string(report).unwrap().contains("burst"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_judges_nothing_again_and_a_changed_query_starts_afresh() {
    let dir = tempfile::tempdir().unwrap();
    let keep = format!(
        "state: {{directory: '{0}/state'}}\noutput: {{verdicts: '{0}/verdicts.csv'}}",
        dir.path().display()
    );
    let yaml = csv_config(dir.path(), &keep);
    let (first, _) = run(&yaml, Options::default()).await;
    let written = fs::read_to_string(dir.path().join("verdicts.csv")).unwrap();
    assert_eq!(written.lines().count(), 481, "a header and a row a verdict");
    let (second, _) = run(&yaml, Options::default()).await;
    assert_eq!((first.verdicts, second.verdicts), (480, 0));
    assert_eq!(
        fs::read_to_string(dir.path().join("verdicts.csv")).unwrap(),
        written
    );
    let (third, _) = run(
        &yaml.replace("min_abs_dev", "detector: iqr, min_abs_dev"),
        Options::default(),
    )
    .await;
    assert_eq!(third.verdicts, 480);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let keep = format!(
        "state: {{directory: '{0}/state'}}\noutput: {{verdicts: '{0}/verdicts.csv', report: '{0}/r.html'}}",
        dir.path().display()
    );
    let (totals, _) = run(&csv_config(dir.path(), &keep), Options { dry_run: true }).await;
    assert_eq!(totals.verdicts, 480);
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["metrics.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_directory_serves_one_process_and_a_damaged_state_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let keep = format!("state: {{directory: '{}/state'}}", dir.path().display());
    let parsed = || config::parse(&csv_config(dir.path(), &keep), None).unwrap();
    let start = || Engine::start(parsed(), Options::default(), Box::new(Memory::default()));
    let engine = start().await.unwrap();
    let error = start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    assert!(error.to_string().contains("another process"), "{error}");
    drop(engine);

    let state = dir.path().join("state/state.bngs");
    let mut bytes = fs::read(&state).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&state, &bytes).unwrap();
    let mut engine = start().await.unwrap();
    let end = engine.run(std::future::pending()).await.unwrap();
    assert_eq!(end, End::NoMoreData);
    assert_eq!(engine.totals().verdicts, 480);
    assert_eq!(
        fs::read(state.with_extension("bngs.damaged")).unwrap(),
        bytes
    );
}

/// A recording of twenty minutes at five seconds: `steady` all along, `late` from the fifth minute,
/// `gone` until the tenth.
fn write_recording(directory: &Path) -> PathBuf {
    let mut text = String::new();
    for (host, from, to) in [("steady", 0, 240), ("late", 60, 240), ("gone", 0, 120)] {
        let times: Vec<i64> = (from..to).map(|i| 1_700_000_000_000 + 5_000 * i).collect();
        let values: Vec<i64> = (from..to).map(|i| i % 7).collect();
        writeln!(
            text,
            r#"{{"metric":{{"__name__":"load","host":"{host}"}},"values":{values:?},"timestamps":{times:?}}}"#
        )
        .unwrap();
    }
    let path = directory.join("recording.jsonl");
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_query_stops_no_other_and_series_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = format!(
        "source: {{type: replay, path: '{}', speed: 400}}
queries:
  - {{name: bad, expr: 'rate(load[1m])', step: 5s}}
  - {{name: load, expr: load, step: 5s, absent_after: 30s, forget_after: 5m, min_abs_dev: 50}}",
        write_recording(dir.path()).display()
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(memory.clone()))
        .await
        .unwrap();
    let end = engine.run(std::future::pending()).await.unwrap();
    assert_eq!(end, End::NoMoreData);
    let totals = engine.totals();
    let seen = memory.0.lock().unwrap();
    assert!(totals.failures > 0);
    assert!(
        seen.problems
            .iter()
            .any(|p| p.starts_with("bad: the query failed")),
        "{:?}",
        seen.problems
    );
    let judged = |host: &str| -> Vec<&Verdict> {
        let of =
            |(_, v): &&(String, Verdict)| v.labels.get("host") == Some(host) && v.value.is_some();
        seen.verdicts.iter().filter(of).map(|(_, v)| v).collect()
    };
    for host in ["steady", "late", "gone"] {
        let times: Vec<_> = judged(host).iter().map(|v| v.timestamp).collect();
        assert!(times.len() >= 100, "{host}: {} verdicts", times.len());
        assert!(
            times.windows(2).all(|t| t[1].millis_since(t[0]) == 5_000),
            "{host} has holes or repeats"
        );
    }
    assert!(
        seen.fired
            .iter()
            .any(|alert| alert.contains("gone") && alert.contains("absent")),
        "{:?}",
        seen.fired
    );
    assert!(
        seen.resolved.iter().any(|alert| alert.contains("gone")),
        "a forgotten series fires no more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_a_problem_and_not_an_end() {
    let yaml = "source: {type: prometheus, url: 'http://127.0.0.1:9', retries: 0, timeout: 1s}
queries: [{name: load, expr: load}]";
    let memory = Memory::default();
    let config = config::parse(yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(memory.clone()))
        .await
        .unwrap();
    engine.once().await.unwrap();
    assert_eq!(engine.totals().failures, 1);
    let seen = memory.0.lock().unwrap();
    assert!(
        seen.problems[0].contains("127.0.0.1:9"),
        "{:?}",
        seen.problems
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = csv_config(dir.path(), "").replace("'*'", "cpu");
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(memory.clone()))
        .await
        .unwrap();
    engine.once().await.unwrap();
    let seen = memory.0.lock().unwrap();
    assert!(
        seen.problems[0].contains("it has: calm, burst"),
        "{:?}",
        seen.problems
    );
}

/// Ten hours at one minute: `calm` all along; `lost` is high from minute 190 and ends at 200.
fn write_lost(directory: &Path) -> PathBuf {
    let mut text = String::from("timestamp,calm,lost\n");
    for minute in 0..600_i64 {
        let lost = match minute {
            0..190 => (minute % 5).to_string(),
            190..200 => "80".to_owned(),
            _ => String::new(),
        };
        writeln!(text, "{},{},{lost}", 60 * minute, minute % 7).unwrap();
    }
    let path = directory.join("lost.csv");
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alert_of_a_forgotten_series_is_resolved_however_long_it_keeps_firing() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = format!(
        "source: {{type: csv, path: '{}'}}
queries:
  - name: all
    expr: '*'
    min_abs_dev: 20
    absent_after: 5m
    forget_after: 1h
    alert: {{keep_firing_for: 10m}}",
        write_lost(dir.path()).display()
    );
    let (totals, memory) = run(&yaml, Options::default()).await;
    assert_eq!(
        (totals.fired, totals.resolved),
        (1, 1),
        "{:?}",
        memory.0.lock().unwrap().fired
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_nothing_judges_any_more_is_resolved() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = |name: &str| {
        format!(
            "source: {{type: csv, path: '{}'}}
queries: [{{name: {name}, expr: lost, min_abs_dev: 20, absent_after: 5m, forget_after: 0s}}]
state: {{directory: '{}/state'}}",
            write_lost(dir.path()).display(),
            dir.path().display()
        )
    };
    let (first, _) = run(&yaml("old"), Options::default()).await;
    assert_eq!(
        (first.fired, first.resolved),
        (2, 1),
        "high, then absent for ever"
    );
    let parsed = config::parse(&yaml("new").replace("expr: lost", "expr: calm"), None).unwrap();
    let engine = Engine::start(parsed, Options::default(), Box::new(Memory::default()))
        .await
        .unwrap();
    assert_eq!(engine.active().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_after_the_last_save_is_judged_again() {
    let dir = tempfile::tempdir().unwrap();
    let (state, verdicts) = (dir.path().join("state"), dir.path().join("verdicts.csv"));
    let yaml = csv_config(
        dir.path(),
        &format!(
            "state: {{directory: '{}'}}\noutput: {{verdicts: '{}'}}",
            state.display(),
            verdicts.display()
        ),
    );
    let half = |text: &str| {
        text.lines()
            .take(121)
            .map(|row| format!("{row}\n"))
            .collect::<String>()
    };
    let input = dir.path().join("metrics.csv");
    let whole = fs::read_to_string(&input).unwrap();
    fs::write(&input, half(&whole)).unwrap();
    run(&yaml, Options::default()).await;
    let saved = fs::read(state.join("state.bngs")).unwrap();
    let at_save = fs::read_to_string(&verdicts).unwrap();
    fs::write(&input, &whole).unwrap();
    run(&yaml, Options::default()).await;
    let complete = fs::read_to_string(&verdicts).unwrap();
    assert!(complete.starts_with(&at_save) && complete.len() > at_save.len());
    // As if the process had been killed after it wrote the rows and before it saved the state.
    fs::write(state.join("state.bngs"), saved).unwrap();
    fs::write(&verdicts, format!("{complete}1,torn")).unwrap();
    run(&yaml, Options::default()).await;
    assert_eq!(fs::read_to_string(&verdicts).unwrap(), complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_the_series_among_them() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..60).map(|i| format!("c{i}")).collect();
    let mut text = format!("timestamp,{}\n", names.join(","));
    for minute in 0..20 {
        let row: Vec<String> = (0..60).map(|i| format!("{}", (minute + i) % 5)).collect();
        writeln!(text, "{},{}", 60 * minute, row.join(",")).unwrap();
    }
    let path = dir.path().join("metrics.csv");
    fs::write(&path, text).unwrap();
    for replicas in [1, 2] {
        let mut judges = std::collections::BTreeMap::<String, Vec<usize>>::new();
        for index in 0..3 {
            let yaml = format!(
                "source: {{type: csv, path: '{}'}}
queries: [{{name: all, expr: '*'}}]
shard: {{count: 3, index: bongsu-{index}, replicas: {replicas}}}",
                path.display()
            );
            let (_, memory) = run(&yaml, Options::default()).await;
            let seen = memory.0.lock().unwrap();
            for (_, verdict) in &seen.verdicts {
                let name = verdict.labels.metric_name().unwrap().to_owned();
                judges.entry(name).or_default().push(index);
            }
        }
        assert_eq!(judges.len(), 60);
        for (name, mut verdicts) in judges {
            assert_eq!(verdicts.len(), 20 * replicas, "{name}");
            verdicts.dedup();
            assert_eq!(verdicts.len(), replicas, "{name}: {verdicts:?}");
        }
    }
}
