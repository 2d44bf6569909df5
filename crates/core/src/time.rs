use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since the Unix epoch in UTC, as in Prometheus.
///
/// The full `i64` range is allowed; arithmetic saturates at its ends.
///
/// ```
/// use bongsu_core::Timestamp;
/// let t = Timestamp::from_secs_f64(1.5).unwrap();
/// assert_eq!(t.as_millis(), 1_500);
/// assert_eq!(t.align_down(1_000), Timestamp::from_secs(1));
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment that can be expressed.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment that can be expressed.
    pub const MAX: Self = Self(i64::MAX);

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch, saturating.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// From seconds since the epoch with a fraction, rounded (not truncated) to milliseconds.
    /// `None` when `secs` is NaN, infinite, or outside the range of milliseconds in an `i64`.
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Option<Self> {
        let millis = (secs * 1e3).round();
        // i64::MAX as f64 rounds up to 2^63, which is just outside the range.
        let fits = millis >= i64::MIN as f64 && millis < i64::MAX as f64;
        fits.then_some(Self(millis as i64))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, with the fraction.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// The latest multiple of `step` milliseconds that is not after this moment.
    /// A step below one millisecond leaves the moment as it is.
    #[must_use]
    pub const fn align_down(self, step: i64) -> Self {
        if step < 1 {
            return self;
        }
        Self(self.0.saturating_sub(self.0.rem_euclid(step)))
    }

    /// The earliest multiple of `step` milliseconds that is not before this moment.
    /// A step below one millisecond leaves the moment as it is.
    #[must_use]
    pub const fn align_up(self, step: i64) -> Self {
        let down = self.align_down(step);
        if down.0 == self.0 {
            self
        } else {
            Self(down.0.saturating_add(step))
        }
    }

    /// Milliseconds from `earlier` to this moment, negative when `earlier` is later; saturating.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment moved by `millis`, which may be negative; saturating.
    #[must_use]
    pub const fn add_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        self.add_millis(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        self.add_millis(i64::try_from(rhs.as_millis()).map_or(i64::MIN, |millis| -millis))
    }
}

/// Seconds with up to three decimals, as Prometheus spells timestamps.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (secs, millis) = (self.0.unsigned_abs() / 1_000, self.0.unsigned_abs() % 1_000);
        if millis == 0 {
            write!(f, "{sign}{secs}")
        } else {
            write!(f, "{sign}{secs}.{millis:03}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_to_milliseconds() {
        assert_eq!(Timestamp::from_secs_f64(1.0015), Some(Timestamp(1_002)));
        assert_eq!(
            Timestamp::from_secs_f64(1_435_781_430.781),
            Some(Timestamp(1_435_781_430_781))
        );
        assert_eq!(Timestamp::from_secs_f64(f64::NAN), None);
        assert_eq!(Timestamp::from_secs_f64(1e300), None);
    }

    #[test]
    fn alignment_works_before_the_epoch() {
        assert_eq!(Timestamp(-1).align_down(60_000), Timestamp(-60_000));
        assert_eq!(Timestamp(-1).align_up(60_000), Timestamp(0));
        assert_eq!(Timestamp(120_000).align_up(60_000), Timestamp(120_000));
        assert_eq!(Timestamp(7).align_down(0), Timestamp(7));
    }

    #[test]
    fn display_is_seconds() {
        assert_eq!(Timestamp(1_500).to_string(), "1.500");
        assert_eq!(Timestamp(-500).to_string(), "-0.500");
        assert_eq!(Timestamp(2_000).to_string(), "2");
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::MIN - Duration::MAX, Timestamp::MIN);
    }
}
