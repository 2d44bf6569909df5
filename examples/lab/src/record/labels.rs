//! `round-N.labels.json`: what was injected, where and when.

use super::export::Series;
use super::{Injection, Plan};
use crate::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The labels of a round, in the shape of those of the demo's recording.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Labels {
    /// Version of this file's shape.
    pub(crate) schema: u32,
    /// What the recording is.
    pub(crate) description: String,
    /// Day of the recording (UTC).
    pub(crate) recorded: String,
    /// Versions of what was recorded.
    pub(crate) versions: String,
    /// Length of a 'day' in seconds.
    pub(crate) day_seconds: u64,
    /// Scrape and evaluation interval.
    pub(crate) scrape_seconds: u64,
    /// Normal times before each incident.
    pub(crate) normal_seconds: u64,
    /// First millisecond.
    pub(crate) start: i64,
    /// Last millisecond.
    pub(crate) end: i64,
    /// What was injected, in order.
    pub(crate) incidents: Vec<Incident>,
}

/// One incident, with the times measured at injection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Incident {
    /// Its name in the round: kind and service.
    pub(crate) name: String,
    /// What was done.
    pub(crate) kind: Injection,
    /// False for what should wake nobody.
    pub(crate) fault: bool,
    /// Which service it was done to.
    #[serde(rename = "where")]
    pub(crate) place: Place,
    /// Start (ms).
    pub(crate) from: i64,
    /// End (ms).
    pub(crate) to: i64,
    /// Selectors of the series that show it, the most direct first.
    pub(crate) symptoms: Vec<String>,
    /// In words.
    pub(crate) note: String,
}

/// Where an incident was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Value of the `service` label.
    pub(crate) service: String,
}

impl Labels {
    /// Labels without incidents.
    pub(crate) fn new(plan: &Plan, round: usize, versions: &str, start: i64) -> Self {
        Self {
            schema: 1,
            description: format!(
                "Round {round} of the lab: real metrics of eight small services with a daily rhythm \
                 and injected faults."
            ),
            recorded: date(start),
            versions: versions.to_owned(),
            day_seconds: plan.day_seconds,
            scrape_seconds: plan.scrape_seconds,
            normal_seconds: plan.normal_seconds,
            start,
            end: start,
            incidents: Vec::new(),
        }
    }

    /// Reads a labels file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Writes a labels file.
    pub(crate) fn write(&self, path: &Path) -> Result {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(std::fs::write(path, text)?)
    }
}

/// The UTC date of a time in milliseconds.
fn date(ms: i64) -> String {
    // Days to civil date, counting years from March so that leap days come last.
    let days = ms.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Whether a series is the one a symptom selector `name{service="x"}` means.
fn matches(selector: &str, series: &Series) -> bool {
    let (name, rest) = selector.split_once('{').unwrap_or((selector, ""));
    let service = rest.split('"').nth(1);
    series.label("__name__") == name && service.is_none_or(|s| series.label("service") == s)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// For every incident: the medians before and during it of its symptoms and of the latency and
/// the errors that customers see.
pub(crate) fn symptom_table(labels: &Labels, all: &[Series]) -> String {
    let mut out = format!(
        "{:<28} {:<56} {:>12} {:>12}\n",
        "incident", "symptom", "before", "during"
    );
    let number = |v: Option<f64>| v.map_or("absent".to_owned(), |v| format!("{v:.4}"));
    let normal = i64::try_from(labels.normal_seconds).unwrap_or_default() * 1000;
    for incident in &labels.incidents {
        let seen = ["service:latency_seconds:mean10s", "service:errors:rate10s"]
            .map(|name| format!("{name}{{service=\"gateway\"}}"));
        // Rates look back ten seconds.
        let settled = incident.from + (incident.to - incident.from).min(10_000) / 2;
        for symptom in incident.symptoms.iter().chain(&seen) {
            for series in all.iter().filter(|s| matches(symptom, s)) {
                out.push_str(&format!(
                    "{:<28} {symptom:<56} {:>12} {:>12}\n",
                    incident.name,
                    number(median(
                        series.between(incident.from - normal, incident.from)
                    )),
                    number(median(series.between(settled, incident.to))),
                ));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{date, matches, median};
    use crate::record::export::Series;
    use std::collections::BTreeMap;

    #[test]
    fn dates_are_civil() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400_000), "2000-02-29");
    }

    #[test]
    fn selectors_pick_by_name_and_service() {
        let metric = [("__name__", "up"), ("service", "cache")];
        let metric = metric.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let series = Series {
            metric: BTreeMap::from(metric),
            values: Vec::new(),
            timestamps: Vec::new(),
        };
        assert!(matches("up{service=\"cache\"}", &series));
        assert!(!matches("up{service=\"stock\"}", &series));
        assert!(!matches("upper", &series));
    }

    #[test]
    fn median_of_nothing_is_nothing() {
        assert_eq!(median(Vec::new()), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    }
}
