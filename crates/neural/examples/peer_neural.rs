//! Times networks for `benches/peers/neural.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

#[path = "../../stats/examples/peer/mod.rs"]
mod peer;

use std::cell::RefCell;
use std::error::Error;
use std::ops::ControlFlow;

use bongsu_core::Error as CoreError;
use bongsu_neural::{
    Autoencoder, Cell, FittedNetwork, Layer, LstmAutoencoder, Network, Progress, Scratch, Shape,
    Training,
};

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let job = peer::Job::from_arguments()?;
    match job.method.as_str() {
        "dense" | "lstm" | "gru" => outputs(&job),
        "train-dense" | "train-lstm" | "train-gru" => training(&job),
        other => Err(format!("no method `{other}`").into()),
    }
}

/// The outputs for all windows, a batch at a time, with one scratch for all.
fn outputs(job: &peer::Job) -> Done<()> {
    let network = network(&job.method, job.inputs.get(1).ok_or("no weights")?.iter())?;
    let windows = job.column().iter().map(|&x| x as f32).collect::<Vec<_>>();
    let batch: usize = job.parameter("batch")?;
    let scratch = RefCell::new(Scratch::default());
    job.run(|| {
        let mut outputs = vec![0.0_f32; windows.len()];
        let mut scratch = scratch.borrow_mut();
        let size = batch * network.input().len();
        for (x, y) in windows.chunks(size).zip(outputs.chunks_mut(size)) {
            network.predict_into(x, y, &mut scratch)?;
        }
        Ok(outputs.into_iter().map(f64::from).collect())
    })
}

/// A network with the weights that follow one another in `values`.
fn network<'a>(method: &str, values: impl Iterator<Item = &'a f64>) -> Done<Network> {
    let (input, layers) = if method == "dense" {
        let layers = Autoencoder::new().dropout(0.0)?.layers(30)?;
        let shape = Shape {
            steps: 1,
            features: 30,
        };
        (shape, layers)
    } else {
        let layers = recurrent(method).layers(1)?;
        let shape = Shape {
            steps: 60,
            features: 1,
        };
        (shape, layers)
    };
    let layers: Vec<Layer> = layers
        .into_iter()
        .filter(|layer| !matches!(layer, Layer::Dropout { .. }))
        .collect();
    let mut values = values.map(|&value| value as f32);
    let mut given = Vec::new();
    for mut tensor in Network::new(input, &layers, 0)?.tensors() {
        tensor.values = values.by_ref().take(tensor.values.len()).collect();
        given.push(tensor);
    }
    let find = |name: &str| {
        let tensor = given.iter().find(|tensor| tensor.name == name);
        tensor
            .cloned()
            .ok_or_else(|| CoreError::input(format!("no tensor `{name}`")))
    };
    Ok(Network::from_tensors(input, &layers, find)?)
}

fn recurrent(method: &str) -> LstmAutoencoder {
    let cell = if method.ends_with("gru") {
        Cell::Gru
    } else {
        Cell::Lstm
    };
    LstmAutoencoder::new().cell(cell)
}

/// The loss of each epoch.
fn training(job: &peer::Job) -> Done<()> {
    let table = job.inputs.first().ok_or("no table")?;
    let epochs = job.parameter("epochs")?;
    let training = Training::new().epochs(epochs)?.validation(0.0)?;
    let go = |_: &Progress| ControlFlow::Continue(());
    let dense = Autoencoder::new().training(training.clone());
    let sequences = recurrent(&job.method).training(training);
    job.run(|| {
        let fitted = if job.method == "train-dense" {
            dense.fit_with(table.view(), go)?
        } else {
            sequences.fit_with(table.view(), go)?
        };
        Ok(losses(&fitted))
    })
}

fn losses(fitted: &FittedNetwork) -> Vec<f64> {
    let history = fitted.history().into_iter();
    let epochs = history.flat_map(|history| &history.epochs);
    epochs.map(|epoch| epoch.loss).collect()
}
