//! What happens when: the daily rhythm and the scripted incidents.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The recorded 'day' for which the script below is written.
const SCRIPT_DAY: f64 = 600.0;

/// The kinds of incident the recorder can inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Busy threads on every core.
    CpuBurn,
    /// `orders` keeps what it allocates.
    MemoryLeak,
    /// Writers that flush a real disk.
    DiskIoStorm,
    /// Bulk traffic over the loopback device.
    NetworkFlood,
    /// The worker is killed and restarted later.
    ProcessKilled,
    /// The node exporter is stopped: series go absent.
    ExporterDown,
    /// Benign: more traffic and a larger cache for good.
    LevelShift,
    /// Handlers of `store` wait for one lock.
    Latency,
    /// `orders` answers with errors.
    ErrorBurst,
}

/// One scripted incident: its kind, start and length in script seconds.
const SCRIPT: [(Kind, f64, f64); 9] = [
    (Kind::CpuBurn, 15.0 * 60.0, 90.0),
    (Kind::MemoryLeak, 20.0 * 60.0, 240.0),
    (Kind::DiskIoStorm, 27.5 * 60.0, 60.0),
    (Kind::NetworkFlood, 31.5 * 60.0, 90.0),
    (Kind::ProcessKilled, 35.5 * 60.0, 90.0),
    (Kind::ExporterDown, 39.5 * 60.0, 90.0),
    (Kind::LevelShift, 43.5 * 60.0, 0.0),
    (Kind::Latency, 49.5 * 60.0, 90.0),
    (Kind::ErrorBurst, 53.0 * 60.0, 75.0),
];

/// An incident at its place in this recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Planned {
    /// What is injected.
    pub(crate) kind: Kind,
    /// Offset from the start of the recording.
    pub(crate) at: Duration,
    /// How long it lasts; zero means until the end.
    pub(crate) lasts: Duration,
}

/// The whole plan of a recording.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// Length of a 'day'.
    pub(crate) day: Duration,
    /// Length of the recording.
    pub(crate) total: Duration,
    /// Incidents in order of time.
    pub(crate) incidents: Vec<Planned>,
}

impl Schedule {
    /// Scales the script to `day`; an incident never lasts less than eight scrapes, and one that
    /// would not end before the recording does is left out.
    pub(crate) fn new(day: Duration, days: f64, scrape: Duration) -> Self {
        let scale = day.as_secs_f64() / SCRIPT_DAY;
        let total = day.mul_f64(days);
        let incidents = SCRIPT
            .iter()
            .map(|&(kind, at, lasts)| Planned {
                kind,
                at: Duration::from_secs_f64(at * scale),
                lasts: if lasts > 0.0 {
                    Duration::from_secs_f64(lasts * scale).max(scrape * 8)
                } else {
                    Duration::ZERO
                },
            })
            .filter(|planned| planned.at + planned.lasts < total)
            .collect();
        Self {
            day,
            total,
            incidents,
        }
    }
}

/// Knots of the daily rhythm: phase of the day, level in `[-1, 1]`.
const RHYTHM: [(f64, f64); 9] = [
    (0.0, -0.85),
    (0.12, -1.0),
    (0.28, 0.3),
    (0.40, 0.8),
    (0.50, 0.35),
    (0.62, 0.7),
    (0.75, 1.0),
    (0.88, 0.0),
    (1.0, -0.85),
];

/// The level of the day at `phase` (its fraction counts): night low, morning ramp, lunch dip,
/// evening peak.
pub(crate) fn rhythm(phase: f64) -> f64 {
    let phase = phase.rem_euclid(1.0);
    let mut previous = (0.0, -0.85);
    for (at, level) in RHYTHM {
        if phase < at {
            let (from, low) = previous;
            let t = (phase - from) / (at - from);
            let eased = 0.5 - 0.5 * (std::f64::consts::PI * t).cos();
            return low + (level - low) * eased;
        }
        previous = (at, level);
    }
    previous.1
}

#[cfg(test)]
mod tests {
    use super::{Kind, SCRIPT, Schedule, rhythm};
    use std::time::Duration;

    #[test]
    fn real_schedule_keeps_the_script() {
        let plan = Schedule::new(Duration::from_secs(600), 5.65, Duration::from_secs(5));
        assert_eq!(plan.incidents.len(), SCRIPT.len());
        assert_eq!(plan.total, Duration::from_secs(3390));
        let first = plan.incidents.first().copied();
        assert_eq!(
            first.map(|p| (p.kind, p.at, p.lasts)),
            Some((
                Kind::CpuBurn,
                Duration::from_secs(900),
                Duration::from_secs(90)
            ))
        );
    }

    #[test]
    fn compressed_schedule_scales_and_never_overlaps() {
        let plan = Schedule::new(Duration::from_secs(36), 5.65, Duration::from_secs(1));
        assert_eq!(plan.incidents.len(), SCRIPT.len());
        for pair in plan.incidents.windows(2) {
            if let [a, b] = pair {
                assert!(a.at + a.lasts < b.at, "{a:?} runs into {b:?}");
            }
        }
        for planned in &plan.incidents {
            assert!(planned.lasts.is_zero() || planned.lasts >= Duration::from_secs(8));
        }
    }

    #[test]
    fn short_recordings_drop_late_incidents() {
        let plan = Schedule::new(Duration::from_secs(600), 1.7, Duration::from_secs(5));
        assert_eq!(plan.incidents.len(), 1);
    }

    #[test]
    fn the_first_incident_leaves_clean_days() {
        let plan = Schedule::new(Duration::from_secs(600), 5.65, Duration::from_secs(5));
        assert!(plan.incidents.iter().all(|p| p.at >= plan.day.mul_f64(1.4)));
    }

    #[test]
    fn rhythm_is_continuous_and_bounded() {
        let mut last = rhythm(0.0);
        for i in 1..=2000 {
            let level = rhythm(f64::from(i) / 1000.0);
            assert!((-1.0..=1.0).contains(&level));
            assert!((level - last).abs() < 0.02, "jump at {i}");
            last = level;
        }
        assert!(rhythm(0.75) > rhythm(0.5) && rhythm(0.5) > rhythm(0.12));
    }
}
