//! What is watched for drift.

use bongsu_core::Verdict;
use bongsu_stream::DriftMonitor;

use crate::Error;
use crate::config::{QueryConfig, Watched};
use crate::registry::drift;
use crate::training::drift_monitor;

/// What watches each series for drift.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    pub(super) fresh: DriftMonitor,
    what: Watched,
    /// Whether it is told errors, 0 or 1, rather than scores.
    takes_errors: bool,
}

/// Scores above this count as this much for drift, so that one outlier is no change of the mean.
const MOST_SCORE: f64 = 10.0;

impl Watch {
    pub(super) fn new(query: &QueryConfig) -> Result<Option<Self>, Error> {
        let trigger = query.training.as_ref().and_then(|t| t.on_drift.as_ref());
        let Some(trigger) = trigger else {
            return Ok(None);
        };
        Ok(Some(Self {
            fresh: drift_monitor(trigger)?,
            what: trigger.watch,
            takes_errors: drift::find(&trigger.detector)?.values != drift::Values::Any,
        }))
    }

    /// What it is told of a verdict.
    pub(super) fn look(&self, verdict: &Verdict) -> Option<f64> {
        let score = verdict.score?;
        match self.what {
            Watched::Score if self.takes_errors => Some(f64::from(u8::from(verdict.anomalous))),
            Watched::Score => Some(score.min(MOST_SCORE)),
            Watched::Value => verdict.value,
            Watched::Residual => Some(verdict.value? - verdict.expected?),
        }
    }
}
