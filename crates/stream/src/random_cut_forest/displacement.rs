//! How much of a tree a point would displace.

use super::tree::{Branch, Id, NONE, Tree, child, extents, gap};

impl Tree {
    /// The collusive displacement of a leaf that is in the tree: the largest ratio, from the leaf up
    /// to the root, of the points beside a node to those in it.
    #[cfg(test)]
    pub(super) fn displacement(&self, leaf: Id) -> f64 {
        let mut most = 0.0_f64;
        let mut at = leaf;
        while self.link(at).parent != NONE {
            let beside = f64::from(self.link(self.sibling(at)).mass);
            most = most.max(beside / f64::from(self.link(at).mass));
            at = self.link(at).parent;
        }
        most
    }

    /// The expected collusive displacement of `point` if it were put in, over the random cuts that
    /// this takes; calls `blame` with a feature and its part of that.
    ///
    /// `point` is separated at a node with the probability that a cut through the box of the node
    /// and the point hits what the point adds to the box. Its displacement is then the larger of
    /// the points of that node, and of the ratios above it, where it counts as one more point.
    pub(super) fn expected_displacement(
        &self,
        point: &[f64],
        mut blame: impl FnMut(usize, f64),
    ) -> f64 {
        let (mut expected, mut reached) = (0.0, 1.0);
        let (mut above, mut above_feature) = (0.0_f64, 0);
        let mut at = self.root;
        while at != NONE {
            let (low, high) = self.bounds(at);
            let (inside, outside) = extents(low, high, point);
            let branch = self.branch(at);
            if outside > 0.0 {
                let mass = f64::from(self.link(at).mass);
                let here = match branch {
                    Some(_) => reached * (outside / (inside + outside)),
                    None => reached,
                };
                let part = here * mass.max(above);
                expected += part;
                if above > mass {
                    blame(above_feature, part);
                } else {
                    let sides = low.iter().zip(high).zip(point).enumerate();
                    for (feature, ((&low, &high), &x)) in sides {
                        let gap = gap(low, high, x);
                        if gap > 0.0 {
                            blame(feature, part * (gap / outside));
                        }
                    }
                }
                reached -= here;
            }
            match branch {
                // Rounding may leave a little of nothing.
                Some(branch) if reached > 0.0 => {
                    let next = child(&branch, point);
                    let ratio = self.ratio(&branch, next);
                    if ratio > above {
                        (above, above_feature) = (ratio, branch.feature as usize);
                    }
                    at = next;
                }
                Some(_) => return expected,
                None => {
                    // One more of the same point.
                    if outside == 0.0 {
                        expected += reached * above;
                        blame(above_feature, reached * above);
                    }
                    return expected;
                }
            }
        }
        expected
    }

    /// The points beside the child `next`, for each in it with one more.
    fn ratio(&self, branch: &Branch, next: Id) -> f64 {
        let other = if next == branch.left {
            branch.right
        } else {
            branch.left
        };
        f64::from(self.link(other).mass) / (f64::from(self.link(next).mass) + 1.0)
    }
}
