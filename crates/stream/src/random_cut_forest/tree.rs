//! A random cut tree that points are put into and taken out of.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// A node: below the capacity it is a leaf, from there on a branch.
pub(super) type Id = u32;

/// No node.
pub(super) const NONE: Id = Id::MAX;

/// What leaves and branches have alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) parent: Id,
    /// The number of points below; 0 for a node that is not in use.
    pub(super) mass: u32,
}

const FREE: Link = Link {
    parent: NONE,
    mass: 0,
};

/// A cut: points whose `feature` is at most `at` are on the left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Branch {
    pub(super) feature: u32,
    pub(super) at: f64,
    pub(super) left: Id,
    pub(super) right: Id,
}

/// A random cut tree of at most `capacity` different points, in flat arrays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tree {
    pub(super) dimensions: usize,
    pub(super) capacity: usize,
    pub(super) root: Id,
    /// Leaves, then branches.
    pub(super) links: Vec<Link>,
    /// The point of each leaf.
    pub(super) points: Vec<f64>,
    pub(super) branches: Vec<Branch>,
    /// For each branch the least and then the largest coordinates of the points below.
    pub(super) boxes: Vec<f64>,
    pub(super) free_leaves: Vec<Id>,
    pub(super) free_branches: Vec<Id>,
}

impl Tree {
    /// The bytes on the heap.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.links.capacity() * size_of::<Link>()
            + (self.points.capacity() + self.boxes.capacity()) * size_of::<f64>()
            + self.branches.capacity() * size_of::<Branch>()
            + (self.free_leaves.capacity() + self.free_branches.capacity()) * size_of::<Id>()
    }

    /// An empty tree.
    pub(super) fn new(capacity: usize, dimensions: usize) -> Self {
        Self {
            dimensions,
            capacity,
            root: NONE,
            links: Vec::new(),
            points: Vec::new(),
            branches: Vec::new(),
            boxes: Vec::new(),
            free_leaves: Vec::new(),
            free_branches: Vec::new(),
        }
        .with_room()
    }

    /// All nodes, not in use.
    fn with_room(mut self) -> Self {
        let (n, d) = (self.capacity, self.dimensions);
        let branches = n.saturating_sub(1);
        let unused = Branch {
            feature: 0,
            at: 0.0,
            left: NONE,
            right: NONE,
        };
        self.links = vec![FREE; n + branches];
        self.points = vec![0.0; n * d];
        self.branches = vec![unused; branches];
        self.boxes = vec![0.0; 2 * branches * d];
        self.free_leaves = (0..n as Id).rev().collect();
        self.free_branches = (n as Id..(n + branches) as Id).rev().collect();
        self
    }

    pub(super) fn link(&self, id: Id) -> Link {
        self.links.get(id as usize).copied().unwrap_or(FREE)
    }

    pub(super) fn branch(&self, id: Id) -> Option<Branch> {
        let branch = (id as usize).checked_sub(self.capacity)?;
        self.branches.get(branch).copied()
    }

    /// The least and the largest coordinates of the points below a node.
    #[inline]
    pub(super) fn bounds(&self, id: Id) -> (&[f64], &[f64]) {
        let (id, d) = (id as usize, self.dimensions);
        if let Some(branch) = id.checked_sub(self.capacity) {
            let both = self.boxes.get(2 * branch * d..2 * (branch + 1) * d);
            both.unwrap_or_default()
                .split_at_checked(d)
                .unwrap_or_default()
        } else {
            let point = self.points.get(id * d..(id + 1) * d).unwrap_or_default();
            (point, point)
        }
    }

    fn bounds_mut(&mut self, id: Id) -> (&mut [f64], &mut [f64]) {
        let d = self.dimensions;
        let branch = (id as usize).saturating_sub(self.capacity);
        let both = self.boxes.get_mut(2 * branch * d..2 * (branch + 1) * d);
        both.unwrap_or_default()
            .split_at_mut_checked(d)
            .unwrap_or_default()
    }

    pub(super) fn sibling(&self, id: Id) -> Id {
        match self.branch(self.link(id).parent) {
            Some(Branch { left, right, .. }) if left == id => right,
            Some(Branch { left, .. }) => left,
            None => NONE,
        }
    }

    fn set_link(&mut self, id: Id, link: Link) {
        if let Some(slot) = self.links.get_mut(id as usize) {
            *slot = link;
        }
    }

    /// Puts `new` where `old` was below `parent`, which is `NONE` for the root.
    fn replace_child(&mut self, parent: Id, old: Id, new: Id) {
        let branch = (parent as usize).checked_sub(self.capacity);
        match branch.and_then(|branch| self.branches.get_mut(branch)) {
            Some(branch) if branch.left == old => branch.left = new,
            Some(branch) => branch.right = new,
            None => self.root = new,
        }
        let mass = self.link(new).mass;
        self.set_link(new, Link { parent, mass });
    }

    /// Adds one point, or with `up` false takes one away, from `id` up to the root.
    fn count(&mut self, mut id: Id, up: bool) {
        while let Some(link) = self.links.get_mut(id as usize) {
            link.mass = if up { link.mass + 1 } else { link.mass - 1 };
            id = link.parent;
        }
    }

    /// Puts `point` in and gives its leaf: an existing one when it is there already. `NONE` when
    /// there is no room.
    pub(super) fn insert(&mut self, point: &[f64], random: &mut Random) -> Id {
        if self.root == NONE {
            let leaf = self.new_leaf(point, NONE);
            self.root = leaf;
            return leaf;
        }
        let mut at = self.root;
        loop {
            let (low, high) = self.bounds(at);
            let (inside, outside) = extents(low, high, point);
            let Some(branch) = self.branch(at) else {
                if outside == 0.0 {
                    self.count(at, true);
                    return at;
                }
                // A leaf holds one point: every cut separates another one from it.
                let draw = random.unit() * outside;
                return self.separate(at, point, draw, random);
            };
            if outside > 0.0 {
                let draw = random.unit() * (inside + outside);
                if draw < outside {
                    return self.separate(at, point, draw, random);
                }
            }
            at = child(&branch, point);
        }
    }

    /// Cuts `point` off the node `at`, in the dimension that `draw` hits among what it lies outside.
    fn separate(&mut self, at: Id, point: &[f64], mut draw: f64, random: &mut Random) -> Id {
        if self.free_leaves.is_empty() || self.free_branches.is_empty() {
            return NONE;
        }
        let (low, high) = self.bounds(at);
        let mut cut = None;
        for (feature, ((&low, &high), &x)) in low.iter().zip(high).zip(point).enumerate() {
            let gap = gap(low, high, x);
            if gap > 0.0 {
                cut = Some((feature, low, high, x));
                if draw < gap {
                    break;
                }
                draw -= gap;
            }
        }
        let Some((feature, low, high, x)) = cut else {
            return NONE;
        };
        let (from, to) = if x < low { (x, low) } else { (high, x) };
        let between = from + random.unit() * (to - from);
        // Rounding must not put the cut on the far side.
        let position = if between < to { between } else { from };

        let Link { parent, mass } = self.link(at);
        let Some(branch) = self.free_branches.pop() else {
            return NONE;
        };
        let leaf = self.new_leaf(point, branch);
        let (left, right) = if x < low { (leaf, at) } else { (at, leaf) };
        if let Some(slot) = self.branches.get_mut(branch as usize - self.capacity) {
            *slot = Branch {
                feature: feature as u32,
                at: position,
                left,
                right,
            };
        }
        self.set_link(
            branch,
            Link {
                parent,
                mass: mass + 1,
            },
        );
        self.replace_child(parent, at, branch);
        self.set_link(
            at,
            Link {
                parent: branch,
                mass,
            },
        );
        self.count(parent, true);
        self.join_children(branch);
        self.grow_boxes(parent, point);
        leaf
    }

    fn new_leaf(&mut self, point: &[f64], parent: Id) -> Id {
        let Some(leaf) = self.free_leaves.pop() else {
            return NONE;
        };
        let from = leaf as usize * self.dimensions;
        let slots = self.points.iter_mut().skip(from);
        for (slot, &x) in slots.zip(point) {
            *slot = x;
        }
        self.set_link(leaf, Link { parent, mass: 1 });
        leaf
    }

    /// Takes one of the points of `leaf` out.
    pub(super) fn remove(&mut self, leaf: Id) {
        if self.link(leaf).mass > 1 {
            self.count(leaf, false);
            return;
        }
        let parent = self.link(leaf).parent;
        let sibling = self.sibling(leaf);
        self.set_link(leaf, FREE);
        self.free_leaves.push(leaf);
        if parent == NONE {
            self.root = NONE;
            return;
        }
        let above = self.link(parent).parent;
        self.replace_child(above, parent, sibling);
        self.set_link(parent, FREE);
        self.free_branches.push(parent);
        self.count(above, false);
        self.shrink_boxes(above, leaf);
    }

    /// Makes the box of a branch that of its children.
    fn join_children(&mut self, id: Id) {
        let Some(Branch { left, right, .. }) = self.branch(id) else {
            return;
        };
        for feature in 0..self.dimensions {
            let side = |id: Id| {
                let (low, high) = self.bounds(id);
                (low.get(feature).copied(), high.get(feature).copied())
            };
            let ((Some(l0), Some(h0)), (Some(l1), Some(h1))) = (side(left), side(right)) else {
                return;
            };
            let (low, high) = self.bounds_mut(id);
            if let (Some(low), Some(high)) = (low.get_mut(feature), high.get_mut(feature)) {
                (*low, *high) = (l0.min(l1), h0.max(h1));
            }
        }
    }

    /// Makes the boxes from `id` up hold `point`.
    fn grow_boxes(&mut self, mut id: Id, point: &[f64]) {
        while id != NONE {
            let (low, high) = self.bounds_mut(id);
            for ((low, high), &x) in low.iter_mut().zip(high).zip(point) {
                *low = low.min(x);
                *high = high.max(x);
            }
            id = self.link(id).parent;
        }
    }

    /// Makes the boxes from `id` up no larger than their points, after that of `leaf` has gone,
    /// whose coordinates are still in its place.
    fn shrink_boxes(&mut self, mut id: Id, leaf: Id) {
        while id != NONE {
            let (low, high) = self.bounds(id);
            let point = self.bounds(leaf).0.iter();
            let mut sides = low.iter().zip(high).zip(point);
            // What is inside of a box is inside of every box around it.
            if !sides.any(|((low, high), x)| x <= low || x >= high) {
                return;
            }
            self.join_children(id);
            id = self.link(id).parent;
        }
    }
}

/// The side of a cut on which `point` lies.
#[inline]
pub(super) fn child(branch: &Branch, point: &[f64]) -> Id {
    match point.get(branch.feature as usize) {
        Some(&x) if x <= branch.at => branch.left,
        _ => branch.right,
    }
}

/// How far `x` is outside of [low, high].
#[inline]
pub(super) fn gap(low: f64, high: f64, x: f64) -> f64 {
    (low - x).max(x - high).max(0.0)
}

/// The sum of the sides of a box, and by how much `point` would lengthen them.
#[inline]
pub(super) fn extents(low: &[f64], high: &[f64], point: &[f64]) -> (f64, f64) {
    let (mut inside, mut outside) = (0.0, 0.0);
    for ((&low, &high), &x) in low.iter().zip(high).zip(point) {
        inside += high - low;
        outside += gap(low, high, x);
    }
    (inside, outside)
}
