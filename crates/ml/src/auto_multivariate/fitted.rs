use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use nalgebra::{Cholesky, DMatrix};
use serde::{Deserialize, Serialize};

use super::AutoMultivariate;
use super::channel::Channel;
use crate::check;

/// The share of the trace that is added to every variance.
const RIDGE: f64 = 1e-3;

/// Squashed values stay below this: `ln(1 + 2^1024)`.
const MOST: f64 = 1e4;

/// Channels, their mean and the inverse of their covariance; see [`AutoMultivariate`].
///
/// Memory: `8 d^2 + 24 d` bytes.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// let rows = Array2::from_shape_fn((60, 2), |(i, j)| ((i * (3 + j)) % 7) as f64);
/// let fitted = bongsu_ml::AutoMultivariate::new().fit(rows.view())?;
/// let blame = fitted.contributions(&[3.0, 90.0])?.unwrap();
/// assert!(blame[1] > blame[0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedAutoMultivariate {
    channels: Vec<Channel>,
    mean: Vec<f64>,
    /// Row by row.
    precision: Vec<f64>,
    average: usize,
    causal: bool,
    threshold: f64,
}

impl FittedAutoMultivariate {
    pub(super) fn learn(
        config: &AutoMultivariate,
        x: &ArrayView2<'_, f64>,
    ) -> Result<(Self, Vec<f64>)> {
        check::table("the automatic detector of several metrics", x, 8)?;
        let (n, d) = x.dim();
        let columns = x.columns().into_iter();
        let channels: Vec<Channel> = columns
            .map(|column| Channel::of(&column.to_vec()))
            .collect();
        let mut fitted = Self {
            channels,
            mean: vec![0.0; d],
            precision: Vec::new(),
            average: config.average,
            causal: config.causal,
            threshold: 0.0,
        };
        let mut table = Vec::with_capacity(n * d);
        for row in x.rows() {
            table.extend(fitted.squashed(row.iter().copied()));
        }
        let table = DMatrix::from_row_slice(n, d, &table);
        let mean = table.row_mean();
        fitted.mean = mean.iter().copied().collect();
        let centered = DMatrix::from_fn(n, d, |i, j| {
            table.get((i, j)).unwrap_or(&0.0) - mean.get(j).unwrap_or(&0.0)
        });
        let mut covariance = centered.tr_mul(&centered) / (n - 1) as f64;
        let trace = covariance.trace();
        // Channels that were all dead keep their own unit.
        let ridge = if trace > 0.0 { RIDGE * trace } else { 1.0 };
        for j in 0..d {
            if let Some(variance) = covariance.get_mut((j, j)) {
                *variance += ridge;
            }
        }
        let inverse = Cholesky::new(covariance)
            .ok_or_else(|| Error::input("the covariance of the channels has no inverse"))?
            .inverse();
        fitted.precision = inverse.transpose().iter().copied().collect();
        let mut scores = vec![0.0; n];
        fitted.score_into(x.view(), &mut scores)?;
        fitted.threshold = quantile(&scores, 1.0 - config.contamination);
        Ok((fitted, scores))
    }

    fn squashed(&self, row: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
        row.zip(&self.channels)
            .map(|(x, channel)| channel.squash(x))
    }

    /// The centred row, squashed, and each channel's part of its squared distance.
    fn parts(&self, row: impl Iterator<Item = f64>) -> Vec<f64> {
        let centered: Vec<f64> = self
            .squashed(row)
            .zip(&self.mean)
            .map(|(y, mean)| y - mean)
            .collect();
        let rows = self.precision.chunks(self.channels.len().max(1));
        rows.zip(&centered)
            .map(|(row, y)| y * row.iter().zip(&centered).map(|(p, y)| p * y).sum::<f64>())
            .collect()
    }
}

/// The means over `rows` scores around each, or before and at each.
fn averaged(scores: &[f64], rows: usize, causal: bool, out: &mut [f64]) {
    let after = if causal { 0 } else { rows / 2 };
    let before = rows - 1 - after;
    for (place, slot) in out.iter_mut().enumerate() {
        let end = (place + after + 1).min(scores.len());
        let around = scores
            .get(place.saturating_sub(before)..end)
            .unwrap_or_default();
        *slot = around.iter().sum::<f64>() / around.len().max(1) as f64;
    }
}

impl Detector for FittedAutoMultivariate {
    fn n_features(&self) -> usize {
        self.channels.len()
    }

    /// The rows of a call are consecutive.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, self.n_features())?;
        let single: Vec<f64> = x
            .rows()
            .into_iter()
            .map(|row| {
                let distance: f64 = self.parts(row.iter().copied()).iter().sum();
                distance.max(0.0).ln_1p()
            })
            .collect();
        averaged(&single, self.average, self.causal, out);
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// Each channel's part of the squared distance, where it adds to it.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(row, self.n_features())?;
        let parts = self.parts(row.iter().copied());
        Ok(Some(parts.into_iter().map(|part| part.max(0.0)).collect()))
    }
}

impl Snapshot for FittedAutoMultivariate {
    const KIND: &'static str = "ml.auto_multivariate";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        let d = self.channels.len();
        if d > 0
            && self.mean.len() == d
            && d.checked_mul(d) == Some(self.precision.len())
            && self.channels.iter().all(Channel::is_valid)
            && self.mean.iter().all(|x| x.abs() <= MOST)
            && self.precision.iter().all(|x| x.abs() <= 1e100)
            && (1..=1_024).contains(&self.average)
            && self.threshold.is_finite()
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the channels do not fit their covariance, or a number is not finite",
            ))
        }
    }
}
