//! How rare a magnitude is, from what was seen of it.

use serde::{Deserialize, Serialize};

/// Bins of half an octave: 20 octaves, six orders of magnitude.
const BINS: usize = 40;
const PER_OCTAVE: f64 = 2.0;

/// Between which bins the median is kept; the bins move when it leaves them.
const MEDIAN: std::ops::RangeInclusive<usize> = 10..=24;

/// Where the first magnitude comes to lie.
const MIDDLE: i32 = 20;

/// How far the bins move when values do not fit, and which share of all in the last two bins tells so.
const JUMP: usize = 8;
const CROWD: f32 = 0.25;

/// The most that all weights sum up to, far from where 32-bit floats stop counting.
const MOST: f32 = 1e30;

/// A histogram of magnitudes on a logarithmic scale, forgotten exponentially.
///
/// `score(v) = -log10 P(V > v)`, where the bin of `v` counts half and half a value is added to the
/// tail; beyond the largest value seen the tail goes on as a power law of exponent 1. The unit is the
/// first magnitude above 0, so that the score is the same in any unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tail {
    bins: [[f32; BINS / 2]; 2],
    zeros: f32,
    total: f32,
    /// What bin `-origin` begins at; 0 while only zeros were seen.
    unit: f64,
    origin: i32,
}

impl Tail {
    pub(super) const EMPTY: Self = Self {
        bins: [[0.0; BINS / 2]; 2],
        zeros: 0.0,
        total: 0.0,
        unit: 0.0,
        origin: 0,
    };

    fn place(&self, v: f64) -> f64 {
        (v / self.unit).log2().clamp(-1e4, 1e4) * PER_OCTAVE - f64::from(self.origin)
    }

    /// The rarity of `v`, where a value seen now weighs `weight`.
    pub(super) fn score(&self, v: f64, weight: f32) -> f64 {
        if self.total <= 0.0 {
            return 0.0;
        }
        let weight = f64::from(weight);
        let (zeros, total) = (f64::from(self.zeros), f64::from(self.total));
        let rarity = |above: f64| -((above + 0.5 * weight) / (total + weight)).log10();
        if v <= 0.0 {
            return rarity((total - zeros).max(0.0) + 0.5 * zeros);
        }
        if self.unit == 0.0 {
            return rarity(0.0);
        }
        let place = self.place(v);
        let bin = place.floor().clamp(0.0, (BINS - 1) as f64) as usize;
        let (own, higher) = match self.bins.as_flattened().get(bin..) {
            Some([own, higher @ ..]) => (f64::from(*own), higher.iter().sum::<f32>()),
            _ => (0.0, 0.0),
        };
        let above = f64::from(higher);
        let is_record = above + own < 0.5 * weight || bin + 1 == BINS;
        let beyond = if is_record {
            (place - self.top(weight) as f64).max(0.0) / PER_OCTAVE
        } else {
            0.0
        };
        rarity(above + 0.5 * own) + beyond * std::f64::consts::LOG10_2
    }

    /// The bin after the highest that holds something.
    fn top(&self, weight: f64) -> usize {
        let mut above = 0.0;
        for (k, &count) in self.bins.as_flattened().iter().enumerate().rev() {
            above += f64::from(count);
            if above >= 0.5 * weight {
                return k + 1;
            }
        }
        1
    }

    /// The magnitude that the share `share` of all values lies beyond, at the upper end of its bin.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        if self.unit == 0.0 {
            return 0.0;
        }
        let enough = share * f64::from(self.total);
        let mut above = 0.0;
        for (k, &count) in self.bins.as_flattened().iter().enumerate().rev() {
            above += f64::from(count);
            if above >= enough {
                return self.end_of(k);
            }
        }
        0.0
    }

    fn end_of(&self, bin: usize) -> f64 {
        let octaves = (bin as f64 + 1.0 + f64::from(self.origin)) / PER_OCTAVE;
        (self.unit * octaves.exp2()).min(f64::MAX)
    }

    pub(super) fn learn(&mut self, v: f64, weight: f32) {
        self.total += weight;
        if v <= 0.0 {
            self.zeros += weight;
            return;
        }
        if self.unit == 0.0 {
            self.unit = v;
            self.origin = -MIDDLE;
        }
        let place = self.place(v).floor().clamp(0.0, (BINS - 1) as f64);
        if let Some(bin) = self.bins.as_flattened_mut().get_mut(place as usize) {
            *bin += weight;
        }
        self.centre();
    }

    /// Moves the bins when the median leaves the middle, and by more when many values do not fit.
    fn centre(&mut self) {
        let all = self.total - self.zeros;
        let bins = self.bins.as_flattened();
        let mut below = 0.0;
        let median = bins.iter().position(|&count| {
            below += count;
            below >= 0.5 * all
        });
        let crowded = bins.iter().rev().take(2).sum::<f32>() > CROWD * all;
        match median {
            _ if crowded => self.shift_up(JUMP),
            Some(k) if k > *MEDIAN.end() => self.shift_up(1),
            Some(0) => self.shift_down(JUMP),
            Some(k) if k < *MEDIAN.start() => self.shift_down(1),
            _ => {}
        }
    }

    /// Makes room for larger values; the smallest come together in the first bin.
    fn shift_up(&mut self, by: usize) {
        let bins = self.bins.as_flattened_mut();
        let small: f32 = bins.iter().take(by).sum();
        bins.rotate_left(by);
        bins.iter_mut().rev().take(by).for_each(|bin| *bin = 0.0);
        if let Some(first) = bins.first_mut() {
            *first += small;
        }
        self.origin += by as i32;
    }

    /// Makes room for smaller values; the largest come together in the last bin.
    fn shift_down(&mut self, by: usize) {
        let bins = self.bins.as_flattened_mut();
        let large: f32 = bins.iter().rev().take(by).sum();
        bins.rotate_right(by);
        bins.iter_mut().take(by).for_each(|bin| *bin = 0.0);
        if let Some(last) = bins.last_mut() {
            *last += large;
        }
        self.origin -= by as i32;
    }

    /// Makes all that was learned weigh `factor` times as much.
    pub(super) fn reweigh(&mut self, factor: f32) {
        for bin in self.bins.as_flattened_mut() {
            *bin *= factor;
        }
        self.zeros *= factor;
        self.total *= factor;
    }

    pub(super) fn is_valid(&self) -> bool {
        let mut counts = self.bins.as_flattened().iter();
        counts.all(|x| (0.0..=MOST).contains(x))
            && (0.0..=MOST).contains(&self.zeros)
            && (0.0..=MOST).contains(&self.total)
            && self.unit.is_finite()
            && self.unit >= 0.0
            && self.origin.unsigned_abs() <= 1 << 20
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_as_rare_as_its_history_is_long() {
        let mut tail = Tail::EMPTY;
        for i in 0..999 {
            tail.learn(1.0 + f64::from(i % 10) / 10.0, 1.0);
        }
        // One of a thousand at most, half of one expected beyond; four times the largest is two
        // octaves beyond it.
        let two = tail.score(2.0, 1.0);
        assert!((two - 2000_f64.log10()).abs() < 0.16, "{two}");
        let more = tail.score(8.0, 1.0) - two;
        assert!((more - 4_f64.log10()).abs() < 0.01, "{more}");
        assert!(tail.score(1.0, 1.0) < 0.4);
        assert!(tail.score(0.0, 1.0) < 0.01);
    }

    #[test]
    fn a_change_after_nothing_but_zeros_is_rare() {
        let mut tail = Tail::EMPTY;
        for _ in 0..100 {
            tail.learn(0.0, 1.0);
        }
        assert!(tail.score(1e-9, 1.0) > 2.0);
        assert!(tail.score(0.0, 1.0) < 0.4);
    }

    #[test]
    fn the_bins_follow_the_median() {
        let mut tail = Tail::EMPTY;
        tail.learn(1e-12, 1.0);
        for i in 0..2_000 {
            tail.learn(1e9 * (1.0 + f64::from(i % 7)), 1.0);
        }
        assert!(tail.is_valid());
        assert!(tail.score(1e9, 1.0) < 0.5);
        assert!(tail.score(1e11, 1.0) > 3.0, "{}", tail.score(1e11, 1.0));
        assert!((4e9..1.3e10).contains(&tail.quantile(0.2)));
    }

    #[test]
    fn the_unit_does_not_matter() {
        let (mut one, mut other) = (Tail::EMPTY, Tail::EMPTY);
        for i in 0..500_u32 {
            let v = f64::from(i * 7 % 13);
            one.learn(v, 1.0);
            other.learn(1e-30 * v, 1.0);
        }
        for v in [0.0, 0.3, 5.0, 100.0] {
            assert!((one.score(v, 1.0) - other.score(1e-30 * v, 1.0)).abs() < 1e-9);
        }
    }
}
