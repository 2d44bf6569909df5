//! When to try again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

/// The pause before retry number `retry` (from 0): half fixed, half random, so that many clients
/// do not come back at the same moment. A server's `Retry-After` takes the place of the fixed half
/// when it is longer; `None` when it is longer than `max`, and trying again makes no sense.
pub(crate) fn pause(
    retry: u32,
    first: Duration,
    max: Duration,
    retry_after: Option<Duration>,
) -> Option<Duration> {
    let asked = retry_after.unwrap_or_default();
    if asked > max {
        return None;
    }
    let full = first.saturating_mul(2_u32.saturating_pow(retry)).min(max);
    let half = full / 2;
    Some(asked.max(half).saturating_add(half.mul_f64(random())))
}

/// A number in [0, 1) from the operating system's entropy, by way of a hasher's random keys.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

/// Reads a `Retry-After` header: seconds, or a date, which is compared with `now`.
pub(crate) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(secs) = header.parse() {
        return Some(Duration::from_secs(secs));
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?;
    let date = SystemTime::from(date.timestamp());
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_are_half_random() {
        let (first, max) = (Duration::from_millis(100), Duration::from_millis(350));
        for (retry, full) in [(0, 100), (1, 200), (2, 350), (40, 350)] {
            let full = Duration::from_millis(full);
            // A server that asks for no pause does not take the back-off away.
            for asked in [None, Some(Duration::ZERO)] {
                let found = pause(retry, first, max, asked).unwrap();
                assert!(found >= full / 2 && found <= full, "{retry}: {found:?}");
            }
        }
    }

    #[test]
    fn a_longer_wish_of_the_server_is_met_or_nothing_is_tried() {
        let (first, max) = (Duration::from_millis(100), Duration::from_secs(2));
        for asked in [Duration::from_secs(1), max] {
            let found = pause(0, first, max, Some(asked)).unwrap();
            assert!(found >= asked && found <= asked + first / 2, "{found:?}");
        }
        let too_long = max + Duration::from_millis(1);
        assert_eq!(pause(0, first, max, Some(too_long)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let after = |header| retry_after(header, now);
        assert_eq!(after(" 12 "), Some(Duration::from_secs(12)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(after(date), Some(Duration::from_secs(7)));
        let past = "Sun, 06 Nov 1994 08:49:00 GMT";
        assert_eq!(after(past), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
    }
}
