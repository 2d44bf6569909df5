//! An engine on series that the program has itself.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bongsu_core::{Labels, Series, Timestamp};
use bongsu_engine::{
    Answering, Engine, Maker, Options, SeriesSource, SilenceOrder, Unobserved, config,
};
use bongsu_prometheus::{Answer, Range};
use support::Memory;

/// A metric that jumps at the 100th minute, on a clock that is moved by hand.
#[derive(Debug, Default)]
struct Clockwork {
    minute: AtomicI64,
    is_away: AtomicBool,
}

impl SeriesSource for Clockwork {
    fn query_range<'a>(&'a self, expr: &'a str, range: &'a Range) -> Answering<'a> {
        Box::pin(async move {
            if self.is_away.load(Ordering::Relaxed) {
                return Err(format!("the store of `{expr}` is away").into());
            }
            let labels = Labels::from_pairs([("__name__", expr), ("host", "a")])?;
            let mut series = Series::empty(labels);
            let mut at = range.start;
            while at <= range.end {
                let minute = at.as_millis() / 60_000;
                let level = if minute >= 100 { 90.0 } else { 10.0 };
                series.push(at, level + (minute % 5) as f64)?;
                at = at.add_millis(range.step_ms);
            }
            Ok(Answer {
                series: vec![series],
                ..Answer::default()
            })
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(60 * self.minute.load(Ordering::Relaxed))
    }
}

const YAML: &str = "source: {type: given}
queries: [{name: load, expr: load, step: 1m, window: 60m, detector: robust-z, parameters: {window: 60}}]";

#[tokio::test]
async fn an_engine_judges_what_the_program_gives() {
    let source = Arc::new(Clockwork::default());
    let memory = Memory::default();
    let config = config::parse(YAML, None).unwrap();
    let given: Arc<dyn SeriesSource> = source.clone();
    let mut engine =
        Engine::start_on(given, config, Options::default(), Box::new(memory.clone())).unwrap();
    source.minute.store(99, Ordering::Relaxed);
    engine.once().await.unwrap();
    assert_eq!(engine.active().count(), 0);

    // A store that is away is a problem of the query, and what came meanwhile is judged afterwards.
    source.minute.store(101, Ordering::Relaxed);
    source.is_away.store(true, Ordering::Relaxed);
    engine.once().await.unwrap();
    let problems = memory.0.lock().unwrap().problems.clone();
    assert!(
        problems
            .iter()
            .any(|p| p.contains("the store of `load` is away")),
        "{problems:?}"
    );
    source.is_away.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    engine.once().await.unwrap();
    assert_eq!(engine.active().count(), 1);
    let seen = memory.0.lock().unwrap().verdicts.clone();
    let minutes: Vec<i64> = seen
        .iter()
        .map(|(_, verdict)| verdict.timestamp.as_millis() / 60_000)
        .collect();
    assert!(minutes[0] <= 40, "{minutes:?}");
    assert_eq!(minutes, (minutes[0]..=101).collect::<Vec<_>>());
    let anomalous = seen.iter().filter(|(_, verdict)| verdict.anomalous);
    assert_eq!(anomalous.count(), 2);
}

#[tokio::test]
async fn a_program_makes_and_ends_silences_and_exchanges_the_configuration() {
    let source: Arc<dyn SeriesSource> = Arc::new(Clockwork::default());
    let config = config::parse(YAML, None).unwrap();
    let mut engine =
        Engine::start_on(source, config, Options::default(), Box::new(Unobserved)).unwrap();
    let control = engine.control();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let _end = engine.run(async { drop(stopped.await) }).await.unwrap();
    });
    let order = SilenceOrder {
        matchers: vec!["host=\"a\"".to_owned()],
        starts_at: None,
        ends_at: None,
        duration: Some(config::Span::from_secs(60)),
        created_by: "kim".to_owned(),
        comment: "move".to_owned(),
    };
    let id = control.silence(order).await.unwrap();
    let silences = control.silences().await.unwrap();
    assert_eq!((&silences[0].id, silences[0].made_in), (&id, Maker::Bongsu));
    assert_eq!(control.end_silence(id.clone()).await.unwrap(), id);
    assert!(control.end_silence(id).await.is_err());
    let unknown = control.unacknowledge(1).await.unwrap_err().to_string();
    assert!(unknown.contains("0000000000000001"), "{unknown}");
    let more = YAML.replace("window: 60m", "window: 30m");
    control.reload(config::parse(&more, None)).await.unwrap();
    let other = YAML.replace("{type: given}", "{type: csv, path: x.csv}");
    let refused = control.reload(config::parse(&other, None)).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("source"), "{why}");
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn a_source_and_a_configuration_that_do_not_fit_are_refused() {
    let given = config::parse(YAML, None).unwrap();
    let refused = Engine::start(given, Options::default(), Box::new(Unobserved)).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("source.type is `given`"), "{why}");
    let source: Arc<dyn SeriesSource> = Arc::new(Clockwork::default());
    let csv = YAML.replace("{type: given}", "{type: csv, path: x.csv}");
    let csv = config::parse(&csv, None).unwrap();
    let refused = Engine::start_on(source, csv, Options::default(), Box::new(Unobserved));
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("must be `given`"), "{why}");
}
