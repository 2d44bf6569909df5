//! Sinks that hear the whole state, again and again.

use bongsu_core::{Alert, Timestamp};

use super::Delivery;
use super::lane::{Began, Lane, Verdict, within};
use crate::Mode;

impl Lane {
    /// Whether the sink wants the whole state now.
    pub(super) fn wants_state(&self, now: Timestamp) -> bool {
        let Mode::State { resend } = self.sink.mode() else {
            return false;
        };
        if !self.last_words.is_empty() {
            return false;
        }
        let elapsed = self
            .last_sent
            // A clock that went back must not silence the sink.
            .is_none_or(|sent| now >= sent + resend || now < sent);
        (self.due || elapsed) && self.may_try(now)
    }

    pub(super) async fn run_state(
        &mut self,
        began: Began,
        state: &[Alert],
        delivery: &mut Delivery,
    ) -> bool {
        let now = began.now;
        if !self.last_words.is_empty() {
            return self.say_last(began, delivery).await;
        }
        if !self.wants_state(now) {
            return false;
        }
        if state.is_empty() {
            self.due = false;
            // Nothing to say is said, or it would be due again at once, and for ever.
            self.last_sent = Some(now);
            return false;
        }
        let deadline = began.watch + self.sink.timeout();
        let result = within(self.sink.as_ref(), deadline, |sink| {
            sink.deliver(now, state)
        })
        .await;
        match self.judge(began, result, delivery) {
            // What one member of several did not take is sent again with the next state.
            Verdict::Delivered | Verdict::Partly(_) => {
                delivery.delivered = state.len();
                self.due = false;
                self.last_sent = Some(now);
            }
            // What was refused now is not better in a moment: it waits for the regular resend.
            Verdict::Refused(_) => {
                self.due = false;
                self.last_sent = Some(now);
            }
            Verdict::Later(_) => {}
        }
        true
    }

    /// Tells a sink that goes the end of what it knows.
    async fn say_last(&mut self, began: Began, delivery: &mut Delivery) -> bool {
        if !self.may_try(began.now) {
            return false;
        }
        let last = std::mem::take(&mut self.last_words);
        let deadline = began.watch + self.sink.timeout();
        let result = within(self.sink.as_ref(), deadline, |sink| {
            sink.deliver(began.now, &last)
        })
        .await;
        match self.judge(began, result, delivery) {
            Verdict::Delivered | Verdict::Partly(_) => delivery.delivered = last.len(),
            Verdict::Refused(_) => {}
            Verdict::Later(_) => self.last_words = last,
        }
        true
    }
}
