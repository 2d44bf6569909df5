//! Incidents and their analyses.

use std::time::Duration;

use bongsu_rca::RcaVerdict;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::{ByOutcome, added, level};
use crate::incident::Analysis;

#[derive(Debug, Clone)]
pub(crate) struct IncidentMetrics {
    opened: Counter,
    closed: Counter,
    open: Gauge,
    analyses: Family<ByOutcome, Counter>,
    time: Histogram,
}

impl IncidentMetrics {
    pub(super) fn register(all: &mut Registry) -> Self {
        // From 10 ms to 82 s.
        let time = Histogram::new(exponential_buckets(0.01, 2.0, 14));
        all.register_with_unit(
            "incident_analysis_duration",
            "How long an analysis of an incident took, with its queries",
            Unit::Seconds,
            time.clone(),
        );
        Self {
            opened: added(all, "incidents_opened", "Incidents that began"),
            closed: added(all, "incidents_closed", "Incidents that are over"),
            open: added(all, "incidents_open", "Incidents that last"),
            analyses: added(
                all,
                "incident_analyses",
                "Analyses of incidents, by outcome",
            ),
            time,
        }
    }

    pub(crate) fn opened(&self) {
        self.opened.inc();
    }

    pub(crate) fn closed(&self) {
        self.closed.inc();
    }

    pub(crate) fn set_open(&self, incidents: usize) {
        self.open.set(level(incidents));
    }

    pub(crate) fn analysed(&self, outcome: &Result<Analysis, String>, took: Duration) {
        let outcome = match outcome.as_ref().map(|analysis| analysis.verdict) {
            Ok(RcaVerdict::Ranked) => "ranked",
            Ok(RcaVerdict::NotProven) => "not_proven",
            Err(_) => "failed",
        };
        self.analyses.get_or_create(&ByOutcome { outcome }).inc();
        self.time.observe(took.as_secs_f64());
    }
}
