//! PagerDuty's Events API v2.

mod event;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_core::{Alert, Secret, Timestamp};
use reqwest::Url;

use self::event::{Action, Event};
use super::auth::Auth;
use super::builder::SinkBuilder;
use super::http::HttpClient;
use super::message::{Message, earliest};
use super::{BoxFuture, Mode, SLACK, Sink};
use crate::annotations::{Links, is_web_address};
use crate::{Error, ErrorKind, NoteKind, Occasion, Page};

/// Where events go unless another address is set.
const ADDRESS: &str = "https://events.pagerduty.com";
const KEY_LENGTH: usize = 32;

/// Opens and resolves incidents at PagerDuty.
///
/// - Hearing of transitions, each alert is an incident whose `dedup_key` is the alert's
///   [fingerprint](bongsu_core::Labels::fingerprint): triggered when it fires, resolved when it ends.
/// - Serving a [receiver](crate::Dispatcher::with_receiver), each group is an incident whose
///   `dedup_key` is [`Page::key`]: triggered while something fires, acknowledged when all that fires
///   in it is, resolved at the end. A digest
///   opens or closes the incidents of all its groups; when a delivery breaks off, the next one goes
///   on where it was.
///
/// `custom_details` tell what was observed and expected, the deviation, the score, since when, what
/// contributed most, and the labels; what would make the body larger than PagerDuty's 512,000 bytes
/// is left out and counted. Severities: info, warning and minor (`warning`), major (`error`),
/// critical.
///
/// Parameters: the routing key (also called integration key) of 32 letters and digits, a secret; see
/// [`PagerDutyBuilder`] for the others.
///
/// Errors of a delivery: 400 is [`Rejected`](ErrorKind::Rejected), or
/// [`Misconfigured`](ErrorKind::Misconfigured) where PagerDuty speaks of the routing key; 429 and 5xx
/// are tried again. 202 means accepted.
///
/// Cost: one request for each alert, or for each group.
///
/// Source: PagerDuty's documentation of the Events API v2.
///
/// ```
/// use bongsu_alert::PagerDutySink;
/// use bongsu_core::Secret;
/// let sink = PagerDutySink::builder(Secret::new("0123456789abcdef0123456789abcdef"))
///     .url("https://events.eu.pagerduty.com")
///     .build()?;
/// assert!(!format!("{sink:?}").contains("0123456789"));
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
pub struct PagerDutySink {
    name: String,
    url: Url,
    routing_key: Secret,
    http: HttpClient,
    timeout: Duration,
    links: Links,
    progress: Mutex<Progress>,
}

/// How far the events of a page have got, in case the delivery breaks off.
#[derive(Debug, Clone, Default)]
struct Progress {
    page: String,
    done: usize,
    /// Those of which PagerDuty refused, and what it said of the last.
    refused: Vec<String>,
    said: String,
}

/// Builds a [`PagerDutySink`].
pub type PagerDutyBuilder = SinkBuilder<PagerDuty>;

/// What only PagerDuty has, for [`SinkBuilder`].
#[derive(Debug, Clone)]
pub struct PagerDuty {
    routing_key: Secret,
    url: String,
}

impl PagerDutyBuilder {
    /// The address of the service, without `/v2/enqueue`. Default: `https://events.pagerduty.com`;
    /// in the EU it is `https://events.eu.pagerduty.com`.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.own.url = url.into();
        self
    }

    /// The sink.
    ///
    /// # Errors
    /// When the routing key does not have 32 letters and digits, the address is not an `http` or
    /// `https` one, or the time-out is 0.
    pub fn build(self) -> Result<PagerDutySink, Error> {
        let PagerDuty { routing_key, url } = self.own;
        let key = routing_key.expose();
        if key.len() != KEY_LENGTH || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let domain = "32 letters and digits";
            return Err(Error::parameter("routing_key", "<secret>", domain));
        }
        let address = format!("{}/v2/enqueue", url.trim_end_matches('/'));
        let endpoint = Url::parse(&address)
            .ok()
            .filter(|_| is_web_address(&url))
            .ok_or_else(|| {
                Error::parameter("url", format!("`{url}`"), "an http or https address")
            })?;
        Ok(PagerDutySink {
            http: HttpClient::new(self.timeout, Auth::None)?.hide([routing_key.clone()]),
            name: self.name,
            url: endpoint,
            routing_key,
            timeout: self.timeout,
            links: self.links,
            progress: Mutex::default(),
        })
    }
}

impl PagerDutySink {
    /// Starts with a routing key, which is a secret.
    #[must_use]
    pub fn builder(routing_key: Secret) -> PagerDutyBuilder {
        let url = ADDRESS.to_owned();
        SinkBuilder::new("pagerduty", PagerDuty { routing_key, url })
    }

    /// Says that somebody has taken up the incident `dedup_key`: an alert's fingerprint as 16
    /// hexadecimal digits, or a [`Page::key`].
    ///
    /// # Errors
    /// As [`Sink::deliver`].
    pub async fn acknowledge(&self, dedup_key: &str) -> Result<(), Error> {
        self.send(&Event::bare(Action::Acknowledge, dedup_key))
            .await
    }

    async fn send(&self, event: &Event) -> Result<(), Error> {
        let receiver = format!("PagerDuty (`{}`)", self.name);
        let body = event.body(&self.routing_key);
        let result = self.http.post(&self.url, &receiver, body).await;
        match result {
            // An alert must not be lost because the key is wrong.
            Err(error) if error.kind() == ErrorKind::Rejected && is_about_key(&error) => {
                let message = error.to_string();
                Err(Error::delivery(ErrorKind::Misconfigured, message))
            }
            other => other,
        }
    }

    fn event_of(&self, alert: &Alert) -> Event {
        let message = Message::of_alerts(std::slice::from_ref(alert), &self.links);
        let incident = format!("{:016x}", alert.labels.fingerprint());
        Event::of_message(incident, &message, &alert.labels, alert.starts_at)
    }

    fn events_of(&self, page: &Page) -> Vec<Event> {
        let message = Message::of_page(page, &self.links);
        let since = earliest(&page.alerts, page.at);
        let Some(digest) = &page.digest else {
            let labels = match page.alerts.as_slice() {
                [one] => &one.labels,
                _ => &page.group,
            };
            if page.occasion == Occasion::Acknowledged && is_acknowledged(page) {
                return vec![Event::bare(Action::Acknowledge, page.key())];
            }
            return vec![Event::of_message(page.key(), &message, labels, since)];
        };
        let event = |group: &crate::DigestGroup| {
            let incident = group.key.clone();
            if group.firing == 0 {
                return Event::bare(Action::Resolve, incident);
            }
            Event::of_count(
                incident,
                &message,
                &group.labels,
                group.firing,
                digest.since,
            )
        };
        digest.groups.iter().map(event).collect()
    }

    /// Sends the events of a page, without those that arrived when it was sent before.
    async fn send_page(&self, page: &Page) -> Result<(), Error> {
        let (id, events) = (page.id(), self.events_of(page));
        let mut progress = self.progress().clone();
        if progress.page != id {
            progress = Progress {
                page: id,
                ..Progress::default()
            };
        }
        for event in events.iter().skip(progress.done) {
            match self.send(event).await {
                // One bad event must not take those of the other groups with it.
                Err(error) if error.kind() == ErrorKind::Rejected => {
                    progress.refused.push(event.incident().to_owned());
                    progress.said = error.to_string();
                }
                result => result?,
            }
            progress.done += 1;
            *self.progress() = progress.clone();
        }
        *self.progress() = Progress::default();
        let (refused, all) = (progress.refused.len(), events.len());
        if refused == 0 {
            return Ok(());
        }
        let said = progress.said;
        if refused == all {
            return Err(Error::delivery(ErrorKind::Rejected, said));
        }
        let which = progress.refused.join(", ");
        let message = format!("{refused} of {all} events were refused ({which}): {said}");
        Err(Error::delivery(ErrorKind::Partial, message))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // It is only replaced as a whole, so a poisoned lock holds a good value too.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether all that fires has been taken up.
fn is_acknowledged(page: &Page) -> bool {
    page.firing().all(|alert| {
        let mut notes = page.notes_on(&alert.labels);
        notes.any(|note| matches!(note.kind, NoteKind::Acknowledged { .. }))
    })
}

/// Whether PagerDuty says that it does not know the routing key.
fn is_about_key(error: &Error) -> bool {
    let text = error.to_string().to_lowercase().replace('_', " ");
    text.contains("routing key") || text.contains("invalid key")
}

/// The routing key is a secret.
impl std::fmt::Debug for PagerDutySink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PagerDutySink")
            .field("name", &self.name)
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Sink for PagerDutySink {
    fn name(&self) -> &str {
        &self.name
    }

    fn mode(&self) -> Mode {
        Mode::Transitions
    }

    fn timeout(&self) -> Duration {
        self.timeout + SLACK
    }

    /// Each alert is a request of its own, and what has arrived must not come again.
    fn max_batch(&self) -> usize {
        1
    }

    fn deliver<'a>(
        &'a self,
        _now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for alert in alerts {
                self.send(&self.event_of(alert)).await?;
            }
            Ok(())
        })
    }

    fn page<'a>(&'a self, _now: Timestamp, page: &'a Page) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.send_page(page))
    }
}
