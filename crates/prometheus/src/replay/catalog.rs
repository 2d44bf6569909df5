//! What a recording has, in the words of Prometheus' API.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use bongsu_core::{METRIC_NAME, Series, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::api::{ApiError, Data, Params, Replay, Reply};
use crate::Selector;

pub(super) async fn series(State(replay): State<Replay>, params: Params) -> Reply {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::new("no match[] parameter provided"));
    }
    let found = found(&replay, &params)?;
    let labels: Vec<_> = found.iter().map(|series| series.labels()).collect();
    data(&labels)
}

pub(super) async fn labels(State(replay): State<Replay>, params: Params) -> Reply {
    let found = found(&replay, &params)?;
    let names: BTreeSet<&str> = found
        .iter()
        .flat_map(|series| series.labels().iter().map(|(name, _)| name))
        .collect();
    data(&names)
}

pub(super) async fn label_values(
    State(replay): State<Replay>,
    Path(name): Path<String>,
    params: Params,
) -> Reply {
    let found = found(&replay, &params)?;
    let values: BTreeSet<&str> = found
        .iter()
        .filter_map(|series| series.labels().get(&name))
        .collect();
    data(&values)
}

/// A recording does not hold metadata: only what a name tells is told.
pub(super) async fn metadata(State(replay): State<Replay>, params: Params) -> Reply {
    let now = replay.clock.now();
    let asked = params.get("metric");
    let mut all = serde_json::Map::new();
    for series in replay.recording.series() {
        let known = series.labels().metric_name();
        let Some(name) = known.filter(|&name| asked.is_none_or(|asked| asked == name)) else {
            continue;
        };
        if has_points(series, Timestamp::MIN, now) {
            let kind = if name.ends_with("_total") {
                "counter"
            } else {
                "unknown"
            };
            all.insert(
                name.to_owned(),
                json!([{"type": kind, "help": "", "unit": ""}]),
            );
        }
    }
    data(&all)
}

/// The targets are what the series `up` tell of.
pub(super) async fn targets(State(replay): State<Replay>) -> Reply {
    let now = replay.clock.now();
    let ups = replay.recording.series().iter();
    let active: Vec<_> = ups
        .filter(|series| series.labels().metric_name() == Some("up"))
        .filter_map(|series| {
            let last = series
                .view()
                .range(Timestamp::MIN, now.add_millis(1))
                .values()
                .last()
                .copied()?;
            let (health, error) = if last == 1.0 {
                ("up", "")
            } else {
                ("down", "down in the recording")
            };
            let labels = series.labels().without(&[METRIC_NAME]);
            Some(json!({
                "discoveredLabels": {},
                "scrapePool": labels.get("job").unwrap_or_default(),
                "labels": labels,
                "health": health,
                "lastError": error,
            }))
        })
        .collect();
    data(&json!({"activeTargets": active, "droppedTargets": []}))
}

pub(super) async fn build_info() -> Reply {
    data(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "application": "bongsu replay",
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// The series that match any `match[]` (all when there is none) and have points in the asked time,
/// as far as it has passed.
fn found<'a>(replay: &'a Replay, params: &Params) -> Result<Vec<&'a Series>, ApiError> {
    let now = replay.clock.now();
    let start = params.time("start")?.unwrap_or(Timestamp::MIN);
    let end = params.time("end")?.unwrap_or(now).min(now);
    let mut selectors = Vec::new();
    for text in params.all("match[]") {
        let selector: Selector = text.parse()?;
        if selector.range().is_some() || selector.offset_ms() != 0 {
            return Err(ApiError::new(
                "match[] must be a selector without range and offset",
            ));
        }
        selectors.push(selector);
    }
    let all = replay.recording.series().iter();
    let matching = all.filter(|series| {
        selectors.is_empty() || selectors.iter().any(|s| s.matches(series.labels()))
    });
    Ok(matching
        .filter(|series| has_points(series, start, end))
        .collect())
}

fn has_points(series: &Series, start: Timestamp, end: Timestamp) -> bool {
    !series.view().range(start, end.add_millis(1)).is_empty()
}

fn data<T: Serialize>(value: &T) -> Reply {
    serde_json::to_vec(value)
        .map(Data)
        .map_err(|e| ApiError::new(e.to_string()))
}
