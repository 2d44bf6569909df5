use bongsu_core::Timestamp;
use serde::{Deserialize, Serialize};

/// How many gaps in time must have agreed before a longer one is a hole.
const AGREED: u32 = 3;

/// How far gaps may lie apart to agree, as a share of the step.
const JITTER: f64 = 0.4;

/// The most gaps that the step is an average of.
const MOST: u32 = 100;

/// The step in time of a metric, and the holes in it.
///
/// The step is the gap that most of the gaps agree with (the vote of Boyer & Moore 1991,
/// <https://doi.org/10.1007/978-94-011-3488-0_5>), averaged over those that do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Clock {
    last: Option<i64>,
    next: Option<i64>,
    /// In milliseconds.
    step: f64,
    votes: u32,
}

impl Clock {
    pub(super) const UNSET: Self = Self {
        last: None,
        next: None,
        step: 0.0,
        votes: 0,
    };

    pub(super) const fn set(&mut self, timestamp: Timestamp) {
        self.next = Some(timestamp.as_millis());
    }

    /// Milliseconds from the last point to the next; none when the two are not known or time does
    /// not go forward.
    fn gap(&self) -> Option<f64> {
        let gap = self.next?.saturating_sub(self.last?);
        (gap > 0).then_some(gap as f64)
    }

    /// How many points are missing before the next one.
    pub(super) fn missing(&self) -> u64 {
        match self.gap() {
            Some(gap) if self.votes >= AGREED => {
                ((gap / self.step).round() as u64).saturating_sub(1)
            }
            _ => 0,
        }
    }

    /// Passes on to the next point.
    pub(super) fn advance(&mut self) {
        if let Some(gap) = self.gap() {
            if self.votes == 0 {
                self.step = gap;
            }
            if (gap - self.step).abs() <= JITTER * self.step {
                self.votes = (self.votes + 1).min(MOST);
                self.step += (gap - self.step) / f64::from(self.votes);
            } else {
                self.votes -= 1;
            }
        }
        self.last = self.next.take();
    }

    pub(super) fn is_valid(&self) -> bool {
        self.votes <= MOST && self.step.is_finite() && (self.votes == 0 || self.step >= 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_after(times: &[i64]) -> Vec<u64> {
        let mut clock = Clock::UNSET;
        let judge = |&time: &i64| {
            clock.set(Timestamp::from_millis(time));
            let missing = clock.missing();
            clock.advance();
            assert!(clock.is_valid());
            missing
        };
        times.iter().map(judge).collect()
    }

    #[test]
    fn holes_are_counted_once_the_step_is_known() {
        let times = [0, 900, 2_100, 3_000, 4_050, 8_000, 9_000, 8_500, 9_500];
        assert_eq!(missing_after(&times), [0, 0, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(missing_after(&[i64::MIN, i64::MAX, 0, i64::MAX]), [0; 4]);
    }

    #[test]
    fn a_new_step_is_learned() {
        let fast = (0..10).map(|i| i * 1_000);
        let slow = (1..=20).map(|i| 9_000 + i * 5_000);
        let times: Vec<i64> = fast.chain(slow).collect();
        let missing = missing_after(&times);
        assert_eq!(missing[10], 4);
        assert_eq!(missing.last(), Some(&0));
    }

    #[test]
    fn points_without_a_time_leave_no_gap() {
        let mut clock = Clock::UNSET;
        for i in 0..10 {
            clock.set(Timestamp::from_millis(i * 1_000));
            clock.advance();
        }
        clock.advance();
        clock.set(Timestamp::from_millis(60_000));
        assert_eq!(clock.missing(), 0);
    }
}
