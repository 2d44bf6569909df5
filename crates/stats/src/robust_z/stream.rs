use bongsu_core::{Error, Expectation, Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::{RobustZ, spread};
use crate::check;
use crate::sorted_window::SortedWindow;

/// The rolling robust z-score, point by point; see [`RobustZ`].
///
/// Cost: O(log w) comparisons and a move of at most 8 bytes a point of the window for each point
/// (an inclusive [`StreamDetector::score`] copies the window), and while the MAD is 0 a sum over the
/// values that differ from the median, at most half of the window; 16 bytes a point of the window.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::RobustZ::new().window(5)?.build()?;
/// for x in [1.0, 2.0, 3.0, 1000.0, 2.0] {
///     stream.learn(&[x])?;
/// }
/// let band = stream.expectation().unwrap();
/// assert_eq!(band.expected, 2.0);
/// assert!(band.upper < 8.0, "one outlier does not widen the band");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RobustZStream {
    config: RobustZ,
    seen: u64,
    last: SortedWindow,
}

impl RobustZStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: RobustZ) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            last: SortedWindow::new(config.window),
            config,
            seen: 0,
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &RobustZ {
        &self.config
    }

    fn remaining(&self) -> u64 {
        (self.config.needed() as u64).saturating_sub(self.seen)
    }

    fn push(&mut self, x: f64) {
        self.last.push(x);
        self.seen = self.seen.saturating_add(1);
    }
}

impl StreamDetector for RobustZStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        let remaining = self.remaining();
        Ok(if remaining > 0 {
            Score::Warmup { remaining }
        } else if self.config.inclusive {
            let mut with_x = self.last.clone();
            with_x.push(x);
            Score::Ready(spread::score(with_x.sorted(), x))
        } else {
            Score::Ready(spread::score(self.last.sorted(), x))
        })
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        let x = check::single(x)?;
        self.push(x);
        Ok(())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        if self.config.inclusive && self.remaining() == 0 {
            let x = check::single(x)?;
            self.push(x);
            return Ok(Score::Ready(spread::score(self.last.sorted(), x)));
        }
        let score = self.score(x)?;
        self.learn(x)?;
        Ok(score)
    }

    /// The median of the points before the next one, and the values at which the score is the
    /// threshold.
    fn expectation(&self) -> Option<Expectation> {
        if self.remaining() > 0 {
            return None;
        }
        let threshold = self.config.threshold;
        let sorted = self.last.sorted();
        let (expected, lower, upper) = if self.config.inclusive {
            let mut others = sorted.to_vec();
            if let Some(old) = self.last.leaving() {
                let place = others.partition_point(|v| v.total_cmp(&old).is_lt());
                others.remove(place.min(others.len() - 1));
            }
            spread::inclusive_band(&others, threshold)
        } else {
            spread::band(sorted, threshold)
        };
        Some(Expectation {
            expected,
            lower,
            upper,
        })
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn heap_bytes(&self) -> usize {
        self.last.heap_bytes()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.last.clear();
        self.seen = 0;
    }
}

impl Snapshot for RobustZStream {
    const KIND: &'static str = "stats.robust-z";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        if self.last.is_consistent(self.config.window, self.seen) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the window of the robust z-score does not fit the number of points seen",
            ))
        }
    }
}
