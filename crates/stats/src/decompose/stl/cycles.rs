//! Smoothing of the cycle-subseries: the values of one phase, a period apart.

use crate::decompose::loess::{Span, Sums, stops};

/// Phases that are smoothed together.
const BLOCK: usize = 128;

/// Smooths every cycle-subseries of a series. A row of `period` consecutive points is one point of
/// every subseries at once, so the smooth is a sum of rows.
#[derive(Debug)]
pub(super) struct CycleSmoother {
    pub(super) period: usize,
    pub(super) window: usize,
    pub(super) degree: u8,
    pub(super) jump: usize,
}

/// The sums of a regression for each phase of a block.
struct Block {
    s0: [f64; BLOCK],
    s1: [f64; BLOCK],
    s2: [f64; BLOCK],
    t0: [f64; BLOCK],
    t1: [f64; BLOCK],
}

impl CycleSmoother {
    /// Writes the smooth of `y`, continued by one period to either side, to `out`, which is two
    /// periods longer than `y`.
    pub(super) fn smooth(&self, y: &[f64], robustness: Option<&[f64]>, out: &mut [f64]) {
        // The last cycle may be cut short: its phases have one point more than the others.
        let (cycles, longer) = (y.len() / self.period, y.len() % self.period);
        for (phases, points) in [(0..longer, cycles + 1), (longer..self.period, cycles)] {
            let stops = stops(points, self.window, self.jump);
            let mut first = phases.start;
            while first < phases.end {
                let width = BLOCK.min(phases.end - first);
                self.smooth_block(y, robustness, out, (first, width), points, &stops);
                first += width;
            }
        }
    }

    fn smooth_block(
        &self,
        y: &[f64],
        robustness: Option<&[f64]>,
        out: &mut [f64],
        (first, width): (usize, usize),
        points: usize,
        stops: &[(usize, usize)],
    ) {
        let row = |i: usize| i * self.period + first..i * self.period + first + width;
        let len = self.window.min(points);
        let spread = 0.001 * (points as f64 - 1.0);
        let mut weights = Vec::new();
        let mut last_span = None;
        let mut block = Block::new();
        // One position before the first cycle and one after the last extend the season.
        let before = (None, 0, -1.0, 0);
        let after = (None, points - len, len as f64, points + 1);
        let inside = stops
            .iter()
            .map(|&(i, left)| (Some(i), left, i as f64 - left as f64, i + 1));
        for (place, left, at, target) in inside.chain([before, after]) {
            let span = Span::new(points, self.window, len, at);
            if last_span != Some(span) {
                span.tricube_into(&mut weights);
                if robustness.is_none() {
                    span.fold(&mut weights, self.degree, spread);
                }
                last_span = Some(span);
            }
            let rows = (left..left + len).map(|i| y.get(row(i)).unwrap_or_default());
            if let Some(robustness) = robustness {
                let robust = (left..left + len).map(|i| robustness.get(row(i)).unwrap_or_default());
                block.clear();
                for (j, ((&kernel, y), robust)) in weights.iter().zip(rows).zip(robust).enumerate()
                {
                    block.add(kernel, j as f64 - at, y, robust);
                }
                // Where nothing weighs the value itself stands, or beyond the ends the nearest
                // smooth one.
                let fallback: Vec<f64> = match (place, target) {
                    (Some(i), _) => y.get(row(i)).unwrap_or_default().to_vec(),
                    (None, 0) => out.get(row(1)).unwrap_or_default().to_vec(),
                    (None, _) => out.get(row(points)).unwrap_or_default().to_vec(),
                };
                let slots = out.get_mut(row(target)).unwrap_or_default();
                block.estimate(self.degree, spread, &fallback, slots);
            } else {
                let slots = out.get_mut(row(target)).unwrap_or_default();
                slots.fill(0.0);
                for (&weight, y) in weights.iter().zip(rows) {
                    for (slot, y) in slots.iter_mut().zip(y) {
                        *slot += weight * y;
                    }
                }
            }
        }
        for pair in stops.windows(2) {
            let &[(from, _), (to, _)] = pair else {
                continue;
            };
            for i in from + 1..to {
                let share = (i - from) as f64 / (to - from) as f64;
                for column in 0..width {
                    let at = |i: usize| (i + 1) * self.period + first + column;
                    let value = |i: usize| out.get(at(i)).copied().unwrap_or(f64::NAN);
                    let between = value(from) + (value(to) - value(from)) * share;
                    if let Some(slot) = out.get_mut(at(i)) {
                        *slot = between;
                    }
                }
            }
        }
    }
}

impl Block {
    fn new() -> Self {
        let zeros = [0.0; BLOCK];
        Self {
            s0: zeros,
            s1: zeros,
            s2: zeros,
            t0: zeros,
            t1: zeros,
        }
    }

    fn clear(&mut self) {
        *self = Self::new();
    }

    /// Adds one point of each subseries, at `distance` from the position.
    fn add(&mut self, kernel: f64, distance: f64, y: &[f64], robustness: &[f64]) {
        if kernel == 0.0 {
            return;
        }
        let square = distance * distance;
        let sums = self.s0.iter_mut().zip(&mut self.s1).zip(&mut self.s2);
        let sums = sums.zip(self.t0.iter_mut().zip(&mut self.t1));
        for ((((s0, s1), s2), (t0, t1)), (y, robustness)) in sums.zip(y.iter().zip(robustness)) {
            let weight = kernel * robustness;
            let product = weight * y;
            *s0 += weight;
            *s1 += weight * distance;
            *s2 += weight * square;
            *t0 += product;
            *t1 += product * distance;
        }
    }

    fn estimate(&self, degree: u8, spread: f64, fallback: &[f64], out: &mut [f64]) {
        let first = self.s0.iter().zip(&self.s1).zip(&self.s2);
        let second = self.t0.iter().zip(&self.t1);
        for ((slot, &fallback), (((&s0, &s1), &s2), (&t0, &t1))) in
            out.iter_mut().zip(fallback).zip(first.zip(second))
        {
            let sums = Sums { s0, s1, s2, t0, t1 };
            *slot = sums.estimate(degree, spread).unwrap_or(fallback);
        }
    }
}
