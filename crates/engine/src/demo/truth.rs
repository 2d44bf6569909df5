use std::fmt::Write as _;

use bongsu_core::{Alert, Labels, Timestamp};
use serde::Deserialize;

use crate::Error;
use crate::incident::{Cause, Incident as Grouped};

/// What was done to the recorded machine, and when.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Truth {
    /// What was recorded.
    pub description: String,
    /// The length of a compressed day in seconds.
    pub day_seconds: u64,
    /// The distance between samples in seconds.
    pub scrape_seconds: u64,
    /// How long nothing is injected at the beginning, in seconds; left out where that is a day.
    #[serde(default)]
    pub normal_seconds: Option<u64>,
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
    /// What it shows in, besides the metrics of its own place.
    #[serde(default)]
    pub symptoms: Vec<Symptom>,
    /// What was done, in a sentence.
    pub note: String,
}

/// A metric in which an incident shows: its name, or `name{label="value"}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Symptom {
    /// The metric's name.
    pub metric: String,
    /// Labels that the series must have, with their values.
    pub labels: Vec<(String, String)>,
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
    /// What the first alert on it was grouped into, as it stood at the end.
    pub grouped: Option<Grouped>,
}

/// The comparison of what was injected with what was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// One an incident.
    pub found: Vec<Found>,
    /// Alerts that belong to no incident.
    pub false_alarms: Vec<Alert>,
    /// How many incidents had not come yet, when the run was stopped before its end.
    pub not_come: Option<usize>,
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

    /// How long nothing is injected at the beginning, in milliseconds.
    #[must_use]
    pub fn history(&self) -> i64 {
        let seconds = self.normal_seconds.unwrap_or(self.day_seconds);
        i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000)
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
                    grouped: None,
                })
                .collect(),
            false_alarms: Vec::new(),
            not_come: None,
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

    /// The same up to `moment`, at which a run was stopped: what had begun by then.
    #[must_use]
    pub fn until(&self, moment: Timestamp) -> Self {
        let mut begun = self.clone();
        begun.end = begun.end.min(moment);
        begun.incidents.retain(|incident| incident.from <= moment);
        begun
    }
}

impl TryFrom<String> for Symptom {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refused = || format!("symptom `{text}` is not `name` nor `name{{label=\"value\"}}`");
        let (metric, labels) = match text.split_once('{') {
            None => (text.as_str(), Vec::new()),
            Some((metric, rest)) => {
                let inside = rest.strip_suffix('}').ok_or_else(refused)?;
                let pairs = inside.split(',').map(|pair| {
                    let (name, value) = pair.trim().split_once('=')?;
                    let value = value.strip_prefix('"')?.strip_suffix('"')?;
                    Some((name.to_owned(), value.to_owned()))
                });
                let pairs: Option<Vec<_>> = pairs.collect();
                (metric, pairs.ok_or_else(refused)?)
            }
        };
        if metric.is_empty() {
            return Err(refused());
        }
        Ok(Self {
            metric: metric.to_owned(),
            labels,
        })
    }
}

impl Symptom {
    /// Whether `series` is one that it shows in.
    #[must_use]
    pub fn matches(&self, series: &Labels) -> bool {
        series.metric_name() == Some(&self.metric)
            && self
                .labels
                .iter()
                .all(|(name, value)| series.get(name) == Some(value))
    }
}

impl Incident {
    /// Whether `alert` is about this incident: about its place, or one of its symptoms.
    #[must_use]
    pub fn shows_in(&self, alert: &Alert) -> bool {
        let series = &alert.verdict.labels;
        series.get("service") == Some(&self.place.service)
            || self.symptoms.iter().any(|symptom| symptom.matches(series))
    }

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

    /// Whether `cause` is where the incident was injected.
    #[must_use]
    pub fn is_caused_by(&self, cause: &Cause) -> bool {
        cause.service == self.place.service
    }

    /// The kind in words.
    #[must_use]
    pub fn title(&self) -> String {
        self.kind.replace('_', " ")
    }
}

impl Found {
    /// The first alert on the incident: of a fault one at its place or on a symptom of it, of a
    /// change that is no fault any.
    #[must_use]
    pub fn first(&self) -> Option<&Alert> {
        let incident = &self.incident;
        self.alerts
            .iter()
            .find(|alert| !incident.fault || incident.shows_in(alert))
    }

    /// What came of it: `2 alerts`, `missed`; of a change that is no fault `noticed` or `ignored`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match (self.incident.fault, self.first(), self.alerts.len()) {
            (true, None, _) => "MISSED".to_owned(),
            (true, Some(_), 1) => "1 alert".to_owned(),
            (true, Some(_), n) => format!("{n} alerts"),
            (false, None, _) => "ignored".to_owned(),
            (false, Some(_), _) => "noticed".to_owned(),
        }
    }

    /// The likely cause that was named.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.grouped.as_ref()?.cause()
    }

    /// What was named as the cause: `store 93 % (right)`; of a change that is no fault only what.
    #[must_use]
    pub fn cause_in_words(&self) -> String {
        match (self.cause(), self.grouped.is_some()) {
            (Some(cause), _) if !self.incident.fault => spelled(cause),
            (Some(cause), _) if self.incident.is_caused_by(cause) => {
                format!("{} (right)", spelled(cause))
            }
            (Some(cause), _) => format!("{} (WRONG)", spelled(cause)),
            (None, true) => "not proven".to_owned(),
            (None, false) => "-".to_owned(),
        }
    }

    /// Milliseconds from the incident's begin to the first alert on it.
    #[must_use]
    pub fn delay(&self) -> Option<i64> {
        let fired = self.first()?.fired_at?;
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
            .filter(|found| found.first().is_some())
            .count()
    }

    /// Gives each incident what its first alert was grouped into.
    pub fn group(&mut self, all: &[Grouped]) {
        for found in &mut self.found {
            let first = found.first().map(|alert| (&alert.labels, alert.starts_at));
            let grouped = first.and_then(|(labels, begin)| {
                let fingerprint = labels.fingerprint();
                all.iter().find(|grouped| {
                    let member = grouped.members.get(&fingerprint);
                    member.is_some_and(|member| member.starts_at == begin)
                })
            });
            found.grouped = grouped.cloned();
        }
    }

    /// The faults whose cause was named: rightly, and wrongly.
    #[must_use]
    pub fn causes(&self) -> (usize, usize) {
        let named = self.faults().filter_map(|found| {
            let cause = found.cause()?;
            Some(found.incident.is_caused_by(cause))
        });
        let named: Vec<bool> = named.collect();
        let right = named.iter().filter(|right| **right).count();
        (right, named.len() - right)
    }

    /// The table, for a terminal; `brief` puts an alert into a few words.
    #[must_use]
    pub fn to_text(&self, brief: &dyn Fn(&Alert) -> String) -> String {
        let mut out = self
            .not_come
            .map_or_else(String::new, |n| format!("{}\n\n", stopped(n)));
        let wide = |least: usize, of: &dyn Fn(&Found) -> usize| {
            self.found.iter().map(of).fold(least, usize::max)
        };
        let place = wide(8, &|found| found.incident.place.service.len());
        let cause = wide(18, &|found| found.cause_in_words().len());
        let _ = writeln!(
            out,
            "{:<16} {:<place$} {:<10} {:>5} {:>9}  {:<cause$} first alert",
            "injected", "where", "found", "after", "all quiet", "likely cause"
        );
        for found in &self.found {
            let first = found.first().map_or_else(|| "-".to_owned(), brief);
            let _ = writeln!(
                out,
                "{:<16} {:<place$} {:<10} {:>5} {:>9}  {:<cause$} {first}",
                found.incident.title(),
                found.incident.place.service,
                found.in_words(),
                seconds(found.delay()),
                seconds(found.settled()),
                found.cause_in_words(),
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
        let (right, wrong) = self.causes();
        let _ = write!(
            out,
            "\nlikely causes of the faults: {right} named rightly, {wrong} wrongly"
        );
        for alert in &self.false_alarms {
            let _ = write!(out, "\n  false: {}", brief(alert));
        }
        for found in self.faults().filter(|found| found.first().is_none()) {
            for alert in &found.alerts {
                let title = found.incident.title();
                let _ = write!(out, "\n  during {title}, elsewhere: {}", brief(alert));
            }
        }
        out.push('\n');
        out
    }
}

/// A cause and how likely it is: `store 93 %`.
fn spelled(cause: &Cause) -> String {
    format!("{} {:.0} %", cause.service, cause.likelihood)
}

/// That a run was stopped before `not_come` incidents came, in a sentence.
pub(crate) fn stopped(not_come: usize) -> String {
    let left = match not_come {
        0 => "every incident had come".to_owned(),
        1 => "1 incident had not come yet and is left out".to_owned(),
        n => format!("{n} incidents had not come yet and are left out"),
    };
    format!("The run was stopped before its end: {left}.")
}

/// Milliseconds as whole seconds, for a table.
pub(crate) fn seconds(millis: Option<i64>) -> String {
    millis.map_or_else(|| "-".to_owned(), |millis| format!("{} s", millis / 1_000))
}

#[cfg(test)]
mod tests;
