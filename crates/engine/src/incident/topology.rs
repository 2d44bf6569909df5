//! Whether a fault of one service can show at another.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_rca::Graph;

/// The services that each service needs, directly or not.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Topology {
    /// Cost: O(services x dependencies), once a graph.
    pub(crate) fn new(graph: &Graph) -> Self {
        let needs = graph.services().map(|service| {
            let mut reached = BTreeSet::new();
            let mut open = vec![service];
            while let Some(next) = open.pop() {
                for callee in graph.callees(next) {
                    if reached.insert(callee.to_owned()) {
                        open.push(callee);
                    }
                }
            }
            (service.to_owned(), reached)
        });
        Self {
            needs: needs.collect(),
        }
    }

    /// Whether one is the other or needs it. Of services that the graph does not know, and where
    /// nothing is known, anything can be.
    pub(crate) fn related(&self, a: &str, b: &str) -> bool {
        match (self.needs.get(a), self.needs.get(b)) {
            (Some(of_a), Some(of_b)) => a == b || of_a.contains(b) || of_b.contains(a),
            _ => true,
        }
    }
}
