use serde::{Deserialize, Serialize};

use crate::{Calibrator, DeviationFilter, Direction, Expectation, Labels, Score, Timestamp};

/// The judgement of one point (or of one row of a multivariate model).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// When.
    pub timestamp: Timestamp,
    /// Which series.
    pub labels: Labels,
    /// The observed value; `None` when a row has several, or when the series is absent.
    pub value: Option<f64>,
    /// Calibrated: 0 as expected, 1 at the bound, above 1 anomalous. `None` while warming up.
    pub score: Option<f64>,
    /// What the model expected.
    pub expected: Option<f64>,
    /// The lower bound of what it calls normal.
    pub lower: Option<f64>,
    /// The upper bound of what it calls normal.
    pub upper: Option<f64>,
    /// The side of the expected value on which the observed one lies.
    pub direction: Option<Direction>,
    /// Whether the point is anomalous.
    pub anomalous: bool,
    /// Why, when the model can say.
    pub explanation: Option<Explanation>,
}

/// Why a verdict is what it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// One sentence for people.
    pub summary: String,
    /// What contributed most, largest share first; empty for a single metric.
    pub contributions: Vec<Contribution>,
}

impl Explanation {
    /// What contributed most, in a sentence: the features with the largest shares, at most three.
    #[must_use]
    pub fn from_contributions(mut contributions: Vec<Contribution>) -> Self {
        contributions.sort_by(|a, b| b.share.total_cmp(&a.share));
        let named = contributions
            .iter()
            .take(3)
            .map(|one| format!("{} {:.0} %", one.feature, 100.0 * one.share));
        Self {
            summary: named.collect::<Vec<_>>().join(", "),
            contributions,
        }
    }
}

/// The part of one feature in a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The feature's name.
    pub feature: String,
    /// Its share of the score, in [0, 1].
    pub share: f64,
}

impl Verdict {
    /// Turns a raw score into a verdict: calibrates it, lowers it where the deviation does not
    /// count, and adds the band.
    #[must_use]
    pub fn judge(
        timestamp: Timestamp,
        labels: Labels,
        value: f64,
        raw: Score,
        expectation: Option<Expectation>,
        calibrator: &Calibrator,
        filter: &DeviationFilter,
    ) -> Self {
        let score = raw
            .ready()
            .map(|raw| filter.apply(calibrator.calibrate(raw), value, expectation.as_ref()));
        let mut verdict = Self::unjudged(timestamp, labels);
        verdict.value = Some(value);
        verdict.score = score;
        verdict.anomalous = score.is_some_and(|score| score > 1.0);
        if let Some(expectation) = expectation {
            verdict.set_band(filter.widen(expectation));
        }
        verdict
    }

    /// A verdict that says nothing yet.
    #[must_use]
    pub const fn unjudged(timestamp: Timestamp, labels: Labels) -> Self {
        Self {
            timestamp,
            labels,
            value: None,
            score: None,
            expected: None,
            lower: None,
            upper: None,
            direction: None,
            anomalous: false,
            explanation: None,
        }
    }

    /// Adds what was expected, the finite ones of the bounds, and on which side the value lies.
    pub fn set_band(&mut self, band: Expectation) {
        let bound = |bound: f64| bound.is_finite().then_some(bound);
        self.expected = Some(band.expected);
        self.lower = bound(band.lower);
        self.upper = bound(band.upper);
        self.direction = self
            .value
            .and_then(|value| match value.partial_cmp(&band.expected)? {
                std::cmp::Ordering::Less => Some(Direction::Down),
                std::cmp::Ordering::Equal => None,
                std::cmp::Ordering::Greater => Some(Direction::Up),
            });
    }
}
