//! The level that all bins share, and its steps.

use serde::{Deserialize, Serialize};

use super::stream::bounded;

/// How long a step must last before it is the level, in seconds on the local clock.
const DAY: u64 = 86_400;

/// What all bins are relative to.
///
/// A run of deviations on one side moves what is expected at once. Whether it is a step of the level
/// or the pattern of a weekend shows only later: until the step has lasted for a day the bins are
/// learned as if it had not been.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Level {
    /// What the bins were learned relative to.
    pub(super) base: f64,
    /// A step that has not lasted for a day, and when it came, in local seconds.
    step: f64,
    since: Option<i64>,
    /// Deviations beyond the threshold in a row on one side, and their mean.
    run: u32,
    run_above: bool,
    run_mean: f64,
}

impl Level {
    pub(super) fn now(&self) -> f64 {
        bounded(self.base + self.step)
    }

    /// Whether there is a step that has not lasted.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.since.is_some()
    }

    pub(super) const fn is_in_run(&self) -> bool {
        self.run > 0
    }

    pub(super) fn follow(&mut self, by: f64) {
        self.base = bounded(self.base + by);
    }

    /// Ends the run.
    pub(super) const fn calm(&mut self) {
        self.run = 0;
    }

    /// Adds a deviation beyond the threshold to its run; true when it is as long as the patience and
    /// the level has stepped. A step back to within `near` of the base leaves no doubt.
    pub(super) fn strain(&mut self, d: f64, patience: u32, local: i64, near: f64) -> bool {
        if self.run > 0 && self.run_above == (d > 0.0) {
            self.run += 1;
            self.run_mean =
                bounded(self.run_mean + bounded(d - self.run_mean) / f64::from(self.run));
        } else {
            self.run = 1;
            self.run_mean = d;
            self.run_above = d > 0.0;
        }
        if self.run < patience {
            return false;
        }
        self.run = 0;
        self.step = bounded(self.step + self.run_mean);
        self.since = Some(local);
        if self.step.abs() <= near {
            self.accept();
        }
        true
    }

    /// Accepts a step that has lasted for a day, and tells since when.
    pub(super) fn settle(&mut self, local: i64) -> Option<i64> {
        let since = self.since.filter(|&since| local.abs_diff(since) >= DAY)?;
        self.accept();
        Some(since)
    }

    fn accept(&mut self) {
        self.base = self.now();
        self.step = 0.0;
        self.since = None;
    }

    pub(super) fn is_valid(&self, patience: u32) -> bool {
        let finite = [self.base, self.step, self.run_mean];
        finite.iter().all(|x| x.is_finite())
            && self.run < patience
            && (self.since.is_some() || self.step == 0.0)
            && self.since.is_none_or(super::stream::is_local)
    }
}
