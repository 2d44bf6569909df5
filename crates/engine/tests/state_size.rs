//! A state that becomes too large takes in no more series.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bongsu_core::{Labels, Series, Timestamp};
use bongsu_engine::{Answering, Engine, Options, SeriesSource, config};
use bongsu_prometheus::{Answer, Range};
use support::Memory;

/// A metric of one host, and of nine more from the 100th minute on, on a clock moved by hand.
#[derive(Debug, Default)]
struct Growing(AtomicI64);

impl SeriesSource for Growing {
    fn query_range<'a>(&'a self, expr: &'a str, range: &'a Range) -> Answering<'a> {
        Box::pin(async move {
            let mut answer = Answer::default();
            for host in 0..10 {
                let host_name = format!("h{host}");
                let labels = Labels::from_pairs([("__name__", expr), ("host", &*host_name)])?;
                let mut series = Series::empty(labels);
                let mut at = range.start;
                while at <= range.end {
                    let minute = at.as_millis() / 60_000;
                    if host == 0 || minute >= 100 {
                        series.push(at, (minute % 5) as f64)?;
                    }
                    at = at.add_millis(range.step_ms);
                }
                if !series.is_empty() {
                    answer.series.push(series);
                }
            }
            Ok(answer)
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(60 * self.0.load(Ordering::Relaxed))
    }
}

/// The hosts that are judged at the 101st minute, and the problems, after a first tick at the 99th.
async fn judged(max_bytes: u64) -> (Vec<String>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let yaml = format!(
        "source: {{type: given}}\nstate: {{directory: '{}', max_bytes: {max_bytes}}}\n\
         queries: [{{name: load, expr: load, step: 1m, window: 60m, detector: ewma}}]",
        directory.path().display()
    );
    let source = Arc::new(Growing::default());
    let memory = Memory::default();
    let config = config::parse(&yaml, None).unwrap();
    let given: Arc<dyn SeriesSource> = source.clone();
    let observer = Box::new(memory.clone());
    let mut engine = Engine::start_on(given, config, Options::default(), observer).unwrap();
    for minute in [99, 101] {
        source.0.store(minute, Ordering::Relaxed);
        engine.once().await.unwrap();
    }
    let seen = memory.0.lock().unwrap();
    let newest = seen.verdicts.iter().filter(|(_, verdict)| {
        verdict.value.is_some() && verdict.timestamp == Timestamp::from_secs(101 * 60)
    });
    let hosts = newest.map(|(_, v)| v.labels.get("host").unwrap().to_owned());
    (hosts.collect(), seen.problems.clone())
}

#[tokio::test]
async fn a_full_state_keeps_its_series_and_refuses_new_ones() {
    let (hosts, problems) = judged(100).await;
    assert_eq!(hosts, ["h0"]);
    let problem = problems.iter().find(|p| p.contains("state.max_bytes"));
    assert!(problem.unwrap().contains("9 series"), "{problems:?}");

    let (hosts, problems) = judged(1 << 20).await;
    assert_eq!(hosts.len(), 10);
    assert_eq!(problems, Vec::<String>::new());
}
