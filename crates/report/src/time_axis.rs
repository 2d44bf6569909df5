//! The time axis: round ticks in the reader's time zone.

use bongsu_core::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span as JiffSpan, ToSpan as _, Zoned};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A distance between ticks that people find round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Divides a day.
    Millis(i64),
    Days(i64),
    Months(i16),
    Years(i16),
}

const STEPS: [Step; 41] = {
    use Step::{Days, Millis, Months, Years};
    [
        Millis(1),
        Millis(2),
        Millis(5),
        Millis(10),
        Millis(20),
        Millis(50),
        Millis(100),
        Millis(200),
        Millis(500),
        Millis(SECOND),
        Millis(2 * SECOND),
        Millis(5 * SECOND),
        Millis(10 * SECOND),
        Millis(15 * SECOND),
        Millis(30 * SECOND),
        Millis(MINUTE),
        Millis(2 * MINUTE),
        Millis(5 * MINUTE),
        Millis(10 * MINUTE),
        Millis(15 * MINUTE),
        Millis(30 * MINUTE),
        Millis(HOUR),
        Millis(2 * HOUR),
        Millis(3 * HOUR),
        Millis(6 * HOUR),
        Millis(12 * HOUR),
        Days(1),
        Days(2),
        Days(7),
        Days(14),
        Months(1),
        Months(3),
        Months(6),
        Years(1),
        Years(2),
        Years(5),
        Years(10),
        Years(50),
        Years(100),
        Years(500),
        Years(1000),
    ]
};

impl Step {
    const fn millis(self) -> i64 {
        match self {
            Self::Millis(millis) => millis,
            Self::Days(days) => days * DAY,
            Self::Months(months) => months as i64 * 30 * DAY,
            Self::Years(years) => years as i64 * 365 * DAY,
        }
    }

    /// How wide its labels are, in font sizes, with the space between them.
    const fn label_width(self) -> f64 {
        match self {
            Self::Millis(..SECOND) => 9.5,
            Self::Millis(..MINUTE) => 7.5,
            Self::Millis(_) | Self::Months(_) | Self::Years(_) => 5.5,
            Self::Days(_) => 6.0,
        }
    }
}

/// A tick of the time axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeTick {
    pub(crate) at: Timestamp,
    pub(crate) label: String,
    /// The second line, where the day (or month, or year) changes, and at the first tick.
    pub(crate) context: Option<String>,
}

/// The ticks in `from..=to` for an axis that is `width` font sizes wide. None for times that no
/// calendar covers.
pub(crate) fn ticks(from: Timestamp, to: Timestamp, zone: &TimeZone, width: f64) -> Vec<TimeTick> {
    let span = to.millis_since(from) as f64;
    let Some(step) = STEPS
        .into_iter()
        .find(|step| span / step.millis() as f64 * step.label_width() <= width)
    else {
        return Vec::new();
    };
    let Some(start) = zoned(from, zone) else {
        return Vec::new();
    };
    let mut ticks = Vec::<TimeTick>::new();
    let mut previous: Option<DateTime> = None;
    let mut civil = floor(start.datetime(), step);
    for _ in 0..200 {
        let Some(current) = civil else { break };
        civil = advance(current, step);
        let Some(at) = timestamp(current, zone).filter(|&at| at >= from) else {
            continue;
        };
        if at > to {
            break;
        }
        if ticks.last().is_some_and(|last| last.at >= at) {
            continue;
        }
        ticks.push(TimeTick {
            at,
            label: label(current, step),
            context: context(current, previous, step),
        });
        previous = Some(current);
    }
    ticks
}

/// The ticks of one turn of what comes back, `from..=to`: hours of a day, weekdays of a week, months
/// of a year, else the time since its start.
pub(crate) fn turn_ticks(
    from: Timestamp,
    to: Timestamp,
    zone: &TimeZone,
    width: f64,
) -> Vec<TimeTick> {
    let span = to.millis_since(from);
    let near = |length: i64| (span - length).abs() <= length / 200;
    let calendar = near(DAY) || near(7 * DAY) || near(365 * DAY);
    let plain = |tick: TimeTick| TimeTick {
        label: match tick.label.split_once(' ') {
            // The weekday without the day of the month.
            Some((weekday, _)) => weekday.to_owned(),
            None => tick.label,
        },
        context: None,
        ..tick
    };
    if calendar {
        // A week has weekdays however much room there is.
        let width = if near(7 * DAY) {
            width.min(45.0)
        } else {
            width
        };
        return ticks(from, to, zone, width)
            .into_iter()
            .map(plain)
            .collect();
    }
    let (unit, name) = match span {
        _ if span > 3 * DAY => (DAY, "d"),
        _ if span > 3 * HOUR => (HOUR, "h"),
        _ if span > 3 * MINUTE => (MINUTE, "min"),
        _ => (SECOND, "s"),
    };
    let most = (width / 5.5).max(1.0);
    let sizes = (0..12).flat_map(|power| [1, 2, 5].map(|x| x * 10_i64.pow(power)));
    let mut sizes = sizes.filter_map(|size| size.checked_mul(unit));
    let Some(step) = sizes.find(|&step| span as f64 / step as f64 <= most) else {
        return Vec::new();
    };
    (0..=span.max(0) / step)
        .map(|i| TimeTick {
            at: from.add_millis(i * step),
            label: format!("{} {name}", i * step / unit),
            context: None,
        })
        .collect()
}

/// The moment in the zone, where the calendar covers it.
pub(crate) fn zoned(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(at.to_zoned(zone.clone()))
}

/// The name of the zone.
pub(crate) fn zone_name(zone: &TimeZone, at: Timestamp) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => zoned(at, zone).map_or_else(
            || "local time".to_owned(),
            |at| at.strftime("UTC%:z").to_string(),
        ),
    }
}

/// The moment a clock in the zone shows `civil`, the first one when it does so twice.
fn timestamp(civil: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
        return None;
    }
    let at = ambiguous.earlier().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

/// The last round moment that is not after `civil`.
fn floor(civil: DateTime, step: Step) -> Option<DateTime> {
    let date = civil.date();
    let midnight = |date: Date| date.to_datetime(Time::midnight());
    match step {
        Step::Millis(step) => {
            let since = civil.duration_since(midnight(date)).as_millis();
            let since = i64::try_from(since).ok()?;
            let span = JiffSpan::new()
                .try_milliseconds(since - since.rem_euclid(step))
                .ok()?;
            midnight(date).checked_add(span).ok()
        }
        Step::Days(days) => {
            // Counted from a Monday, so that weeks start on one.
            let monday = Date::new(1970, 1, 5).ok()?;
            let since = i64::from(monday.until(date).ok()?.get_days());
            let back = JiffSpan::new().try_days(since.rem_euclid(days)).ok()?;
            Some(midnight(date.checked_sub(back).ok()?))
        }
        Step::Months(months) => {
            let month = date.month() - 1;
            let month = month - month.rem_euclid(i8::try_from(months).ok()?);
            Some(midnight(Date::new(date.year(), month + 1, 1).ok()?))
        }
        Step::Years(years) => {
            let year = date.year() - date.year().rem_euclid(years);
            Some(midnight(Date::new(year, 1, 1).ok()?))
        }
    }
}

fn advance(civil: DateTime, step: Step) -> Option<DateTime> {
    let span = match step {
        Step::Millis(millis) => millis.milliseconds(),
        Step::Days(days) => days.days(),
        Step::Months(months) => months.months(),
        Step::Years(years) => years.years(),
    };
    civil.checked_add(span).ok()
}

fn label(civil: DateTime, step: Step) -> String {
    let format = match step {
        Step::Millis(..SECOND) => "%H:%M:%S%.3f",
        Step::Millis(..MINUTE) => "%H:%M:%S",
        Step::Millis(_) => "%H:%M",
        Step::Days(_) => "%a %-d",
        Step::Months(_) => "%b",
        Step::Years(_) => "%Y",
    };
    civil.strftime(format).to_string()
}

fn context(civil: DateTime, previous: Option<DateTime>, step: Step) -> Option<String> {
    let (date, before) = (civil.date(), previous.map(DateTime::date));
    let new_year = before.is_none_or(|before| before.year() != date.year());
    let format = match step {
        Step::Millis(_) if new_year => "%a %-d %b %Y",
        Step::Millis(_) if before != Some(date) => "%a %-d %b",
        Step::Days(_) if new_year => "%b %Y",
        Step::Days(_) if before.is_some_and(|before| before.month() != date.month()) => "%b",
        Step::Months(_) if new_year => "%Y",
        _ => return None,
    };
    Some(date.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(at.as_millisecond())
    }

    fn labels(from: &str, to: &str, zone: &str) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        ticks(at(from), at(to), &zone, 60.0)
            .into_iter()
            .map(|tick| match tick.context {
                Some(context) => format!("{}|{context}", tick.label),
                None => tick.label,
            })
            .collect()
    }

    #[test]
    fn a_day_has_ticks_at_round_hours_and_names_the_date() {
        assert_eq!(
            labels("2024-03-04T22:10:00Z", "2024-03-05T20:00:00Z", "UTC"),
            [
                "00:00|Tue 5 Mar 2024",
                "03:00",
                "06:00",
                "09:00",
                "12:00",
                "15:00",
                "18:00"
            ]
        );
    }

    #[test]
    fn midnight_is_the_zones_and_clock_changes_keep_hours_round() {
        // Clocks in Berlin go forward at 2024-03-31 02:00.
        let labels = labels(
            "2024-03-30T21:00:00Z",
            "2024-03-31T06:00:00Z",
            "Europe/Berlin",
        );
        assert_eq!(
            labels[..3],
            ["22:00|Sat 30 Mar 2024", "23:00", "00:00|Sun 31 Mar"]
        );
        assert!(!labels.contains(&"02:00".to_owned()), "{labels:?}");
        assert!(labels.contains(&"03:00".to_owned()), "{labels:?}");
    }

    #[test]
    fn weeks_start_on_monday_and_every_length_has_a_few_ticks() {
        let weeks = labels("2024-01-01T00:00:00Z", "2024-02-15T00:00:00Z", "UTC");
        assert!(
            weeks.iter().all(|label| label.starts_with("Mon")),
            "{weeks:?}"
        );
        let start = at("2024-01-01T00:00:00Z");
        let mut span = 4_i64;
        while span < 400 * 365 * DAY {
            let n = ticks(start, start.add_millis(span), &TimeZone::UTC, 60.0).len();
            assert!((2..=14).contains(&n), "{n} ticks in {span} ms");
            span = span * 3 / 2;
        }
    }

    #[test]
    fn a_turn_names_no_date() {
        let turn = |length: i64| -> Vec<String> {
            let from = at("2024-01-01T00:00:00Z");
            let ticks = turn_ticks(from, from.add_millis(length), &TimeZone::UTC, 100.0);
            assert!(ticks.iter().all(|tick| tick.context.is_none()));
            ticks.into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(turn(DAY)[..3], ["00:00", "02:00", "04:00"]);
        let week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon"];
        assert_eq!(turn(7 * DAY), week);
        assert_eq!(turn(1461 * DAY / 4)[..2], ["Jan", "Feb"]);
        let month: Vec<String> = (0..=30).step_by(2).map(|day| format!("{day} d")).collect();
        assert_eq!(turn(61 * DAY / 2), month);
        assert_eq!(turn(30), ["0 s"]);
    }

    #[test]
    fn times_beyond_the_calendar_have_no_ticks() {
        assert!(ticks(Timestamp::MIN, Timestamp::MAX, &TimeZone::UTC, 60.0).is_empty());
        assert!(ticks(Timestamp::MAX, Timestamp::MAX, &TimeZone::UTC, 60.0).is_empty());
    }
}
