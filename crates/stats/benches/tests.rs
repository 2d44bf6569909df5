//! Cost of tests for outliers, shifts and differences, and of robust estimates.

use std::hint::black_box;

use bongsu_core::StreamDetector;
use bongsu_stats::cusum::cusum;
use bongsu_stats::hypothesis::{Adf, Alternative, PValue, ks_2samp, mann_whitney};
use bongsu_stats::robust::{huber, qn, sn};
use bongsu_stats::rolling::rolling_median;
use bongsu_stats::two_window::WindowTest;
use bongsu_stats::{Cusum, Gesd, TwoWindow};
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
    let mut group = c.benchmark_group("tests/column");
    group.throughput(Throughput::Elements(values.len() as u64));
    group.bench_function("cusum", |b| {
        b.iter(|| cusum(black_box(&values), 0.5, 1.0, 0.5));
    });
    for window in [10, 100, 10_000] {
        group.bench_with_input(
            BenchmarkId::new("rolling-median", window),
            &window,
            |b, &w| {
                b.iter(|| rolling_median(black_box(&values), w));
            },
        );
    }
    for hybrid in [false, true] {
        let gesd = Gesd::new()
            .max_share(0.01)
            .unwrap_or_default()
            .hybrid(hybrid);
        group.bench_with_input(
            BenchmarkId::new("gesd, hybrid", hybrid),
            &gesd,
            |b, gesd| {
                b.iter(|| gesd.test(black_box(&values)));
            },
        );
    }
    group.bench_function("qn", |b| b.iter(|| qn(black_box(&values), false)));
    group.bench_function("sn", |b| b.iter(|| sn(black_box(&values), false)));
    group.bench_function("huber", |b| b.iter(|| huber(black_box(&values), 1.5)));
    group.finish();
}

fn samples(c: &mut Criterion) {
    let values = metric(1_300);
    let (a, b) = values.split_at(1_000);
    let side = Alternative::TwoSided;
    let mut group = c.benchmark_group("tests/samples");
    group.bench_function("ks", |bench| {
        bench.iter(|| ks_2samp(black_box(a), b, side, PValue::Auto));
    });
    group.bench_function("mann-whitney", |bench| {
        bench.iter(|| mann_whitney(black_box(a), b, side, PValue::Auto));
    });
    group.bench_function("adf", |bench| bench.iter(|| Adf::new().test(black_box(a))));
    group.finish();
}

fn streams(c: &mut Criterion) {
    let values = metric(1_000);
    let mut group = c.benchmark_group("tests/stream");
    group.throughput(Throughput::Elements(values.len() as u64));
    let mut time = |name: &str, stream: &mut dyn StreamDetector| {
        group.bench_function(name, |b| {
            b.iter(|| {
                for x in &values {
                    black_box(stream.score_then_learn(&[*x]).is_ok());
                }
            });
        });
    };
    if let Ok(mut stream) = Cusum::new().build() {
        time("cusum", &mut stream);
    }
    for (name, test) in [
        ("two-window, ks", WindowTest::Ks),
        ("two-window, mann-whitney", WindowTest::MannWhitney),
        ("two-window, welch", WindowTest::Welch),
        ("two-window, energy", WindowTest::Energy),
    ] {
        if let Ok(mut stream) = TwoWindow::new().test(test).build() {
            time(name, &mut stream);
        }
    }
    group.finish();
}

criterion_group!(benches, columns, samples, streams);
criterion_main!(benches);
