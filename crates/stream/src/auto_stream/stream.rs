use bongsu_core::{Expectation, Result, Score, Snapshot, StreamDetector, Timestamp};
use bongsu_stats::calendar::Clock;
use serde::{Deserialize, Serialize};

use super::AutoStream;
use super::alarm::{Bar, Event};
use super::calendar::{Calendar, Hour};
use super::local::Local;
use super::tail::Tail;
use crate::check;

/// The weights of a new value in means with these half-lives in points: 10 and 20 of residuals, 30 and
/// 2,000 of steps.
const SHORT: f64 = 0.066_967_008_463_192_58;
const LONGER: f64 = 0.034_063_671_075_154_45;
const STEPS: f64 = 0.022_840_031_565_754_045;
const USUAL_STEPS: f64 = 0.000_346_513_540_590_645_4;

/// The same of the tails (5,000 points), of the range (100,000) and of the losses of expectations (500).
const TAILS: f64 = 0.000_138_619_827_495_728_17;
const RANGE: f64 = 0.000_006_931_447_783_004_26;
const LOSSES: f64 = 0.001_385_333_898_971_076;

/// From how many points on residuals, and then errors of the autoregression, are counted.
const FIRST_RESIDUALS: u64 = 5;
const FIRST_ERRORS: u64 = 15;

/// Values are taken for this at most, so that no sum overflows.
const MOST: f64 = 1e100;

/// Residuals below these shares of the level and of what the hours add are rounding.
const RESOLUTION: f64 = 1e-14;
const HOUR_RESOLUTION: f64 = 1e-6;

/// When the weight of a new value has grown to this, all weights are made smaller.
const HEAVY: f64 = 1e6;

/// What a point that only goes on with an alarm scores, in thresholds: it is anomalous, but no news.
const HELD: f64 = 1.01;

/// Steps below this share of the usual ones count as no more unusual.
const STILL: f64 = 1e-3;

/// The automatic detector, point by point; see [`AutoStream`].
///
/// Until [`StreamDetector::set_time`] is called again, points lie in the hour of the last time.
/// Values beyond 1e100 count as 1e100.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoStreamState {
    config: AutoStream,
    #[serde(skip)]
    zone: Zone,
    /// The local time of the next point in seconds, when it is known.
    now: Option<i64>,
    seen: u64,
    /// What a value counts for in the tails that is learned next.
    weight: f64,
    level: f64,
    variance: f64,
    low: f64,
    high: f64,
    last: f64,
    means: [f64; 2],
    step: f64,
    usual_step: f64,
    calendar: Calendar,
    local: Local,
    residuals: Tail,
    mean_residuals: [Tail; 2],
    novelties: Tail,
    errors: Tail,
    steps: Tail,
    values_bar: Bar,
    shapes_bar: Bar,
    /// What lasts of values, and of shapes.
    events: [Event; 2],
}

/// The clock of a zone other than UTC, which is not saved.
#[derive(Debug, Clone, Default)]
struct Zone(Option<Clock>);

impl PartialEq for Zone {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What a value looks like before it is learned.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// How far it lies from what was expected, without rounding.
    size: f64,
    means: [f64; 2],
    mean_sizes: [f64; 2],
    novelty: f64,
    standard: f64,
    error: f64,
    step: f64,
    unsteadiness: f64,
    /// The rarities of the value, and of the shape that it belongs to.
    value: f64,
    shape: f64,
}

impl AutoStreamState {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: AutoStream) -> Result<Self> {
        config.validate()?;
        Ok(Self::fresh(config))
    }

    fn fresh(config: AutoStream) -> Self {
        Self {
            config,
            zone: Zone::default(),
            now: None,
            seen: 0,
            weight: 1.0,
            level: 0.0,
            variance: 0.0,
            low: 0.0,
            high: 0.0,
            last: 0.0,
            means: [0.0; 2],
            step: 0.0,
            usual_step: 0.0,
            calendar: Calendar::default(),
            local: Local::FRESH,
            residuals: Tail::EMPTY,
            mean_residuals: [Tail::EMPTY; 2],
            novelties: Tail::EMPTY,
            errors: Tail::EMPTY,
            steps: Tail::EMPTY,
            values_bar: Bar::default(),
            shapes_bar: Bar::default(),
            events: [Event::default(); 2],
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &AutoStream {
        &self.config
    }

    const fn remaining(&self) -> u64 {
        (self.config.warmup as u64).saturating_sub(self.seen)
    }

    /// The weight of the next value in a mean that starts from nothing and comes to this weight.
    fn share(&self, weight: f64) -> f64 {
        weight.max(1.0 / (self.seen as f64 + 1.0))
    }

    fn expected(&self) -> f64 {
        self.level + self.calendar.expected(self.now.map(Hour::of))
    }

    fn look(&self, x: f64) -> Look {
        let (level, last) = if self.seen == 0 {
            (x, x)
        } else {
            (self.level, self.last)
        };
        let added = self.calendar.expected(self.now.map(Hour::of));
        let residual = x - level - added;
        let rounding = RESOLUTION * level.abs() + HOUR_RESOLUTION * added.abs();
        let size = |r: f64| if r.abs() <= rounding { 0.0 } else { r.abs() };
        let [short, longer] = self.means;
        let means = [
            short + self.share(SHORT) * (residual - short),
            longer + self.share(LONGER) * (residual - longer),
        ];
        let mean_sizes = means.map(size);
        let scale = self.variance.sqrt();
        let standard = if scale > 0.0 {
            (x - level) / scale
        } else {
            0.0
        };
        let step = self.step + self.share(STEPS) * ((x - last).abs() - self.step);
        let mut look = Look {
            size: size(residual),
            means,
            mean_sizes,
            novelty: self.novelty(x),
            standard,
            error: self.local.error(standard).abs(),
            step,
            unsteadiness: unsteadiness(step, self.usual_step),
            value: 0.0,
            shape: 0.0,
        };
        if self.remaining() == 0 {
            let weight = self.weight as f32;
            let rarer = |tails: &[Tail; 2]| {
                let both = tails.iter().zip(mean_sizes);
                both.map(|(tail, size)| tail.score(size, weight))
                    .fold(0.0, f64::max)
            };
            look.value = self.residuals.score(look.size, weight)
                + rarer(&self.mean_residuals)
                + self.novelties.score(look.novelty, weight);
            look.shape =
                self.errors.score(look.error, weight) + self.steps.score(look.unsteadiness, weight);
        }
        look
    }

    /// How far a value lies beyond those seen, in their range.
    fn novelty(&self, x: f64) -> f64 {
        let beyond = (x - self.high).max(self.low - x).max(0.0);
        let range = self.high - self.low;
        if self.seen == 0 || beyond == 0.0 {
            0.0
        } else if range > 0.0 {
            beyond / range
        } else {
            1.0
        }
    }

    fn height(&self, look: &Look) -> f64 {
        let value = self.values_bar.above(look.value);
        let height = value.max(self.shapes_bar.above(look.shape)).max(0.0);
        let threshold = self.config.threshold;
        let [values, shapes] = self.events;
        if values.has(look.value, threshold) || shapes.has(look.shape, threshold) {
            height.max(HELD * threshold)
        } else {
            height
        }
    }

    fn judge(&self, x: f64) -> f64 {
        self.height(&self.look(x))
    }

    fn take_in(&mut self, x: f64, look: &Look) {
        if self.seen == 0 {
            (self.level, self.low, self.high, self.last) = (x, x, x, x);
        }
        self.count(look);
        let keep = 1.0 - weight_of(self.config.rest);
        let (threshold, hold) = (self.config.threshold, self.config.hold);
        let [values, shapes] = &mut self.events;
        values.pass(self.values_bar, look.value, threshold, hold);
        shapes.pass(self.shapes_bar, look.shape, threshold, hold);
        self.values_bar.pass(look.value, keep);
        self.shapes_bar.pass(look.shape, keep);
        self.means = look.means;
        self.local.learn(look.standard);
        self.step = look.step;
        self.usual_step += self.share(USUAL_STEPS) * ((x - self.last).abs() - self.usual_step);
        self.last = x;
        self.follow(x);
        self.seen = self.seen.saturating_add(1);
    }

    /// Counts what the value looked like in the tails.
    fn count(&mut self, look: &Look) {
        let weight = self.weight as f32;
        if self.remaining() == 0 {
            self.novelties.learn(look.novelty, weight);
        }
        if self.seen >= FIRST_RESIDUALS {
            self.residuals.learn(look.size, weight);
            for (tail, size) in self.mean_residuals.iter_mut().zip(look.mean_sizes) {
                tail.learn(size, weight);
            }
        }
        if self.seen >= FIRST_ERRORS {
            self.errors.learn(look.error, weight);
            self.steps.learn(look.unsteadiness, weight);
        }
        self.weight /= 1.0 - TAILS;
        if self.weight > HEAVY {
            let factor = (1.0 / self.weight) as f32;
            for tail in self.tails_mut() {
                tail.reweigh(factor);
            }
            self.weight = 1.0;
        }
    }

    /// Level, hours and range follow the value.
    fn follow(&mut self, x: f64) {
        let d = x - self.level;
        if self.now.is_some() {
            self.learn_hour(d);
        }
        let share = self.share(weight_of(self.config.memory));
        self.level += share * d;
        self.variance = (1.0 - share) * (self.variance + share * d * d);
        let (low, high) = (self.low.min(x), self.high.max(x));
        self.low = low + RANGE * (self.level - low).max(0.0);
        self.high = high - RANGE * (high - self.level).max(0.0);
    }

    /// The hour learns a deviation from the level.
    fn learn_hour(&mut self, d: f64) {
        let worst = if self.remaining() == 0 {
            3.0 * self.residuals.quantile(0.1)
        } else {
            f64::INFINITY
        };
        let share = self.share(LOSSES);
        self.calendar.learn(self.now.map(Hour::of), d, share, worst);
    }

    const fn tails_mut(&mut self) -> [&mut Tail; 6] {
        let [short, longer] = &mut self.mean_residuals;
        [
            &mut self.residuals,
            short,
            longer,
            &mut self.novelties,
            &mut self.errors,
            &mut self.steps,
        ]
    }

    /// How far a value may lie from `expected` on the side `sign` before it is anomalous.
    fn reach(&self, expected: f64, sign: f64) -> f64 {
        let beyond = |d: f64| self.judge(held(expected + sign * d)) > self.config.threshold;
        let widest = (self.high - self.low)
            .max(RESOLUTION * expected.abs())
            .max(f64::MIN_POSITIVE);
        // Octaves first, then the place in the last of them.
        let mut outside = widest;
        for _ in 0..OCTAVES_OUT {
            if beyond(outside) {
                break;
            }
            outside *= 4.0;
        }
        let mut inside = 0.0;
        for _ in 0..HALVINGS {
            let middle = if inside == 0.0 {
                outside / 16.0
            } else {
                f64::midpoint(inside, outside)
            };
            if beyond(middle) {
                outside = middle;
            } else {
                inside = middle;
            }
        }
        outside
    }
}

/// How far out bounds are looked for, in steps of four, and how often the interval is then halved.
const OCTAVES_OUT: usize = 4;
const HALVINGS: usize = 6;

/// The ratio of the mean step to its usual size, as the magnitude of its logarithm.
fn unsteadiness(step: f64, usual: f64) -> f64 {
    if usual > 0.0 {
        ((step + STILL * usual) / usual).ln().abs()
    } else {
        0.0
    }
}

/// `1 - 2^(-1 / half_life)`.
fn weight_of(half_life: f64) -> f64 {
    -(-std::f64::consts::LN_2 / half_life).exp_m1()
}

const fn held(x: f64) -> f64 {
    x.clamp(-MOST, MOST)
}

impl StreamDetector for AutoStreamState {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let x = held(check::single(x)?);
        Ok(match self.remaining() {
            0 => Score::Ready(self.judge(x)),
            remaining => Score::Warmup { remaining },
        })
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.score_then_learn(x).map(|_| ())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        let x = held(check::single(x)?);
        let look = self.look(x);
        let score = match self.remaining() {
            0 => Score::Ready(self.height(&look)),
            remaining => Score::Warmup { remaining },
        };
        self.take_in(x, &look);
        Ok(score)
    }

    /// The bounds are those beyond which the score of the next value is above the threshold, to a
    /// few percent of their distance.
    fn expectation(&self) -> Option<Expectation> {
        let expected = self.expected();
        (self.remaining() == 0).then(|| Expectation {
            expected,
            lower: expected - self.reach(expected, -1.0),
            upper: expected + self.reach(expected, 1.0),
        })
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn set_time(&mut self, timestamp: Timestamp) {
        if self.config.timezone == "UTC" {
            self.now = Some(timestamp.as_millis().div_euclid(1_000));
            return;
        }
        if self.zone.0.is_none() {
            self.zone = Zone(Clock::new(&self.config.timezone).ok());
        }
        let local = self.zone.0.as_ref();
        self.now = local.and_then(|clock| clock.local_seconds(timestamp).ok());
    }

    fn heap_bytes(&self) -> usize {
        self.calendar.heap_bytes() + self.config.timezone.capacity()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        *self = Self::fresh(self.config.clone());
    }
}

impl Snapshot for AutoStreamState {
    const KIND: &'static str = "stream.auto_stream";
    const VERSION: u16 = 2;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let values = [self.level, self.low, self.high, self.last];
        let [short, longer] = self.means;
        let spreads = [self.variance, self.step, self.usual_step];
        let tails = [&self.residuals, &self.novelties, &self.errors, &self.steps];
        check::saved(
            values.iter().all(|x| x.abs() <= MOST)
                && self.low <= self.high
                && short.is_finite()
                && longer.is_finite()
                && spreads.iter().all(|x| x.is_finite() && *x >= 0.0)
                && (1.0..=HEAVY).contains(&self.weight)
                && tails.into_iter().all(Tail::is_valid)
                && self.mean_residuals.iter().all(Tail::is_valid)
                && self.calendar.is_valid()
                && self.local.is_valid()
                && self.values_bar.is_valid()
                && self.shapes_bar.is_valid()
                && self.events.iter().all(|event| event.is_valid()),
            "the state of the automatic detector contradicts itself",
        )
    }
}
