use bongsu_core::{Error, Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::TwoWindow;
use crate::check;
use crate::sorted_window::SortedWindow;

/// The two-window change detector, point by point; see [`TwoWindow`].
///
/// Cost: as [`TwoWindow`]; [`StreamDetector::score`] copies both windows, which
/// [`StreamDetector::score_then_learn`] does not.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::TwoWindow::new().reference(50)?.recent(10)?.build()?;
/// for i in 0..100 {
///     stream.learn(&[f64::from(i * i % 11)])?;
/// }
/// let mut last = 0.0;
/// for i in 0..10 {
///     let score = stream.score_then_learn(&[f64::from(i * i % 11) + 9.0])?;
///     last = score.ready().unwrap_or(0.0);
/// }
/// assert!(last > stream.threshold().unwrap());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwoWindowStream {
    config: TwoWindow,
    seen: u64,
    reference: SortedWindow,
    recent: SortedWindow,
}

impl TwoWindowStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: TwoWindow) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            reference: SortedWindow::new(config.reference),
            recent: SortedWindow::new(config.recent),
            config,
            seen: 0,
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &TwoWindow {
        &self.config
    }

    fn push(&mut self, x: f64) {
        if let Some(leaving) = self.recent.leaving() {
            self.reference.push(leaving);
        }
        self.recent.push(x);
        self.seen = self.seen.saturating_add(1);
    }

    /// The score of the last point, once it and those before it fill both windows.
    fn judge(&self) -> f64 {
        let (reference, recent) = (self.reference.sorted(), self.recent.sorted());
        let p_value = self.config.test.p_value(reference, recent);
        // Written so that 1 scores 0 and not -0.
        0.0 - p_value.max(f64::MIN_POSITIVE).log10()
    }

    /// How many points are missing until one can be judged.
    fn missing(&self) -> Option<Score> {
        let remaining = self.config.needed().saturating_sub(self.seen);
        (remaining > 0).then_some(Score::Warmup { remaining })
    }
}

impl StreamDetector for TwoWindowStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        Ok(self.missing().unwrap_or_else(|| {
            let mut next = self.clone();
            next.push(x);
            Score::Ready(next.judge())
        }))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.push(check::single(x)?);
        Ok(())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        let missing = self.missing();
        self.push(x);
        Ok(missing.unwrap_or_else(|| Score::Ready(self.judge())))
    }

    fn threshold(&self) -> Option<f64> {
        Some(-self.config.alpha.log10())
    }

    fn heap_bytes(&self) -> usize {
        self.reference.heap_bytes() + self.recent.heap_bytes()
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.reference.clear();
        self.recent.clear();
        self.seen = 0;
    }
}

impl Snapshot for TwoWindowStream {
    const KIND: &'static str = "stats.two_window";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let left = self.seen.saturating_sub(self.config.recent as u64);
        if self.recent.is_consistent(self.config.recent, self.seen)
            && self.reference.is_consistent(self.config.reference, left)
        {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the two windows do not fit the number of points seen",
            ))
        }
    }
}
