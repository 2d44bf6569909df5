use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Combine;
#[cfg(feature = "onnx")]
use crate::OnnxNetwork;
use crate::network::Windows;
use crate::{Loss, Network, Scratch, Shape};

/// Is handed a row's number, what was expected of the row, and the row.
pub(super) type Take<'a> = &'a mut dyn FnMut(usize, &[f32], &[f32]);

/// What computes the expected rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Model {
    /// Gives its window again.
    Reconstruction(Network),
    /// Gives its row again, from draws of a code: mean and log variance of the code, what rebuilds
    /// the row, and standard normal draws, code after code.
    Variational {
        encoder: Network,
        decoder: Network,
        draws: Vec<f32>,
    },
    /// Gives the row after its window.
    Forecast(Network),
    /// Gives its window again, run by tract.
    #[cfg(feature = "onnx")]
    Onnx(OnnxNetwork),
}

impl Model {
    pub(super) const fn input(&self) -> Shape {
        match self {
            Self::Reconstruction(network) | Self::Forecast(network) => network.input(),
            Self::Variational { encoder, .. } => encoder.input(),
            #[cfg(feature = "onnx")]
            Self::Onnx(network) => network.input(),
        }
    }

    /// The rows that one judgement needs: those of a window, and the one foretold.
    pub(super) const fn rows(&self) -> usize {
        match self {
            Self::Reconstruction(network) => network.input().steps,
            Self::Variational { .. } => 1,
            Self::Forecast(network) => network.input().steps + 1,
            #[cfg(feature = "onnx")]
            Self::Onnx(network) => network.input().steps,
        }
    }

    pub(super) fn networks(&self) -> Vec<(&'static str, &Network)> {
        match self {
            Self::Reconstruction(network) | Self::Forecast(network) => vec![("network", network)],
            Self::Variational {
                encoder, decoder, ..
            } => vec![("encoder", encoder), ("decoder", decoder)],
            #[cfg(feature = "onnx")]
            Self::Onnx(_) => Vec::new(),
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        let fits = match self {
            Self::Reconstruction(network) => network.input() == network.output(),
            Self::Forecast(network) => {
                let (input, output) = (network.input(), network.output());
                output.steps == 1 && input.features == output.features
            }
            Self::Variational {
                encoder,
                decoder,
                draws,
            } => {
                let latent = decoder.input().features;
                encoder.input() == decoder.output()
                    && encoder.input().steps == 1
                    && decoder.input().steps == 1
                    && encoder.output().features == 2 * latent
                    && draws.len() % latent == 0
                    && draws.len() / latent <= super::vae::MOST_SAMPLES
                    && draws.iter().all(|draw| draw.is_finite())
            }
            // It is only made of a file whose network does.
            #[cfg(feature = "onnx")]
            Self::Onnx(_) => true,
        };
        if fits {
            Ok(())
        } else {
            Err(Error::input(
                "the networks do not give back what they take: their shapes do not fit",
            ))
        }
    }

    /// Hands each row of each window to `take`, windows one after the other.
    ///
    /// A window starts every `stride` rows, and one ends with the last row. Fails only where an ONNX
    /// network does.
    pub(super) fn judge(
        &self,
        table: &[f32],
        stride: usize,
        scratch: &mut Scratch,
        take: Take<'_>,
    ) -> Result<()> {
        let Shape { steps, features } = self.input();
        let rows = table.len() / features;
        let Some(last) = rows.checked_sub(self.rows()) else {
            return Ok(());
        };
        let regular = Windows {
            values: table,
            hop: stride * features,
            count: last / stride + 1,
        };
        let end = Windows {
            values: table.get(last * features..).unwrap_or_default(),
            hop: features,
            count: usize::from(last % stride != 0),
        };
        let row_at = |row: usize| {
            let row = table.get(row * features..(row + 1) * features);
            row.unwrap_or_default()
        };
        for (windows, start, stride) in [(regular, 0, stride), (end, last, 1)] {
            match self {
                Self::Reconstruction(network) => {
                    network.forward(&windows, scratch, &mut |first, block| {
                        for index in 0..block.count {
                            let from = start + (first + index) * stride;
                            for step in 0..steps {
                                take(from + step, block.row(index, step), row_at(from + step));
                            }
                        }
                    });
                }
                Self::Forecast(network) => {
                    network.forward(&windows, scratch, &mut |first, block| {
                        for index in 0..block.count {
                            let row = start + (first + index) * stride + steps;
                            take(row, block.row(index, 0), row_at(row));
                        }
                    });
                }
                Self::Variational {
                    encoder,
                    decoder,
                    draws,
                } => sample(encoder, decoder, draws, &windows, scratch, &mut |row, x| {
                    take(start + row * stride, x, row_at(start + row * stride));
                }),
                #[cfg(feature = "onnx")]
                Self::Onnx(network) => network.forward(&windows, &mut |index, output| {
                    let rows = (start + index * stride..).zip(output.chunks_exact(features));
                    for (row, expected) in rows {
                        take(row, expected, row_at(row));
                    }
                })?,
            }
        }
        Ok(())
    }

    /// Whether each row is judged in several windows.
    fn overlaps(&self) -> bool {
        match self {
            Self::Reconstruction(network) => network.input().steps > 1,
            Self::Variational { .. } | Self::Forecast(_) => false,
            #[cfg(feature = "onnx")]
            Self::Onnx(network) => network.input().steps > 1,
        }
    }
}

/// Rebuilds each row from every draw of its code, or from the mean of the code without any.
fn sample(
    encoder: &Network,
    decoder: &Network,
    draws: &[f32],
    windows: &Windows<'_>,
    scratch: &mut Scratch,
    take: &mut dyn FnMut(usize, &[f32]),
) {
    let latent = decoder.input().features;
    let each = (draws.len() / latent).max(1);
    let mut codes = std::mem::take(&mut scratch.codes);
    let mut inner = std::mem::take(&mut scratch.inner);
    let other = inner.get_or_insert_default();
    encoder.forward(windows, scratch, &mut |first, block| {
        codes.clear();
        for index in 0..block.count {
            let (mean, log_variance) = block.row(index, 0).split_at(latent);
            if draws.is_empty() {
                codes.extend_from_slice(mean);
            }
            for draw in draws.chunks_exact(latent) {
                let code = mean.iter().zip(log_variance).zip(draw);
                codes.extend(code.map(|((m, l), e)| m + deviation(*l) * e));
            }
        }
        let codes = Windows {
            values: &codes,
            hop: latent,
            count: block.count * each,
        };
        decoder.forward(&codes, other, &mut |code, rebuilt| {
            for index in 0..rebuilt.count {
                take(first + (code + index) / each, rebuilt.row(index, 0));
            }
        });
    });
    (scratch.codes, scratch.inner) = (codes, inner);
}

/// The standard deviation of a code, bounded; not a number where its logarithm is none.
fn deviation(log_variance: f32) -> f32 {
    let half = 0.5 * log_variance;
    (if half > 40.0 { 40.0 } else { half }).exp()
}

/// The errors of the rows of a table.
#[derive(Debug)]
pub(super) struct Errors {
    /// The mean over all windows that cover the row, or NaN where none does.
    pub(super) mean: Vec<f64>,
    /// In the window that ends with it, or NaN where none does.
    pub(super) causal: Vec<f64>,
}

impl Errors {
    pub(super) fn of(
        model: &Model,
        loss: Loss,
        table: &[f32],
        stride: usize,
        scratch: &mut Scratch,
    ) -> Result<Self> {
        let rows = table.len() / model.input().features;
        let mut sums = vec![(0.0, 0_u32); rows];
        let mut causal = vec![f64::NAN; rows];
        let (window, mut seen) = (model.rows(), 0);
        let overlaps = model.overlaps();
        model.judge(table, stride, scratch, &mut |row, expected, found| {
            let error = loss.of_row(expected, found);
            if let Some((sum, count)) = sums.get_mut(row) {
                *sum += error;
                *count += 1;
            }
            seen = if overlaps { (seen + 1) % window } else { 0 };
            if let Some(slot) = causal.get_mut(row).filter(|_| overlaps && seen == 0) {
                *slot = error;
            }
        })?;
        let mean = sums.iter().map(|&(sum, count)| sum / f64::from(count));
        let mean: Vec<f64> = mean.collect();
        if !overlaps {
            causal.clone_from(&mean);
        }
        Ok(Self { mean, causal })
    }

    pub(super) fn combined(self, combine: Combine) -> Vec<f64> {
        match combine {
            Combine::Mean => self.mean,
            Combine::Causal => self.causal,
        }
    }
}
