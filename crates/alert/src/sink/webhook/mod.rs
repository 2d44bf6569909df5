//! Web hooks of one's own.

mod body;
mod fields;
mod template;

use std::time::Duration;

use bongsu_core::{Alert, Secret, Timestamp};
use reqwest::Url;

use self::fields::Scene;
pub use self::template::Template;
use super::auth::Auth;
use super::builder::SinkBuilder;
use super::http::{HttpClient, Kind, secret_url, secrets_of};
use super::message::Message;
use super::{BoxFuture, Mode, SLACK, Sink};
use crate::annotations::Links;
use crate::{Error, Page};

/// Posts transitions as JSON to an address of your own.
///
/// The body, whose fields keep their meaning as long as `schema` is 1 (new ones may be added):
///
/// ```json
/// {
///   "schema": 1,
///   "sent_at": "2023-11-14T22:15:00.000Z",
///   "alerts": [{
///     "fingerprint": "93a6d7e1f0b2c458",
///     "status": "firing",
///     "severity": "warning",
///     "labels": {"__name__": "up", "instance": "a"},
///     "starts_at": "2023-11-14T22:13:20.000Z",
///     "fired_at": "2023-11-14T22:14:20.000Z",
///     "resolved_at": null,
///     "summary": "up{instance=\"a\"} is 0.93, expected 0.21 (0.10 to 0.33), score 4.1",
///     "peak": {"at": "2023-11-14T22:14:20.000Z", "value": 0.93, "expected": 0.21,
///              "lower": 0.1, "upper": 0.33, "score": 4.1, "direction": "up"},
///     "annotations": {"summary": "...", "value": "0.93"},
///     "cause": "a deployment of `api` at 22:12",
///     "notes": ["severity rose from minor to warning"]
///   }],
///   "page": {
///     "receiver": "team", "route": "{}", "group": {"job": "node"}, "occasion": "escalated",
///     "key": "d243b76bc275d881", "id": "0a3f5c7e9b1d2846", "digest": null
///   }
/// }
/// ```
///
/// `page` is there when the sink serves a [receiver](crate::Dispatcher::with_receiver): `key` is the
/// same for all messages about a group, `id` that of the message. A digest is an object with
/// `since`, `firing`, `resolved`, `by_severity`, `groups` (key, labels and number of alerts that
/// fire) and `text`.
///
/// With a [`Template`] the body is what it says.
///
/// `status` is `firing` or `resolved`; `fingerprint` is the same for every message about one
/// identity. Numbers that are absent or infinite are `null`; `annotations` (see
/// [`annotations`](crate::annotations())) tell them apart. The order of `alerts` is the order of
/// the transitions. Any 2xx is success; see [`ErrorKind`](crate::ErrorKind) for the rest. Redirects are not followed.
///
/// ```
/// use bongsu_alert::WebhookSink;
/// use bongsu_core::Secret;
/// let sink = WebhookSink::builder(Secret::new("https://hooks.example/T0K3N")).build()?;
/// assert!(!format!("{sink:?}").contains("T0K3N"));
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
pub struct WebhookSink {
    name: String,
    url: Url,
    http: HttpClient,
    timeout: Duration,
    links: Links,
    template: Option<Template>,
}

/// Builds a [`WebhookSink`].
pub type WebhookBuilder = SinkBuilder<Webhook>;

/// What only web hooks have, for [`SinkBuilder`].
#[derive(Debug, Clone)]
pub struct Webhook {
    url: Secret,
    auth: Auth,
    template: Option<Template>,
}

impl WebhookBuilder {
    /// How it proves who it is. Default: not at all.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.own.auth = auth;
        self
    }

    /// The body of the requests. Default: the one above.
    #[must_use]
    pub fn template(mut self, template: Template) -> Self {
        self.own.template = Some(template);
        self
    }

    /// The sink.
    ///
    /// # Errors
    /// When the address is not an `http` or `https` one, the time-out is 0, or the credentials
    /// cannot be sent as a header.
    pub fn build(self) -> Result<WebhookSink, Error> {
        let url = secret_url("url", &self.own.url)?;
        let http = HttpClient::new(self.timeout, self.own.auth)?.hide(secrets_of(&url));
        Ok(WebhookSink {
            name: self.name,
            url,
            http,
            timeout: self.timeout,
            links: self.links,
            template: self.own.template,
        })
    }
}

impl WebhookSink {
    /// Starts with an address, which counts as a secret.
    #[must_use]
    pub fn builder(url: Secret) -> WebhookBuilder {
        let own = Webhook {
            url,
            auth: Auth::None,
            template: None,
        };
        SinkBuilder::new("webhook", own)
    }

    async fn send(
        &self,
        now: Timestamp,
        alerts: &[Alert],
        page: Option<&Page>,
    ) -> Result<(), Error> {
        let (kind, body) = match &self.template {
            Some(template) => {
                let links = &self.links;
                let message = match page {
                    Some(page) => Message::of_page(page, links),
                    None => Message::of_alerts(alerts, links),
                };
                template.fill(&Scene {
                    now,
                    page,
                    alerts,
                    links,
                    message,
                })
            }
            None => (Kind::Json, body::json(now, alerts, page, &self.links)?),
        };
        let receiver = format!("web hook `{}`", self.name);
        self.http
            .tell(&self.url, &receiver, kind, body.into())
            .await?;
        Ok(())
    }
}

/// The address is a secret.
impl std::fmt::Debug for WebhookSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookSink")
            .field("name", &self.name)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

impl Sink for WebhookSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn mode(&self) -> Mode {
        Mode::Transitions
    }

    fn timeout(&self) -> Duration {
        self.timeout + SLACK
    }

    fn deliver<'a>(
        &'a self,
        now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.send(now, alerts, None))
    }

    fn page<'a>(&'a self, now: Timestamp, page: &'a Page) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.send(now, &page.alerts, Some(page)))
    }
}
