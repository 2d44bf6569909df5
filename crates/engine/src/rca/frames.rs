use bongsu_rca::{MetricCause, RcaReport};
use serde::{Deserialize, Serialize};

use super::RcaOutcome;

/// The most metrics whose values go with a report, the most suspicious first.
pub(super) const EVIDENCE: usize = 8;

/// A report with the values that it rests on, as `bongsu rca --json` writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RcaDocument<'a> {
    /// The report, whose fields stand side by side with the frames.
    #[serde(flatten)]
    pub report: &'a RcaReport,
    /// The metrics at the head of [`RcaReport::metrics`], in that order.
    pub frames: Vec<EvidenceFrame>,
}

/// The values of a metric, as they were looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceFrame {
    /// The service that it is measured of.
    pub service: String,
    /// Its name.
    pub metric: String,
    /// The moments in Unix seconds.
    pub timestamps: Vec<f64>,
    /// The value at each of them; `None` where one is missing.
    pub values: Vec<Option<f64>>,
}

impl<'a> RcaDocument<'a> {
    /// The report that was found, with the values of its eight most suspicious metrics.
    #[must_use]
    pub fn new(found: &'a RcaOutcome) -> Self {
        let first = found.report.metrics.iter().take(EVIDENCE);
        Self {
            report: &found.report,
            frames: first.filter_map(|metric| frame(found, metric)).collect(),
        }
    }
}

fn frame(found: &RcaOutcome, cause: &MetricCause) -> Option<EvidenceFrame> {
    let data = &found.observations;
    let same = |m: &bongsu_rca::Metric| m.service == cause.service && m.name == cause.metric;
    let column = data.columns().get(data.metrics().iter().position(same)?)?;
    Some(EvidenceFrame {
        service: cause.service.clone(),
        metric: cause.metric.clone(),
        timestamps: data.times().iter().map(|time| time.as_secs_f64()).collect(),
        values: column.iter().map(|&x| (!x.is_nan()).then_some(x)).collect(),
    })
}
