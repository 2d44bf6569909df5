use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bongsu_core::Timestamp;

use crate::Error;

/// The moving "now" of a replay. Clones share the same time.
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_prometheus::replay::ReplayClock;
/// let clock = ReplayClock::manual(Timestamp::from_secs(60));
/// clock.set(Timestamp::from_secs(90));
/// assert_eq!(clock.now(), Timestamp::from_secs(90));
/// ```
#[derive(Debug, Clone)]
pub struct ReplayClock {
    base: Arc<Mutex<(Timestamp, Instant)>>,
    end: Timestamp,
    speed: f64,
}

impl ReplayClock {
    /// A clock that starts now at `start`, runs `speed` times as fast as real time, and stops at
    /// `end`. Domain of `speed`: finite and above 0.
    ///
    /// # Errors
    /// When `speed` is outside its domain or `end` is before `start`.
    pub fn running(start: Timestamp, end: Timestamp, speed: f64) -> Result<Self, Error> {
        if !(speed.is_finite() && speed > 0.0) {
            return Err(Error::parameter("speed", speed, "finite and above 0"));
        }
        if end < start {
            return Err(Error::parameter(
                "end",
                end,
                &format!("at or after {start}"),
            ));
        }
        Ok(Self::new(start, end, speed))
    }

    /// A clock that stands at `start` until it is [set](ReplayClock::set).
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::new(start, Timestamp::MAX, 0.0)
    }

    fn new(start: Timestamp, end: Timestamp, speed: f64) -> Self {
        Self {
            base: Arc::new(Mutex::new((start, Instant::now()))),
            end,
            speed,
        }
    }

    /// The time in the recording.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let (base, since) = *self.base();
        // Saturates at the ends of an i64.
        let passed = (since.elapsed().as_secs_f64() * self.speed * 1e3) as i64;
        base.add_millis(passed).min(self.end)
    }

    /// Moves the clock to `time`, at most to its end; a running clock runs on from there.
    pub fn set(&self, time: Timestamp) {
        *self.base() = (time.min(self.end), Instant::now());
    }

    /// Where the clock stops; [`Timestamp::MAX`] for a manual one.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// How many times as fast as real time it runs; 0 for a manual one.
    #[must_use]
    pub const fn speed(&self) -> f64 {
        self.speed
    }

    /// The real time until the clock shows `time`; `None` when it never will.
    #[must_use]
    pub fn until(&self, time: Timestamp) -> Option<Duration> {
        let millis = time.millis_since(self.now());
        if millis <= 0 {
            return Some(Duration::ZERO);
        }
        if time > self.end {
            return None;
        }
        Duration::try_from_secs_f64(millis as f64 / 1e3 / self.speed).ok()
    }

    fn base(&self) -> MutexGuard<'_, (Timestamp, Instant)> {
        // The pair is written whole, so that a panic elsewhere cannot have damaged it.
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_clock_stops_at_its_end() {
        let at = Timestamp::from_secs;
        let clock = ReplayClock::running(at(0), at(1_000_000), 1e6).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(clock.now() >= at(20_000));
        clock.set(at(2_000_000));
        assert_eq!(clock.now(), at(1_000_000));
        assert_eq!(clock.until(at(1_000_001)), None);
        assert_eq!(clock.until(at(5)), Some(Duration::ZERO));
    }

    #[test]
    fn until_is_in_real_time() {
        let at = Timestamp::from_secs;
        let clock = ReplayClock::running(at(0), at(360_000), 60.0).unwrap();
        let begun = Instant::now();
        let wait = clock.until(at(360_000)).unwrap();
        // An hour and 40 minutes, less what has passed since the clock was made.
        let whole = Duration::from_secs(6_000);
        let stalls = begun.elapsed() + Duration::from_secs(60);
        assert!(wait <= whole && wait + stalls > whole, "{wait:?}");
        assert_eq!(ReplayClock::manual(at(0)).until(at(1)), None);
    }

    #[test]
    fn domains_are_checked() {
        let at = Timestamp::from_secs;
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(ReplayClock::running(at(0), at(1), speed).is_err());
        }
        assert!(ReplayClock::running(at(1), at(0), 1.0).is_err());
    }
}
