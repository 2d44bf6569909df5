use super::brute::Products;
use super::metric::Measure;
use super::nearest::{Nearest, Neighbour};
use super::{Branch, FAN, LANES, NeighbourIndex};

/// Features between two looks at whether a block can still hold a neighbour.
const STRIDE: usize = 16;

/// What a search needs beside the index; reused from query to query.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Queries, one after another, scaled as the rows.
    pub(super) queries: Vec<f64>,
    /// For each query the row that is not its neighbour.
    pub(super) skips: Vec<u32>,
    k: usize,
    /// What a search in the tree has found.
    pub(super) nearest: Nearest,
    /// What a comparison of several queries with all rows has found.
    pub(super) several: Vec<Nearest>,
    pub(super) products: Products,
    /// Blocks that searches in the tree have looked at.
    pub(super) scanned: usize,
    /// Parts of the tree still to be visited, the most promising last.
    stack: Vec<Visit>,
}

/// A part of the tree: nothing in it comes before `bound`.
#[derive(Debug, Clone, Copy)]
struct Visit {
    bound: Neighbour,
    child: u32,
}

impl Scratch {
    pub(super) fn new(k: usize) -> Self {
        Self {
            queries: Vec::new(),
            skips: Vec::new(),
            k,
            nearest: Nearest::new(k),
            several: Vec::new(),
            products: Products::default(),
            scanned: 0,
            stack: Vec::with_capacity(8 * FAN),
        }
    }

    /// Forgets what was found, with room for each query.
    pub(super) fn clear_several(&mut self) {
        let k = self.k;
        self.several.iter_mut().for_each(Nearest::clear);
        let needed = self.skips.len().max(self.several.len());
        self.several.resize_with(needed, || Nearest::new(k));
    }
}

impl NeighbourIndex {
    /// Finds the rows nearest to a query in `scratch`.
    ///
    /// Inlined into its caller, which chooses the instructions of the processor for both.
    #[inline(always)]
    pub(super) fn search<M: Measure>(&self, query: usize, scratch: &mut Scratch) {
        let Scratch {
            queries,
            skips,
            nearest,
            stack,
            scanned,
            ..
        } = scratch;
        let features = query * self.features..(query + 1) * self.features;
        let (Some(query), Some(&skip)) = (queries.get(features), skips.get(query)) else {
            return;
        };
        nearest.clear();
        stack.clear();
        stack.push(Visit {
            bound: Neighbour {
                distance: 0.0,
                row: 0,
            },
            child: 0,
        });
        while let Some(Visit { bound, child }) = stack.pop() {
            if !bound.before(nearest.last()) {
                continue;
            }
            if child & Branch::LEAF == 0 {
                self.open::<M>(child as usize, query, nearest, stack);
            } else {
                let block = (child & !Branch::LEAF) as usize;
                *scanned += 1;
                self.scan::<M>(block, query, skip, nearest);
            }
        }
    }

    /// Puts the parts below a branch on the stack that can hold a neighbour.
    #[inline(always)]
    fn open<M: Measure>(
        &self,
        index: usize,
        query: &[f64],
        nearest: &Nearest,
        stack: &mut Vec<Visit>,
    ) {
        let size = 2 * FAN * query.len();
        let boxes = self.boxes.get(index * size..(index + 1) * size);
        let (Some(boxes), Some(branch)) = (boxes, self.branches.get(index)) else {
            return;
        };
        let mut distances = [0.0; FAN];
        let (bounds, _) = boxes.as_chunks::<FAN>();
        let (bounds, _) = bounds.as_chunks::<2>();
        for ([lows, highs], &q) in bounds.iter().zip(query) {
            for ((distance, &low), &high) in distances.iter_mut().zip(lows).zip(highs) {
                let (below, above) = (low - q, q - high);
                let outside = if below > above { below } else { above };
                *distance = M::add(*distance, if outside > 0.0 { outside } else { 0.0 });
            }
        }
        let last = nearest.last();
        let start = stack.len();
        for (distance, (row, child)) in distances.into_iter().zip(branch.children) {
            let bound = Neighbour { distance, row };
            if bound.before(last) {
                stack.push(Visit { bound, child });
            }
        }
        if let Some(added) = stack.get_mut(start..) {
            sort_descending(added);
        }
    }

    /// Offers the rows of a block.
    #[inline(always)]
    fn scan<M: Measure>(&self, block: usize, query: &[f64], skip: u32, nearest: &mut Nearest) {
        let size = LANES * query.len();
        let values = self.blocks.get(block * size..(block + 1) * size);
        let ids = self.ids.get(block * LANES..(block + 1) * LANES);
        let (Some(values), Some(ids)) = (values, ids) else {
            return;
        };
        let (values, _) = values.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        let farthest = nearest.last().distance;
        for (values, query) in values.chunks(STRIDE).zip(query.chunks(STRIDE)) {
            for (lanes, &q) in values.iter().zip(query) {
                for (sum, &x) in sums.iter_mut().zip(lanes) {
                    *sum = M::add(*sum, x - q);
                }
            }
            let near = sums.iter().fold(false, |any, &sum| any | (sum <= farthest));
            if !near {
                return;
            }
        }
        for (&distance, &row) in sums.iter().zip(ids) {
            let candidate = Neighbour { distance, row };
            if candidate.before(nearest.last()) && row != skip {
                nearest.offer(candidate);
            }
        }
    }
}

/// The nearest last; a handful of parts needs no more than insertion.
#[inline(always)]
fn sort_descending(parts: &mut [Visit]) {
    for end in 1..parts.len() {
        for at in (1..=end).rev() {
            match parts.get(at - 1..=at) {
                Some([a, b]) if a.bound.before(b.bound) => parts.swap(at - 1, at),
                _ => break,
            }
        }
    }
}
