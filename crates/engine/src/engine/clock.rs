//! Clocks that do not agree: this machine's, the source's, and that of the state.

use bongsu_core::format_duration;

use super::Engine;
use super::jobs::Job;
use crate::source::TOLERATED_SKEW_MS;

/// A state that is ahead of the clock by so many steps was judged by another clock.
const STEPS_AHEAD: i64 = 3;

impl Engine {
    /// Whether `job` asked for moments that, as the answer told, are not there yet by the source's
    /// clock: judged now, every series would be absent.
    pub(super) fn is_of_the_future(&self, job: &Job) -> bool {
        let ahead = job.grid.to.millis_since(self.source.now());
        self.source.is_live() && ahead >= TOLERATED_SKEW_MS
    }

    /// Tells when the clocks of this machine and of the source part ways, and when they agree again.
    pub(super) fn compare_clocks(&mut self) {
        let skew = self.source.clock_skew();
        self.metrics.queries.skewed(skew);
        match (self.clocks_differ, skew) {
            (false, 0) | (true, 1.. | ..0) => return,
            (true, 0) => tracing::info!("the clocks of this machine and of the source agree again"),
            (false, _) => {
                let by = format_duration(std::time::Duration::from_millis(skew.unsigned_abs()));
                let side = if skew > 0 { "behind" } else { "ahead of" };
                tracing::warn!(
                    "this machine's clock is {by} {side} the source's, whose time is used"
                );
            }
        }
        self.clocks_differ = skew != 0;
    }

    /// Tells of queries that were judged further than the clock says it is: they wait for it.
    pub(super) fn tell_waiting_for_clock(&mut self) {
        let now = self.source.now();
        for (query, state) in self.queries.iter_mut().zip(&self.state.queries) {
            let Some(ahead) = state.cursor.map(|cursor| cursor.millis_since(now)) else {
                continue;
            };
            if self.source.is_live() && ahead > STEPS_AHEAD * query.judge.step {
                query.waits_for_clock(&mut self.observer);
            }
        }
    }
}
