use serde::{Deserialize, Serialize};

use super::{Lesson, bounded};

/// The share of the level's correction that goes to the slope.
const SLOPE_SHARE: f64 = 0.15;

/// What remains of the slope after a point.
const DAMPING: f64 = 0.98;

/// A level and a slope that comes on top of it at each point and fades, by 2 % a point.
///
/// Source: damped slope as in *Forecasting trends in time series*, 1985,
/// <https://doi.org/10.1287/mnsc.31.10.1237>.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DampedTrend {
    level: f64,
    slope: f64,
}

impl DampedTrend {
    /// At rest at `level`. Domain: finite.
    #[must_use]
    pub const fn at(level: f64) -> Self {
        Self { level, slope: 0.0 }
    }

    /// The level without the slope.
    #[must_use]
    pub const fn level(&self) -> f64 {
        self.level
    }

    /// The next value.
    #[must_use]
    pub fn expected(&self) -> f64 {
        bounded(self.level + self.slope)
    }

    /// Takes a point in; `weight` is what of a residual the level learns, in (0, 1).
    pub fn learn(&mut self, lesson: Lesson, weight: f64) {
        let expected = self.expected();
        match lesson {
            Lesson::NewLevel(level) => *self = Self::at(level),
            Lesson::Nothing => {
                self.level = expected;
                self.slope *= DAMPING;
            }
            Lesson::Residual(d) => {
                let correction = weight * d;
                self.level = bounded(expected + correction);
                self.slope = bounded(self.slope * DAMPING + SLOPE_SHARE * correction);
            }
        }
    }

    /// Lets the slope fade over `points` that are missing.
    pub fn pass_over(&mut self, points: u64) {
        self.slope *= DAMPING.powf(points as f64);
    }

    /// Moves the level by `d`.
    pub fn shift(&mut self, d: f64) {
        self.level = bounded(self.level + d);
    }

    /// Whether a state that was loaded is one that can be.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.level.is_finite() && self.slope.is_finite()
    }
}
