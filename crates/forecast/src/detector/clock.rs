//! The step in time of points that come one by one, and the holes between them.

use bongsu_core::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a gap may lie from a whole number of steps' first one, as a share of the step.
const JITTER: f64 = 0.4;

/// So many gaps in a row that are not one step mean that the step has changed.
const CHANGED: u32 = 32;

/// Where time has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clock {
    last: Option<Timestamp>,
    next: Option<Timestamp>,
    /// In milliseconds, once it is known.
    step: Option<i64>,
    odd: u32,
}

impl Clock {
    pub(super) const UNSET: Self = Self {
        last: None,
        next: None,
        step: None,
        odd: 0,
    };

    /// The moment of the next point.
    pub(super) const fn set(&mut self, time: Timestamp) {
        self.next = Some(time);
    }

    /// The moment of the next point: as it was set, or a step after the last one.
    pub(super) fn next(&self) -> Timestamp {
        let step = self.step.unwrap_or(1000);
        let after = self.last.map(|last| last.add_millis(step));
        match (self.next, self.last) {
            (Some(next), Some(last)) if next <= last => last.add_millis(step),
            (Some(next), _) => next,
            (None, _) => after.unwrap_or(Timestamp::from_millis(0)),
        }
    }

    fn gap(&self) -> Option<i64> {
        let gap = self
            .next?
            .as_millis()
            .saturating_sub(self.last?.as_millis());
        (gap > 0).then_some(gap)
    }

    /// The gap to the next point in steps, at least 1.
    pub(super) fn steps(&self) -> u64 {
        match (self.gap(), self.step) {
            (Some(gap), Some(step)) => ((gap as f64 / step as f64).round() as u64).max(1),
            _ => 1,
        }
    }

    /// Passes on to the next point; whether the step has changed for good.
    pub(super) fn advance(&mut self) -> bool {
        if let (Some(gap), Some(step)) = (self.gap(), self.step) {
            let step = step as f64;
            if (gap as f64 - step).abs() <= JITTER * step {
                self.odd = 0;
            } else {
                self.odd += 1;
            }
        }
        self.last = Some(self.next());
        self.next = None;
        self.odd >= CHANGED
    }

    /// Takes `step` milliseconds as the step, or, with `None`, looks for it anew.
    pub(super) const fn tell(&mut self, step: Option<i64>) {
        self.step = step;
        self.odd = 0;
    }

    pub(super) fn is_valid(&self) -> bool {
        self.odd <= CHANGED && self.step.is_none_or(|step| step > 0)
    }
}

/// The median gap between moments that increase, in milliseconds.
pub(super) fn median_gap(times: &[Timestamp]) -> Option<i64> {
    let pairs = times.iter().zip(times.iter().skip(1));
    let mut gaps: Vec<i64> = pairs.map(|(a, b)| b.millis_since(*a)).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied().filter(|&gap| gap > 0)
}
