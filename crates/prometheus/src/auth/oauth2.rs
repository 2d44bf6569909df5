//! Tokens by the client credentials of OAuth 2.0 (RFC 6749, section 4.4).

use std::time::Duration;

use bongsu_core::Secret;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::client::{Hidden, failure_of, start_of_body, told_of};
use crate::config::{sensitive, shown};
use crate::{Error, ErrorKind, Tls};

/// The most bytes of an answer.
const MAX_ANSWER: usize = 64 << 10;
/// A token is fetched anew so long before its end, or a fifth of its life where that is shorter.
const MARGIN: Duration = Duration::from_secs(60);
/// While a token still holds, a failure to renew it is followed by another try after so long.
const RENEW_AGAIN: Duration = Duration::from_secs(5);

/// How the client shows its secret to the server of the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// By HTTP basic authentication, which every such server must understand.
    #[default]
    Basic,
    /// In the body, as `client_id` and `client_secret`.
    Body,
}

/// Client credentials of OAuth 2.0: a bearer token is fetched from `token_url` for the first request,
/// and again before it ends or when a server no longer takes it. Requests that come meanwhile wait for
/// the one that fetches.
///
/// ```
/// use bongsu_core::Secret;
/// use bongsu_prometheus::{Auth, ClientConfig, OAuth2};
///
/// let client = OAuth2::new("https://login.example/token", "bongsu", Secret::new("hunter2"))?
///     .scope("metrics.read")?
///     .param("audience", "https://mimir.example".to_owned())?;
/// let config = ClientConfig::new("https://mimir.example")?.auth(Auth::OAuth2(client))?;
/// assert!(!format!("{config:?}").contains("hunter2"));
/// # Ok::<(), bongsu_prometheus::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2 {
    token_url: Url,
    client_id: String,
    client_secret: Secret,
    scopes: Vec<String>,
    params: Vec<(String, Secret)>,
    client_auth: ClientAuth,
    tls: Tls,
}

impl OAuth2 {
    /// The client `client_id` of the server whose tokens `token_url` gives. Domain: an address with
    /// `http` or `https`, without user name and fragment; neither the client nor its secret empty.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(
        token_url: &str,
        client_id: impl Into<String>,
        client_secret: Secret,
    ) -> Result<Self, Error> {
        let domain = "an address such as https://login.example/token";
        // Text that is no address is not shown: it could be a misplaced secret.
        let url = Url::parse(token_url.trim())
            .map_err(|e| Error::parameter("token_url", format!("not valid ({e})"), domain))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            let shown = format!("of scheme `{}`", url.scheme());
            return Err(Error::parameter("token_url", shown, domain));
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            let domain = "without user name, password and fragment";
            return Err(Error::parameter("token_url", shown(&url), domain));
        }
        let client_id = client_id.into();
        if client_id.is_empty() {
            return Err(Error::parameter("client_id", "empty", "not empty"));
        }
        if client_secret.expose().is_empty() {
            return Err(Error::parameter("client_secret", "empty", "not empty"));
        }
        Ok(Self {
            token_url: url,
            client_id,
            client_secret,
            scopes: Vec::new(),
            params: Vec::new(),
            client_auth: ClientAuth::default(),
            tls: Tls::default(),
        })
    }

    /// Asks for the scope `scope` as well (default none). Domain: visible ASCII characters but `"` and
    /// `\`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn scope(mut self, scope: impl Into<String>) -> Result<Self, Error> {
        let scope = scope.into();
        let is_right = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if scope.is_empty() || !scope.bytes().all(is_right) {
            let domain = "of visible ASCII characters but `\"` and `\\`";
            return Err(Error::parameter("scopes", format!("`{scope}`"), domain));
        }
        self.scopes.push(scope);
        Ok(self)
    }

    /// Sends a further parameter, such as `audience` (default none).
    ///
    /// # Errors
    /// When the name is empty or one that is set already.
    pub fn param(
        mut self,
        name: impl Into<String>,
        value: impl Into<Secret>,
    ) -> Result<Self, Error> {
        let name = name.into();
        let own = ["grant_type", "scope", "client_id", "client_secret"];
        let known = self.params.iter().any(|(known, _)| *known == name);
        if name.is_empty() || own.contains(&name.as_str()) || known {
            let domain = "another one than those that are set already";
            return Err(Error::parameter("params", format!("`{name}`"), domain));
        }
        self.params.push((name, value.into()));
        Ok(self)
    }

    /// How the client shows its secret (default [`ClientAuth::Basic`]).
    #[must_use]
    pub const fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// TLS settings for the server of the tokens (default: the operating system's authorities).
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// What no error may show.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut all = vec![self.basic(), form(self.client_secret.expose())];
        let values = self.params.iter().map(|(_, value)| value);
        let exposed = values.chain([&self.client_secret]).map(Secret::expose);
        all.extend(exposed.map(str::to_owned));
        all
    }

    /// User and password of basic authentication, each encoded as in a form.
    fn basic(&self) -> String {
        use base64::Engine as _;
        let (id, secret) = (form(&self.client_id), form(self.client_secret.expose()));
        base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"))
    }

    fn body(&self) -> String {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("grant_type", "client_credentials");
        if !self.scopes.is_empty() {
            body.append_pair("scope", &self.scopes.join(" "));
        }
        if self.client_auth == ClientAuth::Body {
            body.append_pair("client_id", &self.client_id);
            body.append_pair("client_secret", self.client_secret.expose());
        }
        let params = self.params.iter();
        body.extend_pairs(params.map(|(name, value)| (name, value.expose())));
        body.finish()
    }
}

fn form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What the server of the tokens answers.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    /// In seconds; without it the token is taken to hold until a server refuses it.
    #[serde(default)]
    expires_in: Option<serde_json::Number>,
}

/// The token of a client, shared by all its requests.
pub(crate) struct Tokens {
    config: OAuth2,
    http: reqwest::Client,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The last failure, for those who waited meanwhile.
    failed: Option<(Instant, ErrorKind, String)>,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    renewed_at: Option<Instant>,
    ends_at: Option<Instant>,
}

impl Tokens {
    pub(crate) fn new(config: OAuth2, timeout: Duration) -> Result<Self, Error> {
        crate::tls::install_provider();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("bongsu/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none());
        let https = config.token_url.scheme() == "https";
        let http = config.tls.apply(builder, https)?.build().map_err(|e| {
            let (_, why) = failure_of(&e, timeout);
            let message = format!("the HTTP client for tokens cannot be set up: {why}");
            Error::plain(ErrorKind::Configuration, message)
        })?;
        Ok(Self {
            config,
            http,
            timeout,
            state: Mutex::default(),
        })
    }

    /// The header with a token that holds. Of those who ask at once, one fetches it.
    pub(crate) async fn header(&self, hidden: &Hidden) -> Result<HeaderValue, Error> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        let now = Instant::now();
        if let Some(token) = &state.token
            && token.renewed_at.is_none_or(|at| now < at)
        {
            return Ok(token.header.clone());
        }
        let refused = |kind, why: &str| Err(Error::request(kind, &self.name(), why));
        if let Some((at, kind, why)) = &state.failed
            && *at >= asked
        {
            return refused(*kind, why);
        }
        match self.fetch(hidden).await {
            Ok(token) => {
                hidden.learn(token.header.to_str().unwrap_or_default());
                state.failed = None;
                let header = token.header.clone();
                state.token = Some(token);
                Ok(header)
            }
            Err((kind, why)) => {
                let now = Instant::now();
                if let Some(token) = &mut state.token
                    && token.ends_at.is_none_or(|end| now < end)
                {
                    token.renewed_at = Some(now + RENEW_AGAIN);
                    return Ok(token.header.clone());
                }
                state.token = None;
                state.failed = Some((now, kind, why.clone()));
                refused(kind, &why)
            }
        }
    }

    /// A server did not take `header`: the next request fetches another token.
    pub(crate) async fn refused(&self, header: &HeaderValue) {
        let mut state = self.state.lock().await;
        // Somebody else may have a newer one by now.
        if state
            .token
            .as_ref()
            .is_some_and(|token| token.header == *header)
        {
            state.token = None;
        }
    }

    fn name(&self) -> String {
        format!("POST {}", shown(&self.config.token_url))
    }

    async fn fetch(&self, hidden: &Hidden) -> Result<Token, (ErrorKind, String)> {
        let failed = |why: &str| format!("no token: {}", hidden.text(why.to_owned()));
        let mut request = self
            .http
            .post(self.config.token_url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(self.config.body());
        if self.config.client_auth == ClientAuth::Basic {
            let mut value = HeaderValue::from_str(&format!("Basic {}", self.config.basic()))
                .map_err(|e| (ErrorKind::Configuration, failed(&e.to_string())))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let asked = Instant::now();
        let response = request.send().await.map_err(|e| {
            let (kind, why) = failure_of(&e, self.timeout);
            (kind, failed(&why))
        })?;
        let status = response.status();
        let body = start_of_body(response, MAX_ANSWER).await;
        if !status.is_success() {
            let why = format!("the server answered {status}{}", refusal(&body));
            return Err((kind_of(status), failed(&why)));
        }
        let wrong = |why: &str| (ErrorKind::Decode, failed(why));
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| wrong("the answer is no JSON with `access_token` and `token_type`"))?;
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err(wrong("the answer's `token_type` is not `Bearer`"));
        }
        let value = format!("Bearer {}", granted.access_token);
        let (_, header) = sensitive("authorization", &value)
            .map_err(|_| wrong("the token has characters that no header may have"))?;
        let seconds = granted.expires_in.and_then(|number| number.as_f64());
        let life = seconds.filter(|seconds| *seconds > 0.0);
        let life = life.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let ends_at = life.and_then(|life| asked.checked_add(life));
        let renewed_at = life.zip(ends_at);
        let renewed_at = renewed_at.map(|(life, end)| end - MARGIN.min(life / 5));
        Ok(Token {
            header,
            renewed_at,
            ends_at,
        })
    }
}

fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        400 | 401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        429 => ErrorKind::RateLimited,
        500 | 502..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Status,
    }
}

/// What a refusal says of itself.
fn refusal(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refused {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    match serde_json::from_slice::<Refused>(body) {
        Ok(told) if told.error_description.is_empty() => format!(", {}", told_of(&told.error)),
        Ok(told) => {
            let (error, why) = (told_of(&told.error), told_of(&told.error_description));
            format!(", {error}: {why}")
        }
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
