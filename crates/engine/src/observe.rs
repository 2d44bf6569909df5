use std::sync::Arc;

use bongsu_alert::{Page, Transition};
use bongsu_core::Verdict;

use crate::Collector;
use crate::config::QueryConfig;
use crate::incident::{Incident, IncidentChange};
use crate::recent::Recent;

/// Sees what the engine does, as it does it: for terminals, reports and tests.
pub trait Observer: Send {
    /// A query was judged.
    fn verdicts(&mut self, query: &QueryConfig, verdicts: &[Verdict]) {
        let _ = (query, verdicts);
    }

    /// An alert fired or was resolved.
    fn transition(&mut self, transition: &Transition) {
        let _ = transition;
    }

    /// Alerts began to be an incident, it was analysed, or it is over.
    fn incident(&mut self, change: IncidentChange, incident: &Incident) {
        let _ = (change, incident);
    }

    /// Messages were made that receivers are told.
    fn messages(&mut self, pages: &[Page]) {
        let _ = pages;
    }

    /// Something is wrong with a query's data, or it could not be had.
    fn problem(&mut self, query: &str, message: &str) {
        let _ = (query, message);
    }
}

/// An observer that does not look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// The caller's observer and, when a report is wanted, the collector for it.
pub(crate) struct Watch {
    pub(crate) caller: Box<dyn Observer>,
    pub(crate) collector: Option<Collector>,
    /// What plots in messages are drawn from.
    pub(crate) recent: Option<Arc<Recent>>,
}

impl Observer for Watch {
    fn verdicts(&mut self, query: &QueryConfig, verdicts: &[Verdict]) {
        if let Some(collector) = &mut self.collector {
            collector.verdicts(query, verdicts);
        }
        if let Some(recent) = &self.recent {
            recent.verdicts(query, verdicts);
        }
        self.caller.verdicts(query, verdicts);
    }

    fn transition(&mut self, transition: &Transition) {
        if let Some(collector) = &mut self.collector {
            collector.transition(transition);
        }
        self.caller.transition(transition);
    }

    fn incident(&mut self, change: IncidentChange, incident: &Incident) {
        self.caller.incident(change, incident);
    }

    fn messages(&mut self, pages: &[Page]) {
        self.caller.messages(pages);
    }

    fn problem(&mut self, query: &str, message: &str) {
        if let Some(collector) = &mut self.collector {
            collector.problem(query, message);
        }
        self.caller.problem(query, message);
    }
}
