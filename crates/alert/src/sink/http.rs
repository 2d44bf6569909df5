use std::error::Error as _;
use std::time::Duration;

use bongsu_core::Secret;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};

use super::auth::Auth;
use crate::{Error, ErrorKind};

/// The part of an answer's body that is read.
const MAX_BODY: usize = 16 * 1024;
/// The part of an answer's body that is told, in characters.
const MAX_MESSAGE: usize = 300;
/// The shortest part of a path that may be a token.
const MIN_TOKEN: usize = 8;
/// The longest pause that a receiver may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Posts JSON to receivers and says what their answers mean.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: Client,
    auth: Auth,
    /// Other texts that no message may hold.
    hidden: Vec<Secret>,
}

/// Shows no header that could be secret.
impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client whose requests take at most `timeout`, and which follows no redirects.
    pub(crate) fn new(timeout: Duration, auth: Auth) -> Result<Self, Error> {
        if timeout.is_zero() {
            return Err(Error::parameter("timeout", "0s", "above 0"));
        }
        auth.validate()?;
        // Fails when the process has a provider already, which then serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| {
                let message = format!("the HTTP client cannot be set up: {}", causes(e));
                Error::delivery(ErrorKind::Misconfigured, message)
            })?;
        Ok(Self {
            client,
            auth,
            hidden: Vec::new(),
        })
    }

    /// The same client, which also keeps `texts` out of its messages.
    pub(crate) fn hide(mut self, texts: impl IntoIterator<Item = Secret>) -> Self {
        self.hidden.extend(texts);
        self
    }

    /// Posts `body`, which is JSON, to `url`. In errors the receiver is called `receiver`.
    pub(crate) async fn post(&self, url: &Url, receiver: &str, body: String) -> Result<(), Error> {
        self.tell(url, receiver, Kind::Json, body.into()).await?;
        Ok(())
    }

    /// Posts `body` to `url`; gives the answer, a success, without reading it.
    pub(crate) async fn tell(
        &self,
        url: &Url,
        receiver: &str,
        kind: Kind,
        body: Vec<u8>,
    ) -> Result<Response, Error> {
        let request = self
            .client
            .post(url.clone())
            .header("content-type", kind.content_type())
            .body(body);
        self.ask(request, receiver).await
    }

    /// Posts `body` to `url` and gives the answer's body, of at most `limit` bytes.
    pub(crate) async fn send(
        &self,
        url: &Url,
        receiver: &str,
        kind: Kind,
        body: Vec<u8>,
        limit: usize,
    ) -> Result<String, Error> {
        let response = self.tell(url, receiver, kind, body).await?;
        text_of(response, receiver, limit).await
    }

    /// The answer to a request, when it is a success.
    async fn ask(&self, request: RequestBuilder, receiver: &str) -> Result<Response, Error> {
        match self.auth.apply(request)?.send().await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(self.refusal(receiver, response).await),
            Err(error) => Err(unreachable(receiver, error)),
        }
    }

    /// The body of the answer to a request for `url`, of at most `limit` bytes. In errors the server
    /// is called `receiver`.
    pub(crate) async fn get(
        &self,
        url: &Url,
        receiver: &str,
        limit: usize,
    ) -> Result<String, Error> {
        let request = self.client.get(url.clone());
        let response = self.ask(request, receiver).await?;
        text_of(response, receiver, limit).await
    }

    /// What an answer other than success means.
    async fn refusal(&self, receiver: &str, response: Response) -> Error {
        let status = response.status();
        let pause = retry_after(response.headers());
        let body = read(response).await;
        let pause = pause.or_else(|| retry_after_in(&body));
        let said = self.message(&body);
        let separator = if said.is_empty() { "" } else { ": " };
        let message = format!("{receiver} answered {status}{separator}{said}");
        let kind = kind_of(status);
        match pause {
            Some(pause) if matches!(kind, ErrorKind::RateLimited | ErrorKind::Server) => {
                Error::delivery_after(kind, message, pause)
            }
            _ => Error::delivery(kind, message),
        }
    }

    /// What the receiver said, short, on one line, without our credentials.
    fn message(&self, body: &str) -> String {
        let mut text = plain_text(body);
        let hidden = self.hidden.iter().map(Secret::expose);
        for secret in self.auth.secrets().into_iter().chain(hidden) {
            if !secret.is_empty() {
                text = text.replace(secret, "<secret>");
            }
        }
        match text.char_indices().nth(MAX_MESSAGE) {
            Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Text,
    Form,
    Bytes,
}

impl Kind {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Bytes => "application/octet-stream",
        }
    }
}

/// The whole body of an answer, of at most `limit` bytes.
async fn text_of(mut response: Response, receiver: &str, limit: usize) -> Result<String, Error> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= limit => body.extend(chunk),
            Ok(Some(_)) => {
                let message = format!("{receiver} answered with more than {limit} bytes");
                return Err(Error::delivery(ErrorKind::Rejected, message));
            }
            Ok(None) => break,
            Err(error) => return Err(unreachable(receiver, error)),
        }
    }
    String::from_utf8(body).map_err(|_| {
        let message = format!("{receiver} answered with something that is not a text");
        Error::delivery(ErrorKind::Rejected, message)
    })
}

/// The beginning of an answer's body.
async fn read(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_BODY.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if body.len() >= MAX_BODY {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// A web address that is a secret.
pub(crate) fn secret_url(name: &str, url: &Secret) -> Result<Url, Error> {
    Url::parse(url.expose())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| Error::parameter(name, "<secret>", "an http or https address"))
}

/// The parts of a secret address that a receiver may repeat in its answer.
pub(crate) fn secrets_of(url: &Url) -> Vec<Secret> {
    let whole = [url.as_str(), url.path(), url.query().unwrap_or_default()];
    // A path of `/` gives nothing away, nor does a short word.
    let whole = whole.into_iter().filter(|part| part.len() > 1);
    let segments = url.path().split('/').filter(|part| part.len() >= MIN_TOKEN);
    whole.chain(segments).map(Secret::new).collect()
}

/// The text within an answer: a JSON string, or the `message` or `error` of a JSON object with its
/// `errors`, or the body as it stands; white space and control characters become single spaces.
fn plain_text(body: &str) -> String {
    let json = serde_json::from_str::<serde_json::Value>(body).ok();
    let inner = json.as_ref().and_then(|json| {
        json.as_str()
            .or_else(|| json.get("message")?.as_str())
            .or_else(|| json.get("error")?.as_str())
    });
    let errors = json
        .as_ref()
        .and_then(|json| json.get("errors")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str);
    let words = std::iter::once(inner.unwrap_or(body)).chain(errors.filter(|_| inner.is_some()));
    words
        .collect::<Vec<_>>()
        .join(": ")
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        408 => ErrorKind::Timeout,
        425 | 429 => ErrorKind::RateLimited,
        500.. => ErrorKind::Server,
        // Wrong credentials, wrong address, or a redirect to follow in the configuration.
        300..=399 | 401..=407 | 410 | 421 => ErrorKind::Misconfigured,
        _ => ErrorKind::Rejected,
    }
}

/// The pause that the receiver asks for: in seconds, or up to a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let until = http_date(text)?;
        // The receiver's own clock, where it tells, so that ours need not be right.
        let now = headers
            .get(DATE)
            .and_then(|date| http_date(date.to_str().ok()?))
            .unwrap_or_else(jiff::Timestamp::now);
        Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    Some(pause.min(MAX_RETRY_AFTER))
}

/// The same within the JSON of an answer, in seconds, as Discord says it.
fn retry_after_in(body: &str) -> Option<Duration> {
    let json = serde_json::from_str::<serde_json::Value>(body).ok()?;
    let seconds = json.get("retry_after")?.as_f64()?;
    let pause = Duration::try_from_secs_f64(seconds).ok()?;
    Some(pause.min(MAX_RETRY_AFTER))
}

fn http_date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

/// The receiver did not answer.
fn unreachable(receiver: &str, error: reqwest::Error) -> Error {
    let kind = if error.is_timeout() {
        ErrorKind::Timeout
    } else {
        ErrorKind::Network
    };
    let verb = match kind {
        ErrorKind::Timeout => "did not answer in time",
        _ => "cannot be reached",
    };
    Error::delivery(kind, format!("{receiver} {verb}: {}", causes(error)))
}

/// The error and its causes, without the address, which may hold a token.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
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
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        assert_eq!(retry_after(&headers(&[])), None);
        assert_eq!(
            retry_after(&headers(&[("retry-after", "7")])),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            retry_after(&headers(&[
                ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),
                ("date", "Wed, 21 Oct 2015 07:27:30 GMT"),
            ])),
            Some(Duration::from_secs(30))
        );
        let past = headers(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]);
        assert_eq!(retry_after(&past), Some(Duration::ZERO));
        let long = headers(&[("retry-after", "99999999")]);
        assert_eq!(retry_after(&long), Some(MAX_RETRY_AFTER));
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
    }

    #[test]
    fn a_pause_may_stand_in_the_body() {
        let pause = retry_after_in(r#"{"message": "slow", "retry_after": 1.5}"#);
        assert_eq!(pause, Some(Duration::from_millis(1_500)));
        for body in [
            "",
            "{}",
            r#"{"retry_after": -1}"#,
            r#"{"retry_after": "x"}"#,
        ] {
            assert_eq!(retry_after_in(body), None);
        }
    }

    #[test]
    fn answers_have_a_class() {
        let kind = |code| kind_of(StatusCode::from_u16(code).unwrap());
        assert_eq!(kind(302), ErrorKind::Misconfigured);
        assert_eq!(kind(400), ErrorKind::Rejected);
        assert_eq!(kind(401), ErrorKind::Misconfigured);
        assert_eq!(kind(404), ErrorKind::Misconfigured);
        assert_eq!(kind(408), ErrorKind::Timeout);
        assert_eq!(kind(413), ErrorKind::Rejected);
        assert_eq!(kind(422), ErrorKind::Rejected);
        assert_eq!(kind(429), ErrorKind::RateLimited);
        assert_eq!(kind(503), ErrorKind::Server);
    }

    #[test]
    fn the_text_within_an_answer_is_found() {
        assert_eq!(plain_text("\"bad\\n label\""), "bad label");
        assert_eq!(plain_text(r#"{"code":601,"message":"no"}"#), "no");
        assert_eq!(
            plain_text(r#"{"message":"no","errors":["a is b","c"]}"#),
            "no: a is b: c"
        );
        assert_eq!(plain_text("<h1>\r\nOops</h1>"), "<h1> Oops</h1>");
    }
}
