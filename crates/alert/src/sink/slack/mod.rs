//! Slack's incoming web hooks.

mod blocks;
mod upload;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_core::{Alert, Secret, Timestamp};
use serde_json::Value;

use self::upload::Uploader;
use super::builder::SinkBuilder;
use super::chat::{Chat, ChatMessage, Hook};
use super::message::{Message, fires};
use super::plot::{Plotter, draw};
use super::{BoxFuture, Mode, Sink};
use crate::{Error, ErrorKind, Page};

/// Where Slack's Web API is, unless another address is set.
const API: &str = "https://slack.com/api";

/// Posts messages to a channel of Slack through an incoming web hook, in Block Kit.
///
/// A message has a header with the severity, and for each alert its summary, what was observed and
/// expected, the deviation, the score, since when, what contributed most, the likely cause, what the
/// model says, and links. A [page](Page) is one message; so is each batch of transitions. Where
/// there are more alerts than Slack's 50 blocks of 3,000 characters hold, the message ends with how
/// many more. Texts are escaped, so no label mentions people or makes links. Messages keep a distance
/// of one second, and `Retry-After` is honoured.
///
/// With a [token](SlackBuilder::plots) of the same application, the first three alerts that fire are
/// shown with a plot, which is uploaded before (`files.getUploadURLExternal`,
/// `files.completeUploadExternal`). When that fails, or Slack does not take the message with it, the
/// message goes without.
///
/// Parameters: the address of the web hook, a secret; see [`SlackBuilder`] for the others.
///
/// Errors of a delivery: a web hook that is gone (403, 404, 410) is
/// [`Misconfigured`](crate::ErrorKind::Misconfigured) and tried again every 5 minutes; what Slack
/// refuses (400 `invalid_payload`) is [`Rejected`](crate::ErrorKind::Rejected).
///
/// Cost: one request a message, and three for each plot; memory for the one message that is sent.
///
/// Source: Slack's documentation of incoming web hooks, of Block Kit and of uploading files.
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
    hook: Hook,
    plots: Option<(Uploader, Arc<dyn Plotter>)>,
    channel: Option<String>,
    /// What was uploaded for messages that Slack has not taken yet.
    uploaded: Mutex<Vec<(Shown, String)>>,
}

/// What a plot shows: the alert, since when, and its worst moment.
type Shown = (u64, Timestamp, Timestamp);

/// So many uploads are remembered, the latest.
const REMEMBERED: usize = 64;

/// Builds a [`SlackSink`].
pub type SlackBuilder = SinkBuilder<Slack>;

/// What only Slack has, for [`SinkBuilder`].
#[derive(Debug, Clone)]
pub struct Slack {
    url: Secret,
    channel: Option<String>,
    api: String,
    plots: Option<(Secret, Arc<dyn Plotter>)>,
}

impl Chat for Slack {
    const NAME: &'static str = "slack";
    const CALLED: &'static str = "Slack";
    /// Slack takes about one message a second for a channel.
    const DISTANCE: Duration = Duration::from_secs(1);

    fn body(message: &ChatMessage<'_>) -> Value {
        blocks::body(message.0, &[])
    }
}

impl SlackBuilder {
    /// The channel or person that is told, such as `#ops`: web hooks of Slack's applications have one
    /// of their own and pay no heed to this, older ones do. Default: that of the web hook.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.own.channel = Some(channel.into());
        self
    }

    /// Shows plots, uploaded with a token of the application of the web hook that has the scope
    /// `files:write`. Default: none.
    #[must_use]
    pub fn plots(mut self, token: Secret, plotter: Arc<dyn Plotter>) -> Self {
        self.own.plots = Some((token, plotter));
        self
    }

    /// The address of Slack's Web API. Default: `https://slack.com/api`.
    #[must_use]
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.own.api = url.into();
        self
    }

    /// The sink.
    ///
    /// # Errors
    /// When an address is not an `http` or `https` one, the token is empty, or the time-out is 0.
    pub fn build(self) -> Result<SlackSink, Error> {
        let own = self.own.clone();
        let plots = own.plots.map(|(token, plotter)| {
            Ok::<_, Error>((Uploader::new(&own.api, &token, self.timeout)?, plotter))
        });
        let plots = plots.transpose()?;
        Ok(SlackSink {
            hook: Hook::new::<Slack, _>(self, &own.url)?,
            uploaded: Mutex::default(),
            channel: own.channel,
            plots,
        })
    }
}

impl SlackSink {
    /// Starts with the address of an incoming web hook, which is a secret.
    #[must_use]
    pub fn builder(url: Secret) -> SlackBuilder {
        let own = Slack {
            url,
            channel: None,
            api: API.to_owned(),
            plots: None,
        };
        SinkBuilder::new(Slack::NAME, own)
    }

    async fn send(&self, mut message: Message, alerts: &[Alert]) -> Result<(), Error> {
        let files = self.upload(&mut message, alerts).await;
        let mut result = self.hook.post(&self.body(&message, &files)).await;
        if let Err(error) = &result
            && error.kind() == ErrorKind::Rejected
            && !files.is_empty()
        {
            tracing::warn!(sink = %self.hook.name, %error, "Slack does not take the plots");
            result = self.hook.post(&self.body(&message, &[])).await;
        }
        if result.is_ok() {
            // The next message shows what is new.
            let told = |(shown, _): &(Shown, String)| alerts.iter().any(|a| shown_of(a) == *shown);
            self.uploaded().retain(|upload| !told(upload));
        }
        result
    }

    fn body(&self, message: &Message, files: &[(u64, String)]) -> Value {
        let mut body = blocks::body(message, files);
        if let (Some(channel), Some(fields)) = (&self.channel, body.as_object_mut()) {
            fields.insert("channel".to_owned(), Value::from(channel.as_str()));
        }
        body
    }

    fn uploaded(&self) -> MutexGuard<'_, Vec<(Shown, String)>> {
        // Nothing can fail while it is held, so a poisoned lock holds a good value too.
        self.uploaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that was uploaded for this alert when its message was tried before.
    fn known_file(&self, alert: &Alert) -> Option<String> {
        let shown = shown_of(alert);
        let uploaded = self.uploaded();
        let known = uploaded.iter().find(|(known, _)| *known == shown);
        known.map(|(_, file)| file.clone())
    }

    /// The files with the plots of the alerts, by the alerts' fingerprints.
    async fn upload(&self, message: &mut Message, alerts: &[Alert]) -> Vec<(u64, String)> {
        let mut files = Vec::new();
        let Some((uploader, plotter)) = &self.plots else {
            return files;
        };
        // The message itself must still go in time.
        let enough = self.hook.timeout;
        let uploads = async {
            let known = alerts
                .iter()
                .filter(|alert| fires(alert))
                .filter_map(|alert| Some((alert.labels.fingerprint(), self.known_file(alert)?)));
            files.extend(known);
            if files.is_empty() {
                draw(message, alerts, Some(plotter)).await;
            }
            for item in &mut message.items {
                let Some(png) = item.plot.take() else {
                    continue;
                };
                let name = format!("{:016x}.png", item.fingerprint);
                let file = uploader.upload(&name, png).await?;
                let of_item = |alert: &&Alert| alert.labels.fingerprint() == item.fingerprint;
                if let Some(alert) = alerts.iter().find(of_item) {
                    let mut uploaded = self.uploaded();
                    let excess = (uploaded.len() + 1).saturating_sub(REMEMBERED);
                    uploaded.drain(..excess);
                    uploaded.push((shown_of(alert), file.clone()));
                }
                files.push((item.fingerprint, file));
            }
            Ok::<(), Error>(())
        };
        let result = tokio::time::timeout(enough, uploads).await;
        if let Ok(Err(error)) = result {
            tracing::warn!(sink = %self.hook.name, %error, "a plot cannot be uploaded");
        } else if result.is_err() {
            tracing::warn!(sink = %self.hook.name, "plots were not uploaded in time");
        }
        files
    }
}

fn shown_of(alert: &Alert) -> Shown {
    let fingerprint = alert.labels.fingerprint();
    (fingerprint, alert.starts_at, alert.verdict.timestamp)
}

/// The address is a secret.
impl std::fmt::Debug for SlackSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlackSink")
            .field("name", &self.hook.name)
            .finish_non_exhaustive()
    }
}

impl Sink for SlackSink {
    fn name(&self) -> &str {
        &self.hook.name
    }

    fn mode(&self) -> Mode {
        Mode::Transitions
    }

    fn timeout(&self) -> Duration {
        let uploads = self.plots.as_ref().map_or(Duration::ZERO, |_| {
            // The plots, and the message once more when Slack does not take them.
            2 * self.hook.timeout + Slack::DISTANCE
        });
        self.hook.patience() + uploads
    }

    fn deliver<'a>(
        &'a self,
        _now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let message = Message::of_alerts(alerts, &self.hook.links);
            self.send(message, alerts).await
        })
    }

    fn page<'a>(&'a self, _now: Timestamp, page: &'a Page) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let message = Message::of_page(page, &self.hook.links);
            self.send(message, &page.alerts).await
        })
    }
}
