//! Requests to a server that speaks JSON.

use std::time::Duration;

use bongsu_core::Secret;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode, Url, redirect};
use serde_json::Value;

use crate::Error;

/// The largest answer that is read.
const MAX_ANSWER: usize = 32 << 20;
/// So much of what a server says is told, in characters.
const MAX_MESSAGE: usize = 300;
const TIMEOUT: Duration = Duration::from_secs(30);
/// The pauses before a request that may succeed later is sent again.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// The longest pause that a server may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// A Grafana server, asked with the token of a service account.
#[derive(Debug)]
pub struct Grafana {
    pub(super) server: Server,
}

impl Grafana {
    /// The server at `url`, with its path prefix if it has one.
    ///
    /// # Errors
    /// When `url` is no address of `http` or `https`, or holds a user name, or when the token cannot
    /// be sent.
    pub fn new(url: &str, token: Secret) -> Result<Self, Error> {
        let server = Server::new("Grafana", url, Some(token))?;
        Ok(Self { server })
    }
}

/// A server that answers JSON.
#[derive(Debug)]
pub(super) struct Server {
    name: &'static str,
    base: Url,
    client: Client,
    token: Option<Secret>,
}

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    /// The pause that is asked for.
    pause: Option<Duration>,
}

impl Answer {
    /// What the server says, short.
    pub(super) fn message(&self) -> String {
        let said = ["message", "error"]
            .iter()
            .find_map(|key| self.body.get(key)?.as_str())
            .or_else(|| self.body.as_str())
            .unwrap_or_default();
        let words: Vec<&str> = said.split_whitespace().collect();
        let mut text: String = words.join(" ").chars().take(MAX_MESSAGE).collect();
        text.retain(|c| !c.is_control());
        text
    }

    /// Whether the same request may succeed later.
    fn may_pass(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 500 | 502 | 503 | 504)
    }
}

impl Server {
    pub(super) fn new(name: &'static str, url: &str, token: Option<Secret>) -> Result<Self, Error> {
        let wrong = |why: &str| Error::config(format!("the address of {name} {why}"));
        let mut base = Url::parse(url.trim()).map_err(|e| wrong(&format!("is not valid: {e}")))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(wrong("must be one such as http://localhost:3000"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("holds a user name; give a token instead"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("must not have a query or a fragment"));
        }
        let path = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let mut headers = HeaderMap::new();
        if let Some(token) = &token {
            let value = format!("Bearer {}", token.expose());
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| Error::config("the token has characters that no header can have"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // Fails when the process has a provider already, which then serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none());
        let builder = if base.scheme() == "https" {
            builder
        } else {
            // The system's authorities are not even looked for: minimal containers have none.
            builder.tls_certs_only([])
        };
        let client = builder.build().map_err(|e| {
            Error::source(format!(
                "the HTTP client cannot be set up: {}",
                e.without_url()
            ))
        })?;
        Ok(Self {
            name,
            base,
            client,
            token,
        })
    }

    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, Error> {
        self.ask(&Method::GET, path, query, None).await
    }

    pub(super) async fn send(
        &self,
        method: &Method,
        path: &[&str],
        body: &Value,
    ) -> Result<Answer, Error> {
        self.ask(method, path, &[], Some(body)).await
    }

    /// The answer, when it is a success.
    pub(super) fn accept(&self, what: &str, answer: Answer) -> Result<Value, Error> {
        if answer.status.is_success() {
            Ok(answer.body)
        } else {
            Err(self.refusal(what, &answer))
        }
    }

    pub(super) fn refusal(&self, what: &str, answer: &Answer) -> Error {
        let hint = match answer.status.as_u16() {
            401 => " (the token is not known there)",
            403 => " (the token may not do this)",
            300..=399 => " (the address leads elsewhere)",
            _ => "",
        };
        let said = answer.message();
        let said = match &self.token {
            Some(token) => said.replace(token.expose(), "<secret>"),
            None => said,
        };
        let colon = if said.is_empty() { "" } else { ": " };
        Error::source(format!(
            "{what}: {} answered {}{colon}{said}{hint}",
            self.name, answer.status
        ))
    }

    /// Asks until there is an answer that waiting would not change.
    async fn ask(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        let mut pauses = PAUSES.into_iter();
        loop {
            let outcome = self.once(method, url.clone(), query, body).await;
            let asked = match &outcome {
                Ok(answer) if !answer.may_pass() => return outcome,
                Ok(answer) => answer.pause,
                Err(_) => None,
            };
            let Some(pause) = pauses.next() else {
                return outcome;
            };
            tokio::time::sleep(asked.unwrap_or(pause).min(MAX_PAUSE)).await;
        }
    }

    async fn once(
        &self,
        method: &Method,
        url: Url,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let mut request = self.client.request(method.clone(), url);
        if !query.is_empty() {
            request = request.query(query);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |e: reqwest::Error| {
            let verb = if e.is_timeout() {
                "did not answer in time"
            } else {
                "cannot be reached"
            };
            Error::source(format!(
                "{} {verb}: {}",
                self.name,
                innermost(&e.without_url())
            ))
        };
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let pause = response.headers().get(RETRY_AFTER);
        let pause = pause.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(Error::source(format!(
                    "{} answered with more than {MAX_ANSWER} bytes",
                    self.name
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = match serde_json::from_slice(&bytes) {
            Ok(body) => body,
            Err(_) if !status.is_success() => {
                Value::String(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(e) => {
                let name = self.name;
                return Err(Error::source(format!(
                    "{name} answered something else than JSON: {e}"
                )));
            }
        };
        Ok(Answer {
            status,
            body,
            pause: pause.map(Duration::from_secs),
        })
    }
}

/// What is at the bottom of an error.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
