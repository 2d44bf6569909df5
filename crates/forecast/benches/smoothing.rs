//! Cost of a fit for each smoothing model.

use std::hint::black_box;

use bongsu_core::{Labels, Series, Timestamp};
use bongsu_forecast::{Ces, Ets, Member, Theta};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// A wave on a slow trend with deterministic noise.
fn metric(n: usize, period: usize) -> Series {
    let mut state = 1_u64;
    let value = |i: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 11) as f64 / (1_u64 << 53) as f64;
        let wave = (std::f64::consts::TAU * i as f64 / period as f64).sin();
        60.0 + 0.01 * i as f64 + 10.0 * wave + 4.0 * noise
    };
    let times = (0..n as i64).map(|i| Timestamp::from_secs(3600 * i));
    let values = (0..n).map(value).collect();
    Series::new(Labels::empty(), times.collect(), values).unwrap_or(Series::empty(Labels::empty()))
}

fn exponential_smoothing(c: &mut Criterion) {
    let mut group = c.benchmark_group("ets");
    group.sample_size(10);
    let series = metric(720, 24);
    for model in ["ANN", "AAN", "AAA", "MAM"] {
        group.bench_with_input(BenchmarkId::new("fit", model), &model, |b, model| {
            let config = model.parse().map(Ets::new).and_then(|ets| ets.period(24));
            b.iter(|| {
                config
                    .as_ref()
                    .map(|ets| ets.fit(black_box(&series.view())))
                    .is_ok()
            });
        });
    }
    group.bench_function("automatic", |b| {
        let config = Ets::automatic().period(24);
        b.iter(|| {
            config
                .as_ref()
                .map(|ets| ets.fit(black_box(&series.view())))
                .is_ok()
        });
    });
    group.finish();
}

fn kin(c: &mut Criterion) {
    let mut group = c.benchmark_group("smoothing");
    group.sample_size(10);
    let series = metric(720, 24);
    let ces = Ces::automatic().period(24).map(Member::from);
    let theta = Theta::dynamic_optimised().period(24).map(Member::from);
    for (name, model) in [("ces", ces), ("dot", theta)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                model
                    .as_ref()
                    .map(|model| model.fit(black_box(&series.view())))
                    .is_ok()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, exponential_smoothing, kin);
criterion_main!(benches);
