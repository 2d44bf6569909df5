use bongsu_core::ndarray::{ArrayView2, Axis, Slice};
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use rayon::prelude::{IndexedParallelIterator as _, ParallelIterator as _, ParallelSliceMut as _};
use serde::{Deserialize, Serialize};

use super::planes::{Planes, Record};
use crate::check;
use crate::isolation_forest::fitted::score_threshold;
use crate::isolation_forest::path_length::{average_path_length, expected_excess, score};

/// How many rows are worked on with one tree after the other.
const BLOCK_ROWS: usize = 64;

/// A grown extended isolation forest; see
/// [`ExtendedIsolationForest`](super::ExtendedIsolationForest) for the formula.
///
/// Cost: O(t e log psi) a row for `t` trees of `psi` rows and extension `e`. Memory: 24 bytes a
/// node and 16 for each of the `e + 1` terms of a split, at most `psi - 1` splits a tree; a
/// snapshot takes 9 bytes a term and 6 a node.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::Array2};
/// use bongsu_ml::ExtendedIsolationForest;
/// let table = Array2::from_shape_fn((200, 3), |(i, j)| ((i * (j + 3)) % 17) as f64);
/// let forest = ExtendedIsolationForest::new().fit(table.view())?;
/// let shares = forest.contributions(&[8.0, 90.0, 8.0])?.unwrap();
/// assert!(shares[1] > shares[0] && shares[1] > shares[2]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "State", into = "State")]
pub struct FittedExtendedIsolationForest {
    trees: Planes,
    /// The number of training rows of each leaf, in the order of the nodes.
    samples: Vec<u32>,
    /// For each node its depth plus `c(n)` of its `n` rows, less `c(psi)`.
    excess: Vec<f64>,
    subsample: u32,
    threshold: f64,
}

/// What is saved of a forest.
#[derive(Clone, Serialize, Deserialize)]
struct State {
    features: u32,
    subsample: u32,
    threshold: f64,
    trees: Vec<Vec<Record>>,
}

impl FittedExtendedIsolationForest {
    pub(super) fn grown(features: usize, subsample: usize, trees: &[Vec<Record>]) -> Result<Self> {
        let subsample = u32::try_from(subsample)
            .map_err(|_| Error::parameter("subsample", subsample, "at most 4294967295 rows"))?;
        let linked = Planes::link(features, trees)?;
        let leaf = |record: &Record| match *record {
            Record::Leaf(samples) => Some(samples),
            Record::Split { .. } => None,
        };
        let samples: Vec<u32> = trees.iter().flatten().filter_map(leaf).collect();
        let usual = average_path_length(u64::from(subsample));
        Ok(Self {
            excess: expected_excess(linked.n_nodes(), |at| linked.children(at), &samples, usual),
            trees: linked,
            samples,
            subsample,
            threshold: 0.5,
        })
    }

    pub(super) fn learn_threshold(&mut self, x: &ArrayView2<'_, f64>, share: f64) -> Result<()> {
        self.threshold = quantile(&self.score(x.view())?, 1.0 - share);
        Ok(())
    }

    /// The number of trees.
    #[must_use]
    pub const fn n_trees(&self) -> usize {
        self.trees.roots.len()
    }

    /// The number of nodes of all trees.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.trees.n_nodes()
    }

    fn excess(&self, node: usize) -> f64 {
        self.excess.get(node).copied().unwrap_or_default()
    }

    /// The scores of the rows that `scratch` holds one after the other.
    fn score_block(&self, scratch: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for &root in &self.trees.roots {
            for (sum, row) in out
                .iter_mut()
                .zip(scratch.chunks_exact(self.trees.features))
            {
                let mut at = root as usize;
                while let Some(next) = self.trees.step(at, row) {
                    at = next;
                }
                *sum += self.excess(at);
            }
        }
        let usual = average_path_length(u64::from(self.subsample)) * self.n_trees() as f64;
        for sum in out {
            *sum = score(*sum, usual);
        }
    }
}

impl Detector for FittedExtendedIsolationForest {
    fn n_features(&self) -> usize {
        self.trees.features
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, self.trees.features)?;
        let block = |scratch: &mut Vec<f64>, (number, out): (usize, &mut [f64])| {
            let start = number * BLOCK_ROWS;
            let rows = x.slice_axis(Axis(0), Slice::from(start..start + out.len()));
            scratch.clear();
            scratch.extend(rows.iter());
            self.score_block(scratch, out);
        };
        if out.len() <= BLOCK_ROWS {
            block(&mut Vec::new(), (0, out));
        } else {
            out.par_chunks_mut(BLOCK_ROWS)
                .enumerate()
                .for_each_init(Vec::new, block);
        }
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// As [`FittedIsolationForest::path_credits`](crate::FittedIsolationForest::path_credits)
    /// above 0, where the credit of a split is shared among its features by the size of
    /// `n_j x_j`, the part that each has in which side the row is on. Meaningful for columns of
    /// like scale around 0.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(row, self.trees.features)?;
        let mut credits = vec![0.0; row.len()];
        for &root in &self.trees.roots {
            let mut at = root as usize;
            while let Some(next) = self.trees.step(at, row) {
                let terms = self.trees.terms(at);
                // Capped so that their sum is finite.
                let most = f64::MAX / (2 * terms.len()) as f64;
                let parts = terms.iter().map(|&(feature, weight)| {
                    let x = row.get(feature as usize).copied().unwrap_or_default();
                    (feature as usize, (weight * x).abs().min(most))
                });
                let whole: f64 = parts.clone().map(|(_, part)| part).sum();
                let credit = self.excess(at) - self.excess(next);
                for (feature, part) in parts {
                    let share = if whole > 0.0 {
                        part / whole
                    } else {
                        1.0 / terms.len() as f64
                    };
                    if let Some(sum) = credits.get_mut(feature) {
                        *sum += credit * share;
                    }
                }
                at = next;
            }
        }
        let trees = self.n_trees() as f64;
        let positive = credits.iter().map(|credit| (credit / trees).max(0.0));
        Ok(Some(positive.collect()))
    }
}

impl From<FittedExtendedIsolationForest> for State {
    fn from(forest: FittedExtendedIsolationForest) -> Self {
        Self {
            features: forest.trees.features as u32,
            subsample: forest.subsample,
            threshold: forest.threshold,
            trees: forest.trees.records(&forest.samples),
        }
    }
}

impl TryFrom<State> for FittedExtendedIsolationForest {
    type Error = Error;

    /// Links the trees again, which checks them.
    fn try_from(state: State) -> Result<Self> {
        check::count("subsample", state.subsample as usize, 1, u32::MAX as usize)?;
        let mut forest = Self::grown(
            state.features as usize,
            state.subsample as usize,
            &state.trees,
        )?;
        forest.threshold = score_threshold(state.threshold)?;
        Ok(forest)
    }
}

impl Snapshot for FittedExtendedIsolationForest {
    const KIND: &'static str = "ml.extended_isolation_forest";
    const VERSION: u16 = 1;

    /// The trees were checked when they were linked, which decoding does.
    fn validate(&self) -> Result<()> {
        score_threshold(self.threshold)?;
        Ok(())
    }
}
