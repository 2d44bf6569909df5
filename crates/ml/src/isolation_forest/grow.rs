use bongsu_core::ndarray::ArrayView2;
use rand_pcg::Pcg64;
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use super::subsample::Subsampler;
use super::{IsolationForest, part};
use crate::random;
use crate::tree::Record;

/// Grows every tree of the forest, in parallel; `x` has at least one row.
pub(super) fn forest(config: &IsolationForest, x: &ArrayView2<'_, f64>) -> Vec<Vec<Record<u32>>> {
    let rows = x.nrows();
    let psi = config.subsample.of(rows);
    let max_depth = psi.max(2).next_power_of_two().ilog2();
    let varying: Vec<usize> = (0..x.ncols())
        .filter(|&column| {
            let mut values = x.column(column).into_iter();
            let first = values.next();
            values.any(|value| Some(value) != first)
        })
        .collect();
    let features = part(config.max_features, x.ncols());
    (0..config.trees)
        .into_par_iter()
        .map_init(
            || Grower::new(rows),
            |grower, tree| {
                let mut rng = random::generator(config.seed, tree);
                grower.draw_features(x.ncols(), features, &varying, &mut rng);
                grower.draw_rows(x, psi, config.bootstrap, &mut rng);
                grower.grow(max_depth, &mut rng)
            },
        )
        .collect()
}

/// The rows of a node and its depth.
struct Open {
    start: usize,
    end: usize,
    depth: u32,
}

/// Scratch memory that a thread keeps from tree to tree.
struct Grower {
    drawn: Subsampler,
    /// The columns that a split may look at.
    candidates: Vec<usize>,
    /// The drawn rows' values of these columns, row by row.
    values: Vec<f64>,
    /// The numbers of the drawn rows, those of a node side by side.
    order: Vec<u32>,
    open: Vec<Open>,
}

impl Grower {
    fn new(rows: usize) -> Self {
        Self {
            drawn: Subsampler::new(rows),
            candidates: Vec::new(),
            values: Vec::new(),
            order: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Draws `count` of all columns and keeps those that vary at all.
    fn draw_features(&mut self, all: usize, count: usize, varying: &[usize], rng: &mut Pcg64) {
        self.candidates.clear();
        if count == all {
            self.candidates.extend_from_slice(varying);
            return;
        }
        let mut columns: Vec<usize> = (0..all).collect();
        for at in 0..count {
            columns.swap(at, at + random::below(rng, all - at));
        }
        let drawn = columns.iter().take(count);
        self.candidates
            .extend(drawn.filter(|column| varying.binary_search(column).is_ok()));
        self.candidates.sort_unstable();
    }

    /// Draws `psi` rows and copies their values.
    fn draw_rows(
        &mut self,
        x: &ArrayView2<'_, f64>,
        psi: usize,
        with_replacement: bool,
        rng: &mut Pcg64,
    ) {
        self.drawn.draw(psi, with_replacement, rng);
        self.values.clear();
        for &row in self.drawn.rows() {
            let row = x.row(row);
            let value = |&column: &usize| row.get(column).copied().unwrap_or_default();
            self.values.extend(self.candidates.iter().map(value));
        }
    }

    /// Grows a tree level by level on the rows that were drawn.
    fn grow(&mut self, max_depth: u32, rng: &mut Pcg64) -> Vec<Record<u32>> {
        self.order.clear();
        self.order.extend(0..self.drawn.rows().len() as u32);
        let width = self.candidates.len();
        let mut columns: Vec<usize> = (0..width).collect();
        let mut records = Vec::with_capacity(2 * self.drawn.rows().len());
        self.open.clear();
        self.open.push(Open {
            start: 0,
            end: self.drawn.rows().len(),
            depth: 0,
        });
        // Children are appended while this runs: the list is the queue.
        let mut at = 0;
        while let Some(&Open { start, end, depth }) = self.open.get(at) {
            at += 1;
            let rows = self.order.get_mut(start..end).unwrap_or_default();
            let leaf = Record::Leaf(rows.len() as u32);
            if rows.len() < 2 || depth >= max_depth {
                records.push(leaf);
                continue;
            }
            let Some((column, threshold)) = draw_split(&self.values, rows, &mut columns, rng)
            else {
                records.push(leaf);
                continue;
            };
            let middle = start + partition(&self.values, width, rows, column, threshold);
            let feature = self.candidates.get(column).copied().unwrap_or_default() as u32;
            records.push(Record::Split { feature, threshold });
            let depth = depth + 1;
            self.open.extend([
                Open {
                    start,
                    end: middle,
                    depth,
                },
                Open {
                    start: middle,
                    end,
                    depth,
                },
            ]);
        }
        records
    }
}

/// A feature that varies among `rows`, all such alike likely, and a threshold for it; `None` when
/// there is none. `columns` is a permutation of the columns, which is shuffled further.
fn draw_split(
    values: &[f64],
    rows: &[u32],
    columns: &mut [usize],
    rng: &mut Pcg64,
) -> Option<(usize, f64)> {
    let width = columns.len();
    for untried in (1..=width).rev() {
        columns.swap(random::below(rng, untried), untried - 1);
        let column = *columns.get(untried - 1)?;
        let (least, greatest) = range(values, width, rows, column);
        if least < greatest {
            let share = random::unit(rng);
            // Not `least + share * (greatest - least)`: the difference may overflow.
            let threshold = least * (1.0 - share) + greatest * share;
            // Both children then have rows, whatever was lost in rounding.
            let inside = threshold >= least && threshold < greatest;
            return Some((column, if inside { threshold } else { least }));
        }
    }
    None
}

/// The least and the greatest value of `column` among `rows`.
#[allow(
    clippy::indexing_slicing,
    reason = "rows are numbers of drawn rows, each with `width` values"
)]
fn range(values: &[f64], width: usize, rows: &[u32], column: usize) -> (f64, f64) {
    let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    for &row in rows {
        let x = values[row as usize * width + column];
        least = if x < least { x } else { least };
        greatest = if x > greatest { x } else { greatest };
    }
    (least, greatest)
}

/// Moves the rows at or below `threshold` to the front and returns their number.
#[allow(
    clippy::indexing_slicing,
    reason = "rows are numbers of drawn rows, each with `width` values; `below` never exceeds `at`"
)]
fn partition(
    values: &[f64],
    width: usize,
    rows: &mut [u32],
    column: usize,
    threshold: f64,
) -> usize {
    let mut below = 0;
    // Swapped every time and counted only where it is right: no branch to guess.
    for at in 0..rows.len() {
        let row = rows[at];
        rows.swap(at, below);
        below += usize::from(values[row as usize * width + column] <= threshold);
    }
    below
}
