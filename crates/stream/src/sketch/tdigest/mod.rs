//! Every quantile of a stream from a few hundred weighted means.

mod centroids;

use bongsu_core::{Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use crate::check;
use centroids::{Centroid, compress, quantile, share_below};

/// The domain of the compression.
const COMPRESSIONS: std::ops::RangeInclusive<f64> = 10.0..=10_000.0;

/// How many values are collected for each unit of compression before they are merged.
const COLLECTED: f64 = 2.0;

/// Every quantile and rank of a stream, in bounded memory: finest at the ends.
///
/// Neighbouring values are merged into centroids, each a mean and a weight, as long as a centroid
/// reaches no further than 1 on the scale `k(q) = compression / (2 pi) asin(2q - 1)` of ranks. A
/// centroid at the quantile `q` so holds at most about `2 pi sqrt(q (1 - q)) / compression` of the
/// weight, and the rank of an estimate is off by about that at most; in practice it is some ten times
/// nearer. There are at most `compression + 1` centroids.
///
/// Estimates are exact at 0 and 1, and as long as no values have been merged (the first
/// `2 compression` and a few more) they are those of `numpy.quantile(..., method="hazen")`: the
/// `i`-th of `n` values stands for the quantile `(i - 1/2) / n`.
///
/// With a half-life the weight of a value halves after that many more, so that the digest tells of
/// the recent past. The extremes then move towards the outermost centroids at the same pace.
///
/// Cost: O(log compression) amortised a value. Memory: at most `16 (compression + 1)` bytes of
/// centroids and `16 compression` of values that wait to be merged, beside 112: about 3.3 kB at the
/// default of 100. [`TDigest::quantile`] and [`TDigest::cdf`] take O(compression) when no values
/// wait (see [`TDigest::flush`]), and merge a copy otherwise.
///
/// Source: Dunning, Ertl 2019, *Computing extremely accurate quantiles using t-digests*,
/// <https://doi.org/10.48550/arXiv.1902.04023>, the merging digest with the scale `k1`.
///
/// ```
/// use bongsu_stream::sketch::TDigest;
/// let mut digest = TDigest::new(100.0)?;
/// for i in 0..100_000 {
///     digest.update(f64::from(i * 7_919 % 100_000))?;
/// }
/// assert!((digest.quantile(0.99).unwrap() - 99_000.0).abs() < 100.0);
/// assert!((digest.cdf(25_000.0).unwrap() - 0.25).abs() < 0.005);
/// assert_eq!(digest.quantile(1.0), Some(99_999.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TDigest {
    compression: f64,
    half_life: Option<f64>,
    n: u64,
    min: f64,
    max: f64,
    /// In order of their means.
    centroids: Vec<Centroid>,
    /// Values that wait to be merged, oldest first.
    waiting: Vec<f64>,
}

impl TDigest {
    /// Nothing seen. The larger the `compression`, the finer and the larger the digest. Domain:
    /// [10, 10000].
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(compression: f64) -> Result<Self> {
        Ok(Self {
            compression: in_domain(compression)?,
            half_life: None,
            n: 0,
            min: f64::MAX,
            max: f64::MIN,
            centroids: Vec::new(),
            waiting: Vec::new(),
        })
    }

    /// After how many more values the weight of a value has halved. Domain: finite, at least 1.
    /// Default: nothing is forgotten.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn half_life(mut self, points: f64) -> Result<Self> {
        self.half_life = Some(check_half_life(points)?);
        Ok(self)
    }

    /// Takes in `x`.
    ///
    /// # Errors
    /// When `x` is NaN or infinite; nothing changes then.
    pub fn update(&mut self, x: f64) -> Result<()> {
        check::finite(x)?;
        self.n = self.n.saturating_add(1);
        self.min = self.min.min(x);
        self.max = self.max.max(x);
        if self.waiting.capacity() == 0 {
            self.waiting.reserve_exact(self.most_waiting());
        }
        self.waiting.push(x);
        if self.waiting.len() >= self.most_waiting() {
            self.flush();
        }
        Ok(())
    }

    /// Takes in everything that `other` has seen, as it is weighted there.
    ///
    /// # Errors
    /// When `other` has another half-life, or is not valid.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        other.validate()?;
        if self.half_life != other.half_life {
            return Err(Error::input(
                "only digests of the same half-life can be merged",
            ));
        }
        self.flush();
        let mut other = other.clone();
        other.flush();
        self.n = self.n.saturating_add(other.n);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.centroids.append(&mut other.centroids);
        compress(&mut self.centroids, self.compression);
        Ok(())
    }

    /// Merges the values that wait, so that questions after it need not.
    pub fn flush(&mut self) {
        let count = self.waiting.len();
        if count == 0 {
            return;
        }
        let kept = self
            .half_life
            .map_or(1.0, |points| (-points.recip()).exp2());
        if kept < 1.0 {
            let all = kept.powi(count as i32);
            for centroid in &mut self.centroids {
                centroid.weight *= all;
            }
            self.forget_extremes(all);
        }
        let mut weight = 1.0;
        for mean in self.waiting.drain(..).rev() {
            if weight > 0.0 {
                self.centroids.push(Centroid { mean, weight });
            }
            weight *= kept;
        }
        compress(&mut self.centroids, self.compression);
    }

    /// Moves the extremes towards what is still known, but not beyond a value that waits.
    fn forget_extremes(&mut self, kept: f64) {
        let outermost = (self.centroids.first(), self.centroids.last());
        let (Some(first), Some(last)) = outermost else {
            return;
        };
        let least = between(first.mean, self.min, kept).min(first.mean);
        let largest = between(last.mean, self.max, kept).max(last.mean);
        let recent = || self.waiting.iter().copied();
        self.min = recent().fold(least, f64::min);
        self.max = recent().fold(largest, f64::max);
    }

    /// The estimate of the quantile `q`; `None` before the first value and for `q` outside [0, 1].
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.n == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        Some(self.merged(|centroids| quantile(centroids, self.min, self.max, q)))
    }

    /// The estimated share of values below `x`, half of those equal to it; `None` before the first
    /// value and for NaN.
    #[must_use]
    pub fn cdf(&self, x: f64) -> Option<f64> {
        if self.n == 0 || x.is_nan() {
            return None;
        }
        Some(self.merged(|centroids| share_below(centroids, self.min, self.max, x)))
    }

    /// Asks the centroids when no values wait, or those of a copy that has merged them.
    fn merged<T>(&self, ask: impl FnOnce(&[Centroid]) -> T) -> T {
        if self.waiting.is_empty() {
            ask(&self.centroids)
        } else {
            let mut copy = self.clone();
            copy.flush();
            ask(&copy.centroids)
        }
    }

    /// The number of values seen.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.n
    }

    /// The least value, or what is remembered of it; `None` before the first.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.n > 0).then_some(self.min)
    }

    /// The largest value, or what is remembered of it; `None` before the first.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.n > 0).then_some(self.max)
    }

    /// The bytes that it holds on the heap.
    #[must_use]
    pub const fn heap_bytes(&self) -> usize {
        self.centroids.capacity() * size_of::<Centroid>()
            + self.waiting.capacity() * size_of::<f64>()
    }

    fn most_waiting(&self) -> usize {
        (self.compression * COLLECTED) as usize
    }
}

/// From `a` towards `b`, by a share.
fn between(a: f64, b: f64, share: f64) -> f64 {
    a * (1.0 - share) + b * share
}

fn in_domain(compression: f64) -> Result<f64> {
    if COMPRESSIONS.contains(&compression) {
        Ok(compression)
    } else {
        let domain = "in [10, 10000]";
        Err(Error::parameter("compression", compression, domain))
    }
}

fn check_half_life(points: f64) -> Result<f64> {
    if points.is_finite() && points >= 1.0 {
        Ok(points)
    } else {
        let domain = "a finite number of points of at least 1";
        Err(Error::parameter("half_life", points, domain))
    }
}

impl Snapshot for TDigest {
    const KIND: &'static str = "stream.sketch.tdigest";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        in_domain(self.compression)?;
        self.half_life.map_or(Ok(1.0), check_half_life)?;
        let bounded = self.centroids.len() as f64 <= self.compression + 1.0
            && self.waiting.len() < self.most_waiting();
        let weighted = |c: &Centroid| c.mean.is_finite() && c.weight.is_finite() && c.weight > 0.0;
        let held = self.centroids.iter().map(|c| c.mean);
        let mut held = held.chain(self.waiting.iter().copied());
        let within = held.all(|x| self.min <= x && x <= self.max);
        let weight: f64 = self.centroids.iter().map(|c| c.weight).sum();
        let seen = weight + self.waiting.len() as f64 <= self.n as f64 * (1.0 + 1e-9);
        let empty = self.centroids.is_empty() && self.waiting.is_empty();
        let extremes = if self.n == 0 {
            self.min == f64::MAX && self.max == f64::MIN
        } else {
            self.min.is_finite() && self.max.is_finite()
        };
        check::saved(
            bounded
                && self.centroids.iter().all(weighted)
                && self.centroids.is_sorted_by(|a, b| a.mean <= b.mean)
                && within
                && seen
                && extremes
                && empty == (self.n == 0),
            "the digest contradicts itself",
        )
    }
}
