//! `demo.labels.json`: what was injected, where and when.

use super::Result;
use super::export::Series;
use super::schedule::Kind;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The labels of a recording.
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
    /// First millisecond.
    pub(crate) start: i64,
    /// Last millisecond.
    pub(crate) end: i64,
    /// What was injected, in order.
    pub(crate) incidents: Vec<Incident>,
}

/// One injected incident, with the times measured at injection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Incident {
    /// What was done.
    pub(crate) kind: Kind,
    /// False for a change that should not wake anyone.
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

/// Where an incident was injected.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Value of the `service` label.
    pub(crate) service: String,
}

impl Labels {
    /// Reads a labels file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Writes a labels file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(path, text)?;
        Ok(())
    }
}

/// Whether a series is the one a symptom selector (`name` or `name{service="x"}`) means.
fn matches(selector: &str, series: &Series) -> bool {
    let (name, rest) = selector.split_once('{').unwrap_or((selector, ""));
    let service = rest.split('"').nth(1);
    series.label("__name__") == name && service.is_none_or(|s| series.label("service") == s)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// For every incident and symptom: the median before and during, the extremes during, and how
/// many samples there are of how many there should be.
pub(crate) fn symptom_table(labels: &Labels, all: &[Series]) -> String {
    let mut out = format!(
        "{:<16} {:<52} {:>12} {:>12} {:>12} {:>12} {:>9}\n",
        "incident", "symptom", "before", "during", "min", "max", "samples"
    );
    let number = |v: Option<f64>| v.map_or("absent".to_owned(), |v| format!("{v:.4}"));
    let step = i64::try_from(labels.scrape_seconds).unwrap_or(5) * 1000;
    for incident in &labels.incidents {
        let (from, to) = (incident.from, incident.to);
        // Rates look back six scrapes, so the first ones still show the time before.
        let settled = from + (3 * step).min((to - from) / 2);
        let before_from = from - (to - from).clamp(6 * step, 18 * step);
        for symptom in &incident.symptoms {
            let mut found = false;
            for series in all.iter().filter(|s| matches(symptom, s)) {
                found = true;
                let during = series.between(settled, to);
                let low = during.iter().copied().reduce(f64::min);
                let high = during.iter().copied().reduce(f64::max);
                let count = format!("{}/{}", during.len(), (to - settled) / step);
                let kind = format!("{:?}", incident.kind);
                out.push_str(&format!(
                    "{kind:<16} {symptom:<52} {:>12} {:>12} {:>12} {:>12} {count:>9}\n",
                    number(median(series.between(before_from, from))),
                    number(median(during)),
                    number(low),
                    number(high),
                ));
            }
            if !found {
                out.push_str(&format!("{:?}: no series for {symptom}\n", incident.kind));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{matches, median};
    use crate::record::export::Series;
    use std::collections::BTreeMap;

    #[test]
    fn selectors_pick_by_name_and_service() {
        let metric = BTreeMap::from([
            ("__name__".to_owned(), "up".to_owned()),
            ("service".to_owned(), "node".to_owned()),
        ]);
        let series = Series {
            metric,
            values: Vec::new(),
            timestamps: Vec::new(),
        };
        assert!(matches("up", &series));
        assert!(matches("up{service=\"node\"}", &series));
        assert!(!matches("up{service=\"store\"}", &series));
        assert!(!matches("upper", &series));
    }

    #[test]
    fn median_of_nothing_is_nothing() {
        assert_eq!(median(Vec::new()), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    }
}
