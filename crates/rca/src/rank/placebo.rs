//! What blame normal times show: the incident is pretended where there was none.
//!
//! A part of normal times is taken for an incident, and all the rest of them, before and after it, for
//! normal times. What the most suspicious service reaches there needs no fault to be reached.

use super::deviation::{Baseline, Level, Movement, block_length, level, number, ordered, stride};
use super::evidence::{Layout, of_services, weight};
use super::likelihood::SLOPE;
use super::split::{MIN_NORMAL, Split, thinned};
use super::topology::Topology;

/// The places at which an incident of a length is pretended.
const PLACES: usize = 12;

/// At most so many normal moments are used for that; of more, evenly spaced ones.
const MOST_ROWS: usize = 300;

/// The blame that the most suspicious service reaches in normal times, from pretended incidents of two
/// lengths: half of normal times, so that a drift shows, and a fifth or the length of the incident,
/// which leaves most of them to compare with.
///
/// Of each length it is `ln(mean of exp(2 blame)) / 2`, the blame that is in the odds of a service what
/// the places are on average; the larger one counts.
pub(super) fn null(split: &Split<'_>, layout: &Layout, topology: &Topology, share: f64) -> f64 {
    let (columns, every) = thinned(&split.normal, MOST_ROWS);
    let rows = columns.iter().map(Vec::len).max().unwrap_or_default();
    let incident = split.times.len().div_ceil(every);
    let lengths = [rows / 2, (rows / 5).min(incident)];
    let windows = lengths.map(|length| Windows::new(rows, length.max(MIN_NORMAL), share));
    let windows: Vec<Windows> = windows.into_iter().flatten().collect();

    let count = |windows: &Windows| vec![vec![0.0; columns.len()]; windows.starts.len()];
    let mut weights: Vec<Vec<Vec<f64>>> = windows.iter().map(count).collect();
    let mut scratch = Scratch::default();
    for (metric, column) in columns.iter().enumerate() {
        scratch.sort(column);
        for (windows, weights) in windows.iter().zip(&mut weights) {
            scratch.read_levels(column, windows);
            for (weights, &start) in weights.iter_mut().zip(&windows.starts) {
                let (size, outside) = scratch.deviation(column, start, windows);
                if let Some(slot) = weights.get_mut(metric) {
                    *slot = weight(size, outside);
                }
            }
        }
    }
    let mut values = Vec::new();
    let mut top = |mut weights: Vec<f64>| {
        let evidence = of_services(layout, &mut weights, &mut values);
        topology.blame(&evidence).into_iter().fold(0.0, f64::max)
    };
    let tops = weights
        .into_iter()
        .map(|places| places.into_iter().map(&mut top).collect());
    tops.map(|tops: Vec<f64>| even_odds(&tops))
        .fold(0.0, f64::max)
}

/// `ln(mean of exp(2 x)) / 2`.
fn even_odds(tops: &[f64]) -> f64 {
    let most = tops.iter().copied().fold(0.0, f64::max);
    let sum: f64 = tops.iter().map(|top| (SLOPE * (top - most)).exp()).sum();
    most + (sum / tops.len().max(1) as f64).ln() / SLOPE
}

/// The pretended incidents of one length.
struct Windows {
    starts: Vec<usize>,
    length: usize,
    block: usize,
    stride: usize,
}

impl Windows {
    /// `None` where too little of normal times would remain. All begin where a block of normal times
    /// begins, so that each block is looked at once.
    fn new(rows: usize, length: usize, share: f64) -> Option<Self> {
        let last = rows.checked_sub(length).filter(|&r| r >= MIN_NORMAL)?;
        let block = block_length(length, share);
        let stride = stride(block);
        let mut starts: Vec<usize> = (0..PLACES)
            .map(|i| last * i / (PLACES - 1) / stride * stride)
            .collect();
        starts.dedup();
        Some(Self {
            starts,
            length,
            block,
            stride,
        })
    }
}

/// A metric in order, and the levels of its blocks.
#[derive(Default)]
struct Scratch {
    keys: Vec<i64>,
    /// Values that are there, smallest first, with their rows.
    sorted: Vec<(i64, usize)>,
    /// The place of each row's value among these, or the number of rows.
    rank: Vec<usize>,
    levels: Vec<Level>,
    /// A bit for each place: whether the value is outside the pretended incident.
    rest: Vec<u64>,
}

impl Scratch {
    fn sort(&mut self, column: &[f64]) {
        let known = column.iter().enumerate().filter(|(_, x)| !x.is_nan());
        self.sorted.clear();
        self.sorted
            .extend(known.map(|(row, x)| (ordered(x.to_bits() as i64), row)));
        self.sorted.sort_unstable();
        self.rank.clear();
        self.rank.resize(column.len(), column.len());
        for (place, (_, row)) in self.sorted.iter().enumerate() {
            if let Some(slot) = self.rank.get_mut(*row) {
                *slot = place;
            }
        }
    }

    fn read_levels(&mut self, column: &[f64], windows: &Windows) {
        self.levels.clear();
        let mut start = 0;
        while let Some(rows) = column.get(start..start + windows.block) {
            self.levels.push(level(rows, &mut self.keys));
            start += windows.stride;
        }
    }

    /// The deviation of the pretended incident from the rest, and the share of it that is outside what
    /// is normal there.
    fn deviation(&mut self, column: &[f64], start: usize, windows: &Windows) -> (f64, f64) {
        let Some(after) = column.get(start..start + windows.length) else {
            return (0.0, 0.0);
        };
        let known = self.set_rest(start, windows.length);
        if known < MIN_NORMAL {
            return (0.0, 0.0);
        }
        let share_known = known as f64 / (column.len() - windows.length).max(1) as f64;
        let quantiles = [0.025, 0.25, 0.5, 0.75, 0.975];
        let baseline = Baseline::new(quantiles.map(|q| self.quantile(q, known)), share_known);

        let first = start / windows.stride;
        let count = (windows.length - windows.block) / windows.stride + 1;
        let levels = self.levels.get(first..first + count).unwrap_or_default();
        let (mut movement, mut size) = (Movement::Up, 0.0);
        for level in levels {
            let found = match *level {
                Level::Median(level) => baseline.distance(level),
                Level::Absent => (Movement::Absent, baseline.absence()),
                Level::Unknown => continue,
            };
            if found.1 > size {
                (movement, size) = found;
            }
        }
        (size, baseline.outside(after, movement))
    }

    /// Marks the values outside the pretended incident, and returns their number.
    fn set_rest(&mut self, start: usize, length: usize) -> usize {
        let all = self.sorted.len();
        self.rest.clear();
        self.rest.resize(all / 64 + 1, u64::MAX);
        if let Some(last) = self.rest.last_mut() {
            *last = (1 << (all % 64)) - 1;
        }
        let mut known = all;
        for &place in self.rank.get(start..start + length).unwrap_or_default() {
            if place < all
                && let Some(word) = self.rest.get_mut(place / 64)
            {
                *word &= !(1 << (place % 64));
                known -= 1;
            }
        }
        known
    }

    /// The quantile of the values outside the pretended incident, of which there are `known`, with
    /// linear interpolation.
    fn quantile(&self, q: f64, known: usize) -> f64 {
        let position = q * known.saturating_sub(1) as f64;
        let low = position as usize;
        let share = position - low as f64;
        let Some(place) = self.select(low) else {
            return f64::NAN;
        };
        let value = |place: usize| self.sorted.get(place).map_or(f64::NAN, |x| number(x.0));
        let at = value(place);
        if share == 0.0 {
            return at;
        }
        let next = self.next(place + 1).map_or(at, value);
        at * (1.0 - share) + next * share
    }

    /// The place of the `index`-th mark.
    fn select(&self, mut index: usize) -> Option<usize> {
        for (i, &word) in self.rest.iter().enumerate() {
            let count = word.count_ones() as usize;
            if index < count {
                return Some(64 * i + select_in(word, index));
            }
            index -= count;
        }
        None
    }

    /// The place of the first mark from `place` on.
    fn next(&self, place: usize) -> Option<usize> {
        let first = self.rest.get(place / 64)? & (u64::MAX << (place % 64));
        if first != 0 {
            return Some(place / 64 * 64 + first.trailing_zeros() as usize);
        }
        let later = self.rest.iter().enumerate().skip(place / 64 + 1);
        let (i, word) = later.into_iter().find(|(_, word)| **word != 0)?;
        Some(64 * i + word.trailing_zeros() as usize)
    }
}

/// The place of the `index`-th bit that is set, by halving.
fn select_in(word: u64, mut index: usize) -> usize {
    let mut place = 0;
    for half in [32, 16, 8, 4, 2, 1] {
        let low = (word >> place) & ((1 << half) - 1);
        let count = low.count_ones() as usize;
        if index >= count {
            index -= count;
            place += half;
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::super::deviation::deviation;
    use super::*;

    #[test]
    fn pretended_incidents_deviate_as_real_ones_would() {
        for rows in [10, 23, 64, 128, 211, 300] {
            for gaps in [0, 7, 3] {
                let value = |i: usize| match (gaps, i) {
                    (3, 12..40) => f64::NAN,
                    (g, i) if g > 0 && i % g == 0 => f64::NAN,
                    _ => (i * 37 % 101) as f64 + if i > rows / 3 { 40.0 } else { 0.0 },
                };
                let column: Vec<f64> = (0..rows).map(value).collect();
                for length in [rows / 2, (rows / 5).max(MIN_NORMAL)] {
                    let windows = Windows::new(rows, length, 0.1).unwrap();
                    let mut scratch = Scratch::default();
                    scratch.sort(&column);
                    scratch.read_levels(&column, &windows);
                    for &start in &windows.starts {
                        let (before, rest) = column.split_at(start);
                        let (after, rest) = rest.split_at(length);
                        let normal = [before, rest].concat();
                        let expected = deviation(&normal, after, 0.1, &mut Vec::new());
                        let (size, outside) = scratch.deviation(&column, start, &windows);
                        assert_eq!(
                            (size, outside),
                            (expected.size, expected.outside),
                            "{rows} rows, {length} from {start}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn too_short_normal_times_pretend_nothing() {
        assert!(Windows::new(9, 5, 0.1).is_none());
        assert!(Windows::new(10, 5, 0.1).is_some());
    }
}
