//! The binary trees of a forest, laid out so that many rows descend at once.
//!
//! The nodes of all trees lie side by side, 16 bytes each, every tree level by level and brothers
//! next to each other, so that a step down is a comparison and an addition, without a branch to
//! guess. A leaf leads to itself: rows which arrive early wait there for the others. Thresholds
//! and values are compared as whole numbers that sort as the floats do, which takes fewer and
//! shorter instructions.

mod descend;
pub(crate) mod key;
mod levels;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

pub(crate) use descend::Inputs;
pub(crate) use levels::Levels;

/// A node as it is grown, saved and loaded. The nodes of a tree are listed level by level: the
/// children of the split with number k (from 0) are the nodes 2k + 1 and 2k + 2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Record<L> {
    /// Rows with `x[feature] <= threshold` go to the first child, others to the second.
    Split { feature: u32, threshold: f64 },
    /// The end of a path, with what the method keeps there.
    Leaf(L),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    feature: u32,
    /// The child of rows at or below the threshold; the other one follows it. Itself at a leaf.
    left: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Root {
    node: u32,
    /// The number of steps to the deepest leaf.
    depth: u32,
}

/// Trees whose every link has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trees {
    features: usize,
    /// The key of the threshold of each node; at a leaf one that no row exceeds.
    thresholds: Vec<u64>,
    /// As many as thresholds.
    links: Vec<Link>,
    roots: Vec<Root>,
}

impl Trees {
    /// Links `trees`, whose splits look at any of `features` features.
    ///
    /// # Errors
    /// When there is no tree, a list is not a whole tree, a feature is out of range, a threshold
    /// is not finite, or there are more than 2^32 - 1 nodes.
    pub(crate) fn link<L>(features: usize, trees: &[Vec<Record<L>>]) -> Result<Self> {
        if trees.is_empty() {
            return Err(Error::input("a forest needs at least one tree"));
        }
        if features == 0 {
            return Err(Error::input("a forest needs at least one feature"));
        }
        let total = trees.iter().map(Vec::len).sum();
        if u32::try_from(total).is_err() {
            return Err(Error::input(format!(
                "a forest holds at most {} nodes, but this one has {total}; take fewer trees or \
                 rows",
                u32::MAX
            )));
        }
        let mut linked = Self {
            features,
            thresholds: Vec::with_capacity(total),
            links: Vec::with_capacity(total),
            roots: Vec::with_capacity(trees.len()),
        };
        for (number, records) in trees.iter().enumerate() {
            let depth = linked.push(records).map_err(|fault| {
                Error::input(format!("tree {number} of the forest is not valid: {fault}"))
            })?;
            let node = (linked.links.len() - records.len()) as u32;
            linked.roots.push(Root { node, depth });
        }
        Ok(linked)
    }

    /// Appends a tree and returns its depth, or says what is wrong with it.
    fn push<L>(&mut self, records: &[Record<L>]) -> std::result::Result<u32, String> {
        let base = self.links.len();
        let mut levels = Levels::default();
        for (at, record) in records.iter().enumerate() {
            let left = levels.next(matches!(record, Record::Split { .. }))?;
            let left = (base + left) as u32;
            let (threshold, feature) = match *record {
                Record::Split { feature, threshold } => {
                    if feature as usize >= self.features {
                        return Err(format!(
                            "node {at} splits on feature {feature} of {}",
                            self.features
                        ));
                    }
                    if !threshold.is_finite() {
                        return Err(format!("the threshold of node {at} is {threshold}"));
                    }
                    (key::of(threshold), feature)
                }
                Record::Leaf(_) => (key::BEYOND, 0),
            };
            self.thresholds.push(threshold);
            self.links.push(Link { feature, left });
        }
        levels.depth()
    }

    /// The inverse of [`Self::link`]; `leaves` gives what each leaf holds, in order.
    pub(crate) fn records<L>(&self, leaves: impl IntoIterator<Item = L>) -> Vec<Vec<Record<L>>> {
        let mut leaves = leaves.into_iter();
        let record = |(at, (link, &threshold)): (usize, (&Link, &u64))| {
            if link.left as usize == at {
                leaves.next().map(Record::Leaf)
            } else {
                Some(Record::Split {
                    feature: link.feature,
                    threshold: key::value(threshold),
                })
            }
        };
        let nodes = self.links.iter().zip(&self.thresholds);
        let mut all = nodes.enumerate().map_while(record);
        let starts = self.roots.iter().skip(1).map(|root| root.node as usize);
        let ends = starts.chain([self.links.len()]);
        self.roots
            .iter()
            .zip(ends)
            .map(|(root, end)| all.by_ref().take(end - root.node as usize).collect())
            .collect()
    }

    pub(crate) const fn features(&self) -> usize {
        self.features
    }

    /// The number of trees.
    pub(crate) fn len(&self) -> usize {
        self.roots.len()
    }

    /// The number of nodes of all trees.
    pub(crate) fn n_nodes(&self) -> usize {
        self.links.len()
    }

    /// The first of the two children of node `at`, if that is a split.
    pub(crate) fn children(&self, at: usize) -> Option<usize> {
        let left = self.links.get(at)?.left as usize;
        (left != at).then_some(left)
    }

    /// Calls `visit(feature, parent, child)` for every step of `row` down every tree.
    pub(crate) fn walk(&self, row: &[f64], mut visit: impl FnMut(usize, usize, usize)) {
        for root in &self.roots {
            let mut at = root.node as usize;
            while let (Some(link), Some(&threshold)) = (self.links.get(at), self.thresholds.get(at))
            {
                let feature = link.feature as usize;
                let above = row.get(feature).is_some_and(|&x| key::of(x) > threshold);
                let next = link.left as usize + usize::from(above);
                if next == at {
                    break;
                }
                visit(feature, at, next);
                at = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn split(feature: u32, threshold: f64) -> Record<u32> {
        Record::Split { feature, threshold }
    }

    #[test]
    fn what_is_linked_is_listed_again() {
        let stump = vec![split(1, 0.5), Record::Leaf(3), Record::Leaf(4)];
        let chain = vec![
            split(0, 0.5),
            Record::Leaf(1),
            split(1, 2.5),
            split(0, 1.5),
            Record::Leaf(2),
            Record::Leaf(3),
            Record::Leaf(4),
        ];
        let forest = vec![stump, chain, vec![Record::Leaf(9)]];
        let trees = Trees::link(2, &forest).unwrap();
        assert_eq!(trees.records([3, 4, 1, 2, 3, 4, 9]), forest);
        let depths: Vec<u32> = trees.roots.iter().map(|root| root.depth).collect();
        assert_eq!(depths, [1, 3, 0]);
    }

    #[test]
    fn broken_trees_are_refused() {
        let leaf = Record::Leaf(1);
        for broken in [
            vec![],
            vec![leaf, leaf],
            vec![split(0, 1.0), leaf],
            vec![split(0, 1.0), leaf, leaf, leaf],
            vec![split(0, 1.0), split(0, 1.0), split(0, 1.0)],
            vec![split(2, 1.0), leaf, leaf],
            vec![split(0, f64::NAN), leaf, leaf],
            vec![split(0, f64::INFINITY), leaf, leaf],
        ] {
            assert!(
                Trees::link(2, std::slice::from_ref(&broken)).is_err(),
                "{broken:?}"
            );
        }
        assert!(Trees::link::<u32>(2, &[]).is_err());
    }
}
