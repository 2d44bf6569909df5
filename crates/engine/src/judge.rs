//! Judging the series of one query: each timestamp of each series once, in order.

mod watch;

use std::time::Duration;

use bongsu_core::{
    Calibrator, DeviationFilter, Drift, DriftDetector, Explanation, Labels, METRIC_NAME, Series,
    StreamDetector, Timestamp, Verdict, format_duration,
};
use bongsu_stream::DriftMonitor;
use bongsu_stream::fleet::scale_of_siblings;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::config::QueryConfig;
use crate::maintenance::Closed;
use crate::registry::{self, StreamState};
use crate::shard::Shard;
use watch::Watch;

/// How the series of a query are judged: the parts of its configuration, checked and built.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    fresh: StreamState,
    calibrator: Calibrator,
    filter: DeviationFilter,
    query: String,
    alert_labels: Vec<(String, String)>,
    pub(crate) step: i64,
    absent_after: i64,
    forget_after: i64,
    /// After so long without a number a series that is there counts as normal.
    quiet_after: i64,
    max_series: usize,
    start_from_siblings: bool,
    watch: Option<Watch>,
    /// The series that this process judges.
    pub(crate) shard: Shard,
    /// The maintenance windows that touch what is being judged.
    pub(crate) closed: Closed,
}

/// So many siblings are asked for their scale.
const SIBLINGS: usize = 256;

/// The moments to be judged: multiples of the step, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// What is known of one series between ticks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeriesState {
    pub(crate) labels: Labels,
    pub(crate) detector: StreamState,
    /// The newest judged moment.
    pub(crate) judged: Timestamp,
    /// The newest moment at which the series had a sample.
    pub(crate) last_seen: Timestamp,
    /// The newest moment at which that sample was a number.
    pub(crate) last_value: Timestamp,
    /// What watches it for drift, where something does.
    drift: Option<Box<DriftMonitor>>,
    /// When it first drifted since its detector was trained.
    drifted: Option<Timestamp>,
    /// The labels of its alerts; rebuilt after loading.
    #[serde(skip)]
    pub(crate) identity: Labels,
}

/// What judging gave.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// In order of time, then of labels; each with its alert's identity.
    pub(crate) verdicts: Vec<(Labels, Verdict)>,
    /// Series that were refused because the query brought too many.
    pub(crate) refused_series: usize,
    /// Samples that were NaN or infinite, and so not judged.
    pub(crate) missing_values: usize,
    /// The identities of series that were forgotten, and when: their alerts are over.
    pub(crate) gone: Vec<(Labels, Timestamp)>,
    /// When series have drifted, each for the first time since its detector was trained.
    pub(crate) drifted: Vec<Timestamp>,
}

/// What judging a series gave.
#[derive(Debug, Default)]
struct Outcome {
    verdicts: Vec<Verdict>,
    missing: usize,
    /// Whether the series is to be forgotten.
    gone: bool,
    drifted: Option<Timestamp>,
}

impl Judge {
    pub(crate) fn new(query: &QueryConfig, max_series: usize) -> Result<Self, Error> {
        let fresh = registry::build(&query.detector, &query.parameter_texts())?;
        Ok(Self {
            calibrator: Calibrator::threshold(fresh.threshold().unwrap_or(1.0))?,
            fresh,
            filter: query.filter()?,
            query: query.name.clone(),
            alert_labels: query.alert.labels.clone().into_iter().collect(),
            step: query.step.millis(),
            quiet_after: match query.absent_after.millis() {
                0 => query.step.millis().saturating_mul(10),
                absent_after => absent_after,
            },
            absent_after: query.absent_after.millis(),
            forget_after: query.forget_after.millis(),
            max_series,
            start_from_siblings: query.start_from_siblings,
            watch: Watch::new(query)?,
            shard: Shard::ALL,
            closed: Closed::default(),
        })
    }

    /// The state of a series of which nothing is known yet.
    pub(crate) fn fresh(&self, labels: &Labels) -> SeriesState {
        SeriesState {
            labels: labels.clone(),
            detector: self.fresh.clone(),
            judged: Timestamp::MIN,
            last_seen: Timestamp::MIN,
            last_value: Timestamp::MIN,
            drift: self.monitor(),
            drifted: None,
            identity: self.identity(labels),
        }
    }

    fn monitor(&self) -> Option<Box<DriftMonitor>> {
        let watch = self.watch.as_ref()?;
        Some(Box::new(watch.fresh.clone()))
    }

    /// What watches the series for drift, as a text.
    pub(crate) fn watch_text(&self) -> String {
        self.watch
            .as_ref()
            .map_or_else(String::new, |watch| format!("{watch:?}"))
    }

    /// Watches `known` for drift from the beginning.
    pub(crate) fn watch_anew(&self, known: &mut [SeriesState]) {
        for state in known {
            state.drift = self.monitor();
            state.drifted = None;
        }
    }

    /// Whether `moment` neither alarms nor teaches.
    pub(crate) fn excludes(&self, moment: Timestamp, labels: &Labels) -> bool {
        self.closed.at(moment, labels).is_some()
    }

    /// Replaces the detectors of `known` by those of `trained` that have the same labels; both are
    /// in order of their labels. Gives the number of detectors that were replaced.
    pub(crate) fn exchange(
        &self,
        known: &mut [SeriesState],
        trained: Vec<(Labels, StreamState)>,
    ) -> usize {
        let mut trained = trained.into_iter().peekable();
        let mut exchanged = 0;
        for state in known {
            state.drifted = None;
            state.drift = self.monitor();
            while trained
                .next_if(|(labels, _)| *labels < state.labels)
                .is_some()
            {}
            if let Some((_, detector)) = trained.next_if(|(labels, _)| *labels == state.labels) {
                state.detector = detector;
                exchanged += 1;
            }
        }
        exchanged
    }

    /// The labels under which the alerts of a series are known: its own, its metric as `metric`,
    /// the query's name, and the labels that the query adds.
    pub(crate) fn identity(&self, labels: &Labels) -> Labels {
        let mut pairs: Vec<(String, String)> = vec![("query".to_owned(), self.query.clone())];
        pairs.extend(self.alert_labels.iter().cloned());
        for (name, value) in labels.iter() {
            let mut name = if name == METRIC_NAME { "metric" } else { name }.to_owned();
            while pairs.iter().any(|(taken, _)| *taken == name) {
                name.insert_str(0, "exported_");
            }
            pairs.push((name, value.to_owned()));
        }
        Labels::from_pairs(pairs).unwrap_or_else(|_| labels.clone())
    }

    /// Judges `series` on `grid`, taking in new series and forgetting gone ones.
    ///
    /// With `complete` false (a partial answer) no series is called absent. On a `first` run,
    /// series that had already ended are not taken in.
    pub(crate) fn judge(
        &self,
        known: &mut Vec<SeriesState>,
        series: Vec<Series>,
        grid: Grid,
        complete: bool,
        first: bool,
    ) -> Judged {
        let mut judged = Judged::default();
        let mut work = self.pair_up(known, series, grid, first, &mut judged);
        let outcomes: Vec<Outcome> = work
            .par_iter_mut()
            .map(|(state, series)| self.judge_series(state, series.as_ref(), grid, complete))
            .collect();
        let mut kept = Vec::with_capacity(work.len());
        for ((state, _), outcome) in work.into_iter().zip(outcomes) {
            judged.missing_values += outcome.missing;
            judged.drifted.extend(outcome.drifted);
            let identity = &state.identity;
            let verdicts = outcome.verdicts.into_iter();
            judged
                .verdicts
                .extend(verdicts.map(|verdict| (identity.clone(), verdict)));
            if outcome.gone {
                judged.gone.push((state.identity, grid.to));
            } else {
                kept.push(state);
            }
        }
        // Stable: within a moment the order of the labels stays.
        judged
            .verdicts
            .sort_by_key(|(_, verdict)| verdict.timestamp);
        *known = kept;
        judged
    }

    /// Each known series with its new samples, and each new one with a fresh state, by labels.
    fn pair_up(
        &self,
        known: &mut Vec<SeriesState>,
        mut series: Vec<Series>,
        grid: Grid,
        first: bool,
        judged: &mut Judged,
    ) -> Vec<(SeriesState, Option<Series>)> {
        series.retain(|series| self.shard.owns(series.labels()));
        series.sort_by(|a, b| a.labels().cmp(b.labels()));
        series.dedup_by(|a, b| a.labels() == b.labels());
        let mut fresh = Vec::new();
        let mut old = std::mem::take(known).into_iter().peekable();
        let mut work: Vec<(SeriesState, Option<Series>)> = Vec::with_capacity(series.len());
        for series in series {
            while let Some(state) = old.next_if(|state| state.labels < *series.labels()) {
                work.push((state, None));
            }
            match old.next_if(|state| state.labels == *series.labels()) {
                Some(state) => work.push((state, Some(series))),
                None => fresh.push(series),
            }
        }
        work.extend(old.map(|state| (state, None)));
        let had_ended = |series: &Series| {
            let last = series
                .timestamps()
                .last()
                .copied()
                .unwrap_or(Timestamp::MIN);
            self.absent_after > 0 && grid.to.millis_since(last) > self.absent_after
        };
        fresh.retain(|series| !series.is_empty() && (!first || !had_ended(series)));
        let room = self.max_series.saturating_sub(work.len());
        judged.refused_series = fresh.len().saturating_sub(room);
        fresh.truncate(room);
        let detector = self.detector_of_new(&work, &fresh);
        work.extend(fresh.into_iter().map(|series| {
            let state = SeriesState {
                detector: detector.clone(),
                ..self.fresh(series.labels())
            };
            (state, Some(series))
        }));
        work.sort_by(|(a, _), (b, _)| a.labels.cmp(&b.labels));
        work
    }

    /// What `new` series start with, beside those that are known.
    fn detector_of_new(
        &self,
        known: &[(SeriesState, Option<Series>)],
        new: &[Series],
    ) -> StreamState {
        let mut detector = self.fresh.clone();
        if self.start_from_siblings && !new.is_empty() {
            let every = known.len().div_ceil(SIBLINGS).max(1);
            let siblings = known
                .iter()
                .step_by(every)
                .map(|(state, _)| &state.detector);
            if let Some(prior) = scale_of_siblings(siblings) {
                detector.start_from(&prior);
            }
        }
        detector
    }

    fn judge_series(
        &self,
        state: &mut SeriesState,
        series: Option<&Series>,
        grid: Grid,
        complete: bool,
    ) -> Outcome {
        let mut samples = series.into_iter().flat_map(Series::iter).peekable();
        let mut outcome = Outcome::default();
        if !complete && series.is_none() {
            // Its part of the answer did not come: these moments are judged when it does.
            return outcome;
        }
        let had_drifted = state.drifted;
        let mut moment = grid.from.max(state.judged.add_millis(self.step));
        state.judged = state.judged.max(grid.to);
        while moment <= grid.to {
            // A sample belongs to the first grid point at or after it; the latest in a cell stands.
            let mut sample = None;
            while let Some((time, value)) = samples.next_if(|&(time, _)| time <= moment) {
                if time > moment.add_millis(-self.step) {
                    sample = Some(value);
                }
            }
            match sample {
                Some(value) if value.is_finite() => {
                    state.last_seen = moment;
                    state.last_value = moment;
                    let verdict = match self.closed.at(moment, &state.labels) {
                        None => self.judge_value(state, moment, value),
                        Some(window) => self.judge_in_maintenance(state, moment, value, window),
                    };
                    outcome.verdicts.extend(verdict);
                }
                Some(_) => {
                    state.last_seen = moment;
                    outcome.missing += 1;
                    // Without a verdict an alert would fire for as long as there is no number.
                    let away = moment.millis_since(state.last_value);
                    if away > self.quiet_after && state.last_value > Timestamp::MIN {
                        outcome.verdicts.push(normal(
                            state,
                            moment,
                            format!("no number for {}", span(away)),
                        ));
                    }
                }
                None if state.last_seen > Timestamp::MIN => {
                    let open = !self.excludes(moment, &state.labels);
                    let away = moment.millis_since(state.last_seen);
                    if complete && self.forget_after > 0 && away >= self.forget_after {
                        let why = format!("forgotten after {} without a sample", span(away));
                        outcome.verdicts.push(normal(state, moment, why));
                        // If it comes back it is a new series.
                        state.last_seen = Timestamp::MIN;
                        state.last_value = Timestamp::MIN;
                        state.detector.reset();
                    } else if complete && open && self.absent_after > 0 && away > self.absent_after
                    {
                        outcome.verdicts.push(self.absent(state, moment, away));
                    }
                }
                None => {}
            }
            moment = moment.add_millis(self.step);
        }
        outcome.gone = state.last_seen == Timestamp::MIN;
        outcome.drifted = state.drifted.filter(|_| had_drifted.is_none());
        outcome
    }

    fn judge_value(
        &self,
        state: &mut SeriesState,
        moment: Timestamp,
        value: f64,
    ) -> Option<Verdict> {
        state.detector.set_time(moment);
        let expectation = state.detector.expectation();
        // The value is finite and alone, which is all that a detector of one metric asks for.
        let raw = state.detector.score_then_learn(&[value]).ok()?;
        let verdict = Verdict::judge(
            moment,
            state.labels.clone(),
            value,
            raw,
            expectation,
            &self.calibrator,
            &self.filter,
        );
        if let (Some(watch), Some(monitor)) = (&self.watch, &mut state.drift)
            && let Some(x) = watch.look(&verdict)
            // Values that the method does not take, errors beyond 1 say, tell it nothing.
            && matches!(monitor.update(x), Ok(Drift::Drift))
        {
            state.drifted.get_or_insert(moment);
        }
        Some(verdict)
    }

    /// A point that neither alarms nor teaches; its score is told.
    fn judge_in_maintenance(
        &self,
        state: &mut SeriesState,
        moment: Timestamp,
        value: f64,
        window: &str,
    ) -> Option<Verdict> {
        state.detector.set_time(moment);
        let expectation = state.detector.expectation();
        let raw = state.detector.score(&[value]).ok()?;
        let verdict = Verdict::judge(
            moment,
            state.labels.clone(),
            value,
            raw,
            expectation,
            &self.calibrator,
            &self.filter,
        );
        Some(Verdict {
            anomalous: false,
            explanation: Some(Explanation {
                summary: format!("maintenance: {window}"),
                contributions: Vec::new(),
            }),
            ..verdict
        })
    }

    fn absent(&self, state: &SeriesState, moment: Timestamp, away: i64) -> Verdict {
        let band = state.detector.expectation();
        Verdict {
            score: Some(away as f64 / self.absent_after as f64),
            expected: band.map(|band| band.expected),
            anomalous: true,
            ..without_value(state, moment, format!("no sample for {}", span(away)))
        }
    }
}

/// A verdict without a value that says that nothing is anomalous.
fn normal(state: &SeriesState, moment: Timestamp, why: String) -> Verdict {
    Verdict {
        score: Some(0.0),
        ..without_value(state, moment, why)
    }
}

fn without_value(state: &SeriesState, timestamp: Timestamp, summary: String) -> Verdict {
    Verdict {
        explanation: Some(Explanation {
            summary,
            contributions: Vec::new(),
        }),
        ..Verdict::unjudged(timestamp, state.labels.clone())
    }
}

fn span(millis: i64) -> String {
    format_duration(Duration::from_millis(millis.unsigned_abs()))
}

#[cfg(test)]
mod tests;
