//! What a model may know of a moment: the clock, the calendar, and the past at the forecast's origin.

use bongsu_core::{Result, Timestamp};
use bongsu_stats::calendar::Clock;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The place of a moment on the local clock and in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// Seconds since local midnight.
    pub(crate) second: i64,
    /// 0 for Monday to 6.
    pub(crate) weekday: usize,
    /// 1 to 31.
    pub(crate) day: usize,
    /// 0 for January to 11.
    pub(crate) month: usize,
}

impl Calendar {
    pub(crate) fn of(clock: &Clock, at: Timestamp) -> Result<Self> {
        let local = clock.local_seconds(at)?;
        let (date, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (day, month) = civil(date);
        Ok(Self {
            second,
            weekday: (date + 3).rem_euclid(7) as usize,
            day,
            month,
        })
    }

    pub(crate) const fn hour(&self) -> i64 {
        self.second / 3_600
    }

    /// Which of `bins` equal parts of the day it is in.
    pub(crate) const fn bin_of_day(&self, bins: usize) -> usize {
        (self.second as usize * bins) / DAY as usize
    }
}

/// Day of the month and month of a day since 1970-01-01 in the Gregorian calendar, by the
/// arithmetic of H. Hinnant, "chrono-compatible low-level date algorithms".
const fn civil(days: i64) -> (usize, usize) {
    let day_of_era = (days + 719_468).rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    (day as usize, ((month + 2) % 12) as usize)
}

/// Mean, standard deviation, maximum and minimum of the last values before an origin: known when a
/// forecast is made, whatever its lead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recent {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
    pub(crate) max: f64,
    pub(crate) min: f64,
}

impl Recent {
    /// Of `values`, all finite; zeros where there are none.
    pub(crate) fn of(values: &[f64]) -> Self {
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Self {
            mean,
            deviation: (squares / count).sqrt(),
            max: values.iter().copied().reduce(f64::max).unwrap_or(0.0),
            min: values.iter().copied().reduce(f64::min).unwrap_or(0.0),
        }
    }
}

/// A row of features: time and lead in steps, hour, weekday, day, month, and the recent past.
pub(crate) const COLUMNS: usize = 10;

pub(crate) fn row(time: usize, lead: usize, at: &Calendar, recent: &Recent) -> [f64; COLUMNS] {
    [
        time as f64,
        lead as f64,
        at.hour() as f64,
        at.weekday as f64,
        at.day as f64,
        at.month as f64,
        recent.mean,
        recent.deviation,
        recent.max,
        recent.min,
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_that_of_the_zone() {
        let clock = Clock::new("Asia/Seoul").unwrap();
        // 2024-02-29 16:30 UTC is Friday 1 March, 01:30 in Seoul.
        let at = Timestamp::from_secs(1_709_224_200);
        let found = Calendar::of(&clock, at).unwrap();
        assert_eq!(
            (found.hour(), found.weekday, found.day, found.month),
            (1, 4, 1, 2)
        );
        let utc = Calendar::of(&Clock::new("UTC").unwrap(), at).unwrap();
        assert_eq!(
            (utc.hour(), utc.weekday, utc.day, utc.month),
            (16, 3, 29, 1)
        );
        assert_eq!(utc.bin_of_day(48), 33);
        let old = Calendar::of(&Clock::new("UTC").unwrap(), Timestamp::from_secs(-1)).unwrap();
        assert_eq!(
            (old.hour(), old.weekday, old.day, old.month),
            (23, 2, 31, 11)
        );
    }
}
