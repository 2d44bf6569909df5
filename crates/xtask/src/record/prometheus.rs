//! The Prometheus server of a recording: configuration, recording rules, queries.

use super::Result;
use super::process::Managed;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Recording rules: name, expression. `$w` is the rate window, six scrapes.
/// The replay server serves plain selectors only, so every rate is recorded.
const RULES: [(&str, &str); 23] = [
    (
        "node:cpu_user:ratio",
        r#"avg by (job,service,instance) (rate(node_cpu_seconds_total{mode="user"}[$w]))"#,
    ),
    (
        "node:cpu_system:ratio",
        r#"avg by (job,service,instance) (rate(node_cpu_seconds_total{mode="system"}[$w]))"#,
    ),
    (
        "node:cpu_iowait:ratio",
        r#"avg by (job,service,instance) (rate(node_cpu_seconds_total{mode="iowait"}[$w]))"#,
    ),
    (
        "node:disk_written:rate30s",
        "sum by (job,service,instance) (rate(node_disk_written_bytes_total{$disks}[$w]))",
    ),
    (
        "node:disk_writes:rate30s",
        "sum by (job,service,instance) (rate(node_disk_writes_completed_total{$disks}[$w]))",
    ),
    (
        "node:disk_io_time:rate30s",
        "max by (job,service,instance) (rate(node_disk_io_time_seconds_total{$disks}[$w]))",
    ),
    (
        "node:disk_write_latency_seconds:mean30s",
        "sum by (job,service,instance) (rate(node_disk_write_time_seconds_total{$disks}[$w])) / (sum by (job,service,instance) (rate(node_disk_writes_completed_total{$disks}[$w])) > 0)",
    ),
    (
        "node:network_lo_receive:rate30s",
        r#"sum by (job,service,instance) (rate(node_network_receive_bytes_total{device="lo"}[$w]))"#,
    ),
    (
        "node:network_lo_packets:rate30s",
        r#"sum by (job,service,instance) (rate(node_network_receive_packets_total{device="lo"}[$w]))"#,
    ),
    (
        "node:context_switches:rate30s",
        "sum by (job,service,instance) (rate(node_context_switches_total[$w]))",
    ),
    (
        "node:interrupts:rate30s",
        "sum by (job,service,instance) (rate(node_intr_total[$w]))",
    ),
    (
        "node:memory_used:bytes",
        "sum by (job,service,instance) (node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes)",
    ),
    (
        "node:load1:mean30s",
        "avg by (job,service,instance) (avg_over_time(node_load1[$w]))",
    ),
    (
        "service:requests:rate30s",
        "sum by (job,service,instance) (rate(http_requests_total[$w]))",
    ),
    (
        "service:errors:rate30s",
        r#"sum by (job,service,instance) (rate(http_requests_total{status=~"5.."}[$w]))"#,
    ),
    (
        "service:errors:ratio30s",
        r#"sum by (job,service,instance) (rate(http_requests_total{status=~"5.."}[$w])) / (sum by (job,service,instance) (rate(http_requests_total[$w])) > 0)"#,
    ),
    (
        "service:latency_seconds:mean30s",
        "sum by (job,service,instance) (rate(request_duration_seconds_sum[$w])) / (sum by (job,service,instance) (rate(request_duration_seconds_count[$w])) > 0)",
    ),
    (
        "service:latency_seconds:p95_30s",
        "histogram_quantile(0.95, sum by (job,service,instance,le) (rate(request_duration_seconds_bucket[$w])))",
    ),
    (
        "service:cpu:rate30s",
        "sum by (job,service,instance) (rate(process_cpu_seconds_total[$w]))",
    ),
    (
        "service:file_written:rate30s",
        r#"sum by (job,service,instance) (rate(file_written_bytes_total{job=~"store|worker"}[$w]))"#,
    ),
    (
        "service:queue_depth:mean30s",
        "avg by (job,service,instance) (avg_over_time(queue_depth[$w]))",
    ),
    (
        "service:in_flight:mean30s",
        "avg by (job,service,instance) (avg_over_time(in_flight_requests[$w]))",
    ),
    (
        "service:cache:bytes",
        r#"max by (job,service,instance) (cache_bytes{job=~"orders|store"})"#,
    ),
];

/// Raw gauges that are recorded as they are scraped.
const RAW: [&str; 8] = [
    "up",
    "process_resident_memory_bytes{job!=\"node\"}",
    "process_open_fds{job!=\"node\"}",
    "queue_depth",
    "in_flight_requests",
    "node_memory_MemAvailable_bytes",
    "node_memory_Dirty_bytes",
    "node_load1",
];

/// Physical devices only, so that nothing is counted twice.
const DISKS: &str = r#"device!~"(loop|ram|zram|dm-|sr|md|fd).*""#;

/// Selectors of every series of a recording. The exporter is no service of the workload.
pub(crate) fn selectors() -> Vec<String> {
    let rules = RULES.iter().map(|(name, _)| {
        if name.starts_with("service:") {
            format!("{name}{{job!=\"node\"}}")
        } else {
            (*name).to_owned()
        }
    });
    rules.chain(RAW.map(str::to_owned)).collect()
}

/// Flags of the node exporter: only the collectors that the rules read.
pub(crate) fn exporter_args(port: u16) -> Vec<String> {
    let mut args = vec![
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--collector.disable-defaults".to_owned(),
        // Debian's default leaves out the loopback device, which the workload uses.
        "--collector.netdev.device-exclude=^$".to_owned(),
        "--log.level=warn".to_owned(),
    ];
    for name in ["cpu", "diskstats", "loadavg", "meminfo", "netdev", "stat"] {
        args.push(format!("--collector.{name}"));
    }
    args
}

/// One scrape job.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Name of the job; `service` and `instance` are the same, so that no address is recorded.
    pub(crate) job: &'static str,
    /// Port of `/metrics`.
    pub(crate) port: u16,
}

fn config(targets: &[Target], scrape: Duration) -> Result<String> {
    let every = scrape.as_secs();
    let mut text = format!(
        "global:\n  scrape_interval: {every}s\n  scrape_timeout: {every}s\n  evaluation_interval: {every}s\n"
    );
    if !targets.is_empty() {
        text.push_str("rule_files: [rules.yml]\nscrape_configs:\n");
    }
    for Target { job, port } in targets {
        write!(
            text,
            "  - job_name: {job}\n    static_configs:\n      - targets: ['127.0.0.1:{port}']\n        labels: {{service: {job}, instance: {job}}}\n"
        )?;
    }
    Ok(text)
}

fn rules(scrape: Duration) -> Result<String> {
    let window = format!("{}s", scrape.as_secs() * 6);
    let mut text = "groups:\n  - name: recording\n    rules:\n".to_owned();
    for (name, expression) in RULES {
        let expression = expression.replace("$w", &window).replace("$disks", DISKS);
        write!(
            text,
            "      - record: {name}\n        expr: >-\n          {expression}\n"
        )?;
    }
    Ok(text)
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// The process.
    pub(crate) process: Managed,
    base: String,
}

impl Server {
    /// Starts a server on `dir`; without targets it only answers queries.
    pub(crate) fn start(
        dir: &Path,
        port: u16,
        targets: &[Target],
        scrape: Duration,
    ) -> Result<Self> {
        let file = dir.join(if targets.is_empty() {
            "export.yml"
        } else {
            "prometheus.yml"
        });
        std::fs::write(&file, config(targets, scrape)?)?;
        if !targets.is_empty() {
            std::fs::write(dir.join("rules.yml"), rules(scrape)?)?;
        }
        let args = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", dir.join("tsdb").display()),
            "--storage.tsdb.retention.time=10y".to_owned(),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=warn".to_owned(),
        ];
        let process = Managed::foreign(
            "prometheus",
            "prometheus",
            &args,
            &dir.join("prometheus.log"),
        )?;
        let mut server = Self {
            process,
            base: format!("http://127.0.0.1:{port}"),
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while ureq::get(format!("{}/-/ready", server.base))
            .call()
            .is_err()
        {
            server.process.check()?;
            if Instant::now() > deadline {
                return Err("prometheus does not get ready".into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    /// The result array of an instant query at `at` (ms).
    pub(crate) fn query(&self, expression: &str, at: i64) -> Result<Vec<Value>> {
        let time = format!("{}.{:03}", at.div_euclid(1000), at.rem_euclid(1000));
        let body = ureq::get(format!("{}/api/v1/query", self.base))
            .query("query", expression)
            .query("time", &time)
            .call()
            .map_err(|error| format!("query {expression}: {error}"))?
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_to_string()?;
        let answer: Value = serde_json::from_str(&body)?;
        answer
            .pointer("/data/result")
            .and_then(Value::as_array)
            .cloned()
            .ok_or_else(|| format!("query {expression}: {body:.200}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, config, rules};
    use std::time::Duration;

    #[test]
    fn window_follows_the_scrape_interval() -> Result<(), Box<dyn std::error::Error + Send + Sync>>
    {
        let text = rules(Duration::from_secs(5))?;
        assert!(text.contains("[30s]") && !text.contains('$'));
        Ok(())
    }

    #[test]
    fn addresses_never_become_labels() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let targets = [Target {
            job: "node",
            port: 9,
        }];
        let text = config(&targets, Duration::from_secs(5))?;
        assert!(text.contains("instance: node") && text.contains("scrape_interval: 5s"));
        Ok(())
    }
}
