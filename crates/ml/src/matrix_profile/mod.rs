//! Matrix profile: how far each subsequence of a series is from the most similar other one.

mod discord;
mod fitted;
mod join;
mod subsequences;
mod sweep;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;

pub use discord::{Discord, DiscordSearch};
pub use fitted::FittedMatrixProfile;
pub use join::{Profile, SelfJoin, join, self_join};

/// The longest subsequence: 2^20 points.
const MAX_WINDOW: usize = 1 << 20;

/// Configuration of the matrix profile: points in subsequences that look like no other are
/// anomalous.
///
/// A subsequence of m points scores `d / (2 sqrt(m))`, its z-normalised euclidean distance d to the
/// most similar one over the largest that there can be: from 0 (the same shape) to 1 (the opposite
/// shape). A point scores the mean over the subsequences that hold it; with `causal` it scores as
/// the one that ends at it, compared with earlier ones only. With several windows the scores of a
/// point are averaged. Where there is nothing to compare with yet, the score is 0.
///
/// - `windows` (m): points, domain [3, half the training series], default 100. One period of the
///   series, or the length of the shapes that matter.
/// - `causal`: whether only what was known at a point counts, default false.
/// - `contamination`: the share of training points above the threshold, domain (0, 0.5], default
///   0.1.
///
/// One column, consecutive rows. `fit_score` compares the training series with itself, leaving out
/// subsequences that start within a quarter of their length; a fitted model compares each
/// subsequence of the rows of a call, which must be at least the longest window, with all of the
/// training series, and allocates about 150 bytes a training point while it does.
///
/// Cost: O(n^2) time to fit and O(n r) to score r rows, whatever the window; see [`self_join`].
///
/// Source: Yeh et al. 2016, <https://doi.org/10.1109/ICDM.2016.0179>; causal: the left profile of
/// Lu et al. 2022, <https://doi.org/10.1145/3534678.3539271>.
///
/// ```
/// use bongsu_core::{FitDetector as _, Rows, ndarray::Array2};
/// let wave = |i: usize| (i as f64 / 4.0).sin() + if i == 130 { 1.0 } else { 0.0 };
/// let x = Array2::from_shape_fn((300, 1), |(i, _)| wave(i));
/// let detector = bongsu_ml::MatrixProfile::new().window(25)?;
/// let (_, scores) = detector.fit_score(&Rows::untimed(x.view()))?;
/// let highest = (0..300).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
/// assert!((120..140).contains(&highest));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatrixProfile {
    windows: Vec<usize>,
    causal: bool,
    contamination: f64,
}

impl Default for MatrixProfile {
    fn default() -> Self {
        Self {
            windows: vec![100],
            causal: false,
            contamination: 0.1,
        }
    }
}

impl MatrixProfile {
    /// The defaults: subsequences of 100 points, compared with all others, contamination 0.1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The length of subsequences in points. Domain: [3, 1048576]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(self, points: usize) -> Result<Self> {
        self.windows(vec![points])
    }

    /// Several lengths of subsequences, which vote. Domain: 1 to 16 lengths, each as
    /// [`Self::window`].
    ///
    /// # Errors
    /// When outside the domain.
    pub fn windows(mut self, points: Vec<usize>) -> Result<Self> {
        check_windows(&points)?;
        self.windows = points;
        Ok(self)
    }

    /// Whether only what was known at a point counts. Default: false.
    #[must_use]
    pub const fn causal(mut self, causal: bool) -> Self {
        self.causal = causal;
        self
    }

    /// The share of training points whose score is above the threshold. Domain: (0, 0.5]. Default:
    /// 0.1.
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
        check_windows(&self.windows)?;
        check::contamination(self.contamination)?;
        Ok(())
    }
}

fn check_windows(windows: &[usize]) -> Result<()> {
    check::count("number of windows", windows.len(), 1, 16)?;
    for &window in windows {
        check::count("window", window, 3, MAX_WINDOW)?;
    }
    Ok(())
}

/// The finite values of a table with one column.
fn column(x: &ArrayView2<'_, f64>) -> Result<Vec<f64>> {
    if x.ncols() != 1 {
        return Err(Error::shape("number of columns", x.ncols(), 1));
    }
    check::finite(x)?;
    Ok(x.iter().copied().collect())
}

impl FitDetector for MatrixProfile {
    type Fitted = FittedMatrixProfile;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedMatrixProfile> {
        self.validate()?;
        FittedMatrixProfile::learn(self, column(&x)?).map(|(fitted, _)| fitted)
    }

    /// The scores are those of the series compared with itself.
    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedMatrixProfile, Vec<f64>)> {
        self.validate()?;
        FittedMatrixProfile::learn(self, column(&rows.values())?)
    }
}
