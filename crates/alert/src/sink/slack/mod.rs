//! Slack's incoming web hooks.

mod blocks;

use std::time::Duration;

use bongsu_core::{Alert, Secret, Timestamp};
use reqwest::Url;

use super::auth::Auth;
use super::http::{HttpClient, secret_url, secrets_of};
use super::message::Message;
use super::pace::Pace;
use super::{BoxFuture, DEFAULT_TIMEOUT, Mode, SLACK, Sink};
use crate::annotations::Links;
use crate::{Error, Page};

/// Slack takes about one message a second for a channel.
const DISTANCE: Duration = Duration::from_secs(1);

/// Posts messages to a channel of Slack through an incoming web hook, in Block Kit.
///
/// A message has a header with the severity, and for each alert its summary, what was observed and
/// expected, the deviation, the score, since when, what contributed most, what the model says, and
/// links. A [page](Page) is one message; so is each batch of transitions. Where there are more
/// alerts than Slack's 50 blocks of 3,000 characters hold, the message ends with how many more.
/// Texts are escaped, so no label mentions people or makes links. Messages keep a distance of one
/// second, and `Retry-After` is honoured.
///
/// Parameters: the address of the web hook, a secret; see [`SlackBuilder`] for the others.
///
/// Errors of a delivery: a web hook that is gone (403, 404, 410) is
/// [`Misconfigured`](crate::ErrorKind::Misconfigured) and tried again every 5 minutes; what Slack
/// refuses (400 `invalid_payload`) is [`Rejected`](crate::ErrorKind::Rejected).
///
/// Cost: one request a message; memory for the one message that is sent.
///
/// Source: Slack's documentation of incoming web hooks and of Block Kit.
///
/// ```
/// use bongsu_alert::{Dispatcher, SlackSink};
/// use bongsu_core::Secret;
/// let sink = SlackSink::builder(Secret::new("https://hooks.slack.com/services/T0/B0/T0K3N"))
///     .build()?;
/// assert_eq!(format!("{sink:?}"), r#"SlackSink { name: "slack", .. }"#);
/// let dispatcher = Dispatcher::new().with_sink(sink)?;
/// # let _ = dispatcher;
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
pub struct SlackSink {
    name: String,
    url: Url,
    http: HttpClient,
    timeout: Duration,
    links: Links,
    pace: Pace,
}

/// Builds a [`SlackSink`].
#[derive(Debug, Clone)]
pub struct SlackBuilder {
    url: Secret,
    name: String,
    timeout: Duration,
    links: Links,
}

impl SlackBuilder {
    /// The sink's name. Default: `slack`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The longest that a delivery may take. Domain: above 0. Default: 10 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Links to add to each alert. Default: none.
    #[must_use]
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// The sink.
    ///
    /// # Errors
    /// When the address is not an `http` or `https` one, or the time-out is 0.
    pub fn build(self) -> Result<SlackSink, Error> {
        let url = secret_url("url", &self.url)?;
        Ok(SlackSink {
            http: HttpClient::new(self.timeout, Auth::None)?.hide(secrets_of(&url)),
            name: self.name,
            url,
            timeout: self.timeout,
            links: self.links,
            pace: Pace::new(DISTANCE),
        })
    }
}

impl SlackSink {
    /// Starts with the address of an incoming web hook, which is a secret.
    #[must_use]
    pub fn builder(url: Secret) -> SlackBuilder {
        SlackBuilder {
            url,
            name: "slack".to_owned(),
            timeout: DEFAULT_TIMEOUT,
            links: Links::default(),
        }
    }

    async fn send(&self, message: &Message) -> Result<(), Error> {
        self.pace.wait().await;
        let receiver = format!("Slack (`{}`)", self.name);
        let body = blocks::body(message).to_string();
        self.http.post(&self.url, &receiver, body).await
    }
}

/// The address is a secret.
impl std::fmt::Debug for SlackSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlackSink")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Sink for SlackSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn mode(&self) -> Mode {
        Mode::Transitions
    }

    fn timeout(&self) -> Duration {
        self.timeout + DISTANCE + SLACK
    }

    fn deliver<'a>(
        &'a self,
        _now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let message = Message::of_alerts(alerts, &self.links);
            self.send(&message).await
        })
    }

    fn page<'a>(&'a self, _now: Timestamp, page: &'a Page) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let message = Message::of_page(page, &self.links);
            self.send(&message).await
        })
    }
}
