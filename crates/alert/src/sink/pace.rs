use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Keeps a distance between messages, as receivers ask for.
#[derive(Debug)]
pub(crate) struct Pace {
    distance: Duration,
    /// Before this moment the next message must not leave.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(distance: Duration) -> Self {
        Self {
            distance,
            next: Mutex::new(None),
        }
    }

    /// Waits until a message may leave.
    pub(crate) async fn wait(&self) {
        let turn = {
            // Nothing can fail while it is held, so a poisoned lock holds a good value too.
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let turn = next.map_or(now, |next| next.max(now));
            *next = Some(turn + self.distance);
            turn
        };
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn messages_keep_their_distance() {
        let pace = Pace::new(Duration::from_secs(1));
        let start = Instant::now();
        for _ in 0..3 {
            pace.wait().await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        tokio::time::sleep(Duration::from_secs(5)).await;
        pace.wait().await;
        assert_eq!(start.elapsed(), Duration::from_secs(7));
    }
}
