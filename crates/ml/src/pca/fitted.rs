use bongsu_core::ndarray::linalg::general_mat_mul;
use bongsu_core::ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::{MAD_TO_STD, mad, median, quantile};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use super::moments::{block_rows, first_rows};
use super::scaling::Scaler;
use super::spectrum::Spectrum;
use super::{Pca, PcaComponents, PcaScore};
use crate::check;

/// The least unit of a residual, in scales of its column.
const LEAST_UNIT: f64 = 1e-3;

/// The components of a table; see [`Pca`].
///
/// Cost: O(d k) time a row with k kept components; 8 bytes for each of k (d + 1) + 4 d numbers.
/// Blocks of rows are scored in parallel.
///
/// ```
/// use bongsu_core::{FitDetector as _, ndarray::array};
/// use bongsu_ml::{Pca, PcaComponents};
/// let rows = array![[1.0, 2.0], [2.0, 4.1], [3.0, 5.9], [4.0, 8.0]];
/// let config = Pca::new().components(PcaComponents::Count(1))?;
/// let fitted = config.fit(rows.view())?;
/// assert!((fitted.components()[[0, 0]] - 0.5_f64.sqrt()).abs() < 1e-9);
/// assert!(fitted.explained_variance_ratio()[0] > 0.99);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedPca {
    config: Pca,
    scaler: Scaler,
    /// Of the kept components, largest first.
    eigenvalues: Vec<f64>,
    total_variance: f64,
    /// One after the other.
    components: Vec<f64>,
    /// Median and robust spread of each column's residuals, for scores in these units.
    units: Vec<(f64, f64)>,
    threshold: f64,
}

/// Room for a block of rows: scaled, and along the components.
struct Scratch {
    scaled: Array2<f64>,
    along: Array2<f64>,
}

impl FittedPca {
    pub(super) fn learn(config: Pca, x: &ArrayView2<'_, f64>) -> Result<(Self, Vec<f64>)> {
        check::table("a principal component analysis", x, 2)?;
        let (scaler, spectrum) = Spectrum::of(x, config.scaling)?;
        let kept = kept(&config, &spectrum, x.ncols())?;
        let vectors = spectrum.vectors.rows().into_iter().take(kept);
        let mut fitted = Self {
            components: vectors.flatten().copied().collect(),
            eigenvalues: spectrum.values.into_iter().take(kept).collect(),
            total_variance: spectrum.total,
            units: Vec::new(),
            threshold: 0.0,
            scaler,
            config,
        };
        if fitted.config.score.has_units() {
            fitted.units = fitted.residual_units(x);
        }
        let mut scores = vec![0.0; x.nrows()];
        fitted.score_blocks(x, &mut scores);
        fitted.threshold = quantile(&scores, 1.0 - fitted.config.contamination);
        Ok((fitted, scores))
    }

    /// The kept components as unit rows, largest eigenvalue first; the loading of largest
    /// magnitude is positive.
    #[must_use]
    pub fn components(&self) -> ArrayView2<'_, f64> {
        let shape = (self.eigenvalues.len(), self.scaler.center.len());
        ArrayView2::from_shape(shape, &self.components)
            .unwrap_or_else(|_| ArrayView1::from(&[]).insert_axis(Axis(0)))
    }

    /// The variance (over n - 1) of the scaled rows along each kept component.
    #[must_use]
    pub fn explained_variance(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// The share of the total variance that each kept component explains.
    #[must_use]
    pub fn explained_variance_ratio(&self) -> Vec<f64> {
        let share = |value: &f64| value / self.total_variance;
        self.eigenvalues.iter().map(share).collect()
    }

    fn scratch(&self, rows: usize) -> Scratch {
        Scratch {
            scaled: Array2::zeros((rows, self.n_features())),
            along: Array2::zeros((rows, self.eigenvalues.len())),
        }
    }

    fn score_blocks(&self, x: &ArrayView2<'_, f64>, out: &mut [f64]) {
        let size = block_rows(x.ncols()).min(x.nrows());
        if x.nrows() <= size {
            return self.score_block(x, out, &mut self.scratch(size));
        }
        let blocks: Vec<_> = x
            .axis_chunks_iter(Axis(0), size)
            .zip(out.chunks_mut(size))
            .collect();
        blocks.into_par_iter().for_each_init(
            || self.scratch(size),
            |scratch, (rows, out)| self.score_block(&rows, out, scratch),
        );
    }

    fn score_block(&self, x: &ArrayView2<'_, f64>, out: &mut [f64], scratch: &mut Scratch) {
        self.project(x, scratch);
        let scaled = scratch.scaled.rows().into_iter();
        let along = scratch.along.rows().into_iter();
        for (slot, (scaled, along)) in out.iter_mut().zip(scaled.zip(along)) {
            let (scaled, along) = (scaled.as_slice(), along.as_slice());
            let score = self.judge(scaled.unwrap_or_default(), along.unwrap_or_default());
            *slot = score.min(f64::MAX);
        }
    }

    /// Writes the scaled rows, or their residuals where the score is about them, and the
    /// coordinates along the components.
    fn project(&self, x: &ArrayView2<'_, f64>, scratch: &mut Scratch) {
        let rows = x.nrows();
        let mut scaled = first_rows(&mut scratch.scaled, rows);
        let mut along = first_rows(&mut scratch.along, rows);
        self.scaler.write_rows(x, &mut scaled);
        if self.eigenvalues.is_empty() {
            return;
        }
        let components = self.components();
        general_mat_mul(1.0, &scaled, &components.t(), 0.0, &mut along);
        if self.config.score.is_of_residual() {
            general_mat_mul(-1.0, &along, &components, 1.0, &mut scaled);
        }
    }

    /// The score of one row; `scaled` is its residual where the score is about residuals.
    fn judge(&self, scaled: &[f64], along: &[f64]) -> f64 {
        let squares = || scaled.iter().map(|z| z * z).sum::<f64>();
        match self.config.score {
            PcaScore::Reconstruction => squares(),
            PcaScore::LargestResidual => self.in_units(scaled).fold(0.0, f64::max),
            PcaScore::MeanResidual => {
                let sum: f64 = self.in_units(scaled).map(|u| u * u).sum();
                (sum / scaled.len() as f64).sqrt()
            }
            PcaScore::Mahalanobis => {
                let terms = along.iter().zip(&self.eigenvalues);
                terms.map(|(y, value)| y * y / value).sum()
            }
            PcaScore::WeightedDistance => {
                let squares = squares();
                let terms = along.iter().zip(&self.eigenvalues);
                let distance = |(y, value): (&f64, &f64)| {
                    (squares - 2.0 * y + 1.0).max(0.0).sqrt() / (value / self.total_variance)
                };
                terms.map(distance).sum()
            }
        }
    }

    /// Magnitudes of `residual` in the units of the columns.
    fn in_units<'a>(&'a self, residual: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let pairs = residual.iter().zip(&self.units);
        pairs.map(|(r, (middle, spread))| (r - middle).abs() / spread)
    }

    /// Median and robust spread of the residuals of the training rows `x`, column by column.
    fn residual_units(&self, x: &ArrayView2<'_, f64>) -> Vec<(f64, f64)> {
        let mut scratch = self.scratch(x.nrows());
        self.project(x, &mut scratch);
        let unit = |column: Vec<f64>| {
            let middle = median(&column);
            let robust = MAD_TO_STD * mad(&column);
            let spread = if robust < LEAST_UNIT {
                let squares = column.iter().map(|r| (r - middle) * (r - middle));
                (squares.sum::<f64>() / column.len() as f64).sqrt()
            } else {
                robust
            };
            (middle, spread.max(LEAST_UNIT))
        };
        let columns = scratch.scaled.columns().into_iter();
        columns.map(|column| unit(column.to_vec())).collect()
    }
}

/// How many components are kept of a table with `features` columns.
fn kept(config: &Pca, spectrum: &Spectrum, features: usize) -> Result<usize> {
    let rank = spectrum.values.len();
    let of_residual = config.score.is_of_residual();
    if rank == 0 && !of_residual {
        return Err(Error::input(
            "every column is constant, so that there are no principal components",
        ));
    }
    let most = features - usize::from(of_residual);
    Ok(match config.components {
        PcaComponents::All => rank.min(most),
        PcaComponents::Count(count) if count > most => {
            return Err(Error::parameter(
                "components",
                count,
                format!("at most {most} for this score of {features} columns"),
            ));
        }
        PcaComponents::Count(count) => count.min(rank),
        PcaComponents::Variance(share) => {
            let mut sum = 0.0;
            let enough = spectrum.values.iter().position(|value| {
                sum += value;
                sum >= share * spectrum.total
            });
            enough.map_or(rank, |last| last + 1).min(most)
        }
    })
}

impl Detector for FittedPca {
    fn n_features(&self) -> usize {
        self.scaler.center.len()
    }

    /// Takes room for a block of rows at a time.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, self.n_features())?;
        self.score_blocks(&x, out);
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// Squared residuals, or the residuals in robust units; for the other scores the features'
    /// parts of the sum, 0 where a part is negative.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(row, self.n_features())?;
        let mut scratch = self.scratch(1);
        self.project(&ArrayView1::from(row).insert_axis(Axis(0)), &mut scratch);
        let scaled: Vec<f64> = scratch.scaled.into_iter().collect();
        let along: Vec<f64> = scratch.along.into_iter().collect();
        let weigh = |weight: &dyn Fn(f64, f64, f64, f64) -> f64| -> Vec<f64> {
            let mut parts = vec![0.0; scaled.len()];
            let components = self.components();
            let terms = components.rows().into_iter().zip(&along);
            for ((component, &y), &value) in terms.zip(&self.eigenvalues) {
                for ((part, &loading), &z) in parts.iter_mut().zip(component).zip(&scaled) {
                    // Two infinite terms could cancel to no number.
                    *part += weight(loading, z, y, value).clamp(-f64::MAX, f64::MAX);
                }
            }
            parts
        };
        let parts: Vec<f64> = match self.config.score {
            PcaScore::Reconstruction => scaled.iter().map(|r| r * r).collect(),
            PcaScore::LargestResidual => self.in_units(&scaled).collect(),
            PcaScore::MeanResidual => self.in_units(&scaled).map(|u| u * u).collect(),
            PcaScore::Mahalanobis => weigh(&|loading, z, y, value| loading * z * y / value),
            PcaScore::WeightedDistance => {
                weigh(&|loading, z, _, value| (z - loading) * (z - loading) / value)
            }
        };
        let clip = |part: f64| part.clamp(0.0, f64::MAX);
        Ok(Some(parts.into_iter().map(clip).collect()))
    }
}

impl Snapshot for FittedPca {
    const KIND: &'static str = "ml.pca";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let features = self.n_features();
        let kept = self.eigenvalues.len();
        let units = if self.config.score.has_units() {
            features
        } else {
            0
        };
        let shapes = features > 0
            && kept <= features
            && kept.checked_mul(features) == Some(self.components.len())
            && self.units.len() == units;
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let values = self.scaler.is_valid(features)
            && self.eigenvalues.iter().all(|&value| positive(value))
            && (kept == 0 || positive(self.total_variance))
            && self.components.iter().all(|v| v.abs() <= 1.0 + 1e-6)
            && self
                .units
                .iter()
                .all(|(m, s)| m.is_finite() && positive(*s))
            && self.threshold.is_finite();
        if shapes && values {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the principal components do not fit together or are not finite",
            ))
        }
    }
}
