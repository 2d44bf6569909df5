//! Values that stand out alone.

use bongsu_stats::robust::{MAD_TO_STD, mad, median, quantile};

use crate::season::smooth;

/// Robust standard deviations beyond which lone spikes of the past do not come back, and to which they
/// are cut.
const SPIKE: f64 = 5.0;
const USUAL: f64 = 3.0;

/// The share of steps that must be beyond that for spikes to be a habit.
const HABIT: f64 = 0.02;

/// The most steps in a row that are a lone spike: as the median of three does not move with two.
const LONE: usize = 2;

/// Deviations below this share of the largest value are rounding.
const ROUNDING: f64 = 1e-9;

/// How large what is left of a trend usually is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usual {
    /// A size beyond it is a spike.
    bound: f64,
    /// What a spike is cut to.
    usual: f64,
}

impl Usual {
    /// Of what is left, NaN where there is nothing, of values up to `largest`.
    pub(crate) fn of(rest: &[f64], largest: f64) -> Self {
        let present: Vec<f64> = rest.iter().copied().filter(|r| r.is_finite()).collect();
        if present.is_empty() {
            return Self {
                bound: f64::INFINITY,
                usual: f64::INFINITY,
            };
        }
        let sizes: Vec<f64> = present.iter().map(|r| r.abs()).collect();
        let habit = quantile(&sizes, 1.0 - HABIT);
        let deviation = (MAD_TO_STD * mad(&present)).max(ROUNDING * largest);
        Self {
            bound: (SPIKE * deviation).max(habit),
            usual: (USUAL * deviation).max(habit),
        }
    }

    /// Cuts spikes to what is usual, and returns how many there were.
    pub(crate) fn cut(self, rest: &mut [f64]) -> usize {
        let mut cut = 0;
        for value in rest.iter_mut().filter(|value| value.abs() > self.bound) {
            *value = value.clamp(-self.usual, self.usual);
            cut += 1;
        }
        cut
    }
}

/// What is left of `values` without the mean over a block of those without spikes; NaN where there is
/// nothing.
pub(crate) fn rest_of(values: &[f64], without_spikes: &[f64], block: usize) -> Vec<f64> {
    let line = line_of(without_spikes);
    let level = smooth(&flat(without_spikes), block);
    let rows = values.iter().zip(&level).enumerate();
    rows.map(|(i, (value, level))| value - line(i) - level)
        .collect()
}

/// The values without their line, so that means and medians of one side near the ends do not lag.
fn flat(values: &[f64]) -> Vec<f64> {
    let line = line_of(values);
    let rows = values.iter().enumerate();
    rows.map(|(i, value)| value - line(i)).collect()
}

/// The medians of what is there up to half a block on either side of each value, and at least of
/// enough that two spikes do not move them.
fn medians(values: &[f64], block: usize) -> Vec<f64> {
    let reach = (block / 2).max(2 * LONE);
    let near = |i: usize| {
        let to = (i + reach + 1).min(values.len());
        let near = values.get(i.saturating_sub(reach)..to);
        let near = near.unwrap_or_default().iter().copied();
        let near: Vec<f64> = near.filter(|value| value.is_finite()).collect();
        if near.is_empty() {
            f64::NAN
        } else {
            median(&near)
        }
    };
    (0..values.len()).map(near).collect()
}

/// A line of the median slope between values half of the history apart, 0 at the beginning.
fn line_of(values: &[f64]) -> impl Fn(usize) -> f64 + use<> {
    let apart = (values.len() / 2).max(1);
    let pairs = values.iter().zip(values.iter().skip(apart));
    let rises: Vec<f64> = pairs
        .map(|(before, after)| after - before)
        .filter(|rise| rise.is_finite())
        .collect();
    let slope = if rises.is_empty() {
        0.0
    } else {
        median(&rises) / apart as f64
    };
    move |i| slope * i as f64
}

/// Cuts spikes of at most two steps to what is usual near them, and returns their number.
pub(crate) fn cut_lone(values: &mut [f64], block: usize) -> usize {
    let flat = flat(values);
    // Medians, since means next to a spike have a part of it in them.
    let rest: Vec<f64> = flat
        .iter()
        .zip(medians(&flat, block))
        .map(|(value, level)| value - level)
        .collect();
    let largest = values.iter().map(|v| v.abs()).fold(0.0, f64::max);
    let usual = Usual::of(&rest, largest);
    let odd = |rest: &f64| rest.abs() > usual.bound;
    let (mut at, mut cut) = (0, 0);
    while let Some(coming) = rest.get(at..).filter(|coming| !coming.is_empty()) {
        let run = coming.iter().take_while(|rest| odd(rest)).count();
        if (1..=LONE).contains(&run) {
            for (value, rest) in values.iter_mut().skip(at).zip(coming).take(run) {
                *value -= rest - rest.clamp(-usual.usual, usual.usual);
            }
            cut += run;
        }
        at += run.max(1);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(i: usize) -> f64 {
        40.0 + 0.05 * i as f64
    }

    #[test]
    fn a_lone_spike_is_cut_and_a_rise_is_not() {
        for at in [0, 1, 300, 718, 719] {
            let mut values: Vec<f64> = (0..720).map(line).collect();
            if let Some(value) = values.get_mut(at) {
                *value += 24.0;
            }
            assert_eq!(cut_lone(&mut values, 24), 1, "at {at}");
            let off = values.iter().enumerate().map(|(i, v)| (v - line(i)).abs());
            assert!(off.fold(0.0, f64::max) < 0.1, "at {at}");
        }
        // Its last hours rise.
        let rising = |i: usize| line(i) + if i < 714 { 0.0 } else { 9.0 };
        let mut values: Vec<f64> = (0..720).map(rising).collect();
        let before = values.clone();
        assert_eq!(cut_lone(&mut values, 24), 0);
        assert_eq!(values, before);
    }

    #[test]
    fn rounding_is_no_spike() {
        let values: Vec<f64> = (0..720).map(line).collect();
        let mut rest = rest_of(&values, &values, 24);
        assert_eq!(Usual::of(&rest, 76.0).cut(&mut rest), 0);
        assert_eq!(cut_lone(&mut [], 24), 0);
        assert_eq!(cut_lone(&mut [f64::NAN; 9], 24), 0);
    }
}
