use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ParameterValue, QueryConfig, Span};
use crate::schedule::Schedule;
use crate::training::drift_monitor;
use crate::{Error, registry};

/// How the detectors of a query are trained on history, beside the judging, and exchanged when the
/// new ones have proved themselves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// The history that is trained on, with the holdout at its end.
    pub window: Span,
    /// The distance between the points that are trained on; without it the query's step. Another
    /// than that only for detectors to which the order of points means nothing.
    pub step: Option<Span>,
    /// When it is done again, besides at the start and on request.
    pub schedule: ScheduleConfig,
    /// Train again when the data have changed.
    pub on_drift: Option<DriftTrigger>,
    /// Train again after so many judged points of all series together.
    pub after_points: Option<u64>,
    /// Series with fewer points are not trained on and keep the detector that they have.
    pub min_points: usize,
    /// The share of the window, its newest part, that the new detectors are tried on.
    pub holdout: f64,
    /// The largest share of anomalous points on the holdout with which new detectors are taken,
    /// unless those at work had at least twice as many.
    pub max_alarm_rate: f64,
    /// So many versions are kept to go back to.
    pub keep: usize,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            window: Span::from_secs(7 * 24 * 3_600),
            step: None,
            schedule: ScheduleConfig::default(),
            on_drift: None,
            after_points: None,
            min_points: 100,
            holdout: 0.1,
            max_alarm_rate: 0.05,
            keep: 3,
        }
    }
}

/// When a job runs: every so often, or by a calendar.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// The time from one run to the next: `24h`.
    pub every: Option<Span>,
    /// A cron expression: minute, hour, day of the month, month, day of the week.
    pub cron: Option<String>,
    /// The time zone of the cron expression.
    pub timezone: String,
    /// Each job is delayed by a time of its own below this, so that they do not all run at once.
    /// With `every` the runs then lie so much after multiples of the interval since 1970, rather
    /// than an interval after the last run.
    pub jitter: Span,
    /// Whether runs that were missed while the service was down are left out: the next is when it
    /// would have been anyway. Otherwise one run makes up for all of them.
    pub skip_missed: bool,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            every: None,
            cron: None,
            timezone: "UTC".to_owned(),
            jitter: Span::default(),
            skip_missed: false,
        }
    }
}

/// What counts as a change of the data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DriftTrigger {
    /// The drift detector that watches each series; `bongsu drift --list` shows them all. The
    /// default, `hddm-a`, finds that anomalous points have become more frequent.
    pub detector: String,
    /// Its parameters by name.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// What it watches.
    pub watch: Watched,
    /// Train when so large a share of the series has drifted since the last training.
    pub share: f64,
    /// How long the new state is looked at before it is trained on, beyond the time that
    /// `min_points` take. A drift that has passed by then, as its newest stretch is like what was
    /// before it, is forgotten. Only what came since the drift is learned, so a season should fit in.
    pub wait: Span,
    /// The least age of the detectors at work, so that drift that goes on trains once in so long.
    pub min_age: Span,
    /// The least number of points from one drift of a series to the next.
    pub cool_down: u64,
}

impl Default for DriftTrigger {
    fn default() -> Self {
        Self {
            detector: "hddm-a".to_owned(),
            parameters: BTreeMap::new(),
            watch: Watched::default(),
            share: 0.1,
            wait: Span::default(),
            min_age: Span::from_secs(6 * 3_600),
            cool_down: 0,
        }
    }
}

/// What a drift detector watches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// The calibrated scores, at most 10; drift detectors that take errors are told 1 for an
    /// anomalous point and 0 for any other.
    #[default]
    Score,
    /// The values themselves.
    Value,
    /// The values less what was expected of them, from detectors that expect something.
    Residual,
}

impl TrainingConfig {
    /// Checks it as a part of `query`; the message begins with the key.
    pub(super) fn validate(&self, query: &QueryConfig) -> Result<(), Error> {
        let wrong = |key: &str, value: &dyn std::fmt::Display, domain: &str| {
            Err(Error::config(format!(
                "{key} is {value}, but must be {domain}"
            )))
        };
        let step = self.step.unwrap_or(query.step);
        if step.millis() < 1 {
            return wrong("step", &step, "at least 1ms");
        }
        if self.window.millis() / 2 < step.millis() {
            return wrong("window", &self.window, "at least two steps");
        }
        if step != query.step && !registry::find(&query.detector)?.takes_any_step() {
            let domain = format!(
                "the query's step, {}: `{}` judges points by those before them",
                query.step, query.detector
            );
            return wrong("step", &step, &domain);
        }
        if self.min_points < 2 {
            return wrong("min_points", &self.min_points, "at least 2");
        }
        if !(self.holdout > 0.0 && self.holdout <= 0.5) {
            return wrong("holdout", &self.holdout, "in (0, 0.5]");
        }
        if !(self.max_alarm_rate > 0.0 && self.max_alarm_rate <= 1.0) {
            return wrong("max_alarm_rate", &self.max_alarm_rate, "in (0, 1]");
        }
        if !(1..=1_000).contains(&self.keep) {
            return wrong("keep", &self.keep, "1 to 1000");
        }
        if self.after_points == Some(0) {
            return wrong("after_points", &0, "at least 1");
        }
        Schedule::new(&self.schedule, &query.name)
            .map_err(|e| Error::config(format!("schedule.{e}")))?;
        let Some(trigger) = &self.on_drift else {
            return Ok(());
        };
        if !(trigger.share > 0.0 && trigger.share <= 1.0) {
            return wrong("on_drift.share", &trigger.share, "in (0, 1]");
        }
        drift_monitor(trigger)
            .map(|_| ())
            .map_err(|e| Error::config(format!("on_drift.{e}")))
    }
}

impl DriftTrigger {
    /// The parameters as texts, as the registry reads them.
    #[must_use]
    pub fn parameter_texts(&self) -> BTreeMap<String, String> {
        self.parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect()
    }
}
