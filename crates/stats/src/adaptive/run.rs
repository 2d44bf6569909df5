use serde::{Deserialize, Serialize};

use super::deviation;

/// How many patiences in a row must fit the scale from before a step for it to be trusted again.
const CALM: u32 = 4;

/// What values beyond the threshold, one after the other, say about the level.
///
/// - `patience` values in a row beyond it on one side are a new level, which is their mean.
/// - When about a quarter of the recent values are beyond it without such a run, the residuals have
///   become larger: the detector is strained.
/// - A fault that comes and goes drives the scale up twice. When `4 patience` residuals in a row fit
///   the scale from before it, that one is taken back, so that the next fault does not hide.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Values beyond the threshold in a row on one side, their mean, and the side.
    points: u32,
    mean: f64,
    above: bool,
    /// Recent values beyond the threshold, forgotten over `4 patience` points.
    strain: f64,
    /// The scale before the current run, and before the last steps.
    scale_before: f64,
    before: Option<Before>,
}

/// What is remembered of the time before a step of the level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Before {
    scale: f64,
    /// Points in a row that fitted it.
    calm: u32,
    /// Points since the last step.
    points: u32,
}

/// What a value means for a [`Run`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// It is within the threshold.
    Within,
    /// It is beyond the threshold and should not be learned at full weight.
    Beyond,
    /// So many of the last values were beyond the threshold that all should be learned.
    Strained,
    /// The level is now this one.
    NewLevel(f64),
}

impl Run {
    /// Nothing was beyond the threshold so far.
    pub const NONE: Self = Self {
        points: 0,
        mean: 0.0,
        above: false,
        strain: 0.0,
        scale_before: 0.0,
        before: None,
    };

    /// Whether the last value was beyond the threshold.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.points > 0
    }

    /// Takes in a value.
    ///
    /// - `x`: the value. Domain: finite.
    /// - `above`: for a value beyond the threshold, whether it is above.
    /// - `scale`: the scale before it.
    /// - `patience`: how many values in a row are a new level. Domain: at least 1.
    pub fn take_in(&mut self, x: f64, above: Option<bool>, scale: f64, patience: u32) -> Step {
        let needed = f64::from(patience);
        self.strain = self.strain * (1.0 - 0.25 / needed) + f64::from(u8::from(above.is_some()));
        if let Some(above) = above {
            self.extend(x, above, scale);
            if self.points >= patience {
                self.points = 0;
                self.strain = 0.0;
                self.before = Some(Before {
                    scale: self.before.map_or(self.scale_before, |before| before.scale),
                    calm: 0,
                    points: 0,
                });
                return Step::NewLevel(self.mean);
            }
        } else {
            self.points = 0;
        }
        if self.strain >= needed {
            Step::Strained
        } else if above.is_some() {
            Step::Beyond
        } else {
            Step::Within
        }
    }

    fn extend(&mut self, x: f64, above: bool, scale: f64) {
        if self.points > 0 && self.above == above {
            self.points += 1;
            self.mean += deviation(x, self.mean) / f64::from(self.points);
        } else {
            if self.points == 0 {
                self.scale_before = scale;
            }
            self.points = 1;
            self.mean = x;
            self.above = above;
        }
    }

    /// The scale from before the last step of the level, once enough residuals in a row have fitted
    /// it; it is forgotten after `memory` points.
    ///
    /// - `d`: the residual.
    /// - `bound`: how many scales a residual may be to fit.
    /// - `patience`: as in [`Run::take_in`].
    pub fn recovered(&mut self, d: f64, bound: f64, patience: u32, memory: f64) -> Option<f64> {
        let mut before = self.before.take()?;
        before.calm = if d.abs() <= bound * before.scale {
            before.calm.saturating_add(1)
        } else {
            0
        };
        before.points = before.points.saturating_add(1);
        if before.calm >= CALM * patience {
            return Some(before.scale);
        }
        if f64::from(before.points) < memory {
            self.before = Some(before);
        }
        None
    }

    /// Whether a state that was loaded is one that can be.
    #[must_use]
    pub fn is_valid(&self, patience: u32) -> bool {
        let scale = |x: f64| x.is_finite() && x >= 0.0;
        self.points < patience
            && self.mean.is_finite()
            && scale(self.strain)
            && scale(self.scale_before)
            && self.before.is_none_or(|before| scale(before.scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_a_new_level_only_on_one_side() {
        let mut run = Run::NONE;
        assert_eq!(run.take_in(5.0, Some(true), 1.0, 3), Step::Beyond);
        assert_eq!(run.take_in(-5.0, Some(false), 1.0, 3), Step::Beyond);
        assert_eq!(run.take_in(-7.0, Some(false), 1.0, 3), Step::Beyond);
        assert_eq!(run.take_in(-6.0, Some(false), 1.0, 3), Step::NewLevel(-6.0));
        assert!(!run.is_open());
        for _ in 0..11 {
            assert_eq!(run.recovered(0.5, 4.0, 3, 100.0), None);
        }
        assert_eq!(run.recovered(0.5, 4.0, 3, 100.0), Some(1.0));
        assert_eq!(run.recovered(0.5, 4.0, 3, 100.0), None);
    }

    #[test]
    fn counters_at_their_end_stay_there() {
        let mut run = Run::NONE;
        run.before = Some(Before {
            scale: 1.0,
            calm: u32::MAX,
            points: u32::MAX,
        });
        assert_eq!(run.recovered(0.0, 4.0, 10_000, 1e9), Some(1.0));
    }
}
