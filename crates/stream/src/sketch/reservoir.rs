use bongsu_core::{Result, Snapshot};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::random::Random;

/// The largest sample: 2^20 values, 8 MiB.
const MAX_CAPACITY: usize = 1 << 20;

/// A uniform sample without replacement of a stream: each value seen is in it with the same
/// probability, `capacity / n`.
///
/// Instead of drawing for every value it draws how many to pass over: the largest of the `capacity`
/// smallest of `n` uniform numbers is `w`, and the next value to be taken comes after
/// `floor(ln u / ln(1 - w))` others.
///
/// Draws come from PCG64 (`rand_pcg::Pcg64`), so that a sample depends on the seed and the stream
/// alone.
///
/// Cost: O(1) time a value and `O(k log(n / k))` draws in all for a sample of `k`; 8 bytes a value
/// beside 112.
///
/// Source: Li 1994, <https://doi.org/10.1145/198429.198435>, algorithm L.
///
/// ```
/// use bongsu_stream::sketch::Reservoir;
/// let mut sample = Reservoir::new(100, 7)?;
/// for i in 0..100_000 {
///     sample.update(f64::from(i))?;
/// }
/// let mean = sample.values().iter().sum::<f64>() / 100.0;
/// assert!((mean - 50_000.0).abs() < 10_000.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reservoir {
    capacity: usize,
    seed: u64,
    random: Random,
    n: u64,
    values: Vec<f64>,
    /// How many values are still passed over, and the bound that the next is drawn with.
    skip: u64,
    bound: f64,
}

impl Reservoir {
    /// An empty sample of at most `capacity` values. Domain: [1, 1048576].
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(capacity: usize, seed: u64) -> Result<Self> {
        check::count("capacity", capacity, 1, MAX_CAPACITY)?;
        Ok(Self {
            capacity,
            seed,
            random: Random::new(seed, 0),
            n: 0,
            values: Vec::new(),
            skip: 0,
            bound: 1.0,
        })
    }

    /// Offers `x`.
    ///
    /// # Errors
    /// When `x` is NaN or infinite; nothing changes then.
    pub fn update(&mut self, x: f64) -> Result<()> {
        check::finite(x)?;
        self.n = self.n.saturating_add(1);
        if self.values.len() < self.capacity {
            self.values.push(x);
            if self.values.len() == self.capacity {
                self.draw();
            }
        } else if self.skip > 0 {
            self.skip -= 1;
        } else {
            let place = self.random.below(self.capacity);
            if let Some(slot) = self.values.get_mut(place) {
                *slot = x;
            }
            self.draw();
        }
        Ok(())
    }

    /// Draws how many values are passed over.
    fn draw(&mut self) {
        self.bound *= (self.positive_unit().ln() / self.capacity as f64).exp();
        // Kept in (0, 1), so that the logarithm is neither 0 nor infinite.
        self.bound = self.bound.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON);
        let passed = self.positive_unit().ln() / (-self.bound).ln_1p();
        self.skip = passed as u64;
    }

    /// A uniform number in (0, 1].
    fn positive_unit(&mut self) -> f64 {
        1.0 - self.random.unit()
    }

    /// The sample, in no particular order.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The number of values seen.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.n
    }

    /// The largest number of values that are kept.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets everything, and draws from the seed again.
    pub fn reset(&mut self) {
        self.random = Random::new(self.seed, 0);
        self.n = 0;
        self.values.clear();
        self.skip = 0;
        self.bound = 1.0;
    }
}

impl Snapshot for Reservoir {
    const KIND: &'static str = "stream.sketch.reservoir";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        check::count("capacity", self.capacity, 1, MAX_CAPACITY)?;
        check::half_open_unit("bound", self.bound)?;
        check::saved(
            self.values.len() as u64 == self.n.min(self.capacity as u64)
                && self.values.iter().all(|x| x.is_finite()),
            "the sample contradicts itself",
        )
    }
}
