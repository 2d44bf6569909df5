//! What a server's answers tell about its clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use reqwest::header::{AGE, DATE, HeaderMap};

/// No answer has told the time yet.
const UNKNOWN: i64 = i64::MIN;

/// How far the server's clock is ahead of this machine's, as of the newest answer that told.
pub(crate) struct ServerClock(AtomicI64);

impl ServerClock {
    pub(crate) const fn new() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }

    /// Milliseconds, negative when the server's clock is behind.
    pub(crate) fn ahead_ms(&self) -> Option<i64> {
        let ahead = self.0.load(Ordering::Relaxed);
        (ahead != UNKNOWN).then_some(ahead)
    }

    /// Reads the time of an answer to a request that left at `sent` and came back at `received`.
    pub(crate) fn observe(&self, headers: &HeaderMap, sent: SystemTime, received: SystemTime) {
        if let Some(ahead) = ahead_ms(headers, sent, received) {
            self.0.store(ahead, Ordering::Relaxed);
        }
    }
}

fn ahead_ms(headers: &HeaderMap, sent: SystemTime, received: SystemTime) -> Option<i64> {
    // A cache repeats the time of the answer that it keeps.
    if headers.contains_key(AGE) {
        return None;
    }
    let date = headers.get(DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let millis = |at: SystemTime| {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    };
    // The date was written somewhere between the two, and its seconds are cut off.
    let (sent, received) = (millis(sent)?, millis(received)?);
    let earliest = date.as_millisecond().checked_sub(received)?;
    let latest = date.as_millisecond().checked_add(999)?.checked_sub(sent)?;
    // What the answer does not prove is no difference; of one, the least time is told, as what lies
    // before it is there for certain.
    let is_proven = earliest > 0 || latest < 0;
    Some(if is_proven { earliest } else { 0 })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The skew when `Date` is `date` and the request took from `sent` to `received`, in
    /// milliseconds after 1994-11-06 08:49:30.
    fn skew(date: &str, sent: u64, received: u64) -> Option<i64> {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let mut headers = HeaderMap::new();
        headers.insert(DATE, date.parse().unwrap());
        let at = |millis| start + Duration::from_millis(millis);
        ahead_ms(&headers, at(sent), at(received))
    }

    #[test]
    fn only_what_the_way_and_the_cut_off_second_cannot_explain_is_a_difference() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(skew(date, 7_000, 7_100), Some(0));
        assert_eq!(skew(date, 7_900, 8_100), Some(0));
        assert_eq!(skew(date, 3_000, 20_000), Some(0), "a slow answer");
        assert_eq!(skew(date, 1_000, 2_000), Some(5_000));
        assert_eq!(skew(date, 17_999, 18_500), Some(-11_500));
        assert_eq!(skew("yesterday", 0, 0), None);
    }

    #[test]
    fn a_cache_does_not_tell_the_time() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        headers.insert(AGE, "120".parse().unwrap());
        let clock = ServerClock::new();
        clock.observe(&headers, SystemTime::now(), SystemTime::now());
        assert_eq!(clock.ahead_ms(), None);
    }
}
