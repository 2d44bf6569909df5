//! Dashboards for Grafana, as the JSON that its API and its provisioning read.

mod boards;
mod health;
mod outlook;
mod panel;
mod promql;
mod query;

use serde_json::Value;

use crate::Unit;

/// What the dashboards are made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GrafanaBoards {
    /// The queries, in the order of the configuration.
    pub queries: Vec<GrafanaQuery>,
    /// Labels that are added to every series that is written back, beside `query` and `metric`.
    pub added_labels: Vec<String>,
    /// Whether scores are written back at all: without it only Bongsu's own metrics are drawn.
    pub scores: bool,
}

/// A query, as its dashboard needs it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GrafanaQuery {
    /// Its name: the label `query` of what is written back.
    pub name: String,
    /// The PromQL of its values; `None` where Grafana's data source does not have them.
    pub expr: Option<String>,
    /// What the values measure.
    pub unit: Unit,
    /// How far apart judgements are, in seconds; at least 1.
    pub period_seconds: u64,
    /// What judges it, for the description.
    pub detector: String,
    /// Whether its series are judged by themselves. Groups have no single value to draw.
    pub grouped: bool,
}

/// A dashboard.
#[derive(Debug, Clone, PartialEq)]
pub struct GrafanaDashboard {
    /// Its stable identity, of at most 40 characters `a-z`, `0-9` and `-`.
    pub uid: String,
    /// Its title.
    pub title: String,
    /// The dashboard, in version 1 of Grafana's schema, without `id` and `version`.
    pub json: Value,
}

impl GrafanaBoards {
    /// The dashboards: an overview, one for each query, incidents, capacity, and the health of the
    /// service. The same input gives the same JSON.
    ///
    /// ```
    /// use bongsu_report::{GrafanaBoards, GrafanaQuery, Unit};
    /// let cpu = GrafanaQuery {
    ///     name: "cpu".to_owned(),
    ///     expr: Some("node_load1".to_owned()),
    ///     unit: Unit::Plain,
    ///     period_seconds: 30,
    ///     detector: "ewma".to_owned(),
    ///     grouped: false,
    /// };
    /// let boards = GrafanaBoards { queries: vec![cpu], scores: true, ..GrafanaBoards::default() };
    /// let all = boards.render();
    /// assert_eq!(all[0].uid, "bongsu-overview");
    /// assert_eq!(all[1].uid, "bongsu-query-cpu");
    /// ```
    #[must_use]
    pub fn render(&self) -> Vec<GrafanaDashboard> {
        let queries = self.queries.iter().map(|query| query::board(self, query));
        std::iter::once(boards::overview(self))
            .chain(queries.filter(|_| self.scores))
            .chain([
                outlook::incidents(self),
                outlook::capacity(),
                health::health(),
            ])
            .collect()
    }
}

/// The identity of a query's dashboard: readable, and distinct for distinct names.
fn query_uid(name: &str) -> String {
    const PREFIX: &str = "bongsu-query-";
    const ROOM: usize = 40 - PREFIX.len();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_plain = name.len() <= ROOM
        && !name.is_empty()
        && name
            .split('-')
            .all(|part| !part.is_empty() && part.chars().all(plain));
    if is_plain {
        return format!("{PREFIX}{name}");
    }
    let mut slug = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if plain(c) {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= ROOM - 9 {
            break;
        }
    }
    let labels = bongsu_core::Labels::from_pairs([("query", name)]);
    let hash = labels.map_or(0, |labels| labels.fingerprint()) >> 32;
    let slug = slug.trim_end_matches('-');
    let dash = if slug.is_empty() { "" } else { "-" };
    format!("{PREFIX}{slug}{dash}{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_short_readable_and_distinct() {
        assert_eq!(query_uid("cpu-load"), "bongsu-query-cpu-load");
        let mut all = Vec::new();
        let long = "x".repeat(10_000);
        for name in [
            "CPU", "cpu", "Cpu", "a b", "a  b", "a-b", "a_b", "", "-", "한국", "<script>", &long,
        ] {
            let uid = query_uid(name);
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(uid.len() <= 40 && uid.chars().all(good), "{uid}");
            assert!(!all.contains(&uid), "{uid}");
            all.push(uid);
        }
    }
}
