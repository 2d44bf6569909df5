/// Finds the children of nodes that are listed level by level: those of the split with number k
/// (from 0) are the nodes 2k + 1 and 2k + 2.
pub(crate) struct Levels {
    /// Nodes listed so far.
    listed: usize,
    /// Nodes that are the root or a child of a split so far.
    known: usize,
    level_end: usize,
    depth: u32,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            listed: 0,
            known: 1,
            level_end: 1,
            depth: 0,
        }
    }
}

impl Levels {
    /// The first child of the next node, if it is a split, otherwise itself.
    ///
    /// # Errors
    /// When no split leads to the node.
    pub(crate) fn next(&mut self, is_split: bool) -> Result<usize, String> {
        let at = self.listed;
        if at >= self.known {
            return Err(format!("no split leads to node {at}"));
        }
        if at == self.level_end {
            self.depth += 1;
            self.level_end = self.known;
        }
        self.listed += 1;
        if !is_split {
            return Ok(at);
        }
        self.known += 2;
        Ok(self.known - 2)
    }

    /// The number of steps to the deepest leaf of a whole tree.
    ///
    /// # Errors
    /// When children are missing.
    pub(crate) fn depth(self) -> Result<u32, String> {
        if self.known == self.listed {
            Ok(self.depth)
        } else {
            Err(format!(
                "it needs {} nodes, but has {}",
                self.known, self.listed
            ))
        }
    }
}
