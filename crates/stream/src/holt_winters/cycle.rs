use bongsu_stats::adaptive::{bounded, deviation};
use bongsu_stats::robust::median;
use serde::{Deserialize, Serialize};

/// How many times the usual distance two cycles must lie apart at a phase for one of them to be
/// wrong.
const APART: f64 = 6.0;

/// What a season adds to the level at each phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cycle {
    /// The phase of the next point, without holes.
    at: usize,
    /// By phase; their mean is 0 at the start of each cycle.
    offsets: Vec<f64>,
}

impl Cycle {
    pub(super) const NONE: Self = Self {
        at: 0,
        offsets: Vec::new(),
    };

    /// The season of `values` (NaN where one is missing), at least two cycles of `period` points.
    /// The next point is the one after the last of them.
    ///
    /// For each phase it is the median over the whole cycles of the values without a line and
    /// without the median of their cycle.
    pub(super) fn of(values: &[f64], period: usize) -> Self {
        let slope = slope(values, period);
        let cycles: Vec<Vec<f64>> = values
            .chunks_exact(period)
            .map(|cycle| relative(cycle, slope))
            .collect();
        let mut offsets = Vec::with_capacity(period);
        let usual = usual_distance(&cycles);
        let mut last = 0.0;
        for phase in 0..period {
            let at_phase = cycles.iter().filter_map(|cycle| cycle.get(phase));
            let at_phase: Vec<f64> = at_phase.copied().filter(|x| !x.is_nan()).collect();
            last = match *at_phase {
                // Without a value the phase is like the one before.
                [] => last,
                // Of two that contradict each other the one that is nearer the phase before.
                [a, b] if deviation(a, b).abs() > APART * usual => {
                    if deviation(a, last).abs() <= deviation(b, last).abs() {
                        a
                    } else {
                        b
                    }
                }
                _ => median(&at_phase),
            };
            offsets.push(last);
        }
        let mut cycle = Self {
            at: values.len() % period,
            offsets,
        };
        cycle.center();
        cycle
    }

    pub(super) const fn is_some(&self) -> bool {
        !self.offsets.is_empty()
    }

    pub(super) const fn period(&self) -> usize {
        self.offsets.len()
    }

    pub(super) const fn capacity(&self) -> usize {
        self.offsets.capacity()
    }

    /// What the season adds `later` points after the next one.
    pub(super) fn offset(&self, later: u64) -> f64 {
        let phase = self.phase(later);
        self.offsets.get(phase).copied().unwrap_or(0.0)
    }

    fn phase(&self, later: u64) -> usize {
        let period = self.offsets.len().max(1) as u64;
        ((self.at as u64 + later % period) % period) as usize
    }

    /// Passes over `points` that are missing.
    pub(super) fn pass_over(&mut self, points: u64) {
        self.at = self.phase(points);
    }

    /// Learns the share `correction` of a residual and passes to the next phase. At the end of a
    /// cycle it returns the mean of the offsets, which is taken off them and belongs to the level.
    pub(super) fn learn(&mut self, correction: f64) -> f64 {
        if let Some(offset) = self.offsets.get_mut(self.at) {
            *offset = bounded(*offset + correction);
        }
        self.at = self.phase(1);
        if self.at == 0 { self.center() } else { 0.0 }
    }

    fn center(&mut self) -> f64 {
        let mut mean = 0.0;
        for (n, &x) in (1_u32..).zip(&self.offsets) {
            mean = bounded(mean + deviation(x, mean) / f64::from(n));
        }
        for x in &mut self.offsets {
            *x = deviation(*x, mean);
        }
        mean
    }

    pub(super) fn is_valid(&self) -> bool {
        (self.at < self.offsets.len() || self.at == 0) && self.offsets.iter().all(|x| x.is_finite())
    }
}

/// The median change a point, over whole periods.
fn slope(values: &[f64], period: usize) -> f64 {
    let later = values.iter().skip(period);
    let changes = values.iter().zip(later);
    let changes: Vec<f64> = changes
        .map(|(&a, &b)| deviation(b, a) / period as f64)
        .filter(|x| !x.is_nan())
        .collect();
    if changes.is_empty() {
        0.0
    } else {
        median(&changes)
    }
}

/// A cycle without a line and its median.
fn relative(cycle: &[f64], slope: f64) -> Vec<f64> {
    let line = |(i, &x): (usize, &f64)| deviation(x, bounded(slope * i as f64));
    let mut flat: Vec<f64> = cycle.iter().enumerate().map(line).collect();
    let present: Vec<f64> = flat.iter().copied().filter(|x| !x.is_nan()).collect();
    if !present.is_empty() {
        let center = median(&present);
        for x in &mut flat {
            *x = deviation(*x, center);
        }
    }
    flat
}

/// The median distance of the first two cycles.
fn usual_distance(cycles: &[Vec<f64>]) -> f64 {
    let [first, second, ..] = cycles else {
        return 0.0;
    };
    let pairs = first.iter().zip(second);
    let distances: Vec<f64> = pairs
        .map(|(&a, &b)| deviation(a, b).abs())
        .filter(|x| !x.is_nan())
        .collect();
    if distances.is_empty() {
        0.0
    } else {
        median(&distances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_season_is_found_under_a_line_outliers_and_holes() {
        let season = [0.0, 4.0, 9.0, 2.0, -5.0, -10.0];
        for cycles in [2, 3, 5] {
            let mut values: Vec<f64> = (0..6 * cycles)
                .map(|i| 100.0 + 0.5 * i as f64 + season[i % 6])
                .collect();
            values[8] = 1e9;
            values[3] = f64::NAN;
            let cycle = Cycle::of(&values, 6);
            assert_eq!(cycle.period(), 6);
            let mean = (0..6).map(|i| cycle.offset(i)).sum::<f64>();
            assert!(mean.abs() < 1e-9);
            for i in 0..6 {
                let step = cycle.offset(i as u64 + 1) - cycle.offset(i as u64);
                let expected = season[(i + 1) % 6] - season[i];
                assert!((step - expected).abs() < 1.1, "{cycles}, {i}: {step}");
            }
        }
    }

    #[test]
    fn a_cycle_comes_round_and_gives_its_mean_away() {
        let mut cycle = Cycle::of(&[1.0, -1.0, 1.0, -1.0, 1.0], 2);
        assert_eq!((cycle.offset(0), cycle.offset(3)), (-1.0, 1.0));
        assert_eq!(cycle.learn(4.0), 2.0);
        assert_eq!((cycle.offset(0), cycle.offset(1)), (-1.0, 1.0));
        cycle.pass_over(u64::MAX);
        assert_eq!(cycle.offset(0), 1.0);
    }
}
