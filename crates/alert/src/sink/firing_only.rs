use std::collections::BTreeSet;
use std::time::Duration;

use bongsu_core::{Alert, Timestamp};

use super::message::fires;
use super::{BoxFuture, Mode, Sink};
use crate::{Error, Note, NoteKind, Page};

/// A sink that is not told that alerts have ended: what Alertmanager calls `send_resolved: false`.
///
/// Of a page it hears what fires; a page of ends alone counts as delivered. A sink of the
/// [state](Mode::State) hears of what fires alone.
///
/// ```
/// use bongsu_alert::{Dispatcher, FiringOnly, LogSink};
/// let dispatcher = Dispatcher::new().with_sink(FiringOnly::new(Box::new(LogSink::default())))?;
/// # let _ = dispatcher;
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
#[derive(Debug)]
pub struct FiringOnly(Box<dyn Sink>);

impl FiringOnly {
    /// Keeps ends from `sink`.
    #[must_use]
    pub fn new(sink: Box<dyn Sink>) -> Self {
        Self(sink)
    }
}

impl Sink for FiringOnly {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn mode(&self) -> Mode {
        self.0.mode()
    }

    fn timeout(&self) -> Duration {
        self.0.timeout()
    }

    fn max_batch(&self) -> usize {
        self.0.max_batch()
    }

    fn deliver<'a>(
        &'a self,
        now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let firing: Vec<Alert> = alerts.iter().filter(|a| fires(a)).cloned().collect();
            if firing.is_empty() {
                return Ok(());
            }
            self.0.deliver(now, &firing).await
        })
    }

    fn page<'a>(&'a self, now: Timestamp, page: &'a Page) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            if !page.is_open() {
                return Ok(());
            }
            let mut firing = page.clone();
            // One that flaps is told whatever its state is at this moment.
            let flapping = |note: &Note| matches!(note.kind, NoteKind::Flapping { .. });
            let flaps = |alert: &Alert| page.notes_on(&alert.labels).any(flapping);
            firing.alerts.retain(|alert| fires(alert) || flaps(alert));
            let left = firing.alerts.iter().map(|alert| alert.labels.fingerprint());
            let left: BTreeSet<u64> = left.collect();
            firing.notes.retain(|note| left.contains(&note.fingerprint));
            if let Some(digest) = &mut firing.digest {
                digest.groups.retain(|group| group.firing > 0);
                digest.resolved = 0;
            }
            self.0.page(now, &firing).await
        })
    }
}
