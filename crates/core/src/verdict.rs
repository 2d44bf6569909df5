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
        let band = expectation.map(|expectation| filter.widen(expectation));
        let direction = band.and_then(|band| match value.partial_cmp(&band.expected)? {
            std::cmp::Ordering::Less => Some(Direction::Down),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Direction::Up),
        });
        Self {
            timestamp,
            labels,
            value: Some(value),
            score,
            expected: band.map(|band| band.expected),
            lower: band
                .map(|band| band.lower)
                .filter(|bound| bound.is_finite()),
            upper: band
                .map(|band| band.upper)
                .filter(|bound| bound.is_finite()),
            direction,
            anomalous: score.is_some_and(|score| score > 1.0),
            explanation: None,
        }
    }
}
