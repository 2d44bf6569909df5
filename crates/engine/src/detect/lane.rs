use bongsu_core::{
    Calibrator, Contribution, DeviationFilter, Expectation, Result as CoreResult, Snapshot as _,
    StreamDetector, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::Found;
use crate::Error;
use crate::registry::StreamState;

/// A detector that judges point by point, one channel or all of them together, and how its scores
/// are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lane {
    detector: StreamState,
    calibrator: Calibrator,
}

/// How a point is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    pub(crate) learn: bool,
    /// Whether raw scores are asked for.
    pub(crate) raw: bool,
    /// The names of the channels, where it is to be said what they contribute.
    pub(crate) explain: Option<&'a [String]>,
    pub(crate) filter: &'a DeviationFilter,
}

impl Lane {
    /// # Errors
    /// When the detector is not for this number of features.
    pub(crate) fn new(mut detector: StreamState, features: usize) -> Result<Self, Error> {
        detector.fix_features(features)?;
        let calibrator = Calibrator::threshold(detector.threshold().unwrap_or(1.0))?;
        Ok(Self {
            detector,
            calibrator,
        })
    }

    pub(crate) const fn detector(&self) -> &StreamState {
        &self.detector
    }

    pub(crate) fn validate(&self) -> CoreResult<()> {
        self.detector.validate()?;
        self.calibrator.validate()
    }

    /// # Errors
    /// When the detector refuses the point; it has then not learned it.
    pub(crate) fn judge(
        &mut self,
        time: Timestamp,
        values: &[f64],
        manner: Manner<'_>,
    ) -> CoreResult<Found> {
        self.detector.set_time(time);
        let band = self.detector.expectation();
        let own = if manner.raw {
            self.detector.raw_score(values)?
        } else {
            None
        };
        // What a channel contributes must be asked before the point is learned.
        let names = manner.explain.filter(|names| names.len() > 1);
        let learn_at_once = manner.learn && names.is_none();
        // As the limits were when the point was judged.
        let outside_limits = self.detector.outside_limits(values);
        let score = if learn_at_once {
            self.detector.score_then_learn(values)?
        } else {
            self.detector.score(values)?
        };
        let calibrated = score.ready().map(|score| self.calibrator.calibrate(score));
        let raw = own.unwrap_or(score).ready();
        let mut found = Found::new(raw, calibrated, values, band, manner.filter);
        found.outside_limits = outside_limits;
        if let Some(names) = names
            && found.is_anomalous()
        {
            found.contributions = shares(names, self.detector.contributions(values)?);
        }
        if manner.learn && !learn_at_once {
            self.detector.learn(values)?;
        }
        Ok(found)
    }
}

impl Found {
    /// What the scores of a point mean.
    pub(super) fn new(
        raw: Option<f64>,
        calibrated: Option<f64>,
        values: &[f64],
        band: Option<Expectation>,
        filter: &DeviationFilter,
    ) -> Self {
        let value = values.first().copied().unwrap_or(f64::NAN);
        Self {
            raw,
            calibrated: calibrated.map(|score| filter.apply(score, value, band.as_ref())),
            expectation: band.map(|band| filter.widen(band)),
            contributions: Vec::new(),
            outside_limits: 0,
        }
    }

    pub(super) fn is_anomalous(&self) -> bool {
        self.calibrated.is_some_and(|score| score > 1.0)
    }
}

/// The shares of the channels in the score of a row, largest first; none where they are not known.
pub(super) fn shares(names: &[String], parts: Option<Vec<f64>>) -> Vec<Contribution> {
    let parts = parts.unwrap_or_default();
    let total: f64 = parts.iter().sum();
    if !(total.is_finite() && total > 0.0) {
        return Vec::new();
    }
    let shares = names.iter().zip(parts).map(|(name, part)| Contribution {
        feature: name.clone(),
        share: part / total,
    });
    let mut shares: Vec<Contribution> = shares.collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}
