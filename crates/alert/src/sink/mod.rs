pub(crate) mod alertmanager;
pub(crate) mod auth;
pub(crate) mod builder;
pub(crate) mod chat;
pub(crate) mod discord;
pub(crate) mod email;
pub(crate) mod firing_only;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod message;
mod pace;
pub(crate) mod pagerduty;
pub(crate) mod plot;
pub(crate) mod slack;
pub(crate) mod teams;
pub(crate) mod webhook;

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use bongsu_core::{Alert, Timestamp};

use crate::{Error, Page};

/// A future on the heap, as dyn-compatible asynchronous methods return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a sink wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Each alert when it fires and when it is resolved, once, in order.
    Transitions,
    /// All firing and recently resolved alerts, at every transition and again after `resend`.
    State {
        /// The pause after which everything is sent again.
        resend: Duration,
    },
}

/// A place that alerts go to.
///
/// The [`Dispatcher`](crate::Dispatcher) queues, retries and limits the time, so a sink only
/// delivers, once. Delivery is at least once: after a failure or a restart the same alerts may come
/// again.
///
/// ```
/// use bongsu_alert::{BoxFuture, Error, Mode, Sink};
/// use bongsu_core::{Alert, Timestamp};
///
/// #[derive(Debug)]
/// struct Bell;
///
/// impl Sink for Bell {
///     fn name(&self) -> &str {
///         "bell"
///     }
///
///     fn mode(&self) -> Mode {
///         Mode::Transitions
///     }
///
///     fn deliver<'a>(
///         &'a self,
///         _now: Timestamp,
///         _alerts: &'a [Alert],
///     ) -> BoxFuture<'a, Result<(), Error>> {
///         Box::pin(async { Ok(()) })
///     }
/// }
/// ```
pub trait Sink: Debug + Send + Sync {
    /// The name in logs and self-metrics, and the key of its queue in a saved state: unique and
    /// stable.
    fn name(&self) -> &str;

    /// What it wants to hear.
    fn mode(&self) -> Mode;

    /// The longest that the deliveries of one tick may take; 10 seconds unless overridden.
    fn timeout(&self) -> Duration {
        DEFAULT_TIMEOUT
    }

    /// The most alerts that one delivery takes; 256 unless overridden, and at least 1.
    fn max_batch(&self) -> usize {
        DEFAULT_BATCH
    }

    /// Delivers `alerts`, oldest transition first, at the moment `now`.
    ///
    /// # Errors
    /// When they did not all arrive. [`Error::retry`] tells what happens next; an error of the kind
    /// [`Partial`](crate::ErrorKind::Partial) counts as delivered and is reported.
    fn deliver<'a>(
        &'a self,
        now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Delivers one message about a group of alerts, at the moment `now`, when the sink serves a
    /// [receiver](crate::Dispatcher::with_receiver) of the routing tree.
    ///
    /// Unless overridden it hands the alerts of the page to [`Sink::deliver`], without what else the
    /// page says.
    ///
    /// # Errors
    /// As [`Sink::deliver`].
    fn page<'a>(&'a self, now: Timestamp, page: &'a Page) -> BoxFuture<'a, Result<(), Error>> {
        self.deliver(now, &page.alerts)
    }
}

const DEFAULT_BATCH: usize = 256;

pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the dispatcher waits beyond a sink's own time-out, so that the sink can say what it waited
/// for.
pub(crate) const SLACK: Duration = Duration::from_millis(500);
