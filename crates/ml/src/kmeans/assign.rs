//! Rows and their nearest centres.

use bongsu_core::ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use bongsu_core::{Error, Result};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use super::panel::{LANES, Panel, block_panels};
use crate::float::power_of_two;

/// `(x - origin) / unit`: around the mean, where distances through products lose no digits, and
/// so small that no square overflows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Normal {
    pub(super) origin: Vec<f64>,
    pub(super) unit: f64,
}

/// The nearest centre of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Nearest {
    pub(super) center: u32,
    /// The distance to it.
    pub(super) first: f64,
    /// That to the second nearest.
    pub(super) second: f64,
}

impl Nearest {
    /// Before any centre is compared with: nothing is known of it.
    pub(super) const UNKNOWN: Self = Self {
        center: 0,
        first: 0.0,
        second: 0.0,
    };
}

impl Normal {
    /// Of the finite values of `x`.
    pub(super) fn of(x: &ArrayView2<'_, f64>) -> Result<Self> {
        let mut origin = vec![0.0; x.ncols()];
        let rough = power_of_two(largest(x, &origin, |v, _| v));
        let inverse = 1.0 / rough;
        for row in x.rows() {
            for (sum, v) in origin.iter_mut().zip(row) {
                *sum += v * inverse;
            }
        }
        let count = x.nrows() as f64;
        for sum in &mut origin {
            *sum = *sum / count * rough;
        }
        let widest = largest(x, &origin, |v, origin| v - origin);
        if widest.is_infinite() {
            return Err(Error::input(
                "a column spans more than the largest float; scale the values down first",
            ));
        }
        let unit = power_of_two(widest);
        Ok(Self { origin, unit })
    }

    /// Writes `row` to `out`; new rows that are absurdly far are held where squares are finite.
    #[inline]
    pub(super) fn write(&self, row: &ArrayView1<'_, f64>, out: &mut [f64]) {
        // The unit is a power of two: so is its inverse, and nothing is rounded.
        let inverse = 1.0 / self.unit;
        let scale = |x: &f64, origin: &f64| ((x - origin) * inverse).clamp(-1e140, 1e140);
        if let Some(row) = row.as_slice() {
            for ((slot, x), origin) in out.iter_mut().zip(row).zip(&self.origin) {
                *slot = scale(x, origin);
            }
        } else {
            for ((slot, x), origin) in out.iter_mut().zip(row).zip(&self.origin) {
                *slot = scale(x, origin);
            }
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        !self.origin.is_empty()
            && self.origin.iter().all(|o| o.is_finite())
            && self.unit.is_finite()
            && self.unit > 0.0
            && self.unit == power_of_two(self.unit)
    }
}

/// The largest magnitude of what `part` makes of the finite values of `x` and of the value in
/// `columns` of their column.
fn largest(x: &ArrayView2<'_, f64>, columns: &[f64], part: impl Fn(f64, f64) -> f64) -> f64 {
    // One for each column: none waits for the one before it.
    let mut most = vec![0.0_f64; columns.len()];
    for row in x.rows() {
        for ((most, v), column) in most.iter_mut().zip(row).zip(columns) {
            let size = part(*v, *column).abs();
            *most = if size > *most { size } else { *most };
        }
    }
    most.into_iter().fold(0.0, f64::max)
}

/// The numbers of a table, row after row.
pub(super) fn flat(table: &Array2<f64>) -> &[f64] {
    table.as_slice().unwrap_or_default()
}

pub(super) fn distance<'a>(a: &[f64], b: impl IntoIterator<Item = &'a f64>) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt()
}

/// Writes to `out` what `judge` makes of each row of `x`, normalised, and of its nearest centre.
/// Blocks of rows run in parallel.
pub(super) fn for_rows<T: Send>(
    normal: &Normal,
    centers: &Array2<f64>,
    x: &ArrayView2<'_, f64>,
    out: &mut [T],
    judge: impl Fn(&[f64], Nearest) -> T + Sync,
) {
    let columns = x.ncols();
    let judge_panel =
        |rows: &mut [f64], panel: &mut Panel, x: &ArrayView2<'_, f64>, out: &mut [T]| {
            let slots = rows.chunks_exact_mut(columns.max(1));
            for (lane, (row, slot)) in x.rows().into_iter().zip(slots).enumerate() {
                normal.write(&row, slot);
                panel.set(lane, slot);
            }
            let rows = rows.chunks_exact(columns.max(1));
            let nearest = panel.nearest(flat(centers));
            for ((slot, row), nearest) in out.iter_mut().zip(rows).zip(nearest) {
                *slot = judge(row, nearest);
            }
        };
    let room = || (vec![0.0; LANES * columns], Panel::new(columns));
    let size = block_panels(columns) * LANES;
    let blocks = x.axis_chunks_iter(Axis(0), size).zip(out.chunks_mut(size));
    let judge_block =
        |(rows, panel): &mut (Vec<f64>, Panel), x: ArrayView2<'_, f64>, out: &mut [T]| {
            let panels = x.axis_chunks_iter(Axis(0), LANES);
            for (x, out) in panels.zip(out.chunks_mut(LANES)) {
                judge_panel(rows, panel, &x, out);
            }
        };
    if x.nrows() <= size {
        let mut room = room();
        for (x, out) in blocks {
            judge_block(&mut room, x, out);
        }
    } else {
        let blocks: Vec<_> = blocks.collect();
        blocks
            .into_par_iter()
            .for_each_init(room, |room, (x, out)| judge_block(room, x, out));
    }
}
