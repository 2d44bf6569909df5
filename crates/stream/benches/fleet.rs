//! Cost of a sample in a fleet, and of a checkpoint.

use std::hint::black_box;

use bongsu_core::Timestamp;
use bongsu_stats::Ewma;
use bongsu_stream::fleet::{Batch, Fleet, FleetQuery};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const SERIES: usize = 20_000;

fn fleet(c: &mut Criterion) {
    let series: Vec<u64> = (1..=SERIES as u64)
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    let mut times = vec![Timestamp::default(); SERIES];
    let mut values = vec![0.0; SERIES];
    let mut out = Vec::new();
    let mut fleet = Fleet::new();
    let Ok(detector) = Ewma::new().build() else {
        return;
    };
    let Ok(query) = fleet.add_query(FleetQuery::new("bench", detector)) else {
        return;
    };
    let mut step = 0_u32;
    let mut update = |fleet: &mut Fleet<_>| {
        step += 1;
        times.fill(Timestamp::from_secs(i64::from(step)));
        for (value, fingerprint) in values.iter_mut().zip(&series) {
            *value = f64::from((*fingerprint as u32).wrapping_mul(step) >> 20);
        }
        if let Ok(batch) = Batch::new(&series, &times, &values) {
            let _ = black_box(fleet.update(query, &batch, &mut out));
        }
    };
    for _ in 0..40 {
        update(&mut fleet);
    }
    let mut group = c.benchmark_group("fleet");
    group.throughput(Throughput::Elements(SERIES as u64));
    group.bench_function("update", |b| b.iter(|| update(&mut fleet)));
    group.bench_function("checkpoint", |b| {
        b.iter_batched(
            || fleet.clone(),
            |mut fleet| black_box(fleet.checkpoint(true)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, fleet);
criterion_main!(benches);
