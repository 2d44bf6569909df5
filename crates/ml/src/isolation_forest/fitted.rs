use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use serde::{Deserialize, Serialize};

use super::import::{ImportedNode, InputPrecision, levels};
use super::path_length::{average_path_length, expected_excess, score};
use crate::check;
use crate::tree::{Inputs, Record, Trees};

/// A grown isolation forest; see [`IsolationForest`](super::IsolationForest) for the formula.
///
/// Cost: O(t log psi) a row for `t` trees of `psi` rows, rows and trees in blocks that stay in the
/// cache, in parallel from some hundred rows on. Memory: 26 bytes a node, at most `2 psi - 1`
/// nodes a tree (1.3 MiB for 100 trees of 256 rows); a snapshot takes 6 bytes a node with up to
/// 127 features.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_ml::IsolationForest;
/// let table = Array2::from_shape_fn((200, 3), |(i, j)| ((i * (j + 3)) % 17) as f64);
/// let forest = IsolationForest::new().trees(50)?.contamination(0.05)?.fit(table.view())?;
/// let credits = forest.path_credits(&[8.0, 90.0, 8.0])?;
/// assert!(credits[1] > credits[0] && credits[1] > credits[2]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "State", into = "State")]
pub struct FittedIsolationForest {
    trees: Trees,
    /// The number of training rows of each leaf, in the order of the nodes.
    samples: Vec<u32>,
    /// For each node: its depth plus `c(n)` of its `n` rows, less `c(psi)`. At a leaf, by how much
    /// a path is longer than usual; at a split, by how much it is expected to be from there on.
    excess: Vec<f64>,
    subsample: u32,
    precision: InputPrecision,
    threshold: f64,
}

/// What is saved of a forest.
#[derive(Clone, Serialize, Deserialize)]
struct State {
    features: u32,
    subsample: u32,
    precision: InputPrecision,
    threshold: f64,
    trees: Vec<Vec<Record<u32>>>,
}

impl FittedIsolationForest {
    pub(super) fn grown(
        features: usize,
        subsample: usize,
        trees: &[Vec<Record<u32>>],
        precision: InputPrecision,
    ) -> Result<Self> {
        let subsample = u32::try_from(subsample)
            .map_err(|_| Error::parameter("subsample", subsample, "at most 4294967295 rows"))?;
        let linked = Trees::link(features, trees)?;
        let records = trees.iter().flatten();
        let leaf = |record: &Record<u32>| match *record {
            Record::Leaf(samples) => Some(samples),
            Record::Split { .. } => None,
        };
        let samples: Vec<u32> = records.filter_map(leaf).collect();
        if samples.contains(&0) {
            return Err(Error::input("a leaf of the forest has no samples"));
        }
        let usual = average_path_length(u64::from(subsample));
        Ok(Self {
            excess: expected_excess(linked.n_nodes(), |at| linked.children(at), &samples, usual),
            trees: linked,
            samples,
            subsample,
            precision,
            threshold: 0.5,
        })
    }

    /// A forest of trees that another program has grown, such as scikit-learn.
    ///
    /// - `features`: the number of columns of the rows to be scored, at least 1.
    /// - `subsample`: how many rows each tree was grown on, in [1, 4294967295]; it sets `c(psi)`.
    /// - `trees`: the nodes of each tree, the first its root, in any order after that.
    /// - `precision`: [`InputPrecision::Single`] for trees of scikit-learn, which rounds its
    ///   input to single precision, so that both agree on rows next to a threshold.
    ///
    /// The threshold is 0.5; see [`Self::with_threshold`].
    ///
    /// # Errors
    /// When a parameter is outside its domain, or a list of nodes is not a tree: a child out of
    /// range or named twice, a node that no split leads to, a feature out of range, a threshold
    /// that is not finite, or a leaf without samples.
    ///
    /// Cost: O(nodes) time and memory.
    ///
    /// ```
    /// use bongsu_core::{Detector as _, ndarray::array};
    /// use bongsu_ml::isolation_forest::{FittedIsolationForest, ImportedNode, InputPrecision};
    /// let stump = vec![
    ///     ImportedNode::Split { feature: 0, threshold: 1.5, left: 1, right: 2 },
    ///     ImportedNode::Leaf { samples: 3 },
    ///     ImportedNode::Leaf { samples: 1 },
    /// ];
    /// let forest =
    ///     FittedIsolationForest::from_trees(1, 4, &[stump], InputPrecision::Double)?;
    /// let scores = forest.score(array![[1.0], [2.0]].view())?;
    /// assert!(scores[0] < 0.5 && scores[1] > 0.6);
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn from_trees(
        features: usize,
        subsample: usize,
        trees: &[Vec<ImportedNode>],
        precision: InputPrecision,
    ) -> Result<Self> {
        check::count("features", features, 1, u32::MAX as usize)?;
        check::count("subsample", subsample, 1, u32::MAX as usize)?;
        let listed: Result<Vec<_>> = trees
            .iter()
            .enumerate()
            .map(|(number, nodes)| levels(number, nodes))
            .collect();
        Self::grown(features, subsample, &listed?, precision)
    }

    /// The same forest with another threshold. Domain: [0, 1].
    ///
    /// # Errors
    /// When outside the domain.
    pub fn with_threshold(mut self, threshold: f64) -> Result<Self> {
        self.threshold = score_threshold(threshold)?;
        Ok(self)
    }

    pub(super) fn learn_threshold(&mut self, x: &ArrayView2<'_, f64>, share: f64) -> Result<()> {
        self.threshold = quantile(&self.score(x.view())?, 1.0 - share);
        Ok(())
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

    /// By how much each feature shortens (above 0) or lengthens (below 0) the mean path of `row`.
    ///
    /// At a node of depth `d` with `n` training rows the expected path length is `d + c(n)`. Each
    /// split on the way changes it from that of the node to that of the child: by
    /// `c(n) - 1 - c(m)`, which is much where few rows `m` are left of many, and about 0 on
    /// average for a row among its like. The change is credited to the split's feature, and the
    /// credits are averaged over trees. With `C` their sum over the features,
    /// `C = c(psi) - E[h(row)]` and `score(row) = 2^(C / c(psi)) / 2`, so the credits are shares
    /// of the score's logarithm, without a remainder.
    ///
    /// [`Detector::contributions`] gives the credits above 0 and 0 for others.
    ///
    /// # Errors
    /// When `row` has another number of features than the forest, or a value that is not finite.
    ///
    /// Cost: O(t log psi) time for `t` trees.
    ///
    /// Source: the sum along the path is that of Saabas 2014 (`treeinterpreter`), here of
    /// expected path lengths instead of predictions.
    pub fn path_credits(&self, row: &[f64]) -> Result<Vec<f64>> {
        check::row(row, self.trees.features())?;
        let inputs = Inputs::from(self.precision);
        let row: Vec<f64> = row.iter().map(|&x| inputs.read(x)).collect();
        let mut credits = vec![0.0; row.len()];
        let excess = |node: usize| self.excess.get(node).copied().unwrap_or_default();
        self.trees.walk(&row, |feature, parent, child| {
            if let Some(credit) = credits.get_mut(feature) {
                *credit += excess(parent) - excess(child);
            }
        });
        for credit in &mut credits {
            *credit /= self.trees.len() as f64;
        }
        Ok(credits)
    }
}

pub(crate) fn score_threshold(threshold: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&threshold) {
        Ok(threshold)
    } else {
        Err(Error::parameter("threshold", threshold, "in [0, 1]"))
    }
}

impl Detector for FittedIsolationForest {
    fn n_features(&self) -> usize {
        self.trees.features()
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, self.trees.features())?;
        let usual = average_path_length(u64::from(self.subsample)) * self.trees.len() as f64;
        self.trees
            .sum_into(&x, self.precision.into(), &self.excess, out, |excess| {
                score(excess, usual)
            });
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// The [`FittedIsolationForest::path_credits`] above 0, and 0 for the other features.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        let mut credits = self.path_credits(row)?;
        for credit in &mut credits {
            *credit = credit.max(0.0);
        }
        Ok(Some(credits))
    }
}

impl From<FittedIsolationForest> for State {
    fn from(forest: FittedIsolationForest) -> Self {
        Self {
            features: forest.trees.features() as u32,
            subsample: forest.subsample,
            precision: forest.precision,
            threshold: forest.threshold,
            trees: forest.trees.records(forest.samples),
        }
    }
}

impl TryFrom<State> for FittedIsolationForest {
    type Error = Error;

    /// Links the trees again, which checks them.
    fn try_from(state: State) -> Result<Self> {
        let State {
            features,
            subsample,
            precision,
            threshold,
            trees,
        } = state;
        check::count("features", features as usize, 1, u32::MAX as usize)?;
        check::count("subsample", subsample as usize, 1, u32::MAX as usize)?;
        Self::grown(features as usize, subsample as usize, &trees, precision)?
            .with_threshold(threshold)
    }
}

impl Snapshot for FittedIsolationForest {
    const KIND: &'static str = "ml.isolation_forest";
    const VERSION: u16 = 1;

    /// The trees were checked when they were linked, which decoding does.
    fn validate(&self) -> Result<()> {
        score_threshold(self.threshold)?;
        Ok(())
    }
}
