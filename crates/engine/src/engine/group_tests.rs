//! Groups on the bundled recording of real services: the processor time and the requests of each.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bongsu_core::{Labels, METRIC_NAME, Series, Timestamp, Verdict};

use super::{Engine, Options};
use crate::config::{QueryConfig, parse};
use crate::source::Source;
use crate::{Observer, SavedState};

#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<Verdict>>>);

impl Observer for Memory {
    fn verdicts(&mut self, _: &QueryConfig, verdicts: &[Verdict]) {
        self.0.lock().unwrap().extend(verdicts.iter().cloned());
    }
}

const STEP: i64 = 5_000;

/// The two metrics of every service, rounded up to the grid.
fn recorded() -> Vec<Series> {
    let packed: &[u8] = include_bytes!("../../recordings/demo.jsonl.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    let mut all = Vec::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let Ok(metric) = serde_json::from_value::<BTreeMap<String, String>>(line["metric"].clone())
        else {
            continue;
        };
        let wanted = ["service:cpu:rate30s", "service:requests:rate30s"];
        if !wanted.contains(&metric[METRIC_NAME].as_str()) {
            continue;
        }
        let mut series = Series::empty(Labels::from_pairs(metric).unwrap());
        let times = line["timestamps"].as_array().unwrap();
        let values = line["values"].as_array().unwrap();
        for (time, value) in times.iter().zip(values) {
            let time = Timestamp::from_millis(time.as_i64().unwrap()).align_up(STEP);
            if let Some(value) = value.as_f64() {
                series.push(time, value).unwrap();
            }
        }
        all.push(series);
    }
    assert_eq!(all.len(), 8);
    all
}

/// `series` up to the row `rows`, without those of `away` of the processor time of `store`, and with
/// the requests of `orders` at row `broken` as at a time of another load.
fn cut(series: &[Series], rows: usize, away: std::ops::Range<usize>, broken: usize) -> Vec<Series> {
    let first = series
        .iter()
        .filter_map(|s| s.timestamps().first())
        .min()
        .copied()
        .unwrap();
    let cut = |series: &Series| {
        let labels = series.labels();
        let is = |name: &str, instance: &str| {
            labels.metric_name() == Some(name) && labels.get("instance") == Some(instance)
        };
        let mut kept = Series::empty(labels.clone());
        for (time, value) in series.iter() {
            let row = (time.millis_since(first) / STEP) as usize;
            let gone = is("service:cpu:rate30s", "store") && away.contains(&row);
            if row < rows && !gone {
                let other = is("service:requests:rate30s", "orders") && row == broken;
                let value = if other { 0.4 * value } else { value };
                kept.push(time, value).unwrap();
            }
        }
        kept
    };
    series.iter().map(cut).collect()
}

const PAIR: &str = "{step: 5s, detector: pca, name: services,
    parameters: {history: 300, refit: 100, max_alarm_share: 0.005},
    group: {by: [instance], max_gap: 20s,
        channels: {cpu: 'service:cpu:rate30s', requests: 'service:requests:rate30s'}}}";

async fn verdicts(folder: &Path, query: &str, series: Vec<Series>) -> Vec<Verdict> {
    let yaml = format!(
        "source: {{type: csv, path: none.csv}}\nqueries: [{query}]\nstate: {{directory: '{}'}}",
        folder.display()
    );
    let config = parse(&yaml, None).unwrap();
    config.validate().unwrap();
    let memory = Memory::default();
    let mut engine = Engine::with_source(
        config,
        Source::Fixed(series),
        Options::default(),
        Box::new(memory.clone()),
    )
    .unwrap();
    Box::pin(engine.once()).await.unwrap();
    Box::pin(engine.close()).await;
    Arc::into_inner(memory.0).unwrap().into_inner().unwrap()
}

#[tokio::test]
async fn a_real_pair_is_judged_together_and_a_restart_changes_nothing() {
    let all = recorded();
    let (away, broken) = (300..340, 250);
    let folder = tempfile::tempdir().unwrap();
    let whole = verdicts(folder.path(), PAIR, cut(&all, 400, away.clone(), broken)).await;

    let folder = tempfile::tempdir().unwrap();
    // The restart falls into the absence of a channel.
    let mut parts = verdicts(folder.path(), PAIR, cut(&all, 320, away.clone(), broken)).await;
    let saved = SavedState::read(folder.path()).unwrap();
    let saved: Vec<_> = saved
        .series()
        .map(|s| s.channels)
        .map(|c| c.join(","))
        .collect();
    assert_eq!(saved, ["cpu,requests"; 4]);
    parts.extend(verdicts(folder.path(), PAIR, cut(&all, 400, away.clone(), broken)).await);
    assert_eq!(whole, parts);

    let of = |instance: &str| {
        let own = whole
            .iter()
            .filter(|v| v.labels.get("instance") == Some(instance));
        own.cloned().collect::<Vec<Verdict>>()
    };
    let first = whole.first().unwrap().timestamp;
    let row = |v: &Verdict| (v.timestamp.millis_since(first) / STEP) as usize;
    let summary = |v: &Verdict| {
        v.explanation
            .as_ref()
            .map_or(String::new(), |why| why.summary.clone())
    };

    // The load was normal at its own height, but not for that processor time.
    let orders = of("orders");
    let found = orders.iter().find(|v| row(v) == broken).unwrap();
    assert!(found.anomalous, "{found:?}");
    let around = orders
        .iter()
        .filter(|v| (broken - 40..broken + 40).contains(&row(v)));
    let alarms = around.filter(|v| v.anomalous).count();
    assert!(alarms <= 4, "{alarms} rows about it are anomalous");

    let store = of("store");
    let named: Vec<usize> = store
        .iter()
        .filter(|v| summary(v).contains("missing: cpu"))
        .map(row)
        .collect();
    assert_eq!(named, (away.start + 4..away.end).collect::<Vec<_>>());
    let back = store
        .iter()
        .filter(|v| (away.end..away.end + 20).contains(&row(v)));
    assert!(back.filter(|v| v.anomalous).count() <= 1);
}

/// Three metrics of two hosts, of which `disk` comes after the first stretch that is judged at once.
fn made(rows: i64, disk_from: i64) -> Vec<Series> {
    let mut all = Vec::new();
    for host in ["a", "b"] {
        for (k, name) in ["cpu", "disk", "memory"].into_iter().enumerate() {
            let labels = Labels::from_pairs([(METRIC_NAME, name), ("host", host)]).unwrap();
            let mut series = Series::empty(labels);
            for i in 0..rows {
                if name != "disk" || i >= disk_from {
                    let wiggle = (i * (7 + k as i64) % 23) as f64 + (i * 13 % 17) as f64;
                    series.push(Timestamp::from_secs(60 * i), wiggle).unwrap();
                }
            }
            all.push(series);
        }
    }
    all
}

#[tokio::test]
async fn a_trained_group_takes_a_new_channel_in_by_a_training() {
    let query = |new_channels: &str| {
        format!(
            "{{name: hosts, expr: '*', step: 1m, detector: hbos,
            parameters: {{max_alarm_share: 0.05}},
            group: {{by: [host], new_channels: {new_channels}}},
            training: {{window: 10h, min_points: 60, max_alarm_rate: 0.5}}}}"
        )
    };
    for (new_channels, version, channels) in [
        ("retrain", 2, "cpu,disk,memory"),
        ("ignore", 1, "cpu,memory"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let series = made(1_900, 1_100);
        let found = verdicts(folder.path(), &query(new_channels), series).await;
        assert!(found.iter().any(|v| v.score.is_some()));
        let saved = SavedState::read(folder.path()).unwrap();
        assert_eq!(saved.queries().next().unwrap().model_version, version);
        let names: Vec<String> = saved.series().map(|s| s.channels.join(",")).collect();
        assert_eq!(names, [channels, channels]);
    }
}
