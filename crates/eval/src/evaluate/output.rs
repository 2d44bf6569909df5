//! The measures as a JSON document and as text.

use bongsu_core::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::LabelledScores;
use crate::metrics::{Confusion, EventCounts, Interval, POINT_ADJUST_WARNING, events};

/// The version of the JSON document.
const SCHEMA: u32 = 1;

/// Where alarms come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdSource {
    /// From a threshold that was given.
    Given,
    /// From the detector itself.
    Detector,
    /// From the threshold with the best F1, chosen with the labels in hand.
    BestF1,
    /// There is none.
    None,
}

/// One measure: its value, or why it does not exist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name in the JSON document.
    pub name: String,
    /// Its value.
    pub value: Option<f64>,
    /// Why there is no value.
    pub reason: Option<String>,
}

/// Every measure of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The measures in the order of the document.
    pub measures: Vec<Measure>,
    /// Rows that were compared.
    pub rows: usize,
    /// Rows labelled anomalous.
    pub anomalous_rows: usize,
    /// Labelled events.
    pub labelled_events: usize,
    /// Rows without a score.
    pub unscored_rows: usize,
    /// Where alarms come from.
    pub threshold_source: ThresholdSource,
    /// The score from which on rows are flagged, where alarms come from one.
    pub threshold: Option<f64>,
    /// The threshold with the best F1.
    pub best_threshold: Option<f64>,
    /// The largest tolerance of the volumes under the surfaces.
    pub vus_window: usize,
    /// The rows counted.
    pub confusion: Option<Confusion>,
    /// The events and alerts counted.
    pub events: Option<EventCounts>,
    /// Confidence intervals, where they were asked for.
    pub intervals: Vec<(&'static str, Interval)>,
}

/// The measures of alarms.
const OF_ALARMS: [&str; 15] = [
    "precision",
    "recall",
    "f1",
    "accuracy",
    "affiliation_precision",
    "affiliation_recall",
    "affiliation_f1",
    "range_precision",
    "range_recall",
    "range_f1",
    "point_adjusted_f1",
    "event_recall",
    "event_precision",
    "detection_delay_seconds",
    "false_alerts_per_week",
];

impl Evaluation {
    pub(super) fn new(rows: &LabelledScores<'_>, vus_window: usize) -> Self {
        Self {
            measures: Vec::new(),
            rows: rows.labels.len(),
            anomalous_rows: rows.labels.iter().filter(|&&label| label).count(),
            labelled_events: events(rows.labels).len(),
            unscored_rows: rows.scores.iter().filter(|score| score.is_nan()).count(),
            threshold_source: ThresholdSource::None,
            threshold: None,
            best_threshold: None,
            vus_window,
            confusion: None,
            events: None,
            intervals: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, name: &str, value: Result<f64>) {
        let (value, reason) = match value {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error.to_string())),
        };
        self.measures.push(Measure {
            name: name.to_owned(),
            value,
            reason,
        });
    }

    pub(super) fn add_all<const N: usize>(&mut self, names: [&str; N], values: Result<[f64; N]>) {
        match values {
            Ok(values) => {
                for (name, value) in names.into_iter().zip(values) {
                    self.add(name, Ok(value));
                }
            }
            Err(error) => {
                for name in names {
                    self.add(
                        name,
                        Err(bongsu_core::Error::unsupported(error.to_string())),
                    );
                }
            }
        }
    }

    pub(super) fn without_alarms(&mut self) {
        for name in OF_ALARMS {
            let reason =
                "there are no alarms and no threshold, and no anomalous row to choose one by";
            self.add(name, Err(bongsu_core::Error::unsupported(reason)));
        }
    }

    /// The value of a measure, where it exists.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        let measure = self.measures.iter().find(|measure| measure.name == name);
        measure.and_then(|measure| measure.value)
    }

    /// The document: `schema`, every measure by its name (`null` where it does not exist, and then why
    /// in `reasons`), and what they are of.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut document = Map::new();
        document.insert("schema".to_owned(), json!(SCHEMA));
        let (mut reasons, mut notes) = (Map::new(), Vec::new());
        for Measure {
            name,
            value,
            reason,
        } in &self.measures
        {
            document.insert(name.clone(), json!(value));
            if let Some(reason) = reason {
                reasons.insert(name.clone(), json!(reason));
            }
        }
        notes.push(json!(format!("point_adjusted_f1: {POINT_ADJUST_WARNING}")));
        if self.threshold_source == ThresholdSource::BestF1 {
            notes.push(json!(
                "there are no alarms and no threshold: alarms are taken at the threshold with the best F1, which was chosen with the labels in hand"
            ));
        }
        if self.unscored_rows > 0 {
            notes.push(json!(format!(
                "{} rows without a score count as not flagged and as the least anomalous",
                self.unscored_rows
            )));
        }
        let rest = [
            ("rows", json!(self.rows)),
            ("anomalous_rows", json!(self.anomalous_rows)),
            ("labelled_events", json!(self.labelled_events)),
            ("unscored_rows", json!(self.unscored_rows)),
            ("threshold", json!(self.threshold)),
            ("threshold_source", json!(self.threshold_source)),
            ("best_f1_threshold", json!(self.best_threshold)),
            ("vus_window", json!(self.vus_window)),
            ("confusion", json!(self.confusion)),
            (
                "report",
                json!(self.confusion.map(|counts| counts.report())),
            ),
            ("alerts", json!(self.events.as_ref().map(|met| met.alerts))),
            (
                "false_alerts",
                json!(self.events.as_ref().map(|met| met.false_alerts)),
            ),
            ("reasons", Value::Object(reasons)),
            ("notes", Value::Array(notes)),
        ];
        document.extend(rest.map(|(name, value)| (name.to_owned(), value)));
        if !self.intervals.is_empty() {
            let intervals = self.intervals.iter();
            let intervals = intervals.map(|(name, found)| ((*name).to_owned(), json!(found)));
            document.insert("intervals".to_owned(), Value::Object(intervals.collect()));
        }
        Value::Object(document)
    }
}
