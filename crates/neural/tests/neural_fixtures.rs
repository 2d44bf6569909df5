//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;

use bongsu_core::ndarray::Array2;
use bongsu_core::{FitDetector, Snapshot, StreamDetector, snapshot};
use bongsu_neural::{
    Activation, Cell, FittedNetwork, Layer, LiveNetwork, LstmAutoencoder, Network, Shape, Training,
    Vae,
};

fn check<T: Snapshot>(state: &T, what: &str) {
    let name = format!("{}{what}-v{}.bngs", T::KIND, T::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(&name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(state, &path).unwrap();
    }
    let loaded: T = snapshot::load(&path).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        snapshot::to_bytes(&loaded).unwrap(),
        "the layout of {} has changed: raise its version",
        T::KIND
    );
}

fn wave() -> Array2<f64> {
    Array2::from_shape_fn((60, 2), |(i, j)| (i as f64 * 0.5 + j as f64).sin())
}

#[test]
fn every_snapshot_kind_loads() {
    let layers = [
        Layer::Gru {
            units: 3,
            sequences: true,
        },
        Layer::Dropout { rate: 0.1 },
        Layer::Lstm {
            units: 2,
            sequences: false,
        },
        Layer::Repeat { times: 4 },
        Layer::Dense {
            units: 2,
            activation: Activation::Sigmoid,
        },
    ];
    let shape = Shape {
        steps: 4,
        features: 2,
    };
    check(&Network::new(shape, &layers, 1).unwrap(), "");
    let training = Training::new().epochs(2).unwrap();
    let vae = Vae::new().units(vec![5]).unwrap().latent(2).unwrap();
    let fitted: FittedNetwork = vae.training(training.clone()).fit(wave().view()).unwrap();
    check(&fitted, "-vae");
    let lstm = LstmAutoencoder::new().sequence(6).unwrap();
    let lstm = lstm.units(vec![4, 2]).unwrap().cell(Cell::Gru);
    let mut live: LiveNetwork = lstm.training(training).fit(wave().view()).unwrap().live();
    for row in wave().rows() {
        live.learn(row.as_slice().unwrap()).unwrap();
    }
    check(&live, "");
}
