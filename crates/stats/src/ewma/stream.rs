use bongsu_core::{Error, Expectation, Result, ScalePrior, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::Ewma;
use crate::adaptive::{
    DampedTrend, First, RESOLUTION, RobustScale, Terms, bounded, deviation, score, weight,
};
use crate::check;

/// The exponentially weighted detector, point by point; see [`Ewma`].
///
/// After a step of the level, points are anomalous for `patience` points and then judged against
/// the new level. The score is infinite only when the scale is 0: a constant metric at 0 that
/// changes, with `min_scale` 0.
///
/// Cost: O(1) time a point, 272 bytes, and at most 256 more until the first level and scale are
/// learned.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::Ewma::new().build()?;
/// for i in 0..200 {
///     stream.learn(&[f64::from(i % 4)])?;
/// }
/// // A step of the level: five points are anomalous, the sixth is as expected.
/// let step: Vec<bool> = (0..6)
///     .map(|i| stream.score_then_learn(&[100.0 + f64::from(i % 2)]).unwrap())
///     .map(|score| score.ready().unwrap() > 4.0)
///     .collect();
/// assert_eq!(step, [true, true, true, true, true, false]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EwmaStream {
    config: Ewma,
    seen: u64,
    /// The points so far, until the first level and scale are taken from them; only when robust.
    first: First,
    /// The slope is 0 when plain.
    trend: DampedTrend,
    /// The standard deviation about the level; of the plain detector it is all that is used.
    scale: RobustScale,
}

impl EwmaStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: Ewma) -> Result<Self> {
        config.validate()?;
        Ok(Self::fresh(config))
    }

    const fn fresh(config: Ewma) -> Self {
        Self {
            config,
            seen: 0,
            first: First::NONE,
            trend: DampedTrend::at(0.0),
            scale: RobustScale::new(0.0, 0),
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Ewma {
        &self.config
    }

    /// Whether the scale started from a prior: it then counts for more points than were seen.
    const fn is_primed(&self) -> bool {
        self.scale.points() > self.seen
    }

    fn remaining(&self) -> u64 {
        if self.is_primed() {
            0
        } else if self.first.has_prior(self.seen) {
            self.first.remaining(self.seen, self.config.warmup)
        } else {
            u64::from(self.config.warmup).saturating_sub(self.seen)
        }
    }

    fn terms(&self) -> Terms {
        Terms {
            threshold: self.config.threshold,
            patience: self.config.patience,
            half_life: self.config.scale_half_life,
            min_scale: self.config.min_scale,
        }
    }

    fn expected(&self) -> f64 {
        self.trend.expected()
    }

    /// What one unit of the score is worth.
    fn scale(&self) -> f64 {
        let expected = self.expected();
        if self.config.robust {
            return self.scale.scale(expected, &self.terms());
        }
        bounded(self.scale.std())
            .max(self.config.min_scale)
            .max(RESOLUTION * expected.abs())
    }

    fn judge(&self, x: f64) -> f64 {
        score(deviation(x, self.expected()), self.scale())
    }

    /// Scores and learns; `None` during warm-up.
    pub(super) fn take_in(&mut self, x: f64) -> Option<f64> {
        let score = (self.remaining() == 0).then(|| self.judge(x));
        if !self.config.robust {
            self.learn_plainly(x);
        } else if self.first.keeps(self.seen, self.config.warmup) {
            self.keep(x);
        } else {
            let primed = self.is_primed();
            self.learn_robustly(x);
            if primed {
                // A new level makes the scale count for less, but not for less than was seen.
                let ahead = self.seen.saturating_add(2);
                self.scale.count_as(self.scale.points().max(ahead));
            }
        }
        self.seen = self.seen.saturating_add(1);
        score
    }

    fn learn_plainly(&mut self, x: f64) {
        if self.seen == 0 {
            self.trend = DampedTrend::at(x);
            return;
        }
        let alpha = weight(self.config.half_life);
        let d = deviation(x, self.trend.level());
        self.trend.shift(alpha * d);
        // sqrt((1 - a)(var + a d^2)) without squares that overflow.
        let std = (1.0 - alpha).sqrt() * self.scale.std().hypot(alpha.sqrt() * d);
        self.scale = RobustScale::new(bounded(std), 0);
    }

    /// Keeps one of the first points. With the last one the level and the scale of them all are
    /// taken, and all are learned as any later point is: an outlier among them is judged as one.
    fn keep(&mut self, x: f64) {
        let warmup = self.config.warmup;
        if let Some(start) = self.first.keep(x, self.seen, warmup) {
            self.trend = DampedTrend::at(start.level);
            self.scale = RobustScale::new(start.scale, start.weight);
            for (seen, &x) in (0..).zip(&start.points) {
                self.seen = seen;
                self.learn_robustly(x);
            }
            let points = self.scale.points().min(start.most_weight);
            self.scale.count_as(points);
        }
    }

    fn learn_robustly(&mut self, x: f64) {
        let terms = self.terms();
        let lesson = self.scale.learn(x, self.expected(), self.seen, &terms);
        self.trend.learn(lesson, weight(self.config.half_life));
    }
}

impl StreamDetector for EwmaStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        Ok(match self.remaining() {
            0 => Score::Ready(self.judge(x)),
            remaining => Score::Warmup { remaining },
        })
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.score_then_learn(x).map(|_| ())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        let remaining = self.remaining();
        Ok(match self.take_in(x) {
            Some(score) => Score::Ready(score),
            None => Score::Warmup { remaining },
        })
    }

    fn expectation(&self) -> Option<Expectation> {
        (self.remaining() == 0)
            .then(|| Expectation::symmetric(self.expected(), self.config.threshold * self.scale()))
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    /// With a prior the warm-up is 5 points, of which the median is the level; the scale that the
    /// prior gives there counts as much as 15 points. Not when plain.
    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        let starts = self.config.robust && self.seen == 0;
        if starts {
            self.first.start_from(prior);
        }
        starts
    }

    fn heap_bytes(&self) -> usize {
        self.first.heap_bytes()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        *self = Self::fresh(self.config.clone());
    }
}

impl Snapshot for EwmaStream {
    const KIND: &'static str = "stats.ewma";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let Ewma { robust, warmup, .. } = self.config;
        let most = self.seen.saturating_add(First::prior_weight());
        let in_order = self.trend.is_valid()
            && self.scale.points() <= most
            && self.first.is_valid(self.seen, warmup, robust)
            && self.scale.is_valid(&self.terms());
        if in_order {
            Ok(())
        } else {
            Err(Error::snapshot("the state of the ewma contradicts itself"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_size_is_true_and_the_first_points_are_let_go() {
        assert!(size_of::<EwmaStream>() <= 272);
        let mut stream = EwmaStream::new(Ewma::new()).unwrap();
        for i in 0..30 {
            assert!(stream.heap_bytes() <= 256 && stream.heap_bytes() >= 8 * i);
            stream.take_in(i as f64);
        }
        assert_eq!(stream.heap_bytes(), 0);
    }

    #[test]
    fn counters_at_their_end_stay_there() {
        let mut stream = EwmaStream::new(Ewma::new()).unwrap();
        for i in 0..40 {
            stream.take_in(f64::from(i % 3));
        }
        stream.seen = u64::MAX;
        stream.scale.count_as(u64::MAX);
        stream.validate().unwrap();
        assert!(stream.take_in(1.0).is_some());
        assert_eq!(stream.seen(), u64::MAX);
        stream.reset();
        assert!(stream == EwmaStream::fresh(Ewma::new()));
    }

    #[test]
    fn kept_points_that_do_not_fit_are_refused() {
        let mut stream = EwmaStream::new(Ewma::new()).unwrap();
        stream.take_in(1.0);
        stream.validate().unwrap();
        let one = stream.first.clone();
        stream.take_in(2.0);
        stream.first = one;
        assert!(stream.validate().is_err());
        stream.reset();
        stream.take_in(f64::NAN);
        assert!(stream.validate().is_err());
    }

    #[test]
    fn a_state_with_a_prior_is_valid_at_every_point() {
        let prior = ScalePrior::new(0.1, 1.0, 0.0).unwrap();
        let mut stream = EwmaStream::new(Ewma::new().patience(2).unwrap()).unwrap();
        assert!(stream.start_from(&prior));
        for i in 0..200 {
            stream.validate().unwrap();
            assert_eq!(stream.remaining(), 5_u64.saturating_sub(i));
            // Steps of the level on the way do not bring the warm-up back.
            stream.take_in(if i % 23 < 11 { 100.0 } else { 900.0 });
        }
        assert!(!stream.start_from(&prior));
    }
}
