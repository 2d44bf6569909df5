//! Clocks that do not agree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bongsu_engine::{Engine, Options, config};
use support::{Memory, faulty_server, matrix};

const HOUR: i64 = 3_600;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

/// Runs for four seconds before a server whose clock is `ahead`, which has a sample for every
/// second until its own present; what was seen, and the ends of the ranges asked for.
async fn run(ahead: i64) -> (Memory, Vec<i64>) {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&ends);
    let url = faulty_server(
        move || ahead,
        move |range| {
            asked.lock().unwrap().push(range.end);
            let newest = range.end.min(now() + ahead);
            let times: Vec<i64> = (range.start - 1..=newest).collect();
            Some(matrix(false, &["a"], &times))
        },
    );
    let yaml = format!(
        "source: {{type: prometheus, url: '{url}'}}
queries: [{{name: load, expr: load, step: 1s, window: 20s, absent_after: 5s}}]"
    );
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let engine = Engine::start(config, Options::default(), Box::new(memory.clone()));
    let mut engine = engine.await.unwrap();
    let _end = engine
        .run(tokio::time::sleep(Duration::from_secs(4)))
        .await
        .unwrap();
    engine.close().await;
    let ends = ends.lock().unwrap().clone();
    (memory, ends)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_judged_is_the_present_of_the_source() {
    for ahead in [-HOUR, HOUR, 0] {
        let (memory, ends) = run(ahead).await;
        let seen = memory.0.lock().unwrap();
        let present = now() + ahead;
        let newest = *ends.last().unwrap();
        assert!((newest - present).abs() < 5, "{ahead}: {newest} {present}");
        assert_eq!(
            seen.fired,
            Vec::<String>::new(),
            "{ahead}: nothing is absent"
        );
        let times: Vec<i64> = seen
            .verdicts
            .iter()
            .map(|(_, verdict)| verdict.timestamp.as_millis() / 1_000)
            .collect();
        assert!(times.len() > 20, "{ahead}: {times:?}");
        // The first request is by this machine's clock, and what it gave is caught up from.
        let oldest = present.min(now()) - 60;
        assert!(
            times
                .iter()
                .all(|time| (oldest..present + 5).contains(time))
        );
        assert!(times.windows(2).all(|t| t[1] - t[0] == 1), "{times:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_was_set_back_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = async |ahead: i64| {
        let url = faulty_server(
            move || ahead,
            |range| {
                let times: Vec<i64> = (range.start..=range.end).collect();
                Some(matrix(false, &["a"], &times))
            },
        );
        let yaml = format!(
            "source: {{type: prometheus, url: '{url}'}}
queries: [{{name: load, expr: load, step: 1s, window: 20s}}]
state: {{directory: '{}'}}",
            folder.path().display()
        );
        let memory = Memory::default();
        let config = config::parse(&yaml, None).unwrap();
        let engine = Engine::start(config, Options::default(), Box::new(memory.clone()));
        let mut engine = engine.await.unwrap();
        let _end = engine
            .run(tokio::time::sleep(Duration::from_secs(3)))
            .await
            .unwrap();
        engine.close().await;
        memory
    };
    let before = run(0).await;
    assert!(before.0.lock().unwrap().problems.is_empty());
    let after = run(-HOUR).await;
    let seen = after.0.lock().unwrap();
    assert!(seen.verdicts.is_empty(), "no moment is judged twice");
    let problem = &seen.problems[0];
    assert!(problem.contains("further than the clock says"), "{problem}");
}
