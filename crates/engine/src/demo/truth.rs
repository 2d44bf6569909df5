use std::fmt::Write as _;

use bongsu_core::{Alert, Timestamp};
use serde::Deserialize;

use crate::Error;

/// What was done to the recorded machine, and when.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Truth {
    /// What was recorded.
    pub description: String,
    /// The length of a compressed day in seconds.
    pub day_seconds: u64,
    /// The distance between samples in seconds.
    pub scrape_seconds: u64,
    /// The first moment.
    pub start: Timestamp,
    /// The last moment.
    pub end: Timestamp,
    /// In order of time.
    pub incidents: Vec<Incident>,
}

/// Something that was done to the machine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Incident {
    /// What, in a word: `cpu_burn`.
    pub kind: String,
    /// Whether it is a fault; a change of load or of a deployment is none.
    pub fault: bool,
    /// Where.
    #[serde(rename = "where")]
    pub place: Place,
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// What was done, in a sentence.
    pub note: String,
}

/// Where something was done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// The service or the node.
    pub service: String,
}

/// What the pipeline made of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The incident.
    pub incident: Incident,
    /// The alerts that began in it, in order of their firing.
    pub alerts: Vec<Alert>,
}

/// The comparison of what was injected with what was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// One an incident.
    pub found: Vec<Found>,
    /// Alerts that belong to no incident.
    pub false_alarms: Vec<Alert>,
}

/// Rates look back 30 seconds, and what a fault piled up drains after its end: alerts that begin
/// this long after an incident still belong to it.
const AFTERMATH_MS: i64 = 60_000;
/// A harmless change is over, as far as alerts on it go, when this time has passed.
const CHANGE_MS: i64 = 120_000;

impl Truth {
    /// Reads the label file of a recording.
    ///
    /// # Errors
    /// When it is not JSON of the documented shape.
    pub fn parse(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json).map_err(|e| Error::input(format!("label file: {e}")))
    }

    /// Gives every alert to the incident in which it began, or calls it false.
    #[must_use]
    pub fn compare(&self, alerts: &[Alert]) -> Outcome {
        let mut outcome = Outcome {
            found: self
                .incidents
                .iter()
                .map(|incident| Found {
                    incident: incident.clone(),
                    alerts: Vec::new(),
                })
                .collect(),
            false_alarms: Vec::new(),
        };
        for alert in alerts {
            let began = alert.starts_at;
            match outcome
                .found
                .iter_mut()
                .rev()
                .find(|found| found.incident.covers(began))
            {
                Some(found) => found.alerts.push(alert.clone()),
                None => outcome.false_alarms.push(alert.clone()),
            }
        }
        for found in &mut outcome.found {
            found.alerts.sort_by_key(|alert| alert.fired_at);
        }
        outcome
    }
}

impl Incident {
    /// Whether an alert that began at `moment` can be due to this incident.
    #[must_use]
    pub fn covers(&self, moment: Timestamp) -> bool {
        let length = self.to.millis_since(self.from);
        let end = if self.fault {
            length.saturating_add(AFTERMATH_MS)
        } else {
            length.min(CHANGE_MS)
        };
        (0..=end).contains(&moment.millis_since(self.from))
    }

    /// The kind in words.
    #[must_use]
    pub fn title(&self) -> String {
        self.kind.replace('_', " ")
    }
}

impl Found {
    /// What came of it: `2 alerts`, `missed`; of a change that is no fault `noticed` or `ignored`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match (self.incident.fault, self.alerts.len()) {
            (true, 0) => "MISSED".to_owned(),
            (true, 1) => "1 alert".to_owned(),
            (true, n) => format!("{n} alerts"),
            (false, 0) => "ignored".to_owned(),
            (false, _) => "noticed".to_owned(),
        }
    }

    /// Milliseconds from the incident's begin to the first alert.
    #[must_use]
    pub fn delay(&self) -> Option<i64> {
        let fired = self.alerts.first()?.fired_at?;
        Some(fired.millis_since(self.incident.from))
    }

    /// Milliseconds from the incident's begin until all its alerts were resolved; `None` when there
    /// are none or one still fires.
    #[must_use]
    pub fn settled(&self) -> Option<i64> {
        let ends: Option<Vec<Timestamp>> =
            self.alerts.iter().map(|alert| alert.resolved_at).collect();
        Some(ends?.into_iter().max()?.millis_since(self.incident.from))
    }
}

impl Outcome {
    /// The faults, found and missed.
    pub fn faults(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(|found| found.incident.fault)
    }

    /// The number of faults that were found.
    #[must_use]
    pub fn faults_found(&self) -> usize {
        self.faults()
            .filter(|found| !found.alerts.is_empty())
            .count()
    }

    /// The table, for a terminal; `brief` puts an alert into a few words.
    #[must_use]
    pub fn to_text(&self, brief: &dyn Fn(&Alert) -> String) -> String {
        let mut out = format!(
            "{:<16} {:<8} {:<10} {:>5} {:>9}  {}\n",
            "injected", "where", "found", "after", "all quiet", "first alert"
        );
        for found in &self.found {
            let first = found.alerts.first().map_or_else(|| "-".to_owned(), brief);
            let _ = writeln!(
                out,
                "{:<16} {:<8} {:<10} {:>5} {:>9}  {first}",
                found.incident.title(),
                found.incident.place.service,
                found.in_words(),
                seconds(found.delay()),
                seconds(found.settled()),
            );
        }
        let n = self.false_alarms.len();
        let _ = write!(
            out,
            "\n{} of {} faults found, {n} false alarm{}",
            self.faults_found(),
            self.faults().count(),
            if n == 1 { "" } else { "s" },
        );
        for alert in &self.false_alarms {
            let _ = write!(out, "\n  false: {}", brief(alert));
        }
        out.push('\n');
        out
    }
}

/// Milliseconds as whole seconds, for a table.
pub(crate) fn seconds(millis: Option<i64>) -> String {
    millis.map_or_else(|| "-".to_owned(), |millis| format!("{} s", millis / 1_000))
}
