//! When training stops, which weights it keeps, and what its parameters do to them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::ops::ControlFlow;

use bongsu_core::FitDetector;
use bongsu_core::ndarray::Array2;
use bongsu_neural::{Autoencoder, Stop, Training};

fn wave(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        let noise = ((i * 7_919 + j * 104_729) % 1_000) as f64 / 1_000.0 - 0.5;
        20.0 + 5.0 * (i as f64 * 0.4 + j as f64).sin() + 0.3 * noise
    })
}

fn short(epochs: usize) -> Training {
    Training::new()
        .epochs(epochs)
        .unwrap()
        .learning_rate(3e-3)
        .unwrap()
}

#[test]
fn training_stops_when_it_should_and_keeps_the_best_weights() {
    let x = wave(200, 2);
    let base = Autoencoder::new()
        .units(vec![8])
        .unwrap()
        .dropout(0.0)
        .unwrap();
    // A minimal improvement that never comes stops after the patience.
    let training = short(40).min_delta(1e3).unwrap().patience(4).unwrap();
    let training = training.reduce_on_plateau(2, 0.1, 1e-9).unwrap();
    let fitted = base.clone().training(training).fit(x.view()).unwrap();
    let history = fitted.history().unwrap();
    assert_eq!((history.stop, history.best), (Stop::NoImprovement, Some(0)));
    let rates: Vec<f64> = history.epochs.iter().map(|e| e.learning_rate).collect();
    assert_eq!(rates.len(), 5);
    for (rate, expected) in rates.iter().zip([3e-3, 3e-3, 3e-3, 3e-4, 3e-4]) {
        assert!((rate / expected - 1.0).abs() < 1e-12, "{rates:?}");
    }
    // The weights of the first epoch are those of a training of one.
    let once = base.clone().training(short(1)).fit(x.view()).unwrap();
    assert_eq!(once.networks(), fitted.networks());
    // Cancelled within the third epoch.
    let mut batches = 0;
    let cancelled = base
        .clone()
        .training(short(9))
        .fit_with(x.view(), |progress| {
            batches += 1;
            assert_eq!(
                progress.finished.is_some(),
                progress.batch == progress.batches
            );
            if progress.epoch == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    let cancelled = cancelled.unwrap();
    let history = cancelled.history().unwrap();
    assert_eq!(
        (history.stop, history.epochs.len(), batches),
        (Stop::Cancelled, 2, 13)
    );
    let twice = base.clone().training(short(2)).fit(x.view()).unwrap();
    assert_eq!(cancelled.networks(), twice.networks());
    // More epochs learn more.
    let finished = base.clone().training(short(30).patience(0).unwrap());
    let finished = finished.fit(x.view()).unwrap();
    let history = finished.history().unwrap();
    assert_eq!((history.stop, history.epochs.len()), (Stop::Finished, 30));
    assert!(history.epochs[29].loss < 0.5 * history.epochs[0].loss);
    assert!(
        history
            .epochs
            .iter()
            .all(|epoch| epoch.validation_loss.is_some())
    );
    // A learning rate that cannot work ends in an error, not in NaN.
    let wild = short(50)
        .learning_rate(1e30)
        .unwrap()
        .clip_norm(None)
        .unwrap();
    let error = base.training(wild).fit(x.view()).unwrap_err();
    assert!(error.to_string().contains("training diverged"), "{error}");
}

#[test]
fn penalties_shrink_weights_and_seeds_differ() {
    let x = wave(300, 2);
    let norm = |training: Training| {
        let config = Autoencoder::new().training(training.patience(0).unwrap());
        let fitted = config.fit(x.view()).unwrap();
        let tensors = fitted.networks()[0].1.tensors();
        let weights = tensors.iter().filter(|t| t.name.ends_with("weight"));
        weights
            .flat_map(|t| &t.values)
            .map(|w| f64::from(w * w))
            .sum::<f64>()
    };
    let plain = norm(short(10));
    assert!(norm(short(10).l2(0.01).unwrap()) < 0.9 * plain);
    assert!(norm(short(10).weight_decay(0.5).unwrap()) < 0.95 * plain);
    assert_eq!(norm(short(10)), plain);
    assert_ne!(norm(short(10).seed(1)), plain);
    assert_ne!(norm(short(10).shuffle(false)), plain);
    assert_ne!(norm(short(10).clip_norm(Some(1e-3)).unwrap()), plain);
}
