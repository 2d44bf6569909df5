//! The past of a series or group, to be trained on.

use bongsu_core::{Fill, Result as CoreResult, Timestamp};

use super::gaps;
use super::group::Channels;
use super::learned::Learned;
use super::pieces::{Cell, Cells, Grouping, Piece};
use super::{Grid, Judge};

/// How far beyond its past, in ranges of it, a value is for which no method has an excuse.
const FAR: f64 = 10.0;

/// Rows to be learned, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Past<'a> {
    /// The channels of a group; one without a name of a series by itself.
    pub(crate) names: Vec<&'a str>,
    pub(crate) times: Vec<Timestamp>,
    /// How many of these rows came, rather than fill holes.
    pub(crate) points: usize,
    /// The numbers of each row together.
    values: Vec<f64>,
}

impl Past<'_> {
    /// A row far below and one far above all of them in every channel: by [`FAR`] times the range, or
    /// the size of a constant.
    pub(crate) fn far_rows(&self) -> [Vec<f64>; 2] {
        let width = self.names.len().max(1);
        let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); width];
        for row in self.values.chunks_exact(width) {
            for ((least, most), value) in ranges.iter_mut().zip(row) {
                (*least, *most) = (least.min(*value), most.max(*value));
            }
        }
        let distance = |(least, most): (f64, f64)| {
            let range = most - least;
            FAR * if range > 0.0 {
                range
            } else {
                most.abs().max(1.0)
            }
        };
        let held = |x: f64| x.clamp(-f64::MAX, f64::MAX);
        let below = ranges.iter().map(|&range| held(range.0 - distance(range)));
        let above = ranges.iter().map(|&range| held(range.1 + distance(range)));
        [below.collect(), above.collect()]
    }
}

impl Judge {
    /// The rows of `piece` on `grid`, `step` apart, without what is excluded. Of a group, channels
    /// with fewer than `min_points` numbers are left out, and rows in which one of the others has
    /// none and is not carried.
    pub(crate) fn past<'a>(
        &self,
        piece: &'a Piece,
        grid: Grid,
        step: i64,
        min_points: usize,
    ) -> Past<'a> {
        match &self.grouping {
            None => self.past_of_series(piece, grid, step),
            Some(grouping) => self.past_of_group(grouping, piece, grid, step, min_points),
        }
    }

    fn past_of_series<'a>(&self, piece: &'a Piece, grid: Grid, step: i64) -> Past<'a> {
        let mut past = Past::default();
        let Some((name, series)) = piece.channels.first() else {
            return past;
        };
        past.names.push(name);
        let mut cells = Cells::of(Some(series), step);
        let mut last = None;
        for moment in moments(grid, step) {
            if self.excludes(moment, &piece.labels) {
                cells.at(moment);
                last = None;
                continue;
            }
            let Cell::Number(value) = cells.at(moment) else {
                continue;
            };
            let filled = match last {
                Some(before) => gaps::between(self.fill, step, before, (moment, value)),
                None if past.times.is_empty() => {
                    self.head(grid.from.align_up(step), step, (moment, value))
                }
                None => Vec::new(),
            };
            for (time, value) in filled.into_iter().chain([(moment, value)]) {
                past.times.push(time);
                past.values.push(value);
            }
            past.points += 1;
            last = Some((moment, value));
        }
        past
    }

    /// What fills the hole before the first point of a window that begins at `from`.
    fn head(&self, from: Timestamp, step: i64, first: (Timestamp, f64)) -> Vec<(Timestamp, f64)> {
        let Fill::Both { max_gap } = self.fill else {
            return Vec::new();
        };
        let hole = first.0.millis_since(from);
        if hole > i64::try_from(max_gap.as_millis()).unwrap_or(i64::MAX) {
            return Vec::new();
        }
        let to = first.0.add_millis(-step);
        moments(Grid { from, to }, step)
            .map(|time| (time, first.1))
            .collect()
    }

    fn past_of_group<'a>(
        &self,
        grouping: &Grouping,
        piece: &'a Piece,
        grid: Grid,
        step: i64,
        min_points: usize,
    ) -> Past<'a> {
        let within = |(_, series): &&'a (String, bongsu_core::Series)| {
            let points = series.iter().filter(|(time, value)| {
                value.is_finite() && (grid.from..=grid.to).contains(&time.align_up(step))
            });
            points.count() >= min_points
        };
        let (mut names, mut cells) = (Vec::new(), Vec::new());
        for (name, series) in piece.channels.iter().filter(within) {
            names.push(name.as_str());
            cells.push(Cells::of(Some(series), step));
        }
        let complete = match &grouping.fixed {
            Some(fixed) => names.len() == fixed.len(),
            None => !names.is_empty(),
        };
        let mut past = Past {
            names,
            ..Past::default()
        };
        if !complete {
            return past;
        }
        let mut channels = Channels::new(past.names.iter().copied());
        let mut row = vec![f64::NAN; cells.len()];
        for moment in moments(grid, step) {
            for (slot, cells) in row.iter_mut().zip(&mut cells) {
                *slot = match cells.at(moment) {
                    Cell::Number(value) => value,
                    Cell::Nothing | Cell::NoNumber => f64::NAN,
                };
            }
            channels.see(moment, &row);
            let here = row.iter().any(|value| value.is_finite());
            let complete = channels.complete(moment, &row, grouping.max_gap);
            if here && complete.missing.is_empty() && !self.excludes(moment, &piece.labels) {
                past.times.push(moment);
                past.values.extend(complete.values);
                past.points += 1;
            }
        }
        past
    }
}

fn moments(grid: Grid, step: i64) -> impl Iterator<Item = Timestamp> {
    let first = grid.from.align_up(step);
    std::iter::successors(Some(first), move |moment| Some(moment.add_millis(step)))
        .take_while(move |moment| *moment <= grid.to)
}

impl Learned {
    /// Learns `past`, having learned nothing.
    ///
    /// # Errors
    /// When there are too few rows for a fit, or the method refuses them.
    pub(crate) fn learn_past(&mut self, past: &Past<'_>) -> CoreResult<()> {
        let features = past.names.len().max(1);
        self.detector
            .learn_past(&past.times, &past.values, features)?;
        if let Some(channels) = &mut self.channels {
            for (moment, row) in past.times.iter().zip(past.values.chunks(features)) {
                channels.see(*moment, row);
                channels.learn(row);
            }
        }
        self.last = past.times.last().copied().zip(past.values.last().copied());
        Ok(())
    }
}
