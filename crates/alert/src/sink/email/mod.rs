//! Mail by SMTP.

mod body;
mod builder;

use std::error::Error as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_core::{Alert, Secret, Timestamp};
use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use tokio::time::timeout;

pub(super) use self::body::text as plain_text;
pub use self::builder::{Email, EmailBuilder};
use super::message::{Message, cut, one_line};
use super::plot::{Plotter, draw};
use super::{BoxFuture, Mode, SLACK, Sink};
use crate::annotations::Links;
use crate::page::key;
use crate::{Error, ErrorKind, Page};

/// Mail programs show less; a header may not be longer than 998 bytes.
const MAX_SUBJECT: usize = 200;
/// So many times a mail is offered to those whom the server puts off while others have it.
const ROUNDS: u32 = 5;
/// The part of an answer that is told, in characters.
const MAX_SAID: usize = 300;

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SmtpSecurity {
    /// It begins open and must become encrypted before anything is sent (port 587).
    #[default]
    StartTls,
    /// It is encrypted from the beginning (port 465).
    Tls,
    /// Not at all (port 25): for a server on the same machine.
    None,
}

/// Sends mails through an SMTP server.
///
/// A [page](Page) is one mail; so is each batch of transitions. A mail has a text and an HTML body
/// with the same content: for each alert its summary, what was observed and expected, the deviation,
/// the score, since when, what contributed most, the likely cause, what the model says, and links;
/// where there is a [`Plotter`], also a plot of each of the first three that fire. 50 alerts are shown
/// in full, up to 1,000 with a line, then only how many more. The subject is one line, whatever the
/// labels hold. Mails about one group, or one alert, form a thread, and a mail that is sent a second
/// time has the same `Message-ID`.
///
/// Parameters: the server, the sender, the recipients; see [`EmailBuilder`] for the others.
///
/// Errors of a delivery: an answer 4xx is [`Server`](ErrorKind::Server) and tried again; a refused
/// login (530, 534, 535, 538), a certificate that is not trusted or a server without encryption is
/// [`Misconfigured`](ErrorKind::Misconfigured); other answers 5xx are
/// [`Rejected`](ErrorKind::Rejected). When only some of the recipients are refused, the others get
/// the mail, each once, and the error is [`Partial`](ErrorKind::Partial). A recipient that the server
/// does not take for now, as a mailbox that is full, is tried again five times before it counts as
/// refused, if others took the mail.
///
/// Cost: one connection a mail.
///
/// Source: RFC 5321, RFC 5322 and RFC 8314.
///
/// ```
/// use bongsu_alert::EmailSink;
/// use bongsu_core::Secret;
/// let sink = EmailSink::builder("mail.example.org", "bongsu@example.org", ["ops@example.org"])
///     .login("bongsu", Secret::new("hunter2"))
///     .build()?;
/// assert_eq!(format!("{sink:?}"), r#"EmailSink { name: "email", .. }"#);
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
pub struct EmailSink {
    name: String,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    envelope: Envelope,
    hidden: Option<Secret>,
    timeout: Duration,
    links: Links,
    plotter: Option<Arc<dyn Plotter>>,
    progress: Mutex<Progress>,
}

/// How far a mail has got whose recipients get it one by one.
#[derive(Debug, Clone, Default)]
struct Progress {
    mail: String,
    /// Those that have it.
    taken: Vec<Address>,
    /// Those that were refused for good.
    refused: Vec<Address>,
    /// What was said of the last of them.
    said: String,
    rounds: u32,
}

impl EmailSink {
    /// Starts with the server's name, the sender's address and those of the recipients, each with or
    /// without a name: `Ops <ops@example.org>`.
    pub fn builder(
        host: impl Into<String>,
        from: impl Into<String>,
        to: impl IntoIterator<Item = impl Into<String>>,
    ) -> EmailBuilder {
        let to = to.into_iter().map(Into::into).collect();
        Email::to(host.into(), from.into(), to)
    }

    /// The mail with its headers.
    fn compose(&self, message: &Message, id: &str, thread: &str) -> Result<Vec<u8>, Error> {
        let domain = self.from.email.domain();
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(cut(&one_line(&message.title), MAX_SUBJECT))
            .message_id(Some(format!("<{id}@{domain}>")))
            .references(format!("<{thread}@{domain}>"))
            .envelope(self.envelope.clone());
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let mail = builder.multipart(bodies(message)).map_err(|e| {
            let message = format!("the mail cannot be written: {e}");
            Error::delivery(ErrorKind::Rejected, message)
        })?;
        Ok(mail.formatted())
    }

    async fn send(
        &self,
        mut message: Message,
        alerts: &[Alert],
        id: &str,
        thread: &str,
    ) -> Result<(), Error> {
        draw(&mut message, alerts, self.plotter.as_ref()).await;
        let mail = self.compose(&message, id, thread)?;
        let begun = self.progress().mail == id;
        if !begun {
            let Err(error) = self.send_as(&self.envelope, &mail).await else {
                return Ok(());
            };
            let answered = matches!(error.kind(), ErrorKind::Rejected | ErrorKind::Server);
            if !answered || self.envelope.to().len() < 2 {
                return Err(error);
            }
            *self.progress() = Progress {
                mail: id.to_owned(),
                ..Progress::default()
            };
        }
        self.send_one_by_one(&mail).await
    }

    /// One address that is refused must not keep the mail from the others, and nobody gets it twice
    /// when the delivery breaks off.
    async fn send_one_by_one(&self, mail: &[u8]) -> Result<(), Error> {
        let mut progress = self.progress().clone();
        let mut put_off = None;
        let all = self.envelope.to();
        for to in all {
            if progress.taken.contains(to) || progress.refused.contains(to) {
                continue;
            }
            match self.send_to(to, mail).await {
                Ok(()) => progress.taken.push(to.clone()),
                Err(error) if error.kind() == ErrorKind::Rejected => {
                    progress.refused.push(to.clone());
                    progress.said = error.to_string();
                }
                Err(error) if error.kind() == ErrorKind::Server => put_off = Some(error),
                Err(error) => return Err(error),
            }
            *self.progress() = progress.clone();
        }
        progress.rounds += 1;
        if let Some(error) = put_off {
            if progress.taken.is_empty() || progress.rounds < ROUNDS {
                *self.progress() = progress;
                return Err(error);
            }
            progress.said = error.to_string();
        }
        *self.progress() = Progress::default();
        let without: Vec<String> = all
            .iter()
            .filter(|to| !progress.taken.contains(to))
            .map(ToString::to_string)
            .collect();
        if without.is_empty() {
            return Ok(());
        }
        let kind = match progress.taken.is_empty() {
            true => ErrorKind::Rejected,
            false => ErrorKind::Partial,
        };
        let (refused, all, who) = (without.len(), all.len(), without.join(", "));
        let said = progress.said;
        let message = format!("{refused} of {all} recipients were refused ({who}): {said}");
        Err(Error::delivery(kind, message))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // It is only replaced as a whole, so a poisoned lock holds a good value too.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send_to(&self, to: &Address, mail: &[u8]) -> Result<(), Error> {
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()])
            .map_err(|e| Error::delivery(ErrorKind::Rejected, e.to_string()))?;
        self.send_as(&envelope, mail).await
    }

    async fn send_as(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), Error> {
        // The transport's own time-out only covers the connection.
        match timeout(self.timeout, self.transport.send_raw(envelope, mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.classify(&error)),
            Err(_) => {
                let message = format!("the mail server of `{}` did not answer in time", self.name);
                Err(Error::delivery(ErrorKind::Timeout, message))
            }
        }
    }

    fn classify(&self, error: &smtp::Error) -> Error {
        let said = self.said(error);
        let kind = match error.status().map(|code| code.to_string()) {
            Some(code) => kind_of(&code),
            None if error.is_timeout() => ErrorKind::Timeout,
            None if error.is_tls() || error.is_client() => ErrorKind::Misconfigured,
            None if said.contains("certificate") => ErrorKind::Misconfigured,
            None => ErrorKind::Network,
        };
        let verb = match kind {
            ErrorKind::Timeout => "did not answer in time",
            ErrorKind::Network => "cannot be reached",
            _ => "does not take the mail",
        };
        let message = format!("the mail server of `{}` {verb}: {said}", self.name);
        Error::delivery(kind, message)
    }

    /// What is known of the failure, short, on one line, without the password.
    fn said(&self, error: &smtp::Error) -> String {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        if let Some(secret) = self.hidden.as_ref().map(Secret::expose)
            && !secret.is_empty()
        {
            text = text.replace(secret, "<secret>");
        }
        cut(&one_line(&text), MAX_SAID)
    }
}

/// Text and HTML, the latter with its plots where there are any.
fn bodies(message: &Message) -> MultiPart {
    let text = SinglePart::plain(body::text(message));
    let html = SinglePart::html(body::html(message));
    let plots: Vec<_> = body::plots(message).collect();
    if plots.is_empty() {
        return MultiPart::alternative().singlepart(text).singlepart(html);
    }
    let mut related = MultiPart::related().singlepart(html);
    for (id, png) in plots {
        // The type is well-formed, so that this is what it is.
        let kind = ContentType::parse("image/png").unwrap_or(ContentType::TEXT_PLAIN);
        related = related.singlepart(Attachment::new_inline(id).body(png.to_vec(), kind));
    }
    MultiPart::alternative().singlepart(text).multipart(related)
}

/// What an answer of three digits means.
fn kind_of(code: &str) -> ErrorKind {
    match code {
        "530" | "534" | "535" | "538" => ErrorKind::Misconfigured,
        code if code.starts_with('4') => ErrorKind::Server,
        _ => ErrorKind::Rejected,
    }
}

/// The login is a secret.
impl std::fmt::Debug for EmailSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmailSink")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Sink for EmailSink {
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
        _now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let Some(first) = alerts.first() else {
                return Ok(());
            };
            let message = Message::of_alerts(alerts, &self.links);
            let last = alerts.last().unwrap_or(first);
            // What makes this batch another one than those before and after it.
            let own = format!(
                "{}/{}/{:016x}/{:?}",
                alerts.len(),
                last.starts_at.as_millis(),
                last.labels.fingerprint(),
                (first.resolved_at, last.resolved_at),
            );
            let id = key("", "", &first.labels, &own);
            let thread = format!("{:016x}", first.labels.fingerprint());
            self.send(message, alerts, &id, &thread).await
        })
    }

    fn page<'a>(&'a self, _now: Timestamp, page: &'a Page) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let message = Message::of_page(page, &self.links);
            let (id, thread) = (page.id(), page.key());
            self.send(message, &page.alerts, &id, &thread).await
        })
    }
}
