//! Cost of a search for neighbours and of the detectors that rest on it.

use std::hint::black_box;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector as _, FitDetector as _, Rows};
use bongsu_ml::matrix_profile::{DiscordSearch, self_join};
use bongsu_ml::{Knn, Lof, Metric, NeighbourIndex};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Deterministic sums of three uniform numbers.
fn table(rows: usize, columns: usize) -> Array2<f64> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    Array2::from_shape_simple_fn((rows, columns), || uniform() + uniform() + uniform())
}

fn searches(c: &mut Criterion) {
    let mut group = c.benchmark_group("neighbors");
    let rows = 2_000;
    group.throughput(Throughput::Elements(rows as u64));
    for columns in [3, 10, 30] {
        let x = table(rows, columns);
        group.bench_with_input(BenchmarkId::new("build", columns), &x, |b, x| {
            b.iter(|| NeighbourIndex::new(black_box(&x.view()), Metric::Euclidean));
        });
        let Ok(index) = NeighbourIndex::new(&x.view(), Metric::Euclidean) else {
            continue;
        };
        group.bench_with_input(BenchmarkId::new("others", columns), &index, |b, index| {
            b.iter(|| black_box(index).nearest_others(20));
        });
    }
    group.finish();
}

fn detectors(c: &mut Criterion) {
    let x = table(2_000, 10);
    let rows = Rows::untimed(x.view());
    let mut group = c.benchmark_group("neighbour-detectors");
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function("lof fit", |b| {
        b.iter(|| Lof::new().fit_score(black_box(&rows)));
    });
    group.bench_function("knn fit", |b| {
        b.iter(|| Knn::new().fit_score(black_box(&rows)));
    });
    if let Ok(lof) = Lof::new().fit(x.view()) {
        group.bench_function("lof score", |b| b.iter(|| lof.score(black_box(x.view()))));
    }
    group.finish();
}

fn profiles(c: &mut Criterion) {
    let series: Vec<f64> = table(4_096, 1).into_iter().collect();
    let mut group = c.benchmark_group("matrix-profile");
    group.throughput(Throughput::Elements(
        (series.len() * series.len() / 2) as u64,
    ));
    for window in [25, 100, 400] {
        group.bench_with_input(BenchmarkId::new("self-join", window), &window, |b, &m| {
            b.iter(|| self_join(black_box(&series), m));
        });
    }
    group.finish();
    c.bench_function("left discord", |b| {
        b.iter(|| {
            let mut search = DiscordSearch::new(black_box(&series), 100, 400)?;
            while search.advance(u64::MAX)? {}
            Ok::<_, bongsu_core::Error>(search.discord())
        });
    });
}

criterion_group!(benches, searches, detectors, profiles);
criterion_main!(benches);
