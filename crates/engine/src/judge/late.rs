//! Points that come after those that follow them: what was learned meanwhile is learned again, in
//! order.

use std::collections::VecDeque;

use bongsu_core::{Error as CoreError, Labels, Result as CoreResult, Timestamp};
use serde::{Deserialize, Serialize};

use super::learned::{Learned, Said, Setting};
use super::pieces::Piece;
use super::series::{Found, Reader};
use super::{Judge, SeriesState};

/// What a series had learned before the latest stretch, and the points since.
///
/// Memory: that of the learned once more, and of each point 24 bytes and 8 for each further channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Late {
    before: Learned,
    /// What lies up to here is learned for good.
    until: Timestamp,
    /// Later moments of which something was said, oldest first.
    moments: VecDeque<Moment>,
    /// The numbers of these, the channels of a moment together; NaN where there was none.
    values: VecDeque<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Moment {
    at: Timestamp,
    /// Whether it lay in a maintenance window, and taught nothing.
    closed: bool,
}

/// What late points gave.
#[derive(Debug, Default)]
pub(super) struct Caught {
    /// How many points.
    pub(super) points: u64,
    /// The newest of them.
    pub(super) last: Option<Timestamp>,
    /// Verdicts on moments that had none.
    pub(super) said: Vec<Said>,
}

impl Late {
    pub(super) fn new(learned: &Learned, until: Timestamp) -> Self {
        Self {
            before: learned.clone(),
            until,
            moments: VecDeque::new(),
            values: VecDeque::new(),
        }
    }

    /// Keeps what there was at a moment later than all others.
    pub(super) fn keep(&mut self, at: Timestamp, closed: bool, row: &[f64]) {
        self.moments.push_back(Moment { at, closed });
        self.values.extend(row);
    }

    /// How many numbers of `row` at a judged moment are not known.
    fn brings(&self, at: Timestamp, row: &[f64]) -> u64 {
        let numbers = row.iter().filter(|value| value.is_finite());
        let Ok(place) = self.moments.binary_search_by_key(&at, |moment| moment.at) else {
            return numbers.count() as u64;
        };
        let known = self.values.iter().skip(place * row.len());
        let news = known
            .zip(row)
            .filter(|(known, value)| !known.is_finite() && value.is_finite());
        news.count() as u64
    }

    /// Puts rows of judged moments among the others, where what was known stands; gives the moments
    /// of which nothing was said.
    fn merge(
        &mut self,
        new: Vec<(Timestamp, Vec<f64>)>,
        closed: impl Fn(Timestamp) -> bool,
    ) -> Vec<Timestamp> {
        let width = new.first().map_or(1, |(_, row)| row.len());
        let mut unsaid = Vec::new();
        let rows: Vec<f64> = std::mem::take(&mut self.values).into();
        let moments = std::mem::take(&mut self.moments).into_iter();
        let mut all: Vec<(Moment, Vec<f64>)> = moments
            .zip(rows.chunks(width).map(<[f64]>::to_vec))
            .collect();
        for (at, row) in new {
            match all.binary_search_by_key(&at, |(moment, _)| moment.at) {
                Ok(place) => {
                    let known = all.get_mut(place).into_iter().flat_map(|(_, row)| row);
                    let holes = known.zip(row).filter(|(slot, _)| !slot.is_finite());
                    holes.for_each(|(slot, value)| *slot = value);
                }
                Err(place) => {
                    let closed = closed(at);
                    all.insert(place, (Moment { at, closed }, row));
                    unsaid.push(at);
                }
            }
        }
        for (moment, row) in all {
            self.keep(moment.at, moment.closed, &row);
        }
        unsaid
    }

    /// The bytes that it holds on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.before.heap_bytes()
            + self.moments.capacity() * size_of::<Moment>()
            + self.values.capacity() * size_of::<f64>()
    }

    fn width(&self) -> usize {
        self.values.len() / self.moments.len().max(1)
    }

    pub(crate) fn validate(&self) -> CoreResult<()> {
        self.before.validate()?;
        let width = self
            .before
            .channels
            .as_ref()
            .map_or(1, |own| own.names().len());
        let moments = self.moments.iter().zip(self.moments.iter().skip(1));
        let fits = self.moments.len().checked_mul(width) == Some(self.values.len())
            && moments.into_iter().all(|(a, b)| a.at < b.at)
            && self
                .moments
                .front()
                .is_none_or(|first| first.at > self.until);
        if fits {
            Ok(())
        } else {
            Err(CoreError::snapshot(
                "the points behind late ones do not fit together",
            ))
        }
    }
}

impl Judge {
    /// Learns for good what lies so far back that nothing earlier can come any more.
    pub(super) fn settle(&self, late: &mut Late, labels: &Labels, judged: Timestamp) {
        let until = judged.add_millis(-self.late);
        let width = late.width();
        while let Some(moment) = late.moments.front().copied().filter(|m| m.at <= until) {
            late.moments.pop_front();
            let row: Vec<f64> = late.values.drain(..width).collect();
            self.teach(&mut late.before, labels, moment, &row);
        }
        late.until = late.until.max(until);
    }

    fn teach(
        &self,
        learned: &mut Learned,
        labels: &Labels,
        moment: Moment,
        row: &[f64],
    ) -> Option<Said> {
        if row.iter().all(|value| !value.is_finite()) {
            return None;
        }
        let window = self.closed.at(moment.at, labels);
        let setting = Setting {
            window: window.filter(|_| moment.closed),
            complete: !moment.closed,
        };
        self.step(learned, labels, moment.at, row, setting)
    }

    /// Takes in what has come for moments that are judged already; where there is something, all
    /// since what is learned for good is learned again.
    pub(super) fn catch(
        &self,
        state: &mut SeriesState,
        piece: Option<&Piece>,
        from: Timestamp,
    ) -> Caught {
        let mut caught = Caught::default();
        let Some(piece) = piece else {
            return caught;
        };
        let Some(mut late) = state.late.take() else {
            return caught;
        };
        let mut reader = Reader::new(state.learned.channels.as_deref(), Some(piece), self.step);
        let reach = from.add_millis(-self.late).align_up(self.step);
        let mut moment = late.until.add_millis(self.step).max(reach);
        let mut new = Vec::new();
        while moment <= state.judged {
            if matches!(reader.read(moment), Found::Numbers(_)) {
                let points = late.brings(moment, &reader.row);
                if points > 0 {
                    caught.points += points;
                    caught.last = Some(moment);
                    new.push((moment, reader.row.clone()));
                }
            }
            moment = moment.add_millis(self.step);
        }
        if !new.is_empty() {
            let closed = |at| self.closed.at(at, &state.labels).is_some();
            let unsaid = late.merge(new, closed);
            state.learned = late.before.clone();
            let width = late.width();
            for (i, moment) in late.moments.iter().enumerate() {
                let row: Vec<f64> = late
                    .values
                    .range(i * width..(i + 1) * width)
                    .copied()
                    .collect();
                let said = self.teach(&mut state.learned, &state.labels, *moment, &row);
                caught
                    .said
                    .extend(said.filter(|_| unsaid.binary_search(&moment.at).is_ok()));
            }
        }
        state.late = Some(late);
        caught
    }
}
