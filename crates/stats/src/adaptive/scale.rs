use serde::{Deserialize, Serialize};

use super::{RESOLUTION, Run, Step, Tail, bounded, deviation, score, weight};

/// Residuals are clipped at this many scales before the scale learns them.
const CLIP: f64 = 3.5;

/// For how many half-lives of the scale the scale from before a step is remembered.
const MEMORY: f64 = 4.0;

/// What a detector asks of a [`RobustScale`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The score above which a point is anomalous. Domain: finite, above 0.
    pub threshold: f64,
    /// How many values in a row beyond it are a new level. Domain: [2, 10000].
    pub patience: u32,
    /// After how many points the weight of a residual has halved. Domain: finite, above 0.
    pub half_life: f64,
    /// The least scale, in the unit of the metric. Domain: finite, at least 0.
    pub min_scale: f64,
}

/// What a detector is to do with a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lesson {
    /// To learn this residual, which may be clipped.
    Residual(f64),
    /// To learn nothing of it.
    Nothing,
    /// To take this as its level, and to forget its slope.
    NewLevel(f64),
}

/// The exponentially weighted root mean square of residuals, clipped at 3.5 times itself, stretched
/// by a [`Tail`], and told of new levels by a [`Run`].
///
/// Cost: O(1) time a point.
///
/// Source: Gelper, Fried & Croux 2010, <https://doi.org/10.1002/for.1125>.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RobustScale {
    /// Standard deviation of the residuals, without tail factor and floors.
    std: f64,
    tail: Tail,
    /// Points since the scale began to be learned anew, which raises the weight of new ones.
    age: u64,
    run: Run,
}

impl RobustScale {
    /// A scale that counts for `points` points. Domain of `std`: finite, at least 0.
    #[must_use]
    pub const fn new(std: f64, points: u64) -> Self {
        Self {
            std,
            tail: Tail::NORMAL,
            age: points,
            run: Run::NONE,
        }
    }

    /// Standard deviation of the residuals, without tail factor and floors.
    #[must_use]
    pub const fn std(&self) -> f64 {
        self.std
    }

    /// Of how many points the scale is.
    #[must_use]
    pub const fn points(&self) -> u64 {
        self.age
    }

    /// Lets the scale count for `points` points.
    pub const fn count_as(&mut self, points: u64) {
        self.age = points;
    }

    /// What one unit of the score is worth about `expected`: never below `min_scale` nor below
    /// [`RESOLUTION`].
    #[must_use]
    pub fn scale(&self, expected: f64, terms: &Terms) -> f64 {
        bounded(self.std * self.tail.factor())
            .max(terms.min_scale)
            .max(RESOLUTION * expected.abs())
    }

    /// The distance of `x` from `expected` in scales; infinite only when the scale is 0.
    #[must_use]
    pub fn score(&self, x: f64, expected: f64, terms: &Terms) -> f64 {
        score(deviation(x, expected), self.scale(expected, terms))
    }

    /// Learns from point number `seen`, and says what the detector is to learn. All numbers are
    /// finite.
    pub fn learn(&mut self, x: f64, expected: f64, seen: u64, terms: &Terms) -> Lesson {
        let d = deviation(x, expected);
        let beyond = self.score(x, expected, terms) > terms.threshold;
        let resolution = (RESOLUTION * expected.abs()).max(f64::MIN_POSITIVE);
        let u = d.abs() / self.std.max(resolution);
        self.tail.learn(u, seen, beyond, self.run.is_open());
        self.age = self.age.saturating_add(1);
        let patience = terms.patience;
        let side = beyond.then_some(d > 0.0);
        let step = self.run.take_in(x, side, self.std, patience);
        if let Step::NewLevel(level) = step {
            self.age = self.age.min(2 * u64::from(patience));
            return Lesson::NewLevel(level);
        }
        let mut share = weight(terms.half_life).max(1.0 / self.age as f64);
        let mut clipped = d;
        if step == Step::Strained {
            share = share.max(1.0 / f64::from(patience));
        } else {
            let limit = bounded(CLIP * self.std.max(terms.min_scale));
            clipped = d.clamp(-limit, limit);
        }
        self.std = bounded(((1.0 - share).sqrt() * self.std).hypot(share.sqrt() * clipped));
        let bound = terms.threshold * self.tail.factor();
        let memory = MEMORY * terms.half_life;
        if let Some(before) = self.run.recovered(d, bound, patience, memory) {
            self.std = self.std.min(before);
        }
        if step == Step::Beyond {
            Lesson::Nothing
        } else {
            Lesson::Residual(clipped)
        }
    }

    /// Whether a state that was loaded is one that can be.
    #[must_use]
    pub fn is_valid(&self, terms: &Terms) -> bool {
        let std = self.std.is_finite() && self.std >= 0.0;
        std && self.tail.is_valid() && self.run.is_valid(terms.patience)
    }
}
