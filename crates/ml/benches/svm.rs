//! Cost of fitting a one-class support vector machine and of scoring rows.

use std::hint::black_box;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector as _, FitDetector as _};
use bongsu_ml::OneClassSvm;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// Rows of ten nearly normal features.
fn table(n: usize) -> Array2<f64> {
    let mut state = 1_u64;
    Array2::from_shape_simple_fn((n, 10), || {
        let mut sum = 0.0;
        for _ in 0..6 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            sum += (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
        }
        sum
    })
}

fn one_class_svm(c: &mut Criterion) {
    let mut group = c.benchmark_group("one-class-svm");
    group.sample_size(10);
    for n in [500, 2000] {
        let x = table(n);
        let config = OneClassSvm::new();
        group.bench_with_input(BenchmarkId::new("fit", n), &x, |b, x| {
            b.iter(|| config.fit(black_box(x.view())));
        });
        let Ok(fitted) = config.fit(x.view()) else {
            continue;
        };
        group.bench_with_input(BenchmarkId::new("score", n), &x, |b, x| {
            b.iter(|| fitted.score(black_box(x.view())));
        });
    }
    group.finish();
}

criterion_group!(benches, one_class_svm);
criterion_main!(benches);
