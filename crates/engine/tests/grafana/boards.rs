//! The dashboards themselves, without anything from the network. `tools/check_dashboards.py` checks
//! them against the schema that Grafana publishes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bongsu_engine::config::{self, Config};
use bongsu_engine::grafana::dashboards;
use bongsu_report::GrafanaDashboard;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/deploy/grafana")
}

pub(crate) fn config() -> Config {
    let text = std::fs::read_to_string(folder().join("bongsu.yaml")).unwrap();
    config::parse(&text, None).unwrap()
}

fn with(queries: &str, more: &str) -> Vec<GrafanaDashboard> {
    let text = format!(
        "source: {{type: prometheus, url: 'http://h'}}\nqueries: {queries}\n\
         output: {{remote_write: {{url: 'http://h/w'{more}}}}}"
    );
    dashboards(&config::parse(&text, None).unwrap())
}

/// Every text in a value.
fn texts<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => all.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
        Value::Object(map) => map.values().for_each(|item| texts(item, all)),
        _ => {}
    }
}

fn targets(board: &Value) -> Vec<&str> {
    let panels = board["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets
        .map(|target| target["expr"].as_str().unwrap())
        .collect()
}

#[test]
fn the_example_is_what_is_rendered() {
    let all = dashboards(&config());
    let folder = folder().join("dashboards");
    let bless = std::env::var_os("BLESS").is_some();
    let mut names = BTreeSet::new();
    for board in &all {
        let path = folder.join(format!("{}.json", board.uid));
        let text = format!("{:#}\n", board.json);
        if bless {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "{} is not what is rendered: BLESS=1",
            path.display()
        );
        names.insert(path);
    }
    let found = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    assert_eq!(found.collect::<BTreeSet<_>>(), names, "no other files");
}

#[test]
fn every_dashboard_can_be_shown() {
    let mut uids = BTreeSet::new();
    for board in dashboards(&config()) {
        let json = &board.json;
        assert!(uids.insert(board.uid.clone()) && board.uid.len() <= 40);
        assert_eq!(json["uid"], *board.uid);
        assert_eq!(json["title"], *board.title);
        assert!(json.get("id").is_none() && json.get("version").is_none());
        assert_eq!(json["templating"]["list"][0]["type"], "datasource");
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in json["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()));
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(
                        x < 24 && taken.insert((x, y)),
                        "{} lies on another",
                        panel["title"]
                    );
                }
            }
            if panel["type"] != "row" {
                assert_eq!(panel["datasource"]["uid"], "${datasource}");
                assert!(!panel["targets"].as_array().unwrap().is_empty());
            }
        }
    }
}

/// A metric is one that Bongsu has, or will have when the section is configured.
#[test]
fn only_metrics_that_exist_are_drawn() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let mut known = std::fs::read_to_string(docs).unwrap();
    known.push_str(
        "bongsu_anomaly_score bongsu_expected bongsu_lower bongsu_upper \
         bongsu_incidents_open bongsu_incidents_opened_total bongsu_incident_analyses_total \
         bongsu_incident_analysis_duration_seconds",
    );
    let mut seen = BTreeSet::new();
    for board in dashboards(&config()) {
        for expr in targets(&board.json) {
            let words = expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            seen.extend(
                words
                    .filter(|word| word.starts_with("bongsu_"))
                    .map(str::to_owned),
            );
        }
    }
    assert!(seen.len() > 25, "{seen:?}");
    let missing: Vec<_> = seen
        .iter()
        .filter(|name| !known.contains(name.trim_end_matches("_bucket")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_query_is_drawn_with_its_band_and_anomalies() {
    let all = with(
        "[{name: cpu load, expr: 'sum by (pod) (rate(x{a=~\"b.*\"}[5m]))', unit: bytes}]",
        ", labels: {site: a}",
    );
    let board = &all[1].json;
    assert!(
        all[1].uid.starts_with("bongsu-query-cpu-load-"),
        "{}",
        all[1].uid
    );
    let exprs = targets(board).join("\n");
    for part in [
        "(sum by (pod) (rate(x{a=~\"b.*\"}[5m]))\n) and ignoring (query, metric, site) \
         (bongsu_anomaly_score{query=\"cpu load\",${series:raw}})",
        "bongsu_lower{query=\"cpu load\",${series:raw}}",
        "bongsu_upper{query=\"cpu load\",${series:raw}}",
        "bongsu_expected{query=\"cpu load\",${series:raw}}",
    ] {
        assert!(exprs.contains(part), "{part}: {exprs}");
    }
    let marks = &board["annotations"]["list"][0];
    assert_eq!(
        marks["expr"],
        "bongsu_anomaly_score{query=\"cpu load\",${series:raw}} > 1"
    );
    assert_eq!(board["templating"]["list"][1]["name"], "series");
    let mut all = Vec::new();
    texts(board, &mut all);
    assert!(all.contains(&"bytes"));
}

#[test]
fn odd_names_and_settings_keep_their_form() {
    // A comment at the end of an expression must not swallow what follows.
    let all = with(
        "[{name: 'a\"}\\', expr: 'x # why', step: 1h, window: 3d}]",
        "",
    );
    let exprs = targets(&all[1].json).join("\n");
    assert!(exprs.contains("query=\"a\\\"}\\\\\""), "{exprs}");
    assert!(exprs.contains("(x # why\n)"), "{exprs}");
    assert!(
        exprs.contains("last_over_time(bongsu_anomaly_score"),
        "{exprs}"
    );
    assert!(exprs.contains("[7200s]"), "{exprs}");

    // Without scores there is nothing to draw of a query.
    let text = "source: {type: prometheus, url: 'http://h'}\nqueries: [{name: a, expr: x}]";
    let all = dashboards(&config::parse(text, None).unwrap());
    assert!(
        all.iter()
            .all(|board| !board.uid.starts_with("bongsu-query"))
    );
    let exprs: Vec<&str> = all.iter().flat_map(|board| targets(&board.json)).collect();
    assert!(
        !exprs
            .iter()
            .any(|expr| expr.contains("bongsu_anomaly_score"))
    );
}
