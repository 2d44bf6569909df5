//! The Prometheus server of a round: configuration, recording rules, what it recorded.

use super::export::{self, Series};
use super::process::Managed;
use crate::Result;
use crate::service::Role;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Recording rules: name, expression over `by` and the window `w`. A rate looks back ten seconds.
const RULES: [(&str, &str); 12] = [
    (
        "service:requests:rate10s",
        "sum by ($by) (rate(http_requests_total[$w]))",
    ),
    (
        "service:errors:rate10s",
        r#"sum by ($by) (rate(http_requests_total{status=~"[45].."}[$w]))"#,
    ),
    (
        "service:latency_seconds:mean10s",
        "sum by ($by) (rate(request_duration_seconds_sum[$w])) / (sum by ($by) (rate(request_duration_seconds_count[$w])) > 0)",
    ),
    (
        "service:latency_seconds:p95_10s",
        "histogram_quantile(0.95, sum by ($by,le) (rate(request_duration_seconds_bucket[$w])))",
    ),
    (
        "service:cpu:rate10s",
        "sum by ($by) (rate(process_cpu_seconds_total[$w]))",
    ),
    (
        "service:lock_wait_seconds:rate10s",
        "sum by ($by) (rate(lock_wait_seconds_total[$w]))",
    ),
    (
        "service:pool_wait_seconds:rate10s",
        "sum by ($by) (rate(pool_wait_seconds_total[$w]))",
    ),
    (
        "service:calls:rate10s",
        "sum by ($by) (rate(traces_service_graph_request_total[$w]))",
    ),
    (
        "service:failed_calls:rate10s",
        "sum by ($by) (rate(traces_service_graph_request_failed_total[$w]))",
    ),
    (
        "service:cache_misses:ratio10s",
        "sum by ($by) (rate(cache_misses_total[$w])) / (sum by ($by) (rate(cache_hits_total[$w])) + sum by ($by) (rate(cache_misses_total[$w])) > 0)",
    ),
    (
        "service:in_flight:mean10s",
        "avg by ($by) (avg_over_time(in_flight_requests[$w]))",
    ),
    (
        "service:queue_depth:mean10s",
        "avg by ($by) (avg_over_time(queue_depth[$w]))",
    ),
];

/// What is recorded as it is scraped.
const RAW: [&str; 12] = [
    "up",
    "http_requests_total",
    "in_flight_requests",
    "queue_depth",
    "pool_in_use",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_threads",
    "process_open_fds",
    "open_connections",
    "traces_service_graph_request_total",
    "traces_service_graph_request_failed_total",
];

/// The metrics of a case: name of the column, name of the series.
pub(crate) const COLUMNS: [(&str, &str); 18] = [
    ("up", "up"),
    ("requests", "service:requests:rate10s"),
    ("errors", "service:errors:rate10s"),
    ("latency_mean", "service:latency_seconds:mean10s"),
    ("latency_p95", "service:latency_seconds:p95_10s"),
    ("in_flight", "service:in_flight:mean10s"),
    ("queue_depth", "service:queue_depth:mean10s"),
    ("pool_in_use", "pool_in_use"),
    ("pool_wait", "service:pool_wait_seconds:rate10s"),
    ("lock_wait", "service:lock_wait_seconds:rate10s"),
    ("calls", "service:calls:rate10s"),
    ("failed_calls", "service:failed_calls:rate10s"),
    ("cache_misses", "service:cache_misses:ratio10s"),
    ("cpu", "service:cpu:rate10s"),
    ("memory", "process_resident_memory_bytes"),
    ("threads", "process_threads"),
    ("open_fds", "process_open_fds"),
    ("connections", "open_connections"),
];

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// The process that holds it.
    pub(crate) process: Managed,
    base: String,
    client: reqwest::Client,
}

impl Server {
    /// Starts a server in `dir` that scrapes the services.
    pub(crate) async fn start(
        dir: &Path,
        port: u16,
        targets: &BTreeMap<Role, u16>,
        scrape: u64,
    ) -> Result<Self> {
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config(targets, scrape)?)?;
        std::fs::write(dir.join("rules.yml"), rules()?)?;
        let args: Vec<String> = [
            "guard",
            "prometheus",
            &format!("--config.file={}", file.display()),
            &format!("--storage.tsdb.path={}", dir.join("tsdb").display()),
            &format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=warn",
        ]
        .map(str::to_owned)
        .to_vec();
        let process = Managed::start("prometheus", &args, &dir.join("prometheus.log"))?;
        let mut server = Self {
            process,
            base: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::builder().no_proxy().build()?,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !server.ready().await {
            server.process.check()?;
            if Instant::now() > deadline {
                return Err("prometheus does not get ready".into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(server)
    }

    async fn ready(&self) -> bool {
        let answer = self
            .client
            .get(format!("{}/-/ready", self.base))
            .send()
            .await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Every recorded series between `start` and `end` (ms), sorted by name, then labels.
    pub(crate) async fn fetch(&self, start: i64, end: i64) -> Result<Vec<Series>> {
        let mut all = Vec::new();
        for name in RULES.iter().map(|rule| rule.0).chain(RAW) {
            let query = format!("{name}[{}ms]", end - start);
            let time = format!("{}.{:03}", end.div_euclid(1000), end.rem_euclid(1000));
            let request = self.client.get(format!("{}/api/v1/query", self.base));
            let request = request.query(&[("query", query), ("time", time)]);
            let answer: Value = request.send().await?.json().await?;
            let results = answer.pointer("/data/result").and_then(Value::as_array);
            let results = results.ok_or_else(|| format!("query {name}: {answer:.200}"))?;
            if results.is_empty() {
                eprintln!("lab: warning: no series {name}");
            }
            for result in results {
                all.push(export::series(result)?);
            }
        }
        all.sort_by(|a, b| (a.label("__name__"), &a.metric).cmp(&(b.label("__name__"), &b.metric)));
        Ok(all)
    }
}

fn config(targets: &BTreeMap<Role, u16>, scrape: u64) -> Result<String> {
    let mut text = format!(
        "global:\n  scrape_interval: {scrape}s\n  scrape_timeout: {scrape}s\n  \
         evaluation_interval: {scrape}s\nrule_files: [rules.yml]\nscrape_configs:\n"
    );
    for (role, port) in targets {
        let name = role.name();
        write!(
            text,
            "  - job_name: {name}\n    static_configs:\n      - targets: ['127.0.0.1:{port}']\n        \
             labels: {{service: {name}, instance: {name}}}\n"
        )?;
    }
    Ok(text)
}

fn rules() -> Result<String> {
    let mut text = "groups:\n  - name: recording\n    rules:\n".to_owned();
    for (name, expression) in RULES {
        let expression = expression
            .replace("$w", "10s")
            .replace("$by", "job,service,instance");
        write!(
            text,
            "      - record: {name}\n        expr: >-\n          {expression}\n"
        )?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, RAW, RULES, config, rules};
    use crate::service::Role;
    use std::collections::BTreeMap;

    #[test]
    fn every_column_is_recorded() {
        for (_, name) in COLUMNS {
            assert!(
                RAW.contains(&name) || RULES.iter().any(|rule| rule.0 == name),
                "{name}"
            );
        }
        assert!(!rules().unwrap().contains('$'));
    }

    #[test]
    fn addresses_never_become_labels() {
        let text = config(&BTreeMap::from([(Role::Cache, 9)]), 2).unwrap();
        assert!(text.contains("instance: cache") && text.contains("scrape_interval: 2s"));
    }
}
