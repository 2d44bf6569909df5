//! What comes back with the clock and the calendar.

use bongsu_core::{Result, Timestamp};
use bongsu_stats::calendar::Clock;
use bongsu_stats::robust::{MAD_TO_STD, mad, median};

use crate::features::Calendar;
use crate::history::DAY;

/// Robust standard deviations beyond which a value does not count in full.
const CLIP: f64 = 3.0;

/// Rounds of fitting the trend and the rhythm in turn.
const ROUNDS: usize = 4;

/// A rhythm: the sum of the effects of the time of day, on working days and at weekends where both
/// were seen often enough, of the weekday and of the month.
#[derive(Debug, Clone)]
pub(crate) struct Season {
    groups: Vec<Group>,
}

/// One way to sort moments into bins, with an effect for each.
#[derive(Debug, Clone)]
struct Group {
    kind: Kind,
    effects: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The time of day, in this many bins.
    Day(usize),
    /// The time of day in this many bins, those of the weekend after those of working days.
    Split(usize),
    Weekday,
    Month,
}

impl Kind {
    const fn bins(self) -> usize {
        match self {
            Self::Day(bins) => bins,
            Self::Split(bins) => 2 * bins,
            Self::Weekday => 7,
            Self::Month => 12,
        }
    }

    const fn bin(self, at: &Calendar) -> usize {
        match self {
            Self::Day(bins) => at.bin_of_day(bins),
            Self::Split(bins) => at.bin_of_day(bins) + if at.weekday >= 5 { bins } else { 0 },
            Self::Weekday => at.weekday,
            Self::Month => at.month,
        }
    }
}

/// The rhythms that a history of this length can show, each at least twice.
fn kinds(step: i64, len: usize) -> Vec<Kind> {
    let span = step.saturating_mul(i64::try_from(len).unwrap_or(i64::MAX));
    let mut kinds = Vec::new();
    if step <= DAY / 4 && span >= 2 * DAY {
        let bins = usize::try_from((DAY / step).min(48)).unwrap_or(24);
        if span >= 14 * DAY {
            kinds.push(Kind::Split(bins));
        } else {
            kinds.push(Kind::Day(bins));
        }
    }
    if step <= DAY && span >= 14 * DAY {
        kinds.push(Kind::Weekday);
    }
    if step <= 32 * DAY && span >= 730 * DAY {
        kinds.push(Kind::Month);
    }
    kinds
}

impl Season {
    /// Learns the rhythm of `values`, whose steps end at `times`; NaN is a missing value. `window`
    /// is the number of steps over which a trend is smoothed.
    pub(crate) fn learn(
        clock: &Clock,
        step: i64,
        times: &[Timestamp],
        values: &[f64],
        window: usize,
    ) -> Result<Self> {
        let kinds = kinds(step, values.len());
        let calendar: Vec<Calendar> = times
            .iter()
            .map(|&at| Calendar::of(clock, at))
            .collect::<Result<_>>()?;
        let mut groups: Vec<Group> = kinds
            .into_iter()
            .map(|kind| Group {
                kind,
                effects: vec![0.0; kind.bins()],
            })
            .collect();
        if groups.is_empty() {
            return Ok(Self { groups });
        }
        let mut left = values.to_vec();
        for _ in 0..ROUNDS {
            let trend = smooth(&left, window);
            for at in 0..groups.len() {
                let rest: Vec<f64> = calendar
                    .iter()
                    .zip(values)
                    .zip(&trend)
                    .map(|((moment, value), trend)| {
                        let others = groups.iter().enumerate().filter(|&(i, _)| i != at);
                        value - trend - others.map(|(_, group)| group.at(moment)).sum::<f64>()
                    })
                    .collect();
                if let Some(group) = groups.get_mut(at) {
                    group.learn(&calendar, &rest);
                }
            }
            for ((slot, value), moment) in left.iter_mut().zip(values).zip(&calendar) {
                *slot = value - groups.iter().map(|group| group.at(moment)).sum::<f64>();
            }
        }
        Ok(Self { groups })
    }

    /// No rhythm at all.
    pub(crate) const fn none() -> Self {
        Self { groups: Vec::new() }
    }

    /// The effect at a moment.
    pub(crate) fn at(&self, moment: &Calendar) -> f64 {
        self.groups.iter().map(|group| group.at(moment)).sum()
    }
}

impl Group {
    fn at(&self, moment: &Calendar) -> f64 {
        let effect = self.effects.get(self.kind.bin(moment));
        effect.copied().unwrap_or(0.0)
    }

    /// The clipped mean of each bin, drawn to 0 where bins are few or noisy, about a mean of 0.
    fn learn(&mut self, calendar: &[Calendar], rest: &[f64]) {
        let mut bins = vec![Vec::new(); self.effects.len()];
        for (moment, &value) in calendar.iter().zip(rest) {
            if value.is_finite()
                && let Some(bin) = bins.get_mut(self.kind.bin(moment))
            {
                bin.push(value);
            }
        }
        let found: Vec<(f64, f64, f64)> = bins.iter().map(|bin| clipped(bin)).collect();
        let seen = || found.iter().filter(|(_, _, count)| *count > 0.0);
        let bins = seen().count() as f64;
        let total: f64 = seen().map(|(_, _, count)| count).sum();
        let within = seen().map(|(_, squares, _)| squares).sum::<f64>() / (total - bins).max(1.0);
        let mean = seen().map(|(mean, _, count)| mean * count).sum::<f64>() / total.max(1.0);
        let spread: f64 = seen().map(|(m, _, n)| n * (m - mean).powi(2)).sum();
        // What the spread of the means exceeds that of noise alone.
        let usual = (total / bins.max(1.0)).max(1.0);
        let between = (spread / (bins - 1.0).max(1.0) - within).max(0.0) / usual;
        for (slot, (value, _, count)) in self.effects.iter_mut().zip(&found) {
            let trust = count * between / (count * between + within);
            *slot = if trust.is_finite() {
                trust * (value - mean)
            } else {
                0.0
            };
        }
    }
}

/// The mean of values clipped about their median, the sum of squares about it, and their number.
fn clipped(values: &[f64]) -> (f64, f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0, 0.0);
    }
    let (centre, width) = (median(values), CLIP * MAD_TO_STD * mad(values));
    let count = values.len() as f64;
    let clip = |value: &f64| {
        if values.len() < 4 || width == 0.0 {
            *value
        } else {
            value.clamp(centre - width, centre + width)
        }
    };
    let mean = values.iter().map(clip).sum::<f64>() / count;
    let squares = values.iter().map(|v| (clip(v) - mean).powi(2)).sum();
    (mean, squares, count)
}

/// The centred mean over `window` steps of what is there; fewer, but as many on both sides, near
/// the ends. NaN where there is nothing.
pub(crate) fn smooth(values: &[f64], window: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let (mut sum, mut count) = (0.0, 0.0);
    sums.push((sum, count));
    for value in values {
        if value.is_finite() {
            sum += value;
            count += 1.0;
        }
        sums.push((sum, count));
    }
    let half = window / 2;
    let last = values.len().saturating_sub(1);
    (0..values.len())
        .map(|i| {
            let reach = half.min(i.max(half / 2)).min((last - i).max(half / 2));
            let from = sums.get(i.saturating_sub(reach));
            let to = sums.get((i + reach + 1).min(values.len()));
            match (from, to) {
                (Some((s0, n0)), Some((s1, n1))) if n1 > n0 => (s1 - s0) / (n1 - n0),
                _ => f64::NAN,
            }
        })
        .collect()
}
