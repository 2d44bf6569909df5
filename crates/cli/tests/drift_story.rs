//! Four hours of a service in less than a minute: a metric moves to a new normal, the detectors at
//! work alarm all the time, are trained anew once, and the alarms return to their old rate.
//!
//! With `BLESS=1` the picture in the documentation is drawn anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each test file uses a part of it")]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bongsu::core::Timestamp;
use bongsu::report::{Span, SpanKind, TimeSeriesPlot, Unit};
use support::{free_port, get};

const STEP: i64 = 10;
const START: i64 = 1_700_000_000;
const HOURS: i64 = 4;
/// When the metric moves, in seconds after the start.
const MOVES: i64 = 2 * 3_600;
/// Seconds of the recording in a second.
const SPEED: i64 = 360;

/// A busy metric of four hosts whose level and spread grow at [`MOVES`].
fn recording() -> String {
    let mut noise = 7_u64;
    let mut random = move || {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (noise >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
    };
    let lines = (0..4).map(|host| {
        let times: Vec<i64> = (0..HOURS * 3_600 / STEP)
            .map(|i| (START + i * STEP) * 1_000)
            .collect();
        let values: Vec<f64> = (0..HOURS * 3_600 / STEP)
            .map(|i| {
                let level = if i * STEP < MOVES { 100.0 } else { 170.0 };
                let wave = (i as f64 / 30.0 + f64::from(host)).sin();
                level * (1.0 + 0.04 * wave + 0.1 * (random() + random() + random()))
            })
            .collect();
        format!(
            r#"{{"metric":{{"__name__":"load","host":"h{host}"}},"values":{values:?},"timestamps":{times:?}}}"#
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What the service said of itself at one moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// Seconds after the start, by the data.
    at: i64,
    verdicts: f64,
    anomalies: f64,
    version: f64,
}

fn look(port: u16) -> Option<Look> {
    let text = get(port, "/metrics")?;
    let value = |name: &str| -> Option<f64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    Some(Look {
        at: value("bongsu_query_judged_until_timestamp_seconds")? as i64 - START,
        verdicts: value("bongsu_verdicts_total")?,
        anomalies: value("bongsu_anomalies_total")?,
        version: value("bongsu_model_version").unwrap_or(0.0),
    })
}

/// The share of anomalous points judged between two moments.
fn rate(looks: &[Look], from: i64, to: i64) -> f64 {
    let first = looks.iter().find(|look| look.at >= from).unwrap();
    let last = looks.iter().rev().find(|look| look.at <= to).unwrap();
    let points = last.verdicts - first.verdicts;
    assert!(points > 100.0, "{from} to {to}: {points} points");
    (last.anomalies - first.anomalies) / points
}

fn run(config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args(["run", "--quiet", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// The share of anomalous points over the last three minutes.
fn draw(looks: &[Look], exchanged: i64) -> Vec<u8> {
    let moment = |at: i64| Timestamp::from_secs(START + at);
    let (mut times, mut shares) = (Vec::new(), Vec::new());
    for (i, look) in looks.iter().enumerate() {
        let before = looks[..i].iter().rev().find(|b| b.at <= look.at - 180);
        let Some(before) = before else { continue };
        let points = look.verdicts - before.verdicts;
        if points > 0.0 && times.last().is_none_or(|last| *last < moment(look.at)) {
            times.push(moment(look.at));
            shares.push((look.anomalies - before.anomalies) / points);
        }
    }
    let span = |from, to, label: &str, kind| Span {
        from: moment(from),
        to: moment(to),
        label: label.to_owned(),
        kind,
    };
    let plot = TimeSeriesPlot::new("Anomalous share of the judged points", times, shares)
        .unwrap()
        .subtitle("of the last three minutes, as the service's own metrics tell it")
        .unit(Unit::Ratio)
        .span(span(
            MOVES,
            exchanged,
            "the metric has moved",
            SpanKind::Fault,
        ))
        .span(span(
            exchanged,
            HOURS * 3_600,
            "trained anew",
            SpanKind::Benign,
        ));
    plot.to_png().unwrap()
}

#[test]
fn a_drift_is_answered_by_one_training_and_the_alarms_return_to_their_rate() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("recording.jsonl"), recording()).unwrap();
    let port = free_port();
    fs::write(
        at("bongsu.yaml"),
        format!(
            "source: {{type: replay, path: '{}', speed: {SPEED}}}
queries:
  - name: load
    expr: load
    step: {STEP}s
    detector: hbos
    parameters: {{max_alarm_share: 0.01}}
    training: {{window: 1h, min_points: 100, on_drift: {{wait: 15m, min_age: 30m}}}}
state: {{directory: '{}', save_every: 5s}}
server: {{listen: '127.0.0.1:{port}'}}",
            at("recording.jsonl").display(),
            at("state").display()
        ),
    )
    .unwrap();
    let mut service = run(&at("bongsu.yaml"));
    let (mut looks, mut trainings) = (Vec::new(), Vec::new());
    while service.try_wait().unwrap().is_none() {
        if let Some(look) = look(port) {
            looks.push(look);
            let text = get(port, "/metrics").unwrap_or_default();
            let now = text
                .lines()
                .filter(|l| l.starts_with("bongsu_trainings_total"));
            let now: Vec<String> = now.map(str::to_owned).collect();
            if !now.is_empty() {
                trainings = now;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(service.wait().unwrap().success());

    let exchanged = |reason: &str| {
        let with = format!("reason=\"{reason}\",outcome=\"exchanged\"}}");
        let line = trainings.iter().find(|line| line.contains(&with));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    };
    assert_eq!(exchanged("drift"), 1, "{trainings:?}");
    let first = looks.iter().find(|look| look.at >= MOVES).unwrap().version;
    let anew = looks.iter().find(|look| look.version > first).unwrap().at;
    let rates = [
        (3_600, MOVES),
        (MOVES + 60, anew),
        (anew + 120, HOURS * 3_600),
    ]
    .map(|(from, to)| rate(&looks, from, to));
    assert!(
        rates[0] < 0.05 && rates[1] > 0.2 && rates[2] < 0.05,
        "{rates:?}, trained anew after {anew} s"
    );
    if std::env::var_os("BLESS").is_some() {
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
        fs::write(images.join("retraining.png"), draw(&looks, anew)).unwrap();
    } else {
        assert!(draw(&looks, anew).starts_with(b"\x89PNG"));
    }
}
