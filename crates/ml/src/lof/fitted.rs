use bongsu_core::ndarray::{ArrayView1, ArrayView2, Axis};
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use serde::{Deserialize, Serialize};

use super::Lof;
use crate::check;
use crate::neighbours::{MAX_NEIGHBOURS, Neighbour, NeighbourIndex};

/// Added to the mean distance to the neighbours, so that identical rows have a finite density.
const TINY: f64 = 1e-10;

/// The threshold when no contamination is given.
const THRESHOLD: f64 = 1.5;

/// The densities around the training rows; see [`Lof`].
///
/// Memory: `8 (d + 2)` bytes a training row of d features in a snapshot, a tenth more as it runs.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::array};
/// let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5]];
/// let fitted = bongsu_ml::Lof::new().neighbors(3)?.fit(x.view())?;
/// let scores = fitted.score(array![[0.5, 0.4], [0.5, 9.0]].view())?;
/// assert!(scores[0] < 1.5 && scores[1] > 8.0);
/// let of = fitted.contributions(&[0.5, 9.0])?.unwrap();
/// assert!(of[1] > 100.0 * of[0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FittedLof {
    neighbours: usize,
    threshold: f64,
    index: NeighbourIndex,
    /// The distance of each training row to the last of its neighbours.
    reaches: Vec<f64>,
    /// The local reachability density of each training row.
    densities: Vec<f64>,
}

impl FittedLof {
    pub(super) fn learn(config: &Lof, x: &ArrayView2<'_, f64>) -> Result<(Self, Vec<f64>)> {
        check::table("a local outlier factor", x, 2)?;
        let index = NeighbourIndex::new(x, config.metric)?;
        let k = config.neighbors.min(index.len() - 1);
        let all = index.nearest_others(k)?;
        let last = |(_, distances): (_, &[f64])| distances.last().copied().unwrap_or_default();
        let reaches: Vec<f64> = all.iter().map(last).collect();
        let densities: Vec<f64> = all
            .iter()
            .map(|(rows, distances)| {
                let distances = distances.iter().copied();
                density(rows.iter().map(|&row| at(&reaches, row)).zip(distances))
            })
            .collect();
        let scores: Vec<f64> = all
            .iter()
            .zip(&densities)
            .map(|((rows, _), own)| factor(rows.iter().map(|&row| at(&densities, row)), *own))
            .collect();
        let threshold = config
            .contamination
            .map_or(THRESHOLD, |share| quantile(&scores, 1.0 - share));
        let fitted = Self {
            neighbours: k,
            threshold,
            index,
            reaches,
            densities,
        };
        Ok((fitted, scores))
    }

    /// The number of neighbours: at most the training rows less one.
    #[must_use]
    pub const fn neighbors(&self) -> usize {
        self.neighbours
    }

    fn judge(&self, found: &[Neighbour]) -> f64 {
        let own = found.iter().map(|o| (at(&self.reaches, o.row), o.distance));
        let theirs = found.iter().map(|o| at(&self.densities, o.row));
        factor(theirs, density(own)).min(f64::MAX)
    }

    /// What each feature adds to the distances between `rows` and their neighbours, on average.
    fn shares(&self, rows: &ArrayView2<'_, f64>) -> Result<(Vec<f64>, Vec<u32>)> {
        let found = self.index.nearest(rows, self.neighbours)?;
        let mut shares = vec![0.0; self.index.n_features()];
        let mut others = Vec::new();
        let pairs = (rows.nrows() * self.neighbours) as f64;
        for (row, (theirs, _)) in rows.outer_iter().zip(found.iter()) {
            for &other in theirs {
                let differences = row.iter().zip(self.index.row(other));
                for (share, (x, o)) in shares.iter_mut().zip(differences) {
                    *share += self.index.metric().share(x - o) / pairs;
                }
            }
            others.extend_from_slice(theirs);
        }
        Ok((shares, others))
    }
}

/// The local reachability density of a row whose neighbours have these reaches and distances.
fn density(neighbours: impl ExactSizeIterator<Item = (f64, f64)>) -> f64 {
    let k = neighbours.len() as f64;
    let sum: f64 = neighbours.map(|(reach, d)| d.max(reach)).sum();
    1.0 / (sum / k + TINY)
}

/// The mean density of the neighbours over the row's own.
fn factor(densities: impl ExactSizeIterator<Item = f64>, own: f64) -> f64 {
    let k = densities.len() as f64;
    densities.map(|density| density / own).sum::<f64>() / k
}

fn at(values: &[f64], row: u32) -> f64 {
    values.get(row as usize).copied().unwrap_or_default()
}

impl Detector for FittedLof {
    fn n_features(&self) -> usize {
        self.index.n_features()
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, self.n_features())?;
        self.index
            .judge(&x, self.neighbours, out, |found| self.judge(found));
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// For each feature what it adds to the distance between the row and its neighbours, on
    /// average, less what it adds to the distance between these and their own neighbours; at least
    /// 0. A feature adds its squared difference to a euclidean distance, else the absolute one.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(row, self.n_features())?;
        let view = ArrayView1::from(row);
        let (mut shares, others) = self.shares(&view.insert_axis(Axis(0)))?;
        let (usual, _) = self.shares(&self.index.table(&others).view())?;
        for (share, usual) in shares.iter_mut().zip(usual) {
            *share = (*share - usual).max(0.0);
        }
        Ok(Some(shares))
    }
}

impl Snapshot for FittedLof {
    const KIND: &'static str = "ml.lof";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        let rows = self.index.len();
        let most = (rows - 1).min(MAX_NEIGHBOURS);
        check::count("neighbors", self.neighbours, 1, most)?;
        if !(self.threshold.is_finite() && self.threshold >= 0.0) {
            return Err(Error::snapshot(
                "the threshold is not a number of at least 0",
            ));
        }
        let fits = |values: &[f64], low: f64| {
            values.len() == rows && values.iter().all(|v| v.is_finite() && *v >= low)
        };
        if fits(&self.reaches, 0.0) && fits(&self.densities, f64::MIN_POSITIVE) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "there is not a reach and a density for each training row",
            ))
        }
    }
}
