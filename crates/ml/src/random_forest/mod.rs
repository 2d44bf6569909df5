//! Random forest regression: the mean of many trees, each grown on other rows.

mod fitted;
mod grow;
mod importance;
mod split;
mod table;
mod targets;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, Result};
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use crate::check;

use grow::{Grower, Grown};
use table::Table;
use targets::Targets;

pub use fitted::{FittedRandomForest, OutOfBag};
pub use importance::PermutationImportance;

/// The most trees of a forest.
const MAX_TREES: usize = 100_000;

/// How many features a split chooses among.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxFeatures {
    /// Every one (the default).
    #[default]
    All,
    /// The square root of their number, rounded down.
    Sqrt,
    /// This many, or all when there are fewer. Domain: at least 1.
    Count(usize),
    /// This share of them, rounded down, at least one. Domain: (0, 1].
    Share(f64),
}

impl MaxFeatures {
    fn of(self, features: usize) -> usize {
        match self {
            Self::All => features,
            Self::Sqrt => features.isqrt(),
            Self::Count(count) => count.min(features),
            Self::Share(share) => (share * features as f64) as usize,
        }
        .max(1)
    }

    fn checked(self) -> Result<Self> {
        match self {
            Self::Count(0) => Err(Error::parameter("max_features", 0, "at least 1")),
            Self::Share(share) if !(share > 0.0 && share <= 1.0) => {
                Err(Error::parameter("max_features", share, "a share in (0, 1]"))
            }
            _ => Ok(self),
        }
    }
}

/// Configuration of a random forest for regression.
///
/// `f(x) = mean over trees of the mean target in the leaf that x reaches`. Each tree is grown on
/// as many rows as there are, drawn with replacement. Each split takes, among features drawn at
/// random, the feature and threshold that lower the sum of squared errors most, exactly: between
/// every two neighbouring values, half way. A node becomes a leaf when its targets are all equal,
/// when a limit says so, or when all its rows are equal.
///
/// A forest cannot predict beyond the targets it has seen: with a trend, fit what is left of it.
///
/// Random numbers come from PCG64 (`rand_pcg::Pcg64`), one generator a tree; the result depends on
/// the seed and not on the number of threads.
///
/// Cost: fitting sorts each column once, O(d n log n) for `n` rows and `d` features, and then
/// takes O(d n) time a level of a tree, usually O(d n log n) a tree; 16 bytes a value for the
/// forest and 16 a value for each thread. Predicting takes O(depth) a tree. Both use all threads
/// of the rayon pool. Memory of the model: see [`FittedRandomForest`].
///
/// Source: Breiman 2001, *Random Forests*, doi 10.1023/A:1010933404324. Reference: scikit-learn
/// 1.9 `RandomForestRegressor`, with the same limits and defaults. It compares values in single
/// precision and takes values for equal that differ by less than 1e-7; here every two different
/// numbers can be told apart.
///
/// ```
/// use bongsu_core::ndarray::{Array2, array};
/// use bongsu_ml::RandomForest;
/// // Load grows with requests, not with the hour.
/// let x = Array2::from_shape_fn((200, 2), |(i, j)| (if j == 0 { i * 7 % 100 } else { i % 24 }) as f64);
/// let y: Vec<f64> = x.column(0).iter().map(|requests| 2.0 * requests + 5.0).collect();
/// let forest = RandomForest::new().seed(1).fit(x.view(), &y)?;
/// let predicted = forest.predict(array![[50.0, 3.0]].view())?;
/// assert!((predicted[0] - 105.0).abs() < 5.0, "{predicted:?}");
/// assert!(forest.importances()[0] > 0.9);
/// assert!(forest.out_of_bag().unwrap().r2() > 0.95);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomForest {
    trees: usize,
    max_depth: Option<usize>,
    min_samples_split: usize,
    min_samples_leaf: usize,
    max_features: MaxFeatures,
    bootstrap: bool,
    out_of_bag: bool,
    seed: u64,
}

impl Default for RandomForest {
    fn default() -> Self {
        Self {
            trees: 100,
            max_depth: None,
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::All,
            bootstrap: true,
            out_of_bag: true,
            seed: 0,
        }
    }
}

impl RandomForest {
    /// The defaults: 100 trees without limits, every feature, bootstrap, out-of-bag predictions,
    /// seed 0.
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

    /// The most splits on the way to a leaf. Domain: at least 1. Default: none.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_depth(mut self, depth: usize) -> Result<Self> {
        self.max_depth = Some(check::count("max_depth", depth, 1, usize::MAX)?);
        Ok(self)
    }

    /// The least number of different rows of a node that is split. Domain: at least 2. Default: 2.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_samples_split(mut self, rows: usize) -> Result<Self> {
        self.min_samples_split = check::count("min_samples_split", rows, 2, usize::MAX)?;
        Ok(self)
    }

    /// The least number of different rows of a leaf. Domain: at least 1. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_samples_leaf(mut self, rows: usize) -> Result<Self> {
        self.min_samples_leaf = check::count("min_samples_leaf", rows, 1, usize::MAX)?;
        Ok(self)
    }

    /// How many features each split chooses among; more, as long as none of them varies in the
    /// node. Columns that are constant in the whole table are never drawn. Domain: see
    /// [`MaxFeatures`]. Default: all.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_features(mut self, features: MaxFeatures) -> Result<Self> {
        self.max_features = features.checked()?;
        Ok(self)
    }

    /// Whether each tree is grown on rows drawn with replacement instead of on all. Default: true.
    #[must_use]
    pub const fn bootstrap(mut self, bootstrap: bool) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// Whether [`FittedRandomForest::out_of_bag`] is filled in; it takes about the time of
    /// predicting the training rows, and needs the bootstrap. Default: true.
    #[must_use]
    pub const fn out_of_bag(mut self, wanted: bool) -> Self {
        self.out_of_bag = wanted;
        self
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
        check::count("max_depth", self.max_depth.unwrap_or(1), 1, usize::MAX)?;
        check::count("min_samples_split", self.min_samples_split, 2, usize::MAX)?;
        check::count("min_samples_leaf", self.min_samples_leaf, 1, usize::MAX)?;
        self.max_features.checked()?;
        Ok(())
    }

    /// Learns to predict `y` from the rows of `x`.
    ///
    /// - `x`: at least one row and one column, in any units, finite.
    /// - `y`: a target for each row, finite.
    ///
    /// # Errors
    /// When a parameter is outside its domain, `x` has no rows or columns or 2^32 rows or more,
    /// `y` another length than `x` has rows, or a value is not finite.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn fit(&self, x: ArrayView2<'_, f64>, y: &[f64]) -> Result<FittedRandomForest> {
        self.validate()?;
        check::table("a random forest", &x, 1)?;
        if u32::try_from(x.nrows()).is_err() {
            return Err(Error::shape("number of rows", x.nrows(), u32::MAX as usize));
        }
        check_targets(y, x.nrows())?;
        let (table, targets) = (Table::new(&x), Targets::new(y));
        let grown: Vec<Grown> = (0..self.trees)
            .into_par_iter()
            .map_init(|| Grower::new(self, &table, &targets), Grower::grow)
            .collect();
        let importances = importance::of_splits(&table, &grown);
        let mut trees = Vec::with_capacity(grown.len());
        let mut unseen = Vec::with_capacity(grown.len());
        for tree in grown {
            trees.push(tree.records);
            unseen.push(tree.unseen);
        }
        let mut fitted = FittedRandomForest::grown(x.ncols(), &trees, targets.scale, importances)?;
        if self.out_of_bag && self.bootstrap {
            fitted.judge_unseen(&x, y, &unseen);
        }
        Ok(fitted)
    }
}

/// There are as many targets as rows, all finite.
fn check_targets(y: &[f64], rows: usize) -> Result<()> {
    if y.len() != rows {
        return Err(Error::shape("number of targets", y.len(), rows));
    }
    match y.iter().enumerate().find(|(_, y)| !y.is_finite()) {
        Some((row, &y)) => Err(Error::non_finite(format!("the target of row {row}"), y)),
        None => Ok(()),
    }
}
