//! Trains a network on one table and scores the rows of another; `benches/peers/neural_accuracy.py`
//! runs it. `METHOD 0 OUTPUT TRAIN TEST seed= epochs= sequence= stride=`.

// xtask: skip benches/peers/neural_accuracy.py runs it, on the files that it writes

use std::error::Error;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector as _, FitDetector};
use bongsu_neural::{Autoencoder, FittedNetwork, LstmAutoencoder, Training, Vae};

#[path = "../../stats/examples/peer/mod.rs"]
#[allow(dead_code, reason = "the inputs are tables, never one column")]
mod peer;

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let [train, test] = &job.inputs[..] else {
        return Err("two tables are needed: one to train on, one to score".into());
    };
    let training = Training::new()
        .epochs(job.parameter("epochs")?)?
        .patience(0)?
        .reduce_on_plateau(0, 0.5, 1e-5)?
        .seed(job.parameter("seed")?);
    job.run(|| {
        let scores = match job.method.as_str() {
            "autoencoder" => scores(&Autoencoder::new().training(training.clone()), train, test),
            "vae" => scores(
                &Vae::new().samples(0)?.training(training.clone()),
                train,
                test,
            ),
            "lstm-autoencoder" => {
                let config = LstmAutoencoder::new()
                    .sequence(job.parameter("sequence")?)?
                    .stride(job.parameter("stride")?)?
                    .training(training.clone());
                scores(&config, train, test)
            }
            other => return Err(format!("no method named {other}").into()),
        };
        Ok(scores?)
    })
}

fn scores<'a, C: FitDetector<Fitted = FittedNetwork>>(
    config: &C,
    train: impl Into<ArrayView2<'a, f64>>,
    test: impl Into<ArrayView2<'a, f64>>,
) -> bongsu_core::Result<Vec<f64>> {
    config.fit(train.into())?.score(test.into())
}
