use bongsu_core::ndarray::{ArrayView1, ArrayView2, Axis};
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use serde::{Deserialize, Serialize};

use super::{Knn, KnnDistance};
use crate::check;
use crate::neighbours::{MAX_NEIGHBOURS, NeighbourIndex};

/// The training rows, arranged for the search of neighbours; see [`Knn`].
///
/// Memory: 8 bytes a value in a snapshot, a tenth more and 9 bytes a row as it runs.
///
/// ```
/// use bongsu_core::{Detector as _, FitDetector as _, ndarray::array};
/// let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let fitted = bongsu_ml::Knn::new().neighbors(1)?.fit(x.view())?;
/// assert_eq!(fitted.score(array![[1.0, 3.0]].view())?, [2.0]);
/// assert_eq!(fitted.contributions(&[1.0, 3.0])?, Some(vec![0.0, 4.0]));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FittedKnn {
    neighbours: usize,
    distance: KnnDistance,
    threshold: f64,
    index: NeighbourIndex,
}

impl FittedKnn {
    pub(super) fn learn(config: &Knn, x: &ArrayView2<'_, f64>) -> Result<(Self, Vec<f64>)> {
        check::table("a distance to neighbours", x, 2)?;
        let index = NeighbourIndex::new(x, config.metric)?;
        let k = config.neighbors.min(index.len() - 1);
        let all = index.nearest_others(k)?;
        let judge =
            |(_, distances): (_, &[f64])| summary(config.distance, distances.iter().copied());
        let scores: Vec<f64> = all.iter().map(judge).collect();
        let fitted = Self {
            neighbours: k,
            distance: config.distance,
            threshold: quantile(&scores, 1.0 - config.contamination),
            index,
        };
        Ok((fitted, scores))
    }

    /// The number of neighbours: at most the training rows less one.
    #[must_use]
    pub const fn neighbors(&self) -> usize {
        self.neighbours
    }
}

/// The score for these distances, which ascend.
fn summary(kind: KnnDistance, distances: impl ExactSizeIterator<Item = f64>) -> f64 {
    let k = distances.len();
    match kind {
        KnnDistance::Largest => distances.last().unwrap_or_default(),
        KnnDistance::Mean => distances.sum::<f64>() / k as f64,
        KnnDistance::Median => {
            let (low, high) = middle(k);
            let among = distances.skip(low).take(high - low + 1);
            among.sum::<f64>() / (high - low + 1) as f64
        }
    }
}

/// The first and the last of the one or two in the middle of `k`.
fn middle(k: usize) -> (usize, usize) {
    (k.saturating_sub(1) / 2, k / 2)
}

impl Detector for FittedKnn {
    fn n_features(&self) -> usize {
        self.index.n_features()
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        check::scoring(&x, out, self.n_features())?;
        self.index.judge(&x, self.neighbours, out, |found| {
            summary(self.distance, found.iter().map(|o| o.distance)).min(f64::MAX)
        });
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// What each feature adds to the distance that is the score: its squared difference to a
    /// euclidean one, else the absolute difference; the mean of these over the neighbours that the
    /// score is made of.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(row, self.n_features())?;
        let view = ArrayView1::from(row).insert_axis(Axis(0));
        let found = self.index.nearest(&view, self.neighbours)?;
        let (first, last) = match self.distance {
            KnnDistance::Largest => (self.neighbours - 1, self.neighbours - 1),
            KnnDistance::Mean => (0, self.neighbours - 1),
            KnnDistance::Median => middle(self.neighbours),
        };
        let count = last - first + 1;
        let mut shares = vec![0.0; row.len()];
        for &other in found.rows(0).iter().skip(first).take(count) {
            let differences = row.iter().zip(self.index.row(other));
            for (share, (x, o)) in shares.iter_mut().zip(differences) {
                *share += self.index.metric().share(x - o) / count as f64;
            }
        }
        Ok(Some(shares))
    }
}

impl Snapshot for FittedKnn {
    const KIND: &'static str = "ml.knn";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        let others = self.index.len() - 1;
        let most = others.min(MAX_NEIGHBOURS);
        check::count("neighbors", self.neighbours, 1, most)?;
        if self.threshold.is_finite() && self.threshold >= 0.0 {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the threshold is not a number of at least 0",
            ))
        }
    }
}
