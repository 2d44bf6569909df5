use bongsu_core::ndarray::{ArrayView1, ArrayView2, Axis, Slice};
use rayon::prelude::{IndexedParallelIterator as _, ParallelIterator as _, ParallelSliceMut as _};

use super::{Link, Root, Trees, key};

/// How many rows, or trees for a single row, descend side by side: enough to hide that each step
/// waits for the one before.
const LANES: usize = 8;

/// How many levels are descended between two looks at whether every lane has arrived.
const STRIDE: u32 = 4;

/// How many values of rows are worked on with one tree after the other: 32 KiB, so that they and a
/// tree stay in the cache next to the core.
const BLOCK_VALUES: usize = 4096;

/// The most rows of a block.
const BLOCK_ROWS: usize = 256;

/// How the values of rows are read before they are compared with thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inputs {
    /// As they are.
    Double,
    /// Rounded to single precision.
    Single,
}

impl Inputs {
    pub(crate) fn read(self, x: f64) -> f64 {
        match self {
            Self::Double => x,
            Self::Single => f64::from(x as f32),
        }
    }

    fn key(self, x: f64) -> u64 {
        key::of(self.read(x))
    }
}

impl Trees {
    /// Writes to `out`, for each row of `x`, `finish` of the sum over all trees, first to last, of
    /// what `values` holds for the leaf that the row reaches. `values` has a number for each node,
    /// `x` as many columns as there are features, and `out` its number of rows.
    pub(crate) fn sum_into(
        &self,
        x: &ArrayView2<'_, f64>,
        inputs: Inputs,
        values: &[f64],
        out: &mut [f64],
        finish: impl Fn(f64) -> f64 + Sync,
    ) {
        if out.len() < LANES / 2 {
            for (row, slot) in x.rows().into_iter().zip(out) {
                *slot = finish(self.sum_row(&row, inputs, values));
            }
            return;
        }
        let block_rows = self.block_rows();
        let block = |scratch: &mut Scratch, (number, sums): (usize, &mut [f64])| {
            let start = number * block_rows;
            let rows = x.slice_axis(Axis(0), Slice::from(start..start + sums.len()));
            scratch.fill(&rows, inputs);
            self.sum_block(scratch, values, sums);
            for sum in sums {
                *sum = finish(*sum);
            }
        };
        if out.len() <= block_rows {
            block(&mut Scratch::default(), (0, out));
        } else {
            out.par_chunks_mut(block_rows)
                .enumerate()
                .for_each_init(Scratch::default, block);
        }
    }

    /// For each row of `x`, the sum of what `values` holds for the leaves it reaches in the trees
    /// that `wanted(tree, row)` names, first to last, and their number.
    pub(crate) fn sum_where(
        &self,
        x: &ArrayView2<'_, f64>,
        values: &[f64],
        wanted: impl Fn(usize, usize) -> bool + Sync,
    ) -> Vec<(f64, u32)> {
        let block_rows = self.block_rows();
        let mut sums = vec![(0.0, 0_u32); x.nrows()];
        let block = |scratch: &mut Scratch, (number, sums): (usize, &mut [(f64, u32)])| {
            let start = number * block_rows;
            let rows = x.slice_axis(Axis(0), Slice::from(start..start + sums.len()));
            scratch.fill(&rows, Inputs::Double);
            for (tree, root) in self.roots.iter().enumerate() {
                let groups = scratch.keys.chunks_exact(self.features.max(1));
                let mut row = start;
                for (sums, rows) in sums.chunks_mut(LANES).zip(groups) {
                    let leaves = descend(&self.thresholds, &self.links, *root, rows);
                    for ((sum, trees), leaf) in sums.iter_mut().zip(leaves) {
                        if wanted(tree, row) {
                            *sum += values.get(leaf as usize).copied().unwrap_or_default();
                            *trees += 1;
                        }
                        row += 1;
                    }
                }
            }
        };
        sums.par_chunks_mut(block_rows)
            .enumerate()
            .for_each_init(Scratch::default, block);
        sums
    }

    /// How many rows are worked on together.
    fn block_rows(&self) -> usize {
        let groups = (BLOCK_VALUES / self.features.max(1)).clamp(LANES, BLOCK_ROWS) / LANES;
        groups * LANES
    }

    fn sum_block(&self, scratch: &Scratch, values: &[f64], sums: &mut [f64]) {
        sums.fill(0.0);
        let value = |at: u32| values.get(at as usize).copied().unwrap_or_default();
        for root in &self.roots {
            let groups = scratch.keys.chunks_exact(self.features.max(1));
            for (sums, rows) in sums.chunks_mut(LANES).zip(groups) {
                let leaves = descend(&self.thresholds, &self.links, *root, rows);
                for (sum, leaf) in sums.iter_mut().zip(leaves) {
                    *sum += value(leaf);
                }
            }
        }
    }

    /// The sum for one row, several trees side by side.
    fn sum_row(&self, row: &ArrayView1<'_, f64>, inputs: Inputs, values: &[f64]) -> f64 {
        let mut few = [0; 64];
        let mut many = Vec::new();
        let keys = if let Some(keys) = few.get_mut(..row.len()) {
            keys
        } else {
            many.resize(row.len(), 0);
            &mut many
        };
        for (key, &x) in keys.iter_mut().zip(row) {
            *key = inputs.key(x);
        }
        let mut sum = 0.0;
        for roots in self.roots.chunks(LANES) {
            let leaves = descend_trees(&self.thresholds, &self.links, roots, keys);
            for leaf in leaves.iter().take(roots.len()) {
                sum += values.get(*leaf as usize).copied().unwrap_or_default();
            }
        }
        sum
    }
}

/// A block of rows, in groups of [`LANES`] rows whose keys of one feature lie side by side.
#[derive(Default)]
struct Scratch {
    keys: Vec<[u64; LANES]>,
}

impl Scratch {
    fn fill(&mut self, rows: &ArrayView2<'_, f64>, inputs: Inputs) {
        let features = rows.ncols();
        self.keys.clear();
        self.keys
            .resize(rows.nrows().div_ceil(LANES) * features, [0; LANES]);
        for (number, row) in rows.rows().into_iter().enumerate() {
            let (group, lane) = (number / LANES, number % LANES);
            let group = self.keys.iter_mut().skip(group * features);
            for (slots, &x) in group.zip(row) {
                if let Some(slot) = slots.get_mut(lane) {
                    *slot = inputs.key(x);
                }
            }
        }
    }
}

/// The leaves of the tree at `root` that [`LANES`] rows reach.
#[allow(
    clippy::indexing_slicing,
    reason = "the links of trees and their features are checked when they are linked"
)]
fn descend(thresholds: &[u64], links: &[Link], root: Root, rows: &[[u64; LANES]]) -> [u32; LANES] {
    let at = [root.node as usize; LANES];
    steps(thresholds, links, root.depth, at, |feature, lane| {
        rows[feature][lane]
    })
}

/// The leaves of up to [`LANES`] trees that one row reaches.
#[allow(
    clippy::indexing_slicing,
    reason = "the links of trees and their features are checked when they are linked"
)]
fn descend_trees(thresholds: &[u64], links: &[Link], roots: &[Root], row: &[u64]) -> [u32; LANES] {
    let mut at = [0; LANES];
    let mut depth = 0;
    for (at, root) in at.iter_mut().zip(roots) {
        *at = root.node as usize;
        depth = depth.max(root.depth);
    }
    steps(thresholds, links, depth, at, |feature, _| row[feature])
}

/// Goes down from the nodes `at` by `depth` levels, or until every lane has reached a leaf.
/// `key` gives that of a feature in a lane.
#[allow(
    clippy::indexing_slicing,
    reason = "the links of trees and their features are checked when they are linked"
)]
#[inline(always)]
fn steps(
    thresholds: &[u64],
    links: &[Link],
    depth: u32,
    mut at: [usize; LANES],
    key: impl Fn(usize, usize) -> u64,
) -> [u32; LANES] {
    // Tells the compiler that one check serves both.
    let links = &links[..thresholds.len()];
    let mut remaining = depth;
    while remaining > 0 {
        let before = at;
        let levels = remaining.min(STRIDE);
        for _ in 0..levels {
            for lane in 0..LANES {
                let threshold = thresholds[at[lane]];
                let Link { feature, left } = links[at[lane]];
                at[lane] = left as usize + usize::from(threshold < key(feature as usize, lane));
            }
        }
        remaining -= levels;
        let moved = at.iter().zip(&before).fold(0, |all, (a, b)| all | (a ^ b));
        if moved == 0 {
            break;
        }
    }
    at.map(|node| node as u32)
}
