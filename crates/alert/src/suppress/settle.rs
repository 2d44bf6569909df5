//! Alerts that end because the unusual has become usual.

use bongsu_core::Verdict;
use serde::{Deserialize, Serialize};

/// What a model called normal when the alert began.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Band {
    expected: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
}

/// A level shift that the model has learned: what it expected before and what it expects now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Settled {
    pub(super) from: Option<f64>,
    pub(super) to: Option<f64>,
}

impl Band {
    pub(super) fn of(verdict: &Verdict) -> Self {
        Self {
            expected: verdict.expected,
            lower: verdict.lower,
            upper: verdict.upper,
        }
    }

    /// Whether the alert that `verdict` ends has settled at a new level: the value would have been
    /// anomalous when the alert began, on the side on which its worst value was, and the model calls
    /// it normal now because its range has moved there: what it expects is nearer to the value than
    /// to what it expected then. A season that has moved the range to the other side meanwhile, or a
    /// range that has only become wide, is no new level.
    pub(super) fn settled(&self, worst: Option<f64>, verdict: &Verdict) -> Option<Settled> {
        let (value, from, to) = (verdict.value?, self.expected?, verdict.expected?);
        let outside = self.lower.is_some_and(|lower| value < lower)
            || self.upper.is_some_and(|upper| value > upper);
        let same_side = worst.is_none_or(|worst| (worst < from) == (value < from));
        let inside = verdict.lower.is_none_or(|lower| value >= lower)
            && verdict.upper.is_none_or(|upper| value <= upper);
        let moved = (to - value).abs() < (to - from).abs();
        (outside && same_side && inside && moved && !verdict.anomalous).then_some(Settled {
            from: Some(from),
            to: Some(to),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;

    fn over(value: f64, expected: f64) -> Verdict {
        let mut verdict = alert("up", 0).verdict;
        verdict.anomalous = false;
        verdict.value = Some(value);
        verdict.expected = Some(expected);
        verdict.lower = Some(expected - 0.1);
        verdict.upper = Some(expected + 0.1);
        verdict
    }

    #[test]
    fn a_level_has_settled_when_the_range_has_moved_to_it() {
        // It began with 0.93 where 0.21 was expected, from 0.1 to 0.33.
        let verdict = alert("up", 0).verdict;
        let band = Band::of(&verdict);
        let settled = |verdict: &Verdict| band.settled(Some(0.93), verdict);
        let found = settled(&over(0.92, 0.9)).unwrap();
        assert_eq!((found.from, found.to), (Some(0.21), Some(0.9)));
        // It is as before.
        assert_eq!(settled(&over(0.2, 0.21)), None);
        // Just outside, where the range has moved by less than that.
        assert_eq!(settled(&over(0.34, 0.26)), None);
        // The other side: the range moves with the time of day.
        assert_eq!(settled(&over(0.05, 0.06)), None);
        // Only wider.
        let mut wide = over(0.9, 0.3);
        (wide.lower, wide.upper) = (Some(-1.0), Some(1.0));
        assert_eq!(settled(&wide), None);
        // Not normal for the present range, or not normal at all.
        assert_eq!(settled(&over(0.9, 0.7)), None);
        let mut odd = over(0.92, 0.9);
        odd.anomalous = true;
        assert_eq!(settled(&odd), None);
        odd.value = None;
        assert_eq!(settled(&odd), None);
        assert_eq!(Band::default().settled(None, &over(0.9, 0.9)), None);
        // A model without a range says what it expects all the same.
        let mut bare = over(0.92, 0.9);
        (bare.lower, bare.upper) = (None, None);
        assert!(settled(&bare).is_some());
    }
}
