//! What the web hooks of chat systems have in common.

use std::marker::PhantomData;
use std::time::Duration;

use bongsu_core::{Alert, Secret, Timestamp};
use reqwest::Url;
use serde_json::Value;

use super::auth::Auth;
use super::builder::SinkBuilder;
use super::http::{HttpClient, secret_url, secrets_of};
use super::message::Message;
use super::pace::Pace;
use super::{BoxFuture, Mode, SLACK, Sink};
use crate::annotations::Links;
use crate::{Error, Page};

/// How a chat system takes a message.
pub trait Chat: Send + Sync + 'static {
    /// What the sink is called unless it has another name.
    const NAME: &'static str;
    /// What people call the system.
    const CALLED: &'static str;
    /// The least time between two messages.
    const DISTANCE: Duration;

    /// The body of the request.
    fn body(message: &ChatMessage<'_>) -> Value;
}

/// A message on its way to a chat system.
#[derive(Debug)]
pub struct ChatMessage<'a>(pub(crate) &'a Message);

/// A web hook of a chat system, whose address is a secret.
pub(super) struct Hook {
    pub(super) name: String,
    pub(super) called: &'static str,
    pub(super) url: Url,
    pub(super) http: HttpClient,
    pub(super) timeout: Duration,
    pub(super) links: Links,
    distance: Duration,
    pace: Pace,
}

/// The address of a web hook, for [`SinkBuilder`].
#[derive(Debug, Clone)]
pub struct Address<C> {
    pub(super) url: Secret,
    chat: PhantomData<fn() -> C>,
}

impl Hook {
    pub(super) fn new<C: Chat, T>(builder: SinkBuilder<T>, url: &Secret) -> Result<Self, Error> {
        let url = secret_url("url", url)?;
        Ok(Self {
            http: HttpClient::new(builder.timeout, Auth::None)?.hide(secrets_of(&url)),
            name: builder.name,
            called: C::CALLED,
            url,
            timeout: builder.timeout,
            links: builder.links,
            distance: C::DISTANCE,
            pace: Pace::new(C::DISTANCE),
        })
    }

    /// The longest that one message takes, with the wait for its turn.
    pub(super) fn patience(&self) -> Duration {
        self.timeout + self.distance + SLACK
    }

    pub(super) async fn post(&self, body: &Value) -> Result<(), Error> {
        self.pace.wait().await;
        let receiver = format!("{} (`{}`)", self.called, self.name);
        self.http.post(&self.url, &receiver, body.to_string()).await
    }
}

/// Posts messages to a chat system through a web hook.
///
/// See [`TeamsSink`](crate::TeamsSink) and [`DiscordSink`](crate::DiscordSink).
pub struct ChatSink<C> {
    hook: Hook,
    chat: PhantomData<fn() -> C>,
}

impl<C: Chat> ChatSink<C> {
    /// Starts with the address of a web hook, which is a secret.
    #[must_use]
    pub fn builder(url: Secret) -> SinkBuilder<Address<C>> {
        let chat = PhantomData;
        SinkBuilder::new(C::NAME, Address { url, chat })
    }

    async fn send(&self, message: &Message) -> Result<(), Error> {
        self.hook.post(&C::body(&ChatMessage(message))).await
    }
}

impl<C: Chat> SinkBuilder<Address<C>> {
    /// The sink.
    ///
    /// # Errors
    /// When the address is not an `http` or `https` one, or the time-out is 0.
    pub fn build(self) -> Result<ChatSink<C>, Error> {
        let url = self.own.url.clone();
        Ok(ChatSink {
            hook: Hook::new::<C, _>(self, &url)?,
            chat: PhantomData,
        })
    }
}

/// The address is a secret.
impl<C: Chat> std::fmt::Debug for ChatSink<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatSink")
            .field("chat", &C::CALLED)
            .field("name", &self.hook.name)
            .finish_non_exhaustive()
    }
}

impl<C: Chat> Sink for ChatSink<C> {
    fn name(&self) -> &str {
        &self.hook.name
    }

    fn mode(&self) -> Mode {
        Mode::Transitions
    }

    fn timeout(&self) -> Duration {
        self.hook.patience()
    }

    fn deliver<'a>(
        &'a self,
        _now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let message = Message::of_alerts(alerts, &self.hook.links);
            self.send(&message).await
        })
    }

    fn page<'a>(&'a self, _now: Timestamp, page: &'a Page) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let message = Message::of_page(page, &self.hook.links);
            self.send(&message).await
        })
    }
}
