use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// Times in which series neither alarm nor teach: fixed (`from`, `to`), by a calendar (`cron`,
/// `duration`), or while an expression holds (`expr`).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceConfig {
    /// What it is, for the verdicts that it holds back.
    pub name: String,
    /// The queries that it is for; without any, all.
    #[serde(default)]
    pub queries: Vec<String>,
    /// Only series with these labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The beginning, in RFC 3339: `2026-03-01T02:00:00+09:00`.
    #[serde(default)]
    pub from: Option<String>,
    /// The end, which is not part of it.
    #[serde(default)]
    pub to: Option<String>,
    /// When it begins, as a cron expression: minute, hour, day of the month, month, day of the week.
    #[serde(default)]
    pub cron: Option<String>,
    /// The time zone of the cron expression.
    #[serde(default = "utc")]
    pub timezone: String,
    /// How long it lasts from each beginning on.
    #[serde(default)]
    pub duration: Option<Span>,
    /// An expression that the source is asked for: it lasts while one of its series is not 0.
    #[serde(default)]
    pub expr: Option<String>,
    /// Labels that a series must share with the series of the expression.
    #[serde(default)]
    pub on: Vec<String>,
}

fn utc() -> String {
    "UTC".to_owned()
}
