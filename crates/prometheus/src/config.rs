use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use crate::auth::auth_headers;
use crate::{Auth, Error, Tls};

/// The parameters that the client sets itself.
const OWN_PARAMS: [&str; 9] = [
    "query", "time", "start", "end", "step", "timeout", "match[]", "metric", "state",
];

/// Where a Prometheus server is and how to talk to it.
///
/// ```
/// use std::time::Duration;
/// use bongsu_prometheus::ClientConfig;
///
/// let config = ClientConfig::new("https://mimir.example/prometheus")?
///     .timeout(Duration::from_secs(10))?
///     .header("X-Scope-OrgID", "team-a")?;
/// assert!(ClientConfig::new("localhost:9090").is_err(), "the scheme is missing");
/// # Ok::<(), bongsu_prometheus::Error>(())
/// ```
#[derive(Clone)]
pub struct ClientConfig {
    pub(crate) url: Url,
    pub(crate) auth: Auth,
    pub(crate) tls: Tls,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) first_delay: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) max_points: u32,
    pub(crate) max_concurrency: usize,
    pub(crate) max_response_bytes: u64,
}

impl ClientConfig {
    /// The server at `url`: `http` or `https`, with the path prefix before `/api/v1` when there is
    /// one. A user name and password in it are used for basic authentication.
    ///
    /// # Errors
    /// When it is not such an address, or has a query or a fragment.
    pub fn new(url: &str) -> Result<Self, Error> {
        let refused = |shown: &str, domain: &str| Error::parameter("url", shown, domain);
        let domain = "an address such as http://localhost:9090";
        // Text that is no address is not shown: it could be a misplaced secret.
        let mut url =
            Url::parse(url.trim()).map_err(|e| refused(&format!("not valid ({e})"), domain))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refused(&format!("of scheme `{}`", url.scheme()), domain));
        }
        if url.query().is_some() || url.fragment().is_some() {
            let domain = "without a query and a fragment: set extra query parameters as `param`";
            return Err(refused(&shown(&url), domain));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self {
            url,
            auth: Auth::None,
            tls: Tls::default(),
            timeout: Duration::from_secs(30),
            retries: 3,
            first_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(30),
            headers: Vec::new(),
            params: Vec::new(),
            max_points: 11_000,
            max_concurrency: 8,
            max_response_bytes: 256 << 20,
        })
    }

    /// Credentials (default [`Auth::None`]).
    ///
    /// # Errors
    /// When the address already holds a user name, when a header's name or value is not valid, and
    /// when a header is set already.
    pub fn auth(mut self, auth: Auth) -> Result<Self, Error> {
        if auth != Auth::None && self.has_url_credentials() {
            let domain = "`none` when the address holds a user name";
            return Err(Error::parameter("auth", "set", domain));
        }
        self.auth = auth;
        self.require_distinct_headers()?;
        Ok(self)
    }

    /// TLS settings (default: the operating system's authorities, no client certificate).
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// The time one request may take, its whole answer included (default 30 s). It is also sent
    /// to the server, less a tenth, as the limit of a query's evaluation. Domain: above 0.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn timeout(mut self, timeout: Duration) -> Result<Self, Error> {
        if timeout.is_zero() {
            return Err(Error::parameter("timeout", "0s", "above 0"));
        }
        self.timeout = timeout;
        Ok(self)
    }

    /// How often a request is tried again after a failure that may pass (default 3).
    /// Domain: 0 to 20.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn retries(mut self, retries: u32) -> Result<Self, Error> {
        if retries > 20 {
            return Err(Error::parameter("retries", retries, "0 to 20"));
        }
        self.retries = retries;
        Ok(self)
    }

    /// The pause before the first retry, doubled before each further one, and the longest pause
    /// (defaults 200 ms and 30 s). Half of a pause is random. Where a server's `Retry-After` is
    /// longer than the other half, it takes its place; where it is longer than `max`, nothing is
    /// tried again and the error [tells](Error::retry_after) it. Domain: `first` above 0 and not
    /// above `max`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn retry_delay(mut self, first: Duration, max: Duration) -> Result<Self, Error> {
        if first.is_zero() || first > max {
            let shown = format!("{first:?} to {max:?}");
            return Err(Error::parameter(
                "retry_delay",
                shown,
                "above 0 and increasing",
            ));
        }
        (self.first_delay, self.max_delay) = (first, max);
        Ok(self)
    }

    /// Adds a header to every request, such as `X-Scope-OrgID`. For secret values use
    /// [`Auth::Headers`].
    ///
    /// # Errors
    /// When name or value is not valid in HTTP, when the header is set already, and when it is
    /// `Authorization` while credentials are set.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.headers.push(header(name, value)?);
        self.require_distinct_headers()?;
        Ok(self)
    }

    /// Adds a parameter to every query, such as `dedup=true` for Thanos.
    ///
    /// # Errors
    /// When the client sets the parameter itself: `query`, `time`, `start`, `end`, `step`,
    /// `timeout`, `match[]`, `metric` and `state`.
    pub fn param(mut self, name: &str, value: &str) -> Result<Self, Error> {
        if name.is_empty() || OWN_PARAMS.contains(&name) {
            let domain = "another one than those that the client sets itself";
            return Err(Error::parameter("param", format!("`{name}`"), domain));
        }
        self.params.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// The server's limit for the integer `(end - start) / step` (default 11,000, that of
    /// Prometheus; VictoriaMetrics' is 30,000). Longer ranges are split. Domain: at least 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_points(mut self, max_points: u32) -> Result<Self, Error> {
        if max_points == 0 {
            return Err(Error::parameter("max_points", 0, "at least 1"));
        }
        self.max_points = max_points;
        Ok(self)
    }

    /// How many requests may run at the same time, over all clones of the client (default 8).
    /// Domain: 1 to 1024.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_concurrency(mut self, requests: usize) -> Result<Self, Error> {
        if !(1..=1024).contains(&requests) {
            return Err(Error::parameter("max_concurrency", requests, "1 to 1024"));
        }
        self.max_concurrency = requests;
        Ok(self)
    }

    /// The cap of one answer in bytes after decompression (default 256 MiB). Domain: at least 1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn max_response_bytes(mut self, bytes: u64) -> Result<Self, Error> {
        if bytes == 0 {
            return Err(Error::parameter("max_response_bytes", 0, "at least 1"));
        }
        self.max_response_bytes = bytes;
        Ok(self)
    }

    /// The limit that is sent to the server: 90 % of the client's own, at least 1 ms.
    pub(crate) fn server_timeout(&self) -> Duration {
        (self.timeout / 10 * 9).max(Duration::from_millis(1))
    }

    fn has_url_credentials(&self) -> bool {
        !self.url.username().is_empty() || self.url.password().is_some()
    }

    /// Refuses a header that would be sent twice.
    fn require_distinct_headers(&self) -> Result<(), Error> {
        let of_auth = auth_headers(&self.auth)?;
        let mut seen = Vec::new();
        if self.auth.sets_authorization() || self.has_url_credentials() {
            seen.push(&AUTHORIZATION);
        }
        for (name, _) in of_auth.iter().chain(&self.headers) {
            if seen.contains(&name) {
                let domain = "set once, credentials included";
                return Err(Error::parameter("header", format!("`{name}`"), domain));
            }
            seen.push(name);
        }
        Ok(())
    }

    /// The server's address without user name and password.
    #[must_use]
    pub fn display_url(&self) -> String {
        shown(&self.url)
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("url", &self.display_url())
            .field("auth", &self.auth)
            .field("tls", &self.tls)
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("max_points", &self.max_points)
            .field("max_concurrency", &self.max_concurrency)
            .field("max_response_bytes", &self.max_response_bytes)
            .finish_non_exhaustive()
    }
}

pub(crate) fn sensitive(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let (name, mut value) = header(name, value)?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let valid = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::parameter("header", format!("`{name}`"), "a valid header name"))?;
    // The value is not shown: it may be a secret.
    let value = HeaderValue::from_str(value).map_err(|_| {
        Error::parameter(
            "header",
            format!("`{name}` with an unprintable value"),
            "of visible characters",
        )
    })?;
    Ok((valid, value))
}

/// `url` without user name, password, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail only for addresses without a host, which then have nothing to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    use bongsu_core::Secret;

    #[test]
    fn secrets_do_not_show() {
        let config = ClientConfig::new("http://ann:hunter2@host:9090/p/").unwrap();
        assert_eq!(config.display_url(), "http://host:9090/p");
        assert!(!format!("{config:?}").contains("hunter2"));
        let error = ClientConfig::new("http://ann:hunter2@host/?token=t0p").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!error.to_string().contains("t0p"), "{error}");
        let bearer = Auth::Bearer(Secret::new("t0p\n"));
        let config = ClientConfig::new("http://host").unwrap();
        let error = config.auth(bearer).unwrap_err();
        assert!(!error.to_string().contains("t0p"), "{error}");
    }

    #[test]
    fn addresses_need_scheme_and_host() {
        for bad in [
            "",
            "localhost:9090",
            "ftp://x/",
            "http://",
            "/metrics",
            "unix:/x",
        ] {
            assert!(ClientConfig::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn setters_check_domains() {
        let config = || ClientConfig::new("http://h").unwrap();
        assert!(config().timeout(Duration::ZERO).is_err());
        assert!(config().retries(21).is_err());
        assert!(config().max_points(0).is_err());
        assert!(config().max_concurrency(0).is_err());
        assert!(config().max_response_bytes(0).is_err());
        for own in ["", "query", "timeout", "metric", "state"] {
            assert!(config().param(own, "x").is_err(), "{own}");
        }
        assert!(config().header("bad name", "x").is_err());
        let both = ClientConfig::new("http://a:b@h").unwrap();
        assert!(both.auth(Auth::Bearer(Secret::new("x"))).is_err());
    }

    #[test]
    fn no_header_is_sent_twice() {
        let config = || ClientConfig::new("http://h").unwrap();
        let bearer = || Auth::Bearer(Secret::new("x"));
        let basic = || Auth::Basic {
            username: "ann".into(),
            password: Secret::new("x"),
        };
        let own = |name: &str| Auth::Headers(vec![(name.into(), Secret::new("x"))]);
        for auth in [bearer(), basic(), own("Authorization")] {
            let first = config().auth(auth.clone()).unwrap();
            assert!(first.header("authorization", "x").is_err(), "{auth:?}");
            let first = config().header("Authorization", "x").unwrap();
            assert!(first.auth(auth.clone()).is_err(), "{auth:?}");
        }
        let in_url = ClientConfig::new("http://ann:x@h").unwrap();
        assert!(in_url.header("Authorization", "x").is_err());
        let tenant = config().header("X-Scope-OrgID", "a").unwrap();
        assert!(tenant.clone().header("x-scope-orgid", "b").is_err());
        assert!(tenant.clone().auth(own("X-Scope-OrgID")).is_err());
        tenant.auth(bearer()).unwrap().header("X-B", "b").unwrap();
    }

    #[test]
    fn the_server_gives_up_before_the_client() {
        for (client, server) in [(30_000, 27_000), (10, 9), (1, 1)] {
            let config = ClientConfig::new("http://h").unwrap();
            let config = config.timeout(Duration::from_millis(client)).unwrap();
            assert_eq!(config.server_timeout(), Duration::from_millis(server));
        }
    }
}
