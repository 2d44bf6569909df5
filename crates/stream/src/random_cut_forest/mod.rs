//! Random cut forest: trees of random cuts over a sample of the stream that forgets.

mod consistency;
mod displacement;
mod reservoir;
mod stream;
mod tree;

#[cfg(test)]
mod tests;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::RandomCutForestStream;

/// Configuration of a random cut forest.
///
/// Each tree keeps a sample of the stream, cut apart at random: a box of points is cut in a feature
/// taken in proportion to its side, at a uniform place. Points come and go one by one, and the tree
/// stays one that would have been grown from its sample. The score of a point is its collusive
/// displacement, the mean over the trees of
///
/// `max over the nodes from its leaf up of (points beside the node) / (points in the node)`
///
/// if it were put in: how many points move up in the tree, for each that goes, when the point and
/// those like it go. Copies of an anomaly so do not hide each other. The mean is exact over the cuts
/// that putting the point in takes, so that scoring draws nothing and changes nothing. It is at least
/// 0 and at most the sample size; ordinary points score a few.
///
/// The sample is a reservoir in which a point that came `a` points ago has the weight
/// `exp(-time_decay a)`.
///
/// With a `shingle` of more than 1 the last points together are judged, which finds unusual shapes in
/// time. Features are cut in proportion to their ranges: bring them to a common scale first.
///
/// Random numbers come from PCG64 (`rand_pcg::Pcg64`), one generator a tree.
///
/// Values: finite, magnitude at most 1e100.
///
/// Cost: O(trees depth dimensions) a point with dimensions = features * shingle and depth near
/// 2 log2(sample size). Memory: `trees * sample_size * (24 dimensions + 72)` bytes at most (1.2 MB at
/// the defaults for one feature).
///
/// Source: Guha, Mishra, Roy, Schrijvers 2016, *Robust random cut forest based anomaly detection on
/// streams*, Proceedings of Machine Learning Research 48; displacements equal to those of the
/// package rrcf 0.4.4 on the same trees.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stream::RandomCutForest;
/// let mut forest = RandomCutForest::new().trees(20)?.seed(1).build(2)?;
/// for i in 0..300_u32 {
///     let (sin, cos) = f64::from(i).sin_cos();
///     forest.learn(&[sin, cos])?;
/// }
/// let near = forest.score(&[0.6, 0.8])?.ready().unwrap();
/// let far = forest.score(&[0.6, 5.0])?.ready().unwrap();
/// assert!(far > 5.0 * near);
/// let parts = forest.attribution(&[0.6, 5.0])?.unwrap();
/// assert!(parts[1] > 0.9 * far, "it is the second feature");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomCutForest {
    trees: usize,
    sample_size: usize,
    shingle: usize,
    time_decay: f64,
    output_after: usize,
    seed: u64,
}

/// The most coordinates of all trees together: 3 * 8 bytes each.
const MAX_COORDINATES: usize = 1 << 23;

impl Default for RandomCutForest {
    fn default() -> Self {
        Self {
            trees: 50,
            sample_size: 256,
            shingle: 1,
            time_decay: 1.0 / 2560.0,
            output_after: 64,
            seed: 0,
        }
    }
}

impl RandomCutForest {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of trees. Domain: [1, 1000]. Default: 50.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn trees(mut self, trees: usize) -> Result<Self> {
        self.trees = check::count("trees", trees, 1, 1000)?;
        Ok(self)
    }

    /// The points that each tree keeps. Domain: [2, 65536]. Default: 256.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn sample_size(mut self, points: usize) -> Result<Self> {
        self.sample_size = check::count("sample_size", points, 2, 1 << 16)?;
        Ok(self)
    }

    /// How many points in a row are judged together. Domain: [1, 1024]. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn shingle(mut self, points: usize) -> Result<Self> {
        self.shingle = check::count("shingle", points, 1, 1024)?;
        Ok(self)
    }

    /// How fast a point loses its weight in the sample, per point that comes after it; 0 keeps a
    /// uniform sample of the whole stream. Domain: [0, 1]. Default: 1 / 2560.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn time_decay(mut self, rate: f64) -> Result<Self> {
        self.time_decay = decay(rate)?;
        Ok(self)
    }

    /// How many points, after the first shingle is full, are learned before scores come. Domain:
    /// [1, 65536]. Default: 64.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn output_after(mut self, points: usize) -> Result<Self> {
        self.output_after = check::count("output_after", points, 1, 1 << 16)?;
        Ok(self)
    }

    /// The seed of sample and cuts. Default: 0.
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
        check::count("sample_size", self.sample_size, 2, 1 << 16)?;
        check::count("shingle", self.shingle, 1, 1024)?;
        check::count("output_after", self.output_after, 1, 1 << 16)?;
        decay(self.time_decay)?;
        Ok(())
    }

    /// A detector of `features` features with this configuration that has seen nothing. Domain of
    /// `features`: at least 1, and `trees * sample_size * features * shingle` at most 8388608.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self, features: usize) -> Result<RandomCutForestStream> {
        self.validate()?;
        self.fit(features)?;
        Ok(RandomCutForestStream::new(self.clone(), features))
    }

    fn fit(&self, features: usize) -> Result<()> {
        let coordinates = [self.trees, self.sample_size, self.shingle]
            .into_iter()
            .fold(features, usize::saturating_mul);
        check::count("features", features, 1, MAX_COORDINATES)?;
        check::count(
            "trees * sample_size * features * shingle",
            coordinates,
            1,
            MAX_COORDINATES,
        )?;
        Ok(())
    }
}

fn decay(rate: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&rate) {
        Ok(rate)
    } else {
        Err(Error::parameter("time_decay", rate, "in [0, 1]"))
    }
}
