use bongsu_core::{Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use crate::check;

/// Exponentially weighted mean and variance of a stream.
///
/// With the weight `a` of the newest value and `d = x - mean`: `mean += a d`,
/// `variance = (1 - a)(variance + a d^2)`, from the first value with variance 0.
///
/// The standard deviation is what is held, as a hypotenuse: no finite value overflows.
///
/// Cost: O(1) time a value; 32 bytes.
///
/// Source: Finch 2009, *Incremental calculation of weighted mean and variance*; equal to river
/// 0.26's `stats.EWMean` and `stats.EWVar` with `fading_factor = a`.
///
/// ```
/// use bongsu_stream::sketch::ExponentialMoments;
/// let mut moments = ExponentialMoments::new(0.5)?;
/// for x in [1.0, 3.0, 5.0, 4.0] {
///     moments.update(x)?;
/// }
/// assert_eq!(moments.mean(), Some(3.75));
/// assert!((moments.variance().unwrap() - 1.4375).abs() < 1e-12);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExponentialMoments {
    alpha: f64,
    n: u64,
    mean: f64,
    std: f64,
}

impl ExponentialMoments {
    /// Nothing seen; `alpha` is the weight of the newest value. Domain: (0, 1].
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(alpha: f64) -> Result<Self> {
        Ok(Self {
            alpha: check::half_open_unit("alpha", alpha)?,
            n: 0,
            mean: 0.0,
            std: 0.0,
        })
    }

    /// Nothing seen; the weight of a value has halved after `points` more. Domain: finite, above 0.
    ///
    /// # Errors
    /// When outside the domain, or so large that new values would have no weight.
    pub fn from_half_life(points: f64) -> Result<Self> {
        check::positive("half_life", points)?;
        Self::new(-(-std::f64::consts::LN_2 / points).exp_m1())
            .map_err(|_| Error::parameter("half_life", points, "at most 1e300"))
    }

    /// Takes in `x`.
    ///
    /// # Errors
    /// When `x` is NaN or infinite; nothing changes then.
    pub fn update(&mut self, x: f64) -> Result<()> {
        check::finite(x)?;
        if self.n == 0 {
            self.mean = x;
        } else {
            let d = bounded(x - self.mean);
            self.mean = bounded(self.alpha * x + (1.0 - self.alpha) * self.mean);
            self.std = bounded((1.0 - self.alpha).sqrt() * self.std.hypot(self.alpha.sqrt() * d));
        }
        self.n = self.n.saturating_add(1);
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
        (self.n > 0).then_some(self.mean)
    }

    /// The variance; `None` before the first value. Above the largest float it is infinite.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        self.std_dev().map(|std| std * std)
    }

    /// The standard deviation; `None` before the first value.
    #[must_use]
    pub fn std_dev(&self) -> Option<f64> {
        (self.n > 0).then_some(self.std)
    }
}

/// Within the range of finite floats.
fn bounded(x: f64) -> f64 {
    x.clamp(-f64::MAX, f64::MAX)
}

impl Snapshot for ExponentialMoments {
    const KIND: &'static str = "stream.sketch.exponential_moments";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        check::half_open_unit("alpha", self.alpha)?;
        check::non_negative("std", self.std)?;
        check::saved(
            self.mean.is_finite() && (self.n > 0 || (self.mean == 0.0 && self.std == 0.0)),
            "the exponential moments contradict themselves",
        )
    }
}
