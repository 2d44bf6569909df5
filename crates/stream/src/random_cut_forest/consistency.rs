//! What a tree promises about itself.

use super::tree::{Id, NONE, Tree};

impl Tree {
    /// Whether the arrays have their lengths, every node is used once or free, links go both ways,
    /// masses add up, boxes are those of the points, and each point is on its side of every cut.
    pub(super) fn is_consistent(&self, capacity: usize, dimensions: usize) -> bool {
        let (n, d) = (capacity, dimensions);
        let branches = n.saturating_sub(1);
        let lengths = self.capacity == n
            && self.dimensions == d
            && self.links.len() == n + branches
            && self.points.len() == n * d
            && self.branches.len() == branches
            && self.boxes.len() == 2 * branches * d;
        lengths && self.points.iter().all(|x| x.abs() <= 1e100) && self.nodes_are_consistent()
    }

    fn nodes_are_consistent(&self) -> bool {
        let mut known = vec![false; self.links.len()];
        let mut once = |id: Id| {
            let slot = known.get_mut(id as usize);
            slot.is_some_and(|known| !std::mem::replace(known, true))
        };
        let leaf = |&id: &Id| (id as usize) < self.capacity;
        let free = self.free_leaves.iter().all(leaf)
            && !self.free_branches.iter().any(leaf)
            && self
                .free_leaves
                .iter()
                .chain(&self.free_branches)
                .all(|&id| self.link(id).mass == 0 && once(id));
        if !free {
            return false;
        }
        if self.root != NONE && self.link(self.root).parent != NONE {
            return false;
        }
        let mut todo: Vec<Id> = Some(self.root)
            .filter(|&id| id != NONE)
            .into_iter()
            .collect();
        while let Some(id) = todo.pop() {
            // A node that was met before would be on a circle.
            if !once(id) || self.link(id).mass == 0 {
                return false;
            }
            if let Some(branch) = self.branch(id) {
                let children = [branch.left, branch.right];
                if !self.branch_is_consistent(id, children) {
                    return false;
                }
                todo.extend(children);
            }
        }
        known.iter().all(|&known| known)
    }

    fn branch_is_consistent(&self, id: Id, [left, right]: [Id; 2]) -> bool {
        let Some(branch) = self.branch(id) else {
            return false;
        };
        let (l, r) = (self.link(left), self.link(right));
        let ((low, high), (l_low, l_high), (r_low, r_high)) =
            (self.bounds(id), self.bounds(left), self.bounds(right));
        let joined = |feature: usize| {
            let at = |side: &[f64]| side.get(feature).copied();
            match (at(l_low), at(r_low), at(l_high), at(r_high)) {
                (Some(l0), Some(r0), Some(l1), Some(r1)) => {
                    at(low) == Some(l0.min(r0)) && at(high) == Some(l1.max(r1))
                }
                _ => false,
            }
        };
        let cut = branch.feature as usize;
        let apart = l_high.get(cut).is_some_and(|&x| x <= branch.at)
            && r_low.get(cut).is_some_and(|&x| x > branch.at);
        l.parent == id
            && r.parent == id
            && l.mass.checked_add(r.mass) == Some(self.link(id).mass)
            && apart
            && (0..self.dimensions).all(joined)
    }
}
