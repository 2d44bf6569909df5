use bongsu_core::{Result, Snapshot};
use serde::{Deserialize, Serialize};

use crate::check;

/// The least and the largest value of a stream.
///
/// Cost: O(1) time a value; 24 bytes.
///
/// ```
/// use bongsu_stream::sketch::MinMax;
/// let mut extremes = MinMax::new();
/// for x in [3.0, -1.0, 2.0] {
///     extremes.update(x)?;
/// }
/// assert_eq!((extremes.min(), extremes.max()), (Some(-1.0), Some(3.0)));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MinMax {
    n: u64,
    min: f64,
    max: f64,
}

impl Default for MinMax {
    fn default() -> Self {
        Self::new()
    }
}

impl MinMax {
    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            n: 0,
            min: f64::MAX,
            max: f64::MIN,
        }
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
        Ok(())
    }

    /// Takes in everything that `other` has seen.
    pub const fn merge(&mut self, other: &Self) {
        self.n = self.n.saturating_add(other.n);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The number of values seen.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.n
    }

    /// The least value; `None` before the first.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.n > 0).then_some(self.min)
    }

    /// The largest value; `None` before the first.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.n > 0).then_some(self.max)
    }
}

impl Snapshot for MinMax {
    const KIND: &'static str = "stream.sketch.min_max";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        let fresh = *self == Self::new();
        let finite = self.min.is_finite() && self.max.is_finite();
        check::saved(
            if self.n == 0 {
                fresh
            } else {
                finite && self.min <= self.max
            },
            "the extremes contradict themselves",
        )
    }
}
