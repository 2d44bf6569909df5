//! One request: sent, tried again, and read up to a cap.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bongsu_core::Timestamp;
use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::sync::Semaphore;

use super::clock::ServerClock;
use super::hidden::Hidden;
use super::{retry, status};
use crate::auth::{Signed, Tokens, auth_headers, with_spaces_as_percent};
use crate::config::{sensitive, shown};
use crate::{Auth, ClientConfig, Error, ErrorKind, tls};

/// How much of an error's body is read.
const ERROR_BODY_BYTES: usize = 64 << 10;

/// The kind of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// How often a redirect is followed.
const MAX_REDIRECTS: u32 = 3;

/// What to ask for.
pub(crate) struct Call {
    /// After the server's address; empty where that is the whole address.
    path: Cow<'static, str>,
    form: Vec<(&'static str, String)>,
    how: How,
}

/// How a call travels.
enum How {
    /// Its parameters in the address.
    Get,
    /// Its parameters in the body, or in the address of a server that refuses POST.
    Form,
    /// A body of its own.
    Body(Bytes, &'static [(&'static str, &'static str)]),
}

/// An answer that is a success.
pub(crate) struct Reply {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn post(path: &'static str, form: Vec<(&'static str, String)>) -> Self {
        Self {
            path: path.into(),
            form,
            how: How::Form,
        }
    }

    pub(crate) fn get(
        path: impl Into<Cow<'static, str>>,
        form: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            path: path.into(),
            form,
            how: How::Get,
        }
    }

    /// Posts `body`, which `headers` describe.
    pub(crate) fn body(
        path: &'static str,
        body: Bytes,
        headers: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            path: path.into(),
            form: Vec::new(),
            how: How::Body(body, headers),
        }
    }
}

pub(crate) struct Transport {
    pub(crate) config: ClientConfig,
    /// What no error may show.
    pub(crate) hidden: Hidden,
    http: reqwest::Client,
    /// Where requests carry tokens that are fetched.
    tokens: Option<Tokens>,
    permits: Semaphore,
    /// Set once the server has refused a POST.
    get_only: AtomicBool,
    pub(crate) clock: ServerClock,
}

impl Transport {
    pub(crate) fn new(config: ClientConfig) -> Result<Self, Error> {
        tls::install_provider();
        let mut headers = HeaderMap::new();
        for (name, value) in config
            .headers
            .iter()
            .cloned()
            .chain(auth_headers(&config.auth)?)
        {
            headers.append(name, value);
        }
        let builder = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")))
            .timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::none());
        let https = config.url.scheme() == "https";
        let http = config.tls.apply(builder, https)?.build().map_err(|e| {
            let message = format!("the HTTP client cannot be set up: {}", innermost(&e));
            Error::plain(ErrorKind::Configuration, message)
        })?;
        let tokens = match &config.auth {
            Auth::OAuth2(client) => Some(Tokens::new(client.clone(), config.timeout)?),
            _ => None,
        };
        Ok(Self {
            tokens,
            permits: Semaphore::new(config.max_concurrency),
            get_only: AtomicBool::new(false),
            clock: ServerClock::new(),
            hidden: Hidden::of(&config),
            config,
            http,
        })
    }

    /// The name of `call` in errors.
    pub(crate) fn name(&self, call: &Call) -> String {
        name(&self.method(call), &self.url(call))
    }

    /// Sends `call` until it succeeds or no more retries make sense; gives its JSON body.
    pub(crate) async fn json(&self, call: Call) -> Result<Bytes, Error> {
        let reply = self.retried(&call).await?;
        status::require_json(&self.name(&call), &reply, &self.hidden)?;
        Ok(reply.body)
    }

    /// Sends `call` until it succeeds or no more retries make sense.
    pub(crate) async fn retried(&self, call: &Call) -> Result<Reply, Error> {
        let config = &self.config;
        let mut retries = 0;
        loop {
            let error = match self.attempt(call).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            if retries >= config.retries || !error.is_transient() {
                return Err(error);
            }
            let asked = error.retry_after();
            let pause = retry::pause(retries, config.first_delay, config.max_delay, asked);
            let Some(pause) = pause else {
                // To come back sooner than asked would only add to the server's load.
                return Err(error);
            };
            tokio::time::sleep(pause).await;
            retries += 1;
        }
    }

    fn method(&self, call: &Call) -> Method {
        match call.how {
            How::Body(..) => Method::POST,
            How::Form if !self.get_only.load(Ordering::Relaxed) => Method::POST,
            How::Form | How::Get => Method::GET,
        }
    }

    fn url(&self, call: &Call) -> Url {
        let mut url = self.config.url.clone();
        if !call.path.is_empty() {
            let path = format!("{}/{}", url.path().trim_end_matches('/'), call.path);
            url.set_path(&path);
        }
        url
    }

    /// Sends `call` once, following redirects within the server and falling back to GET.
    pub(crate) async fn attempt(&self, call: &Call) -> Result<Reply, Error> {
        // Never closed, so that this cannot fail.
        let _permit = self.permits.acquire().await.ok();
        let (mut url, mut redirects) = (self.url(call), 0);
        let mut renewed = false;
        loop {
            let method = self.method(call);
            let name = name(&method, &url);
            let token = match &self.tokens {
                Some(tokens) => Some(tokens.header(&self.hidden).await?),
                None => None,
            };
            let sent = SystemTime::now();
            let response = self.send(&method, &url, call, &name, token.as_ref());
            let response = response.await?;
            self.clock
                .observe(response.headers(), sent, SystemTime::now());
            let status = response.status();
            if let (StatusCode::UNAUTHORIZED, false, Some(tokens), Some(token)) =
                (status, renewed, &self.tokens, &token)
            {
                // It may have been taken back before its end.
                renewed = true;
                tokens.refused(token).await;
                continue;
            }
            let falls_back = matches!(call.how, How::Form) && method == Method::POST;
            if status == StatusCode::METHOD_NOT_ALLOWED && falls_back {
                self.get_only.store(true, Ordering::Relaxed);
                continue;
            }
            if status.is_redirection() {
                redirects += 1;
                url = redirect(&url, &response, &name, redirects)?;
                continue;
            }
            let headers = response.headers().clone();
            if !status.is_success() {
                let body = start_of_body(response, ERROR_BODY_BYTES).await;
                let error = status::error(&name, status, &headers, &self.hidden.body(&body));
                return Err(self.hidden.error(error));
            }
            let body = self
                .read(response, self.config.max_response_bytes, &name)
                .await?;
            return Ok(Reply { headers, body });
        }
    }

    /// The parameters of `call` and those of the configuration, as a form or a query.
    fn encoded(&self, call: &Call) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&call.form);
        form.extend_pairs(&self.config.params);
        form.finish()
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        call: &Call,
        name: &str,
        token: Option<&HeaderValue>,
    ) -> Result<Response, Error> {
        let form = self.encoded(call);
        let of_form = [(CONTENT_TYPE.as_str(), FORM)];
        let (url, body, described): (_, _, &[(&str, &str)]) = match &call.how {
            How::Form if *method == Method::POST => (url.clone(), Bytes::from(form), &of_form),
            How::Form | How::Get => (with_query(url, &form), Bytes::new(), &[]),
            How::Body(body, headers) => (with_query(url, &form), body.clone(), headers),
        };
        // What is signed takes a `+` for itself.
        let url = match (&self.config.auth, url.query()) {
            (Auth::SigV4(_), Some(query)) => with_query(&url, &with_spaces_as_percent(query)),
            _ => url,
        };
        let mut request = self.http.request(method.clone(), url.clone());
        for (header, value) in described {
            request = request.header(*header, *value);
        }
        match &self.config.auth {
            Auth::Basic { username, password } => {
                request = request.basic_auth(username, Some(password.expose()));
            }
            Auth::SigV4(keys) => {
                let kind = described
                    .iter()
                    .find(|(header, _)| header.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
                let signed = Signed {
                    method: method.as_str(),
                    host: &host(&url),
                    path: url.path(),
                    query: url.query().unwrap_or_default(),
                    content_type: kind.map(|(_, value)| *value),
                    body: &body,
                };
                for (header, value) in keys.sign(&signed, self.present()) {
                    let (header, value) = sensitive(header, &value)?;
                    request = request.header(header, value);
                }
            }
            _ => {}
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        if !body.is_empty() || *method == Method::POST {
            request = request.body(body);
        }
        request.send().await.map_err(|e| self.failure(&e, name, 0))
    }

    /// The moment by the server's clock, as far as that is known.
    fn present(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        Timestamp::from_millis(millis).add_millis(self.clock.ahead_ms().unwrap_or(0))
    }

    /// Reads the body while it is not larger than `cap`.
    async fn read(&self, mut response: Response, cap: u64, name: &str) -> Result<Bytes, Error> {
        let too_large = || {
            let message = format!("the answer is larger than the cap of {cap} bytes");
            Error::request(ErrorKind::TooLarge, name, message)
        };
        let announced = response.content_length().unwrap_or(0);
        if announced > cap {
            return Err(too_large());
        }
        let mut body =
            BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0).min(1 << 20));
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|e| self.failure(&e, name, body.len()))? {
                Some(chunk) if (body.len() + chunk.len()) as u64 > cap => return Err(too_large()),
                Some(chunk) => body.extend_from_slice(&chunk),
                None => return Ok(body.freeze()),
            }
        }
    }

    /// What a failure to send, or to read on after `read` bytes, means.
    fn failure(&self, error: &reqwest::Error, name: &str, read: usize) -> Error {
        let breaks = error.is_body() || error.is_decode() && is_broken_stream(error);
        let (kind, message) = if breaks && !error.is_timeout() && !is_tls(error) {
            let text = innermost(error);
            (
                ErrorKind::Connection,
                format!("the body broke off after {read} bytes: {text}"),
            )
        } else {
            failure_of(error, self.config.timeout)
        };
        Error::request(kind, name, message)
    }
}

/// What a failure to send, or to read an answer, means; without the address.
pub(crate) fn failure_of(error: &reqwest::Error, timeout: Duration) -> (ErrorKind, String) {
    let text = innermost(error);
    if error.is_timeout() {
        let message = format!("no complete answer within {timeout:?}");
        (ErrorKind::Timeout, message)
    } else if is_tls(error) {
        (ErrorKind::Tls, format!("the TLS handshake failed: {text}"))
    } else if error.is_decode() {
        (
            ErrorKind::Decode,
            format!("the body cannot be decompressed: {text}"),
        )
    } else if error.is_builder() {
        (
            ErrorKind::Configuration,
            format!("the request cannot be built: {text}"),
        )
    } else {
        (
            ErrorKind::Connection,
            format!("the server cannot be reached: {text}"),
        )
    }
}

/// The host as it is sent: with the port, where that is not the usual one.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The first `cap` bytes of a body, or what there is of them: the status tells enough alone.
pub(crate) async fn start_of_body(mut response: Response, cap: usize) -> Bytes {
    let mut body = BytesMut::new();
    while body.len() < cap {
        let Ok(Some(chunk)) = response.chunk().await else {
            break;
        };
        body.extend_from_slice(&chunk);
    }
    body.truncate(cap);
    body.freeze()
}

fn with_query(url: &Url, form: &str) -> Url {
    let mut url = url.clone();
    url.set_query((!form.is_empty()).then_some(form));
    url
}

fn name(method: &Method, url: &Url) -> String {
    format!("{method} {}", shown(url))
}

/// Where a redirect within the same server leads.
fn redirect(from: &Url, response: &Response, name: &str, hops: u32) -> Result<Url, Error> {
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|l| l.to_str().ok());
    let refused = |message: String| Error::request(ErrorKind::Redirect, name, message);
    let mut to = location
        .and_then(|location| from.join(location).ok())
        .ok_or_else(|| {
            refused(format!(
                "the server answered {} without a place",
                response.status()
            ))
        })?;
    if to.origin() != from.origin() {
        let message = format!(
            "the server redirects to {}, which is another host, port or scheme; set that as the \
             address when it is right",
            shown(&to)
        );
        return Err(refused(message));
    }
    if hops > MAX_REDIRECTS {
        return Err(refused(format!("more than {MAX_REDIRECTS} redirects")));
    }
    // The parameters are added again to each request.
    to.set_query(None);
    Ok(to)
}

/// The causes of an error, itself first. An I/O error hides the one it carries, so that is listed
/// after it.
fn causes(error: &reqwest::Error) -> Vec<&(dyn std::error::Error + 'static)> {
    let mut all: Vec<&(dyn std::error::Error + 'static)> = vec![error];
    while let Some(&last) = all.last() {
        let inner = last
            .downcast_ref::<std::io::Error>()
            .and_then(|io| io.get_ref())
            .map(|inner| inner as &(dyn std::error::Error + 'static));
        match inner.or_else(|| last.source()) {
            Some(next) => all.push(next),
            None => break,
        }
    }
    all
}

/// The text of the innermost cause, which names the failure without the address.
fn innermost(error: &reqwest::Error) -> String {
    match causes(error).as_slice() {
        [_, .., last] => last.to_string(),
        // The error itself would show the address.
        _ => "no further cause is known".to_owned(),
    }
}

fn is_tls(error: &reqwest::Error) -> bool {
    causes(error)
        .iter()
        .any(|cause| cause.is::<rustls::Error>())
}

/// Whether the bytes did not come in, rather than came in damaged: only the connection's own
/// errors are of this type.
fn is_broken_stream(error: &reqwest::Error) -> bool {
    causes(error).iter().any(|cause| cause.is::<hyper::Error>())
}
