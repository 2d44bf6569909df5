//! Cost of growing a forest and of judging with it.

use std::hint::black_box;

use bongsu_core::ndarray::{Array2, Axis, Slice};
use bongsu_core::{Detector as _, FitDetector as _};
use bongsu_ml::{IsolationForest, RandomForest};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Deterministic noise.
fn table(rows: usize, columns: usize) -> Array2<f64> {
    let mut state = 1_u64;
    Array2::from_shape_simple_fn((rows, columns), || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    })
}

fn isolation_forest(c: &mut Criterion) {
    let x = table(10_000, 10);
    let mut group = c.benchmark_group("isolation-forest");
    let config = IsolationForest::new();
    group.bench_function("fit 100 trees", |b| {
        b.iter(|| config.fit(black_box(x.view())));
    });
    let Ok(forest) = config.fit(x.view()) else {
        return;
    };
    for rows in [1, 100, 10_000] {
        let part = x.slice_axis(Axis(0), Slice::from(..rows));
        let mut out = vec![0.0; rows];
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_with_input(BenchmarkId::new("score", rows), &rows, |b, _| {
            b.iter(|| forest.score_into(black_box(part), &mut out));
        });
    }
    let row = vec![0.5; 10];
    group.throughput(Throughput::Elements(1));
    group.bench_function("explain", |b| {
        b.iter(|| forest.path_credits(black_box(&row)));
    });
    group.finish();
}

fn random_forest(c: &mut Criterion) {
    let x = table(720, 9);
    let y: Vec<f64> = x.rows().into_iter().map(|row| row.sum().sin()).collect();
    let mut group = c.benchmark_group("random-forest");
    group.sample_size(20);
    let config = RandomForest::new();
    group.bench_function("fit 100 trees", |b| {
        b.iter(|| config.fit(black_box(x.view()), &y));
    });
    let Ok(forest) = config.fit(x.view(), &y) else {
        return;
    };
    for rows in [1, 720] {
        let part = x.slice_axis(Axis(0), Slice::from(..rows));
        let mut out = vec![0.0; rows];
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_with_input(BenchmarkId::new("predict", rows), &rows, |b, _| {
            b.iter(|| forest.predict_into(black_box(part), &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, isolation_forest, random_forest);
criterion_main!(benches);
