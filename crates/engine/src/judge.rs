//! Judging the series of one query: each timestamp of each series once, in order.

mod budget;
mod gaps;
mod group;
mod known;
mod late;
mod learned;
mod outcomes;
mod past;
mod pieces;
mod series;
mod shift;
mod tail;
mod watch;

use std::time::Duration;

use bongsu_core::{
    Calibrator, DeviationFilter, Explanation, Fill, Labels, METRIC_NAME, Series, StreamDetector,
    Timestamp, Verdict, format_duration,
};
use bongsu_stream::DriftMonitor;
use bongsu_stream::fleet::scale_of_siblings;
use rayon::prelude::*;

use crate::Error;
use crate::config::{NewChannels, QueryConfig};
use crate::maintenance::Closed;
use crate::registry::{self, StreamState};
use crate::shard::Shard;
use budget::Allowance;
pub(crate) use budget::Budget;
pub(crate) use known::SeriesState;
use known::note_outcomes;
pub(crate) use learned::Learned;
pub(crate) use outcomes::Tally;
use pieces::Grouping;
pub(crate) use pieces::{CHANNEL, Piece, Pieces};
use series::Outcome;
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
    /// Whether no new series is taken in, since the state is too large.
    pub(crate) is_full: bool,
    start_from_siblings: bool,
    watch: Option<Watch>,
    /// What holes are filled with.
    fill: Fill,
    /// For so long points may come after those that follow them.
    late: i64,
    /// How many alerts may be expected by chance, where that is said.
    allowance: Option<Allowance>,
    grouping: Option<Grouping>,
    /// What is to be done about channels that a group did not have; `None` is nothing.
    newcomers: Option<Newcomers>,
    /// For how long what came of moments is remembered, where detectors are trained.
    remembers: Option<i64>,
    /// The series that this process judges.
    pub(crate) shard: Shard,
    /// The maintenance windows that touch what is being judged.
    pub(crate) closed: Closed,
}

/// When channels that a group did not have are taken in.
#[derive(Debug, Clone, Copy)]
struct Newcomers {
    /// After so many numbers.
    points: u32,
    /// By a training, rather than by a start from nothing.
    are_trained: bool,
}

/// So many siblings are asked for their scale.
const SIBLINGS: usize = 256;

/// The moments to be judged: multiples of the step, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// What judging gave.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// In order of time, then of labels.
    pub(crate) findings: Vec<Finding>,
    /// Series that were refused because the query brought too many or the state is too large.
    pub(crate) refused_series: usize,
    /// Samples that were NaN or infinite, and so not judged.
    pub(crate) missing_values: usize,
    /// The identities of series that were forgotten, and when: their alerts are over.
    pub(crate) gone: Vec<(Labels, Timestamp)>,
    /// Anomalous points that the budget of alerts held back.
    pub(crate) held: u64,
    /// Points that came after moments that follow them were judged.
    pub(crate) late: u64,
    /// Series that have no place in a group, or one that another has.
    pub(crate) misplaced: usize,
    /// When channels that a group did not have had had enough numbers to be trained on.
    pub(crate) newcomers: Vec<Timestamp>,
}

/// A verdict on a series or group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// The labels of its alert.
    pub(crate) identity: Labels,
    pub(crate) verdict: Verdict,
    /// Whether it counts as the detector's: neither one on what is not there, nor one in maintenance.
    pub(crate) detected: bool,
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
            is_full: false,
            start_from_siblings: query.start_from_siblings,
            watch: Watch::new(query)?,
            fill: query.gaps.fill(),
            late: query.late.millis(),
            allowance: None,
            grouping: query.group.as_ref().map(Grouping::new),
            newcomers: newcomers(query),
            remembers: query
                .training
                .as_ref()
                .map(|t| outcomes::remembered(t, query.step)),
            shard: Shard::ALL,
            closed: Closed::default(),
        })
    }

    /// Sets how many alerts a day may be expected by chance.
    pub(crate) fn allow(&mut self, per_day: Option<f64>) {
        self.allowance = per_day.map(|per_day| Allowance {
            per_day,
            step: self.step,
        });
    }

    /// How many alerts a day may be expected by chance, where that is said.
    pub(crate) fn allowed(&self) -> Option<f64> {
        self.allowance.map(|allowance| allowance.per_day)
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
            state.learned.drift = self.monitor();
            state.learned.drifted = None;
            state.learned.shift = None;
            state.late = None;
        }
    }

    /// How series form groups, as a text; empty where they do not.
    pub(crate) fn grouping_text(&self) -> String {
        self.grouping
            .as_ref()
            .map_or_else(String::new, Grouping::text)
    }

    /// Whether `moment` neither alarms nor teaches.
    pub(crate) fn excludes(&self, moment: Timestamp, labels: &Labels) -> bool {
        self.closed.at(moment, labels).is_some()
    }

    /// Replaces what `known` have learned by what those of `trained` with the same labels have; both
    /// are in order of their labels. Gives how many were replaced.
    pub(crate) fn exchange(
        &self,
        known: &mut [SeriesState],
        trained: Vec<(Labels, Learned)>,
    ) -> usize {
        let mut trained = trained.into_iter().peekable();
        let mut exchanged = 0;
        for state in known {
            while trained
                .next_if(|(labels, _)| *labels < state.labels)
                .is_some()
            {}
            if let Some((_, learned)) = trained.next_if(|(labels, _)| *labels == state.labels) {
                state.learned = learned;
                // That was another detector.
                state.outcomes = None;
                exchanged += 1;
            }
            state.learned.drifted = None;
            state.learned.shift = None;
            state.learned.drift = self.monitor();
            // What came before was learned by the others.
            state.late = None;
        }
        exchanged
    }

    /// The labels under which the alerts of a series are known: its own, its metric as `metric`,
    /// the query's name, and the labels that the query adds.
    pub(crate) fn identity(&self, labels: &Labels) -> Labels {
        identity_of(&self.query, &self.alert_labels, labels)
    }

    /// The pieces that `series` make, those that are this process's.
    pub(crate) fn gather(&self, series: Vec<Series>) -> Pieces {
        pieces::gather(series, self.grouping.as_ref(), self.shard)
    }

    /// Judges `pieces` on `grid`, taking in new series and forgetting gone ones.
    ///
    /// With `complete` false (a partial answer) no series is called absent. On a `first` run,
    /// series that had already ended are not taken in. Without a `budget` nothing is held back.
    pub(crate) fn judge(
        &self,
        known: &mut Vec<SeriesState>,
        pieces: Pieces,
        grid: Grid,
        complete: bool,
        first: bool,
        budget: Option<&mut Budget>,
    ) -> Judged {
        let mut judged = Judged {
            misplaced: pieces.misplaced,
            refused_series: pieces.surplus,
            ..Judged::default()
        };
        let mut work = self.pair_up(known, pieces.all, grid, first, &mut judged);
        let outcomes: Vec<Outcome> = work
            .par_iter_mut()
            .map(|(state, piece)| self.judge_series(state, piece.as_ref(), grid, complete, first))
            .collect();
        let (mut states, mut found) = (Vec::with_capacity(work.len()), Vec::new());
        let mut gone = Vec::new();
        for (place, ((state, _), outcome)) in work.into_iter().zip(outcomes).enumerate() {
            judged.missing_values += outcome.missing;
            judged.late += outcome.late;
            judged.newcomers.extend(outcome.newcomer);
            found.extend(outcome.said.into_iter().map(|said| {
                let finding = Finding {
                    identity: state.identity.clone(),
                    verdict: said.verdict,
                    detected: said.detected,
                };
                (place, finding)
            }));
            gone.push(outcome.gone);
            states.push(state);
        }
        // Stable: within a moment the order of the labels stays.
        found.sort_by_key(|(_, finding)| finding.verdict.timestamp);
        // Before the budget holds anything back: new detectors are compared without one.
        if let Some(span) = self.remembers {
            note_outcomes(&mut states, &found, span);
        }
        if let (Some(allowance), Some(budget)) = (self.allowance, budget) {
            judged.held = budget.hold(allowance, &mut found, &mut states);
        }
        judged.findings = found.into_iter().map(|(_, finding)| finding).collect();
        let mut kept = Vec::with_capacity(states.len());
        for (state, gone) in states.into_iter().zip(gone) {
            if gone {
                judged.gone.push((state.identity, grid.to));
            } else {
                kept.push(state);
            }
        }
        *known = kept;
        judged
    }

    /// Each known series with its new samples, and each new one with a fresh state, by labels.
    fn pair_up(
        &self,
        known: &mut Vec<SeriesState>,
        pieces: Vec<Piece>,
        grid: Grid,
        first: bool,
        judged: &mut Judged,
    ) -> Vec<(SeriesState, Option<Piece>)> {
        let mut fresh = Vec::new();
        let mut old = std::mem::take(known).into_iter().peekable();
        let mut work: Vec<(SeriesState, Option<Piece>)> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            while let Some(state) = old.next_if(|state| state.labels < piece.labels) {
                work.push((state, None));
            }
            match old.next_if(|state| state.labels == piece.labels) {
                Some(state) => work.push((state, Some(piece))),
                None => fresh.push(piece),
            }
        }
        work.extend(old.map(|state| (state, None)));
        let had_ended = |piece: &Piece| {
            self.absent_after > 0 && grid.to.millis_since(piece.last()) > self.absent_after
        };
        fresh.retain(|piece| !piece.is_empty() && (!first || !had_ended(piece)));
        let taken: usize = work.iter().map(|(state, _)| state.width()).sum();
        let most = if self.is_full { 0 } else { self.max_series };
        let mut room = most.saturating_sub(taken);
        fresh.retain(|piece| {
            let width = piece.channels.len();
            let fits = width <= room;
            if fits {
                room -= width;
            } else {
                judged.refused_series += width;
            }
            fits
        });
        let detector = self.detector_of_new(&work, &fresh);
        work.extend(fresh.into_iter().map(|piece| {
            let mut state = self.fresh(&piece.labels, piece.names());
            state.learned.detector = detector.clone();
            (state, Some(piece))
        }));
        work.sort_by(|(a, _), (b, _)| a.labels.cmp(&b.labels));
        work
    }

    /// What `new` series start with, beside those that are known.
    fn detector_of_new(
        &self,
        known: &[(SeriesState, Option<Piece>)],
        new: &[Piece],
    ) -> StreamState {
        let mut detector = self.fresh.clone();
        if self.start_from_siblings && !new.is_empty() {
            let every = known.len().div_ceil(SIBLINGS).max(1);
            let siblings = known
                .iter()
                .step_by(every)
                .map(|(state, _)| &state.learned.detector);
            if let Some(prior) = scale_of_siblings(siblings) {
                detector.start_from(&prior);
            }
        }
        detector
    }
}

/// When channels that a group did not have are taken in.
fn newcomers(query: &QueryConfig) -> Option<Newcomers> {
    let group = query.group.as_ref()?;
    if group.new_channels == NewChannels::Ignore {
        return None;
    }
    let points = match &query.training {
        Some(training) => training.min_points as u64,
        None => (group.max_gap.millis() / query.step.millis().max(1)).unsigned_abs(),
    };
    Some(Newcomers {
        points: u32::try_from(points).unwrap_or(u32::MAX).max(1),
        are_trained: query.training.is_some(),
    })
}

/// A verdict without a value that says that nothing is anomalous.
fn normal(labels: &Labels, moment: Timestamp, why: String) -> Verdict {
    Verdict {
        score: Some(0.0),
        ..without_value(labels, moment, why)
    }
}

fn without_value(labels: &Labels, timestamp: Timestamp, summary: String) -> Verdict {
    Verdict {
        explanation: Some(Explanation {
            summary,
            contributions: Vec::new(),
        }),
        ..Verdict::unjudged(timestamp, labels.clone())
    }
}

fn span(millis: i64) -> String {
    format_duration(Duration::from_millis(millis.unsigned_abs()))
}

/// The labels under which the alerts of a series are known, see [`Judge::identity`].
pub(crate) fn identity_of(query: &str, added: &[(String, String)], labels: &Labels) -> Labels {
    let mut pairs: Vec<(String, String)> = vec![("query".to_owned(), query.to_owned())];
    pairs.extend(added.iter().cloned());
    for (name, value) in labels.iter() {
        let mut name = if name == METRIC_NAME { "metric" } else { name }.to_owned();
        while pairs.iter().any(|(taken, _)| *taken == name) {
            name.insert_str(0, "exported_");
        }
        pairs.push((name, value.to_owned()));
    }
    Labels::from_pairs(pairs).unwrap_or_else(|_| labels.clone())
}

#[cfg(test)]
mod budget_tests;
#[cfg(test)]
mod complaints_tests;
#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod labelled_tests;
#[cfg(test)]
mod late_tests;
#[cfg(test)]
mod speed_tests;
#[cfg(test)]
mod tests;
