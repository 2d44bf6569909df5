use std::collections::VecDeque;
use std::time::Duration;

use bongsu_core::{Alert, Timestamp};
use tokio::time::{Instant, timeout_at};

use super::dead_letters::{Content, Reason, line};
use super::{Delivery, SinkStatus};
use crate::{BoxFuture, Error, ErrorKind, Mode, Page, Retry, Sink};

const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Also where a receiver asks for none at all.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The most dead letters that wait while their file cannot be written.
const MAX_LETTERS: usize = 10_000;
/// No pause is longer, also none that a receiver asks for.
const PAUSE_LIMIT: Duration = Duration::from_secs(3600);

/// A sink with what it still has to hear.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) sink: Box<dyn Sink>,
    /// The receiver of the routing tree that it serves: then it hears pages only.
    pub(super) receiver: Option<String>,
    pub(super) queue: VecDeque<Alert>,
    pub(super) pages: VecDeque<Page>,
    pub(super) limit: usize,
    /// Dropped, and not reported yet.
    pub(super) lost: u64,
    /// So many at the front of the queue go one by one: together they were refused.
    single: usize,
    /// State mode: something changed since the last success.
    due: bool,
    last_sent: Option<Timestamp>,
    retry_at: Option<Timestamp>,
    /// Failures since the last success.
    failures: u32,
    pub(super) status: Totals,
    /// Whether what is given up becomes a dead letter.
    pub(super) keeps_letters: bool,
    /// Dead letters that are not written yet.
    pub(super) letters: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Totals {
    delivered: u64,
    failed: u64,
    pub(super) lost: u64,
}

impl Lane {
    pub(super) fn new(sink: Box<dyn Sink>, receiver: Option<String>, limit: usize) -> Self {
        Self {
            sink,
            receiver,
            queue: VecDeque::new(),
            pages: VecDeque::new(),
            limit,
            lost: 0,
            single: 0,
            due: false,
            last_sent: None,
            retry_at: None,
            failures: 0,
            status: Totals::default(),
            keeps_letters: false,
            letters: Vec::new(),
        }
    }

    /// Takes note of a dead letter.
    pub(super) fn bury(&mut self, letter: impl FnOnce(&str) -> String) {
        if self.keeps_letters && self.letters.len() < MAX_LETTERS {
            let letter = letter(self.sink.name());
            self.letters.push(letter);
        }
    }

    pub(super) fn status(&self) -> SinkStatus<'_> {
        SinkStatus {
            name: self.sink.name(),
            queued: self.queued(),
            delivered: self.status.delivered,
            failed: self.status.failed,
            lost: self.status.lost,
            retry_at: self.retry_at,
        }
    }

    /// The number of entries that wait.
    pub(super) fn queued(&self) -> usize {
        self.queue.len() + self.pages.len()
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
        for alert in alerts.into_iter().rev() {
            self.queue.push_front(alert);
        }
        self.single = 0;
        self.lost = self.lost.saturating_add(lost);
        self.trim();
    }

    /// Drops the oldest beyond the limit, and counts them.
    pub(super) fn trim(&mut self) {
        let excess = self.queue.len().saturating_sub(self.limit);
        let pushed_out: Vec<Alert> = self.queue.drain(..excess).collect();
        for alert in &pushed_out {
            self.bury(|sink| line(sink, Reason::Overflow, Content::Alert(alert)));
        }
        self.single = self.single.saturating_sub(excess);
        let pages = self.pages.len().saturating_sub(self.limit);
        let pushed_out: Vec<Page> = self.pages.drain(..pages).collect();
        for page in &pushed_out {
            self.bury(|sink| line(sink, Reason::Overflow, Content::Page(page)));
        }
        let excess = excess + pages;
        self.lost = self.lost.saturating_add(excess as u64);
        self.status.lost = self.status.lost.saturating_add(excess as u64);
    }

    /// Whether the sink wants the whole state now.
    pub(super) fn wants_state(&self, now: Timestamp) -> bool {
        let Mode::State { resend } = self.sink.mode() else {
            return false;
        };
        let elapsed = self
            .last_sent
            // A clock that went back must not silence the sink.
            .is_none_or(|sent| now >= sent + resend || now < sent);
        (self.due || elapsed) && self.may_try(now)
    }

    /// Whether there is something to deliver or to report.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.lost > 0 || self.wants_state(now) || (self.queued() > 0 && self.may_try(now))
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
        let tried = match self.sink.mode() {
            _ if !self.pages.is_empty() => self.run_pages(now, &mut delivery).await,
            Mode::Transitions => self.run_transitions(now, &mut delivery).await,
            Mode::State { .. } => self.run_state(now, state, &mut delivery).await,
        };
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            delivery.lost += lost;
            delivery.warnings.push(Error::overflow(lost, self.limit));
        }
        delivery.queued = self.queued();
        self.status.delivered += delivery.delivered as u64;
        (tried || lost > 0).then_some(delivery)
    }

    async fn run_transitions(&mut self, now: Timestamp, delivery: &mut Delivery) -> bool {
        if self.queue.is_empty() || !self.may_try(now) {
            return false;
        }
        let start = Instant::now();
        let timeout = self.sink.timeout();
        // Another batch starts only while it has a fair part of the time left.
        while !self.queue.is_empty() && (start.elapsed() < timeout / 2 || delivery.delivered == 0) {
            let most = self.sink.max_batch().max(1);
            let size = if self.single > 0 { 1 } else { most };
            let size = size.min(self.queue.len());
            let batch = self.queue.make_contiguous();
            let batch = batch.get(..size).unwrap_or_default();
            let result = within(self.sink.as_ref(), start + timeout, |sink| {
                sink.deliver(now, batch)
            })
            .await;
            match self.judge(now, result, delivery) {
                Verdict::Delivered => {
                    self.queue.drain(..size);
                    self.single = self.single.saturating_sub(size);
                    delivery.delivered += size;
                }
                Verdict::Refused if size > 1 => {
                    // One bad alert must not take the others with it.
                    self.single = size;
                    delivery.result = Ok(());
                }
                Verdict::Refused => {
                    let refused: Vec<Alert> = self.queue.drain(..size).collect();
                    if let Err(error) = &delivery.result {
                        for alert in &refused {
                            let reason = Reason::Refused(now, error);
                            self.bury(|sink| line(sink, reason, Content::Alert(alert)));
                        }
                    }
                    self.single = self.single.saturating_sub(size);
                    delivery.lost += 1;
                    self.status.lost += 1;
                    if start.elapsed() >= timeout / 2 {
                        break;
                    }
                }
                Verdict::Later => break,
            }
        }
        true
    }

    async fn run_state(
        &mut self,
        now: Timestamp,
        state: &[Alert],
        delivery: &mut Delivery,
    ) -> bool {
        if !self.wants_state(now) {
            return false;
        }
        if state.is_empty() {
            self.due = false;
            // Nothing to say is said, or it would be due again at once, and for ever.
            self.last_sent = Some(now);
            return false;
        }
        let deadline = Instant::now() + self.sink.timeout();
        let result = within(self.sink.as_ref(), deadline, |sink| {
            sink.deliver(now, state)
        })
        .await;
        match self.judge(now, result, delivery) {
            Verdict::Delivered => {
                delivery.delivered = state.len();
                self.due = false;
                self.last_sent = Some(now);
            }
            // What was refused now is not better in a moment: it waits for the regular resend.
            Verdict::Refused => {
                self.due = false;
                self.last_sent = Some(now);
            }
            Verdict::Later => {}
        }
        true
    }

    /// Notes in `delivery` what came of it, and when to try again.
    pub(super) fn judge(
        &mut self,
        now: Timestamp,
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
                delivery.warnings.push(error);
                return Verdict::Delivered;
            }
            Err(error) => error,
        };
        let pause = match error.retry() {
            Retry::Never => None,
            Retry::Backoff => {
                let doubled = FIRST_PAUSE * (1 << self.failures.min(6));
                Some(doubled.min(LONGEST_PAUSE))
            }
            Retry::Slow => Some(LONGEST_PAUSE),
            Retry::After(after) => Some(after.clamp(LEAST_PAUSE, PAUSE_LIMIT)),
        };
        self.status.failed += 1;
        delivery.result = Err(error);
        let Some(pause) = pause else {
            return Verdict::Refused;
        };
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + pause);
        Verdict::Later
    }

    fn succeeded(&mut self) {
        self.failures = 0;
        self.retry_at = None;
    }
}

pub(super) enum Verdict {
    Delivered,
    Refused,
    Later,
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
