//! Principal component analysis: rows that break the correlations of their columns.

mod fitted;
mod moments;
mod scaling;
mod spectrum;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;

pub use fitted::FittedPca;

/// How many principal components are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PcaComponents {
    /// Every one whose eigenvalue is above rounding error.
    All,
    /// The first so many, largest eigenvalue first.
    Count(usize),
    /// As few as explain at least this share of the variance, in (0, 1).
    Variance(f64),
}

/// How the columns are made comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PcaScaling {
    /// Only the mean is taken away.
    Center,
    /// Mean and standard deviation (over n, as scikit-learn's `StandardScaler`).
    #[default]
    Standard,
    /// Mean and 1.4826 MAD; the standard deviation where the MAD is 0.
    Robust,
}

/// What the score of a row is. With `z` the scaled row, `v_k` and `l_k` the kept components and
/// their eigenvalues, `y_k = v_k . z` and the residual `r = z - sum_k y_k v_k`:
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PcaScore {
    /// The squared norm of the residual, `sum_j r_j^2`: the reconstruction error.
    Reconstruction,
    /// The largest residual of a column in robust units of its own,
    /// `max_j |r_j - median_j| / (1.4826 MAD_j)` with median and MAD over the training rows.
    #[default]
    LargestResidual,
    /// The quadratic mean of these residuals in robust units.
    MeanResidual,
    /// `sum_k y_k^2 / l_k` over the kept components.
    Mahalanobis,
    /// `PyOD`'s score: `sum_k |z - v_k| / share_k`, with `share_k` the share of the variance that
    /// component `k` explains and the sign of `v_k` such that its largest loading is positive.
    WeightedDistance,
}

impl PcaScore {
    /// Whether the score is about what the kept components leave over.
    const fn is_of_residual(self) -> bool {
        matches!(
            self,
            Self::Reconstruction | Self::LargestResidual | Self::MeanResidual
        )
    }

    /// Whether residuals are measured in units of their own column.
    const fn has_units(self) -> bool {
        matches!(self, Self::LargestResidual | Self::MeanResidual)
    }
}

/// Configuration of the detector by principal components.
///
/// The columns are scaled, the eigenvectors of their covariance are the components, and the score
/// says how far a row lies from what the first components can express; see [`PcaScore`].
///
/// A column that is constant in training keeps scale 1, as in scikit-learn, so that a departure
/// from the constant counts in its own unit. Where a residual of the training rows has (nearly) no
/// spread, its unit is 0.001 of the column's scale. Scores of residuals leave out at least one
/// direction, so that a residual is left.
///
/// Cost: O(n d^2 + d^3) time to fit and O(d^2) memory besides a block of rows; with more columns
/// than rows O(n^2 d + n^3). Where the rows of the table are overlapping windows of a series
/// (a strided view) the covariance takes O(n r d + d^2) with windows that start `r` values apart.
/// The scores in robust units also take n d numbers while fitting. O(d k) time a row.
///
/// Source: Shyu, Chen, Sarinnapakorn & Chang 2003, *A novel anomaly detection scheme based on
/// principal component classifier*; Jackson & Mudholkar 1979,
/// <https://doi.org/10.1080/00401706.1979.10489779>; scikit-learn 1.9 `PCA`, `PyOD` 3.6 `PCA`.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// // The second metric is twice the first, with a little noise.
/// let rows = Array2::from_shape_fn((50, 2), |(i, j)| match j {
///     0 => (i % 10) as f64,
///     _ => 2.0 * (i % 10) as f64 + 0.1 * (i % 7) as f64,
/// });
/// let fitted = bongsu_ml::Pca::new().fit(rows.view())?;
/// let new = Array2::from_shape_vec((2, 2), vec![5.0, 10.2, 5.0, 4.0]).unwrap();
/// let scores = fitted.score(new.view())?;
/// assert!(scores[0] < 2.0 && scores[1] > 20.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pca {
    components: PcaComponents,
    scaling: PcaScaling,
    score: PcaScore,
    contamination: f64,
}

impl Default for Pca {
    fn default() -> Self {
        Self {
            components: PcaComponents::Variance(0.98),
            scaling: PcaScaling::Standard,
            score: PcaScore::LargestResidual,
            contamination: 0.1,
        }
    }
}

impl Pca {
    /// The defaults: 98 % of the variance, standardised columns, the largest residual.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Mahalanobis scores along the components that explain 0.999999 of the variance.
    pub(crate) fn whitening() -> Self {
        Self {
            components: PcaComponents::Variance(0.999_999),
            score: PcaScore::Mahalanobis,
            ..Self::default()
        }
    }

    /// The components to keep. Domain: a count of at least 1 (below the number of columns for
    /// scores of residuals), or a share in (0, 1). Default: 0.98 of the variance.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn components(mut self, components: PcaComponents) -> Result<Self> {
        self.components = check_components(components)?;
        Ok(self)
    }

    /// How the columns are scaled. Default: standard.
    #[must_use]
    pub const fn scaling(mut self, scaling: PcaScaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// What the score of a row is. Default: the largest residual.
    #[must_use]
    pub const fn score(mut self, score: PcaScore) -> Self {
        self.score = score;
        self
    }

    /// The share of the training rows above the threshold. Domain: (0, 0.5]. Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn contamination(mut self, share: f64) -> Result<Self> {
        self.contamination = check::contamination(share)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check_components(self.components)?;
        check::contamination(self.contamination)?;
        Ok(())
    }
}

impl FitDetector for Pca {
    type Fitted = FittedPca;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedPca> {
        self.validate()?;
        Ok(FittedPca::learn(self.clone(), &x)?.0)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedPca, Vec<f64>)> {
        self.validate()?;
        FittedPca::learn(self.clone(), &rows.values())
    }
}

fn check_components(components: PcaComponents) -> Result<PcaComponents> {
    let bad = |value: String| {
        let domain = "all, a count of at least 1 or a share of the variance in (0, 1)";
        Err(Error::parameter("components", value, domain))
    };
    match components {
        PcaComponents::Count(0) => bad("0".to_owned()),
        PcaComponents::Variance(share) if !(share > 0.0 && share < 1.0) => bad(share.to_string()),
        fine => Ok(fine),
    }
}
