use bongsu_core::{Error, Expectation, Result, Score, Snapshot, StreamDetector};
use serde::{Deserialize, Serialize};

use super::runs::Scratch;
use super::{Bocpd, RunModel, Runs, Standard, bound};
use crate::check;

/// Bayesian online changepoint detection, point by point; see [`Bocpd`].
///
/// Cost: O(runs kept) time a point; 40 bytes a run (48 while it runs), at most 8 kB and 200 bytes
/// with the default of 200 runs. [`StreamDetector::expectation`] solves for its two bounds, at about
/// the cost of 20 scores.
///
/// ```
/// use bongsu_core::StreamDetector as _;
/// let mut stream = bongsu_stats::Bocpd::new().known(10.0, 1.0)?.build()?;
/// for i in 0..100 {
///     stream.learn(&[10.0 + 0.5 * f64::from(i % 3)])?;
/// }
/// assert!(stream.score(&[10.5])?.ready().unwrap() < 1.0);
/// assert!(stream.score(&[30.0])?.ready().unwrap() > 3.0);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BocpdStream {
    config: Bocpd,
    seen: u64,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// The first points, until the prior is taken from them.
    First(Vec<f64>),
    Running(Box<Running>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Running {
    standard: Standard,
    runs: Runs,
    #[serde(skip)]
    scratch: Scratch,
}

/// What was learned is compared, not the memory to work in.
impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        (&self.standard, &self.runs) == (&other.standard, &other.runs)
    }
}

impl Running {
    fn new(standard: Standard) -> Self {
        Self {
            standard,
            runs: Runs::new(standard.prior),
            scratch: Scratch::default(),
        }
    }

    fn learn(&mut self, config: &Bocpd, x: f64) {
        let limits = config.limits();
        let z = self.standard.apply(x);
        self.runs.take_in(z, limits.hazard, &mut self.scratch);
        self.runs.let_go(limits, |_| ());
    }
}

impl BocpdStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter of `config` is outside its domain.
    pub fn new(config: Bocpd) -> Result<Self> {
        config.validate()?;
        let mut stream = Self {
            config,
            seen: 0,
            phase: Phase::First(Vec::new()),
        };
        stream.reset();
        Ok(stream)
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Bocpd {
        &self.config
    }

    const fn runs(&self) -> Option<&Runs> {
        match &self.phase {
            Phase::First(_) => None,
            Phase::Running(running) => Some(&running.runs),
        }
    }

    /// The lengths that the present run may have, longest first, with their probabilities; a length
    /// of 0 says that the next point begins a run. Empty while warming up.
    #[must_use]
    pub fn run_lengths(&self) -> Vec<(u64, f64)> {
        let Some(runs) = self.runs() else {
            return Vec::new();
        };
        let total = runs.total();
        runs.iter().map(|(length, p)| (length, p / total)).collect()
    }

    /// The probability that the present run began within the last `points` points, at least 1; 0
    /// while warming up.
    #[must_use]
    pub fn change_probability(&self, points: u64) -> f64 {
        let Some(runs) = self.runs() else {
            return 0.0;
        };
        let recent = |(length, _): &(u64, f64)| (1..=points).contains(length);
        let recent = runs.iter().filter(recent).map(|(_, p)| p).sum::<f64>();
        (recent / runs.total()).min(1.0)
    }

    /// The most probable length of the present run, the longest of equal ones; 0 while warming up.
    #[must_use]
    pub fn most_probable_run(&self) -> u64 {
        self.runs().map_or(0, Runs::most_probable)
    }

    fn take_in(&mut self, x: f64) {
        match &mut self.phase {
            Phase::First(first) => {
                first.push(x);
                if first.len() >= self.config.warmup {
                    let mut running = Running::new(Standard::learn(&self.config, first));
                    for &x in first.iter() {
                        running.learn(&self.config, x);
                    }
                    self.phase = Phase::Running(Box::new(running));
                }
            }
            Phase::Running(running) => running.learn(&self.config, x),
        }
        self.seen = self.seen.saturating_add(1);
    }

    fn judge(&self, x: f64) -> Score {
        match &self.phase {
            Phase::First(first) => Score::Warmup {
                remaining: (self.config.warmup - first.len()) as u64,
            },
            Phase::Running(running) => {
                Score::Ready(running.runs.surprise(running.standard.apply(x)))
            }
        }
    }

    fn checked(&self, x: &[f64]) -> Result<f64> {
        let x = check::single(x)?;
        self.config.check(x)?;
        Ok(x)
    }
}

impl StreamDetector for BocpdStream {
    fn score(&self, x: &[f64]) -> Result<Score> {
        Ok(self.judge(self.checked(x)?))
    }

    fn learn(&mut self, x: &[f64]) -> Result<()> {
        let x = self.checked(x)?;
        self.take_in(x);
        Ok(())
    }

    /// The mean that all runs together predict, and the values at which the score is the threshold.
    fn expectation(&self) -> Option<Expectation> {
        let Phase::Running(running) = &self.phase else {
            return None;
        };
        let at = |side| bound(&running.runs, self.config.threshold, side);
        let expected = running.standard.back(running.runs.mean());
        let mut lower = running.standard.back(at(-1.0)).min(expected);
        if self.config.model == RunModel::Poisson {
            lower = lower.max(0.0);
        }
        Some(Expectation {
            expected,
            lower,
            upper: running.standard.back(at(1.0)).max(expected),
        })
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn heap_bytes(&self) -> usize {
        match &self.phase {
            Phase::First(points) => points.capacity() * size_of::<f64>(),
            Phase::Running(running) => {
                size_of::<Running>() + running.runs.heap_bytes() + running.scratch.heap_bytes()
            }
        }
    }

    fn seen(&self) -> u64 {
        self.seen
    }

    fn reset(&mut self) {
        self.seen = 0;
        self.phase = match self.config.known {
            Some(known) => {
                Phase::Running(Box::new(Running::new(Standard::of(&self.config, known))))
            }
            None => Phase::First(Vec::new()),
        };
    }
}

impl Snapshot for BocpdStream {
    const KIND: &'static str = "stats.bocpd";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        let holds = match &self.phase {
            Phase::First(first) => {
                self.config.known.is_none()
                    && first.len() < self.config.warmup
                    && first.len() as u64 == self.seen
                    && first.iter().all(|x| x.is_finite())
            }
            Phase::Running(running) => {
                running.runs.validate(self.config.max_runs)?;
                let warm = self.config.known.is_some() || self.seen >= self.config.warmup as u64;
                warm && running.standard.is_valid()
                    && running.runs.has_prior(running.standard.prior)
            }
        };
        if holds {
            Ok(())
        } else {
            Err(Error::snapshot("the state of the bocpd contradicts itself"))
        }
    }
}
