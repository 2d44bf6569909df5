//! What blame normal times show: the incident is pretended where there was none.
//!
//! A part of normal times is taken for an incident, and all the rest of them, before and after it, for
//! normal times. What the most suspicious service reaches there needs no fault to be reached.

use super::deviation::{
    Baseline, Level, Movement, appearance, block_length, newly_there, number, ordered, stride,
};
use super::evidence::{Layout, of_services, weight};
use super::likelihood::SLOPE;
use super::split::{MIN_NORMAL, Split, thinned};
use super::topology::Topology;

/// The places at which an incident of a length is pretended.
const PLACES: usize = 12;

/// At most so many normal moments are used for that; of more, evenly spaced ones.
const MOST_ROWS: usize = 300;

/// Whether normal times are long enough to pretend an incident in them.
pub(crate) fn is_possible(split: &Split<'_>) -> bool {
    let rows = split.normal.iter().map(|column| column.len()).max();
    rows.is_some_and(|rows| rows >= 2 * MIN_NORMAL)
}

/// The blame that the most suspicious service reaches in normal times, from pretended incidents of two
/// lengths: half of normal times, so that a drift shows, and a fifth or the length of the incident,
/// which leaves most of them to compare with.
///
/// Of each length it is `ln(mean of exp(2 blame)) / 2`, the blame that is in the odds of a service what
/// the places are on average; the larger one counts. Where [`is_possible`] says no, it is 0.
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
            scratch.read_levels(windows);
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
    /// Values that are there, smallest first, with their rows.
    sorted: Vec<(i64, usize)>,
    /// The place of each row's value among these, or the number of rows.
    rank: Vec<usize>,
    levels: Vec<Level>,
    /// The values of a block.
    block: Marks,
    /// The values outside the pretended incident.
    rest: Marks,
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

    /// The level of each block. The next block takes up the values of the one before, so that only
    /// those at its ends are looked at.
    fn read_levels(&mut self, windows: &Windows) {
        self.levels.clear();
        self.block.clear(self.sorted.len());
        let (mut from, mut to) = (0, 0);
        while from + windows.block <= self.rank.len() {
            for place in self.rank.get(to..from + windows.block).unwrap_or_default() {
                self.block.set(*place);
            }
            to = from + windows.block;
            let level = match self.block.count {
                0 => Level::Absent,
                count if 2 * count >= windows.block => {
                    Level::Median(self.quantile(0.5, &self.block))
                }
                _ => Level::Unknown,
            };
            self.levels.push(level);
            let next = from + windows.stride;
            for place in self.rank.get(from..next).unwrap_or_default() {
                self.block.unset(*place);
            }
            from = next;
        }
    }

    /// The deviation of the pretended incident from the rest, and the share of it that is outside what
    /// is normal there.
    fn deviation(&mut self, column: &[f64], start: usize, windows: &Windows) -> (f64, f64) {
        let Some(after) = column.get(start..start + windows.length) else {
            return (0.0, 0.0);
        };
        self.rest.fill(self.sorted.len());
        for place in self
            .rank
            .get(start..start + windows.length)
            .unwrap_or_default()
        {
            self.rest.unset(*place);
        }
        let known = self.rest.count;
        let share_known = known as f64 / (column.len() - windows.length).max(1) as f64;
        let first = start / windows.stride;
        let count = (windows.length - windows.block) / windows.stride + 1;
        let levels = self.levels.get(first..first + count).unwrap_or_default();
        if known < MIN_NORMAL {
            let is_there = levels.iter().any(|l| matches!(l, Level::Median(_)));
            return if is_there {
                (appearance(share_known), newly_there(after, share_known))
            } else {
                (0.0, 0.0)
            };
        }
        let quantiles = [0.025, 0.25, 0.5, 0.75, 0.975];
        let baseline = Baseline::new(quantiles.map(|q| self.quantile(q, &self.rest)), share_known);
        let (movement, size) = farthest(levels, &baseline);
        (size, baseline.outside(after, movement))
    }

    /// The quantile of the values that are marked, with linear interpolation.
    fn quantile(&self, q: f64, marks: &Marks) -> f64 {
        let position = q * marks.count.saturating_sub(1) as f64;
        let low = position as usize;
        let share = position - low as f64;
        let Some(place) = marks.select(low) else {
            return f64::NAN;
        };
        let value = |place: usize| self.sorted.get(place).map_or(f64::NAN, |x| number(x.0));
        let at = value(place);
        if share == 0.0 {
            return at;
        }
        let next = marks.next(place + 1).map_or(at, value);
        at * (1.0 - share) + next * share
    }
}

/// The largest deviation of some levels: that of the highest, of the lowest, or of an absent one.
fn farthest(levels: &[Level], baseline: &Baseline) -> (Movement, f64) {
    let (mut high, mut low) = ((baseline.center, 0), (baseline.center, 0));
    let mut absent = None;
    for (i, level) in levels.iter().enumerate() {
        match *level {
            Level::Median(level) if level > high.0 => high = (level, i),
            Level::Median(level) if level < low.0 => low = (level, i),
            Level::Absent if absent.is_none() => absent = Some(i),
            _ => {}
        }
    }
    let mut found = [high, low].map(|(level, i)| (baseline.distance(level), i));
    found.sort_by_key(|(_, i)| *i);
    let mut best = (Movement::Up, 0.0);
    for (one, _) in found {
        if one.1 > best.1 {
            best = one;
        }
    }
    if absent.is_some() && baseline.absence() > best.1 {
        best = (Movement::Absent, baseline.absence());
    }
    best
}

/// Some of the places of sorted values.
#[derive(Default)]
struct Marks {
    /// A bit for each place.
    words: Vec<u64>,
    /// How many are marked.
    count: usize,
    /// How many there are.
    places: usize,
}

impl Marks {
    /// None of so many.
    fn clear(&mut self, places: usize) {
        self.words.clear();
        self.words.resize(places / 64 + 1, 0);
        (self.count, self.places) = (0, places);
    }

    /// All of so many.
    fn fill(&mut self, places: usize) {
        self.words.clear();
        self.words.resize(places / 64 + 1, u64::MAX);
        if let Some(last) = self.words.last_mut() {
            *last = (1 << (places % 64)) - 1;
        }
        (self.count, self.places) = (places, places);
    }

    /// Marks a place that is not marked; what is beyond the last place is none.
    fn set(&mut self, place: usize) {
        if place < self.places
            && let Some(word) = self.words.get_mut(place / 64)
        {
            *word |= 1 << (place % 64);
            self.count += 1;
        }
    }

    /// Takes back a mark; what is beyond the last place has none.
    fn unset(&mut self, place: usize) {
        if place < self.places
            && let Some(word) = self.words.get_mut(place / 64)
        {
            *word &= !(1 << (place % 64));
            self.count -= 1;
        }
    }

    /// The place of the `index`-th mark.
    fn select(&self, mut index: usize) -> Option<usize> {
        for (i, &word) in self.words.iter().enumerate() {
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
        let first = self.words.get(place / 64)? & (u64::MAX << (place % 64));
        if first != 0 {
            return Some(place / 64 * 64 + first.trailing_zeros() as usize);
        }
        let later = self.words.iter().enumerate().skip(place / 64 + 1);
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
            for gaps in [0, 7, 3, 1_000] {
                let value = |i: usize| match (gaps, i) {
                    (3, 12..40) => f64::NAN,
                    // Hardly anything but in one place.
                    (1_000, i) if i < rows / 2 || i > rows / 2 + rows / 5 => f64::NAN,
                    (g, i) if g > 0 && i % g == 0 => f64::NAN,
                    _ => (i * 37 % 101) as f64 + if i > rows / 3 { 40.0 } else { 0.0 },
                };
                let column: Vec<f64> = (0..rows).map(value).collect();
                for length in [rows / 2, (rows / 5).max(MIN_NORMAL)] {
                    let windows = Windows::new(rows, length, 0.1).unwrap();
                    let mut scratch = Scratch::default();
                    scratch.sort(&column);
                    scratch.read_levels(&windows);
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
