use bongsu_core::{Result, Snapshot};
use serde::{Deserialize, Serialize};

use crate::check;

/// Beyond this magnitude squares may overflow.
const HUGE: f64 = 1e150;

/// Below this magnitude squares may vanish.
const TINY: f64 = 1e-130;

/// Mean and variance of everything that came, in one pass.
///
/// `mean += (x - mean) / n`, `m2 += (x - mean_before)(x - mean_after)`, `variance = m2 / (n - ddof)`
///
/// No large squares are subtracted, so an offset of 1e9 costs no digits. Values whose squares leave
/// the range of floats are held in a unit that is a power of two, so that any finite value is taken.
///
/// Cost: O(1) time a value; 32 bytes.
///
/// Source: Welford 1962, <https://doi.org/10.1080/00401706.1962.10490022>; merging: Chan, Golub,
/// `LeVeque` 1983, <https://doi.org/10.1080/00031305.1983.10483115>.
///
/// ```
/// use bongsu_stream::sketch::Moments;
/// let mut moments = Moments::new();
/// for x in [3.0, 5.0, 4.0, 7.0, 10.0, 12.0] {
///     moments.update(x)?;
/// }
/// assert_eq!(moments.variance(1).map(|v| (v * 1e4).round()), Some(125_667.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    n: u64,
    /// Mean and sum of squared deviations of the values times `factor`.
    mean: f64,
    m2: f64,
    /// A power of two; 1 unless the values are so large or small that squares leave the range.
    factor: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self::new()
    }
}

impl Moments {
    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            n: 0,
            mean: 0.0,
            m2: 0.0,
            factor: 1.0,
        }
    }

    /// Takes in `x`.
    ///
    /// # Errors
    /// When `x` is NaN or infinite; nothing changes then.
    pub fn update(&mut self, x: f64) -> Result<()> {
        check::finite(x)?;
        let magnitude = x.abs() * self.factor;
        let outside = magnitude > HUGE || (magnitude < TINY && x != 0.0);
        if outside && (magnitude > HUGE || (self.mean == 0.0 && self.m2 == 0.0)) {
            self.refer_to(inverse_power(x));
        }
        let x = x * self.factor;
        self.n = self.n.saturating_add(1);
        let before = x - self.mean;
        self.mean += before / self.n as f64;
        self.m2 += before * (x - self.mean);
        Ok(())
    }

    /// Takes in everything that `other` has seen.
    ///
    /// # Errors
    /// Never for moments that were built by this type; when those of `other` are not valid.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        other.validate()?;
        if other.n == 0 {
            return Ok(());
        }
        if self.n == 0 {
            *self = *other;
            return Ok(());
        }
        let mut other = *other;
        let factor = self.factor.min(other.factor);
        self.refer_to(factor);
        other.refer_to(factor);
        let (own, theirs) = (self.n as f64, other.n as f64);
        let apart = other.mean - self.mean;
        let share = theirs / (own + theirs);
        self.mean += apart * share;
        self.m2 += other.m2 + apart * apart * own * share;
        self.n = self.n.saturating_add(other.n);
        Ok(())
    }

    /// The number of values seen.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.n
    }

    /// The mean; `None` before the first value.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| bounded(self.mean / self.factor))
    }

    /// The variance with divisor `n - ddof`; `None` before there are more values than `ddof`. Above
    /// the largest float it is infinite, while [`Moments::std_dev`] is not.
    #[must_use]
    pub fn variance(&self, ddof: u64) -> Option<f64> {
        let divisor = self.n.checked_sub(ddof).filter(|&divisor| divisor > 0)?;
        Some(self.m2 / divisor as f64 / self.factor / self.factor)
    }

    /// The standard deviation with divisor `n - ddof`; `None` before there are more values than
    /// `ddof`.
    #[must_use]
    pub fn std_dev(&self, ddof: u64) -> Option<f64> {
        let divisor = self.n.checked_sub(ddof).filter(|&divisor| divisor > 0)?;
        Some(bounded((self.m2 / divisor as f64).sqrt() / self.factor))
    }

    /// States mean and squares for values times `factor`, another power of two.
    fn refer_to(&mut self, factor: f64) {
        let change = factor / self.factor;
        if change != 1.0 {
            self.mean *= change;
            // In two steps: the square of the change may leave the range on its own.
            self.m2 = self.m2 * change * change;
            self.factor = factor;
        }
    }
}

/// Within the range of finite floats.
fn bounded(x: f64) -> f64 {
    x.clamp(-f64::MAX, f64::MAX)
}

/// A power of two that brings `x` near 1, as far as one factor reaches.
fn inverse_power(x: f64) -> f64 {
    let exponent = (x.to_bits() >> 52) & 0x7ff;
    // The biased exponent of 2^-(e - 1023) is 2046 - e, kept off that of zero and infinity.
    f64::from_bits((2046 - exponent.clamp(1, 2045)) << 52)
}

impl Snapshot for Moments {
    const KIND: &'static str = "stream.sketch.moments";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        let power = self.factor.is_normal()
            && self.factor > 0.0
            && self.factor.to_bits().trailing_zeros() >= 52;
        check::saved(
            power
                && self.mean.is_finite()
                && self.m2.is_finite()
                && self.m2 >= 0.0
                && (self.n > 0 || *self == Self::new()),
            "the moments contradict themselves",
        )
    }
}
