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

    /// Whether the alert that `verdict` ends has settled at a new level: the value is normal now,
    /// but would not have been when the alert began.
    pub(super) fn settled(&self, verdict: &Verdict) -> Option<Settled> {
        let value = verdict.value?;
        let outside = self.lower.is_some_and(|lower| value < lower)
            || self.upper.is_some_and(|upper| value > upper);
        (outside && !verdict.anomalous).then_some(Settled {
            from: self.expected,
            to: verdict.expected,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::alert;

    #[test]
    fn a_value_that_would_have_been_anomalous_has_settled() {
        let mut verdict = alert("up", 0).verdict;
        let band = Band::of(&verdict);
        verdict.anomalous = false;
        verdict.expected = Some(0.9);
        let settled = band.settled(&verdict).unwrap();
        assert_eq!((settled.from, settled.to), (Some(0.21), Some(0.9)));
        verdict.value = Some(0.2);
        assert_eq!(band.settled(&verdict), None);
        verdict.value = None;
        assert_eq!(band.settled(&verdict), None);
        assert_eq!(Band::default().settled(&alert("up", 0).verdict), None);
    }
}
