//! Networks as detectors of rows and of sequences.

mod autoencoder;
mod bands;
mod errors;
mod fit;
mod fitted;
mod live;
mod lstm_autoencoder;
mod lstm_forecaster;
mod settings;
mod vae;

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

pub use autoencoder::Autoencoder;
#[cfg(feature = "onnx")]
pub(crate) use fit::Recipe;
pub use fitted::FittedNetwork;
pub use live::LiveNetwork;
pub use lstm_autoencoder::LstmAutoencoder;
pub use lstm_forecaster::LstmForecaster;
pub use vae::Vae;

/// How the error of a point follows from the windows that cover it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The mean of its errors in all windows that cover it, later ones too (the default).
    #[default]
    Mean,
    /// Its error in the window that ends with it: nothing later is used. The first points, with
    /// which no window ends, get the median error.
    Causal,
}

/// The cell of a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Long short-term memory (the default).
    #[default]
    Lstm,
    /// Gated recurrent unit: three quarters of the weights.
    Gru,
}

impl Cell {
    pub(crate) const fn layer(self, units: usize, sequences: bool) -> crate::Layer {
        match self {
            Self::Lstm => crate::Layer::Lstm { units, sequences },
            Self::Gru => crate::Layer::Gru { units, sequences },
        }
    }
}

/// The sizes of layers: 1 to 16 of them; that each is in its domain is checked layer by layer.
fn check_units(units: &[usize]) -> Result<()> {
    crate::check::count("number of units", units.len(), 1, 16)?;
    for &size in units {
        crate::check::count("units", size, 1, crate::layer::MOST_FEATURES)?;
    }
    Ok(())
}
