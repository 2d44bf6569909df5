//! Outputs of the reference networks, one window and a batch, and an epoch of training.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark may stop at a failure, and its functions are its documentation"
)]

use std::hint::black_box;

use bongsu_core::FitDetector as _;
use bongsu_core::ndarray::Array2;
use bongsu_neural::{Autoencoder, LstmAutoencoder, Network, Scratch, Shape, Training};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

fn outputs(c: &mut Criterion) {
    let mut group = c.benchmark_group("outputs");
    let dense = Autoencoder::new().layers(30).unwrap();
    let lstm = LstmAutoencoder::new().layers(1).unwrap();
    let cases = [("dense", 1, 30, dense), ("lstm", 60, 1, lstm)];
    for (name, steps, features, layers) in cases {
        let network = Network::new(Shape { steps, features }, &layers, 1).unwrap();
        for count in [1, 256] {
            let inputs = vec![0.5; count * steps * features];
            let mut outputs = inputs.clone();
            let mut scratch = Scratch::default();
            group.bench_function(BenchmarkId::new(name, count), |b| {
                b.iter(|| {
                    let inputs = black_box(&inputs);
                    network
                        .predict_into(inputs, &mut outputs, &mut scratch)
                        .unwrap();
                });
            });
        }
    }
    group.finish();
}

fn training(c: &mut Criterion) {
    let mut group = c.benchmark_group("training");
    group.sample_size(10);
    let once = Training::new().epochs(1).unwrap();
    let table = Array2::from_shape_fn((1_000, 30), |(i, j)| ((i * (j + 3)) as f64 * 0.1).sin());
    let dense = Autoencoder::new().training(once.clone());
    group.bench_function("dense", |b| b.iter(|| dense.fit(table.view()).unwrap()));
    let series = Array2::from_shape_fn((187, 1), |(i, _)| (i as f64 * 0.3).sin());
    let lstm = LstmAutoencoder::new().training(once);
    group.bench_function("lstm", |b| b.iter(|| lstm.fit(series.view()).unwrap()));
    group.finish();
}

criterion_group!(benches, outputs, training);
criterion_main!(benches);
