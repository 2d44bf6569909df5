//! `bongsu config`, and what every command does with its output.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const VALID: &str = "
source: {type: prometheus, url: 'http://localhost:9090'}
queries:
  - {name: cpu, expr: up, step: 30s}
";

fn bongsu(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn with_config(dir: &Path, text: &str, command: &[&str]) -> Output {
    let path = dir.join("bongsu.yaml");
    fs::write(&path, text).unwrap();
    let mut args = command.to_vec();
    args.extend(["--config", path.to_str().unwrap()]);
    bongsu(&args)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_valid_configuration_is_told_on_standard_error() {
    let dir = tempfile::tempdir().unwrap();
    let output = with_config(dir.path(), VALID, &["config", "check"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(output.stdout.is_empty());
    assert!(said(&output).contains("is valid: 1 queries, 0 sinks"));
}

#[test]
fn what_a_run_would_refuse_is_refused_by_the_check() {
    let dir = tempfile::tempdir().unwrap();
    for (text, message) in [
        (VALID.replace("http://localhost", "localhost"), "source"),
        (
            VALID.replace("http://localhost", "http://ann:hunter2@localhost"),
            "source.auth",
        ),
        (
            VALID.replace("9090'}", "9090', auth: {type: bearer, token: [hunter2]}}"),
            "source",
        ),
        (
            VALID.replace("9090'}", "9090', auth: {type: bearer, token: \"hunter2}"),
            "line ",
        ),
        (
            format!("{VALID}sinks: [{{type: webhook, url: 'hunter2'}}]\n"),
            "sinks[0]",
        ),
        (
            VALID.replace("step: 30s", "alert: {labels: {query: x}}"),
            "queries[0].alert.labels.query",
        ),
        (
            VALID.replace("step: 30s", "absent_after: 10m, forget_after: 5m"),
            "queries[0].forget_after",
        ),
    ] {
        for command in [&["config", "check"][..], &["run", "--once"]] {
            let output = with_config(dir.path(), &text, command);
            let said = said(&output);
            assert_eq!(output.status.code(), Some(2), "{text}: {said}");
            assert!(said.contains(message), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{text}: {said}");
            assert!(output.stdout.is_empty(), "{text}");
        }
    }
}

#[test]
fn a_dry_run_prints_its_verdicts_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..40).map(|i| format!("{},{}\n", 60 * i, i % 3)).collect();
    let (table, state) = (dir.path().join("a.csv"), dir.path().join("state"));
    fs::write(&table, format!("timestamp,a\n{rows}")).unwrap();
    let config = format!(
        "source: {{type: csv, path: '{}'}}\nqueries: [{{name: a, expr: a, step: 1m}}]\nstate: {{directory: '{}'}}\n",
        table.display(),
        state.display()
    );
    let output = with_config(dir.path(), &config, &["run", "--dry-run"]);
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("timestamp,query,"), "{printed}");
    assert_eq!(printed.lines().count(), 41, "{printed}");
    assert!(!state.exists());
}

#[test]
fn the_version_names_the_program() {
    let output = bongsu(&["--version"]);
    let version = String::from_utf8(output.stdout).unwrap();
    assert_eq!(version, format!("bongsu {}\n", env!("CARGO_PKG_VERSION")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    for args in [
        &["completions", "bash"][..],
        &["config", "schema"],
        &["detect", "--list"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .args(args)
            .stdout(full)
            .output()
            .unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        // The message itself cannot be written either.
        let full = || fs::File::options().write(true).open("/dev/full").unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .args(args)
            .stdout(full())
            .stderr(full())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(1), "{args:?}");
    }
}

#[test]
fn rules_pass_promtool() {
    let dir = tempfile::tempdir().unwrap();
    let unwritten = with_config(dir.path(), VALID, &["config", "rules"]);
    let unwritten = String::from_utf8(unwritten.stdout).unwrap();
    assert!(unwritten.contains("BongsuAbsent") && !unwritten.contains("bongsu_anomaly_score"));
    let runbook = include_str!("../../../docs/operations.md");
    for line in unwritten.lines() {
        if let Some((_, alert)) = line.split_once("alert: ") {
            assert!(runbook.contains(&format!("### {alert}\n")), "{alert}");
        }
    }
    let text = VALID.replace(
        "step: 30s}",
        "step: 30s, alert: {for: 90s, keep_firing_for: 5m, severity: major, labels: {team: a}}}\n  - {name: 'a \\\"b', expr: up}\n  - {name: third, expr: up}",
    );
    let text =
        format!("{text}output: {{remote_write: {{url: 'http://localhost:9090/api/v1/write'}}}}\n");
    let output = with_config(dir.path(), &text, &["config", "rules"]);
    assert!(output.status.success(), "{}", said(&output));
    let rules = String::from_utf8(output.stdout).unwrap();
    for part in [
        "bongsu_anomaly_score{query=",
        "for: 1m30s",
        "keep_firing_for: 5m",
        "severity: major",
        "team: a",
    ] {
        assert!(rules.contains(part), "{part}\n{rules}");
    }
    let path = dir.path().join("rules.yaml");
    fs::write(&path, &rules).unwrap();
    let check = Command::new("promtool")
        .args(["check", "rules"])
        .arg(&path)
        .output()
        .expect("promtool, of Debian's package prometheus");
    let told = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{told}\n{}\n{rules}", said(&check));
    assert!(told.contains("20 rules found"), "{told}");
}

/// Stages of queries of different intervals: the seconds that each time takes, and whether that is
/// told of as too slow.
const STAGES: [(u32, u32, bool); 6] = [
    (60, 20, false),
    (60, 40, true),
    (600, 390, true),
    (3_600, 480, false),
    (3_600, 1_700, false),
    (3_600, 3_240, true),
];

#[test]
fn slow_stages_are_told_of_whatever_the_interval() {
    let dir = tempfile::tempdir().unwrap();
    let rules = with_config(dir.path(), VALID, &["config", "rules"]);
    fs::write(dir.path().join("rules.yaml"), rules.stdout).unwrap();
    let mut test = String::from("rule_files: [rules.yaml]\nevaluation_interval: 1m\ntests:\n");
    for (interval, took, slow) in STAGES {
        let minutes = (interval / 60) as usize;
        let samples = |each: u32| -> String {
            let of_one = |run: u32| vec![(run * each).to_string(); minutes].join(" ");
            let runs = 24_000 / interval;
            (0..runs).map(of_one).collect::<Vec<_>>().join(" ")
        };
        let alerts = if slow {
            let labels = "query: q, stage: judge, severity: warning";
            let share = f64::from(took) / f64::from(interval) * 100.0;
            let share = format!("{share:.2}");
            let share = share.trim_end_matches('0').trim_end_matches('.');
            format!(
                "[{{exp_labels: {{{labels}}}, exp_annotations: {{summary: 'The stage judge of q takes \
                 {share}% of the interval'}}}}]"
            )
        } else {
            "[]".to_owned()
        };
        test += &format!(
            "- interval: 1m
  input_series:
  - {{series: 'bongsu_query_interval_seconds{{query=\"q\"}}', values: '{interval}x400'}}
  - {{series: 'bongsu_stage_duration_seconds_sum{{query=\"q\",stage=\"judge\"}}', values: '{}'}}
  - {{series: 'bongsu_stage_duration_seconds_count{{query=\"q\",stage=\"judge\"}}', values: '{}'}}
  alert_rule_test:
",
            samples(took),
            samples(1)
        );
        // The first times are not over yet.
        for at in (181..380).step_by(17) {
            test +=
                &format!("  - {{eval_time: {at}m, alertname: BongsuSlow, exp_alerts: {alerts}}}\n");
        }
    }
    // One of a minute that becomes slow at the 200th, and fast again at the 300th.
    test += "- interval: 1m
  input_series:
  - {series: 'bongsu_query_interval_seconds{query=\"q\"}', values: '60x400'}
  - {series: 'bongsu_stage_duration_seconds_sum{query=\"q\",stage=\"judge\"}', values: '0+1x200 260+60x99 6201+1x100'}
  - {series: 'bongsu_stage_duration_seconds_count{query=\"q\",stage=\"judge\"}', values: '0+1x400'}
  promql_expr_test:
  - {expr: 'count(ALERTS{alertname=\"BongsuSlow\",alertstate=\"firing\"})', eval_time: 195m, exp_samples: []}
  - {expr: 'count(ALERTS{alertname=\"BongsuSlow\",alertstate=\"firing\"})', eval_time: 230m, exp_samples: [{labels: '{}', value: 1}]}
  - {expr: 'count(ALERTS{alertname=\"BongsuSlow\",alertstate=\"firing\"})', eval_time: 320m, exp_samples: []}
";
    let path = dir.path().join("test.yaml");
    fs::write(&path, &test).unwrap();
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .arg(&path)
        .output()
        .expect("promtool, of Debian's package prometheus");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        said(&output)
    );
}

#[test]
fn the_source_is_asked_every_query() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.csv"), "timestamp,a,b\n0,1,2\n60,3,\n").unwrap();
    let config = |queries: &str| {
        let path = dir.path().join("x.csv");
        format!(
            "source: {{type: csv, path: '{}'}}\nqueries: [{queries}]\n",
            path.display()
        )
    };
    let good = config("{name: first, expr: a}, {name: all, expr: '*'}");
    let output = with_config(dir.path(), &good, &["config", "check", "--server"]);
    assert!(output.status.success(), "{}", said(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("first: 1 series, 2 points from 1970-01-01T00:00:00Z to"),
        "{told}"
    );
    assert!(told.contains("all: 2 series"), "{told}");
    let bad = config("{name: first, expr: a}, {name: none, expr: c}");
    let output = with_config(dir.path(), &bad, &["config", "check", "--server"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        told.contains("none: failed after") && told.contains("it has: a, b"),
        "{told}"
    );
    assert!(said(&output).contains("1 of 2 queries failed"));
    let away = VALID
        .replace("9090'}", "1', retries: 0}")
        .replace("localhost", "127.0.0.1");
    let output = with_config(dir.path(), &away, &["config", "check", "--server"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

#[test]
fn the_http_server_is_described() {
    let output = bongsu(&["config", "openapi"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"openapi\": \"3.1.0\"") && text.contains("/api/v1/silences"));
}
