//! Rows and their nearest centres.

use bongsu_core::ndarray::linalg::general_mat_mul;
use bongsu_core::ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis, Slice};
use bongsu_core::{Error, Result};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use crate::float::power_of_two;

/// Values of a block of rows: it stays in the second-level cache.
const BLOCK: usize = 1 << 14;

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

impl Normal {
    /// Of the finite values of `x`.
    pub(super) fn of(x: &ArrayView2<'_, f64>) -> Result<Self> {
        let largest = x.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let rough = power_of_two(largest);
        let count = x.nrows() as f64;
        let mean = |column: ArrayView1<'_, f64>| {
            column.iter().map(|v| v / rough).sum::<f64>() / count * rough
        };
        let origin: Vec<f64> = x.columns().into_iter().map(mean).collect();
        let widest = x.rows().into_iter().fold(0.0_f64, |m, row| {
            let deviations = row.into_iter().zip(&origin);
            deviations.fold(m, |m, (v, o)| m.max((v - o).abs()))
        });
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

/// Rows of a block of a table with `columns` columns.
pub(super) fn block_rows(columns: usize) -> usize {
    (BLOCK / columns.max(1)).max(8)
}

/// Room for the distances of a block of rows.
pub(super) struct Scratch {
    pub(super) rows: Array2<f64>,
    products: Array2<f64>,
}

impl Scratch {
    pub(super) fn new(rows: usize, columns: usize, centers: usize) -> Self {
        Self {
            rows: Array2::zeros((rows, columns)),
            products: Array2::zeros((rows, centers)),
        }
    }

    /// For each of the first `count` rows the squared distances to the `centers`, whose squared
    /// norms are `norms`; `use_row` gets the place of the row, its values and the distances.
    pub(super) fn distances(
        &mut self,
        count: usize,
        centers: &ArrayView2<'_, f64>,
        norms: &[f64],
        mut use_row: impl FnMut(usize, &[f64], &[f64]),
    ) {
        let rows = first_rows(&mut self.rows, count);
        let mut products = first_rows(&mut self.products, count);
        general_mat_mul(-2.0, &rows, &centers.t(), 0.0, &mut products);
        let pairs = rows.rows().into_iter().zip(products.rows_mut());
        for (place, (row, mut products)) in pairs.enumerate() {
            let row = row.to_slice().unwrap_or_default();
            let Some(products) = products.as_slice_mut() else {
                continue;
            };
            let norm = squared_norm(row);
            for (product, center) in products.iter_mut().zip(norms) {
                *product = (*product + norm + center).max(0.0);
            }
            use_row(place, row, products);
        }
    }
}

fn first_rows(table: &mut Array2<f64>, rows: usize) -> ArrayViewMut2<'_, f64> {
    let rows = rows.min(table.nrows());
    table.slice_axis_mut(Axis(0), Slice::from(..rows))
}

pub(super) fn squared_norm(row: &[f64]) -> f64 {
    row.iter().map(|v| v * v).sum()
}

pub(super) fn squared_norms(table: &Array2<f64>) -> Vec<f64> {
    let norm = |row: ArrayView1<'_, f64>| row.iter().map(|v| v * v).sum();
    table.rows().into_iter().map(norm).collect()
}

pub(super) fn distance<'a>(a: &[f64], b: impl IntoIterator<Item = &'a f64>) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt()
}

/// The nearest of the squared `distances`, and the second nearest.
pub(super) fn nearest(distances: &[f64]) -> Nearest {
    let (mut center, mut first, mut second) = (0, f64::INFINITY, f64::INFINITY);
    for (index, distance) in (0_u32..).zip(distances) {
        if *distance < first {
            (second, first, center) = (first, *distance, index);
        } else if *distance < second {
            second = *distance;
        }
    }
    Nearest {
        center,
        first: first.sqrt(),
        second: second.sqrt(),
    }
}

/// Writes to `out` what `judge` makes of each row of `x`, of its nearest centre, exact distance
/// included, and of the squared distances to all of `centers`. Blocks of rows run in parallel.
pub(super) fn for_rows<T: Send>(
    normal: &Normal,
    centers: &Array2<f64>,
    x: &ArrayView2<'_, f64>,
    out: &mut [T],
    judge: impl Fn(&[f64], Nearest) -> T + Sync,
) {
    let norms = squared_norms(centers);
    let size = block_rows(x.ncols()).min(x.nrows()).max(1);
    let scratch = || Scratch::new(size, x.ncols(), centers.nrows());
    let block = |scratch: &mut Scratch, rows: ArrayView2<'_, f64>, out: &mut [T]| {
        for (row, mut slot) in rows.rows().into_iter().zip(scratch.rows.rows_mut()) {
            normal.write(&row, slot.as_slice_mut().unwrap_or_default());
        }
        scratch.distances(
            rows.nrows(),
            &centers.view(),
            &norms,
            |place, row, distances| {
                let mut nearest = nearest(distances);
                let center = centers.index_axis(Axis(0), nearest.center as usize);
                nearest.first = distance(row, center);
                if let Some(slot) = out.get_mut(place) {
                    *slot = judge(row, nearest);
                }
            },
        );
    };
    let blocks: Vec<_> = x
        .axis_chunks_iter(Axis(0), size)
        .zip(out.chunks_mut(size))
        .collect();
    if blocks.len() <= 1 {
        let mut scratch = scratch();
        for (rows, out) in blocks {
            block(&mut scratch, rows, out);
        }
    } else {
        blocks
            .into_par_iter()
            .for_each_init(scratch, |scratch, (rows, out)| block(scratch, rows, out));
    }
}
