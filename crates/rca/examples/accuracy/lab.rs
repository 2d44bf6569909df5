//! The recording of `examples/lab`, which lies in the repository, or another one in the folder that
//! `BONGSU_LAB` names.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use bongsu_core::Timestamp;
use bongsu_rca::{Graph, Metric, Observations, Provenance};
use flate2::read::GzDecoder;
use serde_json::Value;

/// The series of a case, one a metric and service, as `lab cases` writes them.
const METRICS: [&str; 18] = [
    "up",
    "service:requests:rate10s",
    "service:errors:rate10s",
    "service:latency_seconds:mean10s",
    "service:latency_seconds:p95_10s",
    "service:in_flight:mean10s",
    "service:queue_depth:mean10s",
    "pool_in_use",
    "service:pool_wait_seconds:rate10s",
    "service:lock_wait_seconds:rate10s",
    "service:calls:rate10s",
    "service:failed_calls:rate10s",
    "service:cache_misses:ratio10s",
    "service:cpu:rate10s",
    "process_resident_memory_bytes",
    "process_threads",
    "process_open_fds",
    "open_connections",
];

/// An incident of the lab, or a window without a fault.
pub(crate) struct LabCase {
    /// What was done.
    pub(crate) kind: String,
    /// To which service.
    pub(crate) service: String,
    /// False where nobody should be woken.
    pub(crate) fault: bool,
    pub(crate) data: Observations,
    pub(crate) onset: Timestamp,
    pub(crate) graph: Graph,
}

/// Labels, times in milliseconds and values of a series.
type Line = (BTreeMap<String, String>, Vec<i64>, Vec<f64>);

/// Every case of the recording.
pub(crate) fn cases() -> Vec<LabCase> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/lab/recording");
    let folder = std::env::var_os("BONGSU_LAB").map_or(here, PathBuf::from);
    let mut cases = Vec::new();
    for round in 1.. {
        let labels = folder.join(format!("round-{round}.labels.json"));
        let Ok(labels) = std::fs::read_to_string(labels) else {
            break;
        };
        let labels: Value = serde_json::from_str(&labels).unwrap();
        let series = read(&folder.join(format!("round-{round}.jsonl.gz")));
        let graph = graph(&series);
        let number = |of: &Value, name: &str| of[name].as_i64().unwrap();
        let step = 1000 * number(&labels, "scrape_seconds");
        let normal = 1000 * number(&labels, "normal_seconds");
        for incident in labels["incidents"].as_array().unwrap() {
            let (onset, to) = (number(incident, "from"), number(incident, "to"));
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            cases.push(LabCase {
                kind: text(&incident["kind"]),
                service: text(&incident["where"]["service"]),
                fault: incident["fault"].as_bool().unwrap(),
                data: window(&series, onset - normal / step * step, to, step),
                onset: Timestamp::from_millis(onset),
                graph: graph.clone(),
            });
        }
    }
    cases
}

fn read(path: &PathBuf) -> Vec<Line> {
    let lines = BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap())).lines();
    let line = |line: std::io::Result<String>| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let list = |name: &str| line[name].as_array().unwrap().iter();
        let times = list("timestamps").map(|t| t.as_i64().unwrap()).collect();
        let values = list("values")
            .map(|v| v.as_f64().unwrap_or(f64::NAN))
            .collect();
        (
            serde_json::from_value(line["metric"].clone()).unwrap(),
            times,
            values,
        )
    };
    lines.map(line).collect()
}

/// Who called whom.
fn graph(series: &[Line]) -> Graph {
    let mut graph = Graph::new();
    for (labels, _, values) in series {
        let calls = labels["__name__"] == "traces_service_graph_request_total";
        if calls && values.iter().any(|v| *v > 0.0) {
            graph.add(&labels["client"], &labels["server"], Provenance::Traffic);
        }
    }
    graph
}

/// Rows every `step` milliseconds: the last value in one and a half steps before each.
fn window(series: &[Line], from: i64, to: i64, step: i64) -> Observations {
    let rows: Vec<i64> = (from..to).step_by(step as usize).collect();
    let (mut metrics, mut columns) = (Vec::new(), Vec::new());
    for (labels, times, values) in series {
        if !METRICS.contains(&labels["__name__"].as_str()) {
            continue;
        }
        metrics.push(Metric::new(&labels["service"], &labels["__name__"]));
        let value = |row: &i64| {
            let place = times.partition_point(|time| time <= row).checked_sub(1);
            let place = place.filter(|&i| times[i] > row - step - step / 2);
            place.map_or(f64::NAN, |i| values[i])
        };
        columns.push(rows.iter().map(value).collect());
    }
    let times = rows.into_iter().map(Timestamp::from_millis).collect();
    Observations::new(times, metrics, columns).unwrap()
}
