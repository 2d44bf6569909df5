use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

/// What went wrong between Bongsu and a Prometheus server, or in a recording of one.
///
/// Messages name the request without the user name, password and query of its address, and never
/// hold a secret. [`Error::kind`] tells the cases apart.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Repr>);

/// The classes of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is outside its domain.
    Configuration,
    /// A time range makes no sense or needs too many requests.
    Range,
    /// No connection: refused, reset, unknown host, or the body broke off.
    Connection,
    /// The TLS handshake failed.
    Tls,
    /// The server took longer than the time-out.
    Timeout,
    /// 401 or 403: credentials are missing, wrong or not enough.
    Denied,
    /// 404: the address is not that of a Prometheus API.
    NotFound,
    /// 400 or 422: the server refuses the query.
    Query,
    /// 429: too many requests, also after all retries.
    RateLimited,
    /// 500, 502 to 599: the server cannot answer now; or it has only a part of a list now.
    Unavailable,
    /// Any other status.
    Status,
    /// The server points to another host.
    Redirect,
    /// The answer is not JSON, for example a login page.
    ContentType,
    /// The answer is JSON, but cut short or not in Prometheus' format.
    Decode,
    /// The answer or the recording is larger than its cap.
    TooLarge,
    /// A recording breaks its format.
    Recording,
    /// A selector cannot be read.
    Selector,
    /// Reading a file or listening on an address failed.
    Io,
}

#[derive(Debug, thiserror::Error)]
enum Repr {
    #[error("parameter `{name}` is {value}, but must be {domain}")]
    Parameter {
        name: String,
        value: String,
        domain: String,
    },
    #[error("{request}: {message}")]
    Request {
        kind: ErrorKind,
        request: String,
        message: String,
        answer: Option<Refusal>,
    },
    #[error("{message}")]
    Plain { kind: ErrorKind, message: String },
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
}

/// What a server says beside the message when it refuses.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error_type: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl Error {
    /// The class of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match *self.0 {
            Repr::Parameter { .. } => ErrorKind::Configuration,
            Repr::Request { kind, .. } | Repr::Plain { kind, .. } => kind,
            Repr::Io { .. } => ErrorKind::Io,
        }
    }

    /// Whether the same request may succeed later: connection failures, time-outs, 429, and a
    /// server that is [unavailable](ErrorKind::Unavailable). Of the statuses that Prometheus itself
    /// gives, 500 (an internal error) and 503 (a query that was cancelled or took too long) are
    /// among these; Thanos and Mimir use 500 also for failures of their stores.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Connection
                | ErrorKind::Timeout
                | ErrorKind::RateLimited
                | ErrorKind::Unavailable
        )
    }

    /// The status of the server's answer, when that is what is wrong.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// Prometheus' own word for what is wrong, such as `bad_data` or `execution`.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        self.refusal()?.error_type.as_deref()
    }

    /// How long the server asked to wait before the next request.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.refusal()?.retry_after
    }

    fn refusal(&self) -> Option<&Refusal> {
        match &*self.0 {
            Repr::Request { answer, .. } => answer.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn parameter(name: &str, value: impl Display, domain: &str) -> Self {
        Self::from(Repr::Parameter {
            name: name.to_owned(),
            value: value.to_string(),
            domain: domain.to_owned(),
        })
    }

    pub(crate) fn plain(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::from(Repr::Plain { kind, message })
    }

    /// `request` is such as `POST http://host:9090/api/v1/query`, without secrets.
    pub(crate) fn request(kind: ErrorKind, request: &str, message: impl Into<String>) -> Self {
        Self::from(Repr::Request {
            kind,
            request: request.to_owned(),
            message: message.into(),
            answer: None,
        })
    }

    /// An error that a status tells.
    pub(crate) fn status(
        kind: ErrorKind,
        request: &str,
        message: impl Into<String>,
        answer: Refusal,
    ) -> Self {
        Self::from(Repr::Request {
            kind,
            request: request.to_owned(),
            message: message.into(),
            answer: Some(answer),
        })
    }

    /// The same error with another message, where a server had a say in it.
    pub(crate) fn map_message(mut self, change: impl FnOnce(String) -> String) -> Self {
        if let Repr::Request { message, .. } | Repr::Plain { message, .. } = &mut *self.0 {
            *message = change(std::mem::take(message));
        }
        self
    }

    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::io(path.display().to_string(), source)
    }

    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        let what = what.into();
        Self::from(Repr::Io { what, source })
    }
}

impl From<Repr> for Error {
    fn from(repr: Repr) -> Self {
        Self(Box::new(repr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cross_threads() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<Error>();
    }

    #[test]
    fn messages_name_parameter_value_and_domain() {
        let error = Error::parameter("timeout", "0s", "above 0");
        assert_eq!(
            error.to_string(),
            "parameter `timeout` is 0s, but must be above 0"
        );
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }

    #[test]
    fn only_failures_that_pass_are_transient() {
        assert!(Error::request(ErrorKind::Timeout, "GET http://h/", "late").is_transient());
        assert!(!Error::request(ErrorKind::Query, "GET http://h/", "bad").is_transient());
    }
}
