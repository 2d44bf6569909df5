use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_core::{Alert, AlertState, Direction, Labels, Secret, Timestamp};
use reqwest::Url;
use serde::Serialize;

use super::auth::Auth;
use super::http::{HttpClient, secret_url, secrets_of};
use super::{BoxFuture, DEFAULT_TIMEOUT, Mode, SLACK, Sink};
use crate::annotations::{Links, annotations};
use crate::time::rfc3339;
use crate::{Error, ErrorKind};

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
///     "annotations": {"summary": "...", "value": "0.93"}
///   }]
/// }
/// ```
///
/// `status` is `firing` or `resolved`; `fingerprint` is the same for every message about one
/// identity. Numbers that are absent or infinite are `null`; `annotations` (see
/// [`annotations`](crate::annotations())) tell them apart. The order of `alerts` is the order of
/// the transitions. Any 2xx is success; see [`ErrorKind`] for the rest. Redirects are not followed.
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
}

/// Builds a [`WebhookSink`].
#[derive(Debug, Clone)]
pub struct WebhookBuilder {
    url: Secret,
    name: String,
    auth: Auth,
    timeout: Duration,
    links: Links,
}

impl WebhookBuilder {
    /// The sink's name. Default: `webhook`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How it proves who it is. Default: not at all.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// The longest that a delivery may take. Domain: above 0. Default: 10 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Links to add to the annotations. Default: none.
    #[must_use]
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// The sink.
    ///
    /// # Errors
    /// When the address is not an `http` or `https` one, the time-out is 0, or the credentials
    /// cannot be sent as a header.
    pub fn build(self) -> Result<WebhookSink, Error> {
        let url = secret_url("url", &self.url)?;
        let http = HttpClient::new(self.timeout, self.auth)?.hide(secrets_of(&url));
        Ok(WebhookSink {
            name: self.name,
            url,
            http,
            timeout: self.timeout,
            links: self.links,
        })
    }
}

impl WebhookSink {
    /// Starts with an address, which counts as a secret.
    #[must_use]
    pub fn builder(url: Secret) -> WebhookBuilder {
        WebhookBuilder {
            url,
            name: "webhook".to_owned(),
            auth: Auth::None,
            timeout: DEFAULT_TIMEOUT,
            links: Links::default(),
        }
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
        Box::pin(async move {
            let message = Message {
                schema: 1,
                sent_at: rfc3339(now),
                alerts: alerts
                    .iter()
                    .map(|alert| Item::new(alert, &self.links))
                    .collect(),
            };
            let body = serde_json::to_string(&message).map_err(|e| {
                Error::delivery(
                    ErrorKind::Rejected,
                    format!("the message cannot be written: {e}"),
                )
            })?;
            let receiver = format!("web hook `{}`", self.name);
            self.http.post(&self.url, &receiver, body).await
        })
    }
}

#[derive(Serialize)]
struct Message<'a> {
    schema: u32,
    sent_at: String,
    alerts: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    fingerprint: String,
    status: &'static str,
    severity: &'static str,
    labels: &'a Labels,
    starts_at: String,
    fired_at: Option<String>,
    resolved_at: Option<String>,
    summary: &'a str,
    peak: Peak,
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Peak {
    at: String,
    value: Option<f64>,
    expected: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    score: Option<f64>,
    direction: Option<Direction>,
}

impl<'a> Item<'a> {
    fn new(alert: &'a Alert, links: &Links) -> Self {
        let verdict = &alert.verdict;
        Self {
            fingerprint: format!("{:016x}", alert.labels.fingerprint()),
            status: match alert.state {
                AlertState::Resolved => "resolved",
                AlertState::Firing | AlertState::Pending => "firing",
            },
            severity: alert.severity.as_str(),
            labels: &alert.labels,
            starts_at: rfc3339(alert.starts_at),
            fired_at: alert.fired_at.map(rfc3339),
            resolved_at: alert.resolved_at.map(rfc3339),
            summary: &alert.summary,
            // Infinite numbers become null: JSON has no other word for them.
            peak: Peak {
                at: rfc3339(verdict.timestamp),
                value: verdict.value,
                expected: verdict.expected,
                lower: verdict.lower,
                upper: verdict.upper,
                score: verdict.score,
                direction: verdict.direction,
            },
            annotations: annotations(alert, links),
        }
    }
}
