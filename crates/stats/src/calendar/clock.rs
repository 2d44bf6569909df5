use bongsu_core::{Error, Result, Timestamp};
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The local time of a zone, from the IANA database that is built in.
///
/// Cost: O(log transitions) a question; 8 bytes, beside one copy of the zone a process.
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_stats::calendar::{Bins, Clock};
/// let clock = Clock::new("Europe/Berlin")?;
/// // Monday 5 January 2026, 08:30 in Berlin.
/// let local = clock.local_seconds(Timestamp::from_secs(1_767_598_200))?;
/// assert_eq!(Bins::HourOfWeek.of(local), 8);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Clock(TimeZone);

impl Clock {
    /// The clock of the zone with this name, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn new(name: &str) -> Result<Self> {
        TimeZoneDatabase::bundled()
            .get(name)
            .map(Self)
            .map_err(|_| {
                let domain = "the name of a zone in the IANA database, such as Europe/Berlin";
                Error::parameter("timezone", format!("`{name}`"), domain)
            })
    }

    /// Seconds on the local clock since 1970-01-01 00:00 on that clock.
    ///
    /// # Errors
    /// When the timestamp is before the year -9999 or after 9999.
    pub fn local_seconds(&self, at: Timestamp) -> Result<i64> {
        let second = at.as_millis().div_euclid(1_000);
        let moment = jiff::Timestamp::from_second(second)
            .map_err(|_| Error::input(format!("the timestamp {at} is beyond the calendar")))?;
        Ok(second + i64::from(self.0.to_offset(moment).seconds()))
    }
}
