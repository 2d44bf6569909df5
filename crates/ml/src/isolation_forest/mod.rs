//! Isolation forest: anomalies are few and different, so random splits isolate them early.

pub(crate) mod fitted;
mod grow;
mod import;
pub(crate) mod path_length;
pub(crate) mod subsample;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result};
use serde::{Deserialize, Serialize};

use crate::check;

pub use fitted::FittedIsolationForest;
pub use import::{ImportedNode, InputPrecision};

/// The most trees of a forest.
pub(crate) const MAX_TREES: usize = 100_000;

/// How many rows each tree is grown on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subsample {
    /// This many, or all rows when there are fewer. Domain: at least 1.
    Rows(usize),
    /// This share of the rows, rounded down, at least one row. Domain: (0, 1].
    Share(f64),
}

impl Subsample {
    pub(crate) fn of(self, rows: usize) -> usize {
        match self {
            Self::Rows(count) => count.min(rows),
            Self::Share(share) => part(share, rows),
        }
    }

    pub(crate) fn checked(self) -> Result<Self> {
        match self {
            Self::Rows(0) => Err(Error::parameter("subsample", 0, "at least 1 row")),
            Self::Share(share) if !(share > 0.0 && share <= 1.0) => {
                Err(Error::parameter("subsample", share, "a share in (0, 1]"))
            }
            _ => Ok(self),
        }
    }
}

/// `share` of `count`, rounded down, at least 1.
pub(crate) fn part(share: f64, count: usize) -> usize {
    ((share * count as f64) as usize).clamp(1, count.max(1))
}

/// Configuration of an isolation forest.
///
/// `score(x) = 2^(-E[h(x)] / c(psi))` in (0, 1]: `h(x)` is the number of splits that isolate `x`
/// in a tree grown on `psi` rows, plus `c(n)` at a leaf that holds `n` of them, `E` the mean over
/// trees, and `c(n) = 2 (ln(n - 1) + 0.5772...) - 2 (n - 1) / n` the mean path length among `n`
/// rows. A row like most others scores below 0.5, one that is isolated at once nearly 1; where
/// nothing can be told apart (one row, or all columns constant) every row scores 0.5.
///
/// Each tree takes `psi` rows; each split a feature that varies among the node's rows, all such
/// alike likely, and a threshold uniform between its least and greatest value; down to single
/// rows, or to depth `ceil(log2(psi))`. Columns that are constant are never split on.
///
/// A row is anomalous when its score is above the threshold: 0.5, or with
/// [`IsolationForest::contamination`] the quantile of the training scores.
///
/// Random numbers come from PCG64 (`rand_pcg::Pcg64`), one generator a tree; the result depends on
/// the seed and not on the number of threads.
///
/// Cost: fitting takes O(t psi log psi) time for `t` trees, and with a contamination the time to
/// score all rows; scoring O(t log psi) a row. Both use all threads of the rayon pool. Memory: see
/// [`FittedIsolationForest`].
///
/// Source: Liu, Ting, Zhou 2008, *Isolation Forest*, doi 10.1109/ICDM.2008.17. Reference:
/// scikit-learn 1.9 `IsolationForest`, whose `-score_samples` this is. It grows and scores in
/// single precision and takes a column for constant that spans less than 1e-7; here everything is
/// in double precision and a column of any scale can be split.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::{Array2, array}};
/// use bongsu_ml::IsolationForest;
/// let grid = Array2::from_shape_fn((100, 2), |(i, j)| if j == 0 { i % 10 } else { i / 10 } as f64);
/// let forest = IsolationForest::new().seed(7).fit(grid.view())?;
/// let scores = forest.score(array![[4.5, 4.5], [30.0, 30.0]].view())?;
/// assert!(scores[0] < 0.5 && scores[1] > 0.6, "{scores:?}");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IsolationForest {
    trees: usize,
    subsample: Subsample,
    max_features: f64,
    bootstrap: bool,
    contamination: Option<f64>,
    seed: u64,
}

impl Default for IsolationForest {
    fn default() -> Self {
        Self {
            trees: 100,
            subsample: Subsample::Rows(256),
            max_features: 1.0,
            bootstrap: false,
            contamination: None,
            seed: 0,
        }
    }
}

impl IsolationForest {
    /// The defaults: 100 trees of 256 rows, every feature, threshold 0.5, seed 0.
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

    /// How large a share of the features each tree may split on, rounded down, at least one
    /// feature. Domain: (0, 1]. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_features(mut self, share: f64) -> Result<Self> {
        self.max_features = feature_share(share)?;
        Ok(self)
    }

    /// Whether rows are drawn with replacement. A row drawn twice counts as two equal rows (once,
    /// in the reference). Default: false.
    #[must_use]
    pub const fn bootstrap(mut self, with_replacement: bool) -> Self {
        self.bootstrap = with_replacement;
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

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("trees", self.trees, 1, MAX_TREES)?;
        self.subsample.checked()?;
        feature_share(self.max_features)?;
        self.contamination.map_or(Ok(0.0), check::contamination)?;
        Ok(())
    }
}

fn feature_share(share: f64) -> Result<f64> {
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err(Error::parameter("max_features", share, "in (0, 1]"))
    }
}

impl FitDetector for IsolationForest {
    type Fitted = FittedIsolationForest;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedIsolationForest> {
        self.validate()?;
        check::table("an isolation forest", &x, 1)?;
        let trees = grow::forest(self, &x);
        let subsample = self.subsample.of(x.nrows());
        let mut fitted =
            FittedIsolationForest::grown(x.ncols(), subsample, &trees, InputPrecision::Double)?;
        if let Some(share) = self.contamination {
            fitted.learn_threshold(&x, share)?;
        }
        Ok(fitted)
    }
}
