//! Detectors of tables, applied to the windows of a series: Sub-PCA, `KMeansAD` and their like.

mod embedding;
mod fitted;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::kmeans::KMeans;
use crate::pca::Pca;

pub use fitted::FittedSubsequences;

/// The longest window in rows.
const MOST_ROWS: usize = 1 << 16;

/// What is done to each window before it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowScaling {
    /// Nothing: level, amplitude and shape count. The windows are views of the series, no copies.
    #[default]
    None,
    /// The mean of each column of the window is taken away: amplitude and shape count.
    Center,
    /// Mean 0 and standard deviation 1 for each column of the window: shape counts. The divisor is
    /// at least 0.001 of the training column's standard deviation, so that noise on a flat stretch
    /// is not blown up.
    Standard,
}

/// Applies a detector of tables to the windows of a series of one or several columns.
///
/// Row `k` of the table that the inner detector sees holds the `window` rows of the series from
/// row `k stride` on, one after the other. The score of a point is the mean score of the windows
/// that cover it; where the stride leaves points at the end without one, a last window ends there.
///
/// With `causal` a point has the score of the last window that ends at or before it, so that no
/// score depends on later points. Points before the end of the first window then have the median
/// score of the training windows: they are neither normal nor anomalous.
///
/// Windows that start a few rows apart are alike whatever they hold. A detector by neighbours
/// ([`Knn`](crate::Knn), [`Lof`](crate::Lof)) counts such trivial matches among the training
/// windows as neighbours, so that on a finely sampled series an odd stretch of the training data
/// looks less odd than it is. No window is excluded: choose a stride, up to the window itself, at
/// which consecutive windows differ, or judge another series than the one learned from;
/// [`MatrixProfile`](crate::MatrixProfile) excludes them by its definition.
///
/// The rows of a call are consecutive observations, oldest first, and at least as many as the
/// window is long.
///
/// Cost: that of the inner detector for `n / stride` rows of `window d` values, and 8 bytes a
/// window. Without scaling the windows are views of the series; scaled ones are copied, all to
/// fit and a block at a time to score.
///
/// Source: the subsequence methods of Paparrizos, Kang, Boniol, Tsay, Palpanas & Franklin 2022,
/// <https://doi.org/10.14778/3529337.3529354>, and TSB-AD, Liu & Paparrizos 2024.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_ml::{Pca, PcaScore, Subsequences};
/// let wave = |i: usize| (i as f64 * 0.4).sin();
/// let series = Array2::from_shape_fn((400, 1), |(i, _)| {
///     if (300..310).contains(&i) { wave(300) } else { wave(i) }
/// });
/// let config = Subsequences::new(Pca::new().score(PcaScore::Reconstruction)).window(16)?;
/// let scores = config.fit(series.view())?.score(series.view())?;
/// let highest = (0..400).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
/// assert!((295..315).contains(&highest.unwrap()));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subsequences<C> {
    inner: C,
    shape: Shape,
    contamination: f64,
}

impl Subsequences<Pca> {
    /// Sub-PCA: the Mahalanobis score of standardised windows of 100 rows along the principal
    /// components that explain 0.999999 of the variance. What remains is rounding in smooth series.
    ///
    /// On labelled series this finds far more than the weighted distance of `PyOD` or a
    /// reconstruction error do, because a change of shape lies along components of small variance.
    #[must_use]
    pub fn sub_pca() -> Self {
        Self::new(Pca::whitening())
    }
}

impl Subsequences<KMeans> {
    /// `KMeansAD`: the distance of windows of 100 rows, each without its mean, to the nearest of 50
    /// centres.
    #[must_use]
    pub fn kmeans_ad() -> Self {
        Self::new(KMeans::for_windows()).scaling(WindowScaling::Center)
    }
}

/// How windows are cut, scaled and mapped back to points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    window: usize,
    stride: usize,
    scaling: WindowScaling,
    causal: bool,
}

impl<C> Subsequences<C> {
    /// `inner` on windows of 100 rows that start one row apart, unscaled, each point judged by
    /// all windows that cover it.
    #[must_use]
    pub const fn new(inner: C) -> Self {
        Self {
            inner,
            shape: Shape {
                window: 100,
                stride: 1,
                scaling: WindowScaling::None,
                causal: false,
            },
            contamination: 0.1,
        }
    }

    /// The length of a window in rows; a period of the series is a good choice. Domain:
    /// [2, 65536]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, rows: usize) -> Result<Self> {
        self.shape.window = check::count("window", rows, 2, MOST_ROWS)?;
        Ok(self)
    }

    /// By how many rows the starts of consecutive windows are apart. Domain: [1, 65536], at most
    /// the window. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn stride(mut self, rows: usize) -> Result<Self> {
        self.shape.stride = check::count("stride", rows, 1, MOST_ROWS)?;
        Ok(self)
    }

    /// What is done to each window. Default: nothing.
    #[must_use]
    pub const fn scaling(mut self, scaling: WindowScaling) -> Self {
        self.shape.scaling = scaling;
        self
    }

    /// Whether a point is judged only by what came before it and by itself. Default: no.
    #[must_use]
    pub const fn causal(mut self, causal: bool) -> Self {
        self.shape.causal = causal;
        self
    }

    /// The share of the training points above the threshold. Domain: (0, 0.5]. Default: 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn contamination(mut self, share: f64) -> Result<Self> {
        self.contamination = check::contamination(share)?;
        Ok(self)
    }

    /// The configuration of the detector of windows.
    #[must_use]
    pub const fn inner(&self) -> &C {
        &self.inner
    }

    /// Checks every parameter but those of the inner detector, which checks them when it is
    /// fitted.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        self.shape.validate()?;
        check::contamination(self.contamination)?;
        Ok(())
    }
}

impl Shape {
    fn validate(&self) -> Result<()> {
        check::count("window", self.window, 2, MOST_ROWS)?;
        check::count("stride", self.stride, 1, self.window)?;
        Ok(())
    }
}

impl<C: FitDetector> FitDetector for Subsequences<C> {
    type Fitted = FittedSubsequences<C::Fitted>;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<Self::Fitted> {
        self.validate()?;
        Ok(FittedSubsequences::learn(self, &x)?.0)
    }

    fn fit_score(&self, rows: &Rows<'_>) -> Result<(Self::Fitted, Vec<f64>)> {
        self.validate()?;
        FittedSubsequences::learn(self, &rows.values())
    }
}
