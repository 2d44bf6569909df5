//! Alerts, messages and their delivery.

use bongsu_alert::{Delivery, SuppressorStatus};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Following, added, level};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySink {
    sink: String,
}

#[derive(Debug, Clone)]
pub(crate) struct AlertMetrics {
    fired: Counter,
    resolved: Counter,
    pages: Counter,
    held_groups: Gauge,
    forgotten: Following,
    firing: Gauge,
    failed: Family<BySink, Counter>,
    lost: Family<BySink, Counter>,
    waiting: Family<BySink, Gauge>,
}

impl AlertMetrics {
    pub(super) fn register(all: &mut Registry) -> Self {
        Self {
            fired: added(all, "alerts_fired", "Alerts that fired"),
            resolved: added(all, "alerts_resolved", "Alerts that were resolved"),
            pages: added(all, "pages", "Messages made for receivers"),
            held_groups: added(
                all,
                "held_groups",
                "Groups of alerts whose messages wait for the budget",
            ),
            forgotten: Following::new(added(
                all,
                "suppression_alerts_forgotten",
                "Alerts that suppression forgot because there were too many",
            )),
            firing: added(all, "alerts_firing", "Alerts that fire now"),
            failed: added(
                all,
                "sink_failures",
                "Deliveries that failed and are tried again",
            ),
            lost: added(all, "sink_alerts_lost", "Alerts that were given up"),
            waiting: added(
                all,
                "sink_queue",
                "Alerts that wait for a sink, as of its last delivery",
            ),
        }
    }

    pub(crate) fn fired(&self) {
        self.fired.inc();
    }

    pub(crate) fn resolved(&self) {
        self.resolved.inc();
    }

    pub(crate) fn set_firing(&self, alerts: usize) {
        self.firing.set(level(alerts));
    }

    pub(crate) fn paged(&self, pages: usize, status: SuppressorStatus) {
        self.pages.inc_by(pages as u64);
        self.held_groups.set(level(status.held_groups));
        self.forgotten.see(status.dropped);
    }

    pub(crate) fn delivered(&self, delivery: &Delivery) {
        let by = BySink {
            sink: delivery.sink.clone(),
        };
        let failed = u64::from(delivery.result.is_err());
        self.failed.get_or_create(&by).inc_by(failed);
        self.lost.get_or_create(&by).inc_by(delivery.lost);
        let waiting = level(delivery.queued);
        self.waiting.get_or_create(&by).set(waiting);
    }
}
