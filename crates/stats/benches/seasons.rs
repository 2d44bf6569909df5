//! Cost of taking a month of a metric apart, of finding its period and of a seasonal detector.

use std::hint::black_box;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector as _, FitDetector as _};
use bongsu_stats::decompose::{Classical, Mstl, Stl};
use bongsu_stats::period::{PeriodSearch, acf};
use bongsu_stats::{Seasonal, Shesd};
use criterion::{Criterion, criterion_group, criterion_main};

const PERIOD: usize = 288;

/// Thirty days at five minutes: a wave with deterministic noise.
fn metric() -> Vec<f64> {
    let mut state = 1_u64;
    let value = |i: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let phase = std::f64::consts::TAU * i as f64 / PERIOD as f64;
        3.0 * phase.sin() + (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..30 * PERIOD).map(value).collect()
}

fn decompositions(c: &mut Criterion) {
    let values = metric();
    let mut group = c.benchmark_group("decompose");
    group.sample_size(10);
    group.bench_function("classical", |b| {
        b.iter(|| Classical::new(PERIOD)?.decompose(black_box(&values)));
    });
    for robust in [false, true] {
        let name = if robust { "stl-robust" } else { "stl" };
        group.bench_function(name, |b| {
            b.iter(|| {
                Stl::new(PERIOD)?
                    .robust(robust)
                    .decompose(black_box(&values))
            });
        });
    }
    group.bench_function("mstl", |b| {
        b.iter(|| Mstl::new(&[PERIOD, 7 * PERIOD])?.decompose(black_box(&values)));
    });
    group.finish();
}

fn periods(c: &mut Criterion) {
    let values = metric();
    let mut group = c.benchmark_group("period");
    group.sample_size(10);
    group.bench_function("acf", |b| {
        b.iter(|| acf(black_box(&values), values.len() / 2, false));
    });
    group.bench_function("search", |b| {
        b.iter(|| PeriodSearch::new().find(black_box(&values)));
    });
    group.finish();
}

fn detectors(c: &mut Criterion) {
    let values = metric();
    let Ok(table) = Array2::from_shape_vec((values.len(), 1), values) else {
        return;
    };
    let mut group = c.benchmark_group("detector");
    group.sample_size(10);
    group.bench_function("seasonal-fit", |b| {
        b.iter(|| Seasonal::stl().period(PERIOD)?.fit(black_box(table.view())));
    });
    group.bench_function("shesd-fit", |b| {
        b.iter(|| Shesd::new().period(PERIOD)?.fit(black_box(table.view())));
    });
    let fitted = Seasonal::stl()
        .period(PERIOD)
        .and_then(|c| c.fit(table.view()));
    if let Ok(fitted) = fitted {
        group.bench_function("seasonal-score", |b| {
            b.iter(|| fitted.score(black_box(table.view())));
        });
    }
    group.finish();
}

criterion_group!(benches, decompositions, periods, detectors);
criterion_main!(benches);
