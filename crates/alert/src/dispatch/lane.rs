use std::time::Duration;

use bongsu_core::{Alert, Timestamp};
use tokio::time::{Instant, timeout_at};

use super::dead_letters::{Content, Reason, line};
use super::queue::{Limits, Queue};
use super::run::Load;
use super::{Delivery, SinkStatus};
use crate::{BoxFuture, Error, ErrorKind, Mode, Page, Retry, Sink};

const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Also where a receiver asks for none at all.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The most dead letters that wait while their file cannot be written, and their bytes.
const MAX_LETTERS: usize = 10_000;
const MAX_LETTER_BYTES: usize = 16 * 1024 * 1024;
/// No pause is longer, also none that a receiver asks for.
const PAUSE_LIMIT: Duration = Duration::from_secs(3600);
/// After so many attempts in a row that failed the first entry itself may be at fault.
const SUSPECT: u32 = 5;
/// It is, when it has failed so often just after the receiver took others, and refused none of them.
/// At a server that fails at random, however often, that is less likely each time than that the first
/// entry is taken: so often in a row it happens with a probability below 1 in 1,000.
const ROUNDS: u32 = 10;

/// A sink with what it still has to hear.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) sink: Box<dyn Sink>,
    /// The receiver of the routing tree that it serves: then it hears pages only.
    pub(super) receiver: Option<String>,
    pub(super) queue: Queue<Alert>,
    pub(super) pages: Queue<Page>,
    pub(super) limits: Limits,
    /// Dropped, and not reported yet.
    pub(super) lost: u64,
    /// So many at the front of the queue go one by one: together they were refused.
    pub(super) single: usize,
    /// State mode: something changed since the last success.
    pub(super) due: bool,
    pub(super) last_sent: Option<Timestamp>,
    pub(super) retry_at: Option<Timestamp>,
    /// Whether this pause is there because a setting is wrong.
    misconfigured: bool,
    /// Failures since the last success.
    failures: u32,
    /// Attempts at the first entry to which the receiver said no, or nothing, without refusing it
    /// for good.
    pub(super) doubts: u32,
    /// Whether the receiver asked to be left alone when it failed last.
    asked_to_wait: bool,
    /// How often the first entry failed though others were taken since it failed before.
    rounds: u32,
    /// What came of the entries that were tried since the first one failed.
    others: Others,
    /// Until then the first entry waits, and others pass it.
    first_waits_until: Option<Timestamp>,
    /// State mode: all that is left to say, as the sink goes.
    pub(super) last_words: Vec<Alert>,
    pub(super) status: Totals,
    /// Whether what is given up becomes a dead letter.
    pub(super) keeps_letters: bool,
    /// Dead letters that are not written yet.
    pub(super) letters: Vec<String>,
    pub(super) letter_bytes: usize,
    /// Those that had no room among them.
    pub(super) unkept: u64,
}

/// When a delivery began: data time, and what a watch shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    pub(super) now: Timestamp,
    pub(super) watch: Instant,
}

impl Began {
    /// The moment at which it is over.
    pub(super) fn present(self) -> Timestamp {
        self.now + self.watch.elapsed()
    }
}

#[derive(Debug, Default)]
pub(super) struct Totals {
    delivered: u64,
    failed: u64,
    pub(super) lost: u64,
}

impl Lane {
    pub(super) fn new(sink: Box<dyn Sink>, receiver: Option<String>, limits: Limits) -> Self {
        Self {
            sink,
            receiver,
            queue: Queue::default(),
            pages: Queue::default(),
            limits,
            lost: 0,
            single: 0,
            due: false,
            last_sent: None,
            retry_at: None,
            misconfigured: false,
            failures: 0,
            doubts: 0,
            asked_to_wait: false,
            rounds: 0,
            others: Others::Untried,
            first_waits_until: None,
            last_words: Vec::new(),
            status: Totals::default(),
            keeps_letters: false,
            letters: Vec::new(),
            letter_bytes: 0,
            unkept: 0,
        }
    }

    /// Takes note of a dead letter.
    pub(super) fn bury(&mut self, letter: impl FnOnce(&str) -> String) {
        if !self.keeps_letters {
            return;
        }
        let letter = letter(self.sink.name());
        let bytes = self.letter_bytes.saturating_add(letter.len());
        if self.letters.len() >= MAX_LETTERS || bytes > MAX_LETTER_BYTES {
            self.unkept = self.unkept.saturating_add(1);
            return;
        }
        self.letter_bytes = bytes;
        self.letters.push(letter);
    }

    pub(super) fn status(&self) -> SinkStatus<'_> {
        SinkStatus {
            name: self.sink.name(),
            receiver: self.receiver.as_deref(),
            queued: self.queued(),
            delivered: self.status.delivered,
            failed: self.status.failed,
            lost: self.status.lost,
            retry_at: self.retry_at,
        }
    }

    /// The number of entries that wait.
    pub(super) fn queued(&self) -> usize {
        self.queue.len() + self.pages.len() + self.last_words.len()
    }

    /// Goes on in place of `old`, a sink at the same place.
    pub(super) fn take_over(&mut self, old: Self) {
        self.queue = old.queue;
        self.pages = old.pages;
        self.lost = old.lost;
        self.single = old.single;
        self.due = old.due;
        self.last_sent = old.last_sent;
        if !old.misconfigured {
            // The setting may be another one now.
            self.retry_at = old.retry_at;
            self.failures = old.failures;
        }
        self.doubts = old.doubts;
        self.rounds = old.rounds;
        self.others = old.others;
        self.first_waits_until = old.first_waits_until;
        self.last_words = old.last_words;
        self.status = old.status;
        self.letters = old.letters;
        self.letter_bytes = old.letter_bytes;
        self.unkept = old.unkept;
        self.trim();
    }

    /// Takes note of the last that the sink is to hear.
    pub(super) fn part(&mut self, alerts: &[Alert]) {
        match self.sink.mode() {
            Mode::Transitions => alerts.iter().for_each(|alert| self.push(alert)),
            Mode::State { .. } => self.last_words = alerts.to_vec(),
        }
    }

    /// There is more to say after all.
    pub(super) fn rejoin(&mut self) {
        self.due = true;
        self.last_words.clear();
    }

    /// Takes note of a transition.
    pub(super) fn push(&mut self, alert: &Alert) {
        if self.receiver.is_some() {
            return;
        }
        match self.sink.mode() {
            Mode::Transitions => {
                self.queue.push_back(alert.clone());
                self.trim();
            }
            Mode::State { .. } => self.due = true,
        }
    }

    /// Puts transitions of an earlier run before those of this one.
    pub(super) fn restore(&mut self, alerts: Vec<Alert>, lost: u64) {
        if let Mode::State { .. } = self.sink.mode() {
            // It is told of what there is by now.
            self.due |= !alerts.is_empty();
            return;
        }
        for alert in alerts.into_iter().rev() {
            self.queue.push_front(alert);
        }
        self.single = 0;
        self.lost = self.lost.saturating_add(lost);
        self.trim();
    }

    /// Drops the oldest beyond the limits, and counts them.
    pub(super) fn trim(&mut self) {
        let alerts = self.queue.excess(self.limits);
        self.single = self.single.saturating_sub(alerts.len());
        let pages = self.pages.excess(self.limits);
        if !(alerts.is_empty() && pages.is_empty()) {
            // Another one is the first now.
            self.trust_first();
        }
        self.give_up(&alerts, &pages, Reason::Overflow);
    }

    /// Gives up everything that waits: nobody will take it.
    pub(super) fn abandon(&mut self) {
        let alerts = self.queue.take(0, usize::MAX);
        let pages = self.pages.take(0, usize::MAX);
        // The end of what a sink of the state knows comes by itself.
        self.last_words.clear();
        self.give_up(&alerts, &pages, Reason::Abandoned);
    }

    fn give_up(&mut self, alerts: &[Alert], pages: &[Page], reason: Reason<'_>) {
        let alerts = alerts.iter().map(Content::Alert);
        let mut count = 0;
        for content in alerts.chain(pages.iter().map(Content::Page)) {
            self.bury(|sink| line(sink, reason, content));
            count += 1;
        }
        self.lost = self.lost.saturating_add(count);
        self.status.lost = self.status.lost.saturating_add(count);
    }

    /// Whether there is something to deliver or to report.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.lost > 0
            || self.wants_state(now)
            || (self.queued() > 0 && self.may_try(now) && self.may_begin(now))
    }

    pub(super) fn may_try(&self, now: Timestamp) -> bool {
        // A pause that far ahead means that the clock went back.
        self.retry_at
            .is_none_or(|at| now >= at || at > now + PAUSE_LIMIT)
    }

    /// Delivers what is due; `None` when nothing was.
    pub(super) async fn run(&mut self, now: Timestamp, state: &[Alert]) -> Option<Delivery> {
        let mut delivery = Delivery {
            sink: self.sink.name().to_owned(),
            delivered: 0,
            result: Ok(()),
            warnings: Vec::new(),
            queued: 0,
            lost: 0,
        };
        let watch = Instant::now();
        let began = Began { now, watch };
        let tried = match self.sink.mode() {
            _ if !self.pages.is_empty() => self.run_queue(Load::Pages, began, &mut delivery).await,
            Mode::Transitions => self.run_queue(Load::Alerts, began, &mut delivery).await,
            Mode::State { .. } => self.run_state(began, state, &mut delivery).await,
        };
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            delivery.lost += lost;
            delivery.warnings.push(Error::overflow(
                lost,
                self.limits.entries,
                self.limits.bytes,
            ));
        }
        delivery.queued = self.queued();
        self.status.delivered += delivery.delivered as u64;
        (tried || lost > 0).then_some(delivery)
    }

    /// Notes in `delivery` what came of it, and when to try again.
    pub(super) fn judge(
        &mut self,
        began: Began,
        result: Result<(), Error>,
        delivery: &mut Delivery,
    ) -> Verdict {
        let error = match result {
            Ok(()) => {
                self.succeeded();
                return Verdict::Delivered;
            }
            Err(error) if error.kind() == ErrorKind::Partial => {
                self.succeeded();
                let said = error.to_string();
                delivery.warnings.push(error);
                return Verdict::Partly(said);
            }
            Err(error) => error,
        };
        let retry = error.retry();
        let pause = match retry {
            Retry::Never => None,
            Retry::Backoff => {
                let doubled = FIRST_PAUSE * (1 << self.failures.min(6));
                Some(doubled.min(LONGEST_PAUSE))
            }
            Retry::Slow => Some(LONGEST_PAUSE),
            Retry::After(after) => Some(after.clamp(LEAST_PAUSE, PAUSE_LIMIT)),
        };
        self.status.failed += 1;
        if let ErrorKind::Server | ErrorKind::Timeout | ErrorKind::Misconfigured = error.kind() {
            self.doubts = self.doubts.saturating_add(1);
        }
        let said = error.to_string();
        delivery.result = Err(error);
        let Some(pause) = pause else {
            return Verdict::Refused(said);
        };
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(began.present() + pause);
        self.misconfigured = matches!(retry, Retry::Slow);
        self.asked_to_wait = matches!(retry, Retry::After(_));
        Verdict::Later(said)
    }

    /// The receiver takes messages.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.retry_at = None;
    }

    /// Whether the first entry has failed so often that another one is to be tried in its place.
    pub(super) fn doubts_first(&self) -> bool {
        self.doubts >= SUSPECT
    }

    /// Another entry is the first now.
    pub(super) fn trust_first(&mut self) {
        self.doubts = 0;
        self.rounds = 0;
        self.others = Others::Untried;
        self.first_waits_until = None;
    }

    /// Whether others are to pass the first entry at the moment `now`.
    pub(super) fn first_waits(&self, now: Timestamp) -> bool {
        // A pause that far ahead means that the clock went back.
        self.first_waits_until
            .is_some_and(|until| now < until && until <= now + PAUSE_LIMIT)
    }

    /// The suspected first entry has failed again: whether that has been so often, while others were
    /// taken, that it never will be. If not, it waits, and others pass it.
    pub(super) fn first_failed(&mut self, began: Began) -> bool {
        if self.others == Others::Taken {
            self.rounds = self.rounds.saturating_add(1);
        }
        self.others = Others::Untried;
        if self.rounds >= ROUNDS {
            return true;
        }
        let pause = FIRST_PAUSE * (1 << self.doubts.saturating_sub(SUSPECT).min(6));
        self.first_waits_until = Some(began.present() + pause.min(LONGEST_PAUSE));
        self.retry_at = self.retry_at.filter(|_| self.asked_to_wait);
        false
    }

    /// Another entry was taken while the first one waited.
    pub(super) fn other_taken(&mut self) {
        match self.others {
            Others::Untried | Others::Taken => self.others = Others::Taken,
            // The receiver is back, and has perhaps nothing against the first entry.
            Others::Failed => self.first_waits_until = None,
        }
    }

    /// Another entry failed while the first one waited.
    pub(super) fn other_failed(&mut self) {
        self.others = Others::Failed;
    }
}

/// What came of the entries that were tried since the first one failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    Untried,
    /// All of them were taken.
    Taken,
    /// At least one failed, which is nothing that the first entry is to blame for.
    Failed,
}

/// What came of an attempt.
pub(super) enum Verdict {
    Delivered,
    /// Some of it was refused for good.
    Partly(String),
    /// All of it was refused for good.
    Refused(String),
    /// It is to be tried again.
    Later(String),
}

/// Runs one delivery of `sink`, but not beyond `deadline`.
pub(super) async fn within<'a>(
    sink: &'a dyn Sink,
    deadline: Instant,
    delivery: impl FnOnce(&'a dyn Sink) -> BoxFuture<'a, Result<(), Error>>,
) -> Result<(), Error> {
    timeout_at(deadline, delivery(sink))
        .await
        .unwrap_or_else(|_| {
            let message = format!("sink `{}` did not finish in time", sink.name());
            Err(Error::delivery(ErrorKind::Timeout, message))
        })
}
