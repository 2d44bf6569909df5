use bongsu_core::ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use serde::{Deserialize, Serialize};

use super::Cblof;
use crate::check;
use crate::kmeans::FittedKMeans;

/// Clusters and which of them are large; see [`Cblof`].
///
/// Cost: O(d k) time a row; 8 bytes for each of (k + 1) (d + 1) numbers. Blocks of rows are scored
/// in parallel.
///
/// ```
/// use bongsu_core::{FitDetector as _, ndarray::array};
/// let rows = array![[1.0], [1.2], [1.1], [1.3], [1.2], [1.1], [1.0], [1.2], [1.3], [7.2]];
/// let fitted = bongsu_ml::Cblof::new().clusters(2)?.fit(rows.view())?;
/// assert_eq!(fitted.is_large().iter().filter(|large| **large).count(), 1);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedCblof {
    kmeans: FittedKMeans,
    /// Rows of each cluster.
    sizes: Vec<u32>,
    large: Vec<bool>,
    use_weights: bool,
    threshold: f64,
}

impl FittedCblof {
    pub(super) fn learn(
        config: &Cblof,
        kmeans: FittedKMeans,
        labels: &[u32],
        x: &ArrayView2<'_, f64>,
    ) -> Result<(Self, Vec<f64>)> {
        let mut sizes = vec![0_u32; kmeans.n_clusters()];
        for label in labels {
            if let Some(size) = sizes.get_mut(*label as usize) {
                *size += 1;
            }
        }
        let mut fitted = Self {
            large: large(config, &sizes, labels.len()),
            kmeans,
            sizes,
            use_weights: config.use_weights,
            threshold: 0.0,
        };
        let mut scores = vec![0.0; x.nrows()];
        fitted.score_table(x, &mut scores)?;
        fitted.threshold = quantile(&scores, 1.0 - config.contamination);
        Ok((fitted, scores))
    }

    /// The clusters.
    #[must_use]
    pub const fn kmeans(&self) -> &FittedKMeans {
        &self.kmeans
    }

    /// Whether each cluster is large, in the order of the centres.
    #[must_use]
    pub fn is_large(&self) -> &[bool] {
        &self.large
    }

    /// The centre that a row with these normalised values is measured from: that of its cluster
    /// when it is large, at the distance `nearest`, else the nearest of a large one; and the
    /// distance to it.
    fn anchor(&self, centers: &Array2<f64>, row: &[f64], own: usize, nearest: f64) -> (usize, f64) {
        if self.large.get(own).copied().unwrap_or(true) {
            return (own, nearest);
        }
        let distance = |center: usize| {
            let center = centers.index_axis(Axis(0), center);
            let squares = row.iter().zip(center).map(|(a, b)| (a - b) * (a - b));
            (squares.sum::<f64>().sqrt() * self.kmeans.unit()).min(f64::MAX)
        };
        let large = self.large.iter().enumerate().filter(|(_, large)| **large);
        large
            .map(|(center, _)| (center, distance(center)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or((own, nearest))
    }

    fn score_table(&self, x: &ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        let centers = self.kmeans.normalised();
        self.kmeans.judge_rows(x, out, |row, own, nearest| {
            let (_, distance) = self.anchor(&centers, row, own, nearest);
            let weight = match self.sizes.get(own) {
                Some(size) if self.use_weights => f64::from(*size),
                _ => 1.0,
            };
            (distance * weight).min(f64::MAX)
        })
    }
}

/// Which clusters of these sizes are large.
fn large(config: &Cblof, sizes: &[u32], rows: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    let size = |index: usize| f64::from(sizes.get(index).copied().unwrap_or(0));
    order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
    let mut held = 0.0;
    let (mut both, mut enough, mut gap) = (None, None, None);
    for (count, pair) in order.windows(2).enumerate() {
        let &[this, next] = pair else {
            continue;
        };
        held += size(this);
        let holds = held >= rows as f64 * config.alpha;
        let falls = size(this) / size(next) >= config.beta;
        let count = count + 1;
        if holds {
            enough = enough.or(Some(count));
        }
        if falls {
            gap = gap.or(Some(count));
        }
        if holds && falls {
            both = both.or(Some(count));
        }
    }
    let count = both.or(enough).or(gap).unwrap_or(sizes.len());
    let mut large = vec![false; sizes.len()];
    for index in order.into_iter().take(count) {
        if let Some(slot) = large.get_mut(index) {
            *slot = true;
        }
    }
    large
}

impl Detector for FittedCblof {
    fn n_features(&self) -> usize {
        self.kmeans.n_features()
    }

    /// Takes room for the centres and for a block of rows.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        self.score_table(&x, out)
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// The squared differences from the centre that the row is measured from, in the unit of the
    /// whole table.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(row, self.n_features())?;
        let centers = self.kmeans.normalised();
        let view = ArrayView1::from(row).insert_axis(Axis(0));
        let mut out = [Vec::new()];
        self.kmeans
            .judge_rows(&view, &mut out, |row, own, nearest| {
                let (anchor, _) = self.anchor(&centers, row, own, nearest);
                let center = centers.index_axis(Axis(0), anchor);
                let squares = row.iter().zip(center).map(|(a, b)| (a - b) * (a - b));
                squares.collect()
            })?;
        let [parts] = out;
        Ok(Some(parts))
    }
}

impl Snapshot for FittedCblof {
    const KIND: &'static str = "ml.cblof";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.kmeans.validate()?;
        let clusters = self.kmeans.n_clusters();
        if self.sizes.len() == clusters
            && self.large.len() == clusters
            && self.large.contains(&true)
            && self.threshold.is_finite()
        {
            Ok(())
        } else {
            Err(Error::snapshot("the clusters do not fit their sizes"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_clusters_hold_enough_and_are_followed_by_a_gap() {
        let count = |alpha: f64, sizes: &[u32]| {
            let config = Cblof::new().alpha(alpha).unwrap();
            let rows = sizes.iter().sum::<u32>() as usize;
            let large = large(&config, sizes, rows);
            large.into_iter().filter(|large| *large).count()
        };
        // Two hold 90 %, but only after the third is there a gap of five times.
        assert_eq!(count(0.9, &[7, 60, 1, 32]), 3);
        assert_eq!(count(0.9, &[60, 32, 4, 4]), 2);
        // Enough without a gap, a gap without enough, neither.
        assert_eq!(count(0.7, &[40, 35, 25]), 2);
        assert_eq!(count(0.999, &[50, 45, 5]), 2);
        assert_eq!(count(0.9, &[50, 50]), 2);
    }
}
