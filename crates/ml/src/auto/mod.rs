//! The automatic detector of a series: methods for shapes, chosen by what the series looks like.

mod fitted;
mod look;
mod member;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;

pub use fitted::FittedAuto;
pub use look::Look;

/// The least number of points that a shape can be told from.
const LEAST_POINTS: usize = 32;

/// Configuration of the automatic detector of a series that is known as a whole.
///
/// `score = (1 / sqrt(m)) sum_k (s_k - mean_k) / std_k`, over the scores `s_k` of `m` methods, each in
/// units of its own training scores.
///
/// Which methods these are depends on what the series [looks like](Look), never on labels:
///
/// - Where it repeats itself (a period of strength 0.7 or more, and at most 40,000 points): clusters
///   of subsequences, and the matrix profile with the period as its window.
/// - Else: clusters, whitened principal components and an isolation forest of subsequences.
///
/// Subsequences have 100 points (a quarter of a shorter series); long series are cut in strides such
/// that at most 20,000 subsequences are learned from, as long as that leaves no point out. A series
/// that never changes has no shape: any other value then scores 1, and it itself 0.
/// [`FittedAuto::explanation`] tells what was chosen and why.
///
/// Cost: O(n) time for long series, O(n^2) up to 40,000 points with a clear period. Memory: see
/// [`FittedAuto`].
///
/// Sources: the methods as in Liu & Paparrizos 2024, *The Elephant in the Room: Towards a Reliable
/// Time-Series Anomaly Detection Benchmark* (`TSB-AD`), of which the best single one depends on the
/// series; sums of standardised scores, Aggarwal & Sathe 2015,
/// <https://doi.org/10.1145/2830544.2830549>.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, Rows, ndarray::Array2};
/// let wave = |i: usize| (i as f64 * 0.2).sin();
/// let series = Array2::from_shape_fn((1_200, 1), |(i, _)| {
///     if (700..730).contains(&i) { 0.0 } else { wave(i) }
/// });
/// let (fitted, scores) = bongsu_ml::Auto::new().fit_score(&Rows::untimed(series.view()))?;
/// let highest = (0..1_200).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
/// assert!((650..780).contains(&highest));
/// assert!(fitted.explanation().contains("matrix profile"));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auto {
    contamination: f64,
    seed: u64,
}

impl Default for Auto {
    fn default() -> Self {
        Self {
            contamination: 0.1,
            seed: 0,
        }
    }
}

impl Auto {
    /// The defaults: contamination 0.1, seed 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The share of training points above the threshold. Domain: (0, 0.5]. Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn contamination(mut self, share: f64) -> Result<Self> {
        self.contamination = check::contamination(share)?;
        Ok(self)
    }

    /// The seed of the clusters and of the forest, of `Pcg64`. Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::contamination(self.contamination).map(|_| ())
    }
}

impl FitDetector for Auto {
    type Fitted = FittedAuto;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedAuto> {
        Ok(self.fit_score(&Rows::untimed(x))?.0)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedAuto, Vec<f64>)> {
        self.validate()?;
        let x = rows.values();
        check::table("the automatic detector", &x, LEAST_POINTS)?;
        if x.ncols() != 1 {
            return Err(Error::shape("number of columns", x.ncols(), 1));
        }
        FittedAuto::learn(self, rows)
    }
}
