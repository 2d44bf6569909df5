//! Seeded draws and training give the same numbers in every release.
//!
//! Fresh weights are pinned exactly. Trained ones follow from `f32` sums, whose rounding depends on
//! the vector instructions of the processor, so they are pinned to a tolerance.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector, FitDetector};
use bongsu_neural::{
    Activation, Autoencoder, Layer, LstmAutoencoder, Network, Shape, Training, Vae,
};

fn wave(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| (i as f64 * 0.5 + j as f64).sin())
}

#[test]
fn fresh_weights() {
    let layers = [
        Layer::Lstm {
            units: 2,
            sequences: false,
        },
        Layer::Dense {
            units: 1,
            activation: Activation::Linear,
        },
    ];
    let shape = Shape {
        steps: 3,
        features: 1,
    };
    let network = Network::new(shape, &layers, 42).unwrap();
    let firsts: Vec<f32> = network.tensors().iter().map(|t| t.values[0]).collect();
    assert_eq!(firsts, FRESH, "{firsts:?}");
    assert_eq!(
        network.tensors()[2].values,
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    );
}

const FRESH: [f32; 6] = [
    0.022_172_33,
    -0.308_673_38,
    0.0,
    0.0,
    0.509_119_75,
    0.492_436_05,
];

#[test]
fn trained_losses_and_scores() {
    let training = Training::new().epochs(3).unwrap().seed(7);
    let dense = Autoencoder::new().units(vec![8, 2]).unwrap();
    let dense = dense.training(training.clone()).fit(wave(100, 3).view());
    let vae = Vae::new().units(vec![8]).unwrap().latent(2).unwrap();
    let vae = vae.training(training.clone()).fit(wave(100, 3).view());
    let lstm = LstmAutoencoder::new()
        .sequence(8)
        .unwrap()
        .units(vec![6, 3]);
    let lstm = lstm.unwrap().training(training).fit(wave(100, 1).view());
    let found = [dense, vae, lstm].map(|fitted| {
        let fitted = fitted.unwrap();
        let loss = fitted.history().unwrap().epochs[2].loss;
        let scores = fitted.score(wave(100, fitted.n_features()).view());
        [loss, scores.unwrap()[50]]
    });
    let pairs = found.as_flattened().iter().zip(TRAINED.as_flattened());
    for (value, pinned) in pairs {
        assert!((value / pinned - 1.0).abs() < 1e-3, "{found:?}");
    }
}

const TRAINED: [[f64; 2]; 3] = [
    [1.063_370_818, 0.791_168_359],
    [1.261_028_804, 0.180_386_424],
    [1.018_547_091, 0.030_790_520],
];
