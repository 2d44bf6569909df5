//! LODA: histograms of random sparse projections.

mod projections;
mod stream;

use bongsu_core::Result;
use serde::{Deserialize, Serialize};

use crate::check;

pub use stream::LodaStream;

/// Configuration of LODA, the lightweight on-line detector of anomalies.
///
/// Every point is projected on `projections` random directions, each made of the root of the number
/// of features, with normal weights. A histogram of each projection counts where the points fell.
/// With `p` the share of points in the bin of the point, the score is its mean surprise,
///
/// `score = mean over the projections of -ln p`,  `p = (count + 1/2) / (points + bins/2)`,
///
/// at least 0; higher is more anomalous. One histogram says little; that many of them together find
/// points which no single feature shows, and which features stand out.
///
/// Features are brought to a common scale first: an exponentially weighted mean and mean absolute
/// deviation of each, learned from the stream, in which huge values count at most as 10 scales. The
/// histograms reach from -12 to 12 scales, and beyond is like there. Counts and scales forget: what
/// a point counts halves every `half_life` points. A new level is learned as it is seen, as fast as
/// its share of the weight grows: after `n` points at it `p` is about `0.7 n / half_life`.
///
/// Random numbers come from PCG64 (`rand_pcg::Pcg64`), one generator for each projection. The first
/// 20 points teach the scales alone.
///
/// Values: finite, magnitude at most 1e100. A feature that was constant counts as 20 scales away as
/// soon as it changes.
///
/// Cost: O(projections sqrt(features)) a point. Memory: `projections (4 bins + 10 sqrt(features)) +
/// 24 features` bytes (28 kB at the defaults and 5 features).
///
/// Source: Pevny 2016, *Loda: lightweight on-line detector of anomalies*, doi
/// 10.1007/s10994-015-5521-0, with fading counts in place of its alternating windows.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// use bongsu_stream::Loda;
/// let mut stream = Loda::new().seed(1).build(3)?;
/// for i in 0..500_u32 {
///     let (sin, cos) = f64::from(i).sin_cos();
///     stream.learn(&[sin, 1e6 * cos, 3.0 + sin * cos])?;
/// }
/// let near = stream.score(&[0.6, 0.8e6, 3.48])?.ready().unwrap();
/// let far = stream.score(&[0.6, 5e6, 3.48])?.ready().unwrap();
/// assert!(far > 1.5 * near, "{near} {far}");
/// let parts = stream.contributions(&[0.6, 5e6, 3.48])?.unwrap();
/// assert!(parts[1] > parts[0].max(parts[2]), "it is the second feature");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Loda {
    projections: usize,
    bins: usize,
    half_life: usize,
    warmup: usize,
    seed: u64,
}

/// The most features: a projection names one in two bytes.
pub(crate) const MAX_FEATURES: usize = 1 << 16;

/// The most bins of all histograms together: 4 MiB.
const MAX_BINS: usize = 1 << 20;

impl Default for Loda {
    fn default() -> Self {
        Self {
            projections: 100,
            bins: 64,
            half_life: 2000,
            warmup: 100,
            seed: 0,
        }
    }
}

impl Loda {
    /// The defaults: 100 projections, 64 bins, a half-life of 2000 points, 100 points of warm-up.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of projections. Domain: [1, 10000]. Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn projections(mut self, projections: usize) -> Result<Self> {
        self.projections = check::count("projections", projections, 1, 10_000)?;
        Ok(self)
    }

    /// The bins of a histogram. Domain: [4, 4096], and at most 1048576 bins in all. Default: 64.
    ///
    /// # Errors
    /// When outside [4, 4096]; the number in all is checked by [`Loda::validate`].
    pub fn bins(mut self, bins: usize) -> Result<Self> {
        self.bins = check::count("bins", bins, 4, 4096)?;
        Ok(self)
    }

    /// After how many points what a point counts has halved. Domain: [10, 1000000]. Default: 2000.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn half_life(mut self, points: usize) -> Result<Self> {
        self.half_life = check::count("half_life", points, 10, 1_000_000)?;
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

    /// The seed of the projections. Default: 0.
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
        check::count("projections", self.projections, 1, 10_000)?;
        check::count("bins", self.bins, 4, 4096)?;
        check::count("half_life", self.half_life, 10, 1_000_000)?;
        check::count("warmup", self.warmup, 32, 1_000_000)?;
        let bins = self.projections * self.bins;
        check::count("projections * bins", bins, 4, MAX_BINS)?;
        Ok(())
    }

    /// A detector of `features` features with this configuration that has seen nothing. Domain of
    /// `features`: [1, 65536].
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn build(&self, features: usize) -> Result<LodaStream> {
        self.validate()?;
        check::count("features", features, 1, MAX_FEATURES)?;
        Ok(LodaStream::new(self.clone(), features))
    }
}
