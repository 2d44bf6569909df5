//! Cost of the methods that look at the order of the values: whole series and streams.

use std::hint::black_box;

use bongsu_core::StreamDetector;
use bongsu_stats::{Bocpd, Changepoints, Cost, Search, SpectralResidual, Spot};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Deterministic noise whose level changes every `length` points.
fn steps(n: usize, length: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let noise = |i: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let level = (i / length * 7 % 5) as f64;
        level + (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..n).map(noise).collect()
}

fn segmentations(c: &mut Criterion) {
    let mut group = c.benchmark_group("changepoints");
    group.sample_size(10);
    for (n, length) in [(10_000, 500), (10_000, 10_000)] {
        let values = steps(n, length);
        group.throughput(Throughput::Elements(n as u64));
        let config = Changepoints::new();
        group.bench_with_input(BenchmarkId::new("mean", length), &values, |b, values| {
            b.iter(|| config.segment(black_box(values)));
        });
        let config = Changepoints::new().search(Search::Binary);
        group.bench_with_input(BenchmarkId::new("binary", length), &values, |b, values| {
            b.iter(|| config.segment(black_box(values)));
        });
    }
    let values = steps(2_000, 200);
    group.throughput(Throughput::Elements(2_000));
    for cost in [Cost::Median, Cost::Normal, Cost::Trend] {
        let config = Changepoints::new().cost(cost);
        group.bench_with_input(BenchmarkId::new("cost", cost), &values, |b, values| {
            b.iter(|| config.segment(black_box(values)));
        });
    }
    group.finish();
}

fn columns(c: &mut Criterion) {
    let values = steps(8_640, 720);
    let mut group = c.benchmark_group("column");
    group.throughput(Throughput::Elements(values.len() as u64));
    let residual = SpectralResidual::new();
    group.bench_function("spectral-residual", |b| {
        b.iter(|| residual.score(black_box(&values)));
    });
    let bocpd = Bocpd::new();
    group.bench_function("bocpd", |b| {
        b.iter(|| bocpd.segment(black_box(&values)));
    });
    group.finish();
}

fn streams(c: &mut Criterion) {
    let values = steps(2_000, 400);
    let mut group = c.benchmark_group("stream");
    group.sample_size(10);
    group.throughput(Throughput::Elements(values.len() as u64));
    let residual = SpectralResidual::new();
    let built: [(&str, bongsu_core::Result<Box<dyn StreamDetector>>); 3] = [
        (
            "spectral-residual",
            residual.build().map(|d| Box::new(d) as _),
        ),
        ("bocpd", Bocpd::new().build().map(|d| Box::new(d) as _)),
        ("spot", Spot::new().build().map(|d| Box::new(d) as _)),
    ];
    for (name, detector) in built {
        let Ok(mut detector) = detector else { continue };
        group.bench_function(name, |b| {
            b.iter(|| {
                for x in &values {
                    let _ = black_box(detector.score_then_learn(black_box(&[*x])));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, segmentations, columns, streams);
criterion_main!(benches);
