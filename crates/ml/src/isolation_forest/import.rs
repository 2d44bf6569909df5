use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::tree::{Inputs, Record};

/// A node of a tree that another program has grown.
///
/// ```
/// use bongsu_ml::isolation_forest::ImportedNode;
/// // scikit-learn's `tree_` as arrays: a leaf has no children, and they are -1.
/// let node = |feature: i64, threshold: f64, left: i64, right: i64, samples: u64| {
///     if left < 0 {
///         ImportedNode::Leaf { samples }
///     } else {
///         let (left, right) = (left as usize, right as usize);
///         ImportedNode::Split { feature: feature as usize, threshold, left, right }
///     }
/// };
/// assert_eq!(node(-2, -2.0, -1, -1, 3), ImportedNode::Leaf { samples: 3 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ImportedNode {
    /// Rows with `x[feature] <= threshold` go to the node `left`, others to `right`.
    Split {
        /// The number of the feature, from 0, among those of a row.
        feature: usize,
        /// The threshold: finite.
        threshold: f64,
        /// The place of a child in the list of nodes.
        left: usize,
        /// The place of the other child.
        right: usize,
    },
    /// The end of a path.
    Leaf {
        /// How many training rows ended here: in [1, 4294967295].
        samples: u64,
    },
}

/// How the values of a row are read before they are compared with thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputPrecision {
    /// As they are (the default).
    #[default]
    Double,
    /// Rounded to single precision first, as scikit-learn does.
    Single,
}

impl From<InputPrecision> for Inputs {
    fn from(precision: InputPrecision) -> Self {
        match precision {
            InputPrecision::Double => Self::Double,
            InputPrecision::Single => Self::Single,
        }
    }
}

/// Lists the nodes of tree `number` level by level.
pub(super) fn levels(number: usize, nodes: &[ImportedNode]) -> Result<Vec<Record<u32>>> {
    let fault = |what: String| Error::input(format!("tree {number}: {what}"));
    let mut queue = vec![0];
    let mut records = Vec::with_capacity(nodes.len());
    // A whole tree names each of its nodes once; a cycle or a shared child names more.
    while let Some(&at) = queue.get(records.len()) {
        if queue.len() > nodes.len() {
            return Err(fault("a node is the child of several".to_owned()));
        }
        let node = nodes
            .get(at)
            .ok_or_else(|| fault(format!("there is no node {at}")))?;
        records.push(match *node {
            ImportedNode::Leaf { samples } => {
                Record::Leaf(u32::try_from(samples).map_err(|_| {
                    fault(format!(
                        "leaf {at} has {samples} samples, more than {}",
                        u32::MAX
                    ))
                })?)
            }
            ImportedNode::Split {
                feature,
                threshold,
                left,
                right,
            } => {
                queue.extend([left, right]);
                let feature = u32::try_from(feature)
                    .map_err(|_| fault(format!("node {at} splits on feature {feature}")))?;
                Record::Split { feature, threshold }
            }
        });
    }
    let mut reached = vec![false; nodes.len()];
    for &at in &queue {
        if let Some(seen) = reached.get_mut(at)
            && std::mem::replace(seen, true)
        {
            return Err(fault(format!("node {at} is the child of several")));
        }
    }
    match reached.iter().position(|&seen| !seen) {
        Some(at) => Err(fault(format!("no split leads to node {at}"))),
        None => Ok(records),
    }
}
