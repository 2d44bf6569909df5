use bongsu_core::{Error, Expectation, Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::{Iqr, Quartiles};
use crate::check;
use crate::sorted_window::SortedWindow;

/// The rolling interquartile score, point by point; see [`Iqr`].
///
/// Cost: O(log w) comparisons and a move of at most 8 bytes a point of the window for each point;
/// 16 bytes a point of the window.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::Iqr::new().window(5)?.build()?;
/// for x in [1.0, 2.0, 3.0, 4.0, 5.0] {
///     stream.learn(&[x])?;
/// }
/// assert_eq!(stream.expectation().unwrap().upper, 7.0);
/// assert_eq!(stream.score(&[8.0])?.ready(), Some(2.0));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IqrStream {
    config: Iqr,
    seen: u64,
    last: SortedWindow,
}

impl IqrStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: Iqr) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            last: SortedWindow::new(config.window),
            config,
            seen: 0,
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Iqr {
        &self.config
    }

    fn quartiles(&self) -> Option<Quartiles> {
        let full = self.last.is_full();
        full.then(|| Quartiles::of(self.last.sorted()))
    }
}

impl StreamDetector for IqrStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        Ok(match self.quartiles() {
            Some(quartiles) => Score::Ready(quartiles.score(x)),
            None => Score::Warmup {
                remaining: (self.config.window - self.last.len()) as u64,
            },
        })
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.last.push(check::single(x)?);
        self.seen = self.seen.saturating_add(1);
        Ok(())
    }

    /// The median of the points before the next one, and the fences.
    fn expectation(&self) -> Option<Expectation> {
        let quartiles = self.quartiles()?;
        let (lower, upper) = quartiles.fences(self.config.threshold);
        Some(Expectation {
            expected: quartiles.median,
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

impl Snapshot for IqrStream {
    const KIND: &'static str = "stats.iqr";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        if self.last.is_consistent(self.config.window, self.seen) {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the window of the interquartile range does not fit the number of points seen",
            ))
        }
    }
}
