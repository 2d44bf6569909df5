//! Detectors trained on history beside those at work, and exchanged when they have proved
//! themselves.

mod candidate;
mod meanwhile;
mod versions;

use std::collections::VecDeque;
use std::fmt;

use bongsu_core::Timestamp;
use bongsu_stream::DriftMonitor;
use serde::{Deserialize, Serialize};

pub(crate) use candidate::{Candidate, Task};
pub(crate) use meanwhile::{Arrived, Meanwhile};
pub(crate) use versions::{ModelVersion, Versions, remove_gone};

use crate::Error;
use crate::config::{DriftTrigger, QueryConfig, Span, TrainingConfig};
use crate::judge::{Finding, Judged, SeriesState};
use crate::registry::drift;
use crate::schedule::Schedule;

/// After a training that gave nothing the next is tried when so many steps have passed; twice as
/// many after each further one.
const PATIENCE_STEPS: i64 = 20;
const MOST_DOUBLINGS: u32 = 7;
/// The most moments whose verdicts are counted for a comparison.
const MOST_MOMENTS: usize = 20_000;

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
    /// What those at work made of the latest moments.
    recent: VecDeque<Outcome>,
}

/// What came of a moment.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
struct Outcome {
    at: Timestamp,
    tally: Tally,
}

/// Verdicts in numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Points with a score.
    pub(crate) judged: u64,
    /// Anomalous ones.
    pub(crate) anomalous: u64,
    /// Points of which something was expected, and the sum of the distances from it.
    expected: u64,
    error: f64,
}

impl Tally {
    pub(crate) fn add(&mut self, finding: &Finding) {
        let verdict = &finding.verdict;
        // Absence and the like are not the detector's finding.
        if !finding.detected || verdict.score.is_none() {
            return;
        }
        self.judged += 1;
        self.anomalous += u64::from(verdict.anomalous);
        if let (Some(value), Some(expected)) = (verdict.value, verdict.expected) {
            self.expected += 1;
            self.error += (value - expected).abs();
        }
    }

    fn join(mut self, other: &Self) -> Self {
        self.judged += other.judged;
        self.anomalous += other.anomalous;
        self.expected += other.expected;
        self.error += other.error;
        self
    }

    /// The share of anomalous points.
    pub(crate) fn alarm_rate(&self) -> Option<f64> {
        (self.judged > 0).then(|| self.anomalous as f64 / self.judged as f64)
    }

    /// The mean distance of values from what was expected of them.
    pub(crate) fn mean_error(&self) -> Option<f64> {
        (self.expected > 0).then(|| self.error / self.expected as f64)
    }
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

    /// Takes note of what those at work made of the latest moments, of series with so many points
    /// that they can be trained on: with them new detectors are compared.
    pub(crate) fn observe(&self, state: &mut TrainingState, judged: &Judged) {
        state.points += judged.findings.len() as u64;
        let newest = judged.newcomers.iter().max();
        state.newcomers = state.newcomers.max(newest.copied());
        let least = self.config.min_points as u64;
        for finding in judged.findings.iter().filter(|f| f.learned >= least) {
            let at = finding.verdict.timestamp;
            match state.recent.back_mut() {
                Some(last) if last.at == at => last.tally.add(finding),
                _ => {
                    let mut tally = Tally::default();
                    tally.add(finding);
                    state.recent.push_back(Outcome { at, tally });
                }
            }
        }
        let newest = state.recent.back().map_or(Timestamp::MIN, |last| last.at);
        let span = self.remembered();
        while state.recent.len() > MOST_MOMENTS
            || (state.recent.front()).is_some_and(|first| newest.millis_since(first.at) > span)
        {
            state.recent.pop_front();
        }
    }

    /// For how long the outcomes of moments are remembered: as long as a holdout may be.
    fn remembered(&self) -> i64 {
        let holdout = self.config.window.millis() as f64 * self.config.holdout;
        (holdout as i64).saturating_add(self.step.saturating_mul(PATIENCE_STEPS))
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
    /// What those at work made of the moments from `from` to `to`.
    pub(crate) fn tally_within(&self, from: Timestamp, to: Timestamp) -> Tally {
        let within = |outcome: &&Outcome| (from..=to).contains(&outcome.at);
        let outcomes = self.recent.iter().filter(within);
        outcomes.fold(Tally::default(), |sum, outcome| sum.join(&outcome.tally))
    }

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

#[cfg(test)]
mod tests {
    use bongsu_core::{Labels, Verdict};

    use super::*;

    #[test]
    fn series_that_cannot_be_trained_on_are_not_compared_with() {
        let mut query = QueryConfig::new("cpu", "cpu");
        query.training = Some(TrainingConfig::default());
        let training = Training::new(&query).unwrap().unwrap();
        let at = Timestamp::from_secs(60);
        let finding = |learned: u64, expected: f64| {
            let verdict = Verdict {
                value: Some(10.0),
                score: Some(0.5),
                expected: Some(expected),
                ..Verdict::unjudged(at, Labels::empty())
            };
            Finding {
                identity: Labels::empty(),
                verdict,
                detected: true,
                learned,
            }
        };
        let judged = Judged {
            findings: vec![finding(99, 1_000.0), finding(100, 9.0)],
            ..Judged::default()
        };
        let mut state = TrainingState::default();
        training.observe(&mut state, &judged);
        let tally = state.tally_within(at, at);
        assert_eq!((tally.judged, tally.mean_error()), (1, Some(1.0)));
        assert_eq!(state.points, 2);
    }
}
