//! Distances between centres and rows, sixteen rows at a time.
//!
//! Rows stand side by side in panels: the first feature of all of them, then the second, and so
//! on. Every loop then runs over neighbours in memory with nothing to wait for, and is turned into
//! vector instructions, the widest that the processor has. All operations are plain sums and
//! products in a fixed order, so every processor gives the same numbers; and distances come from
//! differences, so that none loses digits where rows are close.

use bongsu_core::ndarray::{ArrayView2, Axis};
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;

use super::assign::{Nearest, Normal};
use crate::vector::widest;

/// Rows of a panel.
pub(super) const LANES: usize = 16;

/// One number for each row of a panel.
pub(super) type Lane = [f64; LANES];

/// Values of the panels that one task works on: they stay in the second-level cache.
const BLOCK: usize = 1 << 14;

/// Values of a table whose panels are kept, 64 MiB of them; those of a larger one are made anew in
/// each pass.
const MOST_KEPT: usize = 1 << 23;

/// Panels that one task works on.
pub(super) fn block_panels(columns: usize) -> usize {
    (BLOCK / (columns.max(1) * LANES)).max(1)
}

/// Sixteen rows.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    /// For each feature.
    values: Vec<Lane>,
}

impl Panel {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            values: vec![[0.0; LANES]; columns],
        }
    }

    pub(super) fn set(&mut self, lane: usize, row: &[f64]) {
        set(&mut self.values, lane, row);
    }

    /// The nearest of the `centers`, one after the other, to each row.
    pub(super) fn nearest(&self, centers: &[f64]) -> [Nearest; LANES] {
        nearest(&self.values, centers)
    }
}

fn set(panel: &mut [Lane], lane: usize, row: &[f64]) {
    for (lanes, value) in panel.iter_mut().zip(row) {
        if let Some(slot) = lanes.get_mut(lane) {
            *slot = *value;
        }
    }
}

/// Writes a row of a panel to `out`.
pub(super) fn copy_row(panel: &[Lane], lane: usize, out: &mut [f64]) {
    for (slot, lanes) in out.iter_mut().zip(panel) {
        *slot = lanes.get(lane).copied().unwrap_or(0.0);
    }
}

/// The normalised rows of a table in panels; what is missing in the last one is 0.
#[derive(Debug)]
pub(super) struct Table<'a> {
    normal: &'a Normal,
    x: ArrayView2<'a, f64>,
    /// Nothing when the table is large.
    kept: Vec<Lane>,
}

impl<'a> Table<'a> {
    pub(super) fn new(normal: &'a Normal, x: &ArrayView2<'a, f64>) -> Self {
        Self::keeping(normal, x, MOST_KEPT)
    }

    fn keeping(normal: &'a Normal, x: &ArrayView2<'a, f64>, most: usize) -> Self {
        let mut table = Self {
            normal,
            x: *x,
            kept: Vec::new(),
        };
        if table.x.len() <= most {
            let columns = table.columns();
            let mut kept = vec![[0.0; LANES]; table.panels() * columns];
            kept.par_chunks_mut(columns)
                .enumerate()
                .with_min_len(block_panels(columns))
                .for_each(|(index, panel)| table.fill(index, panel));
            table.kept = kept;
        }
        table
    }

    pub(super) fn rows(&self) -> usize {
        self.x.nrows()
    }

    /// At least 1, so that panels can be cut.
    pub(super) fn columns(&self) -> usize {
        self.x.ncols().max(1)
    }

    pub(super) fn panels(&self) -> usize {
        self.rows().div_ceil(LANES)
    }

    /// Room for a panel, and for a row.
    pub(super) fn room(&self) -> (Vec<Lane>, Vec<f64>) {
        let columns = self.columns();
        (vec![[0.0; LANES]; columns], vec![0.0; columns])
    }

    /// The panel `index`, made in `room` when it is not kept.
    pub(super) fn panel<'b>(&'b self, index: usize, room: &'b mut [Lane]) -> &'b [Lane] {
        let start = index * self.columns();
        if let Some(panel) = self.kept.get(start..start + self.columns()) {
            return panel;
        }
        self.fill(index, room);
        room
    }

    /// Writes row `index` to `out`.
    pub(super) fn copy_row(&self, index: usize, out: &mut [f64]) {
        let start = index / LANES * self.columns();
        if let Some(panel) = self.kept.get(start..start + self.columns()) {
            copy_row(panel, index % LANES, out);
        } else if index < self.rows() {
            self.normal.write(&self.x.index_axis(Axis(0), index), out);
        }
    }

    fn fill(&self, index: usize, panel: &mut [Lane]) {
        let mut values = vec![0.0; self.columns()];
        panel.fill([0.0; LANES]);
        let Some(rows) = self.x.axis_chunks_iter(Axis(0), LANES).nth(index) else {
            return;
        };
        for (lane, row) in rows.rows().into_iter().enumerate() {
            self.normal.write(&row, &mut values);
            set(panel, lane, &values);
        }
    }
}

/// The squared distances between `center` and each row of a panel.
#[inline(always)]
fn squared_distances(center: &[f64], panel: &[Lane]) -> Lane {
    let mut sums = [0.0; LANES];
    for (&c, values) in center.iter().zip(panel) {
        for (sum, &value) in sums.iter_mut().zip(values) {
            let difference = c - value;
            *sum += difference * difference;
        }
    }
    sums
}

/// The nearest of the `centers`, one after the other, to each row of a panel.
pub(super) fn nearest(panel: &[Lane], centers: &[f64]) -> [Nearest; LANES] {
    let (mut first, mut second) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
    let mut chosen = [0.0; LANES];
    widest(
        #[inline(always)]
        || {
            let mut number = 0.0;
            for center in centers.chunks_exact(panel.len().max(1)) {
                let distances = squared_distances(center, panel);
                let lanes = first.iter_mut().zip(&mut second).zip(&mut chosen);
                for (((first, second), chosen), &d) in lanes.zip(&distances) {
                    let other = if d < *second { d } else { *second };
                    *second = if d < *first { *first } else { other };
                    *chosen = if d < *first { number } else { *chosen };
                    *first = if d < *first { d } else { *first };
                }
                number += 1.0;
            }
        },
    );
    let lanes = first.into_iter().zip(second).zip(chosen);
    let mut all = [Nearest::UNKNOWN; LANES];
    for (slot, ((first, second), chosen)) in all.iter_mut().zip(lanes) {
        *slot = Nearest {
            center: chosen as u32,
            first: first.sqrt(),
            second: second.sqrt(),
        };
    }
    all
}

/// Writes to `out` the squared distances of the rows of a panel to `center`, but at most those in
/// `bounds`; gives their sum.
pub(super) fn nearer(panel: &[Lane], center: &[f64], bounds: &Lane, out: &mut Lane) -> f64 {
    widest(
        #[inline(always)]
        || {
            let distances = squared_distances(center, panel);
            for ((slot, &d), &bound) in out.iter_mut().zip(&distances).zip(bounds) {
                *slot = if d < bound { d } else { bound };
            }
            let (quarters, _) = out.as_chunks::<4>();
            let sums = quarters
                .iter()
                .fold([0.0; 4], |[a, b, c, d], [e, f, g, h]| {
                    [a + e, b + f, c + g, d + h]
                });
            let [a, b, c, d] = sums;
            (a + b) + (c + d)
        },
    )
}

#[cfg(test)]
mod tests {
    use bongsu_core::ndarray::Array2;

    use super::*;

    #[test]
    fn panels_hold_the_rows_whether_kept_or_not() {
        let x = Array2::from_shape_fn((37, 3), |(i, j)| ((i * 7 + j * j) % 11) as f64);
        let normal = Normal::of(&x.view()).unwrap();
        let (kept, made) = (
            Table::keeping(&normal, &x.view(), 111),
            Table::keeping(&normal, &x.view(), 110),
        );
        assert_eq!((kept.kept.len(), made.kept.len(), kept.panels()), (9, 0, 3));
        let ((mut a, mut row), (mut b, mut other)) = (kept.room(), made.room());
        for panel in 0..3 {
            assert_eq!(kept.panel(panel, &mut a), made.panel(panel, &mut b));
        }
        for (index, raw) in x.rows().into_iter().enumerate() {
            kept.copy_row(index, &mut row);
            made.copy_row(index, &mut other);
            assert_eq!(row, other);
            normal.write(&raw, &mut other);
            assert_eq!(row, other);
        }
    }

    #[test]
    fn the_nearest_and_the_second_nearest_are_found() {
        let mut panel = Panel::new(2);
        for lane in 0..LANES {
            panel.set(lane, &[lane as f64, 0.0]);
        }
        let found = panel.nearest(&[0.0, 0.0, 9.0, 0.0, 15.0, 3.0]);
        assert_eq!(
            found.map(|n| n.center),
            [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]
        );
        assert_eq!((found[5].first, found[5].second), (4.0, 5.0));
        assert_eq!((found[15].first, found[15].second), (3.0, 6.0));
        let mut out = [0.0; LANES];
        let sum = nearer(&panel.values, &[1.0, 1.0], &[1.5; LANES], &mut out);
        assert_eq!(
            (out[0], out[1], out[2], sum),
            (1.5, 1.0, 1.5, 15.0 * 1.5 + 1.0)
        );
    }
}
