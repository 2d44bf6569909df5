//! Work that takes long: done on a thread of its own, while the loop stays to be spoken to.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Engine;

/// So often the outside sees that the loop lives while it waits.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// Work that takes longer counts as stuck: no more signs of life are given.
const LONGEST_WORK: Duration = Duration::from_secs(900);

impl Engine {
    /// What `work` gives. Until it is done questions are answered from what is known before it, and
    /// orders wait.
    pub(super) async fn aside<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let begun = Instant::now();
        let mut done = tokio::task::spawn_blocking(work);
        loop {
            tokio::select! {
                biased;
                done = &mut done => match done {
                    Ok(done) => return done,
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                },
                Some(command) = self.commands.recv() => {
                    let order = self.answer(command);
                    self.orders.extend(order);
                }
                () = tokio::time::sleep(SIGN_OF_LIFE) => {}
            }
            if begun.elapsed() < LONGEST_WORK {
                self.view.renew(|_| ());
            }
        }
    }
}

/// What `work` gives; when `shutdown` completes before, that is noted in `stopping`, so that the
/// work may end early.
pub(super) async fn noting<T>(
    work: impl Future<Output = T>,
    shutdown: Pin<&mut impl Future<Output = ()>>,
    stopping: &AtomicBool,
) -> T {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = shutdown => stopping.store(true, Ordering::Relaxed),
    }
    work.await
}

/// How many points of a query are judged at once: as many as take about a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace(i64);

/// The most points (moments times series) that are judged at once: they and their verdicts take some
/// 100 MB.
pub(super) const MOST_POINTS: i64 = 200_000;
/// As many are begun with.
const FIRST_POINTS: i64 = 20_000;
const FEWEST_POINTS: i64 = 100;
/// The pace grows by so much at once.
const GROWTH: i64 = 4;

impl Default for Pace {
    fn default() -> Self {
        Self(FIRST_POINTS)
    }
}

impl Pace {
    pub(crate) const fn points(self) -> i64 {
        self.0
    }

    /// Takes note that judging so many `points` took so long.
    pub(crate) fn note(&mut self, points: i64, took: Duration) {
        let a_second = points as f64 / took.as_secs_f64().max(1e-6);
        // A short stretch says little of the speed, but that a longer one is in order.
        let most = self.0.saturating_mul(GROWTH).min(MOST_POINTS);
        self.0 = (a_second as i64).clamp(FEWEST_POINTS, most.max(FEWEST_POINTS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_the_time_that_judging_takes() {
        let mut pace = Pace::default();
        // A fast detector: up to the most that memory allows.
        for _ in 0..10 {
            pace.note(pace.points(), Duration::from_millis(1));
        }
        assert_eq!(pace.points(), MOST_POINTS);
        // One that takes a millisecond for a point.
        pace.note(MOST_POINTS, Duration::from_secs(200));
        assert_eq!(pace.points(), 1_000);
        // One that takes minutes for all still goes on.
        pace.note(1_000, Duration::from_secs(600));
        assert_eq!(pace.points(), FEWEST_POINTS);
        pace.note(100, Duration::ZERO);
        assert_eq!(pace.points(), GROWTH * FEWEST_POINTS);
    }
}
