use bongsu_core::{Direction, Error, Expectation, Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::{AfterAlarm, Cusum};
use crate::check;
use crate::level::Level;

/// The tabular CUSUM, point by point; see [`Cusum`].
///
/// After a shift the score rises with every point until it is above the threshold; what follows is
/// the choice of [`AfterAlarm`]. As it is by default, the stream settles at the new level and is
/// ready for the next shift; a single spike is a shift and a shift back.
///
/// Cost: O(1) time a point; 200 bytes, and 8 bytes a point of the warm-up while it lasts.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::Cusum::new().warmup(20)?.build()?;
/// for i in 0..40 {
///     stream.learn(&[f64::from(i % 3)])?;
/// }
/// let mut alarms = 0;
/// for i in 0..40 {
///     let score = stream.score_then_learn(&[f64::from(i % 3) + 2.0])?;
///     alarms += u32::from(score.ready() > Some(5.0));
/// }
/// assert_eq!(alarms, 1);
/// assert!((stream.expectation().unwrap().expected - 3.0).abs() < 0.3);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CusumStream {
    config: Cusum,
    seen: u64,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// The points from which target and scale are to be learned.
    Learning(Vec<f64>),
    Watching(Watch),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Watch {
    level: Level,
    up: Side,
    down: Side,
    /// Of how many points the target is a mean; `warmup` when it is settled.
    refined: u64,
}

/// One of the two sums, and the mean deviation of the points since it was 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Side {
    sum: f64,
    points: u64,
    mean: f64,
}

impl Side {
    /// `sum` with a point that lies `z` standard deviations out on this side, and `deviation` from
    /// the target in units of the values.
    fn next(self, z: f64, deviation: f64, slack: f64) -> Self {
        let sum = self.sum + z - slack;
        if sum > 0.0 {
            let points = self.points.saturating_add(1);
            let mean = self.mean + (deviation - self.mean) / points as f64;
            Self { sum, points, mean }
        } else {
            Self::default()
        }
    }

    fn is_valid(&self) -> bool {
        // Infinite after a value that is not the target of a constant metric.
        self.sum >= 0.0 && self.mean.is_finite() && (self.points == 0) == (self.sum == 0.0)
    }
}

impl Watch {
    fn new(level: Level, refined: u64) -> Self {
        Self {
            level,
            up: Side::default(),
            down: Side::default(),
            refined,
        }
    }

    fn next(&self, x: f64, slack: f64) -> [Side; 2] {
        let (z, deviation) = (self.level.standardize(x), self.level.deviation(x));
        [
            self.up.next(z, deviation, slack),
            self.down.next(-z, deviation, slack),
        ]
    }
}

impl CusumStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: Cusum) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            phase: Self::start(&config),
            config,
            seen: 0,
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Cusum {
        &self.config
    }

    fn start(config: &Cusum) -> Phase {
        match (config.target, config.scale) {
            (Some(target), Some(scale)) => {
                let level = Level::known(target, scale);
                Phase::Watching(Watch::new(level, config.warmup as u64))
            }
            _ => Phase::Learning(Vec::new()),
        }
    }

    /// The level of the warm-up, as far as it is not given.
    fn learned(config: &Cusum, points: &[f64]) -> Level {
        let learned = Level::of(points);
        let given = |center: f64, scale: f64| Level::known(center, scale);
        match (config.target, config.scale) {
            // Of the largest floats the deviation may be larger than any.
            (Some(target), _) => given(target, (learned.scale / learned.unit).min(f64::MAX)),
            (None, Some(scale)) => learned.with_scale(scale),
            (None, None) => learned,
        }
    }

    fn score_of(&self, [up, down]: [Side; 2]) -> f64 {
        match self.config.direction {
            Direction::Up => up.sum,
            Direction::Down => down.sum,
            Direction::Both => up.sum.max(down.sum),
        }
    }

    fn watch(&self, watch: Watch, x: f64) -> (f64, Phase) {
        let sides = watch.next(x, self.config.slack);
        let score = self.score_of(sides);
        let [up, down] = sides;
        let mut after = Watch { up, down, ..watch };
        if score > self.config.threshold {
            match self.config.after_alarm {
                AfterAlarm::Continue => {}
                AfterAlarm::Reset => after = Watch::new(watch.level, watch.refined),
                AfterAlarm::Settle if watch.level.scale == 0.0 => {
                    return (score, Phase::Learning(vec![x]));
                }
                AfterAlarm::Settle => {
                    let shifted = if score == up.sum { up } else { down };
                    after = Watch::new(watch.level, shifted.points);
                    after.level.center += shifted.mean;
                }
            }
        } else if watch.refined < self.config.warmup as u64 {
            after.refined += 1;
            let moved = watch.level.deviation(x) / after.refined as f64;
            after.level.center += moved;
            // Deviations of the points before are from the target as it was then.
            after.up.mean -= if up.points > 0 { moved } else { 0.0 };
            after.down.mean -= if down.points > 0 { moved } else { 0.0 };
        }
        (score, Phase::Watching(after))
    }
}

impl StreamDetector for CusumStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        Ok(match &self.phase {
            Phase::Learning(points) => Score::Warmup {
                remaining: self.config.warmup.saturating_sub(points.len()) as u64,
            },
            Phase::Watching(watch) => Score::Ready(self.score_of(watch.next(x, self.config.slack))),
        })
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.score_then_learn(x).map(|_| ())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        let value = check::single(x)?;
        self.seen = self.seen.saturating_add(1);
        let warmup = self.config.warmup;
        match &mut self.phase {
            Phase::Watching(watch) => {
                let watch = *watch;
                let (score, phase) = self.watch(watch, value);
                self.phase = phase;
                Ok(Score::Ready(score))
            }
            Phase::Learning(points) => {
                let remaining = warmup.saturating_sub(points.len()) as u64;
                points.push(value);
                if points.len() >= warmup {
                    let level = Self::learned(&self.config, points);
                    self.phase = Phase::Watching(Watch::new(level, warmup as u64));
                }
                Ok(Score::Warmup { remaining })
            }
        }
    }

    /// The target, and the values beyond which the next point gives an alarm. None while learning,
    /// and after an alarm that is left to continue.
    fn expectation(&self) -> Option<Expectation> {
        let Phase::Watching(watch) = &self.phase else {
            return None;
        };
        let room = |side: Side| self.config.threshold - side.sum;
        let (up, down) = (room(watch.up), room(watch.down));
        let (up, down) = match self.config.direction {
            Direction::Up => (up, f64::INFINITY),
            Direction::Down => (f64::INFINITY, down),
            Direction::Both => (up, down),
        };
        if up < 0.0 || down < 0.0 {
            return None;
        }
        let bound = |scales: f64| {
            if scales.is_infinite() {
                scales
            } else {
                watch.level.at(scales)
            }
        };
        let expected = watch.level.at(0.0);
        // Near the ends of the floats a bound may round past them to the other side.
        Some(Expectation {
            expected,
            lower: bound(-down - self.config.slack).min(expected),
            upper: bound(up + self.config.slack).max(expected),
        })
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn heap_bytes(&self) -> usize {
        match &self.phase {
            Phase::Learning(points) => points.capacity() * size_of::<f64>(),
            Phase::Watching(_) => 0,
        }
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.phase = Self::start(&self.config);
        self.seen = 0;
    }
}

impl Snapshot for CusumStream {
    const KIND: &'static str = "stats.cusum";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let valid = match &self.phase {
            Phase::Learning(points) => {
                points.len() < self.config.warmup
                    && points.len() as u64 <= self.seen
                    && points.iter().all(|x| x.is_finite())
            }
            Phase::Watching(watch) => {
                watch.level.is_valid() && watch.up.is_valid() && watch.down.is_valid()
            }
        };
        if valid {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the sums or the level of the CUSUM are not valid",
            ))
        }
    }
}
