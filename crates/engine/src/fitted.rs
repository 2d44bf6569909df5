//! A detector fitted on rows, with the scale on which its scores are read.

use bongsu_core::{Calibration, Calibrator, Detector, Expectation, FitDetectorDyn, Result, Rows};
use bongsu_stats::robust::quantile;

/// The share of training rows beyond the bound of a method that has no bound of its own.
const CONTAMINATION: f64 = 0.1;

/// A fitted detector and its calibration.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) detector: Box<dyn Detector>,
    pub(crate) calibrator: Calibrator,
}

impl Fitted {
    /// Fits on `rows`, and tells their scores. With a `max_alarm_share` at most this share of them lies beyond the bound of a
    /// method that expects no band.
    pub(crate) fn new(
        config: &dyn FitDetectorDyn,
        rows: &Rows<'_>,
        max_alarm_share: Option<f64>,
    ) -> Result<(Self, Vec<f64>)> {
        let (detector, scores) = config.fit_score_boxed(rows)?;
        let fitted = Self::of(detector, &scores, rows, max_alarm_share)?;
        Ok((fitted, scores))
    }

    /// As [`Fitted::new`], of a detector that is fitted on `rows` already.
    pub(crate) fn of(
        detector: Box<dyn Detector>,
        training_scores: &[f64],
        rows: &Rows<'_>,
        max_alarm_share: Option<f64>,
    ) -> Result<Self> {
        let banded = detector.expectations(rows)?.is_some();
        let calibrator = match detector.threshold() {
            // The distance from what is expected: 0 is as expected.
            Some(bound) if banded && bound > 0.0 => Calibrator::threshold(bound)?,
            Some(bound) => calibrated(bound, training_scores, max_alarm_share)?,
            None => Calibration::Contamination(CONTAMINATION).fit(training_scores)?,
        };
        Ok(Self {
            detector,
            calibrator,
        })
    }

    pub(crate) fn expectations(&self, rows: &Rows<'_>) -> Result<Option<Vec<Expectation>>> {
        self.detector.expectations(rows)
    }
}

/// Scores nearer to each other than this share of their size are the same.
const SAME: f64 = 1e-9;

/// How scores are read whose bound is `bound`, or higher where more than `max_alarm_share` of those
/// of training lie beyond it.
fn calibrated(
    bound: f64,
    training_scores: &[f64],
    max_alarm_share: Option<f64>,
) -> Result<Calibrator> {
    let bound = match max_alarm_share {
        Some(share) => bound.max(quantile(training_scores, 1.0 - share)),
        None => bound,
    };
    let center = center(training_scores, bound);
    // Where all scores are the same, any other is far beyond them, though not infinitely far.
    Calibrator::between(center, bound.max(center + SAME * center.abs().max(1.0)))
}

/// The score that is as expected: the median of the training scores, or, where half of them lie
/// beyond the bound, the lowest.
fn center(scores: &[f64], bound: f64) -> f64 {
    let median = quantile(scores, 0.5);
    if median < bound {
        median
    } else {
        quantile(scores, 0.0).min(bound)
    }
}
