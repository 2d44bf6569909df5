//! Runs of rows, and what operators feel: events found, how late, and how often for nothing.

use std::ops::Range;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::check;

/// The runs of `true`: each from its first row to the row after its last, in order.
///
/// Cost: O(n); 16 bytes a run.
///
/// ```
/// assert_eq!(bongsu_eval::events(&[true, false, true, true]), [0..1, 2..4]);
/// ```
#[must_use]
pub fn events(rows: &[bool]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for (row, &on) in rows.iter().enumerate() {
        match (on, start) {
            (true, None) => start = Some(row),
            (false, Some(first)) => {
                found.push(first..row);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(first) = start {
        found.push(first..rows.len());
    }
    found
}

/// How the alarms of one series meet its labelled events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventCounts {
    /// Labelled events.
    pub events: usize,
    /// Labelled events with at least one alarm in them.
    pub found: usize,
    /// Rows from the start of each found event to its first alarm.
    pub delays: Vec<usize>,
    /// Runs of alarms.
    pub alerts: usize,
    /// Runs of alarms that touch no labelled event.
    pub false_alerts: usize,
}

impl EventCounts {
    /// Compares alarms with labels, one of each a row.
    ///
    /// An event is a run of labelled rows, an alert a run of alarms; an alert is false when none of
    /// its rows is labelled.
    ///
    /// # Errors
    /// When the lengths differ.
    ///
    /// Cost: O(n); 16 bytes an event.
    ///
    /// ```
    /// use bongsu_eval::EventCounts;
    /// let labels = [false, true, true, true, false, false];
    /// let alarms = [false, false, true, false, false, true];
    /// let counts = EventCounts::of(&alarms, &labels)?;
    /// assert_eq!((counts.found, counts.delays, counts.false_alerts), (1, vec![1], 1));
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn of(alarms: &[bool], labels: &[bool]) -> Result<Self> {
        check::lengths("number of alarms", alarms.len(), labels.len())?;
        let part = |rows: &[bool], range: &Range<usize>| {
            let rows = rows.get(range.clone()).unwrap_or_default();
            rows.iter().position(|&on| on)
        };
        let labelled = events(labels);
        let delays: Vec<usize> = labelled
            .iter()
            .filter_map(|event| part(alarms, event))
            .collect();
        let alerts = events(alarms);
        let false_alerts = alerts
            .iter()
            .filter(|alert| part(labels, alert).is_none())
            .count();
        Ok(Self {
            events: labelled.len(),
            found: delays.len(),
            delays,
            alerts: alerts.len(),
            false_alerts,
        })
    }

    /// The share of labelled events that were found, in [0, 1].
    ///
    /// # Errors
    /// When there is no event.
    pub fn recall(&self) -> Result<f64> {
        check::some_anomaly("event recall", self.events)?;
        Ok(check::float(self.found) / check::float(self.events))
    }

    /// The share of alerts that touch an event, in [0, 1].
    ///
    /// # Errors
    /// When there is no alert.
    pub fn precision(&self) -> Result<f64> {
        check::some_alarm("event precision", self.alerts)?;
        Ok(1.0 - check::float(self.false_alerts) / check::float(self.alerts))
    }

    /// The mean rows from the start of an event to its first alarm, over the found events.
    ///
    /// # Errors
    /// When no event was found.
    pub fn mean_delay(&self) -> Result<f64> {
        if self.delays.is_empty() {
            return Err(Error::unsupported(
                "the detection delay does not exist: no labelled event was found",
            ));
        }
        let sum: usize = self.delays.iter().sum();
        Ok(check::float(sum) / check::float(self.delays.len()))
    }

    /// False alerts a week of one series that lasts `seconds`.
    ///
    /// # Errors
    /// When the series lasts no time.
    pub fn false_alerts_per_week(&self, seconds: f64) -> Result<f64> {
        if !(seconds > 0.0 && seconds.is_finite()) {
            return Err(Error::parameter("seconds", seconds, "above 0 and finite"));
        }
        Ok(check::float(self.false_alerts) * (7.0 * 86_400.0) / seconds)
    }
}
