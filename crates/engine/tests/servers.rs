//! The engine before servers that answer in part, or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_core::Verdict;
use bongsu_engine::{End, Engine, Options, config};
use support::{Asked, Memory, faulty_server, matrix, server};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_partial_answer_lacks_is_judged_when_it_comes() {
    let first_end = Arc::new(Mutex::new(0));
    let url = server(move |request, end| {
        let mut first = first_end.lock().unwrap();
        if request == 0 {
            *first = end;
            return matrix(true, &["a"], &[end]);
        }
        let times: Vec<i64> = (*first..=end).collect();
        matrix(false, &["a", "b"], &times)
    });
    let yaml = format!(
        "source: {{type: prometheus, url: '{url}'}}\nqueries: [{{name: load, expr: load, step: 1s}}]"
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(memory.clone()))
        .await
        .unwrap();
    for _ in 0..3 {
        engine.once().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_200)).await;
    }
    let seen = memory.0.lock().unwrap();
    assert!(seen.problems[0].contains("partial"), "{:?}", seen.problems);
    let times = |host: &str| -> Vec<i64> {
        let of = |(_, v): &&(String, Verdict)| v.labels.get("host") == Some(host);
        seen.verdicts
            .iter()
            .filter(of)
            .map(|(_, v)| v.timestamp.as_millis())
            .collect()
    };
    let (a, b) = (times("a"), times("b"));
    assert!(a.len() >= 2, "{a:?}");
    assert_eq!(
        a, b,
        "the late part misses nothing, and nothing is judged twice"
    );
    assert!(a.windows(2).all(|t| t[1] - t[0] == 1_000), "{a:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_hangs_holds_up_neither_the_others_nor_the_end() {
    let url = server(|_, end| matrix(false, &["a"], &[end]));
    let yaml = format!(
        "source: {{type: prometheus, url: '{url}', timeout: 30s}}
queries:
  - {{name: slow, expr: slow, step: 1s}}
  - {{name: load, expr: load, step: 1s}}"
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(memory.clone()))
        .await
        .unwrap();
    let begun = std::time::Instant::now();
    let end = engine
        .run(tokio::time::sleep(Duration::from_secs(4)))
        .await
        .unwrap();
    assert_eq!(end, End::Shutdown);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    let judged = memory.0.lock().unwrap().verdicts.len();
    assert!(judged >= 3, "{judged} verdicts beside a query that hangs");
}

/// The seconds at which `host` was judged.
fn judged(memory: &Memory, host: &str) -> Vec<i64> {
    let seen = memory.0.lock().unwrap();
    let of = |(_, v): &&(String, Verdict)| v.labels.get("host") == Some(host);
    let verdicts = seen.verdicts.iter().filter(of);
    verdicts
        .map(|(_, v)| v.timestamp.as_millis() / 1_000)
        .collect()
}

/// Samples of `load` for every second of the range: 1, and 50 within `burst`.
fn samples(asked: Asked, burst: std::ops::Range<i64>) -> String {
    let values: Vec<String> = (asked.start..=asked.end)
        .map(|t| {
            let value = if burst.contains(&t) { 50 } else { 1 + t % 3 };
            format!(r#"[{t},"{value}"]"#)
        })
        .collect();
    let values = values.join(",");
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"host":"a"}},"values":[{values}]}}]}}}}"#
    )
}

const UP: i64 = 0;
const AWAY: i64 = 1;

/// A service before a server that goes away, and is back an hour later by its own clock.
async fn an_hour_away(engine_settings: &str) -> Memory {
    let (ahead, state) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(UP)));
    let began = jiff::Timestamp::now().as_second();
    let burst = began + 1_800..began + 1_860;
    let (clock, health) = (Arc::clone(&ahead), Arc::clone(&state));
    let url = faulty_server(
        move || clock.load(Ordering::SeqCst),
        move |asked| (health.load(Ordering::SeqCst) == UP).then(|| samples(asked, burst.clone())),
    );
    let yaml = format!(
        "source: {{type: prometheus, url: '{url}', retries: 0}}
queries: [{{name: load, expr: load, step: 1s, window: 60s, direction: up, min_abs_dev: 20}}]
engine: {{{engine_settings}}}"
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(memory.clone()))
        .await
        .unwrap();
    let story = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        state.store(AWAY, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(2)).await;
        ahead.store(3_600, Ordering::SeqCst);
        state.store(UP, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(8)).await;
    };
    let _end = engine.run(story).await.unwrap();
    memory
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_without_the_server_is_caught_up() {
    let memory = an_hour_away("").await;
    let times = judged(&memory, "a");
    assert!(times.len() > 3_600, "{}", times.len());
    assert!(times.windows(2).all(|t| t[1] - t[0] == 1), "none is missed");
    let seen = memory.0.lock().unwrap();
    assert!(
        seen.problems[0].contains("the query failed"),
        "{:?}",
        seen.problems
    );
    assert_eq!(
        (seen.fired.len(), seen.resolved.len()),
        (1, 1),
        "{:?}",
        seen.fired
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_catch_up_is_skipped_and_said() {
    let memory = an_hour_away("max_catch_up: 10m").await;
    let times = judged(&memory, "a");
    let holes = times.windows(2).filter(|t| t[1] - t[0] != 1).count();
    assert_eq!(holes, 1, "{}", times.len());
    let seen = memory.0.lock().unwrap();
    let told = seen
        .problems
        .iter()
        .any(|p| p.contains("of data were skipped"));
    assert!(told, "{:?}", seen.problems);
    assert!(seen.fired.is_empty(), "{:?}", seen.fired);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_answers_cost_no_moment() {
    let url = faulty_server(
        || 0,
        |asked| {
            let right = samples(asked, 0..0);
            // Each wrong answer is followed by a right one, so that no pause grows long.
            match asked.request % 10 {
                1 => Some(right.chars().take(right.len() / 2).collect()),
                3 => Some("<html>log in</html>".to_owned()),
                5 => Some(r#"{"status":"error","error":"no"}"#.to_owned()),
                7 => Some(right.replace("matrix", "scalar")),
                9 => None,
                _ => Some(right),
            }
        },
    );
    let yaml = format!(
        "source: {{type: prometheus, url: '{url}', retries: 0}}
queries: [{{name: load, expr: load, step: 1s, window: 60s}}]"
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let mut engine = Engine::start(config, Options::default(), Box::new(memory.clone()))
        .await
        .unwrap();
    let wait = tokio::time::sleep(Duration::from_secs(17));
    let _end = engine.run(wait).await.unwrap();
    assert!(engine.totals().failures >= 5, "{:?}", engine.totals());
    let times = judged(&memory, "a");
    assert!(times.len() > 65, "{}", times.len());
    assert!(times.windows(2).all(|t| t[1] - t[0] == 1), "{times:?}");
}
