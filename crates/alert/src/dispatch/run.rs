//! Delivering what waits in a lane, in order.

use std::collections::BTreeSet;
use std::ops::Range;

use bongsu_core::{Alert, Labels, Timestamp};
use tokio::time::Instant;

use super::Delivery;
use super::dead_letters::{Content, Reason, line};
use super::lane::{Began, Lane, Verdict, within};
use crate::{Error, Page};

/// Which queue of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    Alerts,
    Pages,
}

/// What has left a queue.
enum Parcel {
    Alerts(Vec<Alert>),
    Pages(Vec<Page>),
}

impl Lane {
    /// Whether it serves this receiver.
    pub(super) fn serves(&self, receiver: &str) -> bool {
        self.receiver.as_deref() == Some(receiver)
    }

    /// Takes note of a page.
    pub(super) fn push_page(&mut self, page: &Page) {
        self.pages.push_back(page.clone());
        self.trim();
    }

    /// Puts pages of an earlier run before those of this one.
    pub(super) fn restore_pages(&mut self, pages: Vec<Page>) {
        for page in pages.into_iter().rev() {
            self.pages.push_front(page);
        }
        self.trust_first();
        self.trim();
    }

    /// Delivers what waits, one batch or message at a time, while there is a fair part of the time
    /// left.
    pub(super) async fn run_queue(
        &mut self,
        load: Load,
        began: Began,
        delivery: &mut Delivery,
    ) -> bool {
        if self.waiting(load) == 0 || !self.may_try(began.now) {
            return false;
        }
        let timeout = self.sink.timeout();
        let mut tried = false;
        while !tried || began.watch.elapsed() < timeout / 2 {
            let Some(index) = self.next(load, began.now) else {
                break;
            };
            tried = true;
            let size = match index {
                0 => self.next_size(load),
                _ => 1,
            };
            let doubts = self.doubts;
            let result = self
                .offer(load, index..index + size, began, began.watch + timeout)
                .await;
            match self.judge(began, result, delivery) {
                Verdict::Refused(_) if size > 1 => {
                    // One bad alert must not take the others with it.
                    self.single = size;
                    delivery.result = Ok(());
                }
                Verdict::Later(_) if size > 1 && self.doubts_first() => {
                    // Perhaps it is one of them.
                    self.single = size;
                    self.trust_first();
                    break;
                }
                // Asked to wait, or cut off: that says nothing of this entry.
                Verdict::Later(_) if index == 0 && self.doubts == doubts => break,
                verdict @ Verdict::Later(_) if index == 0 && self.doubts_first() => {
                    if self.first_failed(began) {
                        self.succeeded();
                        self.close(load, 0, 1, &verdict, began, delivery);
                    } else if self.retry_at.is_some() {
                        // The receiver asked to be left alone, by everything.
                        break;
                    }
                }
                Verdict::Later(_) => {
                    if index > 0 {
                        self.doubts = doubts;
                        self.other_failed();
                    }
                    break;
                }
                verdict => {
                    if index > 0 {
                        self.other_taken();
                    }
                    self.close(load, index, size, &verdict, began, delivery);
                }
            }
        }
        tried
    }

    /// The entry whose turn it is: the first, or while that waits, one that may pass it.
    fn next(&self, load: Load, now: Timestamp) -> Option<usize> {
        match self.waiting(load) {
            0 => None,
            _ if self.first_waits(now) => self.unrelated(load),
            _ => Some(0),
        }
    }

    /// Whether there is an entry whose turn it is.
    pub(super) fn may_begin(&self, now: Timestamp) -> bool {
        if !self.first_waits(now) {
            return true;
        }
        let loads = [Load::Pages, Load::Alerts];
        loads.iter().any(|load| self.next(*load, now).is_some())
    }

    /// The entries that wait.
    fn waiting(&self, load: Load) -> usize {
        match load {
            Load::Alerts => self.queue.len(),
            Load::Pages => self.pages.len(),
        }
    }

    /// How many entries the next delivery takes.
    fn next_size(&self, load: Load) -> usize {
        match load {
            Load::Pages => 1,
            Load::Alerts if self.single > 0 => 1,
            Load::Alerts => self.sink.max_batch().max(1).min(self.queue.len()),
        }
    }

    /// The first entry that may overtake those before it: it concerns none of their alerts or groups.
    fn unrelated(&self, load: Load) -> Option<usize> {
        match load {
            Load::Alerts => {
                let first = &self.queue.front()?.labels;
                self.queue.iter().position(|alert| alert.labels != *first)
            }
            Load::Pages => {
                let mut passed = Passed::default();
                self.pages.iter().position(|page| !passed.holds_up(page))
            }
        }
    }

    /// Hands entries to the sink.
    async fn offer(
        &mut self,
        load: Load,
        places: Range<usize>,
        began: Began,
        deadline: Instant,
    ) -> Result<(), Error> {
        let now = began.now;
        match load {
            Load::Alerts => {
                let batch = self.queue.slice(places.start, places.len());
                within(self.sink.as_ref(), deadline, |sink| {
                    sink.deliver(now, batch)
                })
                .await
            }
            Load::Pages => {
                let Some(page) = self.pages.get(places.start) else {
                    return Ok(());
                };
                within(self.sink.as_ref(), deadline, |sink| sink.page(now, page)).await
            }
        }
    }

    /// Takes entries out of their queue, with what came of them.
    fn close(
        &mut self,
        load: Load,
        index: usize,
        size: usize,
        verdict: &Verdict,
        began: Began,
        delivery: &mut Delivery,
    ) {
        if index == 0 {
            self.trust_first();
        }
        let parcel = match load {
            Load::Alerts => {
                self.single = self.single.saturating_sub(size);
                Parcel::Alerts(self.queue.take(index, size))
            }
            Load::Pages => Parcel::Pages(self.pages.take(index, size)),
        };
        let at = began.present();
        let reason = match verdict {
            Verdict::Delivered => None,
            Verdict::Partly(said) => Some(Reason::Partial(at, said)),
            Verdict::Refused(said) => Some(Reason::Refused(at, said)),
            Verdict::Later(said) => Some(Reason::Stuck(at, said)),
        };
        if let Some(reason) = reason {
            for content in parcel.contents() {
                self.bury(|sink| line(sink, reason, content));
            }
        }
        match verdict {
            Verdict::Delivered | Verdict::Partly(_) => delivery.delivered += parcel.alerts(),
            Verdict::Refused(_) | Verdict::Later(_) => {
                delivery.lost += 1;
                self.status.lost += 1;
            }
        }
    }
}

impl Parcel {
    /// The number of its alerts.
    fn alerts(&self) -> usize {
        match self {
            Self::Alerts(alerts) => alerts.len(),
            Self::Pages(pages) => pages.iter().map(|page| page.alerts.len()).sum(),
        }
    }

    fn contents(&self) -> Vec<Content<'_>> {
        match self {
            Self::Alerts(alerts) => alerts.iter().map(Content::Alert).collect(),
            Self::Pages(pages) => pages.iter().map(Content::Page).collect(),
        }
    }
}

/// What the messages that wait are about.
#[derive(Default)]
struct Passed<'a> {
    keys: BTreeSet<String>,
    alerts: BTreeSet<&'a Labels>,
}

impl<'a> Passed<'a> {
    /// Whether the order of `page` and one of those before it matters: they are about the same group
    /// or about an alert in common. Then it waits with them. The first of all does.
    fn holds_up(&mut self, page: &'a Page) -> bool {
        let groups = page.digest.iter().flat_map(|digest| &digest.groups);
        let mut keys: Vec<String> = groups.map(|group| group.key.clone()).collect();
        keys.push(page.key());
        let mut labels = page.alerts.iter().map(|alert| &alert.labels);
        let waits = self.keys.is_empty()
            || keys.iter().any(|key| self.keys.contains(key))
            || labels.any(|labels| self.alerts.contains(labels));
        if waits {
            self.keys.extend(keys);
            self.alerts
                .extend(page.alerts.iter().map(|alert| &alert.labels));
        }
        waits
    }
}
