use std::collections::VecDeque;

use bongsu_core::{Drift, DriftDetector, Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use super::DriftState;
use crate::check;

/// The most votes that a confirmation can ask for.
const MAX_VOTES: usize = 1024;

/// Adds hysteresis to a drift detector that watches scores, errors or residuals.
///
/// A drift that the detector sees is a vote. The monitor says [`Drift::Drift`] at the vote that is
/// the `k`-th within the last `n` values, but not within `min_points` values of its last drift; any
/// other vote is a [`Drift::Warning`]. Until it says drift, the detector goes on with what it knew
/// before, so that a lasting change votes again and a passing one does not; then the detector starts
/// anew.
///
/// ADWIN drops the older part of its window with every vote, so that it votes again only when the
/// rest still differs: ask for few votes within some hundreds of values.
///
/// Cost: that of the detector. Memory: that of the detector, 64 bytes and 8 bytes a vote.
///
/// ```
/// use bongsu_core::{Drift, DriftDetector as _};
/// use bongsu_stream::{Ddm, DriftMethod, DriftMonitor};
/// let ddm = DriftMethod::Ddm(Ddm::new()).build()?;
/// let mut monitor = DriftMonitor::new(ddm).min_points(100).confirm(5, 20)?;
/// let error = |i: u32| f64::from(i % if i < 300 { 10 } else { 2 } == 0);
/// let mut drifts = (0..600).filter(|&i| matches!(monitor.update(error(i)), Ok(Drift::Drift)));
/// assert_eq!(drifts.next(), Some(330));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftMonitor {
    detector: DriftState,
    min_points: u64,
    votes_needed: usize,
    within: u64,
    seen: u64,
    last_drift: Option<u64>,
    /// When the last votes were, the oldest first.
    votes: VecDeque<u64>,
}

impl DriftMonitor {
    /// Watches with `detector`; every vote is a drift until told otherwise.
    #[must_use]
    pub const fn new(detector: DriftState) -> Self {
        Self {
            detector,
            min_points: 0,
            votes_needed: 1,
            within: 1,
            seen: 0,
            last_drift: None,
            votes: VecDeque::new(),
        }
    }

    /// The least number of values from one drift to the next. Default: 0.
    #[must_use]
    pub const fn min_points(mut self, values: u64) -> Self {
        self.min_points = values;
        self
    }

    /// How many votes it takes, and within how many values. Domain: `votes` in [1, 1024], `within`
    /// at least `votes`. Default: 1 and 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn confirm(mut self, votes: usize, within: u64) -> Result<Self> {
        self.votes_needed = votes;
        self.within = within;
        self.confirmation()?;
        Ok(self)
    }

    /// The detector that watches.
    #[must_use]
    pub const fn detector(&self) -> &DriftState {
        &self.detector
    }

    /// The number of values since the last drift, or since the start.
    #[must_use]
    pub fn since_drift(&self) -> u64 {
        self.seen - self.last_drift.unwrap_or(0)
    }

    fn confirmation(&self) -> Result<()> {
        check::count("votes", self.votes_needed, 1, MAX_VOTES)?;
        if self.within < self.votes_needed as u64 {
            return Err(Error::parameter(
                "within",
                self.within,
                format!("at least the number of votes, {}", self.votes_needed),
            ));
        }
        Ok(())
    }

    /// Counts a vote; whether it is one too many.
    fn vote(&mut self) -> bool {
        let recent = |&vote: &u64| self.seen - vote < self.within;
        while self.votes.front().is_some_and(|vote| !recent(vote)) {
            self.votes.pop_front();
        }
        self.votes.push_back(self.seen);
        if self.votes.len() > self.votes_needed {
            self.votes.pop_front();
        }
        let rested = self.last_drift.is_none() || self.since_drift() >= self.min_points;
        rested && self.votes.len() >= self.votes_needed
    }
}

impl DriftDetector for DriftMonitor {
    fn update(&mut self, x: f64) -> Result<Drift> {
        let seen = self.detector.update(x)?;
        self.seen = self.seen.saturating_add(1);
        if seen != Drift::Drift {
            return Ok(seen);
        }
        if self.vote() {
            self.last_drift = Some(self.seen);
            self.votes.clear();
            return Ok(Drift::Drift);
        }
        self.detector.hold();
        Ok(Drift::Warning)
    }

    fn reset(&mut self) {
        self.detector.reset();
        self.seen = 0;
        self.last_drift = None;
        self.votes.clear();
    }
}

impl Snapshot for DriftMonitor {
    const KIND: &'static str = "stream.drift_monitor";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.detector.validate()?;
        self.confirmation()?;
        check::saved(
            self.last_drift.is_none_or(|at| at <= self.seen)
                && self.votes.len() <= self.votes_needed
                && self.votes.iter().all(|&at| at <= self.seen),
            "the votes of the drift monitor do not fit the number of values seen",
        )
    }
}
