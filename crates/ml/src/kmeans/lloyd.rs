//! Lloyd's iterations with Hamerly's bounds.

use bongsu_core::ndarray::{Array2, ArrayView2, Axis};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::KMeans;
use super::assign::{
    Nearest, Normal, Scratch, block_rows, distance, for_rows, nearest, squared_norms,
};

/// A row changes its cluster only for one that is nearer by more than rounding.
const SLACK: f64 = 1.0 + 1e-12;

/// Sums and sizes of the clusters.
struct Clusters {
    sums: Array2<f64>,
    sizes: Vec<usize>,
}

/// Moves `centers` to where the inertia is least nearby.
pub(super) fn improve(
    config: &KMeans,
    normal: &Normal,
    x: &ArrayView2<'_, f64>,
    mut centers: Array2<f64>,
    variance: f64,
) -> Array2<f64> {
    let unset = Nearest {
        center: 0,
        first: 0.0,
        second: 0.0,
    };
    let mut rows = vec![unset; x.nrows()];
    for_rows(normal, &centers, x, &mut rows, |_, nearest| nearest);
    let mut clusters = Clusters::of(normal, x, &rows, centers.nrows());
    for _ in 0..config.max_iterations {
        clusters.fill_empty(normal, x, &mut rows);
        let moved = clusters.means(&centers);
        let moves: Vec<f64> = moved
            .rows()
            .into_iter()
            .zip(centers.rows())
            .map(|(a, b)| distance(a.to_slice().unwrap_or_default(), b))
            .collect();
        centers = moved;
        let total: f64 = moves.iter().map(|m| m * m).sum();
        loosen(&mut rows, &moves);
        let changed = clusters.reassign(normal, x, &centers, &mut rows);
        if changed == 0 || total <= config.tolerance * variance {
            break;
        }
    }
    // Sums that were kept up to date by differences have gathered rounding.
    let mut clusters = Clusters::of(normal, x, &rows, centers.nrows());
    clusters.fill_empty(normal, x, &mut rows);
    clusters.means(&centers)
}

/// Keeps the bounds valid after the centres have moved.
fn loosen(rows: &mut [Nearest], moves: &[f64]) {
    let (mut farthest, mut most, mut next) = (0, 0.0_f64, 0.0_f64);
    for (index, step) in (0_u32..).zip(moves) {
        if *step > most {
            (next, most, farthest) = (most, *step, index);
        } else {
            next = next.max(*step);
        }
    }
    for row in rows {
        row.first += moves.get(row.center as usize).copied().unwrap_or(0.0);
        row.second -= if row.center == farthest { next } else { most };
    }
}

impl Clusters {
    fn of(normal: &Normal, x: &ArrayView2<'_, f64>, rows: &[Nearest], count: usize) -> Self {
        let mut clusters = Self {
            sums: Array2::zeros((count, x.ncols())),
            sizes: vec![0; count],
        };
        let mut values = vec![0.0; x.ncols()];
        for (row, nearest) in x.rows().into_iter().zip(rows) {
            normal.write(&row, &mut values);
            clusters.add(nearest.center, &values, 1.0);
        }
        clusters
    }

    /// Adds a row to a cluster, or with `sign` -1 takes it out.
    fn add(&mut self, center: u32, values: &[f64], sign: f64) {
        let center = center as usize;
        let mut sum = self.sums.index_axis_mut(Axis(0), center);
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += sign * value;
        }
        if let Some(size) = self.sizes.get_mut(center) {
            *size = if sign > 0.0 {
                *size + 1
            } else {
                size.saturating_sub(1)
            };
        }
    }

    /// Gives each empty cluster the row that is farthest from its centre, among clusters of more
    /// than one row.
    fn fill_empty(&mut self, normal: &Normal, x: &ArrayView2<'_, f64>, rows: &mut [Nearest]) {
        let mut values = vec![0.0; x.ncols()];
        for empty in (0_u32..).take(self.sizes.len()) {
            let size = |center: u32| self.sizes.get(center as usize).copied().unwrap_or(0);
            if size(empty) > 0 {
                continue;
            }
            let farthest = rows
                .iter_mut()
                .enumerate()
                .filter(|(_, row)| size(row.center) > 1)
                .max_by(|(_, a), (_, b)| a.first.total_cmp(&b.first));
            let Some((place, row)) = farthest else {
                return;
            };
            normal.write(&x.index_axis(Axis(0), place), &mut values);
            let left = row.center;
            *row = Nearest {
                center: empty,
                first: 0.0,
                second: 0.0,
            };
            self.add(left, &values, -1.0);
            self.add(empty, &values, 1.0);
        }
    }

    /// The means of the clusters; an empty one stays where it was.
    fn means(&self, before: &Array2<f64>) -> Array2<f64> {
        let mut means = before.clone();
        let sums = self.sums.rows().into_iter().zip(&self.sizes);
        for (mut mean, (sum, size)) in means.rows_mut().into_iter().zip(sums) {
            if *size > 0 {
                mean.assign(&sum.mapv(|s| s / *size as f64));
            }
        }
        means
    }

    /// Finds the nearest centre of every row whose bounds leave a doubt; how many have another.
    fn reassign(
        &mut self,
        normal: &Normal,
        x: &ArrayView2<'_, f64>,
        centers: &Array2<f64>,
        rows: &mut [Nearest],
    ) -> usize {
        let norms = squared_norms(centers);
        let half_gaps = half_gaps(centers);
        let size = block_rows(x.ncols());
        let blocks: Vec<_> = x
            .axis_chunks_iter(Axis(0), size)
            .zip(rows.chunks_mut(size))
            .collect();
        let changed: Vec<Vec<(usize, u32)>> = blocks
            .into_par_iter()
            .map_init(
                || Scratch::new(size.min(x.nrows()), x.ncols(), centers.nrows()),
                |scratch, (block, rows)| {
                    let doubtful = doubtful(normal, &block, centers, &half_gaps, rows, scratch);
                    let mut changed = Vec::new();
                    let view = centers.view();
                    scratch.distances(doubtful.len(), &view, &norms, |place, _, distances| {
                        let found = nearest(distances);
                        let Some(&index) = doubtful.get(place) else {
                            return;
                        };
                        let Some(row) = rows.get_mut(index) else {
                            return;
                        };
                        if found.center == row.center || found.first * SLACK >= row.first {
                            // Its own centre; the bound on it is exact already.
                            row.second = if found.center == row.center {
                                found.second
                            } else {
                                found.first
                            };
                        } else {
                            changed.push((index, row.center));
                            *row = found;
                        }
                    });
                    changed
                },
            )
            .collect();
        let mut values = vec![0.0; x.ncols()];
        let mut count = 0;
        for (block, changed) in changed.into_iter().enumerate() {
            for (index, left) in changed {
                let place = block * size + index;
                normal.write(&x.index_axis(Axis(0), place), &mut values);
                self.add(left, &values, -1.0);
                if let Some(row) = rows.get(place) {
                    self.add(row.center, &values, 1.0);
                }
                count += 1;
            }
        }
        count
    }
}

/// Gathers the rows of a block that may have another nearest centre; their places in the block.
fn doubtful(
    normal: &Normal,
    block: &ArrayView2<'_, f64>,
    centers: &Array2<f64>,
    half_gaps: &[f64],
    rows: &mut [Nearest],
    scratch: &mut Scratch,
) -> Vec<usize> {
    let mut places = Vec::new();
    let mut slots = scratch.rows.rows_mut().into_iter();
    let Some(mut slot) = slots.next() else {
        return places;
    };
    for (index, (row, nearest)) in block.rows().into_iter().zip(rows).enumerate() {
        let center = nearest.center as usize;
        let bound = half_gaps
            .get(center)
            .copied()
            .unwrap_or(0.0)
            .max(nearest.second);
        if nearest.first <= bound {
            continue;
        }
        let values = slot.as_slice_mut().unwrap_or_default();
        normal.write(&row, values);
        nearest.first = distance(values, centers.index_axis(Axis(0), center));
        if nearest.first <= bound {
            continue;
        }
        places.push(index);
        match slots.next() {
            Some(next) => slot = next,
            None => break,
        }
    }
    places
}

/// Half the distance from each centre to the nearest other one: a row nearer than that to its
/// centre has no nearer one.
fn half_gaps(centers: &Array2<f64>) -> Vec<f64> {
    let rows = || centers.rows().into_iter().enumerate();
    rows()
        .map(|(i, a)| {
            let a = a.to_slice().unwrap_or_default();
            let gaps = rows().filter(|(j, _)| *j != i).map(|(_, b)| distance(a, b));
            0.5 * gaps.fold(f64::INFINITY, f64::min)
        })
        .collect()
}
