//! Whether a drift lasts.

use bongsu_core::Timestamp;
use serde::{Deserialize, Serialize};

/// The fewest values that are compared with those before the drift.
const LEAST: u64 = 32;
/// So many standard errors apart, two means differ: the values depend on those before them.
const DIFFERENT: f64 = 6.0;
/// What was before counts for at most so many times the newest values, or a single alarm after a long
/// quiet would be a difference.
const MOST_WEIGHT: u64 = 30;

/// The mean of what is watched before a drift, and in stretches after it, each as long as all before
/// it together: the newest whole one tells whether the drift lasts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Shift {
    before: Mean,
    stretch: Mean,
    /// The values since the drift in the stretches that are over.
    over: u64,
    /// Whether the newest of those was as before the drift.
    is_back: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Mean {
    n: u64,
    mean: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
}

impl Mean {
    fn add(&mut self, x: f64) {
        self.n += 1;
        let away = x - self.mean;
        self.mean += away / self.n as f64;
        self.squares += away * (x - self.mean);
    }

    /// Whether it is another than `before`, by a test of two means with a common variance.
    fn differs_from(&self, before: &Self) -> bool {
        let weight = before.n.min(self.n.saturating_mul(MOST_WEIGHT));
        let share = weight as f64 / before.n.max(1) as f64;
        let (n, m) = (self.n as f64, weight as f64);
        let apart = (self.mean - before.mean).powi(2) * n * m;
        let squares = self.squares + before.squares * share + apart / (n + m).max(1.0);
        apart > DIFFERENT.powi(2) * squares
    }
}

impl Shift {
    /// Takes in a value; `drifted` says whether it came after a drift.
    pub(super) fn update(&mut self, x: f64, drifted: bool) {
        if !drifted {
            self.before.add(x);
            return;
        }
        self.stretch.add(x);
        if self.stretch.n >= self.over.max(LEAST) {
            let known = self.before.n >= LEAST;
            self.is_back = known && !self.stretch.differs_from(&self.before);
            self.over += self.stretch.n;
            self.stretch = Mean::default();
        }
    }

    /// The drift since `since` when at `now`, at least `patience` milliseconds later, it has not
    /// passed. One that has is forgotten.
    pub(super) fn lasting(
        &mut self,
        since: Timestamp,
        now: Timestamp,
        patience: i64,
    ) -> Option<Timestamp> {
        if !self.is_back || now.millis_since(since) < patience {
            return Some(since);
        }
        *self = Self {
            before: self.before,
            ..Self::default()
        };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a drift after `during` and then `after`, with a false alarm in a thousand before.
    fn left(during: (usize, f64), after: usize) -> Option<Timestamp> {
        let mut shift = Shift::default();
        for i in 0..5_000 {
            shift.update(f64::from(u8::from(i % 1_000 == 7)), false);
        }
        let mut share = 0.0;
        for i in 0..during.0 + after {
            share += if i < during.0 { during.1 } else { 0.001 };
            let alarm = share >= 1.0;
            share -= f64::from(u8::from(alarm));
            shift.update(f64::from(u8::from(alarm)), true);
        }
        shift.lasting(Timestamp::from_secs(0), Timestamp::from_secs(60), 60_000)
    }

    #[test]
    fn what_passes_is_forgotten_and_what_lasts_is_not() {
        assert_eq!(left((30, 0.9), 60), None);
        assert_eq!(left((30, 0.9), 500), None);
        for alarms in [0.05, 0.1, 0.5, 1.0] {
            for length in [64, 200, 1_000, 10_000] {
                assert!(left((length, alarms), 0).is_some(), "{alarms} for {length}");
            }
        }
    }

    #[test]
    fn it_is_not_forgotten_before_its_time() {
        let mut shift = Shift::default();
        (0..100).for_each(|_| shift.update(0.0, false));
        let (since, patience) = (Timestamp::from_secs(0), 60_000);
        (0..LEAST).for_each(|_| shift.update(0.0, true));
        let soon = Timestamp::from_secs(59);
        assert_eq!(shift.lasting(since, soon, patience), Some(since));
        assert_eq!(
            shift.lasting(since, Timestamp::from_secs(60), patience),
            None
        );
    }

    #[test]
    fn with_little_known_of_before_a_drift_lasts() {
        let mut shift = Shift::default();
        shift.update(0.0, false);
        (0..1_000).for_each(|_| shift.update(0.0, true));
        let since = Timestamp::from_secs(0);
        assert_eq!(shift.lasting(since, Timestamp::MAX, 0), Some(since));
    }
}
