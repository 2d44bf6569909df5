use bongsu_core::ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use bongsu_core::{Detector, Error, Result, Snapshot};
use bongsu_stats::robust::quantile;
use serde::{Deserialize, Serialize};

use super::assign::{Normal, for_rows};
use super::panel::Table;
use super::{KMeans, MOST_CLUSTERS, lloyd, seeding};
use crate::{check, random};

/// The centres of k-means; see [`KMeans`].
///
/// Cost: O(d k) time a row; 8 bytes for each of (k + 1) d numbers. Blocks of rows are scored in
/// parallel.
///
/// ```
/// use bongsu_core::{FitDetector as _, ndarray::array};
/// let rows = array![[1.0], [1.2], [7.0], [7.2]];
/// let fitted = bongsu_ml::KMeans::new().clusters(2)?.fit(rows.view())?;
/// let mut centers = fitted.centers().into_raw_vec_and_offset().0;
/// centers.sort_by(f64::total_cmp);
/// assert!((centers[0] - 1.1).abs() < 1e-9 && (centers[1] - 7.1).abs() < 1e-9);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedKMeans {
    normal: Normal,
    /// One after the other, normalised.
    centers: Vec<f64>,
    inertia: f64,
    threshold: f64,
}

/// The nearest centre of each training row.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) labels: Vec<u32>,
    pub(crate) distances: Vec<f64>,
}

impl FittedKMeans {
    pub(crate) fn learn(config: &KMeans, x: &ArrayView2<'_, f64>) -> Result<(Self, Assigned)> {
        config.validate()?;
        check::table("k-means", x, 2)?;
        if config.clusters > x.nrows() {
            return Err(Error::parameter(
                "clusters",
                config.clusters,
                format!("at most the number of rows, {}", x.nrows()),
            ));
        }
        if u32::try_from(x.nrows()).is_err() {
            return Err(Error::input("k-means takes at most 2^32 - 1 rows"));
        }
        let normal = Normal::of(x)?;
        let variance = variance(&normal, x);
        let table = Table::new(&normal, x);
        let mut best = Run::default();
        for run in 0..config.n_init {
            let mut rng = random::generator(config.seed, run);
            let start = seeding::centers(&table, config.clusters, &mut rng);
            let centers = lloyd::improve(config, &table, start, variance);
            let this = Run::of(&normal, centers, x);
            if run == 0 || this.inertia < best.inertia {
                best = this;
            }
        }
        Ok(best.finish(config, normal))
    }

    pub(crate) fn around(
        config: &KMeans,
        centers: &ArrayView2<'_, f64>,
        x: &ArrayView2<'_, f64>,
    ) -> Result<(Self, Assigned)> {
        check::table("k-means", x, 1)?;
        check::table("a judgement by centres", centers, 1)?;
        if centers.ncols() != x.ncols() {
            return Err(Error::shape(
                "number of columns of the centres",
                centers.ncols(),
                x.ncols(),
            ));
        }
        check::count("clusters", centers.nrows(), 1, MOST_CLUSTERS)?;
        let normal = Normal::of(x)?;
        let mut normalised = Array2::zeros(centers.dim());
        for (center, mut slot) in centers.rows().into_iter().zip(normalised.rows_mut()) {
            normal.write(&center, slot.as_slice_mut().unwrap_or_default());
        }
        Ok(Run::of(&normal, normalised, x).finish(config, normal))
    }

    /// The centres, one a row.
    #[must_use]
    pub fn centers(&self) -> Array2<f64> {
        let mut centers = self.normalised();
        for mut center in centers.rows_mut() {
            for (value, origin) in center.iter_mut().zip(&self.normal.origin) {
                *value = origin + *value * self.normal.unit;
            }
        }
        centers
    }

    /// The sum of the squared distances of the training rows to their centres.
    #[must_use]
    pub const fn inertia(&self) -> f64 {
        self.inertia
    }

    /// How many centres there are: as many as asked for, or as many as rows differ.
    #[must_use]
    pub fn n_clusters(&self) -> usize {
        self.centers.len() / self.normal.origin.len().max(1)
    }

    /// The nearest centre of each row of `x` and the distance to it.
    ///
    /// # Errors
    /// When `x` has other columns than were fitted, or values that are not finite.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a view is as cheap to pass as a reference"
    )]
    pub fn nearest(&self, x: ArrayView2<'_, f64>) -> Result<Vec<(usize, f64)>> {
        let mut out = vec![(0, 0.0); x.nrows()];
        self.judge_rows(&x, &mut out, |_, center, distance| (center, distance))?;
        Ok(out)
    }

    /// The centres in the coordinates that [`Self::judge_rows`] passes on.
    pub(crate) fn normalised(&self) -> Array2<f64> {
        let shape = (self.n_clusters(), self.normal.origin.len());
        Array2::from_shape_vec(shape, self.centers.clone()).unwrap_or_default()
    }

    /// What a distance of 1 between normalised rows is.
    pub(crate) const fn unit(&self) -> f64 {
        self.normal.unit
    }

    /// Writes what `judge` makes of each row: its normalised values, its nearest centre and the
    /// distance to it.
    pub(crate) fn judge_rows<T: Send>(
        &self,
        x: &ArrayView2<'_, f64>,
        out: &mut [T],
        judge: impl Fn(&[f64], usize, f64) -> T + Sync,
    ) -> Result<()> {
        if x.ncols() != self.n_features() {
            return Err(Error::shape(
                "number of features",
                x.ncols(),
                self.n_features(),
            ));
        }
        if x.nrows() != out.len() {
            return Err(Error::shape("length of the output", out.len(), x.nrows()));
        }
        check::finite(x)?;
        let unit = self.normal.unit;
        for_rows(&self.normal, &self.normalised(), x, out, |row, nearest| {
            let distance = (nearest.first * unit).min(f64::MAX);
            judge(row, nearest.center as usize, distance)
        });
        Ok(())
    }
}

/// The mean variance of a normalised column.
fn variance(normal: &Normal, x: &ArrayView2<'_, f64>) -> f64 {
    let mut values = vec![0.0; x.ncols()];
    let mut squares = 0.0;
    for row in x.rows() {
        normal.write(&row, &mut values);
        squares += values.iter().map(|v| v * v).sum::<f64>();
    }
    squares / x.len().max(1) as f64
}

/// Centres and what they make of the training rows, all normalised.
#[derive(Debug, Default)]
struct Run {
    centers: Array2<f64>,
    inertia: f64,
    labels: Vec<u32>,
    distances: Vec<f64>,
}

impl Run {
    fn of(normal: &Normal, centers: Array2<f64>, x: &ArrayView2<'_, f64>) -> Self {
        let mut pairs = vec![(0, 0.0); x.nrows()];
        for_rows(normal, &centers, x, &mut pairs, |_, nearest| {
            (nearest.center, nearest.first)
        });
        let (labels, distances): (Vec<u32>, Vec<f64>) = pairs.into_iter().unzip();
        Self {
            centers,
            inertia: distances.iter().map(|d| d * d).sum(),
            labels,
            distances,
        }
    }

    fn finish(self, config: &KMeans, normal: Normal) -> (FittedKMeans, Assigned) {
        let mut distances = self.distances;
        for distance in &mut distances {
            *distance = (*distance * normal.unit).min(f64::MAX);
        }
        let squares = distances.iter().map(|d| d * d).sum::<f64>();
        let fitted = FittedKMeans {
            centers: self.centers.into_iter().collect(),
            normal,
            inertia: squares.min(f64::MAX),
            threshold: quantile(&distances, 1.0 - config.contamination),
        };
        let labels = self.labels;
        (fitted, Assigned { labels, distances })
    }
}

impl Detector for FittedKMeans {
    fn n_features(&self) -> usize {
        self.normal.origin.len()
    }

    /// Takes room for the centres and for a block of rows.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        self.judge_rows(&x, out, |_, _, distance| distance)
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.threshold)
    }

    /// The squared differences from the nearest centre, in the unit of the whole table.
    fn contributions(&self, row: &[f64]) -> Result<Option<Vec<f64>>> {
        check::row(row, self.n_features())?;
        let centers = self.normalised();
        let view = ArrayView1::from(row).insert_axis(Axis(0));
        let mut out = [Vec::new()];
        self.judge_rows(&view, &mut out, |row, center, _| {
            let center = centers.index_axis(Axis(0), center);
            let squares = row.iter().zip(center).map(|(a, b)| (a - b) * (a - b));
            squares.collect()
        })?;
        let [parts] = out;
        Ok(Some(parts))
    }
}

impl Snapshot for FittedKMeans {
    const KIND: &'static str = "ml.kmeans";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        let features = self.n_features();
        let clusters = self.n_clusters();
        if self.normal.is_valid()
            && (1..=MOST_CLUSTERS).contains(&clusters)
            && clusters.checked_mul(features) == Some(self.centers.len())
            && self.centers.iter().all(|c| c.abs() <= 1e140)
            && self.inertia >= 0.0
            && self.inertia.is_finite()
            && self.threshold.is_finite()
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the centres do not fit the columns or are not finite",
            ))
        }
    }
}
