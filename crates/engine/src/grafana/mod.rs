//! Dashboards in Grafana: made of the configuration, and kept there by its HTTP API.

mod annotate;
mod http;
mod push;

use bongsu_core::Secret;
use bongsu_report::{GrafanaBoards, GrafanaDashboard, GrafanaQuery, Unit};

pub use annotate::{Cause, Incident, MarkChange, Marked, Service};
pub use http::Grafana;
pub use push::{Change, PushOptions, Pushed};

use crate::Error;
use crate::config::{Config, SourceConfig};

/// The dashboards of a configuration: an overview, one for each query, incidents, capacity, and the
/// health of the service. Those of queries need `output.remote_write`.
///
/// ```
/// use bongsu_engine::{config, grafana};
/// let config = config::parse(
///     "source: {type: prometheus, url: 'http://localhost:9090'}
/// queries: [{name: load, expr: node_load1}]
/// output: {remote_write: {url: 'http://localhost:9090/api/v1/write'}}",
///     None,
/// )?;
/// let all = grafana::dashboards(&config);
/// assert!(all.iter().any(|board| board.uid == "bongsu-query-load"));
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
#[must_use]
pub fn dashboards(config: &Config) -> Vec<GrafanaDashboard> {
    let is_prometheus = matches!(config.source, SourceConfig::Prometheus { .. });
    let queries = config.queries.iter().map(|query| {
        let period = query.interval.duration().max(query.step.duration());
        GrafanaQuery {
            name: query.name.clone(),
            expr: (is_prometheus && !query.expr.is_empty()).then(|| query.expr.clone()),
            unit: query.unit.as_deref().map(Unit::from).unwrap_or_default(),
            period_seconds: period.as_secs().max(1),
            detector: query.detector.clone(),
            grouped: query.group.is_some(),
        }
    });
    let written = config.output.remote_write.as_ref();
    GrafanaBoards {
        queries: queries.collect(),
        added_labels: written
            .map(|written| written.labels.keys().cloned().collect())
            .unwrap_or_default(),
        scores: written.is_some(),
    }
    .render()
}

/// A secret from where `place` says: `${NAME}` for an environment variable, or `file:PATH`. A secret
/// itself is refused, as others see the arguments of a command.
///
/// # Errors
/// When it is neither, or when nothing is there.
pub fn read_secret(place: &str) -> Result<Secret, Error> {
    let variable = place
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    let text = if let Some(name) = variable {
        std::env::var(name)
            .map_err(|_| Error::config(format!("environment variable {name} is not set")))?
    } else if let Some(path) = place.strip_prefix("file:") {
        std::fs::read_to_string(path)
            .map_err(|e| Error::config(format!("secret file {path}: {e}")))?
    } else {
        return Err(Error::config(
            "a token is given as ${NAME} or file:PATH: others can see the arguments of a command",
        ));
    };
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(Error::config(format!("the token of {place} is empty")));
    }
    Ok(Secret::new(text))
}
