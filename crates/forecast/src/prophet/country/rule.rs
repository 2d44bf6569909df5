//! When a holiday is.

use std::ops::RangeInclusive;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday, date};

/// A rule and the years in which it holds, or a single day.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    years: RangeInclusive<i16>,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Single(Date),
    Fixed(i8, i8),
    /// Days after Easter Sunday.
    Easter(i32),
    /// The first such day of the week from a day of the year on.
    From(Weekday, i8, i8),
    /// Days after a day of the year where it is such a day of the week.
    Moved(i8, i8, Vec<(Weekday, i32)>),
}

impl Clause {
    /// From its words, as the table's head explains them.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (years, rule) = match text.split_once(' ') {
            Some((years, rule)) => {
                let (first, last) = years.split_once("..")?;
                let end = |text: &str, open: i16| match text {
                    "" => Some(open),
                    _ => text.parse().ok(),
                };
                (end(first, i16::MIN)?..=end(last, i16::MAX)?, rule)
            }
            None => (i16::MIN..=i16::MAX, text),
        };
        Some(Self {
            years,
            rule: Rule::read(rule)?,
        })
    }

    /// Its days of a year, since 1970-01-01.
    pub(super) fn days(&self, year: i16) -> Vec<i32> {
        if !self.years.contains(&year) {
            return Vec::new();
        }
        let own = |dates: Vec<Option<Date>>| -> Vec<i32> {
            let own = dates.into_iter().flatten().filter(|day| day.year() == year);
            own.filter_map(since_1970).collect()
        };
        match &self.rule {
            Rule::Single(day) => own(vec![Some(*day)]),
            Rule::Fixed(month, day) => own(vec![Date::new(year, *month, *day).ok()]),
            Rule::Easter(offset) => own(vec![easter(year).and_then(|day| moved(day, *offset))]),
            Rule::From(weekday, month, day) => own(vec![from(*weekday, year, *month, *day)]),
            // Near a turn of the year a day may be observed in another one.
            Rule::Moved(month, day, offsets) => own((year - 1..=year + 1)
                .map(|year| {
                    let day = Date::new(year, *month, *day).ok()?;
                    let (_, offset) = offsets.iter().find(|(on, _)| *on == day.weekday())?;
                    moved(day, *offset)
                })
                .collect()),
        }
    }
}

impl Rule {
    fn read(text: &str) -> Option<Self> {
        if let Some(offset) = text.strip_prefix("easter") {
            return offset.parse().ok().map(Self::Easter);
        }
        if let Some((name, day)) = text.split_once(">=") {
            let (month, day) = day_of_year(day)?;
            return Some(Self::From(weekday(name)?, month, day));
        }
        if let Some((day, offsets)) = text.split_once(':') {
            let (month, day) = day_of_year(day)?;
            let offset = |text: &str| {
                let (name, offset) = text.split_at_checked(3)?;
                Some((weekday(name)?, offset.parse().ok()?))
            };
            let offsets = offsets.split(',').map(offset);
            return Some(Self::Moved(month, day, offsets.collect::<Option<_>>()?));
        }
        match day_of_year(text) {
            Some((month, day)) => Some(Self::Fixed(month, day)),
            None => text.parse().ok().map(Self::Single),
        }
    }
}

/// `12-25`.
fn day_of_year(text: &str) -> Option<(i8, i8)> {
    let (month, day) = text.split_once('-')?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    // In a leap year every day of any year is one.
    Date::new(2000, month, day).ok().map(|_| (month, day))
}

fn weekday(name: &str) -> Option<Weekday> {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let at = names.iter().position(|other| *other == name)?;
    Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
}

fn moved(day: Date, offset: i32) -> Option<Date> {
    day.checked_add(offset.days()).ok()
}

fn from(weekday: Weekday, year: i16, month: i8, day: i8) -> Option<Date> {
    let start = Date::new(year, month, day).ok()?;
    let ahead =
        i32::from(weekday.to_monday_zero_offset() - start.weekday().to_monday_zero_offset());
    moved(start, ahead.rem_euclid(7))
}

/// Days since 1970-01-01.
pub(in crate::prophet) fn since_1970(day: Date) -> Option<i32> {
    let span = date(1970, 1, 1).until(day).ok()?;
    Some(span.get_days())
}

/// Easter Sunday of the Gregorian calendar. Source: Meeus 1991, *Astronomical Algorithms*, chapter 8.
fn easter(year: i16) -> Option<Date> {
    let year_number = i32::from(year);
    let (golden, century, rest) = (
        year_number.rem_euclid(19),
        year_number.div_euclid(100),
        year_number.rem_euclid(100),
    );
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let moon = (19 * golden + century - century / 4 - correction + 15).rem_euclid(30);
    let sunday = (32 + 2 * (century % 4) + 2 * (rest / 4) - moon - rest % 4).rem_euclid(7);
    let late = (golden + 11 * moon + 22 * sunday) / 451;
    let days = moon + sunday - 7 * late + 114;
    let (month, day) = (days / 31, days % 31 + 1);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_moves_with_the_moon() {
        for (year, month, day) in [(1961, 4, 2), (2008, 3, 23), (2011, 4, 24), (2038, 4, 25)] {
            assert_eq!(easter(year), Some(date(year, month, day)));
        }
    }

    #[test]
    fn words_that_are_no_rule_are_refused() {
        for text in [
            "",
            "13-01",
            "02-30",
            "moon+3",
            "easterly",
            "mon>=",
            "12-25:sat",
            "2001 01-01",
        ] {
            assert_eq!(Clause::read(text), None, "{text}");
        }
        let observed = Clause::read("2010.. 01-01:sat-1").unwrap();
        // The first of January 2011 was a Saturday.
        let new_year = since_1970(date(2010, 12, 31)).unwrap();
        assert_eq!(observed.days(2010), [new_year]);
        assert!(observed.days(2011).is_empty() && observed.days(2009).is_empty());
    }
}
