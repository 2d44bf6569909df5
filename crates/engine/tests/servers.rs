//! The engine before servers that answer in part, or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::{Arc, Mutex};

use bongsu_core::Verdict;
use bongsu_engine::{End, Engine, Options, config};
use support::{Memory, matrix, server};

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
        tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
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
        .run(tokio::time::sleep(std::time::Duration::from_secs(4)))
        .await
        .unwrap();
    assert_eq!(end, End::Shutdown);
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    let judged = memory.0.lock().unwrap().verdicts.len();
    assert!(judged >= 3, "{judged} verdicts beside a query that hangs");
}
