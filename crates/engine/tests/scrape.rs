//! The service before exporters, without a Prometheus between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../../prometheus/tests/support/exporter.rs"]
mod exporter;
mod support;

use std::time::Duration;

use bongsu_core::Verdict;
use bongsu_engine::{End, Engine, Options, check_queries, config};
use exporter::{NodeExporter, page_server};
use support::Memory;

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_is_judged_and_its_end_is_told() {
    let exporter = NodeExporter::start();
    let yaml = format!(
        "source:
  type: scrape
  interval: 200ms
  timeout: 200ms
  keep: 1m
  targets: [{{job: node, urls: ['{}/metrics'], labels: {{env: test}}}}]
queries:
  - {{name: load, expr: node_load1, step: 200ms, absent_after: 1s, forget_after: 1h}}
  - {{name: cpu, expr: 'rate(node_cpu_seconds_total{{mode=\"idle\"}}[2s])', step: 200ms}}
  - {{name: up, expr: up, step: 200ms}}",
        exporter.url()
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(memory.clone()))
        .await
        .unwrap();
    let control = engine.control();
    let scene = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(6)).await;
        // An exchange of the configuration loses nothing of what was scraped.
        let other = yaml.replace("[2s]", "[3s]");
        let reloaded = control.reload(config::parse(&other, None)).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(exporter);
        tokio::time::sleep(Duration::from_secs(4)).await;
        reloaded
    });
    let (tell, told) = tokio::sync::oneshot::channel();
    let waiting = tokio::spawn(async move {
        let _ = tell.send(scene.await.unwrap());
    });
    let end = engine.run(async { waiting.await.unwrap() }).await.unwrap();
    assert_eq!(end, End::Shutdown);
    told.await.unwrap().unwrap();
    engine.close().await;
    let seen = memory.0.lock().unwrap();
    let of = |name: &str| -> Vec<&Verdict> {
        let mine = seen.verdicts.iter().filter(|(query, _)| query == name);
        mine.map(|(_, verdict)| verdict).collect()
    };
    let load = of("load");
    assert!(load.len() >= 15, "{} verdicts on the load", load.len());
    let labels = &load[0].labels;
    assert_eq!(labels.get("job"), Some("node"));
    assert_eq!(labels.get("env"), Some("test"));
    assert!(
        load.iter()
            .filter_map(|v| v.value)
            .all(|v| (0.0..1e4).contains(&v))
    );
    let cpu = of("cpu");
    assert!(cpu.len() >= 10, "{} verdicts on the processors", cpu.len());
    assert!(
        cpu.iter()
            .filter_map(|v| v.value)
            .all(|v| (0.0..=2.0).contains(&v))
    );
    let up: Vec<f64> = of("up").iter().filter_map(|v| v.value).collect();
    assert!(up.contains(&1.0) && up.last() == Some(&0.0), "{up:?}");
    assert!(
        seen.fired.iter().any(|alert| alert.contains("load")),
        "{:?}",
        seen.fired
    );
    assert!(
        seen.problems
            .iter()
            .any(|problem| problem.contains("targets cannot be scraped")),
        "{:?}",
        seen.problems
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn exporters_have_no_past_but_can_be_checked() {
    let url = page_server(|n| (200, "text/plain", format!("load 1\nc_total {}\n", n * 2)));
    let yaml = format!(
        "source: {{type: scrape, interval: 500ms, timeout: 500ms, targets: [{{job: a, urls: ['{url}']}}]}}
queries: [{{name: load, expr: load}}, {{name: rate, expr: 'rate(c_total[5s])'}}, {{name: none, expr: nothing}}]"
    );
    let config = config::parse(&yaml, None).unwrap();
    let checks = check_queries(&config).await.unwrap();
    let found: Vec<(usize, bool)> = checks
        .iter()
        .map(|check| check.outcome.as_ref().unwrap())
        .map(|answer| (answer.series, answer.warnings.is_empty()))
        .collect();
    assert_eq!(found, [(1, true), (1, true), (0, false)], "{checks:?}");
    let mut engine = Engine::start(config, Options::default(), Box::new(Memory::default()))
        .await
        .unwrap();
    let error = engine.once().await.unwrap_err().to_string();
    assert!(error.contains("no past"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_scraped_was_not_absent() {
    let folder = tempfile::tempdir().unwrap();
    let url = page_server(|n| (200, "text/plain", format!("load {}\n", n % 5)));
    let yaml = format!(
        "source: {{type: scrape, interval: 200ms, timeout: 200ms, targets: [{{job: a, urls: ['{url}']}}]}}
queries: [{{name: load, expr: load, step: 200ms, absent_after: 1s, forget_after: 1h}}]
state: {{directory: '{}'}}",
        folder.path().display()
    );
    let run = async || {
        let memory = Memory::default();
        let config = config::parse(&yaml, None).unwrap();
        let engine = Engine::start(config, Options::default(), Box::new(memory.clone()));
        let mut engine = engine.await.unwrap();
        let wait = tokio::time::sleep(Duration::from_secs(3));
        let _end = engine.run(wait).await.unwrap();
        engine.close().await;
        memory
    };
    run().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let memory = run().await;
    let seen = memory.0.lock().unwrap();
    assert!(seen.verdicts.len() > 5, "{}", seen.verdicts.len());
    assert!(seen.verdicts.iter().all(|(_, v)| v.value.is_some()));
    assert_eq!(seen.fired, Vec::<String>::new());
    let told = seen.problems.iter().any(|p| p.contains("were skipped"));
    assert!(told, "{:?}", seen.problems);
}
