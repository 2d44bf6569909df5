//! Alerts become incidents, and the cause of an incident goes into its messages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bongsu_engine::{Engine, Incident, IncidentChange, Observer, Options, config};
use serde_json::Value;
use support::hook;

const MINUTE: i64 = 60;
/// The minute in which the store becomes slow.
const FAULT: i64 = 240;

/// Remembers what became of incidents.
#[derive(Debug, Clone, Default)]
struct Story(Arc<Mutex<Vec<(IncidentChange, Incident)>>>);

impl Observer for Story {
    fn incident(&mut self, change: IncidentChange, incident: &Incident) {
        self.0.lock().unwrap().push((change, incident.clone()));
    }
}

impl Story {
    /// The newest state of each incident, in order of their opening.
    fn incidents(&self) -> Vec<Incident> {
        let mut newest: BTreeMap<_, Incident> = BTreeMap::new();
        for (_, incident) in self.0.lock().unwrap().iter() {
            newest.insert((incident.opened_at, incident.id.clone()), incident.clone());
        }
        newest.into_values().collect()
    }

    fn count(&self, wanted: IncidentChange) -> usize {
        let story = self.0.lock().unwrap();
        story.iter().filter(|(change, _)| *change == wanted).count()
    }
}

/// A level with a little noise that no two columns share.
fn quiet(level: f64, minute: i64, column: i64) -> f64 {
    let noise = (minute * 7919 + column * 104_729) % 23;
    level * (1.0 + 0.01 * (noise as f64 - 11.0) / 11.0)
}

/// The gateway calls orders, which call the store, and mail stands apart. From [`FAULT`] on for 20
/// minutes the store is slow and busy; what calls it follows one and two minutes later.
fn cascade(minutes: i64) -> String {
    let names = ["gateway", "orders", "store", "mail"];
    let columns = names
        .iter()
        .flat_map(|n| [format!("{n}:latency"), format!("{n}:cpu")]);
    let mut csv = format!("timestamp,{}\n", columns.collect::<Vec<_>>().join(","));
    for minute in 0..minutes {
        let since = |start: i64| (start..start + 20).contains(&minute);
        let slow = [since(FAULT + 2), since(FAULT + 1), since(FAULT), false];
        let mut row = vec![(minute * MINUTE).to_string()];
        for (i, slow) in slow.into_iter().enumerate() {
            let latency = quiet(0.05, minute, i as i64) + if slow { 0.4 } else { 0.0 };
            let busy = slow && i == 2;
            let cpu = quiet(0.2, minute, 10 + i as i64) + if busy { 0.6 } else { 0.0 };
            row.push(latency.to_string());
            row.push(cpu.to_string());
        }
        writeln!(csv, "{}", row.join(",")).unwrap();
    }
    csv
}

const SERVICES: &str = "services: [{name: gateway, dependencies: [orders]}, {name: orders, dependencies: [store]}, {name: store}, {name: mail}]";

fn yaml(folder: &Path, csv: &str, hook: &str, rca: &str) -> String {
    std::fs::write(folder.join("services.csv"), csv).unwrap();
    format!(
        "source: {{type: csv, path: '{folder}/services.csv'}}
queries: [{{name: all, expr: '*', step: 1m, detector: robust-z, parameters: {{window: 60}},
           min_rel_dev: 0.2, alert: {{keep_firing_for: 2m}}}}]
state: {{directory: '{folder}/state'}}
rca: {{{rca}}}
alerting:
  routing:
    route: {{receiver: team, group_by: [query], group_wait: 5m, group_interval: 5m}}
    receivers: [{{name: team, webhook_configs: [{{url: '{hook}'}}]}}]",
        folder = folder.display()
    )
}

async fn run(yaml: &str) -> Story {
    let story = Story::default();
    let config = config::parse(yaml, None).unwrap();
    let engine = Engine::start(config, Options::default(), Box::new(story.clone()));
    let mut engine = engine.await.unwrap();
    engine.once().await.unwrap();
    engine.close().await;
    story
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_is_one_incident_and_the_message_names_where_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let (url, told) = hook(200);
    let story = run(&yaml(folder.path(), &cascade(400), &url, SERVICES)).await;
    let incidents = story.incidents();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let incident = &incidents[0];
    let services: Vec<&str> = incident.services.iter().map(String::as_str).collect();
    assert_eq!(services, ["gateway", "orders", "store"]);
    assert_eq!(incident.onset.as_millis(), FAULT * MINUTE * 1_000);
    assert!(!incident.is_open());
    assert_eq!(incident.cause().unwrap().service, "store");
    assert_eq!(story.count(IncidentChange::Opened), 1);
    assert_eq!(story.count(IncidentChange::Closed), 1);
    let told = told.lock().unwrap();
    let firing = told[0]["alerts"].as_array().unwrap();
    assert_eq!(firing.len(), 4, "{firing:?}");
    for alert in firing {
        assert_eq!(alert["status"], "firing");
        let cause = alert["annotations"]["cause"].as_str().unwrap();
        assert!(cause.starts_with("store ("), "{cause}");
    }
    // The causes that came later were no reason for a message: one of the alerts, one of their end.
    assert_eq!(told.len(), 2, "{told:?}");
    let reports = folder.path().join("state/incidents");
    let json = std::fs::read_to_string(reports.join(format!("{}.json", incident.id))).unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["services"][0]["service"], "store");
    let page = std::fs::read_to_string(reports.join(format!("{}.html", incident.id))).unwrap();
    assert!(page.contains("Who moved when") && page.contains("Alerts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_goes_on_with_the_same_incident() {
    let whole = tempfile::tempdir().unwrap();
    let (url, _) = hook(200);
    let expected = run(&yaml(whole.path(), &cascade(400), &url, SERVICES)).await;
    let expected = expected.incidents().remove(0);

    for lost in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let first = run(&yaml(folder.path(), &cascade(FAULT + 6), &url, SERVICES)).await;
        let first = first.incidents().remove(0);
        assert!(first.is_open());
        assert_eq!(first.id, expected.id);
        let file = folder.path().join("state/incidents.bngs");
        if lost {
            std::fs::write(&file, b"damaged").unwrap();
            // The report of another incident, which nobody knows of any more.
            std::fs::write(folder.path().join("state/incidents/other.json"), "{}").unwrap();
        }
        let second = run(&yaml(folder.path(), &cascade(400), &url, SERVICES)).await;
        assert_eq!(
            second.count(IncidentChange::Opened),
            0,
            "it was open already"
        );
        let incidents = second.incidents();
        assert_eq!(incidents.len(), 1);
        assert_eq!(incidents[0].id, expected.id);
        assert_eq!(incidents[0].members, expected.members);
        assert!(!incidents[0].is_open());
        assert_eq!(incidents[0].cause(), expected.cause());
        assert_eq!(file.with_extension("bngs.damaged").exists(), lost);
        let other = folder.path().join("state/incidents/other.json");
        assert_eq!(
            other.exists(),
            lost,
            "what was known is set aside, not lost"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_section_alerts_are_grouped_and_nothing_is_analysed() {
    let folder = tempfile::tempdir().unwrap();
    let (url, told) = hook(200);
    let yaml = yaml(folder.path(), &cascade(400), &url, "").replace("rca: {}\n", "");
    let story = run(&yaml).await;
    assert_eq!(story.incidents().len(), 1);
    assert_eq!(story.count(IncidentChange::Analysed), 0);
    assert!(told.lock().unwrap()[0]["alerts"][0]["annotations"]["cause"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_no_call_connects_are_two_incidents() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = hook(200);
    // Mail fails in the same minute as the store.
    let both = cascade(400);
    let both: Vec<String> = both
        .lines()
        .enumerate()
        .map(|(i, line)| {
            let minute = i as i64 - 1;
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            if (FAULT..FAULT + 20).contains(&minute) {
                cells[8] = "0.9".to_owned();
            }
            cells.join(",")
        })
        .collect();
    let story = run(&yaml(folder.path(), &both.join("\n"), &url, SERVICES)).await;
    let incidents = story.incidents();
    let causes: Vec<&str> = incidents
        .iter()
        .map(|incident| incident.cause().unwrap().service.as_str())
        .collect();
    assert_eq!(incidents.len(), 2, "{incidents:?}");
    assert!(
        causes.contains(&"mail") && causes.contains(&"store"),
        "{causes:?}"
    );
    // Where nothing is known of calls, they are one.
    let folder = tempfile::tempdir().unwrap();
    let story = run(&yaml(folder.path(), &both.join("\n"), &url, "")).await;
    assert_eq!(story.incidents().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analysis_that_fails_is_told_of_and_names_no_cause() {
    for (rca, expected) in [
        (
            "services: [{name: shop}]",
            "no service of the data is in the dependency graph",
        ),
        ("queries: {gone: nowhere}", "has no channel `nowhere`"),
        ("max_series: 3", "8 series, but rca.max_series is 3"),
        (
            "before: 1h, services: [{name: store}], queries: {a: 'mail:cpu'}",
            "graph",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (url, told) = hook(200);
        let story = run(&yaml(folder.path(), &cascade(400), &url, rca)).await;
        let incidents = story.incidents();
        let problem = incidents[0].problem.as_deref().unwrap();
        assert!(problem.contains(expected), "{rca}: {problem}");
        assert!(incidents[0].cause().is_none());
        let told = told.lock().unwrap();
        assert!(told[0]["alerts"][0]["annotations"]["cause"].is_null());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_fails_is_left_out_and_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = hook(200);
    let rca = "services: [{name: gateway, dependencies: [orders]}, {name: orders, dependencies: [store]}, {name: store}, {name: mail}], queries: {all: '*', gone: nowhere}";
    let story = run(&yaml(folder.path(), &cascade(400), &url, rca)).await;
    let incident = story.incidents().remove(0);
    assert_eq!(incident.cause().unwrap().service, "store");
    let report = folder
        .path()
        .join(format!("state/incidents/{}.json", incident.id));
    let report = std::fs::read_to_string(report).unwrap();
    assert!(
        report.contains("query `gone`: the file has no channel"),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_alerts_at_once_are_one_incident() {
    let mut csv = String::from("timestamp");
    for i in 0..1_000 {
        write!(csv, ",s{}:m{i}", i % 50).unwrap();
    }
    for minute in 0..90 {
        write!(csv, "\n{}", minute * MINUTE).unwrap();
        for i in 0..1_000 {
            let high = (80..85).contains(&minute);
            let value = quiet(10.0, minute, i) * if high { 50.0 } else { 1.0 };
            write!(csv, ",{value}").unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = hook(200);
    let begun = std::time::Instant::now();
    let story = run(&yaml(folder.path(), &csv, &url, "")).await;
    let incidents = story.incidents();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].members.len(), 1_000);
    assert_eq!(incidents[0].services.len(), 50);
    assert!(
        incidents[0].analysis.is_some(),
        "{:?}",
        incidents[0].problem
    );
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
