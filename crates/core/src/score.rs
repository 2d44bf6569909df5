use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a streaming detector says about a point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Score {
    /// The detector has not seen enough yet.
    Warmup {
        /// Points still to be learned before scores come.
        remaining: u64,
    },
    /// A raw score in the algorithm's own range; higher is more anomalous.
    Ready(f64),
}

impl Score {
    /// The score, when there is one.
    #[must_use]
    pub const fn ready(self) -> Option<f64> {
        match self {
            Self::Warmup { .. } => None,
            Self::Ready(score) => Some(score),
        }
    }
}

/// Which side of the expected value counts; in a verdict, the side on which the value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Above what is expected.
    Up,
    /// Below what is expected.
    Down,
    /// Both sides (the default).
    #[default]
    Both,
}

impl Direction {
    /// The word used in configuration: `up`, `down` or `both`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Both => "both",
        }
    }
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Direction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Up, Self::Down, Self::Both]
            .into_iter()
            .find(|direction| direction.as_str() == text)
            .ok_or_else(|| Error::parameter("direction", format!("`{text}`"), "up, down or both"))
    }
}

/// What a detector expects of the next value, and the bounds beyond which it calls it anomalous.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The expected value.
    pub expected: f64,
    /// The lower bound; `-inf` when there is none.
    pub lower: f64,
    /// The upper bound; `+inf` when there is none.
    pub upper: f64,
}

impl Expectation {
    /// Bounds at `half_width` on either side of `expected`.
    #[must_use]
    pub fn symmetric(expected: f64, half_width: f64) -> Self {
        Self {
            expected,
            lower: expected - half_width,
            upper: expected + half_width,
        }
    }
}

/// What counts as a deviation worth judging: the side, and the least distance from the expected
/// value. It applies to every detector that says what it expects, after calibration, so that raw
/// scores stay the algorithm's own.
///
/// With `d = |x - expected|` and `m = max(min_abs_dev, min_rel_dev * |expected|)` the calibrated
/// score becomes `min(score, d / m)` when `m > 0`, and 0 when the value lies on the side that does
/// not count.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DeviationFilter {
    direction: Direction,
    min_abs_dev: f64,
    min_rel_dev: f64,
}

impl DeviationFilter {
    /// Every deviation on both sides counts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The side that counts. Default: both.
    #[must_use]
    pub const fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// The least absolute deviation, in the unit of the metric. Domain: finite, at least 0.
    /// Default: 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_abs_dev(mut self, deviation: f64) -> Result<Self> {
        self.min_abs_dev = non_negative("min_abs_dev", deviation)?;
        Ok(self)
    }

    /// The least deviation as a share of the expected value's magnitude (0.1 is 10 %). Domain:
    /// finite, at least 0. Default: 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn min_rel_dev(mut self, deviation: f64) -> Result<Self> {
        self.min_rel_dev = non_negative("min_rel_dev", deviation)?;
        Ok(self)
    }

    /// The least deviation from `expected` that counts.
    #[must_use]
    pub fn min_deviation(&self, expected: f64) -> f64 {
        self.min_abs_dev.max(self.min_rel_dev * expected.abs())
    }

    /// The calibrated score of `value`, lowered where its deviation does not count.
    #[must_use]
    pub fn apply(&self, calibrated: f64, value: f64, expectation: Option<&Expectation>) -> f64 {
        let Some(&Expectation { expected, .. }) = expectation else {
            return calibrated;
        };
        let wrong_side = match self.direction {
            Direction::Up => value < expected,
            Direction::Down => value > expected,
            Direction::Both => false,
        };
        if wrong_side {
            return 0.0;
        }
        let least = self.min_deviation(expected);
        if least > 0.0 {
            calibrated.min((value - expected).abs() / least)
        } else {
            calibrated
        }
    }

    /// The bounds as this filter leaves them: never nearer than the least deviation, and open on
    /// the side that does not count.
    #[must_use]
    pub fn widen(&self, expectation: Expectation) -> Expectation {
        let least = self.min_deviation(expectation.expected);
        let lower = expectation.lower.min(expectation.expected - least);
        let upper = expectation.upper.max(expectation.expected + least);
        Expectation {
            expected: expectation.expected,
            lower: if self.direction == Direction::Up {
                f64::NEG_INFINITY
            } else {
                lower
            },
            upper: if self.direction == Direction::Down {
                f64::INFINITY
            } else {
                upper
            },
        }
    }
}

fn non_negative(name: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, "finite and at least 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_deviations_are_lowered_and_the_band_agrees() {
        let filter = DeviationFilter::new().min_abs_dev(5.0).unwrap();
        let band = Expectation::symmetric(10.0, 1.0);
        assert_eq!(filter.apply(4.0, 12.5, Some(&band)), 0.5);
        assert_eq!(filter.apply(4.0, 20.0, Some(&band)), 2.0);
        assert_eq!(filter.widen(band), Expectation::symmetric(10.0, 5.0));
    }

    #[test]
    fn the_other_side_does_not_count() {
        let filter = DeviationFilter::new().direction(Direction::Up);
        let band = Expectation::symmetric(10.0, 1.0);
        assert_eq!(filter.apply(4.0, 5.0, Some(&band)), 0.0);
        assert_eq!(filter.apply(4.0, 15.0, Some(&band)), 4.0);
        assert_eq!(filter.widen(band).lower, f64::NEG_INFINITY);
    }

    #[test]
    fn parameters_outside_their_domain_are_refused() {
        assert!(DeviationFilter::new().min_abs_dev(-1.0).is_err());
        assert!(DeviationFilter::new().min_rel_dev(f64::NAN).is_err());
        assert!(
            "sideways"
                .parse::<Direction>()
                .unwrap_err()
                .to_string()
                .contains("sideways")
        );
    }
}
