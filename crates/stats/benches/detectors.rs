//! Cost of a point for each detector: whole columns and streams.

use std::hint::black_box;

use bongsu_core::StreamDetector;
use bongsu_stats::ewma::ewm_zscore;
use bongsu_stats::iqr::rolling_iqr;
use bongsu_stats::robust_z::rolling_robust_z;
use bongsu_stats::zscore::rolling_zscore;
use bongsu_stats::{Ewma, Iqr, RobustZ, ZScore};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// A wave with deterministic noise.
fn metric(n: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let noise = |i: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (i as f64 / 20.0).sin() + (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..n).map(noise).collect()
}

fn columns(c: &mut Criterion) {
    let values = metric(100_000);
    let mut group = c.benchmark_group("column");
    group.throughput(Throughput::Elements(values.len() as u64));
    for window in [20, 100, 500] {
        group.bench_with_input(BenchmarkId::new("zscore", window), &window, |b, &w| {
            b.iter(|| rolling_zscore(black_box(&values), w, true));
        });
        group.bench_with_input(BenchmarkId::new("robust-z", window), &window, |b, &w| {
            b.iter(|| rolling_robust_z(black_box(&values), w, false));
        });
        group.bench_with_input(BenchmarkId::new("iqr", window), &window, |b, &w| {
            b.iter(|| rolling_iqr(black_box(&values), w));
        });
    }
    group.bench_function("ewma", |b| {
        b.iter(|| ewm_zscore(black_box(&values), 0.1));
    });
    group.finish();
}

fn streams(c: &mut Criterion) {
    let values = metric(10_000);
    let mut group = c.benchmark_group("stream");
    group.throughput(Throughput::Elements(values.len() as u64));
    let built: [(&str, bongsu_core::Result<Box<dyn StreamDetector>>); 4] = [
        ("zscore", ZScore::new().build().map(|d| Box::new(d) as _)),
        ("robust-z", RobustZ::new().build().map(|d| Box::new(d) as _)),
        ("iqr", Iqr::new().build().map(|d| Box::new(d) as _)),
        ("ewma", Ewma::new().build().map(|d| Box::new(d) as _)),
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

criterion_group!(benches, columns, streams);
criterion_main!(benches);
