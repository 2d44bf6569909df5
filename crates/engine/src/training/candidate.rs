//! Detectors that are to replace those at work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_core::{Labels, Series, Timestamp, format_duration};
use rayon::prelude::*;

use super::Tally;
use crate::Error;
use crate::config::{Span, TrainingConfig};
use crate::judge::{Grid, Judge, Piece, SeriesState};

/// How much larger the mean error of new detectors on the holdout may be than that of those at
/// work, which had the advantage of going on learning until there.
const WORSE: f64 = 1.2;

/// Beyond `max_alarm_rate` new detectors may go to work only where their rate on the holdout is at most
/// this share of what those at work had there: better than them, though not good.
const FEWER: f64 = 0.5;

/// A series is not given a detector that calls a larger share of its holdout anomalous than this, of
/// so many points at least.
const MOST_OF_IT: f64 = 0.5;
const FEWEST: u64 = 10;

/// What a training is made of.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) judge: Judge,
    pub(crate) config: TrainingConfig,
    /// The older part of the window, which is learned, on the grid of training.
    pub(crate) learn: Grid,
    /// The newer part, which is judged, on that of the query.
    pub(crate) holdout: Grid,
}

/// Trained detectors, up to the end of the holdout, and how they did there.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) series: Vec<SeriesState>,
    pub(crate) holdout: Grid,
    /// Points that were learned.
    pub(crate) points: u64,
    /// Series that could not be trained on, with the first reason.
    pub(crate) left_out: Vec<String>,
    pub(crate) tally: Tally,
}

impl Task {
    /// The two parts of the training window that ends at `to`, and begins not before `since`.
    pub(crate) fn new(
        judge: Judge,
        config: TrainingConfig,
        since: Option<Timestamp>,
        to: Timestamp,
    ) -> Self {
        let longest = config.window.millis();
        let window = since.map_or(longest, |since| to.millis_since(since).clamp(0, longest));
        let step = config.step.map_or(judge.step, Span::millis);
        let tried = (window as f64 * config.holdout) as i64;
        let tried = (tried / judge.step).max(1).saturating_mul(judge.step);
        let split = to.add_millis(-tried);
        let learned = split.align_down(step);
        Self {
            learn: Grid {
                from: to.add_millis(-window).align_up(step).min(learned),
                to: learned,
            },
            holdout: Grid {
                from: split.align_down(judge.step).add_millis(judge.step),
                to,
            },
            judge,
            config,
        }
    }

    /// The distance between the points that are learned.
    pub(crate) fn step(&self) -> i64 {
        self.config.step.map_or(self.judge.step, Span::millis)
    }

    /// Fresh detectors that have learned `past` and judged `holdout`.
    ///
    /// # Errors
    /// When no series has enough points, or none could be fitted, or they give no scores.
    pub(crate) fn run(&self, past: Vec<Series>, holdout: Vec<Series>) -> Result<Candidate, Error> {
        let past = self.judge.gather(past).all;
        let outcomes: Vec<Result<(SeriesState, usize), String>> = past
            .into_par_iter()
            .map(|piece| self.train(&piece))
            .collect();
        let mut left_out = Vec::new();
        let mut points = 0;
        let mut series = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            match outcome {
                Ok((state, learned)) => {
                    points += learned as u64;
                    series.push(state);
                }
                Err(why) => left_out.push(why),
            }
        }
        if series.is_empty() {
            let why = left_out
                .first()
                .map_or("the window is empty", String::as_str);
            return Err(Error::source(format!("no series can be trained on: {why}")));
        }
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        let trained: Vec<Labels> = series.iter().map(|state| state.labels.clone()).collect();
        let mut holdout = self.judge.gather(holdout);
        holdout
            .all
            .retain(|piece| trained.binary_search(&piece.labels).is_ok());
        let judged = self
            .judge
            .judge(&mut series, holdout, self.holdout, true, false, None);
        let mut tallies: BTreeMap<&Labels, Tally> = BTreeMap::new();
        for finding in &judged.findings {
            let verdict = &finding.verdict;
            if verdict.score.is_some_and(|score| !score.is_finite()) {
                let labels = &verdict.labels;
                return Err(Error::source(format!(
                    "the score of {labels} is not finite"
                )));
            }
            tallies.entry(&finding.identity).or_default().add(finding);
        }
        let noisy = noisy(&tallies);
        series.retain(|state| !noisy.contains(&state.identity));
        left_out.extend(noisy.iter().map(|identity| {
            format!("most of the holdout of {identity} would be anomalous: it keeps its detector")
        }));
        let of_others = tallies.iter().filter(|(one, _)| !noisy.contains(**one));
        let tally = of_others.fold(Tally::default(), |sum, (_, tally)| sum.join(tally));
        if tally.judged == 0 {
            return Err(Error::source(
                "the trained detectors give no score on the holdout; a longer window may help",
            ));
        }
        Ok(Candidate {
            series,
            holdout: self.holdout,
            points,
            left_out,
            tally,
        })
    }

    fn train(&self, piece: &Piece) -> Result<(SeriesState, usize), String> {
        let past = self
            .judge
            .past(piece, self.learn, self.step(), self.config.min_points);
        if past.points < self.config.min_points {
            let window = format_duration(Duration::from_millis(
                self.config.window.millis().unsigned_abs(),
            ));
            return Err(format!(
                "{} has {} points in the {window} of training.window without the holdout, fewer \
                 than the {} of training.min_points",
                piece.labels, past.points, self.config.min_points
            ));
        }
        let mut state = self.judge.fresh(&piece.labels, past.names.iter().copied());
        state
            .learned
            .learn_past(&past)
            .map_err(|e| format!("{}: {e}", piece.labels))?;
        let last = past.times.last().copied().unwrap_or(Timestamp::MIN);
        (state.last_seen, state.last_value) = (last, last);
        state.judged = self.learn.to;
        Ok((state, past.points))
    }
}

/// The series most of whose holdout would be anomalous, where they are a minority: what has just
/// changed in one series must not keep all others from new detectors, nor give that one a detector
/// that only alarms. Where they are not, the whole training is in doubt.
fn noisy(tallies: &BTreeMap<&Labels, Tally>) -> BTreeSet<Labels> {
    let is_noisy = |tally: &Tally| {
        tally.judged >= FEWEST && tally.alarm_rate().is_some_and(|rate| rate > MOST_OF_IT)
    };
    let noisy = tallies.iter().filter(|(_, tally)| is_noisy(tally));
    let noisy: BTreeSet<Labels> = noisy.map(|(identity, _)| (*identity).clone()).collect();
    if 2 * noisy.len() < tallies.len() {
        noisy
    } else {
        BTreeSet::new()
    }
}

impl Candidate {
    /// Why it must not replace detectors that did as `serving` says, when that is so.
    pub(crate) fn objection(&self, config: &TrainingConfig, serving: &Tally) -> Option<String> {
        let rate = self.tally.alarm_rate().unwrap_or(0.0);
        let at_work = serving.alarm_rate();
        let most = config.max_alarm_rate.max(FEWER * at_work.unwrap_or(0.0));
        if rate > most {
            let beside = at_work.map_or_else(String::new, |rate| {
                format!("; those at work had {:.1} %", 100.0 * rate)
            });
            return Some(format!(
                "{:.1} % of the holdout would be anomalous, more than the {:.1} % of \
                 training.max_alarm_rate{beside}",
                100.0 * rate,
                100.0 * config.max_alarm_rate
            ));
        }
        match (self.tally.mean_error(), serving.mean_error()) {
            (Some(own), Some(theirs)) if own > WORSE * theirs => Some(format!(
                "what it expects misses the holdout by {own:.4} on average, and what those at work \
                 expected by {theirs:.4}"
            )),
            _ => None,
        }
    }
}
