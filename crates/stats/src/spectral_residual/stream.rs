use std::collections::VecDeque;

use bongsu_core::{Error, Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::SpectralResidual;
use super::transform::Transform;
use crate::check;

/// The spectral residual of the last points, point by point; see [`SpectralResidual`].
///
/// Cost: O(window log window) time a score, O(1) to learn; 8 bytes a point of the window in a
/// snapshot, and about 60 more while it runs, which [`StreamDetector::score_then_learn`] uses again
/// and [`StreamDetector::score`] allocates anew.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::SpectralResidual::new().window(60)?.build()?;
/// for i in 0..100 {
///     stream.learn(&[f64::from(i % 6)])?;
/// }
/// assert!(stream.score(&[4.0])?.ready().unwrap() < 1.0);
/// assert!(stream.score(&[40.0])?.ready().unwrap() > 3.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpectralResidualStream {
    config: SpectralResidual,
    seen: u64,
    /// The latest points, one fewer than the window.
    last: VecDeque<f64>,
    #[serde(skip)]
    transform: Option<Transform>,
}

/// What was learned is compared, not the memory to work in.
impl PartialEq for SpectralResidualStream {
    fn eq(&self, other: &Self) -> bool {
        (&self.config, self.seen, &self.last) == (&other.config, other.seen, &other.last)
    }
}

impl SpectralResidualStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: SpectralResidual) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            config,
            seen: 0,
            last: VecDeque::new(),
            transform: None,
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &SpectralResidual {
        &self.config
    }

    fn remaining(&self) -> u64 {
        (self.config.window - 1).saturating_sub(self.last.len()) as u64
    }

    fn push(&mut self, x: f64) {
        if self.last.len() + 1 >= self.config.window {
            self.last.pop_front();
        }
        self.last.push_back(x);
        self.seen = self.seen.saturating_add(1);
    }

    fn judge(&self, transform: &mut Transform, x: f64) -> Score {
        let window = self.last.iter().copied().chain([x]);
        Score::Ready(self.config.last_score(transform, window))
    }

    fn fresh_transform(&self) -> Transform {
        Transform::new(self.config.window, self.config.extension)
    }
}

impl StreamDetector for SpectralResidualStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        Ok(match self.remaining() {
            0 => {
                let kept = self.transform.clone();
                let mut transform = kept.unwrap_or_else(|| self.fresh_transform());
                self.judge(&mut transform, x)
            }
            remaining => Score::Warmup { remaining },
        })
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        self.push(check::single(x)?);
        Ok(())
    }

    fn score_then_learn(&mut self, x: &[f64]) -> Result<Score> {
        let x = check::single(x)?;
        let score = match self.remaining() {
            0 => {
                let kept = self.transform.take();
                let mut transform = kept.unwrap_or_else(|| self.fresh_transform());
                let score = self.judge(&mut transform, x);
                self.transform = Some(transform);
                score
            }
            remaining => Score::Warmup { remaining },
        };
        self.push(x);
        Ok(score)
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    /// Without the plan of the transform, which the detectors of a thread share.
    fn heap_bytes(&self) -> usize {
        let transform = self.transform.as_ref().map_or(0, Transform::heap_bytes);
        self.last.capacity() * size_of::<f64>() + transform
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.last.clear();
        self.seen = 0;
    }
}

impl Snapshot for SpectralResidualStream {
    const KIND: &'static str = "stats.spectral-residual";
    const VERSION: u16 = 2;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let expected = self.seen.min(self.config.window as u64 - 1);
        let finite = self.last.iter().all(|x| x.is_finite());
        if finite && self.last.len() as u64 == expected {
            Ok(())
        } else {
            Err(Error::snapshot(
                "the window of the spectral residual does not fit the number of points seen",
            ))
        }
    }
}
