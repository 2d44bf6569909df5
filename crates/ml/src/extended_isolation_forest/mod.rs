//! Extended isolation forest: random splits along slanted planes.

mod fitted;
mod grow;
mod planes;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{FitDetector, Result};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::isolation_forest::{MAX_TREES, Subsample};

pub use fitted::FittedExtendedIsolationForest;

/// Configuration of an extended isolation forest.
///
/// `score(x) = 2^(-E[h(x)] / c(psi))` in (0, 1], as [`IsolationForest`](crate::IsolationForest),
/// with splits that look at several features at once: a row goes to the first child when
/// `n . (x - p) < 0`, where `p` is uniform in the box around the node's rows and `n` has
/// `extension + 1` normally distributed coordinates and 0 for other features. Rows are isolated
/// alike in all directions, so that there are no bands of low scores along the axes from where
/// the rows are, which an isolation forest has. It costs more, and explains less sharply.
///
/// A split may leave one side empty, as in the paper. Features that are constant among a node's
/// rows are not among those drawn, and a node whose rows are all equal is a leaf; where nothing
/// can be told apart (one row, or all columns constant) every row scores 0.5.
///
/// Features with a wide range decide the slope of the planes. Columns are not scaled here; put a
/// [`Scaled`](crate::Scaled) around it when their units differ.
///
/// A row is anomalous when its score is above the threshold: 0.5, or with
/// [`ExtendedIsolationForest::contamination`] the quantile of the training scores.
///
/// Random numbers come from PCG64 (`rand_pcg::Pcg64`), one generator a tree; the result depends on
/// the seed and not on the number of threads.
///
/// Cost: fitting takes O(t psi d log psi) time for `t` trees and `d` features, scoring
/// O(t e log psi) a row for extension `e`; both use all threads of the rayon pool. Memory: see
/// [`FittedExtendedIsolationForest`].
///
/// Source: Hariri, Kind, Brunner 2019, *Extended Isolation Forest*, doi
/// 10.1109/TKDE.2019.2947676.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::{Array2, array}};
/// use bongsu_ml::ExtendedIsolationForest;
/// // Two features that move together.
/// let line = Array2::from_shape_fn((200, 2), |(i, j)| i as f64 / 20.0 + ((i * 7 + j * 3) % 5) as f64 / 10.0);
/// let forest = ExtendedIsolationForest::new().seed(7).fit(line.view())?;
/// let scores = forest.score(array![[5.0, 5.0], [8.0, 2.0]].view())?;
/// assert!(scores[0] < 0.5 && scores[1] > 0.55, "{scores:?}");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtendedIsolationForest {
    trees: usize,
    subsample: Subsample,
    extension: Option<usize>,
    contamination: Option<f64>,
    seed: u64,
}

impl Default for ExtendedIsolationForest {
    fn default() -> Self {
        Self {
            trees: 100,
            subsample: Subsample::Rows(256),
            extension: None,
            contamination: None,
            seed: 0,
        }
    }
}

impl ExtendedIsolationForest {
    /// The defaults: 100 trees of 256 rows, full extension, threshold 0.5, seed 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of trees. Domain: [1, 100000]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn trees(mut self, trees: usize) -> Result<Self> {
        self.trees = check::count("trees", trees, 1, MAX_TREES)?;
        Ok(self)
    }

    /// How many rows each tree is grown on; all, when there are fewer. Domain: at least 1.
    /// Default: 256.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn subsample(mut self, rows: usize) -> Result<Self> {
        self.subsample = Subsample::Rows(rows).checked()?;
        Ok(self)
    }

    /// How large a share of the rows each tree is grown on, rounded down, at least one row.
    /// Domain: (0, 1]. Default: 256 rows.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn subsample_share(mut self, share: f64) -> Result<Self> {
        self.subsample = Subsample::Share(share).checked()?;
        Ok(self)
    }

    /// How many features more than one a split looks at: 0 is an isolation forest, one less than
    /// the number of features isolates alike in all directions. Domain: below the number of
    /// features, checked when fitting. Default: one less than their number.
    #[must_use]
    pub const fn extension(mut self, level: usize) -> Self {
        self.extension = Some(level);
        self
    }

    /// The share of training rows taken as anomalous: the threshold is then the
    /// `1 - contamination` quantile (linear interpolation) of the training scores. Domain:
    /// (0, 0.5]. Default: none, the threshold is 0.5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn contamination(mut self, share: f64) -> Result<Self> {
        self.contamination = Some(check::contamination(share)?);
        Ok(self)
    }

    /// The seed of the random numbers. Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks every parameter that does not depend on the table, for configurations that were
    /// read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("trees", self.trees, 1, MAX_TREES)?;
        self.subsample.checked()?;
        self.contamination.map_or(Ok(0.0), check::contamination)?;
        Ok(())
    }
}

impl FitDetector for ExtendedIsolationForest {
    type Fitted = FittedExtendedIsolationForest;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedExtendedIsolationForest> {
        self.validate()?;
        check::table("an extended isolation forest", &x, 1)?;
        let most = x.ncols() - 1;
        let extension = check::count("extension", self.extension.unwrap_or(most), 0, most)?;
        let subsample = self.subsample.of(x.nrows());
        let trees = grow::forest(self, &x, subsample, extension + 1);
        let mut fitted = FittedExtendedIsolationForest::grown(x.ncols(), subsample, &trees)?;
        if let Some(share) = self.contamination {
            fitted.learn_threshold(&x, share)?;
        }
        Ok(fitted)
    }
}
