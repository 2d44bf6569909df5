//! The bound of a detector's scores, kept up to date.

use bongsu_core::{Calibration, Calibrator, Result, Snapshot as _};
use serde::{Deserialize, Serialize};

use super::Bound;
use crate::check;

/// The calibrated score that an anomalous one is taken in as.
const TAKEN_AS: f64 = 1.25;

/// How many times more often than the share of alarms says an anomalous score is taken in at most.
const MOST_TAKEN: f64 = 3.0;

/// The bound is fitted anew when one in so many scores is new.
const REFIT: usize = 16;

/// The fewest scores that a bound is fitted to after a new normal was found.
const LEAST: usize = 40;

/// The latest scores and the bound that they give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// A ring once it is full.
    scores: Vec<f64>,
    oldest: usize,
    calibrator: Option<Calibrator>,
    /// Scores since the last fit.
    pending: usize,
    /// How many anomalous scores may still be taken in.
    allowance: f64,
}

impl Kept {
    pub(super) const fn new() -> Self {
        Self {
            scores: Vec::new(),
            oldest: 0,
            calibrator: None,
            pending: 0,
            allowance: MOST_TAKEN,
        }
    }

    /// The calibrated score of `raw`, when there is a bound.
    pub(super) fn calibrate(&self, raw: f64) -> Option<f64> {
        self.calibrator.as_ref().map(|c| c.calibrate(raw))
    }

    /// Scores that are still needed for the first bound.
    pub(super) fn remaining(&self, bound: &Bound) -> usize {
        match self.calibrator {
            Some(_) => 0,
            None => bound.calibration.saturating_sub(self.scores.len()),
        }
    }

    /// Takes in the score of a point, which was `anomalous` or not.
    pub(super) fn observe(&mut self, raw: f64, anomalous: bool, bound: &Bound) {
        let share = MOST_TAKEN * bound.max_alarm_share;
        let most = (share * bound.window as f64).max(MOST_TAKEN);
        self.allowance = (self.allowance + share).min(most);
        if !anomalous {
            self.push(raw, bound);
        } else if self.allowance >= 1.0 {
            self.allowance -= 1.0;
            self.push(self.beyond(raw), bound);
        }
        let enough = match self.calibrator {
            Some(_) => LEAST,
            None => bound.calibration,
        };
        if self.scores.len() >= enough && self.pending * REFIT >= self.scores.len() {
            self.pending = 0;
            self.fit(bound, None);
        }
    }

    /// Starts over after the scores `of_run` of points that are the new normal.
    pub(super) fn start_over(&mut self, of_run: &[f64], bound: &Bound) {
        *self = Self::new();
        self.fit(bound, Some(of_run));
    }

    /// `raw`, but no more than a little beyond the bound.
    fn beyond(&self, raw: f64) -> f64 {
        let ends = self.calibrator.as_ref().map(|c| (c.center(), c.bound()));
        match ends {
            Some((Some(center), Some(bound))) if bound > center => {
                raw.min(center + TAKEN_AS * (bound - center))
            }
            // All were the same: there is no distance to go beyond by.
            _ => raw,
        }
    }

    fn push(&mut self, raw: f64, bound: &Bound) {
        self.pending += 1;
        if self.scores.len() < bound.window {
            self.scores.push(raw);
        } else if let Some(slot) = self.scores.get_mut(self.oldest) {
            *slot = raw;
            self.oldest = (self.oldest + 1) % bound.window;
        }
    }

    fn fit(&mut self, bound: &Bound, scores: Option<&[f64]>) {
        let scores = scores.unwrap_or(&self.scores);
        // Finite scores and a share in its domain always give one; else the last one stays.
        if let Ok(fitted) = Calibration::Contamination(bound.max_alarm_share).fit(scores) {
            self.calibrator = Some(fitted);
        }
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        let calibrator = match &self.calibrator {
            Some(calibrator) => calibrator.heap_bytes(),
            None => 0,
        };
        calibrator + size_of::<f64>() * self.scores.capacity()
    }

    pub(super) fn validate(&self, bound: &Bound) -> Result<()> {
        if let Some(calibrator) = &self.calibrator {
            calibrator.validate()?;
            check::saved(
                calibrator.bound().is_some(),
                "the bound is not one of a streaming detector",
            )?;
        }
        let most = (MOST_TAKEN * bound.max_alarm_share * bound.window as f64).max(MOST_TAKEN);
        check::saved(
            self.scores.len() <= bound.window
                && self.scores.iter().all(|score| score.is_finite())
                && self.oldest < self.scores.len().max(1)
                && (self.oldest == 0 || self.scores.len() == bound.window)
                && self.pending <= bound.window
                && (0.0..=most).contains(&self.allowance)
                && (self.calibrator.is_some() || self.scores.len() < bound.calibration),
            "the scores that the bound rests on do not fit together",
        )
    }
}
