//! Detectors trained on history beside those at work, and exchanged when they have proved
//! themselves.

mod candidate;
mod meanwhile;
mod versions;

use std::fmt;

use bongsu_core::Timestamp;
use bongsu_stream::DriftMonitor;
use serde::{Deserialize, Serialize};

pub(crate) use candidate::{Candidate, Task};
pub(crate) use meanwhile::{Arrived, Meanwhile};
pub(crate) use versions::{Head as VersionHead, ModelVersion, Versions, remove_gone};

use crate::Error;
use crate::config::{DriftTrigger, QueryConfig, Span, TrainingConfig};
use crate::judge::{Judged, SeriesState, Tally};
use crate::older::Gone;
use crate::registry::drift;
use crate::schedule::Schedule;

/// After a training that gave nothing the next is tried when so many steps have passed; twice as
/// many after each further one.
const PATIENCE_STEPS: i64 = 20;
const MOST_DOUBLINGS: u32 = 7;

/// Why detectors were trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// There were none yet.
    First,
    /// It was time.
    Schedule,
    /// The data have changed.
    Drift,
    /// Groups have new channels.
    Channels,
    /// Enough points were judged since.
    Points,
    /// Somebody asked for it.
    Request,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Schedule => "schedule",
            Self::Drift => "drift",
            Self::Channels => "channels",
            Self::Points => "points",
            Self::Request => "request",
        })
    }
}

/// When the detectors of a query are trained.
#[derive(Debug, Clone)]
pub(crate) struct Training {
    pub(crate) config: TrainingConfig,
    schedule: Option<Schedule>,
    /// The distance between judged moments.
    step: i64,
}

/// What is known of the training of a query between ticks.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct TrainingState {
    /// The version at work; 0 before the first.
    pub(crate) version: u64,
    /// When it was trained.
    pub(crate) trained: Option<Timestamp>,
    /// From when on the schedule counts.
    counted_from: Option<Timestamp>,
    /// When a training gave nothing last, and how many in a row.
    failed: Option<Timestamp>,
    failures: u32,
    /// Points judged since.
    points: u64,
    /// When series have drifted since, by drifts that have not passed; oldest first.
    drifts: Vec<Timestamp>,
    /// When groups had had enough numbers of new channels, the newest time.
    newcomers: Option<Timestamp>,
    /// What versions before 11 kept of the latest moments.
    recent: Gone<Vec<(Timestamp, Tally)>>,
}

impl Training {
    /// What `query` says of training; `None` when it says nothing.
    pub(crate) fn new(query: &QueryConfig) -> Result<Option<Self>, Error> {
        let Some(config) = query.training.clone() else {
            return Ok(None);
        };
        let schedule = Schedule::new(&config.schedule, &query.name)?;
        Ok(Some(Self {
            step: query.step.millis(),
            schedule,
            config,
        }))
    }

    /// Why it is time at `now`, the newest judged moment, when it is.
    pub(crate) fn due(
        &self,
        state: &TrainingState,
        now: Timestamp,
        series: usize,
    ) -> Option<Reason> {
        if series == 0 {
            return None;
        }
        let rest = self.rest(state);
        if state
            .failed
            .is_some_and(|failed| now.millis_since(failed) < rest)
        {
            return None;
        }
        let Some(trained) = state.trained else {
            return Some(Reason::First);
        };
        let scheduled = self.next(state);
        if scheduled.is_some_and(|next| next <= now) {
            return Some(Reason::Schedule);
        }
        if let Some(since) = self.drifted_at(state, series)
            && self.is_settled(since, trained, now)
        {
            return Some(Reason::Drift);
        }
        if state.newcomers.is_some() {
            return Some(Reason::Channels);
        }
        let enough = |points| state.points >= points;
        self.config
            .after_points
            .is_some_and(enough)
            .then_some(Reason::Points)
    }

    /// When so many series had drifted that it counts, if they have.
    pub(crate) fn drifted_at(&self, state: &TrainingState, series: usize) -> Option<Timestamp> {
        let trigger = self.config.on_drift.as_ref()?;
        let needed = (trigger.share * series as f64).ceil().max(1.0) as usize;
        state.drifts.get(needed - 1).copied()
    }

    /// Whether there is enough to learn from since a drift, and those at work are old enough.
    fn is_settled(&self, drifted: Timestamp, trained: Timestamp, now: Timestamp) -> bool {
        let Some(trigger) = &self.config.on_drift else {
            return false;
        };
        let age = now.millis_since(trained);
        now.millis_since(drifted) >= self.patience(trigger) && age >= trigger.min_age.millis()
    }

    /// How long a drift is looked at before it is trained on.
    fn patience(&self, trigger: &DriftTrigger) -> i64 {
        let step = self.config.step.map_or(self.step, Span::millis);
        let points = self.config.min_points as f64 / (1.0 - self.config.holdout);
        let least = (points * step as f64).ceil() as i64;
        // The points on both borders, and those that are missing.
        least.saturating_add(2 * step).max(trigger.wait.millis())
    }

    /// Takes note of which of `series` have drifted, and forgets the drifts that have passed.
    pub(crate) fn review(
        &self,
        state: &mut TrainingState,
        series: &mut [SeriesState],
        now: Timestamp,
    ) {
        let Some(trigger) = &self.config.on_drift else {
            return state.forget_drifts();
        };
        let patience = self.patience(trigger);
        let lasting = series
            .iter_mut()
            .filter_map(|one| one.learned.drift_that_lasts(now, patience));
        state.drifts = lasting.collect();
        state.drifts.sort_unstable();
    }

    /// Takes note of what was judged.
    pub(crate) fn observe(state: &mut TrainingState, judged: &Judged) {
        state.points += judged.findings.len() as u64;
        let newest = judged.newcomers.iter().max();
        state.newcomers = state.newcomers.max(newest.copied());
    }

    /// When the calendar asks for the next training.
    pub(crate) fn next(&self, state: &TrainingState) -> Option<Timestamp> {
        self.schedule.as_ref()?.next(state.counted_from?)
    }

    /// The earliest moment at which it can be time for a training at the start or by the calendar.
    pub(crate) fn next_try(&self, state: &TrainingState) -> Timestamp {
        let rested = state
            .failed
            .map(|failed| failed.add_millis(self.rest(state)));
        let next = match state.trained {
            None => Some(Timestamp::MIN),
            Some(_) => self.next(state),
        };
        next.unwrap_or(Timestamp::MAX)
            .max(rested.unwrap_or(Timestamp::MIN))
    }

    /// How long a training that gave nothing keeps the next one waiting.
    fn rest(&self, state: &TrainingState) -> i64 {
        let patience = PATIENCE_STEPS << state.failures.saturating_sub(1).min(MOST_DOUBLINGS);
        self.step.saturating_mul(patience)
    }

    /// Brings the state in line with a start at `now`.
    pub(crate) fn resume(&self, state: &mut TrainingState, now: Timestamp) {
        if let (Some(schedule), Some(last)) = (&self.schedule, state.counted_from) {
            state.counted_from = Some(schedule.since(last, now));
        }
    }
}

impl TrainingState {
    /// The series that have drifted since the last training.
    pub(crate) const fn drifted(&self) -> usize {
        self.drifts.len()
    }

    /// New detectors, trained at `at`, are at work as `version`.
    pub(crate) fn exchanged(&mut self, version: u64, at: Timestamp) {
        self.version = version;
        self.trained = Some(at);
        self.counted_from = Some(at);
        (self.failed, self.failures) = (None, 0);
        self.points = 0;
        self.drifts.clear();
        self.newcomers = None;
    }

    /// The detectors of an earlier `version`, trained on data up to `trained`, are at work again.
    pub(crate) fn rolled_back(&mut self, version: u64, trained: Timestamp, now: Timestamp) {
        self.exchanged(version, now);
        self.trained = Some(trained);
    }

    /// What watches for drift is another.
    pub(crate) fn forget_drifts(&mut self) {
        self.drifts.clear();
    }

    /// A training at `at` gave nothing.
    pub(crate) fn failed_at(&mut self, at: Timestamp) {
        self.failed = Some(at);
        self.failures = self.failures.saturating_add(1);
    }
}

/// What watches a series for drift.
pub(crate) fn drift_monitor(trigger: &DriftTrigger) -> Result<DriftMonitor, Error> {
    let method = drift::method(&trigger.detector, &trigger.parameter_texts())?;
    Ok(DriftMonitor::new(method.build()?).min_points(trigger.cool_down))
}
