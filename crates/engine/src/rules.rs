//! Rules for a Prometheus server: to alert on scores that are written back, and on the service
//! itself.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_core::format_duration;
use serde::Serialize;

use crate::Error;
use crate::config::{Config, QueryConfig};

#[derive(Serialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    name: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize, Default)]
struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<String>,
    expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    wait: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_for: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// For so long Prometheus repeats the last sample of a series.
const LOOKBACK_MS: i64 = 5 * 60 * 1_000;

/// Name, condition, how long it must hold, and what it means, of the alerts about the service. What
/// to do about each is in the runbook of `docs/operations.md`.
const SERVICE: [(&str, &str, &str, &str); 10] = [
    (
        "BongsuAbsent",
        "absent(bongsu_build_info)",
        "5m",
        "No Bongsu is scraped",
    ),
    (
        "BongsuSlow",
        "increase(bongsu_stage_duration_seconds_sum[2h]) / increase(bongsu_stage_duration_seconds_count[2h]) \
         / ignoring (stage) group_left () (bongsu_query_interval_seconds > 300) > 0.5 \
         or rate(bongsu_stage_duration_seconds_sum[15m]) > 0.5 \
         and ignoring (stage) bongsu_query_interval_seconds <= 300",
        "15m",
        "The stage {{ $labels.stage }} of {{ $labels.query }} takes {{ $value | humanizePercentage }} of the interval",
    ),
    (
        "BongsuAlertsWait",
        "bongsu_sink_queue > 100",
        "15m",
        "{{ $value }} alerts wait for {{ $labels.sink }}",
    ),
    (
        "BongsuAlertsLost",
        "increase(bongsu_sink_alerts_lost_total[15m]) > 0",
        "0s",
        "{{ $value | humanize }} alerts for {{ $labels.sink }} were given up",
    ),
    (
        "BongsuScoresLost",
        "increase(bongsu_remote_write_samples_total{outcome=~\"refused|dropped\"}[15m]) > 0",
        "0s",
        "{{ $value | humanize }} scores were {{ $labels.outcome }}",
    ),
    (
        "BongsuStateNotSaved",
        "increase(bongsu_state_saves_total{outcome=\"failed\"}[15m]) > 0",
        "0s",
        "The state cannot be saved: a restart would judge again what is lost",
    ),
    (
        "BongsuConfigRefused",
        "bongsu_config_last_reload_successful == 0",
        "5m",
        "The newest configuration was refused; the one before is at work",
    ),
    (
        "BongsuTrainingFails",
        "sum by (query) (increase(bongsu_trainings_total{outcome!=\"exchanged\"}[1d])) > 2 \
         unless sum by (query) (increase(bongsu_trainings_total{outcome=\"exchanged\"}[1d])) > 0",
        "0s",
        "No training of {{ $labels.query }} has worked for a day",
    ),
    (
        "BongsuAnalysesFail",
        "sum(increase(bongsu_incident_analyses_total{outcome=\"failed\"}[1h])) > 0 \
         unless sum(increase(bongsu_incident_analyses_total{outcome!=\"failed\"}[1h])) > 0",
        "0s",
        "No analysis of an incident has worked for an hour; {{ $value | humanize }} failed",
    ),
    (
        "BongsuClockSkew",
        "abs(bongsu_source_clock_skew_seconds) > 0",
        "15m",
        "The clocks of Bongsu and of its source differ by {{ $value | humanizeDuration }}",
    ),
];

/// The alerts about capacity, where it is planned.
fn of_capacity(config: &Config) -> Vec<Rule> {
    let Some(capacity) = &config.capacity else {
        return Vec::new();
    };
    let days = capacity.alert_days;
    let soon = of_service((
        "BongsuCapacity",
        &format!("bongsu_capacity_days_left < {days}"),
        "0s",
        "{{ $labels.resource }} runs out in {{ $value | humanize }} days",
    ));
    let fails = of_service((
        "BongsuCapacityFails",
        "sum(increase(bongsu_capacity_runs_total{outcome=\"failed\"}[1d])) > 2 \
         unless sum(increase(bongsu_capacity_runs_total{outcome!=\"failed\"}[1d])) > 0",
        "0s",
        "No plan of capacity has worked for a day",
    ));
    vec![soon, fails]
}

/// A Prometheus rules file for this configuration: an alert for each query on the series that
/// [`output.remote_write`](crate::config::OutputConfig) writes, with the query's own `for`,
/// `keep_firing_for`, severity and labels; the share of anomalous series as a recording rule; and
/// alerts about the service itself, which are all there is where no scores are written.
///
/// # Errors
/// When the rules cannot be written as YAML.
pub fn rules_yaml(config: &Config) -> Result<String, Error> {
    let share = Rule {
        record: Some("bongsu:anomalous_series:ratio".to_owned()),
        expr: "avg by (query) (bongsu_anomaly_score > bool 1)".to_owned(),
        ..Rule::default()
    };
    let of_queries = config.queries.iter().map(of_query);
    let scores = Group {
        name: "bongsu-scores",
        rules: std::iter::once(share).chain(of_queries).collect(),
    };
    let all = SERVICE.into_iter().map(of_service);
    let service = Group {
        name: "bongsu-service",
        rules: config
            .queries
            .iter()
            .flat_map(on_time)
            .chain(of_capacity(config))
            .chain(all)
            .collect(),
    };
    let writes = config.output.remote_write.is_some();
    let file = File {
        groups: writes
            .then_some(scores)
            .into_iter()
            .chain([service])
            .collect(),
    };
    serde_saphyr::to_string(&file).map_err(Error::config)
}

fn of_query(query: &QueryConfig) -> Rule {
    let mut labels = query.alert.labels.clone();
    let severity = query.alert.severity.as_str().to_owned();
    labels.entry("severity".to_owned()).or_insert(severity);
    // The same alert of two queries is else taken for one that is written twice.
    labels.insert("query".to_owned(), query.name.clone());
    let summary = "{{ $labels.metric }} is {{ $value | humanize }} times as far from what is \
                   expected as its bound";
    let name = quoted(&query.name);
    // Scores that are written more rarely than every five minutes are else not seen in between.
    let score = if query.interval.millis().max(query.step.millis()) > LOOKBACK_MS {
        let every = format_duration(period(query));
        format!("last_over_time(bongsu_anomaly_score{{query={name}}}[{every}])")
    } else {
        format!("bongsu_anomaly_score{{query={name}}}")
    };
    let keep = query.alert.keep_firing_for.duration();
    Rule {
        alert: Some("BongsuAnomaly".to_owned()),
        expr: format!("{score} > 1"),
        wait: Some(format_duration(query.alert.for_duration.duration())),
        keep_firing_for: (!keep.is_zero()).then(|| format_duration(keep)),
        labels,
        annotations: [("summary".to_owned(), summary.to_owned())].into(),
        ..Rule::default()
    }
}

/// How far apart the judgements of a query are.
fn period(query: &QueryConfig) -> Duration {
    query.interval.duration().max(query.step.duration())
}

/// The alerts about a query that does not succeed, or lags behind.
fn on_time(query: &QueryConfig) -> [Rule; 2] {
    let name = quoted(&query.name);
    let late = |least: u64| {
        let usual = period(query) * 3 + query.offset.duration();
        usual.as_secs().max(least)
    };
    let (failing, behind) = (late(600), late(1_800));
    let rules = [
        of_service((
            "BongsuQueryFails",
            &format!(
                "time() - bongsu_query_last_success_timestamp_seconds{{query={name}}} > {failing}"
            ),
            "5m",
            "The query {{ $labels.query }} has not succeeded for {{ $value | humanizeDuration }}",
        )),
        of_service((
            "BongsuQueryBehind",
            &format!(
                "time() - bongsu_query_judged_until_timestamp_seconds{{query={name}}} > {behind}"
            ),
            "10m",
            "The query {{ $labels.query }} is judged {{ $value | humanizeDuration }} late",
        )),
    ];
    rules.map(|mut rule| {
        rule.labels.insert("query".to_owned(), query.name.clone());
        rule
    })
}

fn of_service((name, expr, wait, summary): (&str, &str, &str, &str)) -> Rule {
    Rule {
        alert: Some(name.to_owned()),
        expr: expr.to_owned(),
        wait: Some(wait.to_owned()),
        labels: [("severity".to_owned(), "warning".to_owned())].into(),
        annotations: [("summary".to_owned(), summary.to_owned())].into(),
        ..Rule::default()
    }
}

/// A text of PromQL.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
