//! Networks whose numbers leave the range of floats: no such row passes for a normal one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector, FitDetector, StreamDetector};
use bongsu_neural::{
    Autoencoder, Cell, Combine, FittedNetwork, LstmAutoencoder, Scratch, Tensor, Training, Vae,
    Weights,
};

fn wave(rows: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, 2), |(i, j)| {
        let noise = ((i * 7_919 + j * 104_729) % 1_000) as f64 / 1_000.0 - 0.5;
        20.0 + 5.0 * (i as f64 * 0.4 + j as f64).sin() + 0.3 * noise
    })
}

fn short() -> Training {
    Training::new().epochs(3).unwrap()
}

/// The weights of `fitted`, each times what `factor` says of its name.
fn scaled(fitted: &FittedNetwork, factor: impl Fn(&str) -> f32) -> Weights {
    let weights = fitted.weights();
    let tensors = weights.names().map(|name| {
        let mut tensor: Tensor = weights.get(name).unwrap().clone();
        for value in &mut tensor.values {
            *value *= factor(name);
        }
        tensor
    });
    Weights::new(tensors).unwrap()
}

/// Row 60 is far off; whichever way it is judged it scores above `least` and finite, and the rows
/// away from it score as without it.
fn assert_found(fitted: &FittedNetwork, x: &Array2<f64>, least: f64) {
    let mut spiked = x.clone();
    spiked[[60, 0]] = 1e9;
    spiked[[60, 1]] = 1e9;
    for combine in [Combine::Mean, Combine::Causal] {
        let fitted = fitted.clone().combine(combine);
        let normal = fitted.score(x.view()).unwrap();
        let scores = fitted.score(spiked.view()).unwrap();
        assert!(scores.iter().all(|score| score.is_finite()));
        assert!(scores[60] > least, "{}", scores[60]);
        assert!(normal.iter().all(|&score| score < 100.0));
        let away = |i: &usize| i.abs_diff(60) > fitted.piece();
        for i in (0..x.nrows()).filter(away) {
            assert_eq!(scores[i], normal[i], "row {i}");
        }
    }
    let causal = fitted.clone().combine(Combine::Causal);
    let expected = causal.score(spiked.view()).unwrap();
    let mut live = fitted.clone().live();
    for (i, row) in spiked.rows().into_iter().enumerate() {
        let row = row.to_vec();
        if i == 60 {
            let shares = live.contributions(&row).unwrap().unwrap();
            assert!(shares.iter().all(|share| share.is_finite()), "{shares:?}");
        }
        if let Some(score) = live.score_then_learn(&row).unwrap().ready() {
            assert_eq!(score, expected[i], "row {i}");
        }
    }
    let rows = fitted.piece();
    let mut pieces = Vec::new();
    for last in [60, 30] {
        pieces.extend((last + 1 - rows..=last).flat_map(|i| spiked.row(i).to_vec()));
    }
    let (mut scores, mut scratch) = ([0.0; 2], Scratch::default());
    for _ in 0..2 {
        fitted
            .score_pieces(&pieces, &mut scores, &mut scratch)
            .unwrap();
        assert_eq!(scores, [expected[60], expected[30]]);
    }
}

/// Large weights that small ones undo, two layers on: normal rows fit in floats, far ones do not.
fn up_and_down(name: &str, up: [&str; 2], down: [&str; 2]) -> f32 {
    let is = |layers: [&str; 2]| {
        layers
            .iter()
            .any(|layer| *name == format!("{layer}.weight"))
    };
    if is(up) {
        1e17
    } else if is(down) {
        1e-17
    } else {
        1.0
    }
}

#[test]
fn rows_at_which_a_dense_network_overflows_are_found() {
    let x = wave(120);
    let config = Autoencoder::new().units(vec![8, 4]).unwrap();
    let config = config.training(short());
    let plain = config.fit(x.view()).unwrap();
    let weights = scaled(&plain, |name| up_and_down(name, ["0", "2"], ["3", "5"]));
    let (fitted, scores) = config.fit_weights(x.view(), &weights).unwrap();
    assert_eq!(fitted.score(x.view()).unwrap(), scores);
    assert_found(&fitted, &x, 1e60);
}

#[test]
fn rows_at_which_a_variational_autoencoder_overflows_are_found() {
    let x = wave(120);
    for samples in [0, 3] {
        let config = Vae::new().units(vec![8]).unwrap().training(short());
        let config = config.latent(2).unwrap().samples(samples).unwrap();
        let plain = config.fit(x.view()).unwrap();
        let (up, down) = (["encoder.0", "encoder.2"], ["decoder.0", "decoder.2"]);
        let weights = scaled(&plain, |name| up_and_down(name, up, down));
        let (fitted, _) = config.fit_weights(x.view(), &weights).unwrap();
        assert_found(&fitted, &x, 1e60);
    }
}

#[test]
fn rows_at_which_the_gates_of_a_recurrent_network_overflow_are_found() {
    let x = wave(120);
    for cell in [Cell::Lstm, Cell::Gru] {
        let config = LstmAutoencoder::new().sequence(6).unwrap().cell(cell);
        let config = config.units(vec![8, 4]).unwrap().training(short());
        let plain = config.fit(x.view()).unwrap();
        let weights = scaled(&plain, |name| {
            let is_input = name == "0.weight_ih_l0";
            if is_input { 1e34 } else { 1.0 }
        });
        let (fitted, _) = config.fit_weights(x.view(), &weights).unwrap();
        // Where sums are rounded once, infinite gates of an LSTM saturate and nothing overflows.
        assert_found(&fitted, &x, 1e6);
    }
}

#[test]
fn weights_with_which_every_row_overflows_are_refused() {
    let x = wave(120);
    let config = Autoencoder::new().units(vec![8, 4]).unwrap();
    let config = config.training(short());
    let plain = config.fit(x.view()).unwrap();
    let weights = scaled(&plain, |_| 1e25);
    let error = config.fit_weights(x.view(), &weights).unwrap_err();
    let message = "the network gives numbers that are not finite, first for row 0";
    assert!(error.to_string().contains(message), "{error}");
}
