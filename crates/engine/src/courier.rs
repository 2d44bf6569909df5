//! Delivery beside the loop: a slow receiver holds up neither the judging nor the other receivers.

mod carrier;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_alert::{Delivery, Dispatcher, Lifecycle, NoteKind, Page, Pending, PendingPages};
use bongsu_core::{Alert, Timestamp};
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use self::carrier::Carrier;
use crate::sinks::identity::{place, serves};
use crate::trace;

/// What goes to the sinks, each of which has a carrier of its own.
#[derive(Debug, Default)]
pub(crate) struct Courier {
    carriers: Vec<Carrier>,
    /// The number of carriers that there have been.
    numbered: u64,
    journeys: JoinSet<Return>,
}

/// A carrier's number, its dispatcher, and what came of the journey.
type Return = (u64, Dispatcher, Vec<Delivery>);

/// What has perhaps not been delivered.
#[derive(Debug, Default)]
pub(crate) struct Undelivered {
    pub(crate) alerts: Pending,
    pub(crate) pages: PendingPages,
}

impl Undelivered {
    /// Gives an earlier run's queues to the sinks of `dispatcher` at the same places. `former` holds
    /// their names by those that versions before gave them. What belongs to no sink is kept as dead
    /// letters.
    pub(crate) fn take_up(self, dispatcher: &mut Dispatcher, former: &BTreeMap<String, String>) {
        let saved = self.alerts.queues().map(|(name, _)| name.to_owned());
        let saved = saved.chain(self.pages.queues().map(|(name, _)| name.to_owned()));
        let moved = moved(&saved.collect(), dispatcher);
        let name = |name: &str| match former.get(name).or_else(|| moved.get(name)) {
            Some(now) => {
                tracing::info!(former = name, now, "what waits for a sink has its new name");
                now.clone()
            }
            None => name.to_owned(),
        };
        let alerts = dispatcher.restore(self.alerts.renamed(name));
        let pages = dispatcher.restore_pages(self.pages.renamed(name));
        tell_unclaimed(&alerts, &pages);
        dispatcher.keep_unclaimed(&alerts, &pages);
    }
}

/// What there is to say to sinks that come and go with a new configuration.
pub(crate) struct Change<'a> {
    /// Of sinks of the state that go, by name: what tells the end of it where nobody else tells the
    /// state from now on.
    pub(crate) leaving: BTreeMap<String, Option<Dispatcher>>,
    /// What a new sink of a receiver is told.
    pub(crate) welcome: &'a dyn Fn(&str) -> Vec<Page>,
    /// What a sink of a receiver that goes is told.
    pub(crate) parting: &'a dyn Fn(&str) -> Vec<Page>,
    /// The alerts that fire, for sinks that hear of each: new ones are told of them.
    pub(crate) firing: Vec<Alert>,
    /// The same, as they are over for sinks that go.
    pub(crate) ended: Vec<Alert>,
    /// Those that ended lately, for sinks of the state.
    pub(crate) over: Vec<Alert>,
}

impl Courier {
    pub(crate) fn new(dispatcher: Dispatcher, news: &[Alert]) -> Self {
        let mut courier = Self::default();
        for part in dispatcher.split() {
            courier.add(part);
        }
        courier.enqueue(news);
        courier
    }

    fn add(&mut self, dispatcher: Dispatcher) {
        self.numbered += 1;
        self.carriers.push(Carrier::new(self.numbered, dispatcher));
    }

    /// Delivers with `dispatcher` from now on, what is not delivered yet included. Sinks that are not
    /// in it are told the end of what they know, and dismissed; one that is dismissed and comes back
    /// goes on with what it still has to hear.
    pub(crate) fn exchange(&mut self, dispatcher: Dispatcher, change: &mut Change<'_>) {
        let mut old: Vec<Carrier> = std::mem::take(&mut self.carriers);
        let parts = dispatcher.split();
        let names: Vec<String> = parts.iter().map(carrier::name_of).collect();
        let served: BTreeSet<&str> = names.iter().map(|name| place(name)).collect();
        let staying = old.iter().filter(|carrier| !carrier.is_dismissed());
        // Where one of several sinks for the same place stays, there is nothing new to tell.
        let known: BTreeSet<String> = staying.map(|c| place(c.name()).to_owned()).collect();
        for (part, name) in parts.into_iter().zip(&names) {
            match old.iter().position(|carrier| carrier.name() == name) {
                Some(at) => {
                    let mut carrier = old.remove(at);
                    carrier.exchange(part);
                    self.carriers.push(carrier);
                }
                None => self.add(part),
            }
            if !known.contains(place(name))
                && let Some(carrier) = self.carriers.last_mut()
            {
                match carrier.receiver().map(change.welcome) {
                    Some(pages) => carrier.enqueue_pages(pages),
                    None => carrier.enqueue(&change.firing),
                }
            }
        }
        for mut carrier in old {
            if !carrier.is_dismissed() {
                let gone = !served.contains(place(carrier.name()));
                match (change.leaving.remove(carrier.name()), carrier.receiver()) {
                    (Some(Some(rest)), _) => {
                        carrier.exchange(rest);
                        let ended = [change.ended.clone(), change.over.clone()].concat();
                        carrier.dismiss(ended);
                    }
                    (None, Some(receiver)) if gone => {
                        let pages = (change.parting)(receiver);
                        carrier.enqueue_pages(pages);
                        carrier.dismiss(Vec::new());
                    }
                    (None, None) if gone => carrier.dismiss(change.ended.clone()),
                    _ => carrier.dismiss(Vec::new()),
                }
            }
            self.carriers.push(carrier);
        }
        self.drop_idle();
    }

    /// Takes in alerts that are to be told.
    pub(crate) fn enqueue(&mut self, news: &[Alert]) {
        let staying = self.carriers.iter_mut().filter(|c| !c.is_dismissed());
        for carrier in staying.filter(|carrier| carrier.receiver().is_none()) {
            carrier.enqueue(news);
        }
    }

    /// Takes in messages that are to be sent.
    pub(crate) fn enqueue_pages(&mut self, pages: Vec<Page>) {
        for page in pages {
            let mut served = false;
            let staying = self.carriers.iter_mut().filter(|c| !c.is_dismissed());
            for carrier in staying.filter(|c| c.receiver() == Some(page.receiver.as_str())) {
                carrier.enqueue_pages(vec![page.clone()]);
                served = true;
            }
            if !served {
                tell_unserved(&page);
            }
        }
    }

    /// What has perhaps not been delivered yet: for the saved state.
    pub(crate) fn undelivered(&self) -> Undelivered {
        let mut all = Undelivered::default();
        for carrier in &self.carriers {
            let (alerts, pages) = carrier.undelivered();
            all.alerts.append(alerts);
            all.pages.append(pages);
        }
        all
    }

    /// Sends the carriers off that are at home and have something to deliver.
    pub(crate) fn leave(&mut self, now: Timestamp, lifecycle: &Lifecycle) {
        for carrier in &mut self.carriers {
            let Some(mut dispatcher) = carrier.leave(now) else {
                continue;
            };
            let lifecycle = match dispatcher.wants_state(now) {
                true => lifecycle.clone(),
                false => Lifecycle::new(),
            };
            let number = carrier.number();
            let span = trace::deliver();
            let journey = async move {
                let deliveries = dispatcher.dispatch(now, &[], &lifecycle).await;
                let failed = deliveries
                    .iter()
                    .filter(|delivery| delivery.result.is_err());
                tracing::Span::current().record("failed", failed.count());
                (number, dispatcher, deliveries)
            };
            self.journeys.spawn(journey.instrument(span));
        }
    }

    /// Waits until a carrier is back and says what came of it; for ever when all are at home.
    pub(crate) async fn back(&mut self) -> Vec<Delivery> {
        match self.journeys.join_next().await {
            Some(returned) => self.receive(returned),
            None => std::future::pending().await,
        }
    }

    fn receive(&mut self, returned: Result<Return, JoinError>) -> Vec<Delivery> {
        match returned {
            Ok((number, dispatcher, deliveries)) => {
                let mut carriers = self.carriers.iter_mut();
                if let Some(carrier) = carriers.find(|carrier| carrier.number() == number) {
                    carrier.receive(dispatcher);
                }
                self.drop_idle();
                deliveries
            }
            Err(failure) => match failure.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Vec::new(),
            },
        }
    }

    /// Lets the carriers go that are dismissed and have nothing more to deliver.
    fn drop_idle(&mut self) {
        self.carriers.retain_mut(|carrier| !carrier.is_done());
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
            // Twice: some were away, and found news when they came back.
            for _ in 0..2 {
                self.leave(now, lifecycle);
                while let Some(returned) = self.journeys.join_next().await {
                    deliveries.extend(self.receive(returned));
                }
            }
        };
        if tokio::time::timeout(patience, journeys).await.is_err() {
            self.journeys.abort_all();
        }
        deliveries
    }
}

/// The present names of sinks whose place was changed while nothing ran, by those that were `saved`:
/// of a kind and a receiver there was one, and there is one, so that it is the same with a mended
/// address.
fn moved(saved: &BTreeSet<String>, dispatcher: &Dispatcher) -> BTreeMap<String, String> {
    let now: BTreeSet<String> = dispatcher
        .sinks()
        .map(|sink| sink.name.to_owned())
        .collect();
    let alike = |name: &str, names: &BTreeSet<String>| -> Vec<String> {
        let series = serves(name);
        let same = names.iter().filter(|other| serves(other) == series);
        same.cloned().collect()
    };
    let gone = saved.difference(&now);
    gone.filter_map(|name| match (&*alike(name, saved), &*alike(name, &now)) {
        ([_], [now]) => Some((name.clone(), now.clone())),
        _ => None,
    })
    .collect()
}

/// Says what belongs to sinks that are not there any more.
fn tell_unclaimed(alerts: &Pending, pages: &PendingPages) {
    for (sink, alerts) in alerts.queues() {
        tracing::warn!(
            sink,
            alerts = alerts.len(),
            "undelivered alerts of a sink that is not configured any more are dropped"
        );
    }
    for (sink, pages) in pages.queues() {
        tracing::warn!(
            sink,
            messages = pages.len(),
            "undelivered messages of a sink that is not configured any more are dropped"
        );
    }
}

/// Says that a message has a receiver without sinks.
fn tell_unserved(page: &Page) {
    let receiver = &page.receiver;
    let moved = |note: &bongsu_alert::Note| note.kind == NoteKind::Moved;
    if page.notes.iter().any(moved) {
        let alerts = page.alerts.len();
        tracing::warn!(
            %receiver,
            alerts,
            "a receiver has no sinks any more and is not told the end of what it knows"
        );
    } else {
        tracing::debug!(%receiver, "a receiver without sinks is told nothing");
    }
}
