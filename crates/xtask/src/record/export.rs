//! From the Prometheus server to `demo.jsonl.gz`: VictoriaMetrics' JSON line export.

use super::Result;
use super::prometheus::{Server, selectors};
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Labels that leave the machine; everything else is dropped.
const KEPT_LABELS: [&str; 4] = ["__name__", "instance", "job", "service"];

/// One series, as a line of the export.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
/// are rounded to twelve significant digits: what a rate has beyond them is rounding noise.
#[allow(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "exact whole numbers below 2^53 only"
)]
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
        Value::from(format!("{number:.11e}").parse::<f64>()?)
    })
}

/// Milliseconds of a timestamp in seconds as Prometheus prints it (at most three decimals).
#[allow(
    clippy::cast_possible_truncation,
    reason = "timestamps fit an i64 by far"
)]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// Keeps the known labels only, so that nothing names the host.
fn scrub(labels: &Value) -> BTreeMap<String, String> {
    KEPT_LABELS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), labels.get(name)?.as_str()?.to_owned())))
        .collect()
}

fn series(result: &Value) -> Result<Series> {
    let metric = scrub(result.get("metric").ok_or("a result without labels")?);
    let samples = result.get("values").and_then(Value::as_array);
    let mut out = Series {
        metric,
        values: Vec::new(),
        timestamps: Vec::new(),
    };
    for sample in samples.ok_or("a result without values")? {
        let time = sample.get(0).and_then(Value::as_f64).ok_or("no time")?;
        let text = sample.get(1).and_then(Value::as_str).ok_or("no value")?;
        out.timestamps.push(millis(time));
        out.values.push(value(text)?);
    }
    Ok(out)
}

/// Every recorded series between `start` and `end` (ms), sorted by name, then labels.
pub(crate) fn fetch(server: &Server, start: i64, end: i64) -> Result<Vec<Series>> {
    let window = end - start;
    let mut all = Vec::new();
    for selector in selectors() {
        let results = server.query(&format!("{selector}[{window}ms]"), end)?;
        if results.is_empty() {
            eprintln!("record: warning: no series for {selector}");
        }
        for result in &results {
            all.push(series(result)?);
        }
    }
    all.sort_by(|a, b| (a.label("__name__"), &a.metric).cmp(&(b.label("__name__"), &b.metric)));
    for pair in all.windows(2) {
        if let [a, b] = pair
            && a.metric == b.metric
        {
            return Err(format!("two series are {:?} after scrubbing", a.metric).into());
        }
    }
    Ok(all)
}

/// Writes the series as gzip (no file name, no time: the bytes depend on the data only).
pub(crate) fn write(path: &Path, all: &[Series]) -> Result<u64> {
    let mut gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    for series in all {
        serde_json::to_writer(&mut gzip, series)?;
        gzip.write_all(b"\n")?;
    }
    let bytes = gzip.finish()?;
    std::fs::write(path, &bytes)?;
    Ok(bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::{Result, millis, scrub, series, value};
    use serde_json::json;

    #[test]
    fn values_follow_victoria_metrics() -> Result<()> {
        assert_eq!(value("NaN")?, json!(null));
        assert_eq!(value("+Inf")?, json!("Infinity"));
        assert_eq!(value("-Inf")?, json!("-Infinity"));
        assert_eq!(value("42")?.to_string(), "42");
        assert_eq!(value("0.125")?, json!(0.125));
        assert_eq!(value("0.13999999999999946")?, json!(0.14));
        Ok(())
    }

    #[test]
    fn only_known_labels_survive() {
        let labels =
            json!({"__name__": "up", "job": "node", "nodename": "secret", "ip": "10.0.0.1"});
        let kept = scrub(&labels);
        assert_eq!(kept.len(), 2);
        assert!(!format!("{kept:?}").contains("secret"));
    }

    #[test]
    fn a_line_has_the_export_shape() -> Result<()> {
        let result = json!({"metric": {"__name__": "up", "job": "node"},
            "values": [[1_795_317_000.123, "1"], [1_795_317_005.123, "NaN"]]});
        let line = serde_json::to_string(&series(&result)?)?;
        assert_eq!(
            line,
            r#"{"metric":{"__name__":"up","job":"node"},"values":[1,null],"timestamps":[1795317000123,1795317005123]}"#
        );
        Ok(())
    }

    #[test]
    fn milliseconds_are_exact() {
        assert_eq!(millis(1_795_317_000.999), 1_795_317_000_999);
    }
}
