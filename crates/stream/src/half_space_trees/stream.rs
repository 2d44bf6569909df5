use bongsu_core::{Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::limits::Range;
use super::trees::{HalfSpace, Trees};
use super::{HalfSpaceTrees, Limits, MAX_FEATURES};
use crate::check;

/// Half-space trees, point by point; see [`HalfSpaceTrees`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HalfSpaceTreesStream {
    config: HalfSpaceTrees,
    features: usize,
    seen: u64,
    /// The limits, or what has been seen of them so far.
    ranges: Vec<Range>,
    trees: Trees,
    counts: Counts,
    /// The mass that the last window gives a point in each leaf; empty before the first is over.
    masses: Vec<u32>,
}

/// The points of this window in each leaf of all trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Counts {
    /// For windows of up to 255 points.
    Bytes(Vec<u8>),
    /// For longer ones.
    Words(Vec<u16>),
}

impl Counts {
    fn new(leaves: usize, window: usize) -> Self {
        if window <= usize::from(u8::MAX) {
            Self::Bytes(vec![0; leaves])
        } else {
            Self::Words(vec![0; leaves])
        }
    }

    #[inline]
    fn add(&mut self, leaf: usize) {
        match self {
            Self::Bytes(counts) => {
                if let Some(count) = counts.get_mut(leaf) {
                    *count = count.saturating_add(1);
                }
            }
            Self::Words(counts) => {
                if let Some(count) = counts.get_mut(leaf) {
                    *count = count.saturating_add(1);
                }
            }
        }
    }

    /// The counts of the leaves of one tree, given to `visit` tree by tree; all are then 0.
    fn take_trees(&mut self, leaves: usize, mut visit: impl FnMut(&mut dyn Iterator<Item = u32>)) {
        match self {
            Self::Bytes(counts) => {
                for tree in counts.chunks_exact_mut(leaves) {
                    visit(
                        &mut tree
                            .iter_mut()
                            .map(|count| u32::from(std::mem::take(count))),
                    );
                }
            }
            Self::Words(counts) => {
                for tree in counts.chunks_exact_mut(leaves) {
                    visit(
                        &mut tree
                            .iter_mut()
                            .map(|count| u32::from(std::mem::take(count))),
                    );
                }
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Bytes(counts) => counts.len(),
            Self::Words(counts) => counts.len(),
        }
    }

    const fn heap_bytes(&self) -> usize {
        match self {
            Self::Bytes(counts) => counts.capacity(),
            Self::Words(counts) => counts.capacity() * size_of::<u16>(),
        }
    }

    fn total(&self) -> u64 {
        match self {
            Self::Bytes(counts) => counts.iter().copied().map(u64::from).sum(),
            Self::Words(counts) => counts.iter().copied().map(u64::from).sum(),
        }
    }
}

impl HalfSpaceTreesStream {
    pub(super) fn grow(config: HalfSpaceTrees, features: usize) -> Result<Self> {
        let trees = Trees::grow(config.trees, config.height, features, config.seed);
        Ok(Self::new(config, features, trees))
    }

    pub(super) fn from_trees(
        config: HalfSpaceTrees,
        features: usize,
        trees: &[Vec<HalfSpace>],
    ) -> Result<Self> {
        let trees = Trees::given(trees, config.height);
        Ok(Self::new(config, features, trees))
    }

    fn new(config: HalfSpaceTrees, features: usize, trees: Trees) -> Self {
        Self {
            ranges: config.limits.ranges(features),
            counts: Counts::new(config.leaves(), config.window),
            masses: Vec::new(),
            seen: 0,
            features,
            trees,
            config,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &HalfSpaceTrees {
        &self.config
    }

    /// The number of features.
    #[must_use]
    pub const fn n_features(&self) -> usize {
        self.features
    }

    /// How many values of `x` lie outside of their limits and count as on the limit; 0 while limits
    /// are being learned, and for given trees, which have none.
    #[must_use]
    pub fn outside(&self, x: &[f64]) -> usize {
        if self.seen < self.config.limits.warmup() || !self.trees.are_unit() {
            return 0;
        }
        let pairs = x.iter().zip(&self.ranges);
        pairs.filter(|&(&x, range)| range.leaves_out(x)).count()
    }

    /// The points that were counted, after those from which the limits were learned.
    const fn counted(&self) -> u64 {
        self.seen.saturating_sub(self.config.limits.warmup())
    }

    fn remaining(&self) -> u64 {
        let limits = self.config.limits.warmup();
        let needed = limits.saturating_add(self.config.window as u64);
        needed.saturating_sub(self.seen)
    }

    /// The point as the trees take it.
    #[inline]
    fn scaled<'a>(
        ranges: &'a [Range],
        trees: &Trees,
        x: &'a [f64],
    ) -> impl Iterator<Item = f64> + use<'a> {
        let unit = trees.are_unit();
        let scale = move |(&x, range): (&f64, &Range)| if unit { range.place(x) } else { x };
        x.iter().zip(ranges).map(scale)
    }

    /// The score of the mass of a point in all trees.
    fn score_of(&self, mass: u64) -> Score {
        if self.masses.is_empty() {
            return Score::Warmup {
                remaining: self.remaining(),
            };
        }
        let nodes = (2_u64 << self.config.height) - 1;
        let most = self.config.trees as u64 * self.config.window as u64 * nodes;
        Score::Ready(1.0 - mass as f64 / most as f64)
    }

    /// Learns limits from `x`, when they are still to be learned.
    fn learn_limits(&mut self, x: &[f64]) -> bool {
        let warmup = self.config.limits.warmup();
        if self.seen >= warmup {
            return false;
        }
        for (range, &x) in self.ranges.iter_mut().zip(x) {
            range.learn(x);
        }
        self.seen += 1;
        if self.seen == warmup {
            for range in &mut self.ranges {
                *range = range.widen();
            }
        }
        true
    }

    /// After a point was counted: at the end of a window its counts become the masses.
    fn end_point(&mut self) {
        self.seen = self.seen.saturating_add(1);
        if self.counted().is_multiple_of(self.config.window as u64) {
            self.end_window();
        }
    }

    fn end_window(&mut self) {
        let leaves = 1_usize << self.config.height;
        let few = 0.1 * self.config.window as f64;
        // A heap: node 1 is the root, the children of node i are 2 i and 2 i + 1.
        let mut counts = vec![0_u32; 2 * leaves];
        let mut mass = vec![(0_u32, false); 2 * leaves];
        let mut all = Vec::with_capacity(self.config.leaves());
        self.counts.take_trees(leaves, |tree| {
            fill_heap(&mut counts, leaves, tree);
            fill_masses(&mut mass, &counts, few);
            all.extend(mass.iter().skip(leaves).map(|&(mass, _)| mass));
        });
        self.masses = all;
    }
}

/// Fills a heap with the counts of its leaves and their sums.
#[allow(
    clippy::indexing_slicing,
    reason = "a heap of 2 n nodes with n leaves: children of the first n nodes are inside"
)]
fn fill_heap(heap: &mut [u32], leaves: usize, counts: &mut dyn Iterator<Item = u32>) {
    for (slot, count) in heap.iter_mut().skip(leaves).zip(counts) {
        *slot = count;
    }
    for node in (1..leaves.min(heap.len() / 2)).rev() {
        heap[node] = heap[2 * node].saturating_add(heap[2 * node + 1]);
    }
}

/// For each node the mass from the root down to it, and whether it goes no deeper.
#[allow(
    clippy::indexing_slicing,
    reason = "both heaps have the same length, and a parent is before its children"
)]
fn fill_masses(mass: &mut [(u32, bool)], counts: &[u32], few: f64) {
    let of = |node: usize, depth: u32| counts[node].saturating_mul(1 << depth);
    let ends = |node: usize| f64::from(counts[node]) < few;
    for node in 1..mass.len().min(counts.len()) {
        let (above, ended) = if node == 1 {
            (0, false)
        } else {
            mass[node / 2]
        };
        mass[node] = if ended {
            (above, true)
        } else {
            (above.saturating_add(of(node, node.ilog2())), ends(node))
        };
    }
}

impl StreamDetector for HalfSpaceTreesStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        check::point(x, self.features)?;
        let mut mass = 0;
        if !self.masses.is_empty() {
            let x = Self::scaled(&self.ranges, &self.trees, x);
            self.trees.leaves(x, |leaf| {
                mass += self.masses.get(leaf).copied().map_or(0, u64::from);
            });
        }
        Ok(self.score_of(mass))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        check::point(x, self.features)?;
        if !self.learn_limits(x) {
            let x = Self::scaled(&self.ranges, &self.trees, x);
            self.trees.leaves(x, |leaf| self.counts.add(leaf));
            self.end_point();
        }
        Ok(())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        check::point(x, self.features)?;
        let mut mass = 0;
        let before = self.remaining();
        if self.learn_limits(x) {
            return Ok(Score::Warmup { remaining: before });
        }
        let x = Self::scaled(&self.ranges, &self.trees, x);
        self.trees.leaves(x, |leaf| {
            mass += self.masses.get(leaf).copied().map_or(0, u64::from);
            self.counts.add(leaf);
        });
        let score = self.score_of(mass);
        self.end_point();
        Ok(score)
    }

    fn heap_bytes(&self) -> usize {
        let limits = match &self.config.limits {
            Limits::Features(limits) => limits.capacity() * size_of::<(f64, f64)>(),
            Limits::Unit | Limits::Auto { .. } | Limits::Every(..) => 0,
        };
        limits
            + self.ranges.capacity() * size_of::<Range>()
            + self.trees.heap_bytes()
            + self.counts.heap_bytes()
            + self.masses.capacity() * size_of::<u32>()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.ranges = self.config.limits.ranges(self.features);
        self.counts = Counts::new(self.config.leaves(), self.config.window);
        self.masses.clear();
        self.seen = 0;
    }
}

impl Snapshot for HalfSpaceTreesStream {
    const KIND: &'static str = "stream.half_space_trees";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        self.config.limits.fit(self.features)?;
        let HalfSpaceTrees {
            trees,
            height,
            window,
            ..
        } = self.config;
        self.trees.validate(trees, height, self.features)?;
        let learned = self.seen >= self.config.limits.warmup();
        let range =
            |r: &Range| r.low.is_finite() && r.high.is_finite() && (!learned || r.half().is_some());
        let partly = self.counted() % window as u64 * trees as u64;
        let nodes = (2_u64 << height) - 1;
        check::saved(
            self.features <= MAX_FEATURES
                && self.ranges.len() == self.features
                && self.ranges.iter().all(range)
                && self.counts.len() == self.config.leaves()
                && matches!(self.counts, Counts::Bytes(_)) == (window <= usize::from(u8::MAX))
                && self.counts.total() == partly
                && self.masses.is_empty() == (self.counted() < window as u64)
                && (self.masses.is_empty() || self.masses.len() == self.config.leaves())
                && self
                    .masses
                    .iter()
                    .all(|&mass| u64::from(mass) <= window as u64 * nodes),
            "the counts of the half-space trees do not fit the number of points seen",
        )
    }
}
