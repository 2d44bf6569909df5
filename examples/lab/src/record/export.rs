//! `round-N.jsonl.gz`: VictoriaMetrics' JSON line export, as the demo's recording.

use crate::Result;
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

/// Labels that leave the machine; everything else is dropped.
const KEPT_LABELS: [&str; 7] = [
    "__name__", "client", "instance", "job", "server", "service", "status",
];

/// One series, as a line of the export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    /// Labels with `__name__`.
    pub(crate) metric: BTreeMap<String, String>,
    /// Values as JSON: numbers, `null` for NaN, `"Infinity"` and `"-Infinity"`.
    pub(crate) values: Vec<Value>,
    /// Milliseconds since the Unix epoch.
    pub(crate) timestamps: Vec<i64>,
}

impl Series {
    /// The value of a label, empty when absent.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.metric.get(name).map_or("", String::as_str)
    }

    /// Numeric samples with `from <= t < to`.
    pub(crate) fn between(&self, from: i64, to: i64) -> Vec<f64> {
        let samples = self.timestamps.iter().zip(&self.values);
        samples
            .filter(|(t, _)| (from..to).contains(*t))
            .filter_map(|(_, v)| v.as_f64())
            .collect()
    }
}

/// A sample value in the form VictoriaMetrics exports: whole numbers without a fraction. Others
/// are rounded to five significant digits: a recording need not be larger than what it knows.
fn value(text: &str) -> Result<Value> {
    let number: f64 = text.parse()?;
    Ok(if number.is_nan() {
        Value::Null
    } else if number.is_infinite() {
        Value::from(if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        })
    } else if number == number.trunc() && number.abs() < 9e15 {
        Value::from(number as i64)
    } else {
        Value::from(format!("{number:.4e}").parse::<f64>()?)
    })
}

/// A series from an element of a query's result.
pub(crate) fn series(result: &Value) -> Result<Series> {
    let labels = result.get("metric").ok_or("a result without labels")?;
    let metric = KEPT_LABELS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), labels.get(name)?.as_str()?.to_owned())));
    let mut out = Series {
        metric: metric.collect(),
        values: Vec::new(),
        timestamps: Vec::new(),
    };
    let samples = result.get("values").and_then(Value::as_array);
    for sample in samples.ok_or("a result without values")? {
        let time = sample.get(0).and_then(Value::as_f64).ok_or("no time")?;
        let text = sample.get(1).and_then(Value::as_str).ok_or("no value")?;
        out.timestamps.push((time * 1000.0).round() as i64);
        out.values.push(value(text)?);
    }
    Ok(out)
}

/// Writes the series as gzip (no file name, no time: the bytes depend on the data only), whole or
/// not at all.
pub(crate) fn write(path: &Path, all: &[Series]) -> Result<u64> {
    let mut gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    for series in all {
        serde_json::to_writer(&mut gzip, series)?;
        gzip.write_all(b"\n")?;
    }
    let bytes = gzip.finish()?;
    let part = path.with_extension("part");
    std::fs::write(&part, &bytes)?;
    std::fs::rename(&part, path)?;
    Ok(bytes.len() as u64)
}

/// Reads what [`write`] wrote.
pub(crate) fn read(path: &Path) -> Result<Vec<Series>> {
    let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect()
}

/// Who calls whom, as `bongsu rca --graph` reads it, from the counters of the callers.
pub(crate) fn graph<'a>(all: impl Iterator<Item = &'a Series>) -> Result<String> {
    let mut calls: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for series in all {
        let called = series
            .values
            .iter()
            .any(|v| v.as_f64().is_some_and(|v| v > 0.0));
        if series.label("__name__") == "traces_service_graph_request_total" && called {
            let (client, server) = (series.label("client"), series.label("server"));
            calls.entry(client).or_default().insert(server);
            calls.entry(server).or_default();
        }
    }
    let mut text =
        "# Who calls whom, from traces_service_graph_request_total of the recording.\nservices:\n"
            .to_owned();
    for (service, callees) in calls {
        let callees: Vec<&str> = callees.into_iter().collect();
        text.push_str(&format!(
            "  - {{name: {service}, dependencies: [{}]}}\n",
            callees.join(", ")
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Result, graph, series, value};
    use serde_json::json;

    #[test]
    fn values_follow_victoria_metrics() -> Result {
        assert_eq!(value("NaN")?, json!(null));
        assert_eq!(value("+Inf")?, json!("Infinity"));
        assert_eq!(value("42")?.to_string(), "42");
        assert_eq!(value("0.123456789")?, json!(0.12346));
        Ok(())
    }

    #[test]
    fn only_known_labels_survive() -> Result {
        let result = json!({"metric": {"__name__": "up", "service": "cache", "ip": "10.0.0.1"},
            "values": [[1_795_317_000.123, "1"], [1_795_317_002.123, "NaN"]]});
        let line = serde_json::to_string(&series(&result)?)?;
        assert_eq!(
            line,
            r#"{"metric":{"__name__":"up","service":"cache"},"values":[1,null],"timestamps":[1795317000123,1795317002123]}"#
        );
        Ok(())
    }

    #[test]
    fn the_graph_holds_calls_that_were_made() -> Result {
        let edge = |client: &str, server: &str, count: &str| {
            series(
                &json!({"metric": {"__name__": "traces_service_graph_request_total",
                "client": client, "server": server}, "values": [[1.0, count]]}),
            )
        };
        let all = [edge("a", "b", "3")?, edge("a", "c", "0")?];
        let text = graph(all.iter())?;
        assert!(
            text.contains("{name: a, dependencies: [b]}")
                && text.contains("{name: b, dependencies: []}")
        );
        assert!(!text.contains('c') || !text.contains("name: c"));
        Ok(())
    }
}
