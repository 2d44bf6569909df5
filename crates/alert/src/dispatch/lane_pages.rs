use bongsu_core::Timestamp;
use tokio::time::Instant;

use super::Delivery;
use super::dead_letters::{Content, Reason, line};
use super::lane::{Lane, Verdict, within};
use crate::Page;

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
        self.trim();
    }

    /// Delivers pages, one message at a time, while there is a fair part of the time left.
    pub(super) async fn run_pages(&mut self, now: Timestamp, delivery: &mut Delivery) -> bool {
        if !self.may_try(now) {
            return false;
        }
        let start = Instant::now();
        let timeout = self.sink.timeout();
        let mut first = true;
        while let Some(page) = self.pages.front() {
            if !std::mem::take(&mut first) && start.elapsed() >= timeout / 2 {
                break;
            }
            let alerts = page.alerts.len();
            let result = within(self.sink.as_ref(), start + timeout, |sink| {
                sink.page(now, page)
            })
            .await;
            match self.judge(now, result, delivery) {
                Verdict::Delivered => {
                    self.pages.pop_front();
                    delivery.delivered += alerts;
                }
                Verdict::Refused => {
                    let page = self.pages.pop_front();
                    if let (Some(page), Err(error)) = (&page, &delivery.result) {
                        let reason = Reason::Refused(now, error);
                        self.bury(|sink| line(sink, reason, Content::Page(page)));
                    }
                    delivery.lost += 1;
                    self.status.lost += 1;
                }
                Verdict::Later => break,
            }
        }
        true
    }
}
