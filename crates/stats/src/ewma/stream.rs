use bongsu_core::{Error, Expectation, Result, ScalePrior, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::Ewma;
use crate::adaptive::{
    DampedTrend, First, RESOLUTION, RobustScale, Start, Terms, bounded, deviation, score, weight,
};
use crate::check;

/// The exponentially weighted detector, point by point; see [`Ewma`].
///
/// After a step of the level, points are anomalous for `patience` points and then judged against
/// the new level. The score is infinite only when the scale is 0: a constant metric at 0 that
/// changes, with `min_scale` 0.
///
/// Cost: O(1) time a point, 336 bytes and nothing on the heap.
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
#[serde(try_from = "Saved", into = "Saved")]
pub struct EwmaStream {
    config: Ewma,
    seen: u64,
    phase: Phase,
}

/// The two share their memory: neither is needed while the other is. Not boxed: the first points of
/// very many metrics would leave holes on the heap.
#[derive(Debug, Clone, PartialEq)]
enum Phase {
    /// The points so far, until the first level and scale are taken from them; only when robust.
    First(First),
    Running(Running),
}

#[derive(Debug, Clone, PartialEq)]
struct Running {
    /// The slope is 0 when plain.
    trend: DampedTrend,
    /// The standard deviation about the level; of the plain detector it is all that is used.
    scale: RobustScale,
}

/// The state as it is saved.
#[derive(Serialize, Deserialize)]
struct Saved {
    config: Ewma,
    seen: u64,
    first: First,
    trend: DampedTrend,
    scale: RobustScale,
}

impl From<EwmaStream> for Saved {
    fn from(stream: EwmaStream) -> Self {
        let EwmaStream {
            config,
            seen,
            phase,
        } = stream;
        let (first, Running { trend, scale }) = match phase {
            Phase::First(first) => (first, Running::FRESH),
            Phase::Running(running) => (First::NONE, running),
        };
        Self {
            config,
            seen,
            first,
            trend,
            scale,
        }
    }
}

impl TryFrom<Saved> for EwmaStream {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        let Saved {
            config,
            seen,
            first,
            trend,
            scale,
        } = saved;
        if !first.is_valid(seen, config.warmup, config.robust) {
            return Err(contradiction());
        }
        let phase = if config.robust && first.keeps(seen, config.warmup) {
            Phase::First(first)
        } else {
            Phase::Running(Running { trend, scale })
        };
        Ok(Self {
            config,
            seen,
            phase,
        })
    }
}

impl Running {
    const FRESH: Self = Self {
        trend: DampedTrend::at(0.0),
        scale: RobustScale::new(0.0, 0),
    };

    /// From the level and the scale of the first points, all of which are then learned as any later
    /// point is: an outlier among them is judged as one.
    fn start(start: &Start, config: &Ewma) -> Self {
        let mut running = Self {
            trend: DampedTrend::at(start.level),
            scale: RobustScale::new(start.scale, start.weight),
        };
        for (seen, &x) in (0..).zip(&start.points) {
            running.learn_robustly(x, seen, config);
        }
        let points = running.scale.points().min(start.most_weight);
        running.scale.count_as(points);
        running
    }

    fn expected(&self) -> f64 {
        self.trend.expected()
    }

    /// What one unit of the score is worth.
    fn scale(&self, config: &Ewma) -> f64 {
        let expected = self.expected();
        if config.robust {
            return self.scale.scale(expected, &terms(config));
        }
        bounded(self.scale.std())
            .max(config.min_scale)
            .max(RESOLUTION * expected.abs())
    }

    fn judge(&self, x: f64, config: &Ewma) -> f64 {
        score(deviation(x, self.expected()), self.scale(config))
    }

    /// Learns the point after `seen` points.
    fn learn(&mut self, x: f64, seen: u64, config: &Ewma) {
        if !config.robust {
            self.learn_plainly(x, seen, config);
            return;
        }
        let primed = self.scale.points() > seen;
        self.learn_robustly(x, seen, config);
        if primed {
            // A new level makes the scale count for less, but not for less than was seen.
            let ahead = seen.saturating_add(2);
            self.scale.count_as(self.scale.points().max(ahead));
        }
    }

    fn learn_plainly(&mut self, x: f64, seen: u64, config: &Ewma) {
        if seen == 0 {
            self.trend = DampedTrend::at(x);
            return;
        }
        let alpha = weight(config.half_life);
        let d = deviation(x, self.trend.level());
        self.trend.shift(alpha * d);
        // sqrt((1 - a)(var + a d^2)) without squares that overflow.
        let std = (1.0 - alpha).sqrt() * self.scale.std().hypot(alpha.sqrt() * d);
        self.scale = RobustScale::new(bounded(std), 0);
    }

    fn learn_robustly(&mut self, x: f64, seen: u64, config: &Ewma) {
        let lesson = self.scale.learn(x, self.expected(), seen, &terms(config));
        self.trend.learn(lesson, weight(config.half_life));
    }
}

const fn terms(config: &Ewma) -> Terms {
    Terms {
        threshold: config.threshold,
        patience: config.patience,
        half_life: config.scale_half_life,
        min_scale: config.min_scale,
    }
}

fn contradiction() -> Error {
    Error::snapshot("the state of the ewma contradicts itself")
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
        let phase = if config.robust {
            Phase::First(First::NONE)
        } else {
            Phase::Running(Running::FRESH)
        };
        Self {
            config,
            seen: 0,
            phase,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Ewma {
        &self.config
    }

    fn remaining(&self) -> u64 {
        match &self.phase {
            Phase::First(first) if first.has_prior(self.seen) => {
                first.remaining(self.seen, self.config.warmup)
            }
            // The scale started from a prior: it then counts for more points than were seen.
            Phase::Running(running) if running.scale.points() > self.seen => 0,
            _ => u64::from(self.config.warmup).saturating_sub(self.seen),
        }
    }

    /// What is known once the warm-up is over.
    fn running(&self) -> Option<&Running> {
        match &self.phase {
            Phase::Running(running) if self.remaining() == 0 => Some(running),
            _ => None,
        }
    }

    /// Scores and learns; `None` during warm-up.
    pub(super) fn take_in(&mut self, x: f64) -> Option<f64> {
        let score = self.running().map(|running| running.judge(x, &self.config));
        match &mut self.phase {
            Phase::First(first) => {
                if let Some(start) = first.keep(x, self.seen, self.config.warmup) {
                    self.phase = Phase::Running(Running::start(&start, &self.config));
                }
            }
            Phase::Running(running) => running.learn(x, self.seen, &self.config),
        }
        self.seen = self.seen.saturating_add(1);
        score
    }
}

impl StreamDetector for EwmaStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        Ok(match self.running() {
            Some(running) => Score::Ready(running.judge(x, &self.config)),
            None => Score::Warmup {
                remaining: self.remaining(),
            },
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
        let running = self.running()?;
        let half_width = self.config.threshold * running.scale(&self.config);
        Some(Expectation::symmetric(running.expected(), half_width))
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    /// With a prior the warm-up is 5 points, of which the median is the level; the scale that the
    /// prior gives there counts as much as 15 points. Not when plain.
    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        match &mut self.phase {
            Phase::First(first) if self.seen == 0 => {
                first.start_from(prior);
                true
            }
            _ => false,
        }
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
        let in_order = match &self.phase {
            Phase::First(first) => {
                let Ewma { robust, warmup, .. } = self.config;
                first.keeps(self.seen, warmup) && first.is_valid(self.seen, warmup, robust)
            }
            Phase::Running(Running { trend, scale }) => {
                let most = self.seen.saturating_add(First::prior_weight());
                trend.is_valid() && scale.points() <= most && scale.is_valid(&terms(&self.config))
            }
        };
        if in_order {
            Ok(())
        } else {
            Err(contradiction())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_size_is_true() {
        assert!(
            size_of::<EwmaStream>() <= 336,
            "{}",
            size_of::<EwmaStream>()
        );
    }

    #[test]
    fn counters_at_their_end_stay_there() {
        let mut stream = EwmaStream::new(Ewma::new()).unwrap();
        for i in 0..40 {
            stream.take_in(f64::from(i % 3));
        }
        stream.seen = u64::MAX;
        let Phase::Running(running) = &mut stream.phase else {
            panic!("it is warm");
        };
        running.scale.count_as(u64::MAX);
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
        let one = stream.phase.clone();
        stream.take_in(2.0);
        stream.phase = one;
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
