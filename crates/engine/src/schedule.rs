//! When a job is due: every so often, or by a calendar.

use std::str::FromStr as _;

use bongsu_core::Timestamp;
use croner::Cron;
use jiff::tz::TimeZone;

use crate::Error;
use crate::config::ScheduleConfig;

/// A checked schedule of one job.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    when: When,
    /// How much later than its moments the job runs, so that not all jobs run at once.
    delay: i64,
    skips_missed: bool,
}

#[derive(Debug, Clone)]
enum When {
    /// So long after the last run.
    Every(i64),
    /// At multiples of an interval since 1970: runs that are to be spread must not all count from
    /// when the service was started.
    Aligned(i64),
    By(Calendar),
}

/// Moments by a cron expression in a time zone.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    cron: Box<Cron>,
    zone: TimeZone,
}

impl Calendar {
    pub(crate) fn new(text: &str, timezone: &str) -> Result<Self, Error> {
        let wrong = |e: &dyn std::fmt::Display| {
            Error::config(format!(
                "cron is `{text}`, but must be a cron expression such as `30 3 * * *`: {e}"
            ))
        };
        let zone = TimeZone::get(timezone).map_err(|_| {
            Error::config(format!(
                "timezone is `{timezone}`, but must be an IANA time zone such as `Asia/Seoul`"
            ))
        })?;
        let cron = Box::new(Cron::from_str(text).map_err(|e| wrong(&e))?);
        let calendar = Self { cron, zone };
        if calendar.after(Timestamp::from_millis(0)).next().is_none() {
            return Err(wrong(&"it never comes"));
        }
        Ok(calendar)
    }

    /// Its moments after `time`.
    pub(crate) fn after(&self, time: Timestamp) -> impl Iterator<Item = Timestamp> {
        let start = jiff::Timestamp::from_millisecond(time.as_millis()).ok();
        let start = start.map(|start| start.to_zoned(self.zone.clone()));
        let moments = start
            .into_iter()
            .flat_map(|start| self.cron.iter_after(start));
        moments.map(|moment| Timestamp::from_millis(moment.timestamp().as_millisecond()))
    }
}

impl Schedule {
    /// The schedule of the job `name`; `None` where neither an interval nor a calendar is set.
    pub(crate) fn new(config: &ScheduleConfig, name: &str) -> Result<Option<Self>, Error> {
        let when = match (config.every, &config.cron) {
            (Some(_), Some(_)) => {
                return Err(Error::config(
                    "cron: stands beside `every`; give one of them",
                ));
            }
            (None, None) => return Ok(None),
            (Some(every), None) if every.millis() < 1 => {
                return Err(Error::config("every is 0s, but must be above 0"));
            }
            (Some(every), None) if config.jitter.millis() > 0 => When::Aligned(every.millis()),
            (Some(every), None) => When::Every(every.millis()),
            (None, Some(text)) => When::By(Calendar::new(text, &config.timezone)?),
        };
        Ok(Some(Self {
            when,
            delay: delay(config.jitter.millis(), name),
            skips_missed: config.skip_missed,
        }))
    }

    /// The first moment after `last`, a moment at which the job ran, at which it is due again.
    pub(crate) fn next(&self, last: Timestamp) -> Option<Timestamp> {
        let base = last.add_millis(-self.delay);
        Some(self.when.after(base)?.add_millis(self.delay))
    }

    /// From when on runs count, for a job that last ran at `last` when the service starts at `now`.
    pub(crate) fn since(&self, last: Timestamp, now: Timestamp) -> Timestamp {
        match self.when {
            _ if !self.skips_missed => last,
            When::Every(millis) => {
                let missed = (now.millis_since(last) / millis).max(0);
                last.add_millis(missed * millis)
            }
            _ => last.max(now),
        }
    }
}

impl When {
    fn after(&self, last: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(millis) => Some(last.add_millis(*millis)),
            Self::Aligned(millis) => Some(last.align_down(*millis).add_millis(*millis)),
            Self::By(calendar) => calendar.after(last).next(),
        }
    }
}

/// A delay below `jitter` that is the same for the same name in every run: FNV-1a of it.
fn delay(jitter: i64, name: &str) -> i64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    match u64::try_from(jitter) {
        Ok(jitter) if jitter > 0 => i64::try_from(hash % jitter).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Span;

    fn schedule(config: &ScheduleConfig) -> Schedule {
        Schedule::new(config, "cpu").unwrap().unwrap()
    }

    fn cron(text: &str, zone: &str) -> ScheduleConfig {
        ScheduleConfig {
            cron: Some(text.to_owned()),
            timezone: zone.to_owned(),
            ..ScheduleConfig::default()
        }
    }

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(time.as_millisecond())
    }

    #[test]
    fn a_calendar_follows_its_time_zone() {
        let seoul = schedule(&cron("30 3 * * *", "Asia/Seoul"));
        let next = seoul.next(at("2026-03-01T00:00:00Z")).unwrap();
        assert_eq!(next, at("2026-03-01T18:30:00Z"));
        assert_eq!(seoul.next(next).unwrap(), at("2026-03-02T18:30:00Z"));
        // In Berlin the clocks go forward from 2:00 to 3:00 on this day.
        let berlin = schedule(&cron("0 12 * * *", "Europe/Berlin"));
        assert_eq!(
            berlin.next(at("2026-03-28T11:00:00Z")).unwrap(),
            at("2026-03-29T10:00:00Z")
        );
    }

    #[test]
    fn an_interval_counts_from_the_last_run_and_missed_runs_may_be_skipped() {
        let mut config = ScheduleConfig {
            every: Some(Span::from_secs(3_600)),
            ..ScheduleConfig::default()
        };
        let (last, now) = (at("2026-03-01T00:10:00Z"), at("2026-03-01T09:00:00Z"));
        let hourly = schedule(&config);
        assert_eq!(hourly.next(last).unwrap(), at("2026-03-01T01:10:00Z"));
        assert_eq!(hourly.since(last, now), last);
        config.skip_missed = true;
        let skipping = schedule(&config);
        let since = skipping.since(last, now);
        assert_eq!(skipping.next(since).unwrap(), at("2026-03-01T09:10:00Z"));
        // However often the service is started, the interval is not begun anew.
        let again = skipping.since(since, at("2026-03-01T09:05:00Z"));
        assert_eq!(again, since);
        // Nor by a clock that was set back.
        assert_eq!(skipping.since(last, at("2026-02-28T00:00:00Z")), last);
    }

    #[test]
    fn jitter_spreads_intervals_that_began_together() {
        let config = ScheduleConfig {
            every: Some(Span::from_secs(3_600)),
            jitter: Span::from_secs(600),
            skip_missed: true,
            ..ScheduleConfig::default()
        };
        let start = at("2026-03-01T00:20:00Z");
        let nexts: Vec<Timestamp> = ["cpu", "memory", "disk"]
            .map(|name| {
                let jittered = Schedule::new(&config, name).unwrap().unwrap();
                let next = jittered.next(start).unwrap();
                let delay = next.millis_since(at("2026-03-01T01:00:00Z"));
                assert!((0..600_000).contains(&delay), "{name}: {delay}");
                assert_eq!(jittered.next(next).unwrap().millis_since(next), 3_600_000);
                let since = jittered.since(start, at("2026-03-01T09:30:00Z"));
                let then = at("2026-03-01T10:00:00Z").add_millis(delay);
                assert_eq!(jittered.next(since).unwrap(), then, "{name}");
                next
            })
            .to_vec();
        assert!(
            nexts
                .iter()
                .all(|next| *next != start.add_millis(3_600_000))
        );
        assert!(nexts[0] != nexts[1] && nexts[1] != nexts[2]);
    }

    #[test]
    fn clocks_that_are_set_forward_or_back_lose_and_repeat_no_run() {
        // From 2:00 on the 29th of March it is 3:00; from 3:00 on the 25th of October 2:00 again.
        let runs = |text: &str, from: &str, to: &str| {
            let berlin = schedule(&cron(text, "Europe/Berlin"));
            let mut runs = Vec::new();
            let mut last = at(from);
            while let Some(next) = berlin.next(last)
                && next < at(to)
            {
                assert!(next > last);
                runs.push(next);
                last = next;
            }
            runs
        };
        let daily = runs("30 2 * * *", "2026-03-27T12:00:00Z", "2026-03-31T12:00:00Z");
        assert_eq!(daily.len(), 4, "one a day: {daily:?}");
        let autumn = runs("30 2 * * *", "2026-10-23T12:00:00Z", "2026-10-27T12:00:00Z");
        assert_eq!(autumn.len(), 4, "one a day: {autumn:?}");
        let hourly = runs("0 * * * *", "2026-10-24T22:30:00Z", "2026-10-25T04:30:00Z");
        assert_eq!(hourly.len(), 6, "one an hour: {hourly:?}");
        let hourly = runs("0 * * * *", "2026-03-28T22:30:00Z", "2026-03-29T04:30:00Z");
        assert_eq!(hourly.len(), 6, "one an hour: {hourly:?}");
    }

    #[test]
    fn jitter_delays_a_job_always_by_the_same_time_below_it() {
        let mut config = cron("0 * * * *", "UTC");
        config.jitter = Span::from_secs(600);
        let jittered = schedule(&config);
        let next = jittered.next(at("2026-03-01T00:30:00Z")).unwrap();
        let delay = next.millis_since(at("2026-03-01T01:00:00Z"));
        assert!((1..600_000).contains(&delay), "{delay}");
        assert_eq!(jittered.next(next).unwrap().millis_since(next), 3_600_000);
        let other = Schedule::new(&config, "memory").unwrap().unwrap();
        assert_ne!(other.next(at("2026-03-01T00:30:00Z")).unwrap(), next);
    }

    #[test]
    fn what_is_no_schedule_is_refused_by_name() {
        for (config, word) in [
            (cron("61 3 * * *", "UTC"), "cron is `61 3 * * *`"),
            (cron("0 0 30 2 *", "UTC"), "never comes"),
            (cron("0 3 * * *", "Asia/Soul"), "timezone is `Asia/Soul`"),
            (
                ScheduleConfig {
                    every: Some(Span::default()),
                    ..ScheduleConfig::default()
                },
                "every is 0s",
            ),
            (
                ScheduleConfig {
                    every: Some(Span::from_secs(1)),
                    ..cron("0 3 * * *", "UTC")
                },
                "one of them",
            ),
        ] {
            let error = Schedule::new(&config, "cpu").unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(
            Schedule::new(&ScheduleConfig::default(), "cpu")
                .unwrap()
                .is_none()
        );
    }
}
