use bongsu_core::{Error, Expectation, Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::ZScore;
use crate::check;
use crate::moments::{Moments, RollingMoments};

/// The rolling z-score, point by point.
///
/// The score is that of [`ZScore`]; it is 0 for a value equal to the mean of a constant window. A
/// value that differs from a constant window before it scores infinity when the window is
/// exclusive, and the largest possible `(window - 1) / sqrt(window)` when it is inclusive.
///
/// Cost: O(1) amortised time a point (one point in `window` costs O(window)); 4 numbers a point of
/// the window. A score costs O(window) while the window's values are above 1e150 in magnitude, or
/// differ by less than 1e-135 without being equal.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::ZScore::new().window(4)?.inclusive(false).build()?;
/// for x in [1.0, 2.0, 3.0, 2.0] {
///     stream.learn(&[x])?;
/// }
/// let score = stream.score(&[5.0])?.ready().unwrap();
/// assert!((score - 3.674_234_614).abs() < 1e-9);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZScoreStream {
    config: ZScore,
    seen: u64,
    moments: RollingMoments,
}

impl ZScoreStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: ZScore) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            moments: RollingMoments::new(config.window),
            config,
            seen: 0,
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &ZScore {
        &self.config
    }

    /// The moments of the points before the one to judge, or how many points they still lack.
    fn before(&self) -> Result<Moments, u64> {
        let needed = self.config.needed();
        if self.seen < needed as u64 {
            Err(needed as u64 - self.seen)
        } else {
            Ok(self.moments.last(needed))
        }
    }

    fn judge(&self, x: f64) -> Score {
        let moments = match self.before() {
            Ok(moments) => moments,
            Err(remaining) => return Score::Warmup { remaining },
        };
        let distance = moments.deviation(x).abs();
        if !self.config.inclusive {
            let std = (moments.m2 / (moments.n - 1.0)).sqrt();
            return Score::Ready(check::ratio(distance, std));
        }
        // With n points including x, d from the mean of the other n - 1 and S their sum of squares:
        // x - mean = d (n-1)/n and the sum of squares is S + d^2 (n-1)/n.
        let n = moments.n + 1.0;
        let share = moments.n / n;
        let score = if distance == 0.0 {
            0.0
        } else if distance.is_infinite() {
            moments.n / n.sqrt()
        } else {
            let spread = moments.m2.sqrt().hypot(distance * share.sqrt());
            distance / spread * share * moments.n.sqrt()
        };
        Score::Ready(score)
    }
}

impl StreamDetector for ZScoreStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        check::single(x).map(|x| self.judge(x))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.moments.push(check::single(x)?);
        self.seen = self.seen.saturating_add(1);
        Ok(())
    }

    /// The mean of the points before the next one, and the values at which the score is the
    /// threshold. An inclusive score is bounded, so a threshold of `(window - 1) / sqrt(window)`
    /// or more leaves the band open on both sides.
    fn expectation(&self) -> Option<Expectation> {
        let moments = self.before().ok()?;
        let threshold = self.config.threshold;
        let half_width = if self.config.inclusive {
            // score^2 = (d a)^2 (n-1) / (S + d^2 a) with a = (n-1)/n, solved for d.
            let share = moments.n / (moments.n + 1.0);
            let room = share * moments.n - threshold * threshold;
            if room > 0.0 {
                threshold * (moments.m2 / (share * room)).sqrt()
            } else {
                f64::INFINITY
            }
        } else {
            threshold * (moments.m2 / (moments.n - 1.0)).sqrt()
        };
        Some(Expectation::symmetric(
            moments.mean(),
            moments.unscale(half_width),
        ))
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn heap_bytes(&self) -> usize {
        self.moments.heap_bytes()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.moments = RollingMoments::new(self.config.window);
        self.seen = 0;
    }
}

impl Snapshot for ZScoreStream {
    const KIND: &'static str = "stats.zscore";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        if self.moments.is_consistent(self.config.window, self.seen) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the window of the z-score does not fit the number of points seen",
            ))
        }
    }
}
