use bongsu_core::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;

/// What a periodic report covers, by the calendar.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Period {
    /// From midnight to midnight.
    Daily,
    /// From Monday to Sunday.
    Weekly,
    /// From the first day of a month to the last.
    Monthly,
}

impl Period {
    /// Its beginning and its end around `at`. A day may have 23 or 25 hours.
    ///
    /// # Errors
    /// When `at` is beyond the calendar.
    pub fn around(self, at: Timestamp, zone: &TimeZone) -> Result<(Timestamp, Timestamp), Error> {
        let wrong =
            |e: jiff::Error| Error::config(format!("the time {at} has no calendar day: {e}"));
        let day = zoned(at, zone).map_err(wrong)?.date();
        let first = match self {
            Self::Daily => day,
            Self::Weekly => {
                let back = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(back.days()).map_err(wrong)?
            }
            Self::Monthly => day.first_of_month(),
        };
        let next = match self {
            Self::Daily => first.checked_add(1.day()),
            Self::Weekly => first.checked_add(7.days()),
            Self::Monthly => first.checked_add(1.month()),
        };
        let start = |day: Date| -> Result<Timestamp, jiff::Error> {
            let start = day.to_zoned(zone.clone())?;
            Ok(Timestamp::from_millis(start.timestamp().as_millisecond()))
        };
        let next = next.map_err(wrong)?;
        Ok((start(first).map_err(wrong)?, start(next).map_err(wrong)?))
    }

    /// The latest one that is over at `now`.
    ///
    /// # Errors
    /// When `now` is beyond the calendar.
    pub fn latest(self, now: Timestamp, zone: &TimeZone) -> Result<(Timestamp, Timestamp), Error> {
        let (from, _) = self.around(now, zone)?;
        self.around(from.add_millis(-1), zone)
    }

    /// `daily`, `weekly` or `monthly`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// The name of the report that begins at `from`: `daily-2026-03-01`, `weekly-2026-W09`,
    /// `monthly-2026-03`.
    pub(super) fn name(self, from: Timestamp, zone: &TimeZone) -> String {
        let word = self.word();
        let Ok(day) = zoned(from, zone).map(|at| at.date()) else {
            return format!("{word}-{from}");
        };
        match self {
            Self::Daily => format!("{word}-{day}"),
            Self::Weekly => {
                let week = day.iso_week_date();
                format!("{word}-{}-W{:02}", week.year(), week.week())
            }
            Self::Monthly => format!("{word}-{}", day.strftime("%Y-%m")),
        }
    }
}

/// A moment within the day `text` (`2026-03-01`) in the zone `zone`, or within the latest `period` that
/// is over, and the zone.
///
/// # Errors
/// When there is no such day or zone.
pub fn parse_day(
    text: Option<&str>,
    period: Period,
    zone: &str,
) -> Result<(Timestamp, TimeZone), Error> {
    let zone = TimeZone::get(zone).map_err(|_| {
        Error::config(format!(
            "the time zone is `{zone}`, but must be an IANA time zone such as `Asia/Seoul`"
        ))
    })?;
    let Some(text) = text else {
        let (from, _) = period.latest(crate::source::wall_clock(), &zone)?;
        return Ok((from, zone));
    };
    let day: Result<Date, jiff::Error> = text.parse();
    let start = day.and_then(|day| day.to_zoned(zone.clone()));
    let start = start.map_err(|_| {
        Error::config(format!(
            "the day is `{text}`, but must be one as 2026-03-01"
        ))
    })?;
    Ok((
        Timestamp::from_millis(start.timestamp().as_millisecond()),
        zone,
    ))
}

pub(super) fn zoned(at: Timestamp, zone: &TimeZone) -> Result<Zoned, jiff::Error> {
    Ok(jiff::Timestamp::from_millisecond(at.as_millis())?.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_the_calendar_of_their_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // Sunday 2026-03-29 has 23 hours there.
        let at = Timestamp::from_secs(1_774_785_600);
        let hours = |period: Period| {
            let (from, to) = period.around(at, &zone).unwrap();
            (period.name(from, &zone), to.millis_since(from) / 3_600_000)
        };
        assert_eq!(hours(Period::Daily), ("daily-2026-03-29".to_owned(), 23));
        assert_eq!(
            hours(Period::Weekly),
            ("weekly-2026-W13".to_owned(), 7 * 24 - 1)
        );
        assert_eq!(
            hours(Period::Monthly),
            ("monthly-2026-03".to_owned(), 31 * 24 - 1)
        );
        let (_, over) = Period::Daily.latest(at, &zone).unwrap();
        assert_eq!(over, Period::Daily.around(at, &zone).unwrap().0);
        assert!(Period::Daily.around(Timestamp::MAX, &zone).is_err());
    }
}
