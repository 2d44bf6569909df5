//! The keys of the older single-file configuration, translated into today's.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::Error;

/// Every older key.
const KEYS: [&str; 11] = [
    "prometheus_url",
    "metrics",
    "contamination",
    "window_minutes",
    "step",
    "model_path",
    "slack_webhook_url",
    "alertmanager_url",
    "output_csv",
    "drift_detection",
    "run_interval_seconds",
];

/// Translates `value` when it is written with the older keys.
///
/// # Errors
/// When it has other keys besides, one is missing, or a value is of another kind.
pub(super) fn translate(value: &mut Value) -> Result<(), Error> {
    let Some(old) = value.as_object() else {
        return Ok(());
    };
    if !old.contains_key("prometheus_url") || old.contains_key("source") {
        return Ok(());
    }
    if let Some(other) = old.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Error::config(format!(
            "{other}: is not one of the older keys ({}), which cannot be mixed with others",
            KEYS.join(", ")
        )));
    }
    tracing::info!("the configuration is written with the older keys, which are translated");
    *value = Older(old).translated()?;
    Ok(())
}

struct Older<'a>(&'a Map<String, Value>);

impl Older<'_> {
    fn translated(&self) -> Result<Value, Error> {
        let mut new = Map::new();
        let url = self.text("prometheus_url")?.unwrap_or_default();
        new.insert(
            "source".to_owned(),
            json!({"type": "prometheus", "url": url}),
        );
        new.insert("queries".to_owned(), Value::Array(self.queries()?));
        let mut sinks = Vec::new();
        if let Some(url) = self.text("slack_webhook_url")? {
            sinks.push(json!({"type": "slack", "url": url}));
        }
        if let Some(url) = self.text("alertmanager_url")? {
            let url = url.trim_end_matches('/');
            let base = ["/api/v1/alerts", "/api/v2/alerts"]
                .iter()
                .find_map(|path| url.strip_suffix(path));
            sinks.push(json!({"type": "alertmanager", "urls": [base.unwrap_or(url)]}));
        }
        new.insert("sinks".to_owned(), Value::Array(sinks));
        if let Some(path) = self.text("model_path")? {
            // What it has learned is a folder today.
            let folder = Path::new(&path).with_extension("");
            new.insert("state".to_owned(), json!({"directory": folder}));
        }
        if let Some(path) = self.text("output_csv")? {
            new.insert("output".to_owned(), json!({"verdicts": path}));
        }
        Ok(Value::Object(new))
    }

    fn queries(&self) -> Result<Vec<Value>, Error> {
        let metrics = self.0.get("metrics").and_then(Value::as_array);
        let metrics = metrics.ok_or_else(|| wrong("metrics", "a list of metrics"))?;
        let minutes = self.number("window_minutes")?.unwrap_or(60.0);
        let step = self.text("step")?.unwrap_or_else(|| "60s".to_owned());
        let seconds =
            bongsu_core::parse_duration(&step).map_err(|e| wrong("step", &e.to_string()))?;
        let points = (minutes * 60.0 / seconds.as_secs_f64().max(0.001))
            .round()
            .clamp(16.0, 1_048_576.0) as u32;
        let contamination = self.number("contamination")?.unwrap_or(0.01);
        let drift = match self.0.get("drift_detection") {
            None | Some(Value::Null) => false,
            Some(value) => value
                .as_bool()
                .ok_or_else(|| wrong("drift_detection", "true or false"))?,
        };
        let interval = self.number("run_interval_seconds")?.unwrap_or(3_600.0);
        let mut names: Vec<String> = Vec::new();
        let mut queries = Vec::new();
        for metric in metrics {
            let expr = metric
                .as_str()
                .ok_or_else(|| wrong("metrics", "a list of texts"))?;
            let name = free_name(expr, &names);
            let mut query = json!({
                "name": name,
                "expr": expr,
                "step": step,
                "interval": format!("{}s", interval.max(0.0).round()),
                "window": format!("{}s", (minutes * 60.0).round()),
                "detector": "isolation-forest",
                "parameters": {
                    "contamination": contamination,
                    "history": points,
                    "min_points": points.min(100),
                },
            });
            if drift && let Some(query) = query.as_object_mut() {
                let training = json!({
                    "window": format!("{}s", (minutes * 120.0).round()),
                    "min_points": points / 2,
                    "on_drift": {"detector": "adwin", "min_age": "1h"},
                });
                query.insert("training".to_owned(), training);
            }
            names.push(name);
            queries.push(query);
        }
        Ok(queries)
    }

    /// A text that is there and not empty.
    fn text(&self, key: &str) -> Result<Option<String>, Error> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(wrong(key, "a text")),
        }
    }

    fn number(&self, key: &str) -> Result<Option<f64>, Error> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_f64()
                .filter(|number| number.is_finite() && *number >= 0.0)
                .map(Some)
                .ok_or_else(|| wrong(key, "a number, at least 0")),
        }
    }
}

fn wrong(key: &str, domain: &str) -> Error {
    Error::config(format!("{key}: must be {domain}"))
}

/// A short name for the query of `expr`, unlike those that are taken.
fn free_name(expr: &str, taken: &[String]) -> String {
    let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let name: String = words.join("_").chars().take(60).collect();
    let mut free = name.clone();
    let mut number = 1;
    while taken.contains(&free) {
        number += 1;
        free = format!("{name}_{number}");
    }
    free
}

#[cfg(test)]
mod tests {
    use crate::config::{SinkConfig, SourceConfig, parse};

    const OLD: &str = "
prometheus_url: http://prometheus:9090
metrics:
  - rate(http_requests_total[5m])
  - 'node_load1{job=\"a\"}'
  - 'node_load1{job=\"a\"}'
contamination: 0.02
window_minutes: 90
step: 30s
model_path: models/forest.pkl
slack_webhook_url: ''
alertmanager_url: http://alertmanager:9093/api/v1/alerts
output_csv: anomalies.csv
drift_detection: true
";

    #[test]
    fn the_older_keys_are_translated() {
        let config = parse(OLD, None).unwrap();
        assert!(
            matches!(&config.source, SourceConfig::Prometheus { url, .. } if url == "http://prometheus:9090")
        );
        let names: Vec<&str> = config.queries.iter().map(|q| q.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "rate_http_requests_total_5m",
                "node_load1_job_a",
                "node_load1_job_a_2"
            ]
        );
        let query = &config.queries[0];
        assert_eq!(query.detector, "isolation-forest");
        assert_eq!(
            (query.step.millis(), query.window.millis()),
            (30_000, 5_400_000)
        );
        assert_eq!(query.interval.millis(), 3_600_000);
        assert_eq!(query.parameter_texts()["contamination"], "0.02");
        assert_eq!(query.parameter_texts()["history"], "180");
        assert!(query.training.as_ref().unwrap().on_drift.is_some());
        assert_eq!(config.sinks.len(), 1);
        assert!(
            matches!(&config.sinks[0], SinkConfig::Alertmanager { urls, .. } if urls == &["http://alertmanager:9093"])
        );
        assert_eq!(
            config.state.directory.unwrap().to_str(),
            Some("models/forest")
        );
        assert_eq!(
            config.output.verdicts.unwrap().to_str(),
            Some("anomalies.csv")
        );
    }

    #[test]
    fn the_least_of_the_older_keys_is_enough() {
        let config = parse("{prometheus_url: 'http://p:9090', metrics: [up]}", None).unwrap();
        assert_eq!(config.queries[0].parameter_texts()["history"], "60");
        assert!(config.queries[0].training.is_none() && config.sinks.is_empty());
    }

    #[test]
    fn older_keys_are_strict_too() {
        for (more, word) in [
            (
                "windows_minutes: 5",
                "windows_minutes: is not one of the older keys",
            ),
            ("queries: []", "queries: is not one of the older keys"),
            ("contamination: high", "contamination: must be a number"),
            (
                "drift_detection: 1",
                "drift_detection: must be true or false",
            ),
            ("step: 5 apples", "step: must be"),
            ("contamination: 0.9", "contamination"),
        ] {
            let text = format!("prometheus_url: 'http://p:9090'\nmetrics: [up]\n{more}\n");
            let error = parse(&text, None).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let error = parse("{prometheus_url: 'http://p:9090'}", None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("metrics: must be a list"), "{error}");
    }
}
