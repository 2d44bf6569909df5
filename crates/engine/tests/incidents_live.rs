//! Incidents of a live source of which a part does not answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bongsu_core::Verdict;
use bongsu_engine::config::QueryConfig;
use bongsu_engine::{Engine, Incident, IncidentChange, Observer, Options, config};
use support::{hook, server};

/// When verdicts came, and what became of incidents.
#[derive(Debug, Clone, Default)]
struct Watch(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    verdicts: Vec<Instant>,
    story: Vec<(Instant, IncidentChange, Incident)>,
}

impl Observer for Watch {
    fn verdicts(&mut self, _: &QueryConfig, verdicts: &[Verdict]) {
        if !verdicts.is_empty() {
            self.0.lock().unwrap().verdicts.push(Instant::now());
        }
    }

    fn incident(&mut self, change: IncidentChange, incident: &Incident) {
        let mut seen = self.0.lock().unwrap();
        seen.story.push((Instant::now(), change, incident.clone()));
    }
}

/// A load that leaves its level five seconds after it was made.
fn load() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let moment = now.unwrap().as_secs() as i64 + 5;
    server(move |_, end| {
        let value = |t: i64| if t > moment { 500 } else { 10 + t % 3 };
        let values: Vec<String> = (end - 60..=end)
            .map(|t| format!(r#"[{t},"{}"]"#, value(t)))
            .collect();
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"__name__":"load","host":"a"}},"values":[{}]}}]}}}}"#,
            values.join(",")
        )
    })
}

fn yaml(source: &str, hook: &str, queries: &str) -> String {
    format!(
        "source: {{type: prometheus, url: '{source}', timeout: 20s}}
queries:
  - {{name: load, expr: load, step: 1s, window: 40s, detector: zscore, parameters: {{window: 12}}, alert: {{keep_firing_for: 1m}}}}
rca: {{service_labels: [host], queries: {queries}, step: 1s, before: 40s, after: 1m, settle: 0s, timeout: 3s}}
alerting:
  routing:
    route: {{receiver: team, group_wait: 8s}}
    receivers: [{{name: team, webhook_configs: [{{url: '{hook}'}}]}}]"
    )
}

/// Runs until `enough` is seen, for half a minute at most.
async fn run(yaml: &str, enough: impl Fn(&Seen) -> bool) -> Watch {
    let watch = Watch::default();
    let config = config::parse(yaml, None).unwrap();
    let engine = Engine::start(config, Options::default(), Box::new(watch.clone()));
    let mut engine = engine.await.unwrap();
    let seen = Arc::clone(&watch.0);
    let shutdown = async {
        for _ in 0..300 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if enough(&seen.lock().unwrap()) {
                break;
            }
        }
    };
    let _end = engine.run(shutdown).await.unwrap();
    engine.close().await;
    watch
}

#[tokio::test(flavor = "multi_thread")]
async fn judging_goes_on_while_an_analysis_waits_and_the_message_has_its_cause() {
    let (url, told) = hook(200);
    let yaml = yaml(&load(), &url, "{a: load, hangs: other}");
    let watch = run(&yaml, |_| !told.lock().unwrap().is_empty()).await;
    let seen = watch.0.lock().unwrap();
    let at = |wanted: IncidentChange| {
        let mut story = seen.story.iter();
        story.find(|(_, change, _)| *change == wanted).unwrap()
    };
    let (opened, analysed) = (at(IncidentChange::Opened), at(IncidentChange::Analysed));
    let waited = analysed.0 - opened.0;
    assert!(waited >= Duration::from_secs(3), "{waited:?}");
    let meanwhile = seen.verdicts.iter();
    let meanwhile = meanwhile.filter(|at| **at > opened.0 && **at < analysed.0);
    assert!(meanwhile.count() >= 2, "{:?}", seen.verdicts);
    let told = told.lock().unwrap();
    let cause = &told[0]["alerts"][0]["annotations"]["cause"];
    let cause = cause.as_str().unwrap_or_else(|| panic!("{}", told[0]));
    assert!(cause.starts_with("a ("), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_does_not_answer_an_analysis_is_told_of() {
    let (url, _) = hook(200);
    let yaml = yaml(&load(), &url, "{hangs: other}");
    let analysed = |seen: &Seen| {
        let mut story = seen.story.iter();
        story.any(|(_, change, _)| *change == IncidentChange::Analysed)
    };
    let watch = run(&yaml, analysed).await;
    let seen = watch.0.lock().unwrap();
    let last = &seen.story.last().unwrap().2;
    let problem = last.problem.as_deref().unwrap();
    assert!(
        problem.contains("query `hangs`: no answer within 3s"),
        "{problem}"
    );
    assert!(last.is_open() && last.cause().is_none());
}
