//! Cost of fitting and of scoring a row for the detectors by profiles of the columns,
//! and for the automatic ones.

use std::hint::black_box;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector, FitDetector};
use bongsu_ml::{
    Auto, AutoMultivariate, Cblof, Copod, Ecod, Hbos, KMeans, Pca, Poly, Subsequences,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Waves with deterministic noise, correlated across columns.
fn metrics(rows: usize, columns: usize) -> Array2<f64> {
    let mut state = 1_u64;
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 11) as f64 / (1_u64 << 53) as f64;
        (i as f64 / 20.0).sin() * (j + 1) as f64 + noise
    })
}

fn measure<C: FitDetector>(c: &mut Criterion, name: &str, config: &C, x: &Array2<f64>) {
    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    group.throughput(Throughput::Elements(x.nrows() as u64));
    group.bench_function("fit", |b| b.iter(|| config.fit(black_box(x.view()))));
    if let Ok(fitted) = config.fit(x.view()) {
        let mut out = vec![0.0; x.nrows()];
        group.bench_function("score", |b| {
            b.iter(|| fitted.score_into(black_box(x.view()), &mut out));
        });
    }
    group.finish();
}

fn tables(c: &mut Criterion) {
    let x = metrics(5_000, 20);
    measure(c, "pca", &Pca::new(), &x);
    measure(c, "hbos", &Hbos::new(), &x);
    measure(c, "ecod", &Ecod::new(), &x);
    measure(c, "copod", &Copod::new(), &x);
    measure(c, "kmeans", &KMeans::new(), &x);
    measure(c, "cblof", &Cblof::new(), &x);
    measure(c, "auto-multivariate", &AutoMultivariate::new(), &x);
}

fn windows(c: &mut Criterion) {
    let x = metrics(5_000, 1);
    measure(c, "sub-pca", &Subsequences::sub_pca(), &x);
    measure(c, "kmeans-ad", &Subsequences::kmeans_ad(), &x);
    measure(c, "poly", &Poly::new(), &x);
    measure(c, "auto", &Auto::new(), &x);
}

criterion_group!(benches, tables, windows);
criterion_main!(benches);
