use std::fmt::Write as _;

use bongsu_core::{Alert, Labels, Timestamp};
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
    fn matches(&self, series: &Labels) -> bool {
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

    /// The table, for a terminal; `brief` puts an alert into a few words.
    #[must_use]
    pub fn to_text(&self, brief: &dyn Fn(&Alert) -> String) -> String {
        let mut out = self
            .not_come
            .map_or_else(String::new, |n| format!("{}\n\n", stopped(n)));
        let _ = writeln!(
            out,
            "{:<16} {:<8} {:<10} {:>5} {:>9}  first alert",
            "injected", "where", "found", "after", "all quiet"
        );
        for found in &self.found {
            let first = found.first().map_or_else(|| "-".to_owned(), brief);
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
mod tests {
    use bongsu_core::{AlertState, METRIC_NAME, Severity, Verdict};

    use super::*;

    fn incident(fault: bool, from: i64, to: i64) -> Incident {
        Incident {
            kind: "cpu_burn".to_owned(),
            fault,
            place: Place {
                service: "node".to_owned(),
            },
            from: Timestamp::from_secs(from),
            to: Timestamp::from_secs(to),
            symptoms: vec![
                Symptom::try_from("node_load1".to_owned()).unwrap(),
                Symptom::try_from("latency{service=\"gateway\"}".to_owned()).unwrap(),
            ],
            note: String::new(),
        }
    }

    fn truth(incidents: Vec<Incident>) -> Truth {
        Truth {
            description: String::new(),
            day_seconds: 600,
            scrape_seconds: 5,
            start: Timestamp::from_secs(0),
            end: Timestamp::from_secs(10_000),
            incidents,
        }
    }

    fn alert(metric: &str, service: &str, began: i64) -> Alert {
        let labels = Labels::from_pairs([(METRIC_NAME, metric), ("service", service)]).unwrap();
        Alert {
            labels: labels.clone(),
            state: AlertState::Resolved,
            severity: Severity::Warning,
            starts_at: Timestamp::from_secs(began),
            fired_at: Some(Timestamp::from_secs(began + 5)),
            resolved_at: Some(Timestamp::from_secs(began + 30)),
            summary: String::new(),
            cause: None,
            verdict: Verdict {
                timestamp: Timestamp::from_secs(began),
                labels,
                value: Some(1.0),
                score: Some(2.0),
                expected: Some(0.0),
                lower: Some(-0.5),
                upper: Some(0.5),
                direction: None,
                anomalous: true,
                explanation: None,
            },
        }
    }

    #[test]
    fn an_alert_at_the_place_or_on_a_symptom_finds_a_fault() {
        for (metric, service, found) in [
            ("anything", "node", true),
            ("node_load1", "elsewhere", true),
            ("latency", "gateway", true),
            ("latency", "orders", false),
            ("anything", "gateway", false),
        ] {
            let truth = truth(vec![incident(true, 100, 200)]);
            let outcome = truth.compare(&[alert(metric, service, 110)]);
            assert_eq!(outcome.faults_found(), usize::from(found), "{metric}");
            assert_eq!(outcome.false_alarms.len(), 0, "{metric}");
            assert_eq!(outcome.found[0].delay().is_some(), found, "{metric}");
            assert_eq!(outcome.found[0].in_words() == "MISSED", !found);
        }
    }

    #[test]
    fn the_first_alert_is_the_first_on_the_incident() {
        let truth = truth(vec![incident(true, 100, 200)]);
        let alerts = [
            alert("latency", "gateway", 130),
            alert("errors", "worker", 110),
        ];
        let outcome = truth.compare(&alerts);
        assert_eq!(outcome.found[0].first(), Some(&alerts[0]));
        assert_eq!(outcome.found[0].delay(), Some(35_000));
        assert_eq!(outcome.found[0].in_words(), "2 alerts");
    }

    #[test]
    fn an_alert_elsewhere_is_told_when_the_fault_was_missed() {
        let truth = truth(vec![incident(true, 100, 200)]);
        let outcome = truth.compare(&[alert("errors", "worker", 110)]);
        let text = outcome.to_text(&|alert| alert.verdict.labels.selector());
        assert!(
            text.contains("0 of 1 faults found, 0 false alarms"),
            "{text}"
        );
        assert!(
            text.contains("during cpu burn, elsewhere: errors"),
            "{text}"
        );
    }

    #[test]
    fn an_alert_outside_of_all_incidents_is_false() {
        let truth = truth(vec![incident(true, 100, 200), incident(false, 500, 900)]);
        // The minute after a fault is part of it; a change is over after two minutes.
        for (began, is_false) in [
            (99, true),
            (100, false),
            (260, false),
            (261, true),
            (499, true),
            (620, false),
            (621, true),
        ] {
            let outcome = truth.compare(&[alert("up", "node", began)]);
            assert_eq!(outcome.false_alarms.len(), usize::from(is_false), "{began}");
        }
    }

    #[test]
    fn an_alert_in_two_windows_belongs_to_the_later_incident() {
        let truth = truth(vec![incident(true, 100, 200), incident(true, 230, 300)]);
        let outcome = truth.compare(&[alert("up", "node", 240)]);
        assert!(outcome.found[0].alerts.is_empty());
        assert_eq!(outcome.found[1].alerts.len(), 1);
    }

    #[test]
    fn a_change_may_be_noticed_anywhere() {
        let truth = truth(vec![incident(false, 100, 900)]);
        assert_eq!(truth.compare(&[]).found[0].in_words(), "ignored");
        let outcome = truth.compare(&[alert("errors", "worker", 110)]);
        assert_eq!(outcome.found[0].in_words(), "noticed");
        assert_eq!(outcome.found[0].settled(), Some(40_000));
    }

    #[test]
    fn what_had_not_come_is_left_out() {
        let truth = truth(vec![incident(true, 100, 200), incident(true, 500, 600)]);
        let begun = truth.until(Timestamp::from_secs(300));
        assert_eq!(begun.incidents.len(), 1);
        let mut outcome = begun.compare(&[]);
        outcome.not_come = Some(1);
        let text = outcome.to_text(&|_| String::new());
        assert!(text.starts_with("The run was stopped"), "{text}");
        assert!(text.contains("0 of 1 faults found"), "{text}");
    }

    #[test]
    fn symptoms_are_names_with_or_without_labels() {
        let symptom = Symptom::try_from("up{service=\"a\", job=\"b\"}".to_owned()).unwrap();
        assert_eq!(symptom.metric, "up");
        assert_eq!(symptom.labels.len(), 2);
        for bad in ["", "{a=\"b\"}", "up{service=a}", "up{service=\"a\"", "up{}"] {
            assert!(Symptom::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
