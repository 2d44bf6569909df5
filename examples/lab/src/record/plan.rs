//! What is injected where and when.

use crate::Result;
use crate::service::{FaultKind, Role};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// A plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Seed of the load and of the services.
    pub(crate) seed: u64,
    /// Length of a 'day' of the load.
    pub(crate) day_seconds: u64,
    /// Scrape and evaluation interval.
    pub(crate) scrape_seconds: u64,
    /// Requests that arrive on average.
    pub(crate) requests_per_second: f64,
    /// How long the system needs to be as before after an incident.
    pub(crate) settle_seconds: u64,
    /// Normal times after that, before the next incident.
    pub(crate) normal_seconds: u64,
    /// How long an incident lasts.
    pub(crate) incident_seconds: u64,
    /// How much later each round begins than the one before it.
    pub(crate) stagger_seconds: u64,
    /// Each round has processes of its own.
    pub(crate) rounds: Vec<Vec<Step>>,
}

/// One incident.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// What is done.
    pub(crate) kind: Injection,
    /// To which service.
    pub(crate) service: Role,
    /// How hard; the unit depends on the kind.
    #[serde(default)]
    pub(crate) level: u64,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Injection {
    /// As [`FaultKind::Cpu`].
    Cpu,
    /// As [`FaultKind::Memory`].
    Memory,
    /// As [`FaultKind::Latency`].
    Latency,
    /// As [`FaultKind::Errors`].
    Errors,
    /// As [`FaultKind::Lock`].
    Lock,
    /// As [`FaultKind::Pool`].
    Pool,
    /// As [`FaultKind::SlowSql`].
    SlowSql,
    /// As [`FaultKind::Disk`].
    Disk,
    /// The process is killed, and started again at the end.
    Down,
    /// More requests; level: percent of what is planned. No fault.
    Surge,
    /// The service is restarted with care. No fault.
    Deployment,
    /// Nothing. No fault.
    Quiet,
}

impl Plan {
    /// Reads a plan.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let plan: Self =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if plan.scrape_seconds == 0 || plan.incident_seconds < 4 * plan.scrape_seconds {
            return Err("an incident must last at least four scrapes".into());
        }
        if !(plan.requests_per_second > 0.0 && plan.requests_per_second < 1000.0) {
            return Err("requests_per_second must be above 0 and below 1000".into());
        }
        if plan.day_seconds == 0 || plan.rounds.is_empty() {
            return Err("day_seconds must be above 0, and there must be a round".into());
        }
        Ok(plan)
    }

    pub(crate) const fn stagger(&self) -> Duration {
        Duration::from_secs(self.stagger_seconds)
    }

    /// The time before the first incident.
    pub(crate) const fn lead(&self) -> Duration {
        self.pause()
    }

    /// The time between two incidents.
    pub(crate) const fn pause(&self) -> Duration {
        Duration::from_secs(self.settle_seconds + self.normal_seconds)
    }

    /// How long a step lasts.
    pub(crate) const fn length(&self, _step: &Step) -> Duration {
        Duration::from_secs(self.incident_seconds)
    }
}

impl Injection {
    /// Its name, as in a plan.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Latency => "latency",
            Self::Errors => "errors",
            Self::Lock => "lock",
            Self::Pool => "pool",
            Self::SlowSql => "slow_sql",
            Self::Disk => "disk",
            Self::Down => "down",
            Self::Surge => "surge",
            Self::Deployment => "deployment",
            Self::Quiet => "quiet",
        }
    }

    /// False for what should wake nobody.
    pub(crate) const fn is_fault(self) -> bool {
        !matches!(self, Self::Surge | Self::Deployment | Self::Quiet)
    }

    /// What the service itself is told.
    pub(crate) const fn told(self) -> Option<FaultKind> {
        Some(match self {
            Self::Cpu => FaultKind::Cpu,
            Self::Memory => FaultKind::Memory,
            Self::Latency => FaultKind::Latency,
            Self::Errors => FaultKind::Errors,
            Self::Lock => FaultKind::Lock,
            Self::Pool => FaultKind::Pool,
            Self::SlowSql => FaultKind::SlowSql,
            Self::Disk => FaultKind::Disk,
            Self::Down | Self::Surge | Self::Deployment | Self::Quiet => return None,
        })
    }

    /// Selectors of the series that show it, the most direct first.
    pub(crate) fn symptoms(self, service: &str) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Cpu => &["service:cpu:rate10s", "service:latency_seconds:p95_10s"],
            Self::Memory => &["process_resident_memory_bytes"],
            Self::Latency => &["service:latency_seconds:mean10s", "in_flight_requests"],
            Self::Errors => &["service:errors:rate10s"],
            Self::Lock => &[
                "service:lock_wait_seconds:rate10s",
                "service:latency_seconds:mean10s",
            ],
            Self::Pool => &[
                "service:pool_wait_seconds:rate10s",
                "service:latency_seconds:mean10s",
            ],
            Self::SlowSql => &["service:latency_seconds:mean10s", "service:cpu:rate10s"],
            Self::Disk => match service {
                "worker" => &["queue_depth"],
                _ => &["service:latency_seconds:mean10s"],
            },
            Self::Down => &["up"],
            Self::Surge => &["service:requests:rate10s"],
            Self::Deployment => &["process_resident_memory_bytes"],
            Self::Quiet => &[],
        };
        let selector = |name: &&str| format!("{name}{{service=\"{service}\"}}");
        names.iter().map(selector).collect()
    }

    /// In words.
    pub(crate) fn note(self, level: u64) -> String {
        match self {
            Self::Cpu => format!("A runaway task takes {} % of the event loop.", level / 10),
            Self::Memory => {
                format!("The service keeps {level} KiB more each second, then frees it.")
            }
            Self::Latency => format!("Each request waits {level} ms more on average."),
            Self::Errors => format!("{} % of the requests fail.", level / 10),
            Self::Lock => format!("Another holder keeps the lock for {level} ms at a time."),
            Self::Pool => format!("A job takes all connections for {level} ms at a time."),
            Self::SlowSql => "The index is gone: each query reads the whole table.".to_owned(),
            Self::Disk => format!("Each write flushes {level} KiB more to the disk."),
            Self::Down => "SIGKILL; started again at the end.".to_owned(),
            Self::Surge => format!("Benign: traffic at {level} % of what is planned."),
            Self::Deployment => {
                "Benign: a restart that lets running requests end; callers try again.".to_owned()
            }
            Self::Quiet => "Nothing was done.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;
    use std::path::Path;

    #[test]
    fn the_plans_beside_the_sources_are_sound() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let plan = Plan::read(&root.join("plan.json")).unwrap();
        let steps: Vec<_> = plan.rounds.concat();
        let faults = steps.iter().filter(|step| step.kind.is_fault());
        assert!(faults.clone().count() >= 30);
        assert!(steps.iter().filter(|step| !step.kind.is_fault()).count() >= 6);
        for step in faults {
            let levelled = step.kind.told().is_some();
            assert_eq!(step.level > 0, levelled, "{step:?}");
        }
        Plan::read(&root.join("smoke.json")).unwrap();
    }
}
