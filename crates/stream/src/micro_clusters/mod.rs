//! Micro-clusters: a bounded summary of where the stream has been.

mod stream;

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::MicroClustersStream;

/// Configuration of detection by micro-clusters.
///
/// The stream is summed up by at most `clusters` weighted centres. The distance of a point from a
/// centre is
///
/// `mean over the features of min(|x - centre| / scale, 20)`
///
/// with the scale of each feature learned from the stream (an exponentially weighted mean absolute
/// deviation), so that features of any unit can be mixed. The score of a point is its distance from
/// the nearest *core* centre, one with at least `core` times the weight it would have if all
/// `clusters` weighed the same. It is in [0, 20], in scales; higher is more anomalous.
///
/// A point then joins the nearest centre, which moves to the mean of its points, when it is not
/// farther than `radius` times what points are from their nearest centre on average; else it founds
/// a centre of its own, in place of the lightest one when there are too many. All weights halve
/// every `half_life` points.
///
/// An anomaly so founds a centre without weight, which does not make the next one look normal. A
/// new level becomes normal once its centre weighs enough: with `h` the half-life, after at most
/// `1.44 core h / clusters` points near it (40 at the defaults).
///
/// Nothing is drawn at random. The first 20 points teach the scales alone.
///
/// Values: finite, magnitude at most 1e100. A feature that was constant counts as 20 scales away as
/// soon as it changes.
///
/// Cost: O(clusters features) a point. Memory: `8 clusters (features + 1) + 24 features` bytes (2.5 kB
/// at the defaults and 5 features).
///
/// Source: after Cao, Ester, Qian, Zhou 2006, *Density-based clustering over an evolving data stream
/// with noise*, doi 10.1137/1.9781611972764.29: its fading micro-clusters and the division into
/// potential and outlier ones, with a bounded number of them, a radius that follows the data, and
/// the distance as score.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stream::MicroClusters;
/// let mut stream = MicroClusters::new().build(2)?;
/// for i in 0..500_u32 {
///     let (sin, cos) = f64::from(i).sin_cos();
///     stream.learn(&[sin, 1e6 * cos])?;
/// }
/// let near = stream.score(&[0.6, 0.8e6])?.ready().unwrap();
/// // Each value is usual, but not both together.
/// let far = stream.score(&[0.0, 0.0])?.ready().unwrap();
/// assert!(far > 4.0 * near, "{near} {far}");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MicroClusters {
    clusters: usize,
    half_life: usize,
    radius: f64,
    core: f64,
    warmup: usize,
}

/// The most coordinates of all centres together: 8 MiB.
const MAX_COORDINATES: usize = 1 << 20;

impl Default for MicroClusters {
    fn default() -> Self {
        Self {
            clusters: 50,
            half_life: 2000,
            radius: 1.0,
            core: 0.7,
            warmup: 100,
        }
    }
}

impl MicroClusters {
    /// The defaults: 50 clusters, a half-life of 2000 points, radius 1, core 0.7, 100 points of
    /// warm-up.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The most centres. Domain: [2, 10000]. Default: 50.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn clusters(mut self, clusters: usize) -> Result<Self> {
        self.clusters = check::count("clusters", clusters, 2, 10_000)?;
        Ok(self)
    }

    /// After how many points weights have halved. Domain: [10, 1000000]. Default: 2000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn half_life(mut self, points: usize) -> Result<Self> {
        self.half_life = check::count("half_life", points, 10, 1_000_000)?;
        Ok(self)
    }

    /// How far a point may be from the nearest centre to join it, in mean distances from the
    /// nearest centre. Domain: finite, above 0. Default: 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn radius(mut self, radius: f64) -> Result<Self> {
        self.radius = check::positive("radius", radius)?;
        Ok(self)
    }

    /// The weight that makes a centre a core one, in shares of what all weigh divided by
    /// `clusters`. Domain: (0, 1]. Default: 0.7.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn core(mut self, weight: f64) -> Result<Self> {
        self.core = check::half_open_unit("core", weight)?;
        Ok(self)
    }

    /// How many points are learned before scores come. Domain: [32, 1000000]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn warmup(mut self, points: usize) -> Result<Self> {
        self.warmup = check::count("warmup", points, 32, 1_000_000)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("clusters", self.clusters, 2, 10_000)?;
        check::count("half_life", self.half_life, 10, 1_000_000)?;
        check::positive("radius", self.radius)?;
        check::half_open_unit("core", self.core)?;
        check::count("warmup", self.warmup, 32, 1_000_000)?;
        Ok(())
    }

    /// A detector of `features` features with this configuration that has seen nothing. Domain of
    /// `features`: at least 1, and `clusters * features` at most 1048576.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self, features: usize) -> Result<MicroClustersStream> {
        self.validate()?;
        self.fit(features)?;
        Ok(MicroClustersStream::new(self.clone(), features))
    }

    fn fit(&self, features: usize) -> Result<()> {
        check::count("features", features, 1, MAX_COORDINATES)?;
        let coordinates = self.clusters.saturating_mul(features);
        check::count("clusters * features", coordinates, 1, MAX_COORDINATES)?;
        Ok(())
    }
}
