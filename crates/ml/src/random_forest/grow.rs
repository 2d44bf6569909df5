use rand_pcg::Pcg64;

use super::RandomForest;
use super::split::{Best, Node, Sample, scan};
use super::table::{Entry, Table};
use super::targets::Targets;
use crate::random;
use crate::tree::Record;

/// What growing a tree gives.
pub(super) struct Grown {
    pub(super) records: Vec<Record<f64>>,
    /// By how much the splits on each kept column lowered the sum of squares.
    pub(super) gains: Vec<f64>,
    /// A bit for each row, set where the row was not drawn.
    pub(super) unseen: Vec<u64>,
}

/// The rules that a node follows.
#[derive(Clone, Copy)]
struct Rules {
    max_depth: usize,
    min_split: usize,
    min_leaf: usize,
    max_features: usize,
    bootstrap: bool,
}

/// A node that is being grown.
enum Draft {
    Leaf(f64),
    Split {
        column: usize,
        threshold: f64,
        /// Its first child; the second follows.
        left: usize,
    },
}

/// A node that still may be split.
struct Open {
    draft: usize,
    depth: usize,
    node: Node,
}

/// Grows trees; scratch memory that a thread keeps from tree to tree.
pub(super) struct Grower<'a> {
    table: &'a Table,
    targets: &'a Targets,
    rules: Rules,
    seed: u64,
    samples: Vec<Sample>,
    /// The drawn rows in the order of each column, one column after the other; in all of them the
    /// rows of a node that is open take the same places.
    lists: Vec<Entry>,
    /// The number of different rows that were drawn: the length of a list.
    drawn: usize,
    right: Vec<Entry>,
    columns: Vec<usize>,
    drafts: Vec<Draft>,
    open: Vec<Open>,
    gains: Vec<f64>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(config: &RandomForest, table: &'a Table, targets: &'a Targets) -> Self {
        let width = table.width();
        Self {
            table,
            targets,
            rules: Rules {
                max_depth: config.max_depth.unwrap_or(usize::MAX),
                min_split: config.min_samples_split,
                min_leaf: config.min_samples_leaf,
                max_features: config.max_features.of(table.columns),
                bootstrap: config.bootstrap,
            },
            seed: config.seed,
            samples: Vec::new(),
            lists: Vec::new(),
            drawn: 0,
            right: Vec::new(),
            columns: (0..width).collect(),
            drafts: Vec::new(),
            open: Vec::new(),
            gains: Vec::new(),
        }
    }

    /// Grows the tree with this number.
    pub(super) fn grow(&mut self, tree: usize) -> Grown {
        let mut rng = random::generator(self.seed, tree);
        self.draw(&mut rng);
        self.columns.sort_unstable();
        self.gains.clear();
        self.gains.resize(self.table.width(), 0.0);
        self.drafts.clear();
        let rows = self.samples.iter().enumerate();
        let root = Node::of(
            rows.filter(|(_, sample)| sample.weight > 0.0)
                .map(|(row, _)| row),
            &self.samples,
            self.targets,
            0,
        );
        self.drafts.push(Draft::Leaf(0.0));
        self.place(root, 0, 0, 0, &mut rng);
        while let Some(open) = self.open.pop() {
            self.split(&open, &mut rng);
        }
        Grown {
            records: self.records(),
            gains: self.gains.clone(),
            unseen: unseen(&self.samples),
        }
    }

    /// Draws as many rows as there are, with replacement, and lists them in the order of each
    /// column.
    fn draw(&mut self, rng: &mut Pcg64) {
        let rows = self.table.rows;
        let drawn = if self.rules.bootstrap { 0.0 } else { 1.0 };
        self.samples.clear();
        self.samples.resize(
            rows,
            Sample {
                weight: drawn,
                weighted: 0.0,
            },
        );
        if self.rules.bootstrap {
            for _ in 0..rows {
                if let Some(sample) = self.samples.get_mut(random::below(rng, rows)) {
                    sample.weight += 1.0;
                }
            }
        }
        self.drawn = 0;
        for (sample, target) in self.samples.iter_mut().zip(&self.targets.scaled) {
            sample.weighted = sample.weight * (target - self.targets.mean);
            self.drawn += usize::from(sample.weight > 0.0);
        }
        // Room for one entry more than are drawn: the last column's rows that were not drawn are
        // written there.
        self.lists.clear();
        self.lists
            .resize(self.table.width() * self.drawn + 1, Entry::default());
        let mut kept = 0;
        for column in self.table.sorted() {
            kept += keep_drawn(
                column,
                self.lists.get_mut(kept..).unwrap_or_default(),
                &self.samples,
            );
        }
    }

    /// Fills the place `draft` with `node`, and opens it if it may be split. `column` is one whose
    /// list has the node's rows in their places.
    fn place(&mut self, node: Node, depth: usize, draft: usize, column: usize, rng: &mut Pcg64) {
        if let Some(slot) = self.drafts.get_mut(draft) {
            *slot = Draft::Leaf(node.value);
        }
        if !self.may_split(&node, depth) {
            return;
        }
        if node.len > 2 {
            self.open.push(Open { draft, depth, node });
        } else {
            self.split_pair(&node, draft, column, rng);
        }
    }

    /// Splits a node of two rows, half of all nodes that are split: any feature that varies does
    /// it equally well, so that no lists are needed.
    fn split_pair(&mut self, node: &Node, draft: usize, column: usize, rng: &mut Pcg64) {
        let at = column * self.drawn + node.start;
        let Some(&[first, second]) = self.lists.get(at..at + 2) else {
            return;
        };
        let (first, second) = (first.row(), second.row());
        for untried in (1..=self.columns.len()).rev() {
            self.columns.swap(random::below(rng, untried), untried - 1);
            let Some(&column) = self.columns.get(untried - 1) else {
                return;
            };
            let (a, b) = (
                self.table.value(column, first),
                self.table.value(column, second),
            );
            if a != b {
                let threshold = between(a.min(b), a.max(b));
                let (left, right) = if a < b {
                    (first, second)
                } else {
                    (second, first)
                };
                self.count_gain(column, node.gain_of(left, &self.samples));
                self.draft_split(draft, column, threshold);
                for row in [left, right] {
                    let value = self.targets.scaled.get(row).copied().unwrap_or_default();
                    self.drafts.push(Draft::Leaf(value));
                }
                return;
            }
        }
    }

    fn count_gain(&mut self, column: usize, gain: f64) {
        if let Some(sum) = self.gains.get_mut(column) {
            *sum += gain;
        }
    }

    /// Makes the draft a split whose children are the next two drafts.
    fn draft_split(&mut self, draft: usize, column: usize, threshold: f64) {
        let left = self.drafts.len();
        if let Some(slot) = self.drafts.get_mut(draft) {
            *slot = Draft::Split {
                column,
                threshold,
                left,
            };
        }
    }

    const fn may_split(&self, node: &Node, depth: usize) -> bool {
        !node.pure
            && node.len >= self.rules.min_split
            && node.len / 2 >= self.rules.min_leaf
            && depth < self.rules.max_depth
    }

    /// Splits the node where it lowers the sum of squares most, if anywhere.
    fn split(&mut self, open: &Open, rng: &mut Pcg64) {
        let Open { draft, depth, node } = open;
        let Some(best) = self.best_split(node, rng) else {
            return;
        };
        let depth = depth + 1;
        let start = node.start;
        let middle = start + best.len;
        let end = start + node.len;
        let base = best.column * self.drawn;
        let rows = |from: usize, to: usize| {
            let list = self.lists.get(base + from..base + to).unwrap_or_default();
            list.iter().map(|entry| entry.row())
        };
        let child = |from, to| Node::of(rows(from, to), &self.samples, self.targets, from);
        let (left, right) = (child(start, middle), child(middle, end));
        let last_left = rows(middle - 1, middle).next().unwrap_or_default();
        let first_right = rows(middle, middle + 1).next().unwrap_or_default();
        let threshold = between(
            self.table.value(best.column, last_left),
            self.table.value(best.column, first_right),
        );
        self.count_gain(best.column, best.gain() * node.weight);
        let opens = |node: &Node| node.len > 2 && self.may_split(node, depth);
        if opens(&left) || opens(&right) {
            self.partition(best.column, start, middle, end);
        }
        self.draft_split(*draft, best.column, threshold);
        let children = self.drafts.len();
        self.drafts.extend([Draft::Leaf(0.0), Draft::Leaf(0.0)]);
        self.place(left, depth, children, best.column, rng);
        self.place(right, depth, children + 1, best.column, rng);
    }

    /// The best split over features drawn at random: `max_features` of them, and more until one
    /// varies in this node.
    fn best_split(&mut self, node: &Node, rng: &mut Pcg64) -> Option<Best> {
        let mut best = Best::none();
        let width = self.columns.len();
        for visited in 0..width {
            if visited >= self.rules.max_features && best.varies {
                break;
            }
            self.columns
                .swap(visited, visited + random::below(rng, width - visited));
            let column = *self.columns.get(visited)?;
            let from = column * self.drawn + node.start;
            let list = self.lists.get(from..from + node.len)?;
            scan(
                list,
                &self.samples,
                node,
                self.rules.min_leaf,
                column,
                &mut best,
            );
        }
        (best.len > 0).then_some(best)
    }

    /// Brings the rows of both children together in the list of every column; that of `split`,
    /// the column of the split, has them so already.
    fn partition(&mut self, split: usize, start: usize, middle: usize, end: usize) {
        let base = split * self.drawn;
        let sides = self.lists.get(base + start..base + end).unwrap_or_default();
        for (at, entry) in sides.iter().enumerate() {
            if let Some(sample) = self.samples.get_mut(entry.row()) {
                // The sign of a weight, which is above 0, is free to say the side.
                let right = start + at >= middle;
                sample.weight = if right { -sample.weight } else { sample.weight };
            }
        }
        self.right.resize(self.drawn, Entry::default());
        for (column, list) in self.lists.chunks_exact_mut(self.drawn).enumerate() {
            if column != split
                && let Some(list) = list.get_mut(start..end)
            {
                stable_partition(list, &mut self.right, &self.samples);
            }
        }
        let rights = self
            .lists
            .get(base + middle..base + end)
            .unwrap_or_default();
        for entry in rights {
            if let Some(sample) = self.samples.get_mut(entry.row()) {
                sample.weight = -sample.weight;
            }
        }
    }

    /// The drafts level by level.
    fn records(&self) -> Vec<Record<f64>> {
        let mut queue = Vec::with_capacity(self.drafts.len());
        queue.push(0);
        let mut records = Vec::with_capacity(self.drafts.len());
        while let Some(draft) = queue.get(records.len()).and_then(|&at| self.drafts.get(at)) {
            records.push(match *draft {
                Draft::Leaf(value) => Record::Leaf(value),
                Draft::Split {
                    column,
                    threshold,
                    left,
                } => {
                    queue.extend([left, left + 1]);
                    let feature = self.table.features.get(column);
                    Record::Split {
                        feature: feature.copied().unwrap_or_default(),
                        threshold,
                    }
                }
            });
        }
        records
    }
}

/// A number in [`low`, `high`), half way where the floats allow.
fn between(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high {
        middle
    } else {
        low
    }
}

/// Copies the rows of positive weight to the front of `out` and returns their number.
#[allow(
    clippy::indexing_slicing,
    reason = "`out` has room for one entry more than rows were drawn, and there is a sample for \
              each row"
)]
fn keep_drawn(column: &[Entry], out: &mut [Entry], samples: &[Sample]) -> usize {
    let mut kept = 0;
    // Written every time and counted where it is right: no branch to guess.
    for &entry in column {
        out[kept] = entry;
        kept += usize::from(samples[entry.row()].weight > 0.0);
    }
    kept
}

/// Moves the rows of positive weight to the front; both parts keep their order.
#[allow(
    clippy::indexing_slicing,
    reason = "`right` is as long as any list, samples as there are rows, and neither end of the \
              list is passed"
)]
fn stable_partition(list: &mut [Entry], right: &mut [Entry], samples: &[Sample]) {
    let right = &mut right[..list.len()];
    let (mut lefts, mut rights) = (0, 0);
    // Written to both sides and counted on one: no branch to guess.
    for at in 0..list.len() {
        let entry = list[at];
        list[lefts] = entry;
        right[rights] = entry;
        let is_left = usize::from(samples[entry.row()].weight > 0.0);
        lefts += is_left;
        rights += 1 - is_left;
    }
    list[lefts..].copy_from_slice(&right[..rights]);
}

/// A bit for each row that was not drawn.
fn unseen(samples: &[Sample]) -> Vec<u64> {
    let word = |samples: &[Sample]| {
        let bits = samples.iter().enumerate();
        bits.fold(0, |word, (bit, sample)| {
            word | u64::from(sample.weight == 0.0) << bit
        })
    };
    samples.chunks(64).map(word).collect()
}
