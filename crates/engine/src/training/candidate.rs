//! Detectors that are to replace those at work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_core::{Labels, Series, Timestamp, format_duration};
use rayon::prelude::*;

use crate::Error;
use crate::config::{Span, TrainingConfig};
use crate::judge::{Grid, Judge, Piece, SeriesState, Tally};

/// How much larger the mean error of new detectors on the holdout may be than that of those at
/// work, for the series in the middle. Those had the advantage of going on learning until there.
const WORSE: f64 = 1.2;

/// Beyond `max_alarm_rate` new detectors may go to work only where their rate on the holdout is at most
/// this share of what those at work had there: better than them, though not good.
const FEWER: f64 = 0.5;

/// Errors below this share of how far the values of a series may lie apart are rounding.
const ROUNDING: f64 = 1e-12;

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
    /// Points that they learned.
    pub(crate) points: u64,
    /// Series that could not be trained on, with the first reason.
    pub(crate) left_out: Vec<String>,
    /// What all of them together made of the holdout.
    pub(crate) tally: Tally,
    /// Rows far beyond the past of each series.
    far: BTreeMap<Labels, FarRows>,
}

type FarRows = [Vec<f64>; 2];

/// What new detectors and those at work made of the holdout of a series, and how far its far rows are
/// apart.
struct Pair {
    own: Tally,
    theirs: Tally,
    spread: f64,
}

/// What is known in `serving` of the series of `state`.
fn counterpart<'a>(serving: &'a [SeriesState], state: &SeriesState) -> Option<&'a SeriesState> {
    let place = serving.binary_search_by(|one| one.labels.cmp(&state.labels));
    serving.get(place.ok()?)
}

fn spread([below, above]: &FarRows) -> f64 {
    let apart = below.iter().zip(above).map(|(below, above)| above - below);
    apart.fold(0.0, f64::max).min(f64::MAX)
}

/// A trained detector.
struct Trained {
    state: SeriesState,
    points: usize,
    far: FarRows,
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
        let outcomes: Vec<Result<Trained, String>> = past
            .into_par_iter()
            .map(|piece| self.train(&piece))
            .collect();
        let (mut left_out, mut series) = (Vec::new(), Vec::with_capacity(outcomes.len()));
        let (mut learned, mut far) = (BTreeMap::new(), BTreeMap::new());
        for outcome in outcomes {
            match outcome {
                Ok(trained) => {
                    let labels = &trained.state.labels;
                    learned.insert(labels.clone(), trained.points as u64);
                    far.insert(labels.clone(), trained.far);
                    series.push(trained.state);
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
        let endless = self.judge_holdout(&mut series, holdout);
        series.retain(|state| !endless.contains(&state.identity));
        left_out.extend(endless.iter().map(|identity| {
            format!("scores of {identity} in the holdout are not finite: it keeps its detector")
        }));
        let noisy = self.noisy(&series);
        series.retain(|state| !noisy.contains(&state.labels));
        left_out.extend(noisy.iter().map(|labels| {
            format!("most of the holdout of {labels} would be anomalous: it keeps its detector")
        }));
        let tallies = series.iter().map(|state| self.tally(state));
        let tally = tallies.fold(Tally::default(), |sum, tally| sum.join(&tally));
        if tally.judged == 0 {
            return Err(Error::source(
                "the trained detectors give no score on the holdout; a longer window may help",
            ));
        }
        let points = series.iter().filter_map(|state| learned.get(&state.labels));
        Ok(Candidate {
            points: points.sum(),
            series,
            holdout: self.holdout,
            left_out,
            tally,
            far,
        })
    }

    /// Lets trained detectors judge the holdout, and gives the identities of those whose scores are no
    /// numbers.
    fn judge_holdout(
        &self,
        series: &mut Vec<SeriesState>,
        holdout: Vec<Series>,
    ) -> BTreeSet<Labels> {
        let trained: BTreeSet<Labels> = series.iter().map(|state| state.labels.clone()).collect();
        let mut holdout = self.judge.gather(holdout);
        holdout.all.retain(|piece| trained.contains(&piece.labels));
        let judged = self
            .judge
            .judge(series, holdout, self.holdout, true, false, None);
        let findings = judged.findings.into_iter();
        findings
            .filter(|finding| {
                finding
                    .verdict
                    .score
                    .is_some_and(|score| !score.is_finite())
            })
            .map(|finding| finding.identity)
            .collect()
    }

    fn tally(&self, state: &SeriesState) -> Tally {
        state.tally_within(self.holdout.from, self.holdout.to)
    }

    /// The series most of whose holdout would be anomalous, where they are a minority: what has just
    /// changed in one series must not keep all others from new detectors, nor give that one a detector
    /// that only alarms. Where they are not, the whole training is in doubt.
    fn noisy(&self, series: &[SeriesState]) -> BTreeSet<Labels> {
        let is_noisy = |state: &&SeriesState| {
            let tally = self.tally(state);
            tally.judged >= FEWEST && tally.alarm_rate().is_some_and(|rate| rate > MOST_OF_IT)
        };
        let noisy = series.iter().filter(is_noisy);
        let noisy: BTreeSet<Labels> = noisy.map(|state| state.labels.clone()).collect();
        if 2 * noisy.len() < series.len() {
            noisy
        } else {
            BTreeSet::new()
        }
    }

    fn train(&self, piece: &Piece) -> Result<Trained, String> {
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
        Ok(Trained {
            state,
            points: past.points,
            far: past.far_rows(),
        })
    }
}

impl Candidate {
    /// Why it must not replace the detectors of `serving`, by what those made of the same series in
    /// the holdout, when that is so.
    pub(crate) fn objection(
        &self,
        config: &TrainingConfig,
        serving: &[SeriesState],
    ) -> Option<String> {
        let (from, to) = (self.holdout.from, self.holdout.to);
        let pairs: Vec<Pair> = self
            .series
            .iter()
            .filter_map(|state| {
                let theirs = counterpart(serving, state)?.tally_within(from, to);
                let own = state.tally_within(from, to);
                let spread = self.far.get(&state.labels).map_or(0.0, spread);
                // After an exchange or a pause of the service they made too little of the holdout.
                let comparable = theirs.judged > 0 && 2 * theirs.judged >= own.judged;
                comparable.then_some(Pair {
                    own,
                    theirs,
                    spread,
                })
            })
            .collect();
        self.too_many_alarms(config, &pairs)
            .or_else(|| too_far_off(&pairs))
            .or_else(|| self.blind(serving))
    }

    /// Why they cannot tell what those of `serving` can, when that is so: for most series that those
    /// would alarm on far beyond its past they would not.
    fn blind(&self, serving: &[SeriesState]) -> Option<String> {
        let (mut seen, mut unseen) = (0_usize, 0);
        for own in &self.series {
            let theirs = counterpart(serving, own);
            let (Some(theirs), Some(rows)) = (theirs, self.far.get(&own.labels)) else {
                continue;
            };
            let same_channels = own.learned.channel_names() == theirs.learned.channel_names();
            if same_channels && theirs.alarms_on_one_of(rows) == Some(true) {
                seen += 1;
                unseen += usize::from(own.alarms_on_one_of(rows) == Some(false));
            }
        }
        (2 * unseen > seen).then(|| {
            format!(
                "values far beyond all that they learned would not be anomalous in {unseen} of \
                 {seen} series, where they are for those at work"
            )
        })
    }

    fn too_many_alarms(&self, config: &TrainingConfig, pairs: &[Pair]) -> Option<String> {
        let sum = |of: &dyn Fn(&Pair) -> Tally| {
            pairs
                .iter()
                .map(of)
                .fold(Tally::default(), |sum, tally| sum.join(&tally))
        };
        let (own, at_work) = (sum(&|pair| pair.own), sum(&|pair| pair.theirs));
        let (rate, most) = (self.tally.alarm_rate()?, config.max_alarm_rate);
        if rate <= most {
            return None;
        }
        let beside = match at_work.alarm_rate() {
            Some(theirs) if own.alarm_rate()? <= FEWER * theirs => return None,
            Some(theirs) => format!(
                ", and more than half of the {:.1} % of those at work",
                100.0 * theirs
            ),
            None => String::new(),
        };
        Some(format!(
            "{:.1} % of the holdout would be anomalous, more than the {:.1} % of \
             training.max_alarm_rate{beside}",
            100.0 * rate,
            100.0 * most
        ))
    }
}

/// Why new detectors expect worse than those at work, when they do: by how much larger their mean
/// error is for the series in the middle, since the errors of different series have no common scale.
fn too_far_off(pairs: &[Pair]) -> Option<String> {
    let ratio = |pair: &Pair| {
        let (own, theirs) = (pair.own.mean_error()?, pair.theirs.mean_error()?);
        let rounding = (ROUNDING * pair.spread).max(f64::MIN_POSITIVE);
        Some((own + rounding) / (theirs + rounding))
    };
    let mut ratios: Vec<f64> = pairs.iter().filter_map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let middle = *ratios.get(ratios.len().checked_sub(1)? / 2)?;
    (middle > WORSE).then(|| {
        format!(
            "what it expects misses the holdout by {middle:.2} times as much as what those at work \
             expected, in the middle of {} series",
            ratios.len()
        )
    })
}

#[cfg(test)]
#[path = "candidate_tests.rs"]
mod tests;
