//! Trains an autoencoder on three metrics that move together, saves it, and serves it row by row.
//!
//! Run: `cargo run --release -p bongsu --example train_and_serve_autoencoder --features neural`
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::ops::ControlFlow;

use bongsu::core::ndarray::Array2;
use bongsu::core::snapshot;
use bongsu::neural::{Activation, Autoencoder, FittedNetwork, Training};
use bongsu::prelude::*;

const FEATURES: [&str; 3] = ["requests", "cpu", "latency"];

/// A minute of a service: CPU and latency follow from the requests.
fn row(minute: usize) -> [f64; 3] {
    let day = (minute as f64 * std::f64::consts::TAU / 1_440.0).sin();
    let requests = 500.0 + 300.0 * day + (minute * 7_919 % 41) as f64 - 20.0;
    let noise = (minute * 6_007 % 13) as f64 / 13.0 - 0.5;
    [
        requests,
        5.0 + 0.07 * requests + noise,
        20.0 + (requests / 200.0).powi(2) + noise,
    ]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two days to learn from: in earnest weeks, of a time that was mostly quiet.
    let past = Array2::from_shape_fn((2_880, 3), |(minute, feature)| {
        row(minute).into_iter().nth(feature).unwrap_or_default()
    });
    let training = Training::new()
        .epochs(25)?
        .batch(64)?
        .validation(0.2)?
        .patience(5)?;
    let config = Autoencoder::new()
        .units(vec![8, 1])?
        .activation(Activation::Tanh)
        .dropout(0.0)?
        .threshold(Calibration::Contamination(0.001))
        .training(training);
    let mut batches = 0;
    let fitted = config.fit_with(past.view(), |_progress| {
        batches += 1;
        // A caller that has no more time breaks here, and keeps the best weights so far.
        ControlFlow::Continue(())
    })?;
    println!(
        "trained in {batches} batches, {} bytes on the heap",
        fitted.heap_bytes()
    );

    // The training program ends; the serving program begins.
    let path = std::env::temp_dir().join(format!("bongsu-autoencoder-{}", std::process::id()));
    snapshot::save(&fitted, &path)?;
    let loaded: FittedNetwork = snapshot::load(&path)?;
    std::fs::remove_file(&path)?;
    let threshold = Detector::threshold(&loaded).unwrap_or(1.0);
    let mut live = loaded.live();

    let mut found = Vec::new();
    for minute in 2_880..3_000 {
        let [requests, cpu, mut latency] = row(minute);
        // Latency that would be usual at noon, at a time when there are few requests.
        if (2_940..2_943).contains(&minute) {
            latency += 25.0;
        }
        let x = [requests, cpu, latency];
        let score = live.score(&x)?.ready().unwrap_or_default();
        if score > threshold {
            // The parts of the error, of which shares are told.
            let parts = live.contributions(&x)?.unwrap_or_default();
            let whole: f64 = parts.iter().sum();
            let shares = FEATURES.iter().zip(parts.iter().map(|part| part / whole));
            let named: Vec<_> = shares
                .map(|(name, share)| format!("{name} {:.0} %", 100.0 * share))
                .collect();
            println!(
                "minute {minute}: score {score:.1}, from {}",
                named.join(", ")
            );
            found.push(minute);
        }
        live.learn(&x)?;
    }
    assert!(
        [2_940, 2_941, 2_942]
            .iter()
            .all(|minute| found.contains(minute))
    );
    Ok(())
}
