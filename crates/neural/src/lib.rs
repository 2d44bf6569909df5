//! Autoencoders and recurrent networks as detectors: trained in the process, or brought as weights
//! from elsewhere, and served in microseconds.
//!
//! Use it when rows or stretches of a series are normal in many ways that the simpler detectors
//! cannot tell: it needs more data and time to train than any of them, and says less of what it
//! expects. Everything computes in `f32` on one thread; no thread is started.
//!
//! | method | what it does | for |
//! |---|---|---|
//! | [`Autoencoder`] | gives each row back through a narrow code | many features that move together in curved ways |
//! | [`Vae`] | the same with a code that is a distribution | smoother codes, less overfitting |
//! | [`LstmAutoencoder`] | gives stretches of a series back, with LSTMs or GRUs | shapes of stretches, of one metric or several |
//! | [`LstmForecaster`] | foretells each row from those before it | series that are foreseeable from their past |
//!
//! Training is described by [`Training`]; all of them become a [`FittedNetwork`], which a
//! [`LiveNetwork`] serves point by point. [`Network`] is the bare network, for weights that were
//! trained elsewhere. With feature `onnx`, which takes minutes to build, any network of an ONNX file
//! that tract can run becomes a detector too: `OnnxDetector`.

mod check;
mod interchange;
mod kernel;
mod layer;
mod loss;
mod network;
#[cfg(feature = "onnx")]
mod onnx;
mod random;
mod real;
mod scaler;
mod train;

mod detect;

pub use detect::{
    Autoencoder, Cell, Combine, FittedNetwork, LiveNetwork, LstmAutoencoder, LstmForecaster, Vae,
};
pub use interchange::Weights;
pub use layer::{Activation, Layer, Shape};
pub use loss::Loss;
pub use network::{Network, Scratch, Tensor};
#[cfg(feature = "onnx")]
pub use onnx::{OnnxDetector, OnnxNetwork};
pub use scaler::{Scaler, Scaling};
pub use train::{Epoch, History, Progress, Stop, Training};
