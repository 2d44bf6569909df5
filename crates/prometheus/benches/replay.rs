//! A range query over a whole recording of an hour, through HTTP: 90 series, 64,890 points.

use std::hint::black_box;
use std::sync::Arc;

use bongsu_core::{Labels, Series, Timestamp};
use bongsu_prometheus::replay::{Recording, ReplayClock, ReplayServer};
use bongsu_prometheus::{Client, ClientConfig, Error, Range};
use criterion::{Criterion, criterion_group, criterion_main};

fn recording() -> Result<Recording, Error> {
    let series = (0..90).filter_map(|i: i32| {
        let name = format!("metric_{i}");
        let labels = Labels::from_pairs([("__name__", name.as_str()), ("job", "demo")]).ok()?;
        let times: Vec<Timestamp> = (0..=720).map(|k| Timestamp::from_secs(5 * k)).collect();
        let values = times
            .iter()
            .map(|t| t.as_secs_f64() / f64::from(i + 3))
            .collect();
        Series::new(labels, times, values).ok()
    });
    Recording::from_series(series.collect())
}

fn query(criterion: &mut Criterion, runtime: &tokio::runtime::Runtime) -> Result<(), Error> {
    let _inside = runtime.enter();
    let recording = Arc::new(recording()?);
    let clock = ReplayClock::manual(recording.end());
    let server = ReplayServer::start(recording, clock, ([127, 0, 0, 1], 0).into())?;
    let client = Client::new(ClientConfig::new(&server.url())?)?;
    let mut group = criterion.benchmark_group("replay/query_range");
    for (name, promql, n_series) in [
        ("one_series", "metric_7", 1),
        ("all_series", "{job=\"demo\"}", 90),
    ] {
        let range = Range {
            start: Timestamp::from_secs(0),
            end: Timestamp::from_secs(3_600),
            step_ms: 5_000,
        };
        group.bench_function(name, |b| {
            b.iter(|| {
                let answer = runtime.block_on(client.query_range(black_box(promql), &range));
                assert!(answer.is_ok_and(|answer| answer.series.len() == n_series));
            });
        });
    }
    group.finish();
    Ok(())
}

fn benches(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new();
    let done = runtime.map(|runtime| query(criterion, &runtime));
    assert!(matches!(done, Ok(Ok(()))), "the bench failed: {done:?}");
}

criterion_group!(group, benches);
criterion_main!(group);
