//! Writing moments as a file writes its timestamps, and numbers so that they stay short.

use bongsu_core::Timestamp;
use jiff::civil::{Date, Time};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};

/// How the timestamps of a file are written, learned from one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Seconds,
    Milliseconds,
    Calendar {
        /// Between date and time.
        separator: char,
        precision: Precision,
        /// The offset from UTC, if one is written, and whether it is `Z`.
        zone: Option<(Offset, bool)>,
    },
}

/// How much of a moment is written, where there is no more to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precision {
    Day,
    Minute,
    Second,
}

impl TimeFormat {
    /// As `text` is written; as Unix seconds where it is no timestamp.
    ///
    /// ```
    /// use bongsu_core::Timestamp;
    /// use bongsu_engine::TimeFormat;
    /// let format = TimeFormat::of("2024-03-05 09:00:00");
    /// assert_eq!(format.write(Timestamp::from_secs(1_709_632_800)), "2024-03-05 10:00:00");
    /// ```
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(match super::parse_time(text) {
            None | Some((_, super::TimeUnit::Seconds)) => Form::Seconds,
            Some((_, super::TimeUnit::Milliseconds)) => Form::Milliseconds,
            Some((_, super::TimeUnit::Rfc3339)) => calendar(text),
        })
    }

    /// `time`, with as many more digits as it needs.
    #[must_use]
    pub fn write(&self, time: Timestamp) -> String {
        let millis = time.as_millis();
        match &self.0 {
            Form::Milliseconds => millis.to_string(),
            Form::Seconds => seconds(millis),
            Form::Calendar {
                separator,
                precision,
                zone,
            } => {
                let offset = zone.map_or(Offset::UTC, |(offset, _)| offset);
                let Ok(moment) = jiff::Timestamp::from_millisecond(millis) else {
                    return seconds(millis);
                };
                let civil = offset.to_datetime(moment);
                let exact = match civil.time() {
                    time if time == Time::midnight() => Precision::Day,
                    time if time.second() == 0 && time.subsec_nanosecond() == 0 => {
                        Precision::Minute
                    }
                    _ => Precision::Second,
                };
                let mut out = civil.date().to_string();
                if (*precision, exact) == (Precision::Day, Precision::Day) && zone.is_none() {
                    return out;
                }
                out.push(*separator);
                let short = *precision == Precision::Minute && exact != Precision::Second;
                let format = match civil.time().millisecond() {
                    _ if short => "%H:%M",
                    0 => "%H:%M:%S",
                    _ => "%H:%M:%S.%3f",
                };
                out.push_str(&strtime::format(format, civil).unwrap_or_default());
                match zone {
                    Some((_, true)) => out.push('Z'),
                    Some((offset, false)) => out.push_str(&written(*offset)),
                    None => {}
                }
                out
            }
        }
    }

    /// The zone in which times are written.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        match self.0 {
            Form::Calendar {
                zone: Some((offset, _)),
                ..
            } => TimeZone::fixed(offset),
            _ => TimeZone::UTC,
        }
    }

    /// Whether a timestamp is written as a number.
    #[must_use]
    pub const fn is_number(&self) -> bool {
        !matches!(self.0, Form::Calendar { .. })
    }
}

fn seconds(millis: i64) -> String {
    if millis % 1_000 == 0 {
        return (millis / 1_000).to_string();
    }
    let sign = if millis < 0 { "-" } else { "" };
    let size = millis.unsigned_abs();
    let text = format!("{sign}{}.{:03}", size / 1_000, size % 1_000);
    text.trim_end_matches('0').to_owned()
}

fn written(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

fn calendar(text: &str) -> Form {
    let separator = text.chars().find(|c| matches!(c, 'T' | 't' | ' '));
    let time = separator.and_then(|separator| text.split_once(separator));
    let time = time.map_or("", |(_, time)| time);
    let clock = time.split(['Z', 'z', '+', '-', '[']).next().unwrap_or("");
    let precision = match clock.matches(':').count() {
        _ if text.parse::<Date>().is_ok() && time.is_empty() => Precision::Day,
        0 | 1 => Precision::Minute,
        _ => Precision::Second,
    };
    let zulu = time.ends_with(['Z', 'z']);
    let zone = if zulu {
        Some((Offset::UTC, true))
    } else {
        let pieces = jiff::fmt::temporal::DateTimeParser::new()
            .parse_pieces(text)
            .ok();
        pieces
            .and_then(|pieces| pieces.to_numeric_offset())
            .map(|offset| (offset, false))
    };
    Form::Calendar {
        separator: separator.unwrap_or('T'),
        precision,
        zone,
    }
}

/// A number in as few digits as tell it from every other: `1e308` where it is at least 1e16 or, but for
/// 0, below 1e-5 in magnitude.
///
/// ```
/// use bongsu_engine::format_number;
/// let written = [0.25, 1e15, 1e16, -1e-6, 0.0].map(|x| format_number(x).to_string());
/// assert_eq!(written, ["0.25", "1000000000000000", "1e16", "-1e-6", "0"]);
/// ```
pub fn format_number(value: f64) -> impl std::fmt::Display {
    std::fmt::from_fn(move |f| {
        let size = value.abs();
        let plain = (1e-5..1e16).contains(&size) || size == 0.0 || !size.is_finite();
        if plain {
            write!(f, "{value}")
        } else {
            write!(f, "{value:e}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_file_writes_them() {
        for text in [
            "1700000000",
            "1700000000.5",
            "-1.25",
            "1700000000000",
            "1700000000123",
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20.5Z",
            "2023-11-14T23:13:20+01:00",
            "2023-11-14 18:43:20-03:30",
            "2023-11-14 22:13:20",
            "2023-11-14T22:13",
            "2023-11-14",
            "2023-11-14T00:00:00Z",
        ] {
            let (time, _) = super::super::parse_time(text).unwrap();
            let format = TimeFormat::of(text);
            let written = format.write(time);
            assert_eq!(
                super::super::parse_time(&written).unwrap().0,
                time,
                "{text}"
            );
            if !text.contains(".5Z") {
                assert_eq!(written, text);
            }
        }
    }

    #[test]
    fn a_moment_that_needs_more_digits_gets_them() {
        let half_past = Timestamp::from_millis(1_700_001_030_500);
        let day = TimeFormat::of("2023-11-14");
        assert_eq!(day.write(half_past), "2023-11-14T22:30:30.500");
        let minute = TimeFormat::of("2023-11-14 22:13");
        assert_eq!(
            minute.write(Timestamp::from_secs(1_700_001_030)),
            "2023-11-14 22:30:30"
        );
        assert_eq!(TimeFormat::of("60").write(half_past), "1700001030.5");
        assert!(TimeFormat::of("60").is_number() && !day.is_number());
        let offset = TimeFormat::of("2023-11-14T23:13:20+01:00").time_zone();
        assert_eq!(offset, TimeZone::fixed(Offset::from_hours(1).unwrap()));
    }
}
