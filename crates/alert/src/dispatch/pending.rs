use std::collections::BTreeMap;

use bongsu_core::{Alert, AlertState, Snapshot};
use serde::{Deserialize, Serialize};

use crate::Page;

/// The transitions that a [`Dispatcher`](crate::Dispatcher) has not delivered yet, to be saved across
/// a restart. [`PendingPages`] holds the pages.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Pending {
    pub(super) queues: BTreeMap<String, Queue>,
}

/// The undelivered transitions of one sink, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Queue {
    pub(super) alerts: Vec<Alert>,
    /// Dropped, and not reported yet.
    pub(super) lost: u64,
}

impl Pending {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Adds what waits elsewhere: for a sink that waits in both, `other` is the newer part.
    pub fn append(&mut self, other: Self) {
        for (name, mut queue) in other.queues {
            let own = self.queues.entry(name).or_default();
            own.alerts.append(&mut queue.alerts);
            own.lost = own.lost.saturating_add(queue.lost);
        }
    }

    /// Adds alerts that wait for this sink, newer than all others.
    pub fn push(&mut self, sink: &str, alerts: &[Alert]) {
        if !alerts.is_empty() {
            let queue = self.queues.entry(sink.to_owned()).or_default();
            queue.alerts.extend_from_slice(alerts);
        }
    }

    /// The same, waiting for sinks of other names. What waits for one name then stays together.
    #[must_use]
    pub fn renamed(self, name: impl Fn(&str) -> String) -> Self {
        let mut renamed = Self::default();
        for (old, queue) in self.queues {
            let queues = BTreeMap::from([(name(&old), queue)]);
            renamed.append(Self { queues });
        }
        renamed
    }

    /// The sinks' names and the transitions that wait for each, oldest first.
    pub fn queues(&self) -> impl Iterator<Item = (&str, &[Alert])> {
        self.queues
            .iter()
            .map(|(name, queue)| (name.as_str(), queue.alerts.as_slice()))
    }
}

impl Snapshot for Pending {
    const KIND: &'static str = "alert.pending";
    const VERSION: u16 = 1;

    fn validate(&self) -> bongsu_core::Result<()> {
        let pending = self
            .queues()
            .find(|(_, alerts)| alerts.iter().any(|a| a.state == AlertState::Pending));
        match pending {
            Some((name, _)) => Err(bongsu_core::Error::snapshot(format!(
                "the queue of `{name}` holds an alert that never fired"
            ))),
            None => Ok(()),
        }
    }
}

/// The pages that a [`Dispatcher`](crate::Dispatcher) has not delivered yet, to be saved across a
/// restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PendingPages {
    pub(super) queues: BTreeMap<String, Vec<Page>>,
}

impl PendingPages {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Adds what waits elsewhere: for a sink that waits in both, `other` is the newer part.
    pub fn append(&mut self, other: Self) {
        for (name, mut pages) in other.queues {
            self.queues.entry(name).or_default().append(&mut pages);
        }
    }

    /// Adds pages that wait for this sink, newer than all others.
    pub fn push(&mut self, sink: &str, pages: &[Page]) {
        if !pages.is_empty() {
            let queue = self.queues.entry(sink.to_owned()).or_default();
            queue.extend_from_slice(pages);
        }
    }

    /// The same, waiting for sinks of other names. What waits for one name then stays together.
    #[must_use]
    pub fn renamed(self, name: impl Fn(&str) -> String) -> Self {
        let mut renamed = Self::default();
        for (old, pages) in self.queues {
            let queues = BTreeMap::from([(name(&old), pages)]);
            renamed.append(Self { queues });
        }
        renamed
    }

    /// The sinks' names and the pages that wait for each, oldest first.
    pub fn queues(&self) -> impl Iterator<Item = (&str, &[Page])> {
        self.queues
            .iter()
            .map(|(name, pages)| (name.as_str(), pages.as_slice()))
    }
}

impl Snapshot for PendingPages {
    const KIND: &'static str = "alert.pending_pages";
    const VERSION: u16 = 1;

    fn validate(&self) -> bongsu_core::Result<()> {
        let pending = |page: &Page| page.alerts.iter().any(|a| a.state == AlertState::Pending);
        match self.queues().find(|(_, pages)| pages.iter().any(pending)) {
            Some((name, _)) => Err(bongsu_core::Error::snapshot(format!(
                "a page for `{name}` holds an alert that never fired"
            ))),
            None => Ok(()),
        }
    }
}
