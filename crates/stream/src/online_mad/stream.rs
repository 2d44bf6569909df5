use bongsu_core::{Error, Expectation, Result, ScalePrior, Score, Snapshot, StreamDetector};
use bongsu_stats::adaptive::{
    First, RESOLUTION, Run, Start, Step, Tail, bounded, deviation, score, weight,
};
use serde::{Deserialize, Serialize};

use super::OnlineMad;
use crate::check;

/// The standard deviation of normal noise over its median absolute deviation.
const MAD_TO_STD: f64 = 1.482_602_218_505_602;

/// The standard deviation of normal noise over its mean absolute deviation.
const AD_TO_STD: f64 = 1.253_314_137_315_500_3;

/// The share of the scale by the mean deviation that the scale has at least.
const AD_SHARE: f64 = 0.7;

/// A median of steps `d` follows at the rate `2 d f` where `f` is the density there, for normal
/// noise `1 / (2 * 1.2533)` at its median in standard deviations.
const MEDIAN_STEP: f64 = AD_TO_STD;

/// The same for the absolute value of normal noise, whose density at its median is 0.6356.
const MAD_STEP: f64 = 0.786_7;

/// Deviations are clipped at this many scales, stretched by the tail, before they are learned.
const CLIP: f64 = 3.5;

/// For how many half-lives the scale from before a step is remembered.
const MEMORY: f64 = 4.0;

/// The online MAD, point by point; see [`OnlineMad`].
///
/// After a step of the level, points are anomalous for `patience` points and then judged against
/// the new level. The score is infinite only when the scale is 0: a constant metric at 0 that
/// changes, with `min_scale` 0.
///
/// Cost: O(1) time a point, 328 bytes and nothing on the heap.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stream::OnlineMad::new().build()?;
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
pub struct OnlineMadStream {
    config: OnlineMad,
    seen: u64,
    /// Whether a prior told the first scale.
    primed: bool,
    phase: Phase,
}

/// The two share their memory: neither is needed while the other is. Not boxed: the first points of
/// very many metrics would leave holes on the heap.
#[derive(Debug, Clone, PartialEq)]
enum Phase {
    /// The points so far, until the first median and scale are taken from them.
    First(First),
    Running(Running),
}

#[derive(Debug, Clone, PartialEq)]
struct Running {
    median: f64,
    spread: Spread,
    tail: Tail,
    /// Points since the medians began to be learned anew, which raises the weight of new ones.
    age: u64,
    run: Run,
}

/// The state as it is saved.
#[derive(Serialize, Deserialize)]
struct Saved {
    config: OnlineMad,
    seen: u64,
    first: First,
    primed: bool,
    median: f64,
    spread: Spread,
    tail: Tail,
    age: u64,
    run: Run,
}

impl From<OnlineMadStream> for Saved {
    fn from(stream: OnlineMadStream) -> Self {
        let (first, running) = match stream.phase {
            Phase::First(first) => (first, Running::FRESH),
            Phase::Running(running) => (First::NONE, running),
        };
        Self {
            config: stream.config,
            seen: stream.seen,
            first,
            primed: stream.primed,
            median: running.median,
            spread: running.spread,
            tail: running.tail,
            age: running.age,
            run: running.run,
        }
    }
}

impl TryFrom<Saved> for OnlineMadStream {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        let warmup = saved.config.warmup;
        let whole = saved.first.is_valid(saved.seen, warmup, true);
        check::saved(whole, CONTRADICTION)?;
        let phase = if saved.first.keeps(saved.seen, warmup) {
            Phase::First(saved.first)
        } else {
            Phase::Running(Running {
                median: saved.median,
                spread: saved.spread,
                tail: saved.tail,
                age: saved.age,
                run: saved.run,
            })
        };
        Ok(Self {
            config: saved.config,
            seen: saved.seen,
            primed: saved.primed,
            phase,
        })
    }
}

const CONTRADICTION: &str = "the state of the online MAD contradicts itself";

/// Median and mean of the absolute deviations from the median.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Spread {
    median: f64,
    mean: f64,
}

impl Spread {
    /// Of normal noise with this standard deviation.
    const fn normal(std: f64) -> Self {
        Self {
            median: std / MAD_TO_STD,
            mean: std / AD_TO_STD,
        }
    }

    /// The standard deviation by the mean absolute deviation.
    fn unit(self) -> f64 {
        bounded(AD_TO_STD * self.mean)
    }

    fn scale(self) -> f64 {
        bounded(MAD_TO_STD * self.median).max(AD_SHARE * self.unit())
    }

    fn learn(&mut self, distance: f64, share: f64) {
        let step = MAD_STEP * share * self.unit();
        self.mean += share * (distance - self.mean);
        self.median += (distance - self.median).clamp(-step, step);
    }

    /// At most `scale`.
    fn shrink_to(&mut self, scale: f64) {
        let now = self.scale();
        if now > scale {
            self.median *= scale / now;
            self.mean *= scale / now;
        }
    }
}

impl Running {
    const FRESH: Self = Self {
        median: 0.0,
        spread: Spread::normal(0.0),
        tail: Tail::NORMAL,
        age: 0,
        run: Run::NONE,
    };

    /// From the median and the scale of the first points, all of which are then learned as any later
    /// point is: an outlier among them is judged as one.
    fn start(start: &Start, config: &OnlineMad) -> Self {
        let mut running = Self {
            median: start.level,
            spread: Spread::normal(start.scale),
            age: start.weight,
            ..Self::FRESH
        };
        for (seen, &x) in (0..).zip(&start.points) {
            running.adapt(x, seen, config);
        }
        running.age = running.age.min(start.most_weight);
        running
    }

    /// What one unit of the score is worth.
    fn scale(&self, config: &OnlineMad) -> f64 {
        bounded(self.spread.scale() * self.tail.factor())
            .max(config.min_scale)
            .max(RESOLUTION * self.median.abs())
    }

    fn judge(&self, x: f64, config: &OnlineMad) -> f64 {
        score(deviation(x, self.median), self.scale(config))
    }

    /// Scores a point and learns it.
    fn adapt(&mut self, x: f64, seen: u64, config: &OnlineMad) -> f64 {
        let d = deviation(x, self.median);
        let score = self.judge(x, config);
        let beyond = score > config.threshold;
        let scale = self.spread.scale();
        let resolution = (RESOLUTION * self.median.abs()).max(f64::MIN_POSITIVE);
        let u = d.abs() / scale.max(resolution);
        self.tail.learn(u, seen, beyond, self.run.is_open());
        self.age = self.age.saturating_add(1);
        let patience = config.patience;
        let step = self
            .run
            .take_in(x, beyond.then_some(d > 0.0), scale, patience);
        if let Step::NewLevel(level) = step {
            self.median = level;
            self.age = self.age.min(2 * u64::from(patience));
            return score;
        }
        let mut share = weight(config.half_life).max(1.0 / self.age as f64);
        let mut clipped = d;
        if step == Step::Strained {
            share = share.max(1.0 / f64::from(patience));
        } else {
            let limit = bounded(CLIP * self.scale(config));
            clipped = d.clamp(-limit, limit);
        }
        self.spread.learn(clipped.abs(), share);
        let bound = config.threshold * self.tail.factor();
        let memory = MEMORY * config.half_life;
        if let Some(before) = self.run.recovered(d, bound, patience, memory) {
            self.spread.shrink_to(before);
        }
        if step != Step::Beyond {
            let step = bounded(MEDIAN_STEP * share * self.spread.unit().max(resolution));
            self.median = bounded(self.median + clipped.clamp(-step, step));
        }
        score
    }
}

impl OnlineMadStream {
    pub(super) const fn fresh(config: OnlineMad) -> Self {
        Self {
            config,
            seen: 0,
            primed: false,
            phase: Phase::First(First::NONE),
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &OnlineMad {
        &self.config
    }

    fn remaining(&self) -> u64 {
        let warmup = self.config.warmup;
        match (self.primed, &self.phase) {
            (true, Phase::First(first)) => first.remaining(self.seen, warmup),
            (true, Phase::Running(_)) => 0,
            (false, _) => u64::from(warmup).saturating_sub(self.seen),
        }
    }

    /// What is known once the warm-up is over.
    fn running(&self) -> Option<&Running> {
        match &self.phase {
            Phase::Running(running) if self.remaining() == 0 => Some(running),
            _ => None,
        }
    }

    /// Learns, and scores once the first points are in.
    fn take_in(&mut self, x: f64) -> Option<f64> {
        let score = match &mut self.phase {
            Phase::First(first) => {
                if let Some(start) = first.keep(x, self.seen, self.config.warmup) {
                    self.phase = Phase::Running(Running::start(&start, &self.config));
                }
                None
            }
            Phase::Running(running) => Some(running.adapt(x, self.seen, &self.config)),
        };
        self.seen = self.seen.saturating_add(1);
        score
    }
}

impl StreamDetector for OnlineMadStream {
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
        let score = self.take_in(x).filter(|_| remaining == 0);
        Ok(score.map_or(Score::Warmup { remaining }, Score::Ready))
    }

    fn expectation(&self) -> Option<Expectation> {
        let running = self.running()?;
        let half_width = self.config.threshold * running.scale(&self.config);
        Some(Expectation::symmetric(running.median, half_width))
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    /// With a prior the warm-up is 5 points, of which the median is the level; the scale that the
    /// prior gives there counts as much as 15 points.
    fn start_from(&mut self, prior: &ScalePrior) -> bool {
        match &mut self.phase {
            Phase::First(first) if self.seen == 0 => {
                first.start_from(prior);
                self.primed = true;
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

impl Snapshot for OnlineMadStream {
    const KIND: &'static str = "stream.online_mad";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let warmup = self.config.warmup;
        match &self.phase {
            Phase::First(first) => check::saved(
                first.keeps(self.seen, warmup)
                    && first.is_valid(self.seen, warmup, true)
                    && first.has_prior(self.seen) == self.primed,
                CONTRADICTION,
            ),
            Phase::Running(running) => {
                check::finite(running.median)?;
                check::non_negative("MAD", running.spread.median)?;
                check::non_negative("AD", running.spread.mean)?;
                let most = self.seen.saturating_add(First::prior_weight());
                let in_order = running.age <= most
                    && running.tail.is_valid()
                    && running.run.is_valid(self.config.patience);
                check::saved(in_order, CONTRADICTION)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_size_is_true() {
        let size = size_of::<OnlineMadStream>();
        assert!(size <= 328, "{size}");
    }

    /// What is known of a warm stream.
    fn warm(stream: &mut OnlineMadStream) -> &mut Running {
        match &mut stream.phase {
            Phase::Running(running) => running,
            Phase::First(_) => panic!("it is warming up"),
        }
    }

    #[test]
    fn the_scale_is_that_of_the_mean_deviation_when_the_median_one_is_nothing() {
        let rests = Spread {
            median: 0.0,
            mean: 0.1,
        };
        assert_eq!(rests.scale(), AD_SHARE * (AD_TO_STD * 0.1));
        assert!((Spread::normal(3.0).scale() - 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_scale_is_taken_back_when_what_follows_fits_it() {
        let mut stream = OnlineMad::new().build().unwrap();
        for i in 0..100 {
            stream.take_in(f64::from(i % 3));
        }
        let before = warm(&mut stream).spread.scale();
        for _ in 0..5 {
            stream.take_in(100.0);
        }
        warm(&mut stream).spread = Spread::normal(20.0 * before);
        for i in 0..20 {
            stream.take_in(100.0 + 0.1 * f64::from(i % 3));
        }
        assert!(
            warm(&mut stream).spread.scale() <= before,
            "{:?}",
            warm(&mut stream).spread
        );
    }

    #[test]
    fn counters_at_their_end_stay_there() {
        let mut stream = OnlineMad::new().build().unwrap();
        for i in 0..40 {
            stream.take_in(f64::from(i % 3));
        }
        stream.seen = u64::MAX;
        warm(&mut stream).age = u64::MAX;
        stream.validate().unwrap();
        stream.take_in(1.0);
        assert_eq!(stream.seen(), u64::MAX);
    }
}
