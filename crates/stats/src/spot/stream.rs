use bongsu_core::{
    Calibrator, Direction, Error, Expectation, Result, Score, Snapshot, StreamDetector,
};
use serde::{Deserialize, Serialize};

use super::Spot;
use crate::check;

/// The score of the bound.
const THRESHOLD: f64 = 1.0;

/// What the tails see of a value: differences of the largest floats would overflow.
const SHARE: f64 = 0.25;

/// Peaks over threshold, point by point; see [`Spot`].
///
/// Cost: O(1 + depth) time a point, and now and then a fit. A snapshot takes at most
/// `16,200 + 16 depth + 8 (calibration + patience)` bytes.
///
/// ```
/// use bongsu_core::{Direction, StreamDetector as _};
/// let spot = bongsu_stats::Spot::new().direction(Direction::Up).patience(20)?;
/// let mut stream = spot.calibration(500)?.build()?;
/// for i in 0..500 {
///     stream.learn(&[f64::from(i % 10)])?;
/// }
/// assert_eq!(stream.score(&[-50.0])?.ready(), Some(0.0));
/// // A new level is an anomaly until patience ends.
/// for i in 0..20 {
///     assert!(stream.score_then_learn(&[100.0 + f64::from(i % 10)])?.ready().unwrap() > 1.0);
/// }
/// assert!(stream.score(&[105.0])?.ready().unwrap() < 1.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpotStream {
    config: Spot,
    seen: u64,
    tails: Option<Tails>,
    /// The points that the tails are, or will be, fitted to until there are enough of them.
    learning: Option<Vec<f64>>,
    /// The latest anomalies in a row.
    run: Vec<f64>,
}

/// The upper tail of the values, and that of the negated ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tails {
    upper: Option<Calibrator>,
    lower: Option<Calibrator>,
}

impl Tails {
    fn fit(config: &Spot, values: &[f64]) -> Result<Self> {
        let calibration = config.fit_to(values.len());
        let fit = |share: f64| {
            let values: Vec<f64> = values.iter().map(|x| share * x).collect();
            calibration.fit(&values)
        };
        let judged = |side| config.direction == Direction::Both || config.direction == side;
        Ok(Self {
            upper: judged(Direction::Up).then(|| fit(SHARE)).transpose()?,
            lower: judged(Direction::Down).then(|| fit(-SHARE)).transpose()?,
        })
    }

    fn score(&self, x: f64) -> f64 {
        let (upper, lower) = self.scores(x);
        upper.max(lower)
    }

    /// By the upper and the lower tail; 0 by one that is not judged.
    fn scores(&self, x: f64) -> (f64, f64) {
        let side = |tail: &Option<Calibrator>, share: f64| {
            tail.as_ref().map_or(0.0, |tail| tail.calibrate(share * x))
        };
        (side(&self.upper, SHARE), side(&self.lower, -SHARE))
    }

    /// Learns a value. What is beyond one bound is not shown to the other tail, which would take it
    /// into its average.
    fn observe(&mut self, x: f64) {
        let (above, below) = self.scores(x);
        if let Some(upper) = self.upper.as_mut().filter(|_| below <= THRESHOLD) {
            upper.observe(SHARE * x);
        }
        if let Some(lower) = self.lower.as_mut().filter(|_| above <= THRESHOLD) {
            lower.observe(-SHARE * x);
        }
    }

    fn expectation(&self) -> Expectation {
        let back = |x: f64| (x / SHARE).clamp(-f64::MAX, f64::MAX);
        let upper = self.upper.as_ref();
        let lower = self.lower.as_ref();
        let bound = |tail: Option<&Calibrator>| tail.and_then(Calibrator::bound).map(back);
        let center = |tail: Option<&Calibrator>| tail.and_then(Calibrator::center).map(back);
        let expected = center(upper).or_else(|| center(lower).map(|x| -x));
        Expectation {
            expected: expected.unwrap_or(0.0),
            lower: bound(lower).map_or(f64::NEG_INFINITY, |x| -x),
            upper: bound(upper).unwrap_or(f64::INFINITY),
        }
    }

    fn validate(&self, direction: Direction) -> Result<()> {
        for tail in [&self.upper, &self.lower].into_iter().flatten() {
            tail.validate()?;
            if tail.bound().is_none() {
                return Err(Error::snapshot("a tail of the spot has no bound"));
            }
        }
        let judged = |side| direction == Direction::Both || direction == side;
        if self.upper.is_some() == judged(Direction::Up)
            && self.lower.is_some() == judged(Direction::Down)
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the tails of the spot do not fit its direction",
            ))
        }
    }
}

impl SpotStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: Spot) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            config,
            seen: 0,
            tails: None,
            learning: Some(Vec::new()),
            run: Vec::new(),
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Spot {
        &self.config
    }

    /// Whether the bounds rest on fewer points than `calibration`.
    #[must_use]
    pub const fn is_learning(&self) -> bool {
        self.learning.is_some()
    }

    fn judge(&self, x: f64) -> Score {
        match &self.tails {
            Some(tails) => Score::Ready(tails.score(x)),
            None => Score::Warmup {
                remaining: (self.config.calibration as u64).saturating_sub(self.seen),
            },
        }
    }

    fn take_in(&mut self, x: f64) -> Result<()> {
        let anomalous = self.judge(x).ready().is_some_and(|score| score > THRESHOLD);
        if let Some(tails) = &mut self.tails {
            tails.observe(x);
        }
        self.seen = self.seen.saturating_add(1);
        if anomalous && self.config.patience > 0 {
            self.run.push(x);
            if self.run.len() >= self.config.patience {
                let run = std::mem::take(&mut self.run);
                self.tails = Some(Tails::fit(&self.config, &run)?);
                self.learning = (run.len() < self.config.calibration).then_some(run);
                return Ok(());
            }
        } else {
            self.run.clear();
        }
        self.learn_more(x)
    }

    /// Adds to the points that the tails are learned from; fits whenever their number is the
    /// calibration halved some times over, the first time only to all of them.
    fn learn_more(&mut self, x: f64) -> Result<()> {
        let Some(points) = &mut self.learning else {
            return Ok(());
        };
        points.push(x);
        let (n, all) = (points.len(), self.config.calibration);
        if n >= all {
            self.tails = Some(Tails::fit(&self.config, points)?);
            self.learning = None;
        } else if self.tails.is_some() && halvings(all).any(|size| size == n) {
            self.tails = Some(Tails::fit(&self.config, points)?);
        }
        Ok(())
    }
}

/// Half of `n`, a quarter of it, and so on, rounded down.
fn halvings(n: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(n / 2), |n| (*n > 1).then_some(n / 2))
}

impl StreamDetector for SpotStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        Ok(self.judge(check::single(x)?))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.take_in(check::single(x)?)
    }

    /// The center and the bounds; infinite on a side that is not judged.
    fn expectation(&self) -> Option<Expectation> {
        self.tails.as_ref().map(Tails::expectation)
    }

    fn threshold(&self) -> Option<f64> {
        Some(THRESHOLD)
    }

    fn heap_bytes(&self) -> usize {
        let learning = self.learning.as_ref().map_or(0, Vec::capacity);
        let tails = self.tails.iter().flat_map(|t| [&t.upper, &t.lower]);
        let tails: usize = tails.flatten().map(Calibrator::heap_bytes).sum();
        (learning + self.run.capacity()) * size_of::<f64>() + tails
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.seen = 0;
        self.tails = None;
        self.learning = Some(Vec::new());
        self.run.clear();
    }
}

impl Snapshot for SpotStream {
    const KIND: &'static str = "stats.spot";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        if let Some(tails) = &self.tails {
            tails.validate(self.config.direction)?;
        }
        let learning = self.learning.as_deref().unwrap_or_default();
        let warm = self.tails.is_some();
        let in_order = if warm {
            self.seen >= self.config.calibration as u64
        } else {
            self.learning.is_some() && self.run.is_empty() && learning.len() as u64 == self.seen
        };
        let bounded = learning.len() < self.config.calibration
            && (self.run.is_empty() || self.run.len() < self.config.patience);
        let finite = learning.iter().chain(&self.run).all(|x| x.is_finite());
        if in_order && bounded && finite {
            Ok(())
        } else {
            Err(Error::snapshot("the state of the spot contradicts itself"))
        }
    }
}
