mod dead_letters;
mod lane;
mod pending;
mod queue;
mod run;
mod whole_state;

use bongsu_core::{Alert, AlertState, Timestamp};
use futures_util::future::join_all;

pub use self::dead_letters::DeadLetters;
use self::dead_letters::{Content, Reason, line};
use self::lane::Lane;
pub use self::pending::{Pending, PendingPages};
use self::queue::Limits;
use crate::{Error, Lifecycle, Mode, Page, Sink};

/// The undelivered transitions kept for a sink unless [`Dispatcher::queue_limit`] says otherwise.
const DEFAULT_LIMIT: usize = 10_000;
/// Their bytes unless [`Dispatcher::queue_bytes`] says otherwise.
const DEFAULT_BYTES: usize = 64 * 1024 * 1024;

/// Delivers alerts to sinks: each one on its own, in order, at least once.
///
/// - A sink that wants [transitions](crate::Mode::Transitions) has a queue. What fails stays at its
///   front and is tried again at a later tick: after 5 seconds, doubling up to 5 minutes; at once
///   after 5 minutes where a setting is wrong; or when the receiver says. The pauses begin with the
///   answer. What a receiver refuses for its content is given up, one alert at a time, and reported.
///   What has failed five times in a row waits, from 5 seconds up to 5 minutes, while others pass
///   it: one bad entry does not keep all others back. It is given up as well when it has failed ten
///   times more, each time after the receiver took others and failed none: an outage that lets a
///   request through now and then costs nothing. Else nothing is given up.
/// - A sink that wants the [state](crate::Mode::State) has none: it gets the whole state again.
/// - A sink that serves a [receiver](Dispatcher::with_receiver) of a routing tree has a queue of
///   [pages](Page) instead: [`Dispatcher::enqueue_pages`] fills it, and each page is one delivery.
///   It hears of no transitions beside them.
/// - A full queue loses its oldest entries; every loss is counted and reported, and kept as a
///   [dead letter](Dispatcher::dead_letters) where there is a file for them. So is what a receiver
///   takes only in part.
/// - Sinks run at the same time, and none holds a tick up longer than three times its
///   [time-out](Sink::timeout). Where not even that is acceptable, [`Dispatcher::split`] gives each
///   sink a dispatcher of its own.
/// - Memory: at most 10,000 entries and 64 MiB a sink, whichever is reached first, beyond the newest
///   entry; and 16 MiB of dead letters while their file cannot be written.
///
/// Dropping the future of [`Dispatcher::dispatch`] loses nothing that was noted; it may be
/// delivered twice. Needs a Tokio runtime with time enabled.
///
/// ```
/// use bongsu_alert::{Dispatcher, Lifecycle, LogSink};
/// use bongsu_core::Timestamp;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # runtime.block_on(async {
/// let mut dispatcher = Dispatcher::new().with_sink(LogSink::default())?;
/// let lifecycle = Lifecycle::new();
/// for delivery in dispatcher.dispatch(Timestamp::from_secs(60), &[], &lifecycle).await {
///     if let Err(error) = &delivery.result {
///         eprintln!("{}: {error}, {} wait", delivery.sink, delivery.queued);
///     }
/// }
/// # Ok::<(), bongsu_alert::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Dispatcher {
    lanes: Vec<Lane>,
    limits: Limits,
    dead_letters: Option<DeadLetters>,
}

/// What came of one tick for one sink.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The sink's name.
    pub sink: String,
    /// The number of alerts it took.
    pub delivered: usize,
    /// The last failure, if there was one.
    pub result: Result<(), Error>,
    /// What went wrong without being a failure: some of several receivers failed, or a full queue
    /// lost entries.
    pub warnings: Vec<Error>,
    /// The number of transitions that wait for a later tick.
    pub queued: usize,
    /// The number of transitions given up since the last report: dropped from a full queue, or
    /// refused by the receiver.
    pub lost: u64,
}

/// A sink's state and its totals since the start, for self-metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStatus<'a> {
    /// The sink's name.
    pub name: &'a str,
    /// The receiver of the routing tree that it serves, if any.
    pub receiver: Option<&'a str>,
    /// The number of transitions that wait.
    pub queued: usize,
    /// The number of alerts delivered, with repetitions.
    pub delivered: u64,
    /// The number of failed attempts.
    pub failed: u64,
    /// The number of transitions given up.
    pub lost: u64,
    /// When it is tried again; `None` after a success.
    pub retry_at: Option<Timestamp>,
}

impl Default for Dispatcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Dispatcher {
    /// Without sinks.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lanes: Vec::new(),
            limits: Limits {
                entries: DEFAULT_LIMIT,
                bytes: DEFAULT_BYTES,
            },
            dead_letters: None,
        }
    }

    /// The most transitions that wait for one sink; at least 1. Default: 10,000.
    #[must_use]
    pub fn queue_limit(mut self, limit: usize) -> Self {
        self.limits.entries = limit.max(1);
        self.limit_lanes();
        self
    }

    /// The most memory, in bytes, that what waits for one sink takes; the newest entry stays even
    /// when it takes more. Default: 64 MiB.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self.limit_lanes();
        self
    }

    fn limit_lanes(&mut self) {
        for lane in &mut self.lanes {
            lane.limits = self.limits;
            lane.trim();
        }
    }

    /// Keeps what is given up in a file. Default: it is counted and forgotten.
    #[must_use]
    pub fn dead_letters(mut self, letters: DeadLetters) -> Self {
        self.dead_letters = Some(letters);
        for lane in &mut self.lanes {
            lane.keeps_letters = true;
        }
        self
    }

    /// Writes the dead letters down; what cannot be written now is tried again at the next tick.
    fn bury(&mut self) {
        let Some(file) = &self.dead_letters else {
            return;
        };
        let lines: String = self
            .lanes
            .iter()
            .flat_map(|lane| lane.letters.iter().map(String::as_str))
            .collect();
        if lines.is_empty() {
            return;
        }
        match file.append(&lines) {
            Ok(()) => {
                for lane in &mut self.lanes {
                    lane.letters.clear();
                    lane.letter_bytes = 0;
                    let unkept = std::mem::take(&mut lane.unkept);
                    if unkept > 0 {
                        let sink = lane.sink.name();
                        tracing::error!(sink, unkept, "dead letters had no room and are lost");
                    }
                }
            }
            Err(error) => {
                let path = file.path().display();
                tracing::error!(%path, %error, "dead letters cannot be written; they are kept");
            }
        }
    }

    /// Adds a sink.
    ///
    /// # Errors
    /// When another sink has its name.
    pub fn with_sink(self, sink: impl Sink + 'static) -> Result<Self, Error> {
        self.with_boxed(Box::new(sink))
    }

    /// Adds a sink chosen at run time.
    ///
    /// # Errors
    /// As [`Dispatcher::with_sink`].
    pub fn with_boxed(self, sink: Box<dyn Sink>) -> Result<Self, Error> {
        self.with_lane(sink, None)
    }

    /// Adds a sink that serves the receiver `receiver` of a routing tree: it hears the
    /// [pages](Page) for this receiver, and nothing else. Several sinks may serve one receiver.
    ///
    /// # Errors
    /// When another sink has its name, or it wants the [state](crate::Mode::State), which no
    /// routing changes.
    pub fn with_receiver(
        self,
        receiver: impl Into<String>,
        sink: Box<dyn Sink>,
    ) -> Result<Self, Error> {
        if let Mode::State { .. } = sink.mode() {
            return Err(Error::parameter(
                "sink",
                format!("`{}`", sink.name()),
                "one that hears of transitions, to serve a receiver",
            ));
        }
        self.with_lane(sink, Some(receiver.into()))
    }

    fn with_lane(mut self, sink: Box<dyn Sink>, receiver: Option<String>) -> Result<Self, Error> {
        let name = sink.name();
        if self.lanes.iter().any(|lane| lane.sink.name() == name) {
            return Err(Error::parameter(
                "sink name",
                format!("`{name}`"),
                "different from those of the other sinks",
            ));
        }
        let mut lane = Lane::new(sink, receiver, self.limits);
        lane.keeps_letters = self.dead_letters.is_some();
        self.lanes.push(lane);
        Ok(self)
    }

    /// A dispatcher for each sink, with what waits for it and the same file of dead letters: each
    /// can deliver at its own pace.
    #[must_use]
    pub fn split(self) -> Vec<Self> {
        let lanes = self.lanes.into_iter();
        lanes
            .map(|lane| Self {
                lanes: vec![lane],
                limits: self.limits,
                dead_letters: self.dead_letters.clone(),
            })
            .collect()
    }

    /// Whether one of its sinks is to be handed the state at the moment `now`.
    #[must_use]
    pub fn wants_state(&self, now: Timestamp) -> bool {
        self.lanes.iter().any(|lane| lane.wants_state(now))
    }

    /// Tells its sinks, which have no place any more, what they know for the last time: `ended` is
    /// what fires, as it is over for them. A sink of the [state](crate::Mode::State) is told of
    /// nothing else from now on.
    pub fn part(&mut self, ended: &[Alert]) {
        let lanes = self.lanes.iter_mut();
        lanes
            .filter(|lane| lane.receiver.is_none())
            .for_each(|lane| lane.part(ended));
        self.bury();
    }

    /// Takes back [`Dispatcher::part`]: its sinks have a place again, and the state is told to those
    /// that want it.
    pub fn rejoin(&mut self) {
        self.lanes.iter_mut().for_each(Lane::rejoin);
    }

    /// Goes on in place of `old`: what waits there, its pauses, totals and unwritten dead letters go
    /// to the sinks of the same name. A pause that is there because a setting was wrong ends. What
    /// belongs to other sinks comes back: report it.
    #[must_use = "what belongs to no sink is lost unless it is reported"]
    pub fn take_over(&mut self, old: Self) -> (Pending, PendingPages) {
        let mut left = Self {
            lanes: Vec::new(),
            ..old
        };
        for lane in old.lanes {
            let mut own = self.lanes.iter_mut();
            let same = |own: &&mut Lane| {
                own.sink.name() == lane.sink.name() && own.receiver == lane.receiver
            };
            match own.find(same) {
                Some(own) => own.take_over(lane),
                None => left.lanes.push(lane),
            }
        }
        self.bury();
        left.bury();
        (left.pending(), left.pending_pages())
    }

    /// Gives up everything that waits: it is counted, and kept as dead letters.
    pub fn abandon(&mut self) {
        self.lanes.iter_mut().for_each(Lane::abandon);
        self.bury();
    }

    /// Keeps, as dead letters, what [`Dispatcher::restore`] and [`Dispatcher::restore_pages`] gave
    /// back because its sinks are not there any more.
    pub fn keep_unclaimed(&self, alerts: &Pending, pages: &PendingPages) {
        let Some(file) = &self.dead_letters else {
            return;
        };
        let alerts = alerts.queues().flat_map(|(sink, alerts)| {
            let contents = alerts.iter().map(Content::Alert);
            contents.map(move |content| line(sink, Reason::Abandoned, content))
        });
        let pages = pages.queues().flat_map(|(sink, pages)| {
            let contents = pages.iter().map(Content::Page);
            contents.map(move |content| line(sink, Reason::Abandoned, content))
        });
        let lines: String = alerts.chain(pages).collect();
        if lines.is_empty() {
            return;
        }
        if let Err(error) = file.append(&lines) {
            let path = file.path().display();
            tracing::error!(%path, %error, "dead letters cannot be written and are lost");
        }
    }

    /// Queues `transitions` for the next [`Dispatcher::dispatch`] without delivering them, so that
    /// they are part of [`Dispatcher::pending`] when it is saved before.
    pub fn enqueue(&mut self, transitions: &[Alert]) {
        for alert in transitions {
            if alert.state != AlertState::Pending {
                self.lanes.iter_mut().for_each(|lane| lane.push(alert));
            }
        }
        self.bury();
    }

    /// Queues `pages` for the sinks of their receivers, for the next [`Dispatcher::dispatch`], and
    /// returns those whose receiver no sink serves: report them.
    #[must_use = "a page that no sink serves is lost unless it is reported"]
    pub fn enqueue_pages(&mut self, pages: Vec<Page>) -> Vec<Page> {
        let mut unserved = Vec::new();
        for page in pages {
            let mut lanes = self
                .lanes
                .iter_mut()
                .filter(|lane| lane.serves(&page.receiver))
                .peekable();
            if lanes.peek().is_none() {
                unserved.push(page);
                continue;
            }
            lanes.for_each(|lane| lane.push_page(&page));
        }
        self.bury();
        unserved
    }

    /// Whether [`Dispatcher::dispatch`] would have something to do at the moment `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.lanes.iter().any(|lane| lane.is_due(now))
    }

    /// Delivers, at the moment `now`: the `transitions` of this tick (fired and resolved alerts, in
    /// order; pending ones are passed over) and what waits from earlier ticks to the sinks that
    /// want transitions; the state of `lifecycle` to those that want the state. Sinks that had
    /// nothing to do are left out of the answer.
    pub async fn dispatch(
        &mut self,
        now: Timestamp,
        transitions: &[Alert],
        lifecycle: &Lifecycle,
    ) -> Vec<Delivery> {
        self.enqueue(transitions);
        let state: Vec<Alert> = if self.wants_state(now) {
            let resolved = lifecycle.recently_resolved();
            lifecycle.active().chain(resolved).cloned().collect()
        } else {
            Vec::new()
        };
        let runs = self.lanes.iter_mut().map(|lane| lane.run(now, &state));
        let deliveries = join_all(runs).await.into_iter().flatten().collect();
        self.bury();
        deliveries
    }

    /// The transitions that have not been delivered yet; save them where a restart finds them,
    /// together with [`Dispatcher::pending_pages`].
    #[must_use]
    pub fn pending(&self) -> Pending {
        let queues = self
            .lanes
            .iter()
            .filter(|lane| !lane.queue.is_empty() || lane.lost > 0)
            .map(|lane| {
                let queue = pending::Queue {
                    alerts: lane.queue.iter().cloned().collect(),
                    lost: lane.lost,
                };
                (lane.sink.name().to_owned(), queue)
            })
            .collect();
        Pending { queues }
    }

    /// Takes up what an earlier run had not delivered, before anything of this run. What belongs to
    /// sinks that no longer exist comes back: report it.
    #[must_use = "what belongs to no sink is lost unless it is reported"]
    pub fn restore(&mut self, pending: Pending) -> Pending {
        let mut left = pending;
        for lane in &mut self.lanes {
            if let Some(queue) = left.queues.remove(lane.sink.name()) {
                lane.restore(queue.alerts, queue.lost);
            }
        }
        self.bury();
        left
    }

    /// The pages that have not been delivered yet; save them where a restart finds them.
    #[must_use]
    pub fn pending_pages(&self) -> PendingPages {
        let queues = self
            .lanes
            .iter()
            .filter(|lane| !lane.pages.is_empty())
            .map(|lane| {
                let pages = lane.pages.iter().cloned().collect();
                (lane.sink.name().to_owned(), pages)
            })
            .collect();
        PendingPages { queues }
    }

    /// Takes up the pages that an earlier run had not delivered, before any of this run. What
    /// belongs to sinks that serve no receiver any more comes back: report it.
    #[must_use = "what belongs to no sink is lost unless it is reported"]
    pub fn restore_pages(&mut self, pending: PendingPages) -> PendingPages {
        let mut left = pending;
        for lane in self.lanes.iter_mut().filter(|lane| lane.receiver.is_some()) {
            if let Some(pages) = left.queues.remove(lane.sink.name()) {
                lane.restore_pages(pages);
            }
        }
        self.bury();
        left
    }

    /// The sinks, in the order in which they were added.
    pub fn sinks(&self) -> impl Iterator<Item = SinkStatus<'_>> {
        self.lanes.iter().map(Lane::status)
    }
}
