use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::tree::Levels;

/// A node as it is grown, saved and loaded; the nodes of a tree are listed level by level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Record {
    /// Rows with `sum of weight * x[feature] < offset` go to the first child, others to the
    /// second.
    Split { terms: Vec<(u32, f64)>, offset: f64 },
    /// The end of a path of this many training rows.
    Leaf(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    /// The first child, the second follows; itself at a leaf.
    left: u32,
    /// The place of the first term; those of the next node follow.
    terms: u32,
}

/// Trees that split along planes, with every link checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planes {
    pub(super) features: usize,
    links: Vec<Link>,
    /// 0 at a leaf.
    offsets: Vec<f64>,
    terms: Vec<(u32, f64)>,
    /// The root of each tree.
    pub(super) roots: Vec<u32>,
}

impl Planes {
    /// Links `trees`, whose splits look at any of `features` features.
    ///
    /// # Errors
    /// When there is no tree, a list is not a whole tree, a split has no terms, a feature is out
    /// of range, a number is not finite, or there are 2^32 nodes or terms or more.
    pub(super) fn link(features: usize, trees: &[Vec<Record>]) -> Result<Self> {
        if trees.is_empty() || features == 0 {
            return Err(Error::input("a forest needs at least one tree and feature"));
        }
        let mut linked = Self {
            features,
            links: Vec::new(),
            offsets: Vec::new(),
            terms: Vec::new(),
            roots: Vec::with_capacity(trees.len()),
        };
        for (number, records) in trees.iter().enumerate() {
            let largest = linked.links.len().max(linked.terms.len()) + records.len();
            let root = u32::try_from(largest).map(|_| linked.links.len() as u32);
            linked.roots.push(root.map_err(|_| {
                Error::input("a forest holds fewer than 2^32 nodes; take fewer trees or rows")
            })?);
            linked.push(records).map_err(|fault| {
                Error::input(format!("tree {number} of the forest is not valid: {fault}"))
            })?;
        }
        Ok(linked)
    }

    fn push(&mut self, records: &[Record]) -> std::result::Result<(), String> {
        let base = self.links.len();
        let mut levels = Levels::default();
        for (at, record) in records.iter().enumerate() {
            let left = levels.next(matches!(record, Record::Split { .. }))?;
            let first_term = u32::try_from(self.terms.len()).map_err(|_| "too many terms")?;
            self.links.push(Link {
                left: (base + left) as u32,
                terms: first_term,
            });
            let Record::Split { terms, offset } = record else {
                self.offsets.push(0.0);
                continue;
            };
            let fits = |&(feature, weight): &(u32, f64)| {
                (feature as usize) < self.features && weight.is_finite()
            };
            if terms.is_empty() || !terms.iter().all(fits) || !offset.is_finite() {
                return Err(format!(
                    "node {at} is no plane of {} features",
                    self.features
                ));
            }
            self.terms.extend_from_slice(terms);
            self.offsets.push(*offset);
        }
        levels.depth().map(|_| ())
    }

    /// The inverse of [`Self::link`]; `leaves` gives the rows of each leaf, in order.
    pub(super) fn records(&self, leaves: &[u32]) -> Vec<Vec<Record>> {
        let mut leaves = leaves.iter();
        let mut record = |at: usize| match self.children(at) {
            Some(_) => Record::Split {
                terms: self.terms(at).to_vec(),
                offset: self.offsets.get(at).copied().unwrap_or_default(),
            },
            None => Record::Leaf(leaves.next().copied().unwrap_or_default()),
        };
        let ends = self.roots.iter().skip(1).map(|&root| root as usize);
        let ends = ends.chain([self.links.len()]);
        let tree = |(&root, end): (&u32, usize)| (root as usize..end).map(&mut record).collect();
        self.roots.iter().zip(ends).map(tree).collect()
    }

    pub(super) fn n_nodes(&self) -> usize {
        self.links.len()
    }

    /// The first of the two children of node `at`, if that is a split.
    pub(super) fn children(&self, at: usize) -> Option<usize> {
        let left = self.links.get(at)?.left as usize;
        (left != at).then_some(left)
    }

    /// What the plane of node `at` looks at.
    pub(super) fn terms(&self, at: usize) -> &[(u32, f64)] {
        let start = self.links.get(at).map_or(0, |link| link.terms as usize);
        let end = self.links.get(at + 1).map(|link| link.terms as usize);
        let end = end.unwrap_or(self.terms.len());
        self.terms.get(start..end).unwrap_or_default()
    }

    /// The child of node `at` that `row` goes to; `None` at a leaf.
    #[inline]
    pub(super) fn step(&self, at: usize, row: &[f64]) -> Option<usize> {
        let left = self.children(at)?;
        let offset = self.offsets.get(at).copied().unwrap_or_default();
        Some(left + usize::from(!is_before(self.terms(at), offset, row)))
    }
}

/// Whether `row` is on the first side of a plane.
#[inline]
pub(super) fn is_before(terms: &[(u32, f64)], offset: f64, row: &[f64]) -> bool {
    let mut sum = 0.0;
    for &(feature, weight) in terms {
        sum += weight * row.get(feature as usize).copied().unwrap_or_default();
    }
    sum < offset
}
