//! Half-space trees: random partitions of the space that count the points of the last window.

mod limits;
mod stream;
mod trees;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;

pub use limits::Limits;
pub use stream::HalfSpaceTreesStream;
pub use trees::HalfSpace;

/// Configuration of half-space trees.
///
/// Each tree halves the box of the `limits` at random, `height` times. Over a window every tree
/// counts the points in its parts; the counts of one window judge the points of the next. With `r`
/// the count of a part at depth `d`, the mass of a point in a tree is the sum of `r 2^d` over the
/// parts that hold it, from the root down to the first whose `r` is below a tenth of the window, and
///
/// `score = 1 - sum of masses / (trees window (2^(height + 1) - 1))`,
///
/// in [0, 1]: 1 where the last window had nothing, and higher is more anomalous. Scores of ordinary
/// points are often near 1 as well, because few are where the densest parts are: compare them with
/// the scores of ordinary points, not with 0.5. Scores start after the first window.
///
/// A tree picks the feature to split in proportion to what is left of its limits (all start alike)
/// and splits it between 15 % and 85 % of that.
///
/// Random numbers come from PCG64 (`rand_pcg::Pcg64`), one generator a tree.
///
/// Cost: O(trees height) a point, whether it is scored, learned or both in one pass, and O(trees
/// 2^height) every window. Memory: 10 bytes a leaf for windows of up to 255 points, else 11, that
/// is 64 kB at the defaults and 6.4 kB with [`HalfSpaceTrees::small`].
///
/// Source: Tan, Ting, Liu 2011, doi 10.5591/978-1-57735-516-8/IJCAI11-254; with the same trees, equal
/// to `anomaly.HalfSpaceTrees` of river 0.26.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stream::HalfSpaceTrees;
/// let mut trees = HalfSpaceTrees::new().seed(1).build(2)?;
/// for i in 0..500_u32 {
///     let x = f64::from(i % 17) / 17.0;
///     trees.learn(&[0.2 + 0.2 * x, 0.4 + 0.1 * x])?;
/// }
/// let near = trees.score(&[0.3, 0.45])?.ready().unwrap();
/// let far = trees.score(&[0.9, 0.1])?.ready().unwrap();
/// assert!(far > near);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HalfSpaceTrees {
    trees: usize,
    height: u32,
    window: usize,
    limits: Limits,
    seed: u64,
}

/// The most leaves of all trees together: 11 MiB.
const MAX_LEAVES: usize = 1 << 20;

/// The most features: a split names one in a byte.
pub(crate) const MAX_FEATURES: usize = 256;

impl Default for HalfSpaceTrees {
    fn default() -> Self {
        Self {
            trees: 25,
            height: 8,
            window: 250,
            limits: Limits::Unit,
            seed: 0,
        }
    }
}

impl HalfSpaceTrees {
    /// The defaults: 25 trees of height 8, windows of 250 points, limits 0 and 1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A profile below 8 kB for very many series: 10 trees of height 6.
    #[must_use]
    pub fn small() -> Self {
        Self {
            trees: 10,
            height: 6,
            ..Self::default()
        }
    }

    /// The number of trees. Domain: [1, 1000]. Default: 25.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn trees(mut self, trees: usize) -> Result<Self> {
        self.trees = check::count("trees", trees, 1, 1000)?;
        Ok(self)
    }

    /// How often a tree halves the space. Domain: [1, 15], and at most 1048576 leaves in all.
    /// Default: 8.
    ///
    /// # Errors
    /// When outside [1, 15]; the number of leaves is checked by [`HalfSpaceTrees::validate`].
    pub fn height(mut self, height: u32) -> Result<Self> {
        check::count("height", height as usize, 1, 15)?;
        self.height = height;
        Ok(self)
    }

    /// The window in points. Domain: [1, 65535]. Default: 250.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn window(mut self, points: usize) -> Result<Self> {
        self.window = check::count("window", points, 1, usize::from(u16::MAX))?;
        Ok(self)
    }

    /// The limits of the features; values outside count as on the limit. Default: 0 and 1 for all.
    ///
    /// # Errors
    /// When they are not finite, not in order, or learned from fewer than 2 points.
    pub fn limits(mut self, limits: Limits) -> Result<Self> {
        limits.validate()?;
        self.limits = limits;
        Ok(self)
    }

    /// The seed of the trees. Default: 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("trees", self.trees, 1, 1000)?;
        check::count("height", self.height as usize, 1, 15)?;
        check::count("window", self.window, 1, usize::from(u16::MAX))?;
        check::count("trees * 2^height", self.leaves(), 2, MAX_LEAVES)?;
        self.limits.validate()
    }

    /// A detector of `features` features with this configuration that has seen nothing. Domain of
    /// `features`: [1, 256].
    ///
    /// # Errors
    /// When a parameter is outside its domain or the limits are of another number of features.
    pub fn build(&self, features: usize) -> Result<HalfSpaceTreesStream> {
        self.validate()?;
        self.limits.fit(features)?;
        HalfSpaceTreesStream::grow(self.clone(), features)
    }

    /// As [`HalfSpaceTrees::build`], with `trees` grown elsewhere: for each its `2^height - 1`
    /// splits, the root first, then depth by depth from left to right. Their thresholds are in the
    /// unit of the features, so that the limits are not used. The number of trees is theirs.
    ///
    /// # Errors
    /// As [`HalfSpaceTrees::build`], and when a tree has another number of splits, a split names a
    /// feature that there is not, or a threshold is not finite.
    pub fn build_from(
        &self,
        features: usize,
        trees: &[Vec<HalfSpace>],
    ) -> Result<HalfSpaceTreesStream> {
        let config = self.clone().trees(trees.len())?;
        config.validate()?;
        check::count("features", features, 1, MAX_FEATURES)?;
        let config = config.limits(Limits::Unit)?;
        let splits = (1_usize << self.height) - 1;
        for (tree, nodes) in trees.iter().enumerate() {
            if nodes.len() != splits {
                let what = format!("the number of splits of tree {tree}");
                return Err(Error::shape(what, nodes.len(), splits));
            }
            for node in nodes {
                if node.feature >= features {
                    let what = format!("a feature of tree {tree}");
                    let domain = format!("below {features}");
                    return Err(Error::parameter(what, node.feature, domain));
                }
                check::finite(node.threshold)?;
            }
        }
        HalfSpaceTreesStream::from_trees(config, features, trees)
    }

    /// The leaves of all trees.
    fn leaves(&self) -> usize {
        self.trees.saturating_mul(1 << self.height.min(63))
    }
}
