use bongsu_core::ndarray::{ArrayView1, ArrayView2, Axis};
use bongsu_core::{Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::tree::{Inputs, Record, Trees};

/// A grown random forest; see [`RandomForest`](super::RandomForest) for the formula.
///
/// Cost: O(depth) a tree and row, in parallel from some hundred rows on. Memory: 24 bytes a node,
/// about 1.3 nodes a training row and tree when nothing limits growth (2.1 MiB for 100 trees of
/// 720 rows), and 16 bytes a training row for out-of-bag predictions; a snapshot takes 10 bytes a
/// node and 9 a row.
///
/// ```
/// use bongsu_core::ndarray::array;
/// use bongsu_ml::RandomForest;
/// let x = array![[1.0], [2.0], [3.0], [4.0]];
/// let forest = RandomForest::new().bootstrap(false).fit(x.view(), &[1.0, 1.0, 5.0, 5.0])?;
/// assert_eq!(forest.predict_row(&[0.0])?, 1.0);
/// assert_eq!(forest.predict_row(&[2.6])?, 5.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "State", into = "State")]
pub struct FittedRandomForest {
    trees: Trees,
    /// For each node the scaled mean target of a leaf, 0 for a split.
    values: Vec<f64>,
    /// What scaled targets are multiplied by.
    scale: f64,
    importances: Vec<f64>,
    out_of_bag: Option<OutOfBag>,
}

/// What a forest predicts of each training row by the trees that were not grown on it: an honest
/// estimate of its error without rows set aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutOfBag {
    predictions: Vec<Option<f64>>,
    r2: f64,
}

impl OutOfBag {
    /// The prediction of each training row; `None` where every tree was grown on it, which happens
    /// with few trees.
    #[must_use]
    pub fn predictions(&self) -> &[Option<f64>] {
        &self.predictions
    }

    /// The coefficient of determination of these predictions,
    /// `1 - sum (y - f)^2 / sum (y - mean)^2`: 1 is perfect, 0 no better than the mean. With
    /// equal targets 1 when all are met and 0 otherwise.
    #[must_use]
    pub const fn r2(&self) -> f64 {
        self.r2
    }
}

/// What is saved of a forest.
#[derive(Clone, Serialize, Deserialize)]
struct State {
    scale: f64,
    importances: Vec<f64>,
    out_of_bag: Option<OutOfBag>,
    trees: Vec<Vec<Record<f64>>>,
}

impl FittedRandomForest {
    pub(super) fn grown(
        features: usize,
        trees: &[Vec<Record<f64>>],
        scale: f64,
        importances: Vec<f64>,
    ) -> Result<Self> {
        let linked = Trees::link(features, trees)?;
        let value = |record: &Record<f64>| match *record {
            Record::Leaf(value) => value,
            Record::Split { .. } => 0.0,
        };
        Ok(Self {
            trees: linked,
            values: trees.iter().flatten().map(value).collect(),
            scale,
            importances,
            out_of_bag: None,
        })
    }

    pub(super) fn judge_unseen(&mut self, x: &ArrayView2<'_, f64>, y: &[f64], unseen: &[Vec<u64>]) {
        let is_unseen = |tree: usize, row: usize| {
            let word = unseen.get(tree).and_then(|bits| bits.get(row / 64));
            word.is_some_and(|word| word >> (row % 64) & 1 == 1)
        };
        let sums = self.trees.sum_where(x, &self.values, is_unseen);
        let predictions: Vec<Option<f64>> = sums
            .iter()
            .map(|&(sum, trees)| (trees > 0).then(|| sum / f64::from(trees) * self.scale))
            .collect();
        let judged = y.iter().zip(&predictions);
        let (targets, predicted): (Vec<f64>, Vec<f64>) =
            judged.filter_map(|(&y, p)| p.map(|p| (y, p))).unzip();
        self.out_of_bag = (!targets.is_empty()).then(|| OutOfBag {
            r2: r2(&targets, &predicted),
            predictions,
        });
    }

    /// The number of columns of the rows to predict from.
    #[must_use]
    pub const fn n_features(&self) -> usize {
        self.trees.features()
    }

    /// The number of trees.
    #[must_use]
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// The number of nodes of all trees.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.trees.n_nodes()
    }

    /// Predicts the target of each row of `x`.
    ///
    /// # Errors
    /// When `x` has another number of columns than the forest was fitted on, or a value that is
    /// not finite.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let mut out = vec![0.0; x.nrows()];
        self.predict_into(x, &mut out)?;
        Ok(out)
    }

    /// As [`Self::predict`], into `out`.
    ///
    /// # Errors
    /// As [`Self::predict`], and when `out` has another length than `x` has rows.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn predict_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, self.n_features())?;
        let trees = self.trees.len() as f64;
        self.trees
            .sum_into(&x, Inputs::Double, &self.values, out, |sum| {
                sum / trees * self.scale
            });
        Ok(())
    }

    /// Predicts the target of one row.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn predict_row(&self, row: &[f64]) -> Result<f64> {
        check::row(row, self.n_features())?;
        let row = ArrayView1::from(row);
        let mut out = [0.0];
        self.predict_into(row.insert_axis(Axis(0)), &mut out)?;
        let [predicted] = out;
        Ok(predicted)
    }

    /// How much of the fall of the squared error in training is due to splits on each feature:
    /// shares that sum to 1 (all 0 when no tree has a split).
    ///
    /// The share is taken in each tree and averaged over trees. Features of many different values
    /// are favoured; see [`Self::permutation_importances`].
    #[must_use]
    pub fn importances(&self) -> &[f64] {
        &self.importances
    }

    /// Predictions of the training rows by the trees that were not grown on them; `None` without
    /// bootstrap, when not wanted, or when every tree was grown on every row.
    #[must_use]
    pub const fn out_of_bag(&self) -> Option<&OutOfBag> {
        self.out_of_bag.as_ref()
    }
}

/// The coefficient of determination of `predicted` for `y`, which has at least one value; at least
/// the least float, where targets differ by next to nothing of what was predicted.
pub(super) fn r2(y: &[f64], predicted: &[f64]) -> f64 {
    // Of a size at which squares neither overflow nor vanish.
    let greatest = y
        .iter()
        .chain(predicted)
        .fold(0.0_f64, |m, v| m.max(v.abs()));
    if greatest == 0.0 {
        return 1.0;
    }
    let scaled = |v: &f64| v / greatest;
    let mean = y.iter().map(scaled).sum::<f64>() / y.len() as f64;
    let spread: f64 = y.iter().map(|y| (scaled(y) - mean).powi(2)).sum();
    let error = |(y, p)| (scaled(y) - scaled(p)).powi(2);
    let errors: f64 = y.iter().zip(predicted).map(error).sum();
    let constant = y.iter().all(|v| Some(v) == y.first());
    if !constant && spread > 0.0 {
        (1.0 - errors / spread).max(f64::MIN)
    } else if errors == 0.0 {
        1.0
    } else {
        0.0
    }
}

impl From<FittedRandomForest> for State {
    fn from(forest: FittedRandomForest) -> Self {
        let FittedRandomForest {
            trees,
            values,
            scale,
            importances,
            out_of_bag,
        } = forest;
        let leaf = |(at, value)| trees.children(at).is_none().then_some(value);
        let leaves = values.into_iter().enumerate().filter_map(leaf);
        Self {
            scale,
            importances,
            out_of_bag,
            trees: trees.records(leaves),
        }
    }
}

impl TryFrom<State> for FittedRandomForest {
    type Error = Error;

    /// Links the trees again, which checks them.
    fn try_from(state: State) -> Result<Self> {
        let State {
            scale,
            importances,
            out_of_bag,
            trees,
        } = state;
        let mut forest = Self::grown(importances.len(), &trees, scale, importances)?;
        forest.out_of_bag = out_of_bag;
        Ok(forest)
    }
}

impl Snapshot for FittedRandomForest {
    const KIND: &'static str = "ml.random_forest";
    const VERSION: u16 = 1;

    /// The trees were checked when they were linked, which decoding does.
    fn validate(&self) -> Result<()> {
        let fault = |what: &str| Err(Error::snapshot(format!("of the random forest, {what}")));
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return fault("the scale of the targets is not finite and above 0");
        }
        // A scaled target is below 2, and so is a mean of them, but for rounding.
        if !self.values.iter().all(|value| value.abs() <= 2.0) {
            return fault("a leaf is beyond the scale of the targets");
        }
        if !self
            .importances
            .iter()
            .all(|share| (0.0..=1.5).contains(share))
        {
            return fault("an importance is not a share");
        }
        let finite = |bag: &OutOfBag| {
            let mut predictions = bag.predictions.iter().flatten();
            predictions.all(|p| p.is_finite()) && bag.r2.is_finite()
        };
        if !self.out_of_bag.as_ref().is_none_or(finite) {
            return fault("an out-of-bag prediction is not finite");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coefficient_of_determination_is_finite() {
        assert_eq!(r2(&[0.0, 1e-160], &[1.0, 0.0]), f64::MIN);
        assert_eq!(r2(&[0.0, 2.0], &[0.0, 2.0]), 1.0);
        assert_eq!(r2(&[0.0, 2.0], &[1.0, 1.0]), 0.0);
    }
}
