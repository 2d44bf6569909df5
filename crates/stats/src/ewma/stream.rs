use bongsu_core::{Error, Expectation, Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::tail::Tail;
use super::{Ewma, seed, weight};
use crate::check;

/// The share of the level's correction that goes to the slope.
const SLOPE_SHARE: f64 = 0.15;

/// What remains of the slope after a point.
const DAMPING: f64 = 0.98;

/// Deviations are clipped at this many scales before the scale learns them.
const CLIP: f64 = 3.5;

/// How many patiences in a row must fit the scale from before a step for it to be trusted again.
const CALM: u32 = 4;

/// For how many half-lives of the scale the scale from before a step is remembered.
const MEMORY: f64 = 4.0;

/// The least scale as a share of the expected magnitude: some 50 times the spacing of floats.
const RESOLUTION: f64 = 1e-14;

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
    first: Vec<f64>,
    level: f64,
    /// The damped slope that comes on top of the level; 0 when plain.
    slope: f64,
    /// Standard deviation about the level, without tail factor and floors.
    std: f64,
    tail: Tail,
    /// Points since the scale began to be learned anew, which raises the weight of new ones.
    age: u64,
    /// Values beyond the threshold in a row on one side, their mean, and the side.
    run: u32,
    run_mean: f64,
    run_above: bool,
    /// Recent values beyond the threshold, forgotten over `4 patience` points.
    strain: f64,
    /// The standard deviation before the current run, and before the last steps.
    std_before_run: f64,
    before: Option<Before>,
}

/// What is remembered of the time before a step of the level. A fault drives the scale up twice,
/// when it comes and when it goes; without this the next one would hide in a scale that takes its
/// half-lives to shrink.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Before {
    std: f64,
    /// Points in a row that fitted it.
    calm: u32,
    /// Points since the last step.
    points: u32,
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
            first: Vec::new(),
            level: 0.0,
            slope: 0.0,
            std: 0.0,
            tail: Tail::NORMAL,
            age: 0,
            run: 0,
            run_mean: 0.0,
            run_above: false,
            strain: 0.0,
            std_before_run: 0.0,
            before: None,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Ewma {
        &self.config
    }

    fn remaining(&self) -> u64 {
        u64::from(self.config.warmup).saturating_sub(self.seen)
    }

    fn expected(&self) -> f64 {
        bounded(self.level + self.slope)
    }

    /// What one unit of the score is worth.
    fn scale(&self) -> f64 {
        let stretched = if self.config.robust {
            self.std * self.tail.factor()
        } else {
            self.std
        };
        bounded(stretched)
            .max(self.config.min_scale)
            .max(RESOLUTION * self.expected().abs())
    }

    fn judge(&self, x: f64) -> f64 {
        check::ratio(deviation(x, self.expected()).abs(), self.scale())
    }

    /// Scores and learns; `None` during warm-up.
    pub(super) fn take_in(&mut self, x: f64) -> Option<f64> {
        let score = (self.remaining() == 0).then(|| self.judge(x));
        if self.config.robust {
            if self.seen < self.first_points() {
                self.keep(x);
            } else {
                self.learn_robustly(x);
            }
        } else if self.seen == 0 {
            self.level = x;
        } else {
            let alpha = weight(self.config.half_life);
            let d = deviation(x, self.level);
            self.level = bounded(self.level + alpha * d);
            // sqrt((1 - a)(var + a d^2)) without squares that overflow.
            self.std = bounded((1.0 - alpha).sqrt() * self.std.hypot(alpha.sqrt() * d));
        }
        self.seen = self.seen.saturating_add(1);
        score
    }

    /// How many points the first level and scale are taken from.
    fn first_points(&self) -> u64 {
        u64::from(self.config.warmup.min(seed::MOST))
    }

    /// Keeps one of the first points. With the last one the level and the scale of them all are
    /// taken, and all are learned as any later point is: an outlier among them is judged as one.
    fn keep(&mut self, x: f64) {
        if self.first.is_empty() {
            self.first.reserve_exact(self.first_points() as usize);
        }
        self.first.push(x);
        if self.first.len() as u64 == self.first_points() {
            let first = std::mem::take(&mut self.first);
            self.level = seed::level(&first);
            self.std = seed::scale(&first);
            self.age = seed::WEIGHT;
            for (seen, &x) in (0..).zip(&first) {
                self.seen = seen;
                self.learn_robustly(x);
            }
            self.age = self.age.min(first.len() as u64);
        }
    }

    fn learn_robustly(&mut self, x: f64) {
        let expected = self.expected();
        let d = deviation(x, expected);
        let beyond = self.judge(x) > self.config.threshold;
        let repeated = self.run > 0;
        let resolution = (RESOLUTION * expected.abs()).max(f64::MIN_POSITIVE);
        let u = d.abs() / self.std.max(resolution);
        self.tail.learn(u, self.seen, beyond, repeated);
        self.age = self.age.saturating_add(1);
        let patience = f64::from(self.config.patience);
        self.strain = self.strain * (1.0 - 0.25 / patience) + f64::from(u8::from(beyond));
        if beyond {
            if self.extend_run(x, d > 0.0) {
                self.level = self.run_mean;
                self.slope = 0.0;
                self.run = 0;
                self.strain = 0.0;
                self.age = self.age.min(2 * u64::from(self.config.patience));
                self.before = Some(Before {
                    std: self.before.map_or(self.std_before_run, |before| before.std),
                    calm: 0,
                    points: 0,
                });
                return;
            }
        } else {
            self.run = 0;
        }
        let strained = self.strain >= patience;
        let mut share = weight(self.config.scale_half_life).max(1.0 / self.age as f64);
        let mut clipped = d;
        if strained {
            share = share.max(1.0 / patience);
        } else {
            let limit = bounded(CLIP * self.std.max(self.config.min_scale));
            clipped = d.clamp(-limit, limit);
        }
        self.std = bounded(((1.0 - share).sqrt() * self.std).hypot(share.sqrt() * clipped));
        self.recover(d);
        self.slope *= DAMPING;
        self.level = expected;
        if !beyond || strained {
            let correction = weight(self.config.half_life) * clipped;
            self.level = bounded(self.level + correction);
            self.slope = bounded(self.slope + SLOPE_SHARE * correction);
        }
    }

    /// Takes the scale from before a step back when enough deviations in a row have fitted it.
    fn recover(&mut self, d: f64) {
        let Some(mut before) = self.before.take() else {
            return;
        };
        let bound = bounded(self.config.threshold * before.std * self.tail.factor());
        before.calm = if d.abs() <= bound {
            before.calm.saturating_add(1)
        } else {
            0
        };
        before.points = before.points.saturating_add(1);
        if before.calm >= CALM * self.config.patience {
            self.std = self.std.min(before.std);
        } else if f64::from(before.points) < MEMORY * self.config.scale_half_life {
            self.before = Some(before);
        }
    }

    /// Adds `x` to the run of values beyond the threshold; true when it is as long as the patience.
    fn extend_run(&mut self, x: f64, above: bool) -> bool {
        if self.run > 0 && self.run_above == above {
            self.run += 1;
            self.run_mean += deviation(x, self.run_mean) / f64::from(self.run);
        } else {
            if self.run == 0 {
                self.std_before_run = self.std;
            }
            self.run = 1;
            self.run_mean = x;
            self.run_above = above;
        }
        self.run >= self.config.patience
    }
}

/// `x - from`, at most the largest float in magnitude.
pub(super) fn deviation(x: f64, from: f64) -> f64 {
    bounded(x - from)
}

/// Within the range of finite floats.
pub(super) fn bounded(x: f64) -> f64 {
    x.clamp(-f64::MAX, f64::MAX)
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
        check::non_negative("std", self.std)?;
        check::non_negative("strain", self.strain)?;
        check::non_negative("std", self.std_before_run)?;
        if let Some(before) = self.before {
            check::non_negative("std", before.std)?;
        }
        for value in [self.level, self.slope, self.run_mean] {
            check::single(&[value])?;
        }
        for &value in &self.first {
            check::single(&[value])?;
        }
        let kept = if self.config.robust && self.seen < self.first_points() {
            self.seen
        } else {
            0
        };
        let in_order = self.age <= self.seen
            && self.run < self.config.patience
            && self.first.len() as u64 == kept;
        if in_order && self.tail.is_valid() {
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
            assert!(stream.first.capacity() <= 32 && stream.first.len() == i);
            stream.take_in(i as f64);
        }
        assert_eq!(stream.first.capacity(), 0);
    }

    #[test]
    fn counters_at_their_end_stay_there() {
        let mut stream = EwmaStream::new(Ewma::new()).unwrap();
        for i in 0..40 {
            stream.take_in(f64::from(i % 3));
        }
        stream.seen = u64::MAX;
        stream.age = u64::MAX;
        stream.before = Some(Before {
            std: 1.0,
            calm: u32::MAX,
            points: u32::MAX,
        });
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
        stream.first.push(2.0);
        assert!(stream.validate().is_err());
        stream.first = vec![f64::NAN];
        assert!(stream.validate().is_err());
    }
}
