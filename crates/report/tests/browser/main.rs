//! A report in a real browser: reading values, zooming by mouse, keyboard and buttons, and hostile texts.
//!
//! The browser is Chromium (`BONGSU_CHROMIUM`, or `chromium` on the path), driven by Node 20 or later; where
//! one of them is missing, the test says so and passes. `BONGSU_SHOTS=FOLDER` keeps screenshots.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells why it is skipped"
)]

use std::path::Path;
use std::process::Command;

use bongsu_core::{Severity, Timestamp};
use bongsu_report::{AlertRow, Mark, RunReport, Span, SpanKind, TimeSeriesPlot};
use serde_json::Value;

const ATTACK: &str = "</script><img src=x onerror=window.owned=1><script>window.owned=1</script>";

fn at(minute: i64) -> Timestamp {
    Timestamp::from_secs(1_709_593_200 + 60 * minute)
}

fn page() -> String {
    let mut report = RunReport::new(ATTACK, at(0), at(1_440));
    report.time_zone = jiff::tz::TimeZone::get("Asia/Seoul").unwrap();
    let load = |i: i64| 50.0 + 30.0 * (i as f64 / 229.0).sin() + (i * 7_919 % 97) as f64 / 20.0;
    let values: Vec<f64> = (0..1_440)
        .map(|i| {
            if (500..520).contains(&i) {
                150.0
            } else {
                load(i)
            }
        })
        .collect();
    let around = |by: f64| (0..1_440).map(|i| load(i) + by).collect::<Vec<f64>>();
    let marks = (500..520).chain([100]).map(|i| Mark {
        at: at(i),
        value: 150.0,
        score: 3.0,
    });
    let plot = TimeSeriesPlot::new(ATTACK, (0..1_440).map(at).collect(), values)
        .unwrap()
        .subtitle(ATTACK)
        .band(around(0.0), around(-8.0), around(8.0))
        .unwrap()
        .marks(marks)
        .span(Span {
            from: at(500),
            to: at(520),
            label: ATTACK.to_owned(),
            kind: SpanKind::Alert,
        });
    report.panels = vec![plot.clone(), plot];
    report.alerts.push(AlertRow {
        summary: ATTACK.to_owned(),
        series: ATTACK.repeat(10_240 / ATTACK.len()),
        severity: Severity::Major,
        from: at(500),
        to: Some(at(520)),
        panel: Some(0),
        ..AlertRow::default()
    });
    report.to_html().unwrap()
}

/// The browser, where it and what drives it are.
fn browser() -> Option<String> {
    let chromium = std::env::var("BONGSU_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let version = |name: &str| {
        let out = Command::new(name).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let node = version("node").and_then(|text| {
        let major = text.trim_start_matches('v').split('.').next()?;
        major.parse::<u32>().ok()
    });
    if node.is_none_or(|major| major < 20) || version(&chromium).is_none() {
        eprintln!(
            "skipped: needs node 20 or later and `{chromium}` (BONGSU_CHROMIUM names another)"
        );
        return None;
    }
    Some(chromium)
}

#[test]
fn a_report_is_read_and_zoomed_in_a_browser() {
    let Some(chromium) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    std::fs::write(&path, page()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/drive.mjs");
    let out = Command::new("node")
        // Node 20 has web sockets only when asked.
        .arg("--experimental-websocket")
        .arg(script)
        .arg(chromium)
        .arg(format!("file://{}", path.display()))
        .args(std::env::var_os("BONGSU_SHOTS"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let found: Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&out.stderr)));
    assert!(found.get("failed").is_none(), "{found:#}");
    assert_eq!(found["errors"], Value::Array(Vec::new()), "{found:#}");
    for done in [
        "zoomed", "reset", "byKey", "escaped", "byButton", "marks", "buttons",
    ] {
        assert_eq!(found[done], true, "{done}: {found:#}");
    }
    let words = |name: &str| found[name].as_str().unwrap().to_owned();
    assert!(words("hint").contains("zoom"), "{found:#}");
    // 2024-03-05 08:00 in Seoul is where the day begins; its middle is twelve hours on.
    assert!(words("readout").contains("2024-03-05 20:0"), "{found:#}");
    // The middle of its second quarter.
    assert!(words("within").contains("2024-03-05 17:0"), "{found:#}");
    let labels = found["labels"].as_array().unwrap();
    assert!(
        labels.contains(&"15:00".into()) && labels.contains(&"19:00".into()),
        "{found:#}"
    );
    assert!(words("cursor").contains("2024-03-05 08:00"), "{found:#}");
    assert!(words("follows").contains("2024-03-06 07:5"), "{found:#}");
    assert!(
        words("said").contains("5 Mar 2024 14:") && words("said").contains("Escape"),
        "{found:#}"
    );
    assert_eq!(
        found["overflow"], 0,
        "a phone does not scroll sideways: {found:#}"
    );
    assert_eq!(found["printed"], "none", "{found:#}");
    assert_eq!(found["owned"], false, "{found:#}");
    assert_eq!(
        found["inline"], false,
        "the policy forbids other scripts: {found:#}"
    );
    assert_eq!(found["without"], 4, "{found:#}");
}
