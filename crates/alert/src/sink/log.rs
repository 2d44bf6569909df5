use bongsu_core::{Alert, AlertState, Timestamp};

use super::{BoxFuture, Mode, Sink};
use crate::Error;
use crate::time::rfc3339;

/// Writes each transition as one structured `tracing` event with the target `bongsu_alert`: level
/// WARN when an alert fires, INFO when it is resolved.
///
/// Fields: `status` (`firing` or `resolved`), `fingerprint`, `severity`, `labels`, `since`, `until`
/// (when resolved), `score`, `cause` (when known); the message is the summary.
///
/// ```
/// use bongsu_alert::{Dispatcher, LogSink};
/// let dispatcher = Dispatcher::new().with_sink(LogSink::default())?;
/// # let _ = dispatcher;
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSink {
    name: String,
}

impl Default for LogSink {
    fn default() -> Self {
        Self::new("log")
    }
}

impl LogSink {
    /// A sink called `name`; the default's name is `log`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

impl Sink for LogSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn mode(&self) -> Mode {
        Mode::Transitions
    }

    fn deliver<'a>(
        &'a self,
        _now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        alerts.iter().for_each(write);
        Box::pin(std::future::ready(Ok(())))
    }
}

fn write(alert: &Alert) {
    let fingerprint = format_args!("{:016x}", alert.labels.fingerprint());
    let since = rfc3339(alert.starts_at);
    if alert.state == AlertState::Resolved {
        tracing::info!(
            target: "bongsu_alert",
            status = "resolved",
            fingerprint,
            severity = alert.severity.as_str(),
            labels = %alert.labels,
            since,
            until = alert.resolved_at.map(rfc3339),
            score = alert.verdict.score,
            cause = alert.cause,
            "{}", alert.summary
        );
    } else {
        tracing::warn!(
            target: "bongsu_alert",
            status = "firing",
            fingerprint,
            severity = alert.severity.as_str(),
            labels = %alert.labels,
            since,
            score = alert.verdict.score,
            cause = alert.cause,
            "{}", alert.summary
        );
    }
}
