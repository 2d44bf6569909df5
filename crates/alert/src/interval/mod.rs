//! Times that come again, in the shape of Alertmanager's `time_intervals`.

mod config;
mod range;

use bongsu_core::Timestamp;
use jiff::tz::TimeZone;

pub use self::config::{TimeIntervalConfig, TimeRangeConfig, Word};
use self::range::Range;
use crate::Error;

/// Times that come again: hours, weekdays, days of the month, months and years in a time zone.
///
/// A moment belongs to it when every field that is given holds it. Fields are read on the clock and
/// the calendar of the zone, so that on the days on which the clock changes 02:30 comes twice or not
/// at all.
///
/// ```
/// use bongsu_alert::{TimeInterval, TimeIntervalConfig};
/// use bongsu_core::Timestamp;
/// let config: TimeIntervalConfig = serde_json::from_str(r#"{
///     "times": [{"start_time": "09:00", "end_time": "17:00"}],
///     "weekdays": ["monday:friday"],
///     "location": "Australia/Sydney"
/// }"#)?;
/// let office = TimeInterval::new(&config)?;
/// // 2024-01-15 is a Monday; Sydney is 11 hours ahead of UTC in January.
/// assert!(office.contains(Timestamp::from_secs(1_705_269_600)), "22:00 UTC on Sunday");
/// assert!(!office.contains(Timestamp::from_secs(1_705_312_800)), "10:00 UTC on Monday");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TimeInterval {
    /// Minutes of the day; the end is exclusive, which the bounds here are not.
    minutes: Vec<Range>,
    /// From 0, Sunday.
    weekdays: Vec<Range>,
    /// From 1; from the month's end below 0.
    days: Vec<Range>,
    months: Vec<Range>,
    years: Vec<Range>,
    zone: TimeZone,
}

impl TimeInterval {
    /// From its configuration.
    ///
    /// # Errors
    /// When a field is outside its domain; the message names the field and its value.
    pub fn new(config: &TimeIntervalConfig) -> Result<Self, Error> {
        config.compile()
    }

    /// Whether the moment belongs to it.
    #[must_use]
    pub fn contains(&self, moment: Timestamp) -> bool {
        let Ok(moment) = jiff::Timestamp::from_millisecond(moment.as_millis()) else {
            return false;
        };
        let local = self.zone.to_datetime(moment);
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        let weekday = i32::from(local.weekday().to_sunday_zero_offset());
        let last = i32::from(local.date().days_in_month());
        let any = |ranges: &[Range], x: i32| {
            ranges.is_empty() || ranges.iter().any(|range| range.contains(x))
        };
        any(&self.minutes, minute)
            && any(&self.weekdays, weekday)
            && any(&self.months, i32::from(local.month()))
            && any(&self.years, i32::from(local.year()))
            && (self.days.is_empty()
                || self
                    .days
                    .iter()
                    .any(|range| range.in_month(last).contains(i32::from(local.day()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(json: &str) -> TimeInterval {
        TimeInterval::new(&serde_json::from_str(json).unwrap()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(moment.as_millisecond())
    }

    #[test]
    fn every_field_must_hold() {
        let all = interval("{}");
        assert!(all.contains(at("2024-02-29T00:00:00Z")));
        assert!(!all.contains(Timestamp::MAX));
        let july = interval(
            r#"{"months":["1:3","may:August","december"],"years":["2020:2022",2030],
                "weekdays":["monday:wednesday","Saturday"]}"#,
        );
        assert!(july.contains(at("2020-07-06T12:00:00Z")), "a Monday");
        assert!(!july.contains(at("2020-07-09T12:00:00Z")), "a Thursday");
        assert!(!july.contains(at("2020-09-07T12:00:00Z")), "September");
        assert!(!july.contains(at("2024-07-01T12:00:00Z")), "2024");
        assert!(july.contains(at("2030-12-28T12:00:00Z")), "a Saturday");
    }

    #[test]
    fn the_end_of_a_time_range_is_exclusive() {
        let evening = interval(r#"{"times":[{"start_time":"17:00","end_time":"24:00"}]}"#);
        assert!(!evening.contains(at("2024-01-01T16:59:59Z")));
        assert!(evening.contains(at("2024-01-01T17:00:00Z")));
        assert!(evening.contains(at("2024-01-01T23:59:59Z")));
        assert!(!evening.contains(at("2024-01-02T00:00:00Z")));
    }

    #[test]
    fn days_of_the_month_count_from_both_ends() {
        let ends = interval(r#"{"days_of_month":["1:5","-3:-1"]}"#);
        assert!(ends.contains(at("2024-02-29T00:00:00Z")));
        assert!(ends.contains(at("2024-02-27T00:00:00Z")));
        assert!(!ends.contains(at("2024-02-26T00:00:00Z")));
        assert!(ends.contains(at("2023-02-26T00:00:00Z")));
        assert!(ends.contains(at("2024-02-05T00:00:00Z")));
        let clamped = interval(r#"{"days_of_month":["1:31"]}"#);
        assert!(clamped.contains(at("2024-02-29T00:00:00Z")));
        let beyond = interval(r#"{"days_of_month":["30:31"]}"#);
        assert!(!beyond.contains(at("2024-02-29T00:00:00Z")));
    }

    #[test]
    fn clocks_that_change_are_followed() {
        let night = interval(
            r#"{"times":[{"start_time":"02:00","end_time":"03:00"}],"location":"Europe/Berlin"}"#,
        );
        // 31 March 2024: 01:59:59 is followed by 03:00:00, so the hour does not come.
        for minute in 0..180 {
            let moment = at("2024-03-31T00:00:00Z").add_millis(minute * 60_000);
            assert!(!night.contains(moment), "{minute}");
        }
        // 27 October 2024: the hour comes twice, at 00:00 and at 01:00 UTC.
        let hours = (0..180).filter(|minute| {
            night.contains(at("2024-10-26T23:00:00Z").add_millis(minute * 60_000))
        });
        assert_eq!(hours.count(), 120);
        // In summer the hour begins at midnight UTC, in winter at 01:00.
        assert!(night.contains(at("2024-07-01T00:30:00Z")));
        assert!(night.contains(at("2024-12-01T01:30:00Z")));
    }
}
