//! Lloyd's iterations with Hamerly's bounds.

use bongsu_core::ndarray::{Array2, Axis};
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;

use super::KMeans;
use super::assign::{Nearest, distance, flat};
use super::panel::{LANES, Panel, Table, block_panels, copy_row, nearest};

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
    table: &Table<'_>,
    mut centers: Array2<f64>,
    variance: f64,
) -> Array2<f64> {
    let mut rows = assign(table, &centers);
    let mut clusters = Clusters::of(table, &rows, centers.nrows());
    for _ in 0..config.max_iterations {
        clusters.fill_empty(table, &mut rows);
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
        let changed = clusters.reassign(table, &centers, &mut rows);
        if changed == 0 || total <= config.tolerance * variance {
            break;
        }
    }
    // Sums that were kept up to date by differences have gathered rounding.
    let mut clusters = Clusters::of(table, &rows, centers.nrows());
    clusters.fill_empty(table, &mut rows);
    clusters.means(&centers)
}

/// The nearest centre of every row.
fn assign(table: &Table<'_>, centers: &Array2<f64>) -> Vec<Nearest> {
    let mut rows = vec![Nearest::UNKNOWN; table.rows()];
    rows.par_chunks_mut(LANES)
        .enumerate()
        .with_min_len(block_panels(table.columns()))
        .for_each_init(
            || table.room().0,
            |room, (index, rows)| {
                let found = nearest(table.panel(index, room), flat(centers));
                for (row, found) in rows.iter_mut().zip(found) {
                    *row = found;
                }
            },
        );
    rows
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
    fn of(table: &Table<'_>, rows: &[Nearest], count: usize) -> Self {
        let mut clusters = Self {
            sums: Array2::zeros((count, table.columns())),
            sizes: vec![0; count],
        };
        let (mut room, mut values) = table.room();
        for (index, rows) in rows.chunks(LANES).enumerate() {
            let panel = table.panel(index, &mut room);
            for (lane, nearest) in rows.iter().enumerate() {
                copy_row(panel, lane, &mut values);
                clusters.add(nearest.center, &values, 1.0);
            }
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
    fn fill_empty(&mut self, table: &Table<'_>, rows: &mut [Nearest]) {
        let (_, mut values) = table.room();
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
            table.copy_row(place, &mut values);
            let left = row.center;
            *row = Nearest {
                center: empty,
                ..Nearest::UNKNOWN
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
        table: &Table<'_>,
        centers: &Array2<f64>,
        rows: &mut [Nearest],
    ) -> usize {
        let half_gaps = half_gaps(centers);
        let size = block_panels(table.columns());
        let changed: Vec<Vec<(usize, u32)>> = rows
            .par_chunks_mut(size * LANES)
            .enumerate()
            .map_init(
                || Gathered::new(table),
                |gathered, (block, rows)| {
                    gathered.settle(table, block * size, centers, &half_gaps, rows)
                },
            )
            .collect();
        let (_, mut values) = table.room();
        let mut count = 0;
        for (place, left) in changed.into_iter().flatten() {
            table.copy_row(place, &mut values);
            self.add(left, &values, -1.0);
            if let Some(row) = rows.get(place) {
                self.add(row.center, &values, 1.0);
            }
            count += 1;
        }
        count
    }
}

/// Rows that may have another nearest centre, until there are enough for a panel.
struct Gathered {
    places: Vec<usize>,
    panel: Panel,
    values: Vec<f64>,
}

impl Gathered {
    fn new(table: &Table<'_>) -> Self {
        let (_, values) = table.room();
        Self {
            places: Vec::with_capacity(LANES),
            panel: Panel::new(table.columns()),
            values,
        }
    }

    /// Finds the nearest centres of a block of rows, the first one in lane 0 of the panel `start`; which rows
    /// changed, and what they left.
    fn settle(
        &mut self,
        table: &Table<'_>,
        start: usize,
        centers: &Array2<f64>,
        half_gaps: &[f64],
        rows: &mut [Nearest],
    ) -> Vec<(usize, u32)> {
        let bound = |row: &Nearest| {
            let half_gap = half_gaps.get(row.center as usize);
            row.second.max(half_gap.copied().unwrap_or(0.0))
        };
        let mut changed = Vec::new();
        for index in 0..rows.len() {
            let Some(row) = rows.get_mut(index).filter(|row| row.first > bound(row)) else {
                continue;
            };
            table.copy_row(start * LANES + index, &mut self.values);
            let own = centers.index_axis(Axis(0), row.center as usize);
            row.first = distance(&self.values, own);
            if row.first > bound(row) {
                self.panel.set(self.places.len(), &self.values);
                self.places.push(index);
                if self.places.len() == LANES {
                    self.compare(centers, rows, &mut changed);
                }
            }
        }
        self.compare(centers, rows, &mut changed);
        for (place, _) in &mut changed {
            *place += start * LANES;
        }
        changed
    }

    /// Compares the rows gathered so far with all centres, and forgets them.
    fn compare(
        &mut self,
        centers: &Array2<f64>,
        rows: &mut [Nearest],
        changed: &mut Vec<(usize, u32)>,
    ) {
        if self.places.is_empty() {
            return;
        }
        for (index, found) in self.places.drain(..).zip(self.panel.nearest(flat(centers))) {
            let Some(row) = rows.get_mut(index) else {
                continue;
            };
            if found.center == row.center {
                row.second = found.second;
            } else if found.first * SLACK >= row.first {
                // Its own centre is as near; the bound on it is exact already.
                row.second = found.first;
            } else {
                changed.push((index, row.center));
                *row = found;
            }
        }
    }
}

/// Half the distance from each centre to the nearest other one: a row nearer than that to its
/// centre has no nearer one.
fn half_gaps(centers: &Array2<f64>) -> Vec<f64> {
    let mut panel = Panel::new(centers.ncols());
    let mut gaps = Vec::with_capacity(centers.nrows());
    for rows in centers.axis_chunks_iter(Axis(0), LANES) {
        for (lane, row) in rows.rows().into_iter().enumerate() {
            panel.set(lane, row.to_slice().unwrap_or_default());
        }
        // The nearest centre is the centre itself, or one that is equal.
        let found = panel.nearest(flat(centers));
        gaps.extend(found.iter().map(|n| 0.5 * n.second).take(rows.nrows()));
    }
    gaps
}
