//! Judging one series, or one group of series, moment by moment.

use bongsu_core::{Labels, StreamDetector, Timestamp};

use super::group::Channels;
use super::late::Late;
use super::learned::{Learned, Said, Setting};
use super::pieces::{Cell, Cells, Piece};
use super::{Grid, Judge, SeriesState, normal, span, without_value};

/// What judging a series gave.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) said: Vec<Said>,
    pub(super) missing: usize,
    /// Whether the series is to be forgotten.
    pub(super) gone: bool,
    /// Points that came late.
    pub(super) late: u64,
    /// When a channel that the group did not have had had enough numbers to be trained on.
    pub(super) newcomer: Option<Timestamp>,
}

/// Reads the channels of a piece moment by moment.
pub(super) struct Reader<'a> {
    cells: Vec<Cells<'a>>,
    /// Channels that the state does not have.
    newcomers: Vec<(&'a str, Cells<'a>)>,
    /// The numbers of the moment; NaN where there is none.
    pub(super) row: Vec<f64>,
}

/// What a piece has at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// Samples, so many, none of which is a number.
    NoNumbers(usize),
    /// At least one number, and so many samples that are none.
    Numbers(usize),
}

impl<'a> Reader<'a> {
    pub(super) fn new(channels: Option<&Channels>, piece: Option<&'a Piece>, step: i64) -> Self {
        let cells: Vec<Cells<'a>> = match channels {
            None => {
                let series = piece.and_then(|piece| piece.channels.first());
                vec![Cells::of(series.map(|(_, series)| series), step)]
            }
            Some(channels) => channels
                .names()
                .map(|name| Cells::of(piece.and_then(|piece| piece.channel(name)), step))
                .collect(),
        };
        let unknown =
            |name: &&str| channels.is_some_and(|own| own.names().all(|known| known != *name));
        let newcomers = piece.into_iter().flat_map(Piece::names).filter(unknown);
        Self {
            row: vec![f64::NAN; cells.len()],
            newcomers: newcomers
                .map(|name| {
                    (
                        name,
                        Cells::of(piece.and_then(|piece| piece.channel(name)), step),
                    )
                })
                .collect(),
            cells,
        }
    }

    /// Reads the next moment.
    pub(super) fn read(&mut self, moment: Timestamp) -> Found {
        let (mut numbers, mut others) = (0, 0);
        for (cells, slot) in self.cells.iter_mut().zip(&mut self.row) {
            let cell = cells.at(moment);
            *slot = f64::NAN;
            match cell {
                Cell::Number(value) => {
                    *slot = value;
                    numbers += 1;
                }
                Cell::NoNumber => others += 1,
                Cell::Nothing => {}
            }
        }
        match (numbers, others) {
            (0, 0) => Found::Nothing,
            (0, others) => Found::NoNumbers(others),
            (_, others) => Found::Numbers(others),
        }
    }

    /// The newcomers that have a number at the moment.
    fn met(&mut self, moment: Timestamp) -> impl Iterator<Item = &'a str> {
        let met = move |(name, cells): &mut (&'a str, Cells<'a>)| {
            matches!(cells.at(moment), Cell::Number(_)).then_some(*name)
        };
        self.newcomers.iter_mut().filter_map(met)
    }
}

impl Judge {
    pub(super) fn judge_series(
        &self,
        state: &mut SeriesState,
        piece: Option<&Piece>,
        grid: Grid,
        complete: bool,
        first: bool,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        if !complete && !has_come(&state.learned, piece) {
            // Its part of the answer did not come: these moments are judged when it does.
            return outcome;
        }
        self.catch_up(state, piece, grid, &mut outcome);
        let mut reader = Reader::new(state.learned.channels.as_deref(), piece, self.step);
        // What a new series has from before the grid came late.
        let is_new = state.judged == Timestamp::MIN && !first;
        let reach = if is_new { self.late } else { 0 };
        let from = grid.from.add_millis(-reach).align_up(self.step);
        let mut moment = from.max(state.judged.add_millis(self.step));
        state.judged = state.judged.max(grid.to);
        while moment <= grid.to {
            let said = outcome.said.len();
            let found = reader.read(moment);
            match found {
                Found::Numbers(others) => {
                    outcome.missing += others;
                    (state.last_seen, state.last_value) = (moment, moment);
                    let setting = Setting {
                        window: self.closed.at(moment, &state.labels),
                        complete,
                    };
                    let said = self.step(
                        &mut state.learned,
                        &state.labels,
                        moment,
                        &reader.row,
                        setting,
                    );
                    outcome.said.extend(said);
                }
                Found::NoNumbers(others) => {
                    outcome.missing += others;
                    state.last_seen = moment;
                    // Without a verdict an alert would fire for as long as there is no number.
                    let away = moment.millis_since(state.last_value);
                    if away > self.quiet_after && state.last_value > Timestamp::MIN {
                        let why = format!("no number for {}", span(away));
                        outcome.says(normal(&state.labels, moment, why));
                    }
                }
                Found::Nothing => self.miss(state, moment, complete, &mut outcome),
            }
            if let Some(late) = &mut state.late
                && (matches!(found, Found::Numbers(_)) || outcome.said.len() > said)
            {
                let closed = self.closed.at(moment, &state.labels).is_some();
                late.keep(moment, closed || !complete, &reader.row);
            }
            if let Some(fresh) = self.newcomer(state, &mut reader, moment, &mut outcome) {
                state.learned = fresh;
                state.late = None;
                reader = Reader::new(state.learned.channels.as_deref(), piece, self.step);
            }
            moment = moment.add_millis(self.step);
        }
        if let Some(late) = &mut state.late {
            self.settle(late, &state.labels, state.judged);
        }
        outcome.gone = state.last_seen == Timestamp::MIN;
        outcome
    }

    /// Takes in what came late, where it is waited for.
    fn catch_up(
        &self,
        state: &mut SeriesState,
        piece: Option<&Piece>,
        grid: Grid,
        outcome: &mut Outcome,
    ) {
        if self.late == 0 {
            state.late = None;
            return;
        }
        if state.late.is_none() {
            state.late = Some(Box::new(Late::new(&state.learned, state.judged)));
        }
        let caught = self.catch(state, piece, grid.from);
        if let Some(last) = caught.last {
            state.last_seen = state.last_seen.max(last);
            state.last_value = state.last_value.max(last);
        }
        outcome.late = caught.points;
        outcome.said.extend(caught.said);
    }

    /// Nothing came for `moment`.
    fn miss(
        &self,
        state: &mut SeriesState,
        moment: Timestamp,
        complete: bool,
        outcome: &mut Outcome,
    ) {
        if state.last_seen == Timestamp::MIN || !complete {
            return;
        }
        let away = moment.millis_since(state.last_seen);
        if self.forget_after > 0 && away >= self.forget_after {
            let why = format!("forgotten after {} without a sample", span(away));
            outcome.says(normal(&state.labels, moment, why));
            // If it comes back it is a new series.
            state.last_seen = Timestamp::MIN;
            state.last_value = Timestamp::MIN;
            state.learned.detector.reset();
            state.learned.last = None;
            state.late = None;
            if let Some(channels) = &mut state.learned.channels {
                **channels = Channels::new(channels.names());
            }
        } else if self.absent_after > 0
            && away > self.absent_after
            && !self.excludes(moment, &state.labels)
        {
            outcome.says(self.absent(state, moment, away));
        }
    }

    /// Counts channels that the group does not have; gives what it starts afresh with, when it does.
    fn newcomer(
        &self,
        state: &mut SeriesState,
        reader: &mut Reader<'_>,
        moment: Timestamp,
        outcome: &mut Outcome,
    ) -> Option<Learned> {
        let channels = state.learned.channels.as_mut()?;
        let enough = self.newcomers?;
        for name in reader.met(moment) {
            if !channels.meet(name, enough.points) {
                continue;
            }
            if enough.are_trained {
                outcome.newcomer.get_or_insert(moment);
            } else {
                let max_gap = self
                    .grouping
                    .as_ref()
                    .map_or(0, |grouping| grouping.max_gap);
                let channels = channels.with(name, moment, max_gap);
                tracing::info!(group = %state.labels, channel = name, "a group starts afresh with a new channel");
                return Some(self.learned(Some(channels)));
            }
        }
        None
    }

    fn absent(&self, state: &SeriesState, moment: Timestamp, away: i64) -> bongsu_core::Verdict {
        let band = state.learned.detector.expectation();
        bongsu_core::Verdict {
            score: Some(away as f64 / self.absent_after as f64),
            expected: band.map(|band| band.expected),
            anomalous: true,
            ..without_value(
                &state.labels,
                moment,
                format!("no sample for {}", span(away)),
            )
        }
    }

    /// What nothing has been taught yet.
    pub(super) fn learned(&self, channels: Option<Channels>) -> Learned {
        Learned {
            detector: self.fresh.clone(),
            channels: channels.map(Box::new),
            last: None,
            drift: self.monitor(),
            drifted: None,
            shift: None,
        }
    }

    /// What is known of a group or series of `labels` before its first point.
    pub(crate) fn fresh<'a>(
        &self,
        labels: &Labels,
        names: impl Iterator<Item = &'a str>,
    ) -> SeriesState {
        let channels = self
            .grouping
            .as_ref()
            .map(|grouping| match &grouping.fixed {
                Some(fixed) => Channels::new(fixed.iter().map(String::as_str)),
                None => Channels::new(names),
            });
        SeriesState {
            labels: labels.clone(),
            learned: self.learned(channels),
            judged: Timestamp::MIN,
            last_seen: Timestamp::MIN,
            last_value: Timestamp::MIN,
            late: None,
            tail: None,
            outcomes: None,
            identity: self.identity(labels),
        }
    }
}

impl Outcome {
    fn says(&mut self, verdict: bongsu_core::Verdict) {
        self.said.push(Said {
            verdict,
            detected: false,
        });
    }
}

/// Whether a partial answer has all of it.
fn has_come(learned: &Learned, piece: Option<&Piece>) -> bool {
    let Some(piece) = piece else {
        return false;
    };
    let channels = learned.channels.as_deref();
    channels.is_none_or(|own| own.names().all(|name| piece.channel(name).is_some()))
}
