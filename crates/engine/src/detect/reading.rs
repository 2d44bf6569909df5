use bongsu_core::{Calibration, Calibrator, Result as CoreResult, Snapshot as _, StreamDetector};
use serde::{Deserialize, Serialize};

use crate::registry::StreamState;

/// How the raw scores of a detector that learns point by point are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Reading {
    /// By the bound that the detector has.
    Bound(Calibrator),
    /// By its own past, for detectors that have none: scores are waited for until the tail of their
    /// distribution can be told.
    Waiting(Vec<f64>),
    /// By its own past, from then on.
    Past(Calibrator),
}

/// The scores from which the tail is first told, and the share of them that is below it.
const SCORES: usize = 250;
const LEVEL: f64 = 0.96;

impl Reading {
    pub(super) fn of(detector: &StreamState) -> CoreResult<Self> {
        Ok(match detector.threshold() {
            Some(bound) => Self::Bound(Calibrator::threshold(bound)?),
            None => Self::Waiting(Vec::new()),
        })
    }

    /// The calibrated score of a raw one; `None` while scores are waited for.
    pub(super) fn read(&self, raw: f64) -> Option<f64> {
        match self {
            Self::Bound(calibrator) | Self::Past(calibrator) => Some(calibrator.calibrate(raw)),
            Self::Waiting(_) => None,
        }
    }

    /// Learns the raw score of a point that is learned.
    pub(super) fn learn(&mut self, raw: f64) -> CoreResult<()> {
        match self {
            Self::Bound(_) => {}
            Self::Past(calibrator) => calibrator.observe(raw),
            Self::Waiting(scores) => {
                scores.push(raw);
                if scores.len() >= SCORES {
                    let calibration = Calibration::PeaksOverThreshold {
                        level: LEVEL,
                        risk: 1e-3,
                        depth: 0,
                    };
                    *self = Self::Past(calibration.fit(scores)?);
                }
            }
        }
        Ok(())
    }

    pub(super) fn validate(&self) -> CoreResult<()> {
        match self {
            Self::Bound(calibrator) | Self::Past(calibrator) => calibrator.validate(),
            Self::Waiting(scores) if scores.len() < SCORES => scores
                .iter()
                .all(|score| score.is_finite())
                .then_some(())
                .ok_or_else(|| bongsu_core::Error::snapshot("a score is not finite")),
            Self::Waiting(_) => Err(bongsu_core::Error::snapshot("too many scores are waiting")),
        }
    }
}
