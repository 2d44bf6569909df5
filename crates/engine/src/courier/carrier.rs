//! One sink and what it still has to hear.

use std::time::{Duration, Instant};

use bongsu_alert::{Dispatcher, Page, Pending, PendingPages};
use bongsu_core::{Alert, Timestamp};

/// For so long a sink that is not configured any more is tried for what it still has to hear.
const PARTING: Duration = Duration::from_secs(3600);

/// A dispatcher of one sink, at home or on its way to the receiver.
#[derive(Debug)]
pub(super) struct Carrier {
    number: u64,
    name: String,
    receiver: Option<String>,
    /// `None` while it is away.
    home: Option<Dispatcher>,
    /// What it carried when it left; until it is back this may or may not be delivered.
    carried: Pending,
    carried_pages: PendingPages,
    /// News that came while it was away.
    waiting: Vec<Alert>,
    waiting_pages: Vec<Page>,
    /// Its successor, which takes over when it is back.
    successor: Option<Dispatcher>,
    /// The end of what it knows, which it is told when it is back.
    ended: Vec<Alert>,
    /// Since when it has no place in the configuration.
    dismissed: Option<Instant>,
}

/// The name of the only sink.
pub(super) fn name_of(dispatcher: &Dispatcher) -> String {
    let mut sinks = dispatcher.sinks();
    sinks.next().map_or_else(String::new, |s| s.name.to_owned())
}

impl Carrier {
    pub(super) fn new(number: u64, dispatcher: Dispatcher) -> Self {
        let receiver = dispatcher.sinks().find_map(|sink| sink.receiver);
        Self {
            number,
            name: name_of(&dispatcher),
            receiver: receiver.map(ToOwned::to_owned),
            home: Some(dispatcher),
            carried: Pending::default(),
            carried_pages: PendingPages::default(),
            waiting: Vec::new(),
            waiting_pages: Vec::new(),
            successor: None,
            ended: Vec::new(),
            dismissed: None,
        }
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The receiver that its sink serves.
    pub(super) fn receiver(&self) -> Option<&str> {
        self.receiver.as_deref()
    }

    /// Takes in alerts, whoever is told of them.
    pub(super) fn enqueue(&mut self, news: &[Alert]) {
        match &mut self.home {
            Some(dispatcher) => dispatcher.enqueue(news),
            None => self.waiting.extend_from_slice(news),
        }
    }

    /// Takes in messages for its receiver.
    pub(super) fn enqueue_pages(&mut self, pages: Vec<Page>) {
        match &mut self.home {
            Some(dispatcher) => {
                // It serves their receiver, so none comes back.
                let _ = dispatcher.enqueue_pages(pages);
            }
            None => self.waiting_pages.extend(pages),
        }
    }

    /// Goes on with `dispatcher`, what is not delivered yet included.
    pub(super) fn exchange(&mut self, dispatcher: Dispatcher) {
        self.dismissed = None;
        let ended = std::mem::take(&mut self.ended);
        if let Some(home) = &mut self.home {
            let old = std::mem::take(home);
            *home = succeed(old, dispatcher);
        } else {
            // It would have heard that first.
            self.waiting.extend(ended);
            self.successor = Some(dispatcher);
        }
    }

    /// It has no place in the configuration any more: it delivers what it has and that these alerts
    /// are over, and goes.
    pub(super) fn dismiss(&mut self, ended: Vec<Alert>) {
        self.dismissed = Some(Instant::now());
        match &mut self.home {
            Some(dispatcher) => dispatcher.part(&ended),
            None => self.ended = ended,
        }
    }

    pub(super) const fn is_dismissed(&self) -> bool {
        self.dismissed.is_some()
    }

    /// Whether it is dismissed and has nothing more to do. What it cannot deliver is given up after
    /// an hour.
    pub(super) fn is_done(&mut self) -> bool {
        let (Some(since), Some(dispatcher)) = (self.dismissed, &mut self.home) else {
            return false;
        };
        let waiting: usize = dispatcher.sinks().map(|sink| sink.queued).sum();
        if waiting == 0 {
            return true;
        }
        if since.elapsed() < PARTING {
            return false;
        }
        tracing::error!(
            sink = %self.name,
            waiting,
            "a sink that is not configured any more did not take what was left for it"
        );
        dispatcher.abandon();
        true
    }

    /// What has perhaps not been delivered yet.
    pub(super) fn undelivered(&self) -> (Pending, PendingPages) {
        if let Some(dispatcher) = &self.home {
            return (dispatcher.pending(), dispatcher.pending_pages());
        }
        let (mut alerts, mut pages) = (self.carried.clone(), self.carried_pages.clone());
        alerts.push(&self.name, &self.waiting);
        alerts.push(&self.name, &self.ended);
        pages.push(&self.name, &self.waiting_pages);
        (alerts, pages)
    }

    /// The dispatcher, when it has something to deliver.
    pub(super) fn leave(&mut self, now: Timestamp) -> Option<Dispatcher> {
        let dispatcher = self.home.take_if(|dispatcher| dispatcher.is_due(now))?;
        self.carried = dispatcher.pending();
        self.carried_pages = dispatcher.pending_pages();
        Some(dispatcher)
    }

    /// The dispatcher is back.
    pub(super) fn receive(&mut self, dispatcher: Dispatcher) {
        let mut dispatcher = match self.successor.take() {
            Some(successor) => succeed(dispatcher, successor),
            None => dispatcher,
        };
        dispatcher.enqueue(&std::mem::take(&mut self.waiting));
        if self.dismissed.is_some() {
            dispatcher.part(&std::mem::take(&mut self.ended));
        }
        self.home = Some(dispatcher);
        let pages = std::mem::take(&mut self.waiting_pages);
        self.enqueue_pages(pages);
    }
}

/// `new`, with what `old` has not delivered.
fn succeed(old: Dispatcher, mut new: Dispatcher) -> Dispatcher {
    let (alerts, pages) = new.take_over(old);
    // It may have been on the point of going.
    new.rejoin();
    super::tell_unclaimed(&alerts, &pages);
    new.keep_unclaimed(&alerts, &pages);
    new
}
