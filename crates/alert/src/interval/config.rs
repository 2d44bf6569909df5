use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::TimeInterval;
use super::range::Range;
use crate::Error;

const WEEKDAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// One entry of Alertmanager's `time_intervals`, as it is written. Empty lists hold for every
/// moment.
///
/// See [`TimeInterval`] for an example.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TimeIntervalConfig {
    /// Times of the day.
    pub times: Vec<TimeRangeConfig>,
    /// Days of the week by name, such as `monday:friday` or `saturday`; the week begins on Sunday.
    pub weekdays: Vec<String>,
    /// Days of the month such as `1:5` or `-3:-1`; below 0 they count from the month's end.
    pub days_of_month: Vec<Word>,
    /// Months by name or number, such as `may:august` or `12`.
    pub months: Vec<Word>,
    /// Years, such as `2024:2026` or `2030`.
    pub years: Vec<Word>,
    /// An IANA time zone such as `Asia/Seoul`, `UTC`, or `Local` for that of the machine.
    /// Default: UTC.
    pub location: Option<String>,
}

/// Times of one day, from `start_time` to just before `end_time`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TimeRangeConfig {
    /// `HH:MM`.
    pub start_time: String,
    /// `HH:MM`, after `start_time`; `24:00` is the end of the day.
    pub end_time: String,
}

/// A text that may be written as a bare number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Word {
    /// A number.
    Number(i32),
    /// Any text.
    Text(String),
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl TimeIntervalConfig {
    pub(super) fn compile(&self) -> Result<TimeInterval, Error> {
        Ok(TimeInterval {
            minutes: each(&self.times, TimeRangeConfig::minutes)?,
            weekdays: each(&self.weekdays, |text| {
                let domain = "a weekday or two in the order Sunday to Saturday, as monday:friday";
                Range::read(
                    "weekdays",
                    text,
                    domain,
                    |name| place(&WEEKDAYS, name),
                    |x| x,
                )
            })?,
            days: each(&self.days_of_month, days_of_month)?,
            months: each(&self.months, |word| {
                let domain = "a month by name or number or two in order, as may:august";
                let month = |name: &str| match place(&MONTHS, name) {
                    Some(place) => Some(place + 1),
                    None => name.parse().ok().filter(|month| (1..=12).contains(month)),
                };
                Range::read("months", &word.to_string(), domain, month, |x| x)
            })?,
            years: each(&self.years, |word| {
                let domain = "a year or two in order, as 2024:2026";
                let year = |text: &str| text.parse().ok().filter(|year| *year >= 0);
                Range::read("years", &word.to_string(), domain, year, |x| x)
            })?,
            zone: zone(self.location.as_deref())?,
        })
    }
}

impl TimeRangeConfig {
    fn minutes(&self) -> Result<Range, Error> {
        let (from, to) = (
            minute("start_time", &self.start_time)?,
            minute("end_time", &self.end_time)?,
        );
        if from >= to {
            let value = format!("`{}`", self.end_time);
            let domain = format!("after start_time, which is {}", self.start_time);
            return Err(Error::parameter("end_time", value, domain));
        }
        Ok(Range { from, to: to - 1 })
    }
}

fn days_of_month(word: &Word) -> Result<Range, Error> {
    let domain = "from 1 to 31 or from -31 to -1, or two of them in order, as 1:5";
    let day = |text: &str| {
        let day: i32 = text.parse().ok()?;
        (day != 0 && (-31..=31).contains(&day)).then_some(day)
    };
    // A month has at least 28 days, so an order that never holds can be told.
    let place = |day: i32| if day < 0 { 28 + day } else { day };
    let range = Range::read("days_of_month", &word.to_string(), domain, day, place)?;
    if range.from < 0 && range.to > 0 {
        return Err(Error::parameter(
            "days_of_month",
            format!("`{word}`"),
            domain,
        ));
    }
    Ok(range)
}

fn each<T>(items: &[T], read: impl Fn(&T) -> Result<Range, Error>) -> Result<Vec<Range>, Error> {
    items.iter().map(read).collect()
}

fn place(names: &[&str], name: &str) -> Option<i32> {
    let place = names.iter().position(|other| *other == name)?;
    i32::try_from(place).ok()
}

/// Minutes since midnight of `HH:MM`.
fn minute(field: &str, text: &str) -> Result<i32, Error> {
    let read = || {
        let (hours, minutes) = text.split_once(':')?;
        let digits = |part: &str| {
            let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse::<i32>().ok()).flatten()
        };
        let (hours, minutes) = (digits(hours)?, digits(minutes)?);
        let total = hours * 60 + minutes;
        (minutes < 60 && total <= 24 * 60).then_some(total)
    };
    read().ok_or_else(|| {
        Error::parameter(
            field,
            format!("`{text}`"),
            "a time of the day, 00:00 to 24:00",
        )
    })
}

/// The time zone of this name; UTC without one.
pub(crate) fn zone(name: Option<&str>) -> Result<TimeZone, Error> {
    match name {
        None | Some("" | "UTC") => Ok(TimeZone::UTC),
        Some("Local") => Ok(TimeZone::system()),
        Some(name) => TimeZone::get(name).map_err(|_| {
            let domain = "a name in the IANA time zone database, such as Asia/Seoul";
            Error::parameter("location", format!("`{name}`"), domain)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_its_domain_is_named() {
        for (json, start) in [
            (r#"{"weekdays":["fri"]}"#, "parameter `weekdays` is `fri`"),
            (r#"{"weekdays":["friday:monday"]}"#, "parameter `weekdays`"),
            (r#"{"months":["13"]}"#, "parameter `months` is `13`"),
            (r#"{"months":["5:3"]}"#, "parameter `months` is `5:3`"),
            (r#"{"years":["2022:2020"]}"#, "parameter `years`"),
            (
                r#"{"days_of_month":["0"]}"#,
                "parameter `days_of_month` is `0`",
            ),
            (r#"{"days_of_month":["-1:1"]}"#, "parameter `days_of_month`"),
            (
                r#"{"days_of_month":["-1:-3"]}"#,
                "parameter `days_of_month`",
            ),
            (
                r#"{"days_of_month":[32]}"#,
                "parameter `days_of_month` is `32`",
            ),
            (
                r#"{"location":"Mars/Base"}"#,
                "parameter `location` is `Mars/Base`",
            ),
            (
                r#"{"times":[{"start_time":"9:00","end_time":"10:00"}]}"#,
                "parameter `start_time` is `9:00`",
            ),
            (
                r#"{"times":[{"start_time":"09:00","end_time":"24:01"}]}"#,
                "parameter `end_time`",
            ),
            (
                r#"{"times":[{"start_time":"09:00","end_time":"09:00"}]}"#,
                "parameter `end_time` is `09:00`, but must be after start_time",
            ),
        ] {
            let config: TimeIntervalConfig = serde_json::from_str(json).unwrap();
            let error = TimeInterval::new(&config).unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
        }
        assert!(serde_json::from_str::<TimeIntervalConfig>(r#"{"weekday":[]}"#).is_err());
    }
}
