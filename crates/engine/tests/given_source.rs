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
    Answering, Control, Engine, Maker, Options, SeriesSource, SilenceOrder, Unobserved, config,
};
use bongsu_prometheus::{Answer, Range};
use support::{Memory, hook};

/// A metric that jumps at the 100th minute, on a clock that is moved by hand.
#[derive(Debug, Default)]
struct Clockwork {
    minute: AtomicI64,
    is_away: AtomicBool,
    is_silent: AtomicBool,
}

impl SeriesSource for Clockwork {
    fn query_range<'a>(&'a self, expr: &'a str, range: &'a Range) -> Answering<'a> {
        Box::pin(async move {
            if self.is_away.load(Ordering::Relaxed) {
                return Err(format!("the store of `{expr}` is away").into());
            }
            if self.is_silent.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
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
async fn an_answer_that_never_comes_holds_nothing_up_for_ever() {
    let source = Arc::new(Clockwork::default());
    source.minute.store(99, Ordering::Relaxed);
    source.is_silent.store(true, Ordering::Relaxed);
    let memory = Memory::default();
    let yaml = YAML.replace("type: given", "type: given, timeout: 50ms");
    let config = config::parse(&yaml, None).unwrap();
    let given: Arc<dyn SeriesSource> = source.clone();
    let mut engine =
        Engine::start_on(given, config, Options::default(), Box::new(memory.clone())).unwrap();
    engine.once().await.unwrap();
    assert_eq!((engine.totals().failures, engine.totals().verdicts), (1, 0));
    let problems = memory.0.lock().unwrap().problems.clone();
    assert!(
        problems[0].contains("no answer came within 50ms (source.timeout)"),
        "{problems:?}"
    );
    source.is_silent.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    engine.once().await.unwrap();
    assert_eq!(engine.totals().failures, 1);
    assert!(engine.totals().verdicts > 50);

    let none = YAML.replace("type: given", "type: given, timeout: 0s");
    let refused = config::parse(&none, None).unwrap_err().to_string();
    assert!(refused.contains("source.timeout is 0s"), "{refused}");
}

#[tokio::test]
async fn the_time_out_changes_while_the_engine_runs() {
    let source = Arc::new(Clockwork::default());
    source.minute.store(99, Ordering::Relaxed);
    source.is_silent.store(true, Ordering::Relaxed);
    let memory = Memory::default();
    let config = config::parse(YAML, None).unwrap();
    let given: Arc<dyn SeriesSource> = source.clone();
    let mut engine =
        Engine::start_on(given, config, Options::default(), Box::new(memory.clone())).unwrap();
    let control = engine.control();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let _end = engine.run(async { drop(stopped.await) }).await.unwrap();
    });
    let shorter = YAML.replace("type: given", "type: given, timeout: 50ms");
    control.reload(config::parse(&shorter, None)).await.unwrap();
    let problem = soon(|| memory.0.lock().unwrap().problems.first().cloned()).await;
    assert!(problem.contains("within 50ms"), "{problem}");
    stop.send(()).unwrap();
    running.await.unwrap();
}

/// What `look` gives as soon as it gives something, within half a minute.
async fn soon<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), looking);
    found.await.unwrap()
}

/// Waits, on an engine that `run`s, until the minute is judged to which `source` is moved.
async fn judged(source: &Clockwork, minute: i64, memory: &Memory, control: &Control) {
    source.minute.store(minute, Ordering::Relaxed);
    let judged = || {
        let seen = memory.0.lock().unwrap().verdicts.last().cloned();
        seen.filter(|(_, verdict)| verdict.timestamp.as_millis() >= 60_000 * minute)
    };
    asking(control, judged).await;
}

/// As [`soon`], of an engine that is asked something meanwhile: it looks at the clock again then.
async fn asking<T>(control: &Control, look: impl FnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            control.silences().await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        found = soon(look) => found,
        () = asking => unreachable!("it is asked for ever"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_told_and_silenced_by_the_clock_of_the_source() {
    let (url, told) = hook(200);
    let source = Arc::new(Clockwork::default());
    source.minute.store(99, Ordering::Relaxed);
    let memory = Memory::default();
    let yaml = format!("{YAML}\nsinks: [{{type: alertmanager, urls: ['{url}'], resend: 1s}}]");
    let config = config::parse(&yaml, None).unwrap();
    let given: Arc<dyn SeriesSource> = source.clone();
    let mut engine =
        Engine::start_on(given, config, Options::default(), Box::new(memory.clone())).unwrap();
    let control = engine.control();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let _end = engine.run(async { drop(stopped.await) }).await.unwrap();
        engine.active().count()
    });
    judged(&source, 99, &memory, &control).await;
    let order = SilenceOrder {
        matchers: vec!["host=\"a\"".to_owned()],
        starts_at: None,
        ends_at: None,
        duration: Some(config::Span::from_secs(600)),
        created_by: "kim".to_owned(),
        comment: "move".to_owned(),
    };
    control.silence(order).await.unwrap();
    let silence = control.silences().await.unwrap().remove(0);
    assert_eq!(
        (silence.starts_at, silence.ends_at, silence.active),
        (
            Timestamp::from_secs(99 * 60),
            Timestamp::from_secs(109 * 60),
            true
        )
    );
    judged(&source, 103, &memory, &control).await;
    assert_eq!(memory.0.lock().unwrap().fired.len(), 1);
    for _ in 0..5 {
        control.silences().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(told.lock().unwrap().is_empty(), "{told:?}");
    judged(&source, 110, &memory, &control).await;
    assert!(control.silences().await.unwrap().is_empty(), "it has ended");
    let first = asking(&control, || told.lock().unwrap().first().cloned()).await;
    // An alert that fires ends a while from now unless it is told again.
    let ends = first[0]["endsAt"].as_str().unwrap();
    assert!(ends.starts_with("1970-01-01T0"), "{first}");
    stop.send(()).unwrap();
    assert_eq!(running.await.unwrap(), 1);
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
