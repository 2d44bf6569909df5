//! Delivery beside the loop: a slow receiver must not hold up the judging.

use std::time::Duration;

use bongsu_alert::{Delivery, Dispatcher, Lifecycle, Page, Pending, PendingPages};
use bongsu_core::{Alert, Timestamp};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::trace;

/// The dispatcher, at home or on its way to the receivers.
#[derive(Debug)]
pub(crate) struct Courier {
    place: Place,
    /// What it carried when it left; until it is back this may or may not be delivered.
    carried: Pending,
    carried_pages: PendingPages,
    /// News that came while it was away.
    waiting: Vec<Alert>,
    waiting_pages: Vec<Page>,
    /// Its successor, which takes over when it is back.
    successor: Option<Dispatcher>,
}

/// What has perhaps not been delivered.
#[derive(Debug, Default)]
pub(crate) struct Undelivered {
    pub(crate) alerts: Pending,
    /// Alerts that no sink has been offered yet.
    pub(crate) news: Vec<Alert>,
    pub(crate) pages: PendingPages,
    /// Messages that no sink has been offered yet.
    pub(crate) waiting: Vec<Page>,
}

#[derive(Debug)]
enum Place {
    Home(Dispatcher),
    Away(JoinHandle<(Dispatcher, Vec<Delivery>)>),
    /// It was told to stop while away.
    Lost,
}

impl Courier {
    pub(crate) fn new(dispatcher: Dispatcher, waiting: Vec<Alert>) -> Self {
        let mut courier = Self {
            place: Place::Home(dispatcher),
            carried: Pending::default(),
            carried_pages: PendingPages::default(),
            waiting: Vec::new(),
            waiting_pages: Vec::new(),
            successor: None,
        };
        courier.enqueue(waiting);
        courier
    }

    /// Delivers with `dispatcher` from now on, what is not delivered yet included.
    pub(crate) fn exchange(&mut self, dispatcher: Dispatcher) {
        match &mut self.place {
            Place::Home(old) => *old = succeed(old, dispatcher),
            Place::Away(_) | Place::Lost => self.successor = Some(dispatcher),
        }
    }

    /// Takes in alerts that are to be told.
    pub(crate) fn enqueue(&mut self, news: Vec<Alert>) {
        match &mut self.place {
            Place::Home(dispatcher) => dispatcher.enqueue(&news),
            Place::Away(_) | Place::Lost => self.waiting.extend(news),
        }
    }

    /// Takes in messages that are to be sent.
    pub(crate) fn enqueue_pages(&mut self, pages: Vec<Page>) {
        match &mut self.place {
            Place::Home(dispatcher) => tell_unserved(&dispatcher.enqueue_pages(pages)),
            Place::Away(_) | Place::Lost => self.waiting_pages.extend(pages),
        }
    }

    /// What has perhaps not been delivered yet: for the saved state.
    pub(crate) fn undelivered(&self) -> Undelivered {
        match &self.place {
            Place::Home(dispatcher) => Undelivered {
                alerts: dispatcher.pending(),
                pages: dispatcher.pending_pages(),
                ..Undelivered::default()
            },
            Place::Away(_) | Place::Lost => Undelivered {
                alerts: self.carried.clone(),
                news: self.waiting.clone(),
                pages: self.carried_pages.clone(),
                waiting: self.waiting_pages.clone(),
            },
        }
    }

    /// Leaves when it is at home and something is due.
    pub(crate) fn leave(&mut self, now: Timestamp, lifecycle: &Lifecycle) {
        let due = matches!(&self.place, Place::Home(dispatcher) if dispatcher.is_due(now));
        if !due {
            return;
        }
        let place = std::mem::replace(&mut self.place, Place::Lost);
        if let Place::Home(mut dispatcher) = place {
            self.carried = dispatcher.pending();
            self.carried_pages = dispatcher.pending_pages();
            let lifecycle = lifecycle.clone();
            let span = trace::deliver();
            let journey = async move {
                let deliveries = dispatcher.dispatch(now, &[], &lifecycle).await;
                let failed = deliveries
                    .iter()
                    .filter(|delivery| delivery.result.is_err());
                tracing::Span::current().record("failed", failed.count());
                (dispatcher, deliveries)
            };
            self.place = Place::Away(tokio::spawn(journey.instrument(span)));
        }
    }

    /// Waits until it is back and says what came of it; for ever when it is at home.
    pub(crate) async fn back(&mut self) -> Vec<Delivery> {
        let Place::Away(journey) = &mut self.place else {
            return std::future::pending().await;
        };
        match journey.await {
            Ok((mut dispatcher, deliveries)) => {
                if let Some(successor) = self.successor.take() {
                    dispatcher = succeed(&dispatcher, successor);
                }
                dispatcher.enqueue(&std::mem::take(&mut self.waiting));
                let pages = std::mem::take(&mut self.waiting_pages);
                tell_unserved(&dispatcher.enqueue_pages(pages));
                self.place = Place::Home(dispatcher);
                deliveries
            }
            Err(failure) => {
                self.place = Place::Lost;
                match failure.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Vec::new(),
                }
            }
        }
    }

    /// Delivers what is due and waits for it, but not longer than `patience`; what is left stays in
    /// the saved state.
    pub(crate) async fn settle(
        &mut self,
        now: Timestamp,
        lifecycle: &Lifecycle,
        patience: Duration,
    ) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let journeys = async {
            if matches!(self.place, Place::Away(_)) {
                deliveries.extend(self.back().await);
            }
            self.leave(now, lifecycle);
            if matches!(self.place, Place::Away(_)) {
                deliveries.extend(self.back().await);
            }
        };
        if tokio::time::timeout(patience, journeys).await.is_err()
            && let Place::Away(journey) = &self.place
        {
            journey.abort();
        }
        deliveries
    }
}

/// `new`, with what `old` has not delivered.
fn succeed(old: &Dispatcher, mut new: Dispatcher) -> Dispatcher {
    tell_unclaimed(&new.restore(old.pending()));
    tell_unclaimed_pages(&new.restore_pages(old.pending_pages()));
    new
}

/// Says what belongs to sinks that are not there any more.
pub(crate) fn tell_unclaimed(unclaimed: &Pending) {
    for (sink, alerts) in unclaimed.queues() {
        tracing::warn!(
            sink,
            alerts = alerts.len(),
            "undelivered alerts of a sink that is not configured any more are dropped"
        );
    }
}

/// Says which messages belong to sinks that are not there any more.
pub(crate) fn tell_unclaimed_pages(unclaimed: &PendingPages) {
    for (sink, pages) in unclaimed.queues() {
        tracing::warn!(
            sink,
            messages = pages.len(),
            "undelivered messages of a sink that is not configured any more are dropped"
        );
    }
}

/// Says which messages have a receiver without sinks.
fn tell_unserved(pages: &[Page]) {
    for page in pages {
        tracing::debug!(receiver = %page.receiver, "a receiver without sinks is told nothing");
    }
}
