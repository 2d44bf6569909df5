use bongsu_core::{Error, Result, Timestamp};
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The local time of a zone, from the database that is built in.
#[derive(Debug, Clone)]
pub(crate) struct Clock(TimeZone);

impl Clock {
    pub(crate) fn new(name: &str) -> Result<Self> {
        TimeZoneDatabase::bundled()
            .get(name)
            .map(Self)
            .map_err(|_| {
                let domain = "the name of a zone in the IANA database, such as Europe/Berlin";
                Error::parameter("timezone", format!("`{name}`"), domain)
            })
    }

    /// Seconds on the local clock since 1970-01-01 00:00 on that clock.
    pub(crate) fn local_seconds(&self, at: Timestamp) -> Result<i64> {
        let second = at.as_millis().div_euclid(1_000);
        let moment = jiff::Timestamp::from_second(second)
            .map_err(|_| Error::input(format!("the timestamp {at} is beyond the calendar")))?;
        Ok(second + i64::from(self.0.to_offset(moment).seconds()))
    }
}
